"""Servers, databases and files for the server's tests."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import fake_dub
import numpy as np
import pytest
import uvicorn
from fastapi import FastAPI
from sqlalchemy import text

from synclips.media.audio import Waveform
from synclips.media.video import VideoWriter
from synclips.server.app import create_app
from synclips.server.database import Database
from synclips.server.settings import ServerSettings

FAKE_WORKER = (sys.executable, fake_dub.__file__)


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second of grey noise with a tone, 64 x 48."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    rng = np.random.default_rng(0)
    tone = Waveform((0.1 * np.sin(np.arange(16_000) * 0.1)).astype(np.float32), 16_000)
    with VideoWriter(path, 64, 48, Fraction(25), audio=tone) as writer:
        for _ in range(25):
            writer.write(rng.integers(0, 255, (48, 64, 3), np.uint8))
    return path


@pytest.fixture(scope="session")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second of a tone."""
    return fake_dub.write_tone(tmp_path_factory.mktemp("recording") / "line.wav")


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL server of this session, with a database of its own for each call of `new_database`."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    programs = programs or [Path(found).parent for found in [shutil.which("initdb")] if found]
    if not programs:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))
    user: list[str] = []
    if os.getuid() == 0:  # PostgreSQL refuses to run as root
        if shutil.which("runuser") is None:
            pytest.skip("PostgreSQL does not run as root, and runuser is not there")
        shutil.chown(folder, "postgres", "postgres")
        user = ["runuser", "-u", "postgres", "--"]
    data, port = folder / "data", free_port()
    binary = programs[-1]
    try:
        subprocess.run(
            [*user, str(binary / "initdb"), "-D", str(data), "-U", "postgres", "--auth=trust", "--no-sync"],
            check=True, capture_output=True, cwd=folder,
        )  # fmt: skip
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off -c shared_buffers=16MB"
        subprocess.run(
            [*user, str(binary / "pg_ctl"), "-D", str(data), "-o", options, "-l", str(folder / "log"), "-w", "start"],
            check=True, capture_output=True, cwd=folder,
        )  # fmt: skip
        yield f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres"
    finally:
        stop = [*user, str(binary / "pg_ctl"), "-D", str(data), "-m", "immediate", "stop"]
        subprocess.run(stop, check=False, capture_output=True, cwd=folder)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'jobs.sqlite'}"
    url: str = request.getfixturevalue("postgres")
    name = f"t{time.time_ns()}"
    database = Database(url)
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    database.close()
    return url.rpartition("/")[0] + f"/{name}"


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An empty database with its tables."""
    made = Database(database_url)
    made.create()
    yield made
    made.close()


def free_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Running:
    """A server in a thread of this process; its address is `url`."""

    def __init__(self, app: FastAPI, port: int) -> None:
        self.app, self.url = app, f"http://127.0.0.1:{port}"
        config = uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, lifespan="on")
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, daemon=True)

    def __enter__(self) -> "Running":
        self.thread.start()
        wait_until(lambda: self.server.started)
        return self

    def __exit__(self, *_: object) -> None:
        self.server.should_exit = True
        self.thread.join(20)


@contextmanager
def running(settings: ServerSettings, **more: object) -> Iterator[Running]:
    """A server with workers that only pretend to dub."""
    app = create_app(settings, command=FAKE_WORKER, **more)  # type: ignore[arg-type]
    with Running(app, settings.port) as server:
        yield server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, clip: Path) -> Iterator[Running]:
    """A server of this module, open on loopback, with one worker that only pretends."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SYNCLIPS_FAKE_RESULT", str(clip))
        settings = ServerSettings(
            data_dir=tmp_path_factory.mktemp("server"), port=free_port(), allow_private_urls=True,
            heartbeat_seconds=0.1, lease_seconds=5.0, posts_per_minute=100_000,
            gets_per_minute=100_000, webhook_secret="whsec",
        )  # fmt: skip
        with running(settings) as started:
            yield started


def wait_until(true: Callable[[], object], seconds: float = 30.0) -> None:
    """Wait until `true` returns something true.

    Raises:
        AssertionError: it does not in time.
    """
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, f"waited {seconds} s in vain"
        time.sleep(0.02)


def node_modules(package: str) -> Path:
    """The folder in which Node finds `package`: NODE_PATH, or node_modules here; the test is skipped without it."""
    places = [Path(place) for place in os.environ.get("NODE_PATH", "").split(os.pathsep) if place]
    for folder in (*places, Path(__file__).parents[2] / "node_modules"):
        if (folder / package / "package.json").is_file():
            return folder
    pytest.skip(f"{package} is not installed here (npm install --no-save {package}, in the checkout)")
