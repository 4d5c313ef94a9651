"""Sheets of a day: who is expected where, what is marked, and what whoever reads may know of each child (R9, R-43)."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from app import clock, journal
from app.agenda.activities import Agenda, Regulated, agendas, read_regulated
from app.agenda.attendance import ALREADY_THERE, AT_THE_DOOR, COLLECTED_FROM, departure_words, shown
from app.agenda.attendance_marks import LastMark, last_marks, token_of
from app.agenda.models import Absence, AbsenceSlot, Booking, Enrolment
from app.agenda.states import ABSENT, STATES
from app.agenda.vocabulary import REASONS
from app.errors import NotFound
from app.families.consents import age_on, authorisations_of
from app.families.meals import Code, Meal, meals_of
from app.families.models import Child
from app.families.pickup import PickupCard, blocked_of, persons_of
from app.policy import Actor, Permission, require
from app.town.queries import structure_names

NOT_YOURS = "Cette feuille n’existe pas ou ne vous est pas confiée."
ON_SHEET = ("booked", "requested", "cancel_requested", "present", "present_unbooked", *ABSENT)


BookingRow = Row[*tuple[Any, ...]]


@dataclass(frozen=True)
class SheetCard:
    """A sheet of the list: how many are expected (announced absences left out), present, absent, still to mark."""

    activity: Regulated
    structure: str
    closed: str
    expected: int
    present: int
    absent: int
    waiting: int


@dataclass(frozen=True)
class Line:
    """A child on a sheet. ``marked`` is a code of ``attendance.KINDS``; ``token`` goes back with a mark.

    ``meal`` is ``None`` for whoever may not read it; ``persons``, ``blocked`` and ``alone`` where children are handed
    over only.
    """

    child_id: uuid.UUID
    name: str
    age: int
    school: str
    level: str
    state: str
    marked: str
    token: str
    left_at: str
    departure: str
    minutes: int
    absence: str
    noted_at: datetime | None
    marked_by: str
    marked_at: datetime | None
    meal: Meal | None
    persons: tuple[PickupCard, ...] = ()
    blocked: tuple[PickupCard, ...] = ()
    alone: bool = False

    @property
    def unbooked(self) -> bool:
        return self.state == "present_unbooked"

    @property
    def state_label(self) -> str:
        return STATES[self.state].label


@dataclass(frozen=True)
class Sheet:
    """One activity on one day. ``others`` are enrolled and not expected: whoever comes all the same is most often one
    of them, and is marked without a network too."""

    activity: Regulated
    structure: str
    day: date
    closed: str
    lines: tuple[Line, ...]
    others: tuple[tuple[uuid.UUID, str], ...]
    collects: bool
    may_read_health: bool

    @property
    def counts(self) -> Mapping[str, int]:
        """``expected``, ``present``, ``absent``, ``unmarked``, ``late`` (left after the end)."""
        present = [line for line in self.lines if line.marked in ("present", "left")]
        absent = [line for line in self.lines if line.marked == "absent"]
        return {
            "expected": len([line for line in self.lines if not line.unbooked and line.state not in ABSENT]),
            "present": len(present),
            "absent": len(absent),
            "unmarked": len(self.lines) - len(present) - len(absent),
            "late": len([line for line in self.lines if line.minutes]),
        }

    @property
    def meals(self) -> Sequence[tuple[Code, int, int]]:
        """Each diet with the meals to serve (absences left out) and the children who are there; empty without right."""
        served: Counter[Code] = Counter()
        there: Counter[Code] = Counter()
        for line in self.lines:
            if line.meal is not None and line.marked != "absent":
                served[line.meal.diet] += 1
                there[line.meal.diet] += line.marked in ("present", "left")
        return [(code, count, there[code]) for code, count in sorted(served.items(), key=lambda item: item[0].letters)]


def sheets_of(session: Session, actor: Actor, day: date) -> list[SheetCard]:
    """The sheets of a day that this agent may see, in the order of the day. Raises Forbidden."""
    mine = activities_of(session, actor)
    known, names = agendas(session, mine, day, day), structure_names(session)
    query = (
        select(Booking.activity_id, Booking.state, func.count().label("children"))
        .where(Booking.day == day, Booking.activity_id.in_([each.id for each in mine]), Booking.state.in_(ON_SHEET))
        .group_by(Booking.activity_id, Booking.state)
    )
    counts: dict[uuid.UUID, Counter[str]] = {each.id: Counter() for each in mine}
    for row in session.execute(query):
        counts[row.activity_id][row.state] = row.children
    found = []
    for each in mine:
        of, closed = counts[each.id], _closed(known[each.id], day)
        present = of["present"] + of["present_unbooked"]
        absent = sum(of[state] for state in ABSENT)
        waiting = of["booked"] + of["requested"] + of["cancel_requested"]
        name = names.get(each.card.structure_id, "")
        if closed and not of:
            continue
        found.append(SheetCard(each, name, closed, of["present"] + waiting, present, absent, waiting))
    return found


@dataclass(frozen=True)
class Unfinished:
    """A sheet of the last days where children are still to be marked, and how many."""

    activity: Regulated
    day: date
    children: int


def unfinished_sheets(session: Session, actor: Actor) -> list[Unfinished]:
    """Those of the days that may still be marked at the door, the latest first. Raises Forbidden. One statement."""
    mine = {each.id: each for each in activities_of(session, actor)}
    today = clock.today()
    query = (
        select(Booking.activity_id, Booking.day, func.count().label("children"))
        .where(Booking.activity_id.in_(mine), Booking.state.in_(("booked", "requested", "cancel_requested")))
        .where(Booking.day >= today - AT_THE_DOOR, Booking.day < today)
        .group_by(Booking.activity_id, Booking.day)
    )
    found = [Unfinished(mine[row.activity_id], row.day, row.children) for row in session.execute(query)]
    return sorted(found, key=lambda each: (-each.day.toordinal(), each.activity.card.starts_at))


def sheet(session: Session, actor: Actor, activity_id: uuid.UUID, day: date) -> Sheet:
    """One sheet. Reading the codes of meals is journaled (R-73). Raises Forbidden, NotFound. A dozen statements."""
    activity = regulated(session, actor, activity_id)
    rows = _bookings(session, activity.id, day)
    children = [row.child_id for row in rows]
    names = structure_names(session)
    marks = last_marks(session, activity.id, day)
    said = _announced(session, activity.id, day)
    meals = _meals(session, actor, activity, day, children)
    collects = activity.card.ends_at >= COLLECTED_FROM
    leaving = _leaving(session, rows, day) if collects else {}
    lines = (_line(row, day, names, marks.get(row.id), said.get(row.child_id), meals.get(row.child_id)) for row in rows)
    [known] = agendas(session, [activity], day, day).values()
    return Sheet(
        activity=activity,
        structure=names.get(activity.card.structure_id, ""),
        day=day,
        closed=_closed(known, day),
        lines=tuple(replace(line, **leaving.get(line.child_id, {})) for line in lines),
        others=_enrolled(session, activity.id, day, set(children)),
        collects=collects,
        may_read_health=may_do(actor, Permission.HEALTH_READ, activity),
    )


def _line(
    row: BookingRow,
    day: date,
    names: Mapping[uuid.UUID, str],
    last: LastMark | None,
    said: Announced | None,
    meal: Meal | None,
) -> Line:
    left = last if last is not None and last.kind == "left" and row.state in ALREADY_THERE else None
    return Line(
        child_id=row.child_id,
        name=f"{row.last_name} {row.first_name}",
        age=age_on(row.birth_date, day),
        school=names.get(row.school_id, "") if row.school_id else "",
        level=row.level,
        state=row.state,
        marked=shown(row.state, last.kind if last is not None else ""),
        token=token_of(row.id, row.version),
        left_at=left.left_at if left is not None else "",
        departure=departure_words(left.left_at, left.minutes) if left is not None else "",
        minutes=left.minutes if left is not None else 0,
        absence=said.reason if said is not None and row.state in ABSENT else "",
        noted_at=said.noted_at if said is not None else None,
        marked_by=last.by if last is not None and last.kind != "expected" else "",
        marked_at=last.at if last is not None and last.kind != "expected" else None,
        meal=meal,
    )


def _leaving(session: Session, rows: Sequence[BookingRow], day: date) -> Mapping[uuid.UUID, Mapping[str, Any]]:
    """Who may come for each child that day, who must not, and who goes home alone (R-23, R-24). Four statements."""
    children = [row.child_id for row in rows]
    persons, blocked = persons_of(session, children), blocked_of(session, children)
    alone = authorisations_of(session, [_Kid(row.child_id, row.birth_date) for row in rows])
    return {
        child_id: {
            "persons": tuple(each for each in persons[child_id] if each.since <= day),
            "blocked": tuple(each for each in blocked[child_id] if each.since <= day),
            "alone": alone[child_id]["sortie_seul"].valid,
        }
        for child_id in children
    }


def activities_of(session: Session, actor: Actor) -> list[Regulated]:
    """The activities whose sheets this agent may see, in the order of the day. Raises Forbidden. One statement."""
    require(actor, Permission.ATTENDANCE_MARK)
    return [each for each in read_regulated(session) if may_do(actor, Permission.ATTENDANCE_MARK, each)]


def regulated(session: Session, actor: Actor, activity_id: uuid.UUID) -> Regulated:
    """An activity whose sheets this agent may see. Raises Forbidden without the permission, else NotFound."""
    for each in activities_of(session, actor):
        if each.id == activity_id:
            return each
    raise NotFound(NOT_YOURS)


@dataclass(frozen=True)
class Announced:
    """An absence that a family declared: its reason in French, and when."""

    reason: str
    noted_at: datetime


@dataclass(frozen=True)
class _Kid:
    id: uuid.UUID
    birth_date: date


def may_do(actor: Actor, permission: Permission, activity: Regulated) -> bool:
    """Whether this agent holds the permission where the activity is."""
    return actor.kind == "system" or actor.can(permission, activity.card.structure_id)


def _closed(agenda: Agenda, day: date) -> str:
    closed = agenda.why_closed(day)
    return closed.words if closed is not None else ""


def _bookings(session: Session, activity_id: uuid.UUID, day: date) -> Sequence[BookingRow]:
    columns = (Child.first_name, Child.last_name, Child.birth_date, Child.school_id, Child.level)
    query = (
        select(Booking.id, Booking.child_id, Booking.state, Booking.version, *columns)
        .join(Child, Child.id == Booking.child_id)
        .where(Booking.activity_id == activity_id, Booking.day == day, Booking.state.in_(ON_SHEET))
        .order_by(Child.sort_key, Child.id)
    )
    return session.execute(query).all()


def _meals(
    session: Session, actor: Actor, activity: Regulated, day: date, children: Collection[uuid.UUID]
) -> dict[uuid.UUID, Meal]:
    if not may_do(actor, Permission.DIET_READ, activity):
        return {}
    details = {"day": day.isoformat(), "children": len(children)}
    journal.record(session, actor, "attendance.diets_read", "activity", activity.id, **details)
    return meals_of(session, children)


def _announced(session: Session, activity_id: uuid.UUID, day: date) -> dict[uuid.UUID, Announced]:
    """What families announced, by child: the first who said so counts. One statement."""
    query = (
        select(AbsenceSlot.child_id, AbsenceSlot.noted_at, Absence.reason)
        .join(Absence, Absence.id == AbsenceSlot.absence_id)
        .where(AbsenceSlot.activity_id == activity_id, AbsenceSlot.day == day)
        .order_by(AbsenceSlot.noted_at.desc())
    )
    return {row.child_id: Announced(REASONS.get(row.reason, "Absence"), row.noted_at) for row in session.execute(query)}


def _enrolled(
    session: Session, activity_id: uuid.UUID, day: date, there: Collection[uuid.UUID]
) -> tuple[tuple[uuid.UUID, str], ...]:
    """Who is enrolled that day and not on the sheet, by name. One statement."""
    query = (
        select(Child.id, Child.first_name, Child.last_name)
        .join(Enrolment, Enrolment.child_id == Child.id)
        .where(Enrolment.activity_id == activity_id, Enrolment.state == "active")
        .where(Enrolment.first_day <= day, Enrolment.last_day >= day)
        .order_by(Child.sort_key, Child.id)
    )
    rows = {row.id: f"{row.last_name} {row.first_name}" for row in session.execute(query) if row.id not in there}
    return tuple(rows.items())
