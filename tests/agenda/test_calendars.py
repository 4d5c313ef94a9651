"""The days of a commune (R-30): Valbrise, zone B, and the traps of the year 2026-2027."""

from collections import Counter
from datetime import date, timedelta

import pytest

from app.agenda.calendars import Calendar, school_years
from app.agenda.opening import Rhythm
from tests.agenda.rhythms import CANTEEN, HOLIDAY_CENTRE, VALBRISE, WEDNESDAY, YEAR

EVERY_DAY = [YEAR.first + timedelta(days=n) for n in range((date(2027, 8, 31) - YEAR.first).days + 1)]


@pytest.mark.parametrize("zone", ["A", "B", "C"])
def test_a_year_has_139_days_of_class_and_35_wednesdays_in_each_zone(zone: str) -> None:
    calendar = Calendar(zone)
    assert sum(map(calendar.is_school_day, EVERY_DAY)) == 139
    wednesdays = [day for day in EVERY_DAY if day.isoweekday() == 3 and calendar.is_term_day(day)]
    assert len(wednesdays) == 35


@pytest.mark.parametrize("zone", ["A", "B", "C"])
def test_a_school_calendar_says_where_it_comes_from_and_its_breaks_follow_each_other(zone: str) -> None:
    for year in school_years(zone):
        assert len(year.source) > 20
        for one, next_one in zip(year.breaks, year.breaks[1:], strict=False):
            assert one.end is not None
            assert one.first < one.end <= next_one.first


def test_the_morning_when_class_resumes_is_a_day_of_class() -> None:
    assert not VALBRISE.is_school_day(date(2026, 10, 30))
    assert VALBRISE.is_school_day(date(2026, 11, 2))
    assert VALBRISE.is_school_day(date(2026, 10, 16))
    assert not VALBRISE.is_school_day(date(2026, 10, 17))


@pytest.mark.parametrize(
    ("day", "rhythm", "words"),
    [
        (date(2026, 11, 11), WEDNESDAY, "Jour férié\u00a0: Armistice"),
        (date(2026, 11, 11), CANTEEN, "Jour férié\u00a0: Armistice"),
        (date(2026, 11, 18), CANTEEN, "Pas d’accueil ce jour de la semaine"),
        (date(2026, 10, 20), CANTEEN, "Vacances de la Toussaint"),
        (date(2026, 10, 21), WEDNESDAY, "Vacances de la Toussaint"),
        (date(2026, 10, 16), HOLIDAY_CENTRE, "Seulement pendant les vacances scolaires"),
        (date(2026, 10, 24), HOLIDAY_CENTRE, "Pas d’accueil ce jour de la semaine"),
        (date(2026, 12, 24), HOLIDAY_CENTRE, "Fermé ce jour-là par la commune"),
        (date(2026, 12, 22), HOLIDAY_CENTRE, "En dehors des périodes d’ouverture"),
        (date(2027, 5, 7), CANTEEN, "Fermé ce jour-là par la commune"),
        (date(2027, 7, 6), CANTEEN, "Vacances d’été"),
        (date(2026, 8, 31), CANTEEN, "En dehors des périodes d’ouverture"),
        (date(2026, 11, 19), CANTEEN, None),
        (date(2026, 11, 18), WEDNESDAY, None),
        (date(2026, 10, 20), HOLIDAY_CENTRE, None),
        (date(2027, 7, 5), HOLIDAY_CENTRE, None),
        (date(2027, 7, 14), HOLIDAY_CENTRE, "Jour férié\u00a0: Fête nationale"),
    ],
)
def test_a_day_says_why_an_activity_is_not_held(day: date, rhythm: Rhythm, words: str | None) -> None:
    closed = rhythm.why_closed(day, VALBRISE)
    assert (closed.words if closed else None) == words
    assert rhythm.is_open(day, VALBRISE) == (words is None)


def test_the_first_half_of_october_has_ten_days_of_canteen() -> None:
    days = list(CANTEEN.open_days(date(2026, 10, 1), date(2026, 10, 31), VALBRISE))
    assert len(days) == 10
    assert days[-1] == date(2026, 10, 16)


def test_alsace_moselle_closes_on_good_friday() -> None:
    friday = date(2027, 3, 26)
    assert Calendar("B").is_school_day(friday)
    assert not Calendar("B", "alsace-moselle").is_school_day(friday)
    assert Calendar("B", "alsace-moselle-sans-vendredi-saint").is_school_day(friday)


def test_a_zone_that_does_not_exist_is_a_fault() -> None:
    with pytest.raises(KeyError):
        school_years("D")


def test_every_day_of_the_year_has_one_answer() -> None:
    """Each day is either open or closed for one reason, for every rhythm; no day raises."""
    for rhythm in (CANTEEN, WEDNESDAY, HOLIDAY_CENTRE):
        counted = Counter(closed.why if (closed := rhythm.why_closed(day, VALBRISE)) else "open" for day in EVERY_DAY)
        assert counted["open"] > 30
        assert sum(counted.values()) == len(EVERY_DAY)
