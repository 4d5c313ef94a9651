"""Children whom a sheet does not name, and what may be read of one whom it names."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import journal
from app.agenda.attendance_sheets import NOT_YOURS, ON_SHEET, may_do, regulated
from app.agenda.models import Booking
from app.errors import Forbidden, NotFound
from app.families.consents import Health, age_on, health_of
from app.families.models import Child, FamilyWord
from app.families.words import LAST, query_tokens
from app.policy import Actor, Permission
from app.town.queries import structure_names

FOUND_AT_ONCE = 12


@dataclass(frozen=True)
class FoundChild:
    """A child of the commune, as somebody at the door tells one from another: no address, no family."""

    id: uuid.UUID
    name: str
    age: int
    school: str
    level: str


def children_named(
    session: Session, actor: Actor, activity_id: uuid.UUID, day: date, text: str
) -> Sequence[FoundChild]:
    """Children of the commune whose name has these words and who are not on that sheet, a dozen at most.

    Nothing for less than two letters. Raises Forbidden, NotFound. Two statements.
    """
    activity = regulated(session, actor, activity_id)
    tokens = [token for token in query_tokens(text) if token.isalpha()]
    if not tokens:
        return ()
    there = select(Booking.child_id).where(
        Booking.activity_id == activity.id, Booking.day == day, Booking.state.in_(ON_SHEET)
    )
    query = select(Child.id, Child.first_name, Child.last_name, Child.birth_date, Child.school_id, Child.level)
    for token in tokens:
        begins = (FamilyWord.word >= token, FamilyWord.word < token + LAST)
        query = query.where(Child.id.in_(select(FamilyWord.subject_id).where(*begins)))
    names = structure_names(session)
    rows = session.execute(query.where(Child.id.not_in(there)).order_by(Child.sort_key, Child.id).limit(FOUND_AT_ONCE))
    return [
        FoundChild(
            row.id,
            f"{row.last_name} {row.first_name}",
            age_on(row.birth_date, day),
            names.get(row.school_id, "") if row.school_id else "",
            row.level,
        )
        for row in rows
    ]


def health_at_the_door(
    session: Session, actor: Actor, activity_id: uuid.UUID, day: date, child_id: uuid.UUID
) -> tuple[str, Health]:
    """The name and the health of a child of that sheet, PAI included: for whoever may read it there, and journaled.

    Raises Forbidden without ``health:read`` for that structure, NotFound for a child who is not on the sheet (R-73).
    """
    activity = regulated(session, actor, activity_id)
    if not may_do(actor, Permission.HEALTH_READ, activity):
        raise Forbidden
    query = select(Child.first_name, Child.last_name).join(Booking, Booking.child_id == Child.id)
    row = session.execute(
        query.where(
            Booking.activity_id == activity.id,
            Booking.day == day,
            Booking.child_id == child_id,
            Booking.state.in_(ON_SHEET),
        )
    ).first()
    if row is None:
        raise NotFound(NOT_YOURS)
    journal.record(session, actor, "child.health_read", "child", child_id)
    return f"{row.first_name} {row.last_name}", health_of(session, child_id)
