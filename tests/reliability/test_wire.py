"""Statements that leave together through libpq (app.wire), with what disturbs a conversation."""

from __future__ import annotations

import datetime
import threading
import time
import uuid
from typing import Any

import pytest
from sqlalchemy import Integer, LargeBinary, String, Uuid, bindparam, cast, func, literal, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.orm import Session

from app import outbox
from app.db import Database, Instant, PortalSession, Sent, wire_of
from app.hot import Hot
from app.outbox import OutboxFact
from tests.reliability.test_held_writes import fact, facts

ECHO = Hot(
    select(
        bindparam("text", type_=String).label("text"),
        cast(bindparam("bytes", type_=LargeBinary), LargeBinary).label("bytes"),
        bindparam("number", type_=Integer).label("number"),
        bindparam("id", type_=Uuid).label("id"),
        bindparam("at", type_=Instant).label("at"),
        bindparam("json", type_=OutboxFact.__table__.c.payload.type).label("json"),
        literal("100 % %s %(x)s $1").label("signs"),
    )
)
COUNT = Hot(select(func.count()).select_from(OutboxFact.__table__))
ONE = Hot(select(bindparam("n", type_=Integer)))


def is_postgresql(database: Database) -> bool:
    return database.engine.dialect.name == "postgresql"


@pytest.mark.parametrize(
    "values",
    [
        {
            "text": "L’été à « Fleury »\n\t'\"\\ % %s %(a)s {} $1 ; -- 🦊",
            "bytes": bytes(range(256)) * 5,
            "number": -(2**31),
            "id": uuid.UUID(int=7),
            "at": datetime.datetime(2026, 3, 29, 1, 30, 0, 123456, datetime.UTC),
            "json": {"é": [1, None, True, 1.5, {"b": "\\u0000 as text"}]},
        },
        {
            "text": "",
            "bytes": b"",
            "number": 0,
            "id": uuid.UUID(int=0),
            "at": datetime.datetime.now(datetime.UTC),
            "json": {},
        },
        {"text": None, "bytes": None, "number": None, "id": None, "at": None, "json": None},
    ],
)
def test_values_come_back_as_they_went(database: Database, values: dict[str, Any]) -> None:
    with database.transaction() as session:
        for _ in range(2):  # once prepared, once with what was prepared
            (row,) = ECHO.rows(session, **values)
            assert row == (*values.values(), "100 % %s %(x)s $1")


def test_prepared_statements_survive_a_rollback(database: Database) -> None:
    """Psycopg drops all that the connection had prepared, ours too, once it has prepared something itself."""

    def give_up() -> None:
        with database.transaction() as session:
            session.execute(text("SELECT count(*) FROM outbox"))
            assert COUNT.rows(session) == [(0,)]
            raise ValueError("no")

    for _ in range(8):
        with pytest.raises(ValueError, match="no"):
            give_up()
    with database.transaction() as session:
        assert COUNT.rows(session) == [(0,)]


def test_prepared_statements_survive_a_savepoint(database: Database) -> None:
    with database.transaction() as session:
        for _ in range(8):
            session.execute(text("SELECT count(*) FROM outbox"))
        for _ in range(3):
            within = session.begin_nested()
            outbox._ADD.later(session, fact())
            assert COUNT.rows(session) == [(1,)]
            within.rollback()
            assert COUNT.rows(session) == [(0,)]
            outbox._ADD.later(session, fact())
            session.execute(text("DELETE FROM outbox"))


def test_large_values_do_not_stop_the_conversation(database: Database) -> None:
    """More than the sockets hold in both directions at once."""
    large = {"text": "x" * 3_000_000}
    with database.transaction() as session:
        for _ in range(6):
            outbox._ADD.later(session, fact(payload=large))
        rows = ECHO.rows(session, text="y" * 3_000_000, bytes=b"z" * 3_000_000, number=1, id=None, at=None, json=large)
        assert len(rows[0][0]) == 3_000_000
    assert facts(database) == 6


def test_the_error_is_that_of_the_statement_that_failed(database: Database) -> None:
    taken = fact()
    with database.transaction() as session:
        outbox._ADD.later(session, taken)

    def write() -> None:
        with database.transaction() as session:
            outbox._ADD.later(session, fact())
            outbox._ADD.later(session, taken)
            COUNT.rows(session)

    with pytest.raises(IntegrityError, match="outbox"):
        write()
    assert facts(database) == 1


def test_other_threads_run_while_postgresql_works(database: Database) -> None:
    if not is_postgresql(database):
        return
    turns: list[int] = []
    stop = threading.Event()

    def turn() -> None:
        while not stop.is_set():
            turns.append(1)
            time.sleep(0.01)

    beside = threading.Thread(target=turn)
    with database.transaction() as session:
        assert isinstance(session, PortalSession)
        session.trip([Sent("SELECT 1")])
        beside.start()
        try:
            session.trip([Sent("SELECT pg_sleep(0.5)")])
            session.trip([Sent("SELECT pg_sleep(0.5)"), Sent("SELECT 1")])
        finally:
            stop.set()
            beside.join()
    assert len(turns) > 30


def test_what_is_set_off_is_there_for_whoever_reads(database: Database) -> None:
    with database.transaction() as session:
        for number in range(3):
            outbox._ADD.later(session, fact())
            session.set_off()  # type: ignore[attr-defined]  # a PortalSession
            assert session.scalar(select(func.count()).select_from(OutboxFact)) == number + 1
    with database.transaction() as session:
        outbox._ADD.later(session, fact())
        session.set_off()  # type: ignore[attr-defined]  # same
        assert COUNT.rows(session) == [(4,)]


def test_what_is_set_off_and_refused_undoes_the_whole(database: Database) -> None:
    taken = fact()
    with database.transaction() as session:
        outbox._ADD.later(session, taken)

    def write(then: str) -> None:
        with database.transaction() as session:
            outbox._ADD.later(session, fact())
            outbox._ADD.later(session, taken)
            session.set_off()  # type: ignore[attr-defined]  # a PortalSession
            if then == "reads":
                COUNT.rows(session)
            elif then == "fails":
                raise ValueError("of its own")

    for then, error in (("reads", IntegrityError), ("commits", IntegrityError), ("fails", ValueError)):
        if then == "fails" and not is_postgresql(database):
            continue  # SQLite has refused it before
        with pytest.raises(error):
            write(then)
        assert facts(database) == 1, then


def test_the_commit_goes_on_while_the_page_is_made(database: Database) -> None:
    with database.transaction() as session:
        outbox._ADD.later(session, fact())
        database.commit_ahead(session)
        assert COUNT.rows(session) == [(1,)]  # another transaction, which reads what was committed
        outbox._ADD.later(session, fact())  # nobody should, but it is written all the same
    assert facts(database) == 2
    with database.transaction() as session:
        outbox._ADD.later(session, fact())
        database.commit_ahead(session)
    assert facts(database) == 3


def test_a_commit_that_is_refused_is_told_at_the_end_of_the_block(database: Database) -> None:
    taken = fact()
    with database.transaction() as session:
        outbox._ADD.later(session, taken)
    reached = []

    def answer() -> None:
        with database.transaction() as session:
            outbox._ADD.later(session, taken)
            database.commit_ahead(session)
            reached.append("the page is made")

    with pytest.raises(IntegrityError):
        answer()
    assert reached == (["the page is made"] if is_postgresql(database) else [])
    assert facts(database) == 1


def test_asked_ahead_comes_with_the_next_and_is_asked_again_after_a_write(database: Database) -> None:
    with database.transaction() as session:
        COUNT.ahead(session)
        ONE.rows(session, n=1)
        outbox._ADD.later(session, fact())
        assert COUNT.rows(session) == [(1,)]
        COUNT.ahead(session)
        ONE.rows(session, n=1)
        session.add(OutboxFact(**fact()))
        session.flush()
        assert COUNT.rows(session) == [(2,)]
        COUNT.ahead(session)
        ONE.rows(session, n=1)
        session.execute(text("DELETE FROM outbox"))
        assert COUNT.rows(session) == [(0,)]


def test_asked_ahead_costs_no_trip(database: Database) -> None:
    if not is_postgresql(database):
        return
    with database.transaction() as session:
        ONE.rows(session, n=0)
        COUNT.rows(session)
        trips: list[int] = []
        wire = wire_of(Session.connection(session))
        send = wire.send
        wire.send = lambda *args, **kwargs: (trips.append(1), send(*args, **kwargs))[1]  # type: ignore[method-assign]  # counted
        COUNT.ahead(session)
        ONE.ahead(session, n=2)
        assert ONE.rows(session, n=1) == [(1,)]
        assert (COUNT.rows(session), ONE.rows(session, n=2)) == ([(0,)], [(2,)])
        wire.send = send  # type: ignore[method-assign]  # same
    assert trips == [1]


def test_a_connection_cut_in_the_middle_is_given_up(database: Database) -> None:
    if not is_postgresql(database):
        return

    def write() -> None:
        with database.transaction() as session:
            outbox._ADD.later(session, fact())
            session.set_off()  # type: ignore[attr-defined]  # a PortalSession
            _cut(database, session)
            COUNT.rows(session)

    with pytest.raises(OperationalError):
        write()
    assert facts(database) == 0


def _cut(database: Database, session: Session) -> None:
    """The server ends the connection of this session."""
    pid = Session.connection(session).connection.driver_connection.info.backend_pid  # type: ignore[union-attr]  # psycopg's
    other = Database(str(database.engine.url))
    with other.transaction() as beside:
        beside.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
    other.dispose()
    time.sleep(0.1)


def test_a_statement_that_cannot_be_prepared_is_an_error_of_the_database(database: Database) -> None:
    if not is_postgresql(database):
        return
    with pytest.raises(DBAPIError), database.transaction() as session:
        session.trip([Sent("SELECT nothing FROM nowhere")])  # type: ignore[attr-defined]  # a PortalSession
    assert facts(database) == 0
