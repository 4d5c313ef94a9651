"""What a week pattern makes of a stretch of days, before anything is written (R-36).

The same judgement serves the preview and the saving: nothing is promised that would then be refused, but for what other
people do meanwhile (places, the other parent).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from app.agenda.calendars import ONE_DAY, Calendar
from app.agenda.days import moment_text
from app.agenda.deadlines import Deadline, NoLimit
from app.agenda.opening import Rhythm
from app.families.weeks import Weeks

LONGEST = timedelta(days=366)
"""A pattern covers a school year at most."""


@dataclass(frozen=True)
class WeekPattern:
    """ISO ``weekdays`` of some ``weeks``."""

    weekdays: frozenset[int]
    weeks: Weeks = Weeks()  # noqa: RUF009 - frozen, and the same for all

    def days(self, first: date, last: date) -> Iterator[date]:
        """The days it names from ``first`` to ``last``, both included. Raises ValueError beyond ``LONGEST``."""
        if last - first > LONGEST:
            raise ValueError("more than a year")
        every = (first + ONE_DAY * n for n in range((last - first).days + 1))
        return (day for day in every if day.isoweekday() in self.weekdays and day in self.weeks)


@dataclass(frozen=True)
class Preview:
    """What would become of each day; ``impossible`` gives the reason in French."""

    add: frozenset[date]
    remove: frozenset[date]
    unchanged: frozenset[date]
    impossible: Mapping[date, str]


Judge = Callable[[date], str | None]
"""Why nothing may be asked for a day, or ``None``."""


def judge(rhythm: Rhythm, calendar: Calendar, deadline: Deadline, now: datetime) -> Judge:
    """Judges a day as the activity's calendar and one of its deadlines do."""

    def why(day: date) -> str | None:
        if (closed := rhythm.why_closed(day, calendar)) is not None:
            return closed.words
        try:
            limit = deadline.limit(day, rhythm, calendar)
        except NoLimit as none:
            return f"Hors délai\u00a0: {none}"
        return None if now < limit else f"Hors délai depuis le {moment_text(limit)}"

    return why


def book(wanted: Collection[date], held: Collection[date], may_book: Judge) -> Preview:
    """Adds the wanted days to those already ``held``, which stay."""
    asked, had = frozenset(wanted), frozenset(held)
    refused = {day: words for day in sorted(asked - had) if (words := may_book(day)) is not None}
    return Preview(add=asked - had - refused.keys(), remove=frozenset(), unchanged=asked & had, impossible=refused)


def cancel(named: Collection[date], held: Collection[date], may_cancel: Judge) -> Preview:
    """Takes the named days away; those that are not held need nothing."""
    asked, had = frozenset(named), frozenset(held)
    refused = {day: words for day in sorted(asked & had) if (words := may_cancel(day)) is not None}
    return Preview(add=frozenset(), remove=(asked & had) - refused.keys(), unchanged=asked - had, impossible=refused)


def replace(wanted: Collection[date], held: Collection[date], may_book: Judge, may_cancel: Judge) -> Preview:
    """Makes what is held what is wanted: only days still in time move, the others stay as they are and say why."""
    adding = book(wanted, held, may_book)
    removing = cancel(frozenset(held) - frozenset(wanted), held, may_cancel)
    return Preview(
        add=adding.add,
        remove=removing.remove,
        unchanged=adding.unchanged,
        impossible={**adding.impossible, **removing.impossible},
    )
