"""Engine, Base and transaction(): the only place that commits."""

from __future__ import annotations

import sqlite3
import threading
import unicodedata
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Connection,
    DateTime,
    Engine,
    LargeBinary,
    MetaData,
    String,
    Text,
    TypeDecorator,
    Uuid,
    create_engine,
    event,
)
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Session, SessionTransaction, sessionmaker
from sqlalchemy.pool import ConnectionPoolEntry

Json = Any  # JSON scalars, lists and dicts: mypy has no useful recursive type through SQLAlchemy


class Instant(TypeDecorator[datetime]):
    """An aware UTC datetime, on SQLite too (which forgets time zones)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("naive datetime: use app.clock.now()")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Parent of every row class. Constraint names follow one convention so that migrations can name them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {
        datetime: Instant,
        uuid.UUID: Uuid,
        dict[str, Json]: JSON,
        list[str]: JSON,
        list[Json]: JSON,
        bytes: LargeBinary,
        str: String,
    }


LongText = Text

BUSY_SECONDS = 15
"""How long a writer of SQLite waits for the one before."""


def fold(text: str) -> str:
    """Lower-case, without accents, single spaces: how names are compared and sorted."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return " ".join("".join(c for c in plain if not unicodedata.combining(c)).split())


def _french_order(a: str, b: str) -> int:
    ka, kb = (fold(a), a), (fold(b), b)
    return (ka > kb) - (ka < kb)


def _prepare_sqlite(connection: Any, _record: ConnectionPoolEntry) -> None:
    if not isinstance(connection, sqlite3.Connection):
        return
    connection.isolation_level = None  # we send BEGIN ourselves, below
    connection.create_collation("french", _french_order)
    for pragma in (
        "journal_mode=WAL",
        "synchronous=NORMAL",
        "foreign_keys=ON",
        f"busy_timeout={BUSY_SECONDS * 1000}",
        "cache_size=-32000",
    ):
        connection.execute(f"PRAGMA {pragma}")


_read_only: ContextVar[bool] = ContextVar("read_only", default=False)


def _begin_sqlite(connection: Any) -> None:
    # IMMEDIATE: a transaction that reads then writes must not find, at its first write, that somebody else wrote
    # in between (with plain BEGIN a sixth of concurrent ones failed). Readers keep out of the queue.
    connection.exec_driver_sql("BEGIN" if _read_only.get() else "BEGIN IMMEDIATE")


def make_engine(url: str, *, pool_size: int = 10) -> Engine:
    """An engine for ``url`` (SQLite or PostgreSQL), with the settings each needs.

    What people typed is in the parameters of statements: errors do not print them (R-78).
    """
    if url.startswith("sqlite"):
        engine = create_engine(
            url, pool_size=pool_size, max_overflow=20, connect_args={"check_same_thread": False}, hide_parameters=True
        )
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    return create_engine(
        url, pool_size=pool_size, max_overflow=10, pool_pre_ping=False, pool_recycle=1800, hide_parameters=True
    )


class PortalSession(Session):
    """A session that may hold writes back, to send them in one trip with what comes next (see ``app.hot``).

    Each trip to PostgreSQL costs two changes of process, more than most of our statements do. Whatever asks the
    database for something sends what is held first, so nobody can tell.
    """

    def hold(self, sql: str, parameters: Any) -> None:
        """Keeps a statement of the driver, whose result nobody needs, for the next trip."""
        self.info.setdefault("held", []).append((sql, parameters))

    def take_held(self) -> list[tuple[str, Any]]:
        """What is held, now the caller's to send."""
        held: list[tuple[str, Any]] = self.info.pop("held", [])
        return held

    def settle(self, *, commit: bool = False) -> None:
        """Sends what is held; with ``commit``, the commit too, of which SQLAlchemy must then still be told."""
        if not (held := self.take_held()):
            return
        connection = super().connection()
        for listener in connection.dispatch.commit if commit else ():
            listener(connection)
        with pipelined(connection) as driver:
            for sql, parameters in held:
                driver.execute(sql, parameters)
            if commit:
                driver.execute("COMMIT", prepare=False)

    def connection(self, *args: Any, **kwargs: Any) -> Connection:
        self.settle()
        return super().connection(*args, **kwargs)

    def execute(self, *args: Any, **kwargs: Any) -> Any:
        self.settle()
        return super().execute(*args, **kwargs)

    def scalar(self, *args: Any, **kwargs: Any) -> Any:
        self.settle()
        return super().scalar(*args, **kwargs)

    def scalars(self, *args: Any, **kwargs: Any) -> Any:
        self.settle()
        return super().scalars(*args, **kwargs)

    def flush(self, *args: Any, **kwargs: Any) -> None:
        if self._is_clean():
            return
        self.settle()
        super().flush(*args, **kwargs)

    def begin_nested(self) -> SessionTransaction:
        self.settle()
        return super().begin_nested()

    def rollback(self) -> None:
        self.take_held()
        super().rollback()


@contextmanager
def pipelined(connection: Connection) -> Iterator[Any]:
    """The driver's connection to PostgreSQL, whose statements leave together; errors come at the end of the block."""
    driver: Any = connection.connection.driver_connection
    try:
        with driver.pipeline():
            yield driver
    except Exception as error:
        raise as_told(connection, "", error) from error


def as_told(connection: Connection, sql: str, error: Exception) -> BaseException:
    """The driver's error as SQLAlchemy tells it, without the parameters: people typed them (R-78)."""
    dialect = connection.dialect
    driver_error = dialect.loaded_dbapi.Error
    if not isinstance(error, driver_error):
        return error
    lost = dialect.is_disconnect(error, connection.connection, None)
    if lost:
        with suppress(DBAPIError):  # SQLAlchemy sees for itself, and gives up what else the pool holds from before
            connection.exec_driver_sql("SELECT 1")
        connection.invalidate(error)
    return DBAPIError.instance(
        sql, None, error, driver_error, hide_parameters=True, connection_invalidated=lost, dialect=dialect
    )


@contextmanager
def _in_turn(turn: threading.Lock) -> Iterator[None]:
    """One writer of this process after the other. SQLite only lets those who wait try again, each at its own moment: in
    a busy minute the unlucky one waited as long as others wrote, and failed after fifteen seconds.
    """
    entered = turn.acquire(timeout=BUSY_SECONDS)
    try:
        yield
    finally:
        if entered:
            turn.release()


BeforeCommit = Callable[[Session], None]


class Database:
    """One database. Opened by the composition root (web, worker, clock, cli) or by a test."""

    def __init__(self, url: str, *, pool_size: int = 10) -> None:
        self.engine = make_engine(url, pool_size=pool_size)
        self._sessions = sessionmaker(self.engine, class_=PortalSession, expire_on_commit=False, autoflush=False)
        self.before_commit: list[BeforeCommit] = []
        self._turn = threading.Lock() if self.engine.dialect.name == "sqlite" else None

    @contextmanager
    def transaction(self, *, read_only: bool = False) -> Iterator[Session]:
        """One unit of work: commits at the end, rolls back on any exception. Never nested.

        ``read_only`` is a promise that nothing is written; on SQLite it lets readers run beside the writer.
        """
        with nullcontext() if read_only or self._turn is None else _in_turn(self._turn):
            yield from self._transaction(read_only)

    def _transaction(self, read_only: bool) -> Iterator[Session]:
        token = _read_only.set(read_only)
        session = self._sessions()
        try:
            if read_only and self.engine.dialect.name == "postgresql":
                # each statement sees what is committed when it begins, as in a transaction (READ COMMITTED), without
                # the two round trips that open and close one
                session.connection(execution_options={"isolation_level": "AUTOCOMMIT"})
            yield session
            session.flush()
            for prepare in self.before_commit:
                prepare(session)
            session.settle(commit=True)
            session.commit()
        except BaseException:
            session.rollback()
            raise
        finally:
            session.close()
            _read_only.reset(token)

    def dispose(self) -> None:
        self.engine.dispose()


def new_id() -> uuid.UUID:
    """An unguessable identifier, fit for a URL (122 random bits)."""
    return uuid.uuid4()
