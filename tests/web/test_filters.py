from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import clock
from app.web import filters
from app.web.filters import NBSP, THIN

MONDAY = datetime(2026, 9, 14, 12, 5, tzinfo=UTC)  # 14 h 05 in Paris


def said(text: str) -> str:
    """The text with plain spaces, as one reads it."""
    return text.replace(NBSP, " ").replace(THIN, " ")


def test_dates_are_said_as_in_french() -> None:
    assert said(filters.long_date(date(2026, 9, 14))) == "lundi 14 septembre 2026"
    assert said(filters.date_fr(date(2026, 8, 1))) == "1er août 2026"
    assert filters.short_date(date(2026, 2, 3)) == "03/02/2026"


def test_an_instant_is_shown_on_the_clock_of_paris() -> None:
    late = datetime(2026, 9, 13, 22, 30, tzinfo=UTC)
    assert said(filters.long_date(late)) == "lundi 14 septembre 2026"
    assert said(filters.time_fr(late)) == "0 h 30"
    assert said(filters.time_fr(datetime(2026, 1, 13, 22, 5, tzinfo=UTC))) == "23 h 05"


def test_near_moments_are_named() -> None:
    with clock.frozen(MONDAY):
        assert said(filters.moment(MONDAY)) == "aujourd’hui à 14 h 05"
        assert said(filters.moment(MONDAY - timedelta(days=1))) == "hier à 14 h 05"
        assert said(filters.moment(MONDAY + timedelta(days=1))) == "demain à 14 h 05"
        assert said(filters.moment(MONDAY - timedelta(days=3))) == "le 11 septembre 2026 à 14 h 05"


@pytest.mark.parametrize(
    ("delta", "expected"),
    [
        (timedelta(seconds=-20), "à l’instant"),
        (timedelta(minutes=-1), "il y a 1 minute"),
        (timedelta(minutes=59), "dans 59 minutes"),
        (timedelta(hours=-2), "il y a 2 heures"),
        (timedelta(days=-1), "hier"),
        (timedelta(days=1), "demain"),
        (timedelta(days=-3), "il y a 3 jours"),
        (timedelta(days=59), "dans 59 jours"),
        (timedelta(days=-90), "il y a 3 mois"),
        (timedelta(days=-800), "il y a 2 ans"),
    ],
)
def test_distance_in_time(delta: timedelta, expected: str) -> None:
    with clock.frozen(MONDAY):
        assert said(filters.relative(MONDAY + delta)) == expected


def test_a_plain_date_counts_in_days() -> None:
    with clock.frozen(MONDAY):
        assert filters.relative(date(2026, 9, 14)) == "aujourd’hui"
        assert said(filters.relative(date(2026, 9, 20))) == "dans 6 jours"


def test_the_night_of_the_clock_change_loses_no_hour() -> None:
    with clock.frozen(datetime(2026, 10, 25, 0, 30, tzinfo=UTC)):
        assert said(filters.time_fr(clock.now())) == "2 h 30"
        assert said(filters.time_fr(clock.now() + timedelta(hours=1))) == "2 h 30"


def test_money_is_whole_cents() -> None:
    assert said(filters.money(1240)) == "12,40 €"
    assert said(filters.money(5)) == "0,05 €"
    assert said(filters.money(-150)) == "−1,50 €"
    assert said(filters.money(123456789)) == "1 234 567,89 €"


@given(st.integers(min_value=-(10**12), max_value=10**12))
def test_no_cent_is_ever_lost(cents: int) -> None:
    digits = (
        filters.money(cents).replace(THIN, "").replace(NBSP, "").replace(",", "").replace("€", "").replace("−", "-")
    )
    assert int(digits) == cents


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("+33450123456", "04 50 12 34 56"),
        ("0612345678", "06 12 34 56 78"),
        ("+41223456789", "+41 22 345 67 89"),
        ("poste 12", "poste 12"),
        ("<script>", "<script>"),
        ("", ""),
    ],
)
def test_phone_numbers(typed: str, expected: str) -> None:
    assert said(filters.phone(typed)) == expected


@pytest.mark.parametrize(
    ("octets", "expected"),
    [(0, "0 octet"), (1, "1 octet"), (999, "999 octets"), (1000, "1 ko"), (999_499, "999 ko"), (999_500, "1,0 Mo"),
     (1_200_000, "1,2 Mo"), (10_000_000, "10,0 Mo"), (2_500_000_000, "2,5 Go")],
)  # fmt: skip
def test_sizes(octets: int, expected: str) -> None:
    assert said(filters.file_size(octets)) == expected


def test_french_plural_starts_at_two() -> None:
    assert [said(filters.plural(n, "pièce")) for n in (0, 1, 2)] == ["0 pièce", "1 pièce", "2 pièces"]
    assert said(filters.plural(3, "journal", "journaux")) == "3 journaux"


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Camille Durand-Petit", "CD"), ("léo", "L"), ("", "?"), ("  ", "?"), ("Jean  de La Tour", "JT"), ("<b> x", "X")],
)
def test_initials(name: str, expected: str) -> None:
    assert filters.initials(name) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Valbrise", "de Valbrise"), ("Annecy", "d’Annecy"), ("Évian", "d’Évian"), ("Le Mans", "du Mans"),
     ("Les Houches", "des Houches"), ("La Rochelle", "de La Rochelle"), ("Lesneven", "de Lesneven")],
)  # fmt: skip
def test_a_place_after_of(name: str, expected: str) -> None:
    assert filters.of_place(name) == expected


@pytest.mark.parametrize(
    "name", ["date_fr", "long_date", "short_date", "time_fr", "moment", "relative", "money", "phone", "file_size"]
)
def test_nothing_is_shown_for_nothing(name: str) -> None:
    assert filters.FILTERS[name](None) == ""
