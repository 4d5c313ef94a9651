"""A tick costs what is due, not what waits: 20 000 timers here, 100 000 in ``tests.bench timers``."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from sqlalchemy import event, insert, text
from sqlalchemy.dialects import postgresql, sqlite

from app import clock
from app.cases.machinery import due_timers, fire_due_timers
from app.db import Database, new_id
from app.engine.models import Timer
from tests.cases.making import case_of, make_world
from tests.reliability.test_faults import make_timed_world, open_timed

MANY = 20_000


def add_waiting_timers(database: Database, count: int, due_at: datetime) -> None:
    rows = [
        {"task_id": new_id(), "case_id": uuid.uuid4(), "node": "loin", "due_at": due_at + timedelta(seconds=number)}
        for number in range(count)
    ]
    with database.transaction() as session:
        for begin in range(0, count, 5_000):
            session.execute(insert(Timer.__table__), rows[begin : begin + 5_000])  # type: ignore[arg-type]  # a Table
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))


def plan_of(database: Database) -> str:
    """How the database looks for what is due, in its own words."""
    is_sqlite = database.engine.dialect.name == "sqlite"
    dialect = sqlite.dialect() if is_sqlite else postgresql.dialect()
    asked = due_timers(clock.now(), 100)
    words = str(asked.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
    with database.transaction() as session:
        rows = session.execute(text(("EXPLAIN QUERY PLAN " if is_sqlite else "EXPLAIN ") + words))
        return "\n".join(str(row) for row in rows)


def test_what_is_due_is_found_by_the_index(database: Database) -> None:
    add_waiting_timers(database, MANY, clock.now() + timedelta(days=90))
    plan = plan_of(database)
    assert "ix_timers_due_at" in plan, plan
    assert "Seq Scan on timers" not in plan
    assert "SCAN timers" not in plan


def test_a_tick_runs_as_many_statements_among_many_timers_as_among_few(database: Database) -> None:
    world = make_timed_world(database)
    now = clock.now()
    counts = []
    for number, waiting in enumerate((0, MANY)):
        if waiting:
            add_waiting_timers(database, waiting, now + timedelta(days=90))
        sent: list[str] = []

        def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
            sent.append(statement)  # noqa: B023  # used within this turn of the loop

        with clock.frozen(now + timedelta(hours=3 * number)):
            cases = open_timed(database, world, 5)
        with clock.frozen(now + timedelta(hours=3 * number + 2)):
            event.listen(database.engine, "before_cursor_execute", note)
            assert fire_due_timers(database) == 5
            event.remove(database.engine, "before_cursor_execute", note)
        assert {case_of(database, case_id).status for case_id in cases} == {"annule"}
        counts.append(len(sent))
    assert counts[1] <= counts[0]


def test_a_tick_with_nothing_due_reads_once_and_takes_no_lock(database: Database) -> None:
    make_world(database)
    add_waiting_timers(database, 50, clock.now() + timedelta(days=1))
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        sent.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    assert fire_due_timers(database) == 0
    event.remove(database.engine, "before_cursor_execute", note)
    assert [each.split()[0] for each in sent if not each.startswith("BEGIN")] == ["SELECT"]
    assert "BEGIN IMMEDIATE" not in sent
