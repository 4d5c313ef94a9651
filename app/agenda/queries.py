"""Reads of the agenda: activities, and the staff's list « Absences du jour »."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from app import clock
from app.agenda.days import ActivityCard
from app.agenda.models import Absence, AbsenceSlot, Activity
from app.agenda.vocabulary import REASONS
from app.errors import NotFound
from app.families.models import Child
from app.kept import Kept
from app.policy import Actor, Permission, require
from app.town.queries import StructureView, structure_names, structures

ACTIVITY_COLUMNS = (
    Activity.id,
    Activity.code,
    Activity.label,
    Activity.structure_id,
    Activity.weekdays,
    Activity.starts_at,
    Activity.ends_at,
)


def _read_activities(session: Session) -> tuple[ActivityCard, ...]:
    query = select(*ACTIVITY_COLUMNS).where(Activity.open).order_by(Activity.rank, Activity.starts_at, Activity.code)
    return tuple(ActivityCard(**{**row._mapping, "weekdays": tuple(row.weekdays)}) for row in session.execute(query))


KEPT_ACTIVITIES = Kept(_read_activities)


def activities(session: Session, structure_id: uuid.UUID | None = None) -> list[ActivityCard]:
    """The activities that are open, of one structure or of all, in the order of the day. No statement when fresh."""
    return [a for a in KEPT_ACTIVITIES.get(session) if structure_id is None or a.structure_id == structure_id]


def structure_of_activity(session: Session, chosen: str) -> uuid.UUID | None:
    """The structure that holds the activity chosen in a form (« CANT », « VAC_J:2027-02-22 »), ``None`` for what names
    none. No statement when fresh."""
    code = chosen.partition(":")[0]
    return next((each.structure_id for each in KEPT_ACTIVITIES.get(session) if each.code == code), None)


def every_activity(session: Session, structure_id: uuid.UUID) -> Sequence[Activity]:
    """The activities of a structure, closed ones too, in the order of the day. One statement."""
    query = select(Activity).where(Activity.structure_id == structure_id)
    return session.scalars(query.order_by(Activity.rank, Activity.starts_at, Activity.code)).all()


def activity_of(session: Session, structure_id: uuid.UUID, activity_id: uuid.UUID) -> Activity:
    """One activity of that structure. Raises NotFound, for another structure's too."""
    found = session.get(Activity, activity_id)
    if found is None or found.structure_id != structure_id:
        raise NotFound("Cette activité n’existe pas ou n’existe plus.")
    return found


@dataclass(frozen=True)
class AbsentChild:
    """A line of the list. No health, no reason typed by the family beyond its code: the sheet is pinned to a wall."""

    child_id: uuid.UUID
    name: str
    school: str
    level: str
    reason: str
    noted_at: datetime
    until: date
    case_id: uuid.UUID

    @property
    def declared_today(self) -> bool:
        """Said today: what the staff has not seen yet when it printed the sheet this morning (R-42)."""
        return clock.in_paris(self.noted_at).date() == clock.today()


@dataclass(frozen=True)
class AbsentGroup:
    """The absent children of one activity, in alphabetical order."""

    structure_id: uuid.UUID
    structure: str
    activity: str
    starts_at: str
    children: tuple[AbsentChild, ...]


def readable_structures(session: Session, actor: Actor) -> list[StructureView]:
    """The open structures whose absences this agent may read. No statement (kept by the town)."""
    scope = actor.structures(Permission.ABSENCE_READ)
    return [s for s in structures(session, open_only=True) if scope is None or s.id in scope]


def absences_on(
    session: Session, actor: Actor, day: date, structure_id: uuid.UUID | None = None
) -> Sequence[AbsentGroup]:
    """Who is absent that day, by structure and activity; only activities with an absence. One statement.

    Raises Forbidden without ``absence:read``, NotFound for a structure that is not this agent's.
    """
    require(actor, Permission.ABSENCE_READ)
    query = _absent(actor, day, structure_id)
    names = structure_names(session)
    groups: dict[uuid.UUID, list[AbsentChild]] = {}
    heads: dict[uuid.UUID, tuple[uuid.UUID, str, str, str]] = {}
    seen: set[tuple[uuid.UUID, uuid.UUID]] = set()
    for row in session.execute(query):
        if (row.id, row.child_id) in seen:  # both parents said so: one child, one line
            continue
        seen.add((row.id, row.child_id))
        heads[row.id] = (row.structure_id, names.get(row.structure_id, ""), row.label, row.starts_at)
        groups.setdefault(row.id, []).append(
            AbsentChild(
                child_id=row.child_id,
                name=f"{row.last_name} {row.first_name}",
                school=names.get(row.school_id, "") if row.school_id else "",
                level=row.level,
                reason=REASONS.get(row.reason, row.reason),
                noted_at=row.noted_at,
                until=row.to_date,
                case_id=row.case_id,
            )
        )
    return [AbsentGroup(*heads[activity], tuple(children)) for activity, children in groups.items()]


def _absent(actor: Actor, day: date, structure_id: uuid.UUID | None) -> Select[*tuple[Any, ...]]:
    """The slots of that day where this agent may read them, or in the one asked. Raises NotFound when it is not his."""
    scope = None if actor.kind == "system" else actor.structures(Permission.ABSENCE_READ)
    query = (
        select(
            AbsenceSlot.structure_id,
            AbsenceSlot.noted_at,
            Activity.id,
            Activity.label,
            Activity.starts_at,
            Absence.case_id,
            Absence.reason,
            Absence.to_date,
            Child.id.label("child_id"),
            Child.first_name,
            Child.last_name,
            Child.school_id,
            Child.level,
        )
        .join(Absence, Absence.id == AbsenceSlot.absence_id)
        .join(Activity, Activity.id == AbsenceSlot.activity_id)
        .join(Child, Child.id == AbsenceSlot.child_id)
        .where(AbsenceSlot.day == day)
        .order_by(Activity.rank, Activity.starts_at, Activity.code, Child.sort_key, Child.id, AbsenceSlot.noted_at)
    )
    if structure_id is not None:
        if scope is not None and structure_id not in scope:
            raise NotFound("Cette structure n’existe pas ou ne vous est pas confiée.")
        query = query.where(AbsenceSlot.structure_id == structure_id)
    elif scope is not None:
        query = query.where(AbsenceSlot.structure_id.in_(scope))
    return query


def absence_of_case(session: Session, case_id: uuid.UUID) -> Absence | None:
    """The absence that a case declared, if any. Whoever may read the case may read it."""
    return session.scalars(select(Absence).where(Absence.case_id == case_id)).one_or_none()
