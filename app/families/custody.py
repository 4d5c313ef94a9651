"""With whom a child of two households is, day by day (R-25; art. 373-2-9 of the Code civil).

A judgment is written in one of three ways: weeks by their number (ISO parity, as worded), a turn that alternates from a
first day, or dates. Dates are exceptions to the two others: halves of holidays, a parent's day.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Generic, TypeVar

from app.families.weeks import Weeks, monday_of

Home = TypeVar("Home")
"""Whatever names one of the two households: an id, a letter."""


@dataclass(frozen=True)
class Turn(Generic[Home]):
    """Days that repeat for ever, before and after ``anchor``: ``homes[0]`` has the anchor, ``homes[1]`` the day after…

    Seven days for one, seven for the other; two weeks of « 2-2-5-5 »; any length.
    """

    anchor: date
    homes: Sequence[Home]

    def __post_init__(self) -> None:
        if not self.homes:
            raise ValueError("a turn needs at least one day")

    def home(self, day: date) -> Home:
        return self.homes[(day - self.anchor).days % len(self.homes)]


@dataclass(frozen=True)
class Parity(Generic[Home]):
    """Even ISO weeks for one, odd for the other. ``changes_on`` is the ISO weekday when the child changes home: a week
    from Friday to Thursday has the number of its Friday."""

    even: Home
    odd: Home
    changes_on: int = 1

    def home(self, day: date) -> Home:
        first = day - timedelta(days=(day.isoweekday() - self.changes_on) % 7)
        return self.even if first in Weeks("even") else self.odd


@dataclass(frozen=True)
class Stay(Generic[Home]):
    """Explicit days, from ``first`` to ``last``, both included."""

    first: date
    last: date
    home: Home

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise ValueError("a stay ends before it begins")


@dataclass(frozen=True)
class Custody(Generic[Home]):
    """A custody calendar. ``stays`` win over the ``rule``; the last written wins over the others."""

    rule: Turn[Home] | Parity[Home] | None = None
    stays: Sequence[Stay[Home]] = ()

    def home(self, day: date) -> Home | None:
        """Where the child is that day; ``None`` where nothing says so."""
        for stay in reversed(self.stays):
            if stay.first <= day <= stay.last:
                return stay.home
        return self.rule.home(day) if self.rule is not None else None


def week_about(anchor: date, first: Home, second: Home) -> Turn[Home]:
    """« Une semaine sur deux » : the week of ``anchor`` (from its Monday) for the first, the next for the second."""
    return Turn(monday_of(anchor), (first,) * 7 + (second,) * 7)
