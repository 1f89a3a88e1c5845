"""The database behind the store: connections, transactions and what their failures mean to us.

Effect: SQL only. SQLite has one writer at a time (`BEGIN IMMEDIATE`, and a lock so that threads queue in order);
PostgreSQL locks rows. Readers see one moment of the database on both.
"""

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, TimeoutError
from sqlalchemy.pool import StaticPool

from reconciler.model.errors import (
    ConfigurationError,
    DeadlineError,
    ReconcilerError,
    StaleError,
    TransientError,
)

WAIT_S = 30.0
_AGAIN_S = 0.01
_PRAGMAS = (
    f"PRAGMA busy_timeout={int(WAIT_S * 1000)}",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA journal_size_limit=67108864",
    "PRAGMA cache_size=-8192",
)
# A stopped or unreachable client must not hold the leader's lease row for long: the server ends its transaction.
_IDLE_S = 10
_POSTGRESQL = {
    "connect_timeout": 10,
    "keepalives_idle": 5,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
    "options": (
        f"-c statement_timeout={int(WAIT_S * 2000)} -c lock_timeout={int(WAIT_S * 1000)} "
        f"-c idle_in_transaction_session_timeout={_IDLE_S * 1000}"
    ),
}
_UNUSABLE = {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}


class Database:
    """Connections to one database, and transactions on it. Thread-safe."""

    def __init__(self, url: str) -> None:
        self.url = _parse(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._writer = threading.Lock()
        # A database in memory is one connection: readers must not see what a writer has not committed.
        self._is_memory = self.is_sqlite and self.url.database in (None, "", ":memory:")
        self._engine = self._connect_sqlite() if self.is_sqlite else self._connect_postgresql()

    @contextmanager
    def write(self, wait_s: float = WAIT_S) -> Iterator[Connection]:
        """Run one writing transaction; it is committed when the block ends, rolled back when it raises.

        The writer before it may take `wait_s` to end.
        """
        if not self._writer.acquire(timeout=wait_s):
            raise DeadlineError("another write to the database has not ended in time")
        try:
            with _failures(), self._engine.connect() as connection:
                connection.execution_options(reconciler_write=True)
                with connection.begin():
                    yield connection
        finally:
            self._writer.release()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Run one reading transaction that sees a single moment of the database."""
        if self._is_memory:
            with self.write() as connection:
                yield connection
            return
        with _failures(), self._engine.connect() as connection:
            if not self.is_sqlite:
                connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            with connection.begin():
                yield connection

    def close(self) -> None:
        """Close every connection; a writer that is under way is waited for."""
        with self._writer:
            self._engine.dispose()

    def _connect_sqlite(self) -> Engine:
        arguments: dict[str, Any] = {"connect_args": {"check_same_thread": False, "timeout": WAIT_S}}
        if self._is_memory:
            arguments["poolclass"] = StaticPool
        else:
            _make_private(Path(str(self.url.database)))
            arguments |= {"pool_timeout": WAIT_S}
        engine = create_engine(self.url, hide_parameters=True, **arguments)
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine

    def _connect_postgresql(self) -> Engine:
        try:
            return create_engine(
                self.url,
                hide_parameters=True,
                pool_pre_ping=True,
                pool_timeout=WAIT_S,
                connect_args=_POSTGRESQL,
            )
        except ModuleNotFoundError as error:
            raise ConfigurationError(
                f"PostgreSQL needs the Python package {error.name}",
                hint="install `reconciler[postgresql]`",
            ) from error


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ConfigurationError("the database setting is not a URL", hint="sqlite:///PATH") from error
    if parsed.drivername in ("postgresql", "postgres"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise ConfigurationError(f"the database {parsed.drivername} is not supported", hint="use sqlite or postgresql")
    return parsed


def _make_private(path: Path) -> None:
    """Make the file before SQLite does: it is for its owner only, and so are the files that SQLite puts beside it.

    A file that is there is not opened: closing it would drop the locks that this process has on it.
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        if not os.access(path, os.R_OK | os.W_OK):
            raise ConfigurationError(f"{path}: cannot be written", hint="check its owner and mode") from None
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be written: {error.strerror}") from error


def _set_up_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # transactions begin where we say
    for pragma in _PRAGMAS:
        connection.execute(pragma)
    _write_ahead(connection)


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Have a write-ahead log. Of several that turn it on at once SQLite refuses some at once, and waits for none."""
    deadline = time.monotonic() + WAIT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(_AGAIN_S)
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("reconciler_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def _failures() -> Iterator[None]:
    """Turn the driver's exceptions into ours. Neither statement parameters nor rows are repeated."""
    try:
        yield
    except IntegrityError as error:
        raise StaleError("another write was first", reason="Conflict") from error
    except TimeoutError as error:
        raise DeadlineError("no connection to the database became free in time") from error
    except DBAPIError as error:
        raise _meaning(error) from error


def _meaning(error: DBAPIError) -> ReconcilerError:
    cause = error.orig
    code = getattr(cause, "sqlite_errorcode", None)
    word = getattr(cause, "sqlite_errorname", None) or type(cause).__name__
    if code is not None and code & 0xFF in _UNUSABLE:
        return ConfigurationError(f"the database cannot be used: {word}", hint="check the file, its owner and the disk")
    return TransientError(f"the database did not answer: {word}", reason="Database")
