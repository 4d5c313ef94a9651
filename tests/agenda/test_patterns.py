"""One week in two, and what a week pattern makes of a stretch of days (R-25, R-36)."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.agenda.deadlines import Deadline
from app.agenda.opening import Rhythm
from app.agenda.patterns import WeekPattern, book, cancel, judge, replace
from app.families.weeks import Turn, Weeks, monday_of
from tests.agenda.rhythms import CANTEEN, HOLIDAY_CENTRE, VALBRISE, WEDNESDAY

W53, W01, W02 = date(2026, 12, 28), date(2027, 1, 4), date(2027, 1, 11)
NOW = datetime(2026, 11, 20, 8, 30, tzinfo=UTC)
LIMIT = Deadline("ouvres", 2, time(10))


def test_weeks_53_and_1_are_both_odd_while_an_anchored_turn_alternates() -> None:
    assert W53.isocalendar().week == 53
    odd, anchored = Weeks("odd"), Weeks("anchored", W53)
    assert (W53 in odd, W01 in odd, W02 in odd) == (True, True, False)
    assert (W53 in anchored, W01 in anchored, W02 in anchored) == (True, False, True)


@given(st.dates(date(2020, 1, 1), date(2040, 1, 1)), st.dates(date(2020, 1, 1), date(2040, 1, 1)))
def test_a_turn_is_the_same_for_the_whole_week_and_parities_share_all(day: date, anchor: date) -> None:
    for weeks in (Weeks("even"), Weeks("odd"), Weeks("anchored", anchor), Weeks("anchored", anchor, 3)):
        assert len({monday_of(day) + timedelta(days=n) in weeks for n in range(7)}) == 1
    assert (day in Weeks("even")) != (day in Weeks("odd"))
    assert (day in Weeks("anchored", anchor)) != (day + timedelta(weeks=1) in Weeks("anchored", anchor))
    assert anchor in Weeks("anchored", anchor)


def test_an_anchored_turn_without_its_first_week_is_a_fault() -> None:
    with pytest.raises(ValueError, match="first week"):
        Weeks("anchored")


def test_a_month_of_canteen_says_what_is_possible_and_why_the_rest_is_not() -> None:
    pattern = WeekPattern(frozenset({1, 2, 3}))
    wanted = list(pattern.days(date(2026, 11, 9), date(2026, 11, 30)))
    held = {date(2026, 11, 24)}
    preview = book(wanted, held, judge(CANTEEN, VALBRISE, LIMIT, NOW))
    assert preview.add == {date(2026, 11, 30)}
    assert preview.unchanged == held
    assert preview.impossible == {
        date(2026, 11, 9): "Hors délai depuis le jeudi 5\u00a0novembre 2026 à 10\u00a0h",
        date(2026, 11, 10): "Hors délai depuis le vendredi 6\u00a0novembre 2026 à 10\u00a0h",
        date(2026, 11, 11): "Jour férié\u00a0: Armistice",
        date(2026, 11, 16): "Hors délai depuis le jeudi 12\u00a0novembre 2026 à 10\u00a0h",
        date(2026, 11, 17): "Hors délai depuis le vendredi 13\u00a0novembre 2026 à 10\u00a0h",
        date(2026, 11, 18): "Pas d’accueil ce jour de la semaine",
        date(2026, 11, 23): "Hors délai depuis le jeudi 19\u00a0novembre 2026 à 10\u00a0h",
        date(2026, 11, 25): "Pas d’accueil ce jour de la semaine",
    }


def test_a_changed_pattern_leaves_what_is_too_late_as_it_was() -> None:
    in_time = judge(CANTEEN, VALBRISE, LIMIT, NOW)
    late, soon, kept = date(2026, 11, 23), date(2026, 11, 27), date(2026, 11, 30)
    preview = replace({kept, date(2026, 12, 1)}, {late, soon, kept}, in_time, in_time)
    assert preview.add == {date(2026, 12, 1)}
    assert preview.remove == {soon}
    assert preview.unchanged == {kept}
    assert list(preview.impossible) == [late]


def test_a_pattern_of_more_than_a_year_is_refused() -> None:
    with pytest.raises(ValueError, match="more than a year"):
        WeekPattern(frozenset({1})).days(date(2026, 9, 1), date(2028, 9, 1))


weekdays = st.frozensets(st.integers(1, 7))
turns = st.sampled_from([Weeks("all"), Weeks("even"), Weeks("odd")])
moments = st.integers(0, 360 * 24 * 60).map(
    lambda minutes: datetime(2026, 8, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)
a_day = st.dates(date(2026, 9, 1), date(2027, 6, 1))


@given(weekdays, turns, a_day, st.integers(0, 60), moments, st.sampled_from([CANTEEN, WEDNESDAY, HOLIDAY_CENTRE]))
def test_nothing_is_ever_booked_on_a_closed_day_or_too_late(
    named: frozenset[int], turn: Weeks, first: date, length: int, now: datetime, rhythm: Rhythm
) -> None:
    wanted = set(WeekPattern(named, turn).days(first, first + timedelta(days=length)))
    preview = book(wanted, set(), judge(rhythm, VALBRISE, LIMIT, now))
    assert preview.add | preview.impossible.keys() == wanted
    assert not preview.add & preview.impossible.keys()
    for day in preview.add:
        assert rhythm.is_open(day, VALBRISE)
        assert LIMIT.is_open(day, rhythm, VALBRISE, now)


@given(weekdays, weekdays, a_day, st.integers(0, 60), moments)
def test_a_pattern_booked_then_replaced_and_replaced_back_is_what_it_was(
    one: frozenset[int], other: frozenset[int], first: date, length: int, now: datetime
) -> None:
    """Round trip: whatever the limits, going to another pattern and back restores what could move, and only that."""
    in_time = judge(CANTEEN, VALBRISE, LIMIT, now)
    days_of = [set(WeekPattern(each).days(first, first + timedelta(days=length))) for each in (one, other)]
    held = set(book(days_of[0], set(), in_time).add)
    start = frozenset(held)
    for wanted in (days_of[1], days_of[0]):
        preview = replace(wanted, held, in_time, in_time)
        held = held - preview.remove | preview.add
    assert held == start
    assert cancel(held, held, in_time).remove == held


def test_every_turn_has_its_own_name() -> None:
    turns: list[Turn] = ["all", "even", "odd", "anchored"]
    days = [W53 + timedelta(weeks=n) for n in range(8)]
    seen = {turn: tuple(day in Weeks(turn, W53) for day in days) for turn in turns}
    assert len(set(seen.values())) == 4
