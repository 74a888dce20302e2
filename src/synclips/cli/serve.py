"""The verbs of the server: serve (API and Studio), keys (who may use it)."""

import argparse
import importlib.util
import logging
import threading
import webbrowser
from typing import TYPE_CHECKING, Final

from synclips.cli.options import UsageError, Verb, whole_number
from synclips.cli.terminal import Terminal
from synclips.engines.engine import ENGINES
from synclips.errors import BackendError

if TYPE_CHECKING:
    from synclips.server.settings import ServerSettings

_NEEDS: Final = "the server's packages are not installed ({}); pip install 'synclips[server]'"


def _serve_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", metavar="H", help="address to listen on; default 127.0.0.1: this machine only")
    parser.add_argument("--port", metavar="N", type=whole_number(1, 65535), help="port to listen on; default 8000")
    parser.add_argument(
        "--workers", metavar="N", type=whole_number(0), help="processes that dub; 0: others do; default 1"
    )
    parser.add_argument("--data-dir", metavar="DIR", help="for database, uploads and results; default: the user's own")
    _add_shared(parser)
    parser.add_argument("--open", action="store_true", help="open the Studio page in a browser")


def _add_shared(parser: argparse.ArgumentParser) -> None:
    """What a server and a worker elsewhere have in common."""
    parser.add_argument(
        "--storage",
        metavar="URL",
        help="object store for uploads and results, such as s3://bucket/prefix; default: the folder of --data-dir",
    )
    parser.add_argument(
        "--engine",
        choices=ENGINES,
        help="where jobs are done: local: in processes here; ray: as tasks of a Ray cluster; default local",
    )
    parser.add_argument(
        "--ray-address", metavar="A", help="of the Ray cluster; default: that of RAY_ADDRESS, else one on this machine"
    )


def _settings(args: argparse.Namespace) -> "ServerSettings":
    from pathlib import Path

    try:
        from synclips.server.settings import ServerSettings
    except ModuleNotFoundError as error:
        raise BackendError(_NEEDS.format(error.name)) from error
    given = {
        name: getattr(args, name, None) for name in ("host", "port", "workers", "storage", "engine", "ray_address")
    }
    folder = Path(args.data_dir) if args.data_dir else None
    if given["engine"] == "ray" and importlib.util.find_spec("ray") is None:
        raise BackendError("Ray is not installed; run `pip install 'synclips[ray]'`, or use --engine local")
    return ServerSettings.from_environment(**given, data_dir=folder)


def _serve(args: argparse.Namespace, terminal: Terminal) -> None:
    try:
        import uvicorn

        from synclips.server.app import create_app
        from synclips.server.logs import set_up_logs
    except ModuleNotFoundError as error:
        raise BackendError(_NEEDS.format(error.name)) from error
    settings = _settings(args)
    app = create_app(settings)
    set_up_logs()
    logging.disable(logging.NOTSET)  # other verbs have their libraries' records switched off
    shown = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host
    address = f"http://{f'[{shown}]' if ':' in shown else shown}:{settings.port}/"
    terminal.result(f"Studio: {address}")
    if args.open:
        threading.Timer(1.5, webbrowser.open, [address]).start()
    server = uvicorn.Server(
        uvicorn.Config(
            app, host=settings.host, port=settings.port, log_config=None, access_log=False, server_header=False,
            timeout_graceful_shutdown=5, h11_max_incomplete_event_size=64 << 10,
            ws_max_size=settings.live_message_bytes, ws_per_message_deflate=False,
        )
    )  # fmt: skip
    server.run()


def _work_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data-dir", metavar="DIR", help="the folder that the server uses, shared with it; with --storage any folder"
    )
    parser.add_argument(
        "--workers", metavar="N", type=whole_number(1), help="with --engine ray: tasks at once; default 1"
    )
    _add_shared(parser)


def _work(args: argparse.Namespace, _terminal: Terminal) -> None:
    try:
        from synclips.server.logs import set_up_logs
        from synclips.server.worker_process import run_worker
    except ModuleNotFoundError as error:
        raise BackendError(_NEEDS.format(error.name)) from error
    set_up_logs()
    logging.disable(logging.NOTSET)
    run_worker(_settings(args), tied=False)


def _keys_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--create", metavar="NAME", help="make a key, and show it once")
    group.add_argument("--revoke", metavar="PREFIX", help="make a key worthless; PREFIX as the list shows it")
    group.add_argument("--webhook-secret", action="store_true", help="show the secret that webhooks are signed with")
    parser.add_argument(
        "--scopes", metavar="S", default="read,write", help="what it may do: read, write, metrics; default read,write"
    )
    parser.add_argument(
        "--priority",
        metavar="N",
        type=int,
        default=0,
        help="its jobs are taken before those of lower numbers; default 0",
    )
    parser.add_argument("--data-dir", metavar="DIR", help="the folder that the server uses")


def _keys(args: argparse.Namespace, terminal: Terminal) -> None:
    try:
        from synclips.server.access import Keys
        from synclips.server.database import Database
    except ModuleNotFoundError as error:
        raise BackendError(_NEEDS.format(error.name)) from error
    settings = _settings(args)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    database = Database(settings.database)
    database.create()
    keys = Keys(database)
    if args.create is not None:
        scopes = tuple(word.strip() for word in args.scopes.split(",") if word.strip())
        terminal.result(keys.create(args.create, scopes, args.priority))
        terminal.note(
            "this key is shown only now; a server that runs without keys has to be started anew to ask for it"
        )
    elif args.revoke is not None:
        if not keys.revoke(args.revoke):
            raise UsageError(f"no key begins with {args.revoke}; `synclips keys` lists them")
        terminal.note("it is refused within ten seconds")
    elif args.webhook_secret:
        terminal.result(settings.webhook_secret or database.secret("webhooks"))
    else:
        for key in keys.listed():
            state = "revoked" if key.revoked else key.scopes
            terminal.result(f"{key.prefix}…  {key.name}  priority {key.priority}  {state}")
    database.close()


VERBS: Final = (
    Verb(
        "serve",
        "the Studio page and sync.'s API, on this machine",
        "Start the server: the Studio at /, sync.'s API v2 at /v2. It is set by SYNCLIPS_... variables of the "
        "environment (docs/server.md); the options here come before them. Without API keys it can be reached from this "
        "machine only.",
        ("serve", "serve --port 9000 --workers 2 --open"),
        _serve_arguments,
        _serve,
    ),
    Verb(
        "work",
        "a worker of a server elsewhere",
        "Take jobs of a server that runs elsewhere: with the same SYNCLIPS_DATABASE_URL (PostgreSQL) and a data folder "
        "or an object store that both share. It ends at SIGTERM, and gives back what it was at.",
        ("work", "work --data-dir /srv/synclips", "work --storage s3://bucket/studio"),
        _work_arguments,
        _work,
    ),
    Verb(
        "keys",
        "the API keys of the server",
        "Make, list and revoke API keys. A key is shown when it is made; what is kept is its SHA-256.",
        ("keys", "keys --create laptop --scopes read,write"),
        _keys_arguments,
        _keys,
    ),
)
