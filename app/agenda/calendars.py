"""Which days there is school, which are off and why (R-30). All days are Paris' own.

The school calendar is data (``data/vacances_scolaires.toml``, each year with its source); public holidays come from
``app.public_holidays``; what a commune closes or opens is given by the caller.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache
from itertools import zip_longest
from pathlib import Path

from app.public_holidays import public_holidays

DATA = Path(__file__).parent / "data" / "vacances_scolaires.toml"
ONE_DAY = timedelta(days=1)
SCHOOL_WEEKDAYS = frozenset({1, 2, 4, 5})
"""ISO days of class in a commune with a week of four days."""


@dataclass(frozen=True)
class Span:
    """Days from ``first`` up to ``end``, which is not one of them; ``None`` for an end that nobody knows yet."""

    name: str
    first: date
    end: date | None

    def __contains__(self, day: date) -> bool:
        return self.first <= day and (self.end is None or day < self.end)

    @property
    def last(self) -> date | None:
        """Its last day, ``None`` without an end."""
        return self.end - ONE_DAY if self.end is not None else None

    def days(self) -> Iterator[date]:
        """Every day. Raises ValueError for a span without an end."""
        if self.end is None:
            raise ValueError(f"{self.name} has no end")
        return (self.first + ONE_DAY * n for n in range((self.end - self.first).days))


@dataclass(frozen=True)
class SchoolYear:
    """A year of class: ``span`` goes from the first day to the last; ``source`` is the text that says so."""

    span: Span
    source: str
    breaks: Sequence[Span]


@cache
def school_years(zone: str) -> Sequence[SchoolYear]:
    """The years we know for a zone (A, B or C), in order. Raises KeyError for another zone."""
    if zone not in ("A", "B", "C"):
        raise KeyError(zone)
    with DATA.open("rb") as file:
        written = tomllib.load(file)["annee"]
    written.sort(key=lambda year: year["rentree"])
    years = []
    for year, following in zip_longest(written, written[1:]):
        resumes = following["rentree"] if following else None  # what ends a summer
        breaks = [
            Span(row["nom"], row["debut"], row.get("reprise", resumes))
            for row in year["vacances"]
            if zone in row["zones"]
        ]
        span = Span(year["libelle"], year["rentree"], year["fin"])
        years.append(SchoolYear(span, year["source"], tuple(breaks)))
    return tuple(years)


@dataclass(frozen=True)
class Calendar:
    """The days of a commune: its zone, its public holidays, the days it closes itself (strike, bridge, snow).

    ``school_weekdays`` are the ISO days of class.
    """

    zone: str
    holidays: str = "metropole"
    closures: frozenset[date] = frozenset()
    school_weekdays: frozenset[int] = field(default=SCHOOL_WEEKDAYS)

    def public_holiday(self, day: date) -> str | None:
        """The name of the public holiday, if it is one."""
        return public_holidays(day.year, self.holidays).get(day)

    def school_year(self, day: date) -> SchoolYear | None:
        """The year of class this day belongs to; ``None`` in summer, and for a year that is not in the data."""
        return next((year for year in school_years(self.zone) if day in year.span), None)

    def school_break(self, day: date) -> Span | None:
        """The school holidays this day is in; the summer too, as far as the data go."""
        return next((each for year in school_years(self.zone) for each in year.breaks if day in each), None)

    def is_working_day(self, day: date) -> bool:
        """Monday to Friday, but for public holidays: what deadlines call « jours ouvrés »."""
        return day.isoweekday() <= 5 and self.public_holiday(day) is None

    def is_term_day(self, day: date) -> bool:
        """Within the time of class, whatever the weekday: neither holidays of any kind nor a day that is closed."""
        return (
            self.school_year(day) is not None
            and self.school_break(day) is None
            and self.public_holiday(day) is None
            and day not in self.closures
        )

    def is_school_day(self, day: date) -> bool:
        """A day of class."""
        return day.isoweekday() in self.school_weekdays and self.is_term_day(day)
