"""The months and weeks of the planning: their addresses, their words, what comes before and after."""

from __future__ import annotations

from datetime import date

import pytest

from app.agenda.periods import Period, asked_period
from app.errors import NotFound

TODAY = date(2026, 11, 20)


@pytest.mark.parametrize(
    ("address", "first", "last"),
    [
        ({}, date(2026, 11, 1), date(2026, 11, 30)),
        ({"mois": "2027-02"}, date(2027, 2, 1), date(2027, 2, 28)),
        ({"vue": "liste", "mois": "2026-12"}, date(2026, 12, 1), date(2026, 12, 31)),
        ({"vue": "semaine"}, date(2026, 11, 16), date(2026, 11, 22)),
        ({"vue": "semaine", "semaine": "2026-W53"}, date(2026, 12, 28), date(2027, 1, 3)),
        ({"vue": "autre", "mois": "2026-12"}, date(2026, 12, 1), date(2026, 12, 31)),
    ],
)
def test_an_address_names_days(address: dict[str, str], first: date, last: date) -> None:
    found = asked_period(address, TODAY)
    assert (found.first, found.last) == (first, last)
    assert asked_period(found.address, TODAY) == found


@pytest.mark.parametrize(
    "address",
    [{"mois": each} for each in ("2026-13", "1999-01", "2030-01", "hier", "2026-12-01", "٢٠٢٦-12")]
    + [
        {"vue": "semaine", "semaine": each}
        for each in ("2026-W54", "2027-W53", "1999-W01", "2026-12", "W12", "2026-W١٢")
    ],
)
def test_another_address_names_none(address: dict[str, str]) -> None:
    with pytest.raises(NotFound):
        asked_period(address, TODAY)


def test_a_week_says_its_number_and_parity_and_two_odd_weeks_follow_each_other() -> None:
    last = asked_period({"vue": "semaine", "semaine": "2026-W53"}, TODAY)
    assert last.label == "Semaine 53 (impaire), du 28\u00a0décembre 2026 au 3\u00a0janvier 2027"
    assert last.shifted(1).label == "Semaine 1 (impaire), du 4\u00a0janvier au 10\u00a0janvier 2027"
    assert last.shifted(1).address == {"vue": "semaine", "semaine": "2027-W01"}


def test_the_same_days_are_seen_in_another_view() -> None:
    month = Period("mois", date(2026, 11, 1))
    assert month.seen_as("semaine", TODAY).first == date(2026, 11, 16)
    assert month.shifted(1).seen_as("semaine", TODAY).first == date(2026, 11, 30)
    assert month.shifted(1).seen_as("semaine", TODAY).seen_as("liste", TODAY) == Period("liste", date(2026, 12, 1))
    assert month.shifted(2).shifted(-2) == month


def test_pages_end_a_year_behind_and_a_school_year_ahead() -> None:
    month = Period("mois", date(2026, 11, 1))
    assert month.shifted(-12).is_near(TODAY)
    assert not month.shifted(-13).is_near(TODAY)
    assert month.shifted(13).is_near(TODAY)
    assert not month.shifted(14).is_near(TODAY)
