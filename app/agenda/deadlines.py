"""Until when one may book, change or cancel (R-31, R-32).

A limit is an instant. What is asked before it is in time, what is asked at it is late: « jusqu’à 10 h » takes 09:59:59
and refuses 10:00:00. The server's clock decides, at the moment of the request.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal

from app import clock
from app.agenda.calendars import ONE_DAY, Calendar
from app.agenda.opening import LONGEST, Rhythm

Mode = Literal[
    "ouvres", "ouverture", "scolaires", "calendaires", "semaine_precedente", "mois_precedent", "francs_avant_periode"
]
MODES: dict[Mode, str] = {
    "ouvres": "jours ouvrés avant",
    "ouverture": "jours d’ouverture de l’activité avant",
    "scolaires": "jours d’école avant",
    "calendaires": "jours avant",
    "semaine_precedente": "un jour d’une semaine précédente",
    "mois_precedent": "un jour du mois précédent",
    "francs_avant_periode": "jours francs avant le début de la période",
}
MIDNIGHT = time(0)


class NoLimit(Exception):
    """The rule cannot be applied to this day: no day before it counts, or it is in no period."""


@dataclass(frozen=True)
class Deadline:
    """A rule of a règlement.

    ``n`` counts days of the mode; weeks before for *semaine_precedente* (1 is the week before), the day of the month
    for *mois_precedent*. ``at`` is an hour in Paris, which clear days have no use for. ``weekday`` is ISO.
    ``skips_weekends`` and ``skips_holidays`` move a limit in *calendaires* back to the last day that counts.
    """

    mode: Mode
    n: int = 1
    at: time = MIDNIGHT
    weekday: int = 4
    skips_weekends: bool = False
    skips_holidays: bool = False

    def limit(self, day: date, rhythm: Rhythm, calendar: Calendar) -> datetime:
        """The instant from which it is too late for ``day``, on Paris' clock. Raises NoLimit."""
        return datetime.combine(self._day(day, rhythm, calendar), self._hour, clock.PARIS)

    def is_open(self, day: date, rhythm: Rhythm, calendar: Calendar, now: datetime) -> bool:
        """Whether ``now`` is early enough; a day without a limit is never open."""
        try:
            return now < self.limit(day, rhythm, calendar)
        except NoLimit:
            return False

    @property
    def _hour(self) -> time:
        return MIDNIGHT if self.mode == "francs_avant_periode" else self.at

    def _day(self, day: date, rhythm: Rhythm, calendar: Calendar) -> date:
        match self.mode:
            case "ouvres":
                return _back(day, self.n, calendar.is_working_day)
            case "ouverture":
                return _back(day, self.n, lambda each: rhythm.is_open(each, calendar))
            case "scolaires":
                return _back(day, self.n, calendar.is_school_day)
            case "calendaires":
                return self._counted(day - timedelta(days=self.n), calendar)
            case "semaine_precedente":
                monday = day - timedelta(days=day.isoweekday() - 1)
                return monday - timedelta(weeks=self.n) + timedelta(days=self.weekday - 1)
            case "mois_precedent":
                last = day.replace(day=1) - ONE_DAY
                return last.replace(day=min(self.n, last.day))
            case "francs_avant_periode":
                period = rhythm.opening(day)
                if period is None:
                    raise NoLimit("ce jour n’est dans aucune période")
                # n whole days between the last day to ask and the first of the period: late from the midnight after it
                return period.first - timedelta(days=self.n)

    def _counted(self, day: date, calendar: Calendar) -> date:
        for _ in range(LONGEST):
            off = (self.skips_weekends and day.isoweekday() > 5) or (
                self.skips_holidays and calendar.public_holiday(day) is not None
            )
            if not off:
                return day
            day -= ONE_DAY
        raise NoLimit("aucun jour ne compte avant celui-ci")


def _back(day: date, n: int, counts: Callable[[date], bool]) -> date:
    """The n-th day before ``day`` that counts; ``day`` itself for none."""
    left = n
    for _ in range(LONGEST):
        if left == 0:
            return day
        day -= ONE_DAY
        left -= counts(day)
    raise NoLimit("aucun jour ne compte avant celui-ci")


@dataclass(frozen=True)
class Deadlines:
    """The three limits of an activity, which may differ."""

    book: Deadline
    change: Deadline
    cancel: Deadline
