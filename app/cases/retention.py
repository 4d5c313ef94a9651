"""How long a demande is kept once it ended (R-75), and which are erased at the next night.

The setting that counts is that of the version in line, for every demande of the démarche whatever its own version
(decision 0022). Days are those of Paris.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from sqlalchemy import ColumnElement, and_, exists, func, select
from sqlalchemy.orm import Session

from app import clock
from app.agenda.models import Absence
from app.cases.models import Case
from app.clock import months_after
from app.engine.models import Instance
from app.errors import NotFound
from app.journal import JournalEntry
from app.procedures.models import Procedure, Version
from app.procedures.queries import content_of, published

NIGHT = time(3, 50)
ERASED, PROVED = "case.erased", "case.erasures_proved"
"""What the journal says of one demande, and of a whole night."""


# -- days ------------------------------------------------------------------------------------------------------------


def last_day_kept(ended_at: datetime, months: int) -> date:
    """The last day on which a demande that ended then is still there: so many months later, never fewer."""
    return months_after(clock.in_paris(ended_at).date(), months)


def first_end_kept(today: date, months: int) -> date:
    """The first day whose demandes are still kept ``today``: those that ended before it are erased tonight."""
    day = months_after(today, -months)
    while months_after(day, months) < today:  # several days end on the last one of a shorter month
        day += timedelta(days=1)
    return day


def midnight(day: date) -> datetime:
    """The instant at which that day begins in Paris."""
    return datetime.combine(day, time(), tzinfo=clock.PARIS)


def next_night() -> date:
    """The day whose night comes next."""
    now = clock.in_paris(clock.now())
    return now.date() + timedelta(days=0 if now.time() < NIGHT else 1)


def erased_on(session: Session, case: Case) -> date | None:
    """The day on which the family will not find this demande any more; ``None`` while it runs, or is held."""
    if case.closed_at is None or case.held_at is not None:
        return None
    gone = last_day_kept(case.closed_at, _months_of(session, case)) + timedelta(days=1)
    return max(gone, next_night())


def _months_of(session: Session, case: Case) -> int:
    try:
        bundle_hash = published(session, case.slug).bundle_hash
    except NotFound:
        bundle_hash = case.bundle_hash
    return content_of(session, bundle_hash).settings.retention_months


# -- which demandes --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Kept:
    """A démarche and how long its demandes are kept."""

    procedure_id: uuid.UUID
    slug: str
    title: str
    months: int


def kept_by_procedure(session: Session) -> Sequence[Kept]:
    """Every démarche with the setting of its version in line, in the order of the catalogue."""
    rows = session.execute(
        select(Procedure.id, Procedure.slug, Procedure.title, Version.bundle_hash)
        .join(Version, Version.id == Procedure.version_id)
        .order_by(Procedure.position, Procedure.title)
    ).all()
    return [Kept(*row[:3], content_of(session, row.bundle_hash).settings.retention_months) for row in rows]


def is_due(kept: Kept, today: date) -> ColumnElement[bool]:
    """What makes a demande due that day, held or not: ended for long enough, and about days that are over."""
    ended = exists().where(Instance.case_id == Case.id, Instance.ended_at.is_not(None))
    ahead = exists().where(Absence.case_id == Case.id, Absence.to_date >= today)
    before = midnight(first_end_kept(today, kept.months))
    return and_(Case.procedure_id == kept.procedure_id, Case.closed_at < before, ended, ~ahead)


@dataclass(frozen=True)
class Line:
    """What the next night does with the demandes of a démarche."""

    kept: Kept
    due: int
    held: int


def dry_run(session: Session, today: date) -> Sequence[Line]:
    """What the night of that day would erase, démarche by démarche; nothing is written."""
    lines = []
    for kept in kept_by_procedure(session):
        free, held = session.execute(
            select(
                func.count().filter(Case.held_at.is_(None)),
                func.count().filter(Case.held_at.is_not(None)),
            )
            .select_from(Case)
            .where(is_due(kept, today))
        ).one()
        lines.append(Line(kept, free, held))
    return lines


# -- the proof -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Night:
    """A night as the journal tells it: what was announced, what its entries say, what is still there of it.

    ``by_procedure``: slug → demandes erased. ``remaining``: due and not erased (out of time, or failed).
    """

    at: datetime
    seq: int
    announced: int
    written: int
    still_there: int
    by_procedure: Mapping[str, int]
    held: int
    remaining: int

    @property
    def proved(self) -> bool:
        return self.announced == self.written and not self.still_there


def erased_between(session: Session, after: int, before: int | None = None) -> Counter[str]:
    """Demandes erased by démarche, as the journal has them between two of its entries (both left out)."""
    query = select(JournalEntry.details).where(JournalEntry.action == ERASED, JournalEntry.seq > after)
    if before is not None:
        query = query.where(JournalEntry.seq < before)
    return Counter(str(details["procedure"]) for details in session.scalars(query))


def last_proof(session: Session, before: int | None = None) -> JournalEntry | None:
    """The entry that closed the last night, or the last one before this entry."""
    query = select(JournalEntry).where(JournalEntry.action == PROVED)
    if before is not None:
        query = query.where(JournalEntry.seq < before)
    return session.scalars(query.order_by(JournalEntry.seq.desc()).limit(1)).one_or_none()


def last_night(session: Session) -> Night | None:
    """The last night that ended, checked against the journal's entries and the rows that remain."""
    entry = last_proof(session)
    if entry is None:
        return None
    previous = last_proof(session, entry.seq)
    after = previous.seq if previous is not None else 0
    found = erased_between(session, after, entry.seq)
    erased = select(JournalEntry.object_id).where(
        JournalEntry.action == ERASED, JournalEntry.seq > after, JournalEntry.seq < entry.seq
    )
    still_there = session.scalar(select(func.count()).select_from(Case).where(Case.id.in_(erased))) or 0
    return Night(
        at=entry.at,
        seq=entry.seq,
        announced=int(entry.details["erased"]),
        written=found.total(),
        still_there=still_there,
        by_procedure=dict(found),
        held=int(entry.details["held"]),
        remaining=int(entry.details["remaining"]),
    )
