"""Days that close — strike, snow, trip — and open again (R-38)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from app import clock, journal
from app.agenda.activities import read_regulated
from app.agenda.judging import Change, Held, SessionKey
from app.agenda.loading import HELD_COLUMNS, counted, lock_sessions
from app.agenda.models import Activity, Booking, Closure
from app.agenda.states import TO_COME
from app.agenda.vocabulary import CLOSURES
from app.agenda.writing import new_act, tell, write
from app.db import new_id
from app.errors import Conflict, NotFound, Refused
from app.families.models import Child
from app.policy import Actor, Permission, require, require_everywhere

LONGEST = timedelta(days=92)
WORDS = 200
GONE = "Cette fermeture n’existe pas ou n’existe plus."


def close_days(
    session: Session,
    actor: Actor,
    *,
    first: date,
    last: date,
    kind: str,
    words: str = "",
    structure_id: uuid.UUID | None = None,
    activity_id: uuid.UUID | None = None,
) -> Closure:
    """Closes these days, both included: an activity's, a structure's, or the commune's without either.

    What was booked, asked for or waited for is cancelled free of charge, and each family is told once; its history
    stays. ``kind`` is a code of ``CLOSURES``; ``words`` what families read. Raises Forbidden, NotFound, Refused.
    """
    closure = _checked(session, actor, first, last, structure_id, activity_id)
    if kind not in CLOSURES:
        raise Refused("Choisissez une des réponses proposées.", "kind")
    if len(words) > WORDS:
        raise Refused(f"Ce texte est trop long\u00a0: {WORDS} caractères au plus.", "words")
    closure.kind, closure.words = kind, " ".join(words.split()) or CLOSURES[kind]
    closure.created_at, closure.created_by = clock.now(), actor.id
    # locked first, so that whoever is saving meanwhile is either seen here, or sees this closure
    keys = _sessions(session, closure) | {held.session for held in _concerned(session, closure)}
    arrivals = lock_sessions(session, keys)
    session.add(closure)
    session.flush()
    count = _cancel(session, actor, closure, arrivals)
    journal.record(session, actor, "days.closed", "closure", closure.id, kind=kind, bookings=count)
    return closure


def _checked(
    session: Session,
    actor: Actor,
    first: date,
    last: date,
    structure_id: uuid.UUID | None,
    activity_id: uuid.UUID | None,
) -> Closure:
    """The row of a closure that this agent may make, not stored yet. Raises Forbidden, NotFound, Refused."""
    if activity_id is not None:
        structure_id = _structure_of(session, activity_id)
    if structure_id is None:
        require_everywhere(actor, Permission.BOOKING_MANAGE)
    else:
        require(actor, Permission.BOOKING_MANAGE, structure_id)
    if not timedelta(0) <= last - first <= LONGEST or first < clock.today():
        raise Refused("Fermez des jours à venir, du premier au dernier, pour trois mois au plus.", "dates")
    return Closure(id=new_id(), structure_id=structure_id, activity_id=activity_id, first_day=first, last_day=last)


@dataclass(frozen=True)
class Affected:
    """A booking that a closure would cancel."""

    activity: str
    day: date
    child: str
    household_id: uuid.UUID
    state: str


def affected_by(
    session: Session,
    actor: Actor,
    *,
    first: date,
    last: date,
    structure_id: uuid.UUID | None = None,
    activity_id: uuid.UUID | None = None,
) -> Sequence[Affected]:
    """What ``close_days`` would cancel now, by activity, day and child; raises as it does."""
    closure = _checked(session, actor, first, last, structure_id, activity_id)
    query = _of_closure(
        closure,
        Activity.label.label("activity"),
        Booking.day,
        (Child.last_name + " " + Child.first_name).label("child"),
        Booking.household_id,
        Booking.state,
    ).join(Child, Child.id == Booking.child_id)
    rows = session.execute(query.order_by(Activity.rank, Activity.label, Booking.day, Child.sort_key, Booking.id))
    return [Affected(*row) for row in rows]


def reopen_days(session: Session, actor: Actor, closure_id: uuid.UUID) -> None:
    """Opens again: families may book anew. What was cancelled stays so: they have made other arrangements since."""
    closure = session.scalars(select(Closure).where(Closure.id == closure_id).with_for_update()).one_or_none()
    if closure is None:
        raise NotFound(GONE)
    require(actor, Permission.BOOKING_MANAGE)
    if closure.structure_id is None:
        require_everywhere(actor, Permission.BOOKING_MANAGE)
    elif actor.kind != "system" and not actor.can(Permission.BOOKING_MANAGE, closure.structure_id):
        raise NotFound(GONE)
    if closure.reopened_at is not None:
        raise Conflict("Ces jours sont déjà ouverts de nouveau.")
    closure.reopened_at = clock.now()
    session.flush()
    journal.record(session, actor, "days.reopened", "closure", closure.id)


def closures_to_come(session: Session, actor: Actor) -> Sequence[Closure]:
    """The closures that are not over, of this agent's structures and of the commune. One statement."""
    require(actor, Permission.BOOKING_MANAGE)
    query = select(Closure).where(Closure.last_day >= clock.today(), Closure.reopened_at.is_(None))
    scope = None if actor.kind == "system" else actor.structures(Permission.BOOKING_MANAGE)
    if scope is not None:
        query = query.where(or_(Closure.structure_id.is_(None), Closure.structure_id.in_(scope)))
    return session.scalars(query.order_by(Closure.first_day, Closure.id)).all()


def _structure_of(session: Session, activity_id: uuid.UUID) -> uuid.UUID:
    found = session.scalar(select(Activity.structure_id).where(Activity.id == activity_id))
    if found is None:
        raise NotFound("Cette activité n’existe pas ou n’existe plus.")
    return found


def _sessions(session: Session, closure: Closure) -> set[SessionKey]:
    """Every session that the closure may concern, whether somebody has booked it or not."""
    days = [
        date.fromordinal(ordinal) for ordinal in range(closure.first_day.toordinal(), closure.last_day.toordinal() + 1)
    ]
    return {
        (activity.id, day, group.id)
        for activity in read_regulated(session)
        if closure.structure_id in (None, activity.card.structure_id) and closure.activity_id in (None, activity.id)
        for group in activity.groups
        for day in days
        if day.isoweekday() in activity.card.weekdays
    }


def _of_closure(closure: Closure, *columns: Any) -> Select[*tuple[Any, ...]]:
    query = select(*columns).join(Activity, Activity.id == Booking.activity_id)
    query = query.where(Booking.day.between(closure.first_day, closure.last_day), Booking.state.in_(TO_COME))
    if closure.activity_id is not None:
        return query.where(Booking.activity_id == closure.activity_id)
    if closure.structure_id is not None:
        return query.where(Activity.structure_id == closure.structure_id)
    return query


def _concerned(session: Session, closure: Closure) -> list[Held]:
    """The bookings that the closure takes away."""
    rows = session.execute(_of_closure(closure, *HELD_COLUMNS).order_by(Booking.day, Booking.id))
    return [Held(*row) for row in rows]


def _cancel(session: Session, actor: Actor, closure: Closure, arrivals: Mapping[SessionKey, int]) -> int:
    found = _concerned(session, closure)
    if not found:
        return 0
    places = counted(session, {each.session for each in found}, arrivals)
    changes = []
    for held in found:
        if held.state == "waiting":
            places[held.session].waiting -= 1
        else:
            places[held.session].held -= 1
        key = held.child_id, held.activity_id, held.day
        changes.append(Change(key, held.group_id, held, "closed", reason=closure.kind))
    act = new_act(clock.now(), actor.id)
    write(session, act, changes, places)
    tell(session, act, "closed", closure_id=str(closure.id))
    return len(changes)
