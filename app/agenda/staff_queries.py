"""What agents read of a day: places taken and left, requests, who waits, activity by activity."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.agenda.activities import KEPT_REGULATED, Regulated, agendas
from app.agenda.models import Booking
from app.agenda.states import STATES
from app.errors import NotFound
from app.families.models import Child
from app.policy import Actor, Permission, require
from app.town.queries import StructureView, structure_names, structures


@dataclass(frozen=True)
class Waiting:
    """Somebody on the list: at a rank, or with a place offered until an instant."""

    child: str
    rank: int | None
    until: datetime | None


@dataclass(frozen=True)
class GroupDay:
    """An age group on a day. ``capacity`` is ``None`` when nothing bounds it; ``held`` counts every place taken, of
    which ``requested`` wait for an answer."""

    label: str
    capacity: int | None
    held: int
    requested: int
    waiting: Sequence[Waiting]

    @property
    def left(self) -> int | None:
        return None if self.capacity is None else max(0, self.capacity - self.held)


@dataclass(frozen=True)
class ActivityDay:
    """An activity on a day; ``closed`` says why it is not held."""

    id: uuid.UUID
    label: str
    structure: str
    hours: str
    closed: str
    groups: Sequence[GroupDay]


def managed_structures(session: Session, actor: Actor) -> list[StructureView]:
    """The open structures whose bookings this agent manages. No statement (kept by the town)."""
    scope = actor.structures(Permission.BOOKING_MANAGE)
    return [each for each in structures(session, open_only=True) if scope is None or each.id in scope]


def managed_activities(session: Session, actor: Actor, structure_id: uuid.UUID | None = None) -> list[Regulated]:
    """The activities whose bookings this agent manages, of one structure or of all of his.

    Raises Forbidden, NotFound for a structure that is not his.
    """
    require(actor, Permission.BOOKING_MANAGE)
    scope = actor.structures(Permission.BOOKING_MANAGE)
    if structure_id is not None and scope is not None and structure_id not in scope:
        raise NotFound("Cette structure n’existe pas ou ne vous est pas confiée.")
    return [
        each
        for each in KEPT_REGULATED.get(session)
        if (scope is None or each.card.structure_id in scope) and structure_id in (None, each.card.structure_id)
    ]


def places_of_day(
    session: Session, actor: Actor, day: date, structure_id: uuid.UUID | None = None
) -> Sequence[ActivityDay]:
    """The places of each activity of that weekday. Two statements, once the activities are known; raises as
    ``managed_activities`` does."""
    held = [each for each in managed_activities(session, actor, structure_id) if day.isoweekday() in each.card.weekdays]
    calendars, names = agendas(session, held, day, day), structure_names(session)
    rows: dict[tuple[uuid.UUID, uuid.UUID], list[tuple[str, str, datetime | None]]] = {}
    for row in session.execute(
        select(
            Booking.activity_id,
            Booking.group_id,
            Booking.state,
            Booking.offered_until,
            (Child.last_name + " " + Child.first_name).label("child"),
        )
        .join(Child, Child.id == Booking.child_id)
        .where(Booking.activity_id.in_([each.id for each in held]), Booking.day == day)
        .order_by(Booking.queue, Child.sort_key, Booking.id)
    ):
        rows.setdefault((row.activity_id, row.group_id), []).append((row.state, row.child, row.offered_until))
    found = []
    for each in held:
        closed = calendars[each.id].why_closed(day)
        groups = [_group(group.label, group.capacity, rows.get((each.id, group.id), [])) for group in each.groups]
        words = closed.words if closed is not None else ""
        place = names.get(each.card.structure_id, "")
        found.append(ActivityDay(each.id, each.card.label, place, each.card.hours, words, groups))
    return found


def _group(label: str, capacity: int | None, rows: Sequence[tuple[str, str, datetime | None]]) -> GroupDay:
    waiting = [Waiting(child, rank, None) for rank, child in enumerate((c for s, c, _ in rows if s == "waiting"), 1)]
    offered = [Waiting(child, None, until) for state, child, until in rows if state == "offered"]
    return GroupDay(
        label,
        capacity,
        held=sum(STATES[state].holds for state, _, _ in rows),
        requested=sum(state in ("requested", "cancel_requested") for state, _, _ in rows),
        waiting=[*offered, *waiting],
    )
