"""Ratios of the law, places of a group (R-34)."""

import pytest

from app.agenda.capacity import Setting, places, ratio_of


@pytest.mark.parametrize(
    ("setting", "hours", "pedt", "under_six", "from_six"),
    [
        ("extrascolaire", 11, False, 8, 12),
        ("extrascolaire", 4, True, 8, 12),
        ("periscolaire", 11, False, 8, 12),
        ("periscolaire", 5, False, 10, 14),
        ("periscolaire", 5.5, True, 10, 14),
        ("periscolaire", 5, True, 14, 18),
    ],
)
def test_the_ratio_of_a_reception(setting: Setting, hours: float, pedt: bool, under_six: int, from_six: int) -> None:
    ratio = ratio_of(setting, hours, pedt=pedt)
    assert (ratio.under_six, ratio.from_six) == (under_six, from_six)


@pytest.mark.parametrize(
    ("setting", "hours", "expected"), [("extrascolaire", 11, 24), ("periscolaire", 11, 30), ("periscolaire", 2, 42)]
)
def test_three_adults_look_after_so_many_under_six(setting: Setting, hours: float, expected: int) -> None:
    assert places(None, 3, ratio_of(setting, hours, pedt=True).under_six) == expected


def test_a_mixed_group_rounds_each_age_up() -> None:
    ratio = ratio_of("extrascolaire", 11, pedt=True)
    assert ratio.adults(25, 24) == 6
    assert ratio.adults(0, 0) == 0
    assert ratio.adults(1, 1) == 2


@pytest.mark.parametrize(
    ("room", "adults", "expected"), [(20, 3, 20), (40, 3, 24), (None, None, None), (170, None, 170), (20, 0, 0)]
)
def test_places_are_what_bounds_most(room: int | None, adults: int | None, expected: int | None) -> None:
    assert places(room, adults, 8) == expected
