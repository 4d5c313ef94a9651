"""Which activities of which days an absence concerns, and until when one may still say so (R-42)."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from app import clock
from forms.french import date_text, time_text

LONGEST = 92
"""Days an absence may last: a term. Longer is an unenrolment."""


@dataclass(frozen=True)
class ActivityCard:
    """An activity as forms and lists need it; ``weekdays`` are ISO days, hours ``HH:MM`` on Paris' clock."""

    id: uuid.UUID
    code: str
    label: str
    structure_id: uuid.UUID
    weekdays: tuple[int, ...]
    starts_at: str
    ends_at: str

    @property
    def hours(self) -> str:
        """« de 11 h 45 à 13 h 35 »."""
        return f"de {time_text(self.starts_at)} à {time_text(self.ends_at)}"

    def starts(self, day: date) -> datetime:
        """The instant when the service starts that day."""
        return datetime.combine(day, time.fromisoformat(self.starts_at), clock.PARIS)


def moment_text(instant: datetime) -> str:
    """« jeudi 10 septembre 2026 à 10 h », on Paris' clock."""
    local = clock.in_paris(instant)
    return f"{date_text(local.date())} à {time_text(f'{local:%H:%M}')}"


Moment = tuple[date, uuid.UUID]
"""An activity on a day."""


def moments(from_date: date, to_date: date, activities: Iterable[ActivityCard]) -> dict[Moment, ActivityCard]:
    """Every (day, activity) from the first day to the last, both included, on the days when the activity is held."""
    chosen = list(activities)
    days = (from_date + timedelta(days=n) for n in range((to_date - from_date).days + 1))
    return {(day, a.id): a for day in days for a in chosen if day.isoweekday() in a.weekdays}


@dataclass(frozen=True)
class Plan:
    """What a declaration changes: rows to add, rows to take away, and what comes too late to be added."""

    add: frozenset[Moment]
    remove: frozenset[Moment]
    too_late: frozenset[Moment]


def plan(
    wanted: dict[Moment, ActivityCard], known: Collection[Moment], now: datetime, started: Collection[Moment]
) -> Plan:
    """How to go from what is ``known`` to what is ``wanted`` at ``now``.

    A service that has started is never touched again: what was declared in time stays, what was not is too late.
    ``started`` are those of ``known`` whose service has started.
    """
    had, past = frozenset(known), frozenset(started)
    late = frozenset(m for m, activity in wanted.items() if m not in had and activity.starts(m[0]) <= now)
    return Plan(
        add=frozenset(wanted) - had - late,
        remove=had - frozenset(wanted) - past,
        too_late=late,
    )
