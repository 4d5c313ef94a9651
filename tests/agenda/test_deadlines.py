"""Until when one may ask (R-31, R-32): the vectors, the hour's edges, and what holds for any rule and day."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.agenda.deadlines import MODES, Deadline, NoLimit
from app.agenda.opening import Rhythm
from tests.agenda.rhythms import CANTEEN, HOLIDAY_CENTRE, VALBRISE, WEDNESDAY

TEN = time(10)
J_2 = Deadline("ouvres", 2, TEN)
J_2_OPENING = Deadline("ouverture", 2, TEN)
J_2_SCHOOL = Deadline("scolaires", 2, TEN)


@pytest.mark.parametrize(
    ("rule", "day", "limit"),
    [
        (J_2, date(2026, 9, 14), "2026-09-10T10:00:00+02:00"),
        (J_2, date(2026, 11, 2), "2026-10-29T10:00:00+01:00"),
        (J_2, date(2027, 1, 4), "2026-12-30T10:00:00+01:00"),
        (J_2, date(2026, 10, 26), "2026-10-22T10:00:00+02:00"),  # the day after the clocks go back
        (J_2_OPENING, date(2026, 11, 2), "2026-10-15T10:00:00+02:00"),
        (J_2_OPENING, date(2027, 1, 4), "2026-12-17T10:00:00+01:00"),
        (J_2_SCHOOL, date(2026, 11, 2), "2026-10-15T10:00:00+02:00"),
        (J_2_SCHOOL, date(2027, 1, 4), "2026-12-17T10:00:00+01:00"),
        (Deadline("ouvres", 1, time(17)), date(2026, 11, 12), "2026-11-10T17:00:00+01:00"),  # the 11th is a holiday
        (Deadline("calendaires", 7, time(12)), date(2026, 12, 2), "2026-11-25T12:00:00+01:00"),
        (Deadline("calendaires", 1, time(12), skips_weekends=True), date(2026, 11, 23), "2026-11-20T12:00:00+01:00"),
        (Deadline("calendaires", 1, time(12)), date(2026, 11, 23), "2026-11-22T12:00:00+01:00"),
        (Deadline("calendaires", 1, time(12), skips_holidays=True), date(2026, 11, 12), "2026-11-10T12:00:00+01:00"),
        (Deadline("calendaires", 0, time(8)), date(2026, 11, 12), "2026-11-12T08:00:00+01:00"),
        (Deadline("semaine_precedente", 1, time(12), weekday=4), date(2026, 11, 27), "2026-11-19T12:00:00+01:00"),
        (Deadline("semaine_precedente", 2, time(12), weekday=5), date(2026, 11, 23), "2026-11-13T12:00:00+01:00"),
        (Deadline("mois_precedent", 20, time(23, 59)), date(2026, 12, 4), "2026-11-20T23:59:00+01:00"),
        (Deadline("mois_precedent", 31, time(12)), date(2027, 3, 1), "2027-02-28T12:00:00+01:00"),
    ],
)
def test_the_limit_of_a_day(rule: Deadline, day: date, limit: str) -> None:
    assert rule.limit(day, CANTEEN, VALBRISE).isoformat() == limit


def test_clear_days_leave_whole_days_between() -> None:
    rule = Deadline("francs_avant_periode", 15)
    limit = rule.limit(date(2026, 10, 28), HOLIDAY_CENTRE, VALBRISE)
    assert limit.isoformat() == "2026-10-04T00:00:00+02:00"  # asked on the 3rd, fifteen days from the 4th to the 18th
    with pytest.raises(NoLimit):
        rule.limit(date(2026, 12, 22), HOLIDAY_CENTRE, VALBRISE)


def test_the_limit_itself_is_late() -> None:
    limit = datetime(2026, 10, 22, 8, tzinfo=UTC)  # ten o'clock in Paris
    day = date(2026, 10, 26)
    assert J_2.is_open(day, CANTEEN, VALBRISE, limit - timedelta(seconds=1))
    assert J_2.is_open(day, CANTEEN, VALBRISE, limit - timedelta(microseconds=1))
    assert not J_2.is_open(day, CANTEEN, VALBRISE, limit)


def test_a_day_before_which_nothing_counts_is_never_open() -> None:
    never = Rhythm("scolaire", frozenset(), ())
    assert not J_2_OPENING.is_open(date(2026, 11, 2), never, VALBRISE, datetime(2020, 1, 1, tzinfo=UTC))


rules = st.builds(
    Deadline,
    mode=st.sampled_from(list(MODES)),
    n=st.integers(0, 30),
    at=st.times(max_value=time(23, 59)),
    weekday=st.integers(1, 7),
    skips_weekends=st.booleans(),
    skips_holidays=st.booleans(),
).filter(lambda rule: rule.mode != "mois_precedent" or rule.n > 0)
days = st.dates(date(2026, 10, 1), date(2027, 7, 2))
rhythms = st.sampled_from([CANTEEN, WEDNESDAY, HOLIDAY_CENTRE])


@given(rules, rhythms, days, days)
def test_a_later_day_never_closes_earlier(rule: Deadline, rhythm: Rhythm, one: date, other: date) -> None:
    first, last = sorted((one, other))
    try:
        limits = [rule.limit(day, rhythm, VALBRISE) for day in (first, last)]
    except NoLimit:
        return
    assert limits[0] <= limits[1]


@given(rules, rhythms, days)
def test_a_limit_is_an_hour_of_paris_not_after_the_day(rule: Deadline, rhythm: Rhythm, day: date) -> None:
    try:
        limit = rule.limit(day, rhythm, VALBRISE)
    except NoLimit:
        return
    assert limit.utcoffset() in (timedelta(hours=1), timedelta(hours=2))
    assert limit.date() <= day or rule.n == 0
    expected = time(0) if rule.mode == "francs_avant_periode" else rule.at
    assert limit.timetz().replace(tzinfo=None) == expected
