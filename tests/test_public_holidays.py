"""The public holidays of a year, as the law of the place has them."""

from datetime import date, timedelta

import pytest

from app.public_holidays import REGIMES, public_holidays


def test_public_holidays_of_a_year_are_the_legal_ones() -> None:
    assert sorted(public_holidays(2027)) == [
        date(2027, 1, 1), date(2027, 3, 29), date(2027, 5, 1), date(2027, 5, 6), date(2027, 5, 8), date(2027, 5, 17),
        date(2027, 7, 14), date(2027, 8, 15), date(2027, 11, 1), date(2027, 11, 11), date(2027, 12, 25),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("regime", "more"),
    [
        ("alsace-moselle", {date(2027, 3, 26), date(2027, 12, 26)}),
        ("alsace-moselle-sans-vendredi-saint", {date(2027, 12, 26)}),
    ],
)
def test_alsace_moselle_has_two_more_or_one(regime: str, more: set[date]) -> None:
    assert set(public_holidays(2027, regime)) - set(public_holidays(2027)) == more


@pytest.mark.parametrize("regime", REGIMES)
@pytest.mark.parametrize("year", range(2008, 2100))
def test_every_year_has_its_moving_feasts_in_order(year: int, regime: str) -> None:
    named = public_holidays(year, regime)
    easter_monday, ascension, whit_monday = (
        next(day for day, words in named.items() if name in words)
        for name in ("Lundi de Pâques", "Ascension", "Lundi de Pentecôte")
    )
    assert ascension - easter_monday == timedelta(days=38)
    assert whit_monday - easter_monday == timedelta(days=49)
    assert easter_monday.isoweekday() == 1
    assert date(year, 3, 23) <= easter_monday <= date(year, 4, 26)


def test_a_year_without_a_calendar_has_no_holiday_and_an_unknown_regime_is_a_fault() -> None:
    assert not public_holidays(9999)
    with pytest.raises(KeyError):
        public_holidays(2027, "corse")
