"""Periodic work: rooms register chores at import, the clock processes run each one once per period.

A chore is a function ``(database, settings) -> None`` that opens its own, short transactions, works in bounded batches
and may run again (a process died in the middle). Its row says when it is due; whoever pushes that instant away runs it,
so several clock processes share the chores without a leader.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from app import clock
from app.config import Settings
from app.db import Base, Database, LongText

#: A chore that says nothing for so long is believed dead and starts again, here or in another process.
LEASE = timedelta(minutes=15)

Run = Callable[[Database, Settings], None]


class ChoreRow(Base):
    """When a chore is due, and how its last run went (``error``: the kind of exception, never its text)."""

    __tablename__ = "chores"

    name: Mapped[str] = mapped_column(primary_key=True)
    due_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    error: Mapped[str | None] = mapped_column(LongText)


@dataclass(frozen=True)
class Chore:
    """``every`` so long, or each day ``at`` that time in Paris."""

    name: str
    run: Run
    every: timedelta
    at: time | None = None

    def next_after(self, instant: datetime) -> datetime:
        if self.at is None:
            return instant + self.every
        local = clock.in_paris(instant)
        due = local.replace(hour=self.at.hour, minute=self.at.minute, second=0, microsecond=0)
        # adding a day to the wall clock keeps the hour through a change of season
        return due if due > local else due + timedelta(days=1)


_chores: dict[str, Chore] = {}


def every(
    *, name: str, hours: float = 0, minutes: float = 0, seconds: float = 0, at: time | None = None
) -> Callable[[Run], Run]:
    """Registers the decorated function: at a period, or daily ``at`` a time of Paris (then no period is given)."""
    period = timedelta(hours=hours, minutes=minutes, seconds=seconds) if at is None else timedelta(days=1)
    if period <= timedelta(0):
        raise ValueError(f"{name}: a period is needed")

    def register(run: Run) -> Run:
        if name in _chores:
            raise ValueError(f"two chores named {name}")
        _chores[name] = Chore(name, run, period, at)
        return run

    return register


def registered() -> Mapping[str, Chore]:
    return dict(_chores)


def enrol(session: Session, chores: Mapping[str, Chore]) -> None:
    """Gives a row to the chores that have none: periodic ones are due at once, daily ones at their hour."""
    known = set(session.scalars(select(ChoreRow.name)))
    now = clock.now()
    for name in sorted(set(chores) - known):
        chore = chores[name]
        due_at = now if chore.at is None else chore.next_after(now)
        session.execute(insert(ChoreRow).values(name=name, due_at=due_at))


def due(session: Session, chores: Mapping[str, Chore]) -> bool:
    """Whether there is anything to claim: a read, so that an idle clock takes no lock."""
    query = select(ChoreRow.name).where(ChoreRow.due_at <= clock.now(), ChoreRow.name.in_(sorted(chores))).limit(1)
    return session.scalar(query) is not None


def claim(session: Session, chores: Mapping[str, Chore]) -> Chore | None:
    """Takes one chore that is due, for ``LEASE``; ``None`` when others have them all."""
    now = clock.now()
    name = session.scalar(
        select(ChoreRow.name)
        .where(ChoreRow.due_at <= now, ChoreRow.name.in_(sorted(chores)))
        .order_by(ChoreRow.due_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    if name is None:
        return None
    session.execute(update(ChoreRow).where(ChoreRow.name == name).values(due_at=now + LEASE, started_at=now))
    return chores[name]


def finish(session: Session, chore: Chore, error: str | None) -> None:
    """Notes how a run went and when the next one is due; what failed is tried again at its next period."""
    now = clock.now()
    session.execute(
        update(ChoreRow)
        .where(ChoreRow.name == chore.name)
        .values(due_at=chore.next_after(now), finished_at=now, error=error)
    )
