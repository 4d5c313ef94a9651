"""With whom a child is, day by day (R-25)."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.families.custody import Custody, Parity, Stay, Turn, week_about

days = st.dates(date(2020, 1, 1), date(2040, 12, 31))


@pytest.mark.parametrize(
    ("day", "parity", "turn"),
    [
        (date(2026, 12, 21), "Antoine", "Claire"),  # W52
        (date(2026, 12, 28), "Claire", "Antoine"),  # W53
        (date(2027, 1, 3), "Claire", "Antoine"),  # its Sunday
        (date(2027, 1, 4), "Claire", "Claire"),  # W01: odd again, while a turn goes on
        (date(2027, 1, 11), "Antoine", "Antoine"),  # W02
    ],
)
def test_weeks_53_and_1_belong_to_the_same_parent_by_parity_only(day: date, parity: str, turn: str) -> None:
    assert Parity(even="Antoine", odd="Claire").home(day) == parity
    assert week_about(date(2026, 12, 30), "Antoine", "Claire").home(day) == turn


def test_a_week_that_begins_on_friday_has_the_number_of_its_friday() -> None:
    rule = Parity(even="Antoine", odd="Claire", changes_on=5)
    thursday, friday = date(2026, 11, 19), date(2026, 11, 20)  # Friday of week 47
    assert rule.home(thursday) == "Antoine"
    assert rule.home(friday) == "Claire"
    assert {rule.home(friday + timedelta(days=n)) for n in range(7)} == {"Claire"}
    assert rule.home(friday + timedelta(days=7)) == "Antoine"


def test_a_stay_wins_over_the_rule_and_the_last_written_over_the_others() -> None:
    custody = Custody(
        week_about(date(2026, 11, 2), "A", "B"),
        (Stay(date(2026, 12, 19), date(2027, 1, 3), "A"), Stay(date(2026, 12, 26), date(2027, 1, 3), "B")),
    )
    assert custody.home(date(2026, 12, 18)) == "A"
    assert custody.home(date(2026, 12, 19)) == "A"
    assert custody.home(date(2026, 12, 25)) == "A"
    assert custody.home(date(2026, 12, 26)) == "B"
    assert custody.home(date(2027, 1, 3)) == "B"


def test_without_a_rule_only_the_stays_say_where_the_child_is() -> None:
    custody = Custody(stays=(Stay(date(2026, 7, 1), date(2026, 7, 31), "A"),))
    assert custody.home(date(2026, 7, 31)) == "A"
    assert custody.home(date(2026, 8, 1)) is None


def test_a_calendar_that_says_nothing_is_a_fault() -> None:
    with pytest.raises(ValueError, match="at least one day"):
        Turn(date(2026, 11, 2), ())
    with pytest.raises(ValueError, match="ends before"):
        Stay(date(2026, 11, 2), date(2026, 11, 1), "A")


@given(days, days, st.lists(st.sampled_from("AB"), min_size=1, max_size=28))
def test_a_turn_comes_back_for_ever_both_ways(anchor: date, day: date, homes: list[str]) -> None:
    turn = Turn(anchor, homes)
    assert turn.home(anchor) == homes[0]
    assert turn.home(day) == turn.home(day + timedelta(days=len(homes)))


@given(days, days)
def test_one_week_in_two_gives_seven_days_then_seven(anchor: date, day: date) -> None:
    turn = week_about(anchor, "A", "B")
    fortnight = [turn.home(day + timedelta(days=n)) for n in range(14)]
    assert fortnight.count("A") == fortnight.count("B") == 7
    assert turn.home(anchor) == "A"


@given(days, st.integers(1, 7))
def test_a_parity_never_changes_within_its_week(day: date, changes_on: int) -> None:
    rule = Parity(even="A", odd="B", changes_on=changes_on)
    if day.isoweekday() != changes_on:
        assert rule.home(day) == rule.home(day - timedelta(days=1))
