"""Lists of an activity over a period, to be opened elsewhere: presences, absences, bookings (R9, G6). Journaled."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from datetime import date, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import journal
from app.agenda.attendance_sheets import activities_of
from app.agenda.models import Absence, AbsenceSlot, Activity, AttendanceMark, Booking
from app.agenda.prices import due
from app.agenda.states import ABSENT, STATES
from app.agenda.vocabulary import REASONS
from app.errors import Refused
from app.families.models import Child
from app.policy import Actor
from app.tables import Cell, Table
from forms.french import time_text

LONGEST = timedelta(days=366)
LISTS: Mapping[str, tuple[str, Collection[str] | None]] = {
    "presences": ("Présences", ("present", "present_unbooked")),
    "absences": ("Absences", ABSENT),
    "reservations": ("Réservations", None),
}
"""Each list: what it is called, and the states that it holds; ``None`` for all of them, history included."""
COLUMNS = ("Jour", "Activité", "Nom", "Prénom", "Niveau", "État", "Motif", "Départ", "Minutes de retard", "Facturation")


def attendance_table(
    session: Session, actor: Actor, what: str, first: date, last: date, activity_id: uuid.UUID | None = None
) -> Table:
    """A list of ``LISTS`` over these days, both included: of one activity, or of all that this agent may see.

    The journal says who took which list, never what is in it. Raises Forbidden, Refused (field). Three statements.
    """
    if what not in LISTS:
        raise Refused("Choisissez une des listes proposées.", "what")
    if not timedelta(0) <= last - first <= LONGEST:
        raise Refused("La période va d’un premier à un dernier jour, un an au plus.", "last")
    mine = {each.id for each in activities_of(session, actor)}
    wanted = mine if activity_id is None else mine & {activity_id}
    if not wanted:
        raise Refused("Choisissez une activité de vos structures.", "activity")
    title, states = LISTS[what]
    rows = _rows(session, wanted, first, last, states)
    details = {"list": what, "first": first.isoformat(), "last": last.isoformat(), "rows": len(rows)}
    journal.record(session, actor, "attendance.exported", "activity", activity_id, **details)
    return Table(f"{title} {first:%d-%m-%Y}", COLUMNS, rows)


def _rows(
    session: Session, activities: Collection[uuid.UUID], first: date, last: date, states: Collection[str] | None
) -> list[list[Cell]]:
    period = (Booking.activity_id.in_(activities), Booking.day.between(first, last))
    query = (
        select(
            Booking.id, Booking.child_id, Booking.activity_id, Booking.day, Booking.state, Booking.cents,
            Activity.label, Child.first_name, Child.last_name, Child.level,
        )
        .join(Activity, Activity.id == Booking.activity_id)
        .join(Child, Child.id == Booking.child_id)
        .where(*period)
        .order_by(Booking.day, Activity.rank, Activity.starts_at, Child.sort_key, Booking.asked_at)
    )  # fmt: skip
    if states is not None:
        query = query.where(Booking.state.in_(states))
    reasons = _reasons(session, activities, first, last)
    left = _left(session, activities, first, last)
    found: list[list[Cell]] = []
    for row in session.execute(query):
        mark = left.get(row.id)
        price = due(row.state, row.cents)
        found.append(
            [
                row.day,
                row.label,
                row.last_name,
                row.first_name,
                row.level,
                STATES[row.state].label,
                reasons.get((row.child_id, row.activity_id, row.day), ""),
                time_text(mark.left_at) if mark is not None and mark.kind == "left" else "",
                mark.minutes if mark is not None and mark.kind == "left" and mark.minutes else None,
                price.words,
            ]
        )
    return found


def _reasons(
    session: Session, activities: Collection[uuid.UUID], first: date, last: date
) -> dict[tuple[uuid.UUID, uuid.UUID, date], str]:
    query = select(AbsenceSlot.child_id, AbsenceSlot.activity_id, AbsenceSlot.day, Absence.reason)
    query = query.join(Absence, Absence.id == AbsenceSlot.absence_id).where(
        AbsenceSlot.activity_id.in_(activities), AbsenceSlot.day.between(first, last)
    )
    return {(row[0], row[1], row[2]): REASONS.get(row.reason, "") for row in session.execute(query)}


def _left(
    session: Session, activities: Collection[uuid.UUID], first: date, last: date
) -> dict[uuid.UUID | None, AttendanceMark]:
    """The last mark of each booking."""
    query = select(AttendanceMark).where(
        AttendanceMark.activity_id.in_(activities),
        AttendanceMark.day.between(first, last),
        AttendanceMark.outcome == "done",
    )
    return {row.booking_id: row for row in session.scalars(query.order_by(AttendanceMark.received_at))}
