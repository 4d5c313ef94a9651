"""The one clock. Instants are aware UTC datetimes; business dates are Europe/Paris."""

from __future__ import annotations

import calendar
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

PARIS = ZoneInfo("Europe/Paris")


def _system_now() -> datetime:
    return datetime.now(UTC)


_now: Callable[[], datetime] = _system_now


def now() -> datetime:
    """The current instant, aware, UTC."""
    return _now()


def today() -> date:
    """The current date in Paris."""
    return _now().astimezone(PARIS).date()


def in_paris(instant: datetime) -> datetime:
    """The same instant on Paris' clock."""
    return instant.astimezone(PARIS)


def months_after(day: date, months: int) -> date:
    """The same day so many months later (earlier when negative), or the last day of a month that is shorter."""
    years, month = divmod(day.month - 1 + months, 12)
    year, month = day.year + years, month + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


class FrozenClock:
    """A clock that moves only when told; what ``frozen()`` yields."""

    def __init__(self, instant: datetime) -> None:
        self.instant = instant.astimezone(UTC)

    def __call__(self) -> datetime:
        return self.instant

    def advance(self, **delta: float) -> datetime:
        """Moves forward by ``timedelta(**delta)`` and returns the new instant."""
        self.instant += timedelta(**delta)
        return self.instant

    def set(self, instant: datetime) -> None:
        self.instant = instant.astimezone(UTC)


@contextmanager
def frozen(instant: datetime) -> Iterator[FrozenClock]:
    """Replaces the clock of this process for tests, scenarios and the construction of the demonstration."""
    global _now  # the clock is the one deliberate piece of process state: everything reads it through now()
    previous, clock = _now, FrozenClock(instant)
    _now = clock
    try:
        yield clock
    finally:
        _now = previous
