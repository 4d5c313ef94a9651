"""Engine, Base and transaction(): the only place that commits."""

from __future__ import annotations

import sqlite3
import unicodedata
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, cast

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

from app.turns import BUSY_SECONDS, Turns

if TYPE_CHECKING:
    from app.wire import Answer, Wire

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
        if value.tzinfo is UTC:
            return value
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


def _prepare_postgresql(connection: Any, _record: ConnectionPoolEntry) -> None:
    # the driver gives instants in the zone of its connection: in ours, they are as they must be
    connection.execute("SET timezone TO 'UTC'")
    connection.commit()


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
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=10,
        pool_pre_ping=False,
        pool_recycle=1800,
        hide_parameters=True,
    )
    event.listen(engine, "connect", _prepare_postgresql)
    event.listen(engine, "rollback", _doubt_prepared)
    event.listen(engine, "rollback_savepoint", _doubt_prepared)
    return engine


def _doubt_prepared(connection: Connection, *_savepoint: object) -> None:
    if not connection.invalidated and (wire := connection.info.get("wire")) is not None:
        wire.doubt()


class Sent(NamedTuple):
    """A statement in PostgreSQL's own words (``$1``), and its parameters in order."""

    sql: str
    parameters: Sequence[Any] = ()


_BEGIN, _COMMIT = Sent("BEGIN"), Sent("COMMIT")


class PortalSession(Session):
    """A session that may hold writes back, to send them in one trip with what comes next (see ``app.hot``).

    Each trip to PostgreSQL costs two changes of process, more than most of our statements do. Whatever asks the
    database for something sends what is held first, so nobody can tell.
    """

    @property
    def ahead(self) -> dict[Any, Any]:
        """What was asked ahead (see ``Hot.ahead``): its rows once read, ``None`` before. Forgotten at each write."""
        found: dict[Any, Any] = self.info.setdefault("ahead", {})
        return found

    def hold(self, statement: Sent) -> None:
        """Keeps a statement that writes, whose result nobody needs, for the next trip."""
        self.info.pop("ahead", None)
        self.info.setdefault("held", []).append(statement)

    def trip(self, asked: Sequence[Sent] = (), *, commit: bool = False) -> list[Answer]:
        """Sends to PostgreSQL what is held, then these, in one trip. Gives the answer to each of these.

        With ``commit`` the commit leaves too, of which SQLAlchemy must then still be told.
        """
        answers = self._send([*self.info.pop("held", ()), *asked], commit=commit, waits=True)
        last = len(answers) - commit
        return answers[last - len(asked) : last]

    def set_off(self, *, commit: bool = False) -> None:
        """Sends what is held, and the commit if asked, without waiting: PostgreSQL writes while the page is made."""
        if held := self.info.pop("held", None):
            self._send(held, commit=commit, waits=False)

    def _send(self, statements: list[Sent], *, commit: bool, waits: bool) -> list[Answer]:
        """Sends these with what begins and ends their transaction where it must; gives the answers to all."""
        connection = self._line()
        wire = wire_of(connection)
        try:
            wire.make_ready([_BEGIN, _COMMIT, *statements])
            for listener in connection.dispatch.commit if commit else ():
                listener(connection)
            begins = wire.is_idle and not wire.driver.autocommit
            if begins and not statements:
                return []
            whole = [*([_BEGIN] if begins else []), *statements, *([_COMMIT] if commit else [])]
            if waits:
                self.info.pop("under way", None)
                return wire.send(whole)
            self.info["under way"] = wire
            wire.set_off(whole, ends=commit)
            return []
        except Exception as error:
            raise as_told(connection, statements[0].sql if len(statements) == 1 else "", error) from error

    def _line(self) -> Connection:
        """The connection of this transaction: SQLAlchemy is asked for it once."""
        found: Connection | None = self.info.get("line")
        if found is None:
            found = self.info["line"] = super().connection()
        return found

    def settle(self, *, commit: bool = False) -> None:
        """Sends what is held, if anything is, and waits for what was set off."""
        if "held" in self.info or "under way" in self.info:
            self.trip(commit=commit)

    def connection(self, *args: Any, **kwargs: Any) -> Connection:
        self.settle()
        return super().connection(*args, **kwargs)

    def execute(self, *args: Any, **kwargs: Any) -> Any:
        if not getattr(args[0] if args else None, "is_select", False):
            self.info.pop("ahead", None)
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
        self.info.pop("ahead", None)
        self.settle()
        super().flush(*args, **kwargs)

    def begin_nested(self) -> SessionTransaction:
        self.settle()
        self.info.pop("line", None)  # SQLAlchemy opens the savepoint when it is next asked for the connection
        return super().begin_nested()

    def rollback(self) -> None:
        self.info.pop("held", None)
        self.info.pop("ahead", None)
        self._forget()
        super().rollback()

    def close(self) -> None:
        self._forget()
        super().close()

    def commit(self) -> None:
        super().commit()
        self.info.pop("line", None)

    def _forget(self) -> None:
        self.info.pop("line", None)
        if (wire := self.info.pop("under way", None)) is not None:
            wire.forget()


def wire_of(connection: Connection) -> Wire:
    """The wire of a connection to PostgreSQL; kept with it in the pool."""
    from app.wire import Wire  # PostgreSQL's driver is not loaded beside SQLite

    found: Wire | None = connection.info.get("wire")
    if found is None:
        found = connection.info["wire"] = Wire(cast(Any, connection.connection.driver_connection))
    return found


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


BeforeCommit = Callable[[Session], None]


class Database:
    """One database. Opened by the composition root (web, worker, clock, cli) or by a test."""

    def __init__(self, url: str, *, pool_size: int = 10) -> None:
        self.engine = make_engine(url, pool_size=pool_size)
        self._sessions = sessionmaker(self.engine, class_=PortalSession, expire_on_commit=False, autoflush=False)
        self.before_commit: list[BeforeCommit] = []
        self._turns = Turns() if self.engine.dialect.name == "sqlite" else None

    @contextmanager
    def transaction(self, *, read_only: bool = False) -> Iterator[Session]:
        """One unit of work: commits at the end, rolls back on any exception. Never nested.

        ``read_only`` is a promise that nothing is written; on SQLite it lets readers run beside the writer.
        """
        with nullcontext() if read_only or self._turns is None else self._turns.taken():
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
            self._prepare(session)
            session.settle(commit=True)
            session.commit()
        except BaseException:
            session.rollback()
            raise
        finally:
            session.close()
            _read_only.reset(token)

    def _prepare(self, session: PortalSession) -> None:
        session.flush()
        for prepare in self.before_commit:
            prepare(session)

    def commit_ahead(self, session: Session) -> None:
        """To be called when all is written and a page is still to be made: PostgreSQL commits meanwhile.

        The block of ``transaction`` still ends when the commit is known; until then nobody is answered.
        """
        assert isinstance(session, PortalSession)
        self._prepare(session)
        session.set_off(commit=True)

    def dispose(self) -> None:
        self.engine.dispose()


def new_id() -> uuid.UUID:
    """An unguessable identifier, fit for a URL (122 random bits)."""
    return uuid.uuid4()
