"""Instants, durations, cycles: Paris' calendar, its two odd days, the ends of months."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import clock
from app.db import Database
from app.engine.timers import after, instant_of
from app.engine.verify.timers import _DURATION as VERIFIED
from tests.engine.bpmn_builder import boundary, end, every, process, start, user_task
from tests.engine.house import House


def paris(text: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=clock.PARIS, fold=fold).astimezone(UTC)


@pytest.mark.parametrize(
    ("duration", "start", "end"),
    [
        ("PT24H", "2026-03-28T12:00", "2026-03-29T13:00"),  # hours are real: the day has 23 of them
        ("P1D", "2026-03-28T12:00", "2026-03-29T12:00"),  # days are those of the calendar
        ("PT24H", "2026-10-24T12:00", "2026-10-25T11:00"),
        ("P1D", "2026-10-24T12:00", "2026-10-25T12:00"),
        ("P1D", "2026-03-28T02:30", "2026-03-29T03:30"),  # 02:30 does not exist that day: the hour after
        ("P1W", "2026-10-22T09:00", "2026-10-29T09:00"),
        ("P1M", "2026-01-31T09:00", "2026-02-28T09:00"),
        ("P1M", "2028-01-31T09:00", "2028-02-29T09:00"),
        ("P13M", "2027-01-31T09:00", "2028-02-29T09:00"),
        ("P1Y", "2028-02-29T09:00", "2029-02-28T09:00"),
        ("P1M1D", "2026-01-31T09:00", "2026-03-01T09:00"),
        ("P1DT1H30M5S", "2026-11-20T23:00", "2026-11-22T00:30:05"),
        ("p0d", "2026-11-20T23:00", "2026-11-20T23:00"),
        ("P12M", "2026-12-31T00:00", "2027-12-31T00:00"),
    ],
)
def test_durations_follow_the_calendar_of_paris(duration: str, start: str, end: str) -> None:
    assert after(duration, paris(start)) == paris(end)


@pytest.mark.parametrize(
    "bad", ["", "P", "PT", "P1", "1D", "P1H", "PT1D", "P-1D", "P1.5D", "P1W2D", "demain", "P9999Y", "P99999999D"]
)
def test_what_is_not_a_duration_is_refused(bad: str) -> None:
    with pytest.raises(ValueError):
        after(bad, datetime(2026, 1, 1, tzinfo=UTC))


@given(
    start=st.integers(0, 15 * 366 * 86_400).map(
        lambda seconds: datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    ),
    days=st.integers(1, 800),
    hours=st.integers(0, 50),
)
def test_a_duration_never_comes_early(start: datetime, days: int, hours: int) -> None:
    end = after(f"P{days}DT{hours}H", start)
    assert abs(end - start - timedelta(days=days, hours=hours)) <= timedelta(hours=1)
    assert after(f"PT{hours}H", start) - start == timedelta(hours=hours)
    plain = clock.in_paris(after(f"P{days}D", start))
    assert (plain.date() - clock.in_paris(start).date()).days == days


@given(st.text("PTWYMDHS0123456789.-", max_size=12))
def test_the_engine_reads_exactly_what_verify_accepts(text: str) -> None:
    try:
        after(text, datetime(2026, 1, 1, tzinfo=UTC))
        read = True
    except (ValueError, OverflowError):
        read = False
    if VERIFIED.fullmatch(text):
        assert read or "9" in text or "8" in text  # or leads outside the calendar
    else:
        assert not read


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-12-01", "2026-11-30T23:00:00+00:00"),
        ("2026-07-01", "2026-06-30T22:00:00+00:00"),
        ("2026-12-01T08:30", "2026-12-01T07:30:00+00:00"),
        ("2026-12-01T08:30:00Z", "2026-12-01T08:30:00+00:00"),
        ("2026-12-01T08:30:00-05:00", "2026-12-01T13:30:00+00:00"),
    ],
)
def test_dates_without_a_zone_are_those_of_paris(text: str, instant: str) -> None:
    assert instant_of(text) == datetime.fromisoformat(instant)


def test_what_is_not_a_date_is_refused() -> None:
    for bad in ("", "demain", "2026-13-01", "31/12/2026"):
        with pytest.raises(ValueError):
            instant_of(bad)


@pytest.mark.parametrize("text", ["0001-01-01", "0001-01-01T00:00+14:00", "1899-12-31", "9999-12-31T23:59:59"])
def test_a_date_outside_the_calendar_is_refused_as_no_date(text: str) -> None:
    with pytest.raises(ValueError, match="hors du calendrier"):
        instant_of(text)


@pytest.mark.timeout(10)
def test_a_cycle_of_one_second_since_years_begins_at_once(sqlite_database: Database) -> None:
    """Counted one by one, its missed occurrences would hold a process for a quarter of an hour."""
    xml = process(
        "p", start(), user_task("a"), boundary("rappel", "a", every("'R/2001-01-01T00:00/PT1S'"), interrupting=False),
        user_task("relancer"), end(), end("relance"), "debut -> a -> fin", "rappel -> relancer -> relance",
    )  # fmt: skip
    house = House(sqlite_database, xml)
    with clock.frozen(datetime(2026, 11, 20, 8, 0, 0, 500_000, tzinfo=UTC)) as time:
        house.start()
        assert [timer.due_at for timer in house.timers()] == [datetime(2026, 11, 20, 8, 0, 1, tzinfo=UTC)]
        time.advance(days=400)
        house.tick()
        assert house.open() == ["a", "relancer"]
        assert [timer.due_at for timer in house.timers()] == [datetime(2027, 12, 25, 8, 0, 1, tzinfo=UTC)]
