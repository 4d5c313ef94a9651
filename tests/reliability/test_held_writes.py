"""Writes that wait for the next trip (app.hot) are those of their transaction, whatever becomes of it."""

from __future__ import annotations

import threading
import uuid
from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session

from app import clock, outbox
from app.db import Database
from app.journal import JournalEntry, record, verify_chain
from app.outbox import OutboxFact
from app.policy import SYSTEM


def fact(**changes: Any) -> dict[str, Any]:
    now = clock.now()
    row = {"id": uuid.uuid4(), "kind": "test.done", "payload": {}, "state": "pending", "attempts": 0}
    return row | {"created_at": now, "due_at": now, "error": None} | changes


def facts(database: Database) -> int:
    with database.transaction(read_only=True) as session:
        return session.scalar(select(func.count()).select_from(OutboxFact)) or 0


def test_what_a_savepoint_undoes_is_not_sent_after_it(database: Database) -> None:
    with database.transaction() as session:
        outbox._ADD.later(session, fact(kind="test.before"))
        within = session.begin_nested()
        outbox._ADD.later(session, fact(kind="test.within"))
        within.rollback()
        outbox._ADD.later(session, fact(kind="test.after"))
    with database.transaction(read_only=True) as session:
        assert set(session.scalars(select(OutboxFact.kind))) == {"test.before", "test.after"}


def test_what_a_savepoint_refuses_is_told_inside_it(database: Database) -> None:
    taken = fact()
    with database.transaction() as session:
        outbox._ADD.run(session, taken)
    with database.transaction() as session:
        with pytest.raises(IntegrityError), session.begin_nested():
            outbox._ADD.later(session, taken)
        outbox._ADD.later(session, fact())
    assert facts(database) == 2


def test_what_a_rollback_undoes_is_not_sent_after_it(database: Database) -> None:
    with database.transaction() as session:
        outbox._ADD.later(session, fact())
        session.rollback()
    assert facts(database) == 0


def test_a_refused_write_undoes_the_whole_transaction(database: Database) -> None:
    taken = fact()
    with database.transaction() as session:
        outbox._ADD.later(session, taken)

    def write() -> None:
        with database.transaction() as session:
            outbox._ADD.later(session, fact())
            record(session, SYSTEM, "test.done", "test", None)
            outbox._ADD.later(session, taken)

    with pytest.raises(IntegrityError):
        write()
    assert facts(database) == 1
    with database.transaction() as session:  # the connection is fit for the next one
        outbox._ADD.later(session, fact())
    assert facts(database) == 2


def test_an_error_before_the_commit_undoes_what_waited(database: Database) -> None:
    def fail(_session: Session) -> None:
        raise ValueError("no")

    database.before_commit.append(fail)
    with pytest.raises(ValueError, match="no"), database.transaction() as session:
        outbox._ADD.later(session, fact())
    database.before_commit.remove(fail)
    assert facts(database) == 0


@pytest.mark.parametrize("how", ["later", "run", "rows"])
def test_connections_lost_together_cost_one_error(database: Database, how: str) -> None:
    """As SQLAlchemy does: the first to notice says it of the whole pool."""
    if database.engine.dialect.name == "sqlite":
        return
    sessions = [database._sessions() for _ in range(4)]
    for each in sessions:
        each.execute(text("SELECT 1"))
    for each in sessions:
        each.close()
    other = Database(str(database.engine.url))
    with other.transaction() as session:
        session.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    other.dispose()

    def act() -> None:
        with database.transaction() as session:
            if how == "later":
                outbox._ADD.later(session, fact())
            elif how == "run":
                outbox._ADD.run(session, fact())
            else:
                from app.journal import _READ_HEAD

                _READ_HEAD.rows(session)

    errors = 0
    for _ in range(6):
        try:
            act()
        except OperationalError:
            errors += 1
    assert errors == 1


def test_sixteen_writers_make_one_chain(database: Database) -> None:
    failures: list[BaseException] = []

    def write(who: int) -> None:
        try:
            for number in range(25):
                with database.transaction() as session:
                    for _ in range(1 + (number + who) % 4):
                        record(session, SYSTEM, "test.done", "test", uuid.uuid4(), who=who, text="é%\\\" 'x")
        except BaseException as error:  # told below
            failures.append(error)

    threads = [threading.Thread(target=write, args=(who,)) for who in range(16)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert failures == []
    with database.transaction(read_only=True) as session:
        report = verify_chain(session)
        assert report.fault is None
        assert session.scalar(select(func.count()).select_from(JournalEntry)) == report.entries == 16 * 62 + 8
