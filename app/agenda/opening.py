"""When an activity is held, and why it is not (R-30, R-33)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from app.agenda.calendars import ONE_DAY, Calendar, Span

Times = Literal["scolaire", "vacances"]
Why = Literal["weekday", "holiday", "closed", "break", "term", "period"]
LONGEST = 800
"""Days that are looked at in one direction: beyond two years nothing is planned."""


@dataclass(frozen=True)
class Closed:
    """Why an activity is not held on a day: a code for screens (a letter, a colour), and the sentence."""

    why: Why
    words: str


@dataclass(frozen=True)
class Rhythm:
    """When an activity is held: on ISO ``weekdays``, in term time (*scolaire*) or during ``openings`` (*vacances*).

    ``openings`` are the stretches for which families enrol: the periods of a holiday centre, the year of a canteen.
    """

    times: Times
    weekdays: frozenset[int]
    openings: Sequence[Span]

    def opening(self, day: date) -> Span | None:
        """The stretch this day belongs to."""
        return next((each for each in self.openings if day in each), None)

    def why_closed(self, day: date, calendar: Calendar) -> Closed | None:
        """The first reason why it is not held that day, the plainest first; ``None`` when it is."""
        if (name := calendar.public_holiday(day)) is not None:
            return Closed("holiday", f"Jour férié\u00a0: {name}")
        if day in calendar.closures:
            return Closed("closed", "Fermé ce jour-là par la commune")
        away = calendar.school_break(day)
        if self.times == "scolaire" and away is not None:
            return Closed("break", away.name)
        if day.isoweekday() not in self.weekdays:
            return Closed("weekday", "Pas d’accueil ce jour de la semaine")
        if self.times == "vacances" and away is None:
            return Closed("term", "Seulement pendant les vacances scolaires")
        if self.opening(day) is None or (self.times == "scolaire" and calendar.school_year(day) is None):
            return Closed("period", "En dehors des périodes d’ouverture")
        return None

    def is_open(self, day: date, calendar: Calendar) -> bool:
        return self.why_closed(day, calendar) is None

    def open_days(self, first: date, last: date, calendar: Calendar) -> Iterator[date]:
        """The days when it is held, from ``first`` to ``last``, both included."""
        return (
            day for day in (first + ONE_DAY * n for n in range((last - first).days + 1)) if self.is_open(day, calendar)
        )
