"""On which day a demande that ended is erased: month ends, 29 February, changes of hour, and Paris' own midnight."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import clock
from app.cases.retention import first_end_kept, last_day_kept, midnight, next_night
from app.clock import months_after

DAYS = st.dates(date(2020, 1, 1), date(2060, 12, 31))
MONTHS = st.integers(3, 120)


def at(day: date, hour: int = 12) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=clock.PARIS).astimezone(UTC)


@pytest.mark.parametrize(
    ("ended", "months", "last"),
    [
        (date(2026, 3, 10), 24, date(2028, 3, 10)),
        (date(2026, 8, 31), 6, date(2027, 2, 28)),
        (date(2027, 8, 31), 6, date(2028, 2, 29)),
        (date(2028, 2, 29), 12, date(2029, 2, 28)),
        (date(2028, 2, 29), 48, date(2032, 2, 29)),
        (date(2026, 11, 30), 3, date(2027, 2, 28)),
        (date(2026, 12, 31), 120, date(2036, 12, 31)),
    ],
)
def test_it_is_kept_so_many_months_and_the_month_that_is_shorter_ends_it(ended: date, months: int, last: date) -> None:
    assert last_day_kept(at(ended), months) == last


def test_the_day_is_that_of_paris() -> None:
    assert last_day_kept(datetime(2026, 6, 30, 21, 59, tzinfo=UTC), 3) == date(2026, 9, 30)
    assert last_day_kept(datetime(2026, 6, 30, 22, 0, tzinfo=UTC), 3) == date(2026, 10, 1)
    assert last_day_kept(datetime(2026, 12, 31, 23, 0, tzinfo=UTC), 3) == date(2027, 4, 1)


def test_a_day_begins_at_midnight_in_paris_in_winter_in_summer_and_when_the_hour_changes() -> None:
    hours = {(2027, 1, 15): 23, (2027, 3, 28): 23, (2027, 3, 29): 22, (2027, 10, 31): 22, (2027, 11, 1): 23}
    for (year, month, day), hour in hours.items():
        assert midnight(date(year, month, day)).astimezone(UTC).hour == hour


@pytest.mark.parametrize(
    ("now", "night"),
    [
        (datetime(2027, 3, 28, 0, 30, tzinfo=UTC), date(2027, 3, 28)),  # 1:30, the hour has not changed yet
        (datetime(2027, 3, 28, 1, 49, tzinfo=UTC), date(2027, 3, 28)),  # 3:49, an hour later on the clock
        (datetime(2027, 3, 28, 1, 50, tzinfo=UTC), date(2027, 3, 29)),
        (datetime(2027, 10, 31, 2, 49, tzinfo=UTC), date(2027, 10, 31)),  # 3:49, winter again
        (datetime(2027, 10, 31, 2, 50, tzinfo=UTC), date(2027, 11, 1)),
    ],
)
def test_the_next_night_is_told_by_the_clock_on_the_wall(now: datetime, night: date) -> None:
    with clock.frozen(now):
        assert next_night() == night


@given(ended=DAYS, months=MONTHS, distance=st.integers(-5, 5))
def test_what_is_due_is_exactly_what_is_past_its_last_day(ended: date, months: int, distance: int) -> None:
    last = months_after(ended, months)
    today = last + timedelta(days=distance)
    assert (ended < first_end_kept(today, months)) == (today > last)


@given(day=DAYS, months=MONTHS)
def test_no_month_is_ever_cut_short(day: date, months: int) -> None:
    found = months_after(day, months)
    assert (found.year - day.year) * 12 + found.month - day.month == months
    assert found.day == day.day or (found.day < day.day and (found + timedelta(days=1)).day == 1)
    assert months_after(found, -months) <= day
