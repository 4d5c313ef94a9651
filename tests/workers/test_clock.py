"""The clock: hands facts over, runs chores once, outlives what fails, stops at once."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from datetime import time as clock_time

import pytest
from sqlalchemy import select

from app import chores as periodic
from app import clock
from app.chores import LEASE, Chore, ChoreRow
from app.config import Settings
from app.db import Database
from tests.workers import trade
from tests.workers.trade import SECRET, House
from workers.background import Background
from workers.clock import BATCH, Clock

NOON = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)


def make_chore(name: str, run: Callable[[Database, Settings], None], **period: float) -> dict[str, Chore]:
    return {name: Chore(name, run, timedelta(**period))}


def make_clock(house: House, **parts: object) -> tuple[Clock, list[uuid.UUID]]:
    handed: list[uuid.UUID] = []
    parts.setdefault("chores", {})
    return Clock(house.database, house.settings, lambda fact, lease: handed.append(fact), **parts), handed  # type: ignore[arg-type]


def wait_until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def test_facts_are_handed_over_once_and_again_when_they_stay_undone(house: House) -> None:
    made, handed = make_clock(house)
    with clock.frozen(NOON) as now:
        facts = {house.emit("test.work") for _ in range(3)}
        assert made.relay() == 3
        assert made.relay() == 0
        now.advance(seconds=59)
        assert made.relay() == 0
        now.advance(seconds=1)
        assert made.relay() == 3
    assert set(handed) == facts
    assert len(handed) == 6


def test_more_facts_than_a_batch_go_in_one_turn(house: House) -> None:
    made, handed = make_clock(house)
    with house.database.transaction() as session:
        for _ in range(2 * BATCH + 7):
            trade.emit(session, "test.work")
    assert made.relay() == 2 * BATCH + 7
    assert len(set(handed)) == 2 * BATCH + 7


def test_two_clocks_share_the_facts(house: House) -> None:
    with house.database.transaction() as session:
        for _ in range(300):
            trade.emit(session, "test.work")
    handed: list[uuid.UUID] = []
    clocks = [Clock(house.database, house.settings, lambda f, _l: handed.append(f), chores={}) for _ in range(3)]
    threads = [threading.Thread(target=made.relay) for made in clocks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    clocks[0].relay()  # what a clock skipped because another held it
    assert len(handed) == len(set(handed)) == 300


def test_when_the_broker_is_away_facts_go_back_to_pending_and_leave_as_soon_as_it_is_back(house: House) -> None:
    handed: list[uuid.UUID] = []
    away = True

    def enqueue(fact: uuid.UUID, lease: str) -> None:
        if away and len(handed) == 2:
            raise ConnectionError("no broker")
        handed.append(fact)

    made = Clock(house.database, house.settings, enqueue, chores={})
    facts = {house.emit("test.work") for _ in range(5)}
    assert made.relay() == 2
    assert sorted(house.states().values()) == ["pending", "pending", "pending", "sent", "sent"]
    away = False
    assert made.relay() == 3
    assert set(handed) == facts
    assert len(handed) == 5


def test_a_chore_runs_once_a_period_whatever_the_number_of_clocks(house: House) -> None:
    runs: list[datetime] = []
    chores = make_chore("sweep", lambda _d, _s: runs.append(clock.now()), minutes=10)
    first, _ = make_clock(house, chores=chores)
    second, _ = make_clock(house, chores=chores)
    with clock.frozen(NOON) as now:
        assert (first.run_chores(), second.run_chores()) == (1, 0)
        now.advance(minutes=9)
        assert (first.run_chores(), second.run_chores()) == (0, 0)
        now.advance(minutes=1)
        assert (second.run_chores(), first.run_chores()) == (1, 0)
    assert runs == [NOON, NOON + timedelta(minutes=10)]


def test_a_chore_that_fails_is_noted_without_its_text_and_stops_nobody(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    runs: list[str] = []

    def fail(_database: Database, _settings: Settings) -> None:
        raise RuntimeError(SECRET)

    chores = make_chore("a-fails", fail, minutes=1) | make_chore("b-works", lambda _d, _s: runs.append("b"), minutes=1)
    made, _ = make_clock(house, chores=chores)
    with clock.frozen(NOON) as now:
        assert made.run_chores() == 2
        now.advance(minutes=1)
        assert made.run_chores() == 2
    assert runs == ["b", "b"]
    assert "Lilas" not in caplog.text
    with house.database.transaction(read_only=True) as session:
        errors = {row.name: row.error for row in session.scalars(select(ChoreRow))}
    assert errors["b-works"] is None
    assert str(errors["a-fails"]).startswith("RuntimeError (test_clock.py, ligne ")


def test_a_chore_whose_process_died_starts_again_after_its_lease(house: House) -> None:
    runs: list[str] = []
    chores = make_chore("nightly", lambda _d, _s: runs.append("ran"), hours=24)
    with clock.frozen(NOON) as now:
        with house.database.transaction() as session:
            periodic.enrol(session, chores)
        with house.database.transaction() as session:
            assert periodic.claim(session, chores) is not None  # and its process is killed here
        made, _ = make_clock(house, chores=chores)
        assert made.run_chores() == 0
        now.advance(seconds=LEASE.total_seconds())
        assert made.run_chores() == 1
    assert runs == ["ran"]


@pytest.mark.parametrize(
    ("after", "due"),
    [
        ("2026-01-10T02:29:59+01:00", "2026-01-10T02:30:00+01:00"),
        ("2026-01-10T02:30:00+01:00", "2026-01-11T02:30:00+01:00"),
        ("2026-03-28T12:00:00+01:00", "2026-03-29T03:30:00+02:00"),  # 2:30 does not exist that night
        ("2026-10-24T12:00:00+02:00", "2026-10-25T02:30:00+02:00"),  # 2:30 comes twice: the first one
        ("2026-10-25T12:00:00+01:00", "2026-10-26T02:30:00+01:00"),
    ],
)
def test_a_daily_chore_keeps_its_hour_of_paris_through_the_seasons(after: str, due: str) -> None:
    chore = Chore("nightly", lambda _d, _s: None, timedelta(days=1), clock_time(2, 30))
    found = chore.next_after(datetime.fromisoformat(after))
    assert found.astimezone(UTC) == datetime.fromisoformat(due).astimezone(UTC)


def test_a_chore_needs_a_period_and_a_name_of_its_own() -> None:
    with pytest.raises(ValueError, match="a period is needed"):
        periodic.every(name="test.never")
    periodic.every(name="test.twice", minutes=1)(lambda _d, _s: None)
    try:
        with pytest.raises(ValueError, match="two chores"):
            periodic.every(name="test.twice", minutes=1)(lambda _d, _s: None)
    finally:
        del periodic._chores["test.twice"]


def test_timers_that_fail_do_not_stop_the_clock_nor_the_facts(house: House) -> None:
    calls: list[int] = []

    def fire(_database: Database) -> int:
        calls.append(1)
        raise RuntimeError(SECRET)

    made, handed = make_clock(house, fire_timers=fire)
    thread = threading.Thread(target=made.run)
    thread.start()
    try:
        wait_until(lambda: len(calls) >= 1)
        house.emit("test.work")
        wait_until(lambda: len(handed) == 1)
        wait_until(lambda: len(calls) >= 2)
    finally:
        began = time.monotonic()
        made.stop()
        thread.join(5)
    assert not thread.is_alive()
    assert time.monotonic() - began < 1


def test_in_one_process_a_fact_is_done_in_less_than_a_second_and_stopping_is_quick(house: House) -> None:
    background = Background(house.database, house.settings)
    background.start()
    try:
        time.sleep(0.6)  # asleep between two turns: the commit has to wake it
        began = time.monotonic()
        fact = house.emit("test.both")
        wait_until(lambda: house.fact(fact).state == "done")
        took = time.monotonic() - began
        facts = [house.emit("test.work") for _ in range(50)]
        wait_until(lambda: all(house.states()[fact] == "done" for fact in facts))
    finally:
        began = time.monotonic()
        background.stop()
    assert took < 1
    assert time.monotonic() - began < 5
    assert sorted(trade.done, key=str) == sorted([fact, *facts], key=str)
