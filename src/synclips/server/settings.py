"""ServerSettings: everything that can be set of the server, from the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from platformdirs import user_data_path

from synclips.engines.engine import ENGINES
from synclips.engines.object_store import is_remote
from synclips.errors import ConfigError

PREFIX: Final = "SYNCLIPS_"
LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off", "")


@dataclass(frozen=True)
class ServerSettings:
    """How the server runs. Each field `name` is set by the environment variable `SYNCLIPS_NAME`; see docs/server.md.

    data_dir:         database (unless `database_url` names another), uploads, results, half-made work
    database_url:     SQLAlchemy URL: sqlite:///FILE or postgresql+psycopg://...; "": SQLite in `data_dir`
    storage:          address of an object store for uploads and results (s3://bucket/prefix); "": in `data_dir`
    host, port:       where the server listens
    workers:          processes that dub, started by the server; 0: none here
    engine:           where jobs are done: `local`: by these processes, `ray`: by as many tasks at once of a Ray cluster
    ray_address:      of the cluster; "": that of RAY_ADDRESS, else one on this machine
    public_url:       how clients reach the server, behind a proxy; "": as each request names it
    allowed_hosts:    further names that a request's Host header may have, separated by commas
    open_access:      requests need no key; only possible where `host` is a loopback address
    max_upload_bytes: of one uploaded or fetched file; max_body_bytes: of any other request
    max_seconds:      duration of one video or recording; max_pixels: of one picture
    posts_per_minute, gets_per_minute: requests of one key
    max_queued:       unfinished generations of one key
    check_seconds, check_bytes: limits of the process that looks at a new file
    job_seconds:      longest time that one job may take; worker_bytes: memory of a worker's data, 0: no limit
    lease_seconds:    after so long without a sign of life a job is taken from its worker
    heartbeat_seconds: time between two such signs
    max_attempts:     how often a job is begun before it is failed
    live_sessions:    live sessions of this server at a time, 0: none; live_sessions_each: of one key
    live_seconds:     longest time of one; live_message_bytes: of one message of speech
    sync_curve:       finished takes of up to a minute are measured, for the Studio's curve
    keep_days:        after that results and uploads are removed; 0: never
    link_seconds:     how long a link to a file works
    webhook_secret:   signs webhooks; "": a random one, kept in the database
    allow_private_urls: inputs and webhooks may have addresses of the local network
    checkpoint, device: as `DubOptions` has them
    """

    data_dir: Path = user_data_path("synclips", appauthor=False) / "server"
    database_url: str = ""
    storage: str = ""
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    engine: str = "local"
    ray_address: str = ""
    public_url: str = ""
    allowed_hosts: str = ""
    open_access: bool = True
    max_upload_bytes: int = 5 << 30
    max_body_bytes: int = 4 << 20
    max_seconds: float = 3600.0
    max_pixels: int = 50_000_000
    posts_per_minute: int = 100
    gets_per_minute: int = 600
    max_queued: int = 200
    check_seconds: float = 30.0
    check_bytes: int = 4 << 30
    job_seconds: float = 6 * 3600.0
    worker_bytes: int = 0
    lease_seconds: float = 30.0
    heartbeat_seconds: float = 1.0
    max_attempts: int = 3
    live_sessions: int = 1
    live_sessions_each: int = 1
    live_seconds: float = 1800.0
    live_message_bytes: int = 1 << 20
    sync_curve: bool = True
    keep_days: float = 0.0
    link_seconds: float = 24 * 3600.0
    webhook_secret: str = ""
    allow_private_urls: bool = False
    checkpoint: str = ""
    device: str = "auto"

    def __post_init__(self) -> None:
        if self.heartbeat_seconds * 3 > self.lease_seconds:
            raise ConfigError(f"{PREFIX}LEASE_SECONDS must be at least three times {PREFIX}HEARTBEAT_SECONDS")

        if self.engine not in ENGINES:
            raise ConfigError(f"{PREFIX}ENGINE={self.engine!r} is none of {', '.join(ENGINES)}")
        if self.storage and not (is_remote(self.storage) and self.storage.partition("://")[2].strip("/")):
            raise ConfigError(f"{self.storage!r} is no address of an object store; s3://bucket/prefix is one")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None, **given: Any) -> "ServerSettings":
        """The settings that the environment names; before them those `given` that are not None; else defaults.

        Raises:
            ConfigError: a value is not of its field's type.
        """
        environment = os.environ if environment is None else environment
        values: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        for field in fields(cls):
            name = PREFIX + field.name.upper()
            if name in environment and field.name not in values:
                values[field.name] = _parsed(name, environment[name], field.default)
        return cls(**values)

    def as_environment(self) -> dict[str, str]:
        """The variables that make `from_environment` return these settings."""
        return {PREFIX + field.name.upper(): str(getattr(self, field.name)) for field in fields(self)}

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the server."""
        return self.host in LOOPBACK

    @property
    def hosts(self) -> frozenset[str]:
        """The names, without port, that a request's Host header may have."""
        named = [name.strip().lower() for name in self.allowed_hosts.split(",") if name.strip()]
        public = urlsplit(self.public_url).hostname
        return frozenset([*LOOPBACK, self.host, *named, *([public] if public else [])])

    @property
    def database(self) -> str:
        """The SQLAlchemy URL of the database."""
        return self.database_url or f"sqlite:///{self.data_dir / 'synclips.sqlite'}"


def _parsed(name: str, text: str, default: Any) -> Any:
    try:
        if isinstance(default, bool):
            if text.strip().lower() not in _TRUE + _FALSE:
                raise ValueError(text)
            return text.strip().lower() in _TRUE
        return (
            type(default)(text) if isinstance(default, int | float) else Path(text) if name.endswith("_DIR") else text
        )
    except ValueError as error:
        kind = "true or false" if isinstance(default, bool) else "a number"
        raise ConfigError(f"{name}={text!r} is not {kind}; correct it in the environment") from error
