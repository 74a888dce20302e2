"""The database: SQLite in WAL mode, or PostgreSQL; its clock; secrets that all processes share."""

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import Engine, create_engine, event, insert, make_url, select, text
from sqlalchemy.exc import ArgumentError, IntegrityError, NoSuchModuleError, OperationalError, ProgrammingError
from sqlalchemy.orm import Session

from synclips.errors import BackendError, ConfigError
from synclips.server.tables import Base, Secret

BUSY_SECONDS: Final = 30.0
"""How long a process waits for another one's transaction in SQLite."""


class Database:
    """Sessions that read, sessions that write, and the time by which leases are counted.

    A writing session of SQLite begins with the write lock (BEGIN IMMEDIATE): what it reads stays true until it commits.

    Raises:
        ConfigError: the URL cannot be used.
        BackendError: no connection can be made.
    """

    def __init__(self, url: str) -> None:
        try:
            parsed = make_url(url)
            if parsed.drivername == "postgresql":
                parsed = parsed.set(drivername="postgresql+psycopg")
            if parsed.get_backend_name() not in ("sqlite", "postgresql"):
                raise ConfigError(
                    f"{parsed.get_backend_name()} is no database of this server; use sqlite or postgresql"
                )
            arguments: dict[str, Any] = {"connect_args": {"timeout": BUSY_SECONDS}}
            if parsed.get_backend_name() == "postgresql":
                arguments = {"pool_pre_ping": True, "isolation_level": "READ COMMITTED"}
            self.engine: Engine = create_engine(parsed, **arguments)
        except (ArgumentError, NoSuchModuleError) as error:
            raise ConfigError(f"SYNCLIPS_DATABASE_URL cannot be read ({error})") from error
        except ModuleNotFoundError as error:
            raise ConfigError(f"{error.name} is not installed; pip install 'synclips[postgres]'") from error
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        if self.is_sqlite:
            _set_up_sqlite(self.engine)
        self._writing = self.engine.execution_options(synclips_writes=True)

    def create(self) -> None:
        """Make the tables that are not there yet; several processes may do it at the same time.

        Raises:
            BackendError: no connection can be made.
        """
        for last in (False, False, True):
            try:
                Base.metadata.create_all(self.engine)
                return
            except (IntegrityError, ProgrammingError, OperationalError) as error:  # another process made them meanwhile
                if last:
                    raise BackendError(f"the database cannot be used ({_first_line(error)})") from error
                time.sleep(0.2)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session for queries only."""
        with Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A session that is committed at the end, or rolled back where an exception leaves it."""
        with Session(self._writing, expire_on_commit=False) as session, session.begin():
            yield session

    def now(self, session: Session) -> float:
        """Seconds since 1970 by the clock that all workers share: PostgreSQL's, or this machine's."""
        if self.is_sqlite:
            return time.time()
        return float(session.execute(text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one())

    def secret(self, name: str) -> str:
        """The shared random value of this name, made when it is first asked for."""
        for _ in range(2):
            with self.reading() as session:
                value = session.execute(select(Secret.value).where(Secret.name == name)).scalar_one_or_none()
            if value is not None:
                return value
            try:
                with self.writing() as session:
                    session.execute(insert(Secret).values(name=name, value=secrets.token_hex(32)))
            except IntegrityError:  # another process was first
                continue
        with self.reading() as session:
            return session.execute(select(Secret.value).where(Secret.name == name)).scalar_one()

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def _set_up_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def connected(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions are begun below, not by the driver
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begun(connection: Any) -> None:
        writes = connection.get_execution_options().get("synclips_writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
