"""What an absence makes of the days that were booked (R-40…R-42): said in time, billed, excused by a proof."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta

from sqlalchemy import and_, select, tuple_
from sqlalchemy.orm import Session

from app import clock, journal
from app.agenda.activities import Agenda, agendas, read_regulated
from app.agenda.attendance import MARKED
from app.agenda.days import LONGEST, Moment
from app.agenda.judging import Change, Held, limit_of
from app.agenda.loading import HELD_COLUMNS, counted, lock_sessions
from app.agenda.models import Absence, AbsenceSlot, Activity, Booking, BookingEvent
from app.agenda.regulation import AbsenceRule
from app.agenda.waiting import offer_places
from app.agenda.writing import new_act, tell, write
from app.errors import NotFound, Refused
from app.policy import Actor, Permission, require

ABSENCE, PROOF = "absence", "proof"
"""Reasons of events: an absence was declared, or proved."""
LATE = "Aucun jour de cette absence ne peut être excusé\u00a0: le délai du règlement est passé."


def note_absent(
    session: Session, actor: Actor, child_id: uuid.UUID, moments: Collection[Moment], now: datetime
) -> None:
    """The child will not come on these days: what is booked is an absence, billed when it is too late to cancel."""
    _turn(session, actor, child_id, moments, now, _absent, ("booked", "cancel_requested"))


def expect_again(
    session: Session, actor: Actor, child_id: uuid.UUID, moments: Collection[Moment], now: datetime
) -> None:
    """The absence is taken back: the child is expected as before, unless another demande says the same absence."""
    if not moments:
        return
    still = select(AbsenceSlot.day, AbsenceSlot.activity_id).where(
        AbsenceSlot.child_id == child_id, tuple_(AbsenceSlot.day, AbsenceSlot.activity_id).in_(sorted(moments))
    )
    left = {(row.day, row.activity_id) for row in session.execute(still)}
    _turn(session, actor, child_id, set(moments) - left, now, _expected, ("absent_in_time", "absent_unjustified"))


def _absent(agenda: Agenda | None, held: Held, now: datetime) -> str:
    limit = limit_of(agenda, held.day, "cancel") if agenda is not None else None
    return "absent_in_time" if limit is not None and now < limit else "absent_unjustified"


def _expected(_agenda: Agenda | None, _held: Held, _now: datetime) -> str:
    return "booked"


def _turn(
    session: Session,
    actor: Actor,
    child_id: uuid.UUID,
    moments: Collection[Moment],
    now: datetime,
    becomes: Callable[[Agenda | None, Held, datetime], str],
    states: Sequence[str],
) -> None:
    found = _bookings(session, child_id, moments, states)
    if not found:
        return
    lock_sessions(session, {held.session for held in found})
    found = _bookings(session, child_id, moments, states)
    days = [held.day for held in found] or [clock.today()]
    known = agendas(session, read_regulated(session), min(days), max(days))
    changes = [_change(held, becomes(known.get(held.activity_id), held, now), ABSENCE) for held in found]
    act = new_act(now, actor.id)
    write(session, act, changes, {})  # an absence keeps its place: no count changes
    journal.record(session, actor, "bookings.absent", "child", child_id, act=str(act.id), days=len(changes))


def _change(held: Held, state: str, reason: str) -> Change:
    return Change((held.child_id, held.activity_id, held.day), held.group_id, held, state, reason=reason)


def _bookings(
    session: Session,
    child_id: uuid.UUID,
    moments: Collection[Moment],
    states: Sequence[str],
    reasons: Sequence[str] = (ABSENCE,),
) -> list[Held]:
    """The child's bookings of these days in these states; of absences, those that were noted so, not an answer."""
    if not moments:
        return []
    query = select(*HELD_COLUMNS).where(
        Booking.child_id == child_id,
        tuple_(Booking.day, Booking.activity_id).in_(sorted(moments)),
        Booking.state.in_(states),
    )
    if "booked" not in states:
        last = and_(BookingEvent.booking_id == Booking.id, BookingEvent.version == Booking.version)
        query = query.join(BookingEvent, last).where(BookingEvent.reason.in_(reasons))
    return [Held(*row) for row in session.execute(query.order_by(Booking.day, Booking.id))]


def billed_days(rule: AbsenceRule, days: Iterable[date], begins: datetime, proof_at: datetime) -> set[date]:
    """Which days of an absence stay billed once a proof came at ``proof_at`` (R-41); ``begins``: its first service."""
    ordered = sorted(set(days))
    late = proof_at - begins
    if late <= timedelta(hours=rule.hours):
        return set()
    return set(ordered[: rule.waiting_days]) if late <= timedelta(days=rule.days) else set(ordered)


def excuse_absence(session: Session, actor: Actor, case_id: uuid.UUID, proof_at: datetime) -> int:
    """A proof came for the absence of a demande: its billed days are excused as each règlement says, and the families
    are told. Gives how many days are. Raises Forbidden, NotFound, Refused when nothing may be excused any more."""
    require(actor, Permission.BOOKING_MANAGE)
    absence = session.scalars(select(Absence).where(Absence.case_id == case_id).with_for_update()).one_or_none()
    if absence is None:
        raise NotFound("Cette demande n’a pas d’absence.")
    query = select(AbsenceSlot.day, AbsenceSlot.activity_id, Activity.structure_id)
    query = query.join(Activity, Activity.id == AbsenceSlot.activity_id).where(AbsenceSlot.absence_id == absence.id)
    moments = set()
    for row in session.execute(query):
        if actor.kind == "system" or actor.can(Permission.BOOKING_MANAGE, row.structure_id):
            moments.add((row.day, row.activity_id))
    excused = _excuse(session, actor, absence.child_id, moments, proof_at)
    if not excused:
        raise Refused(LATE, "proof")
    journal.record(session, actor, "absence.excused", "case", case_id, days=excused)
    return excused


def excuse_days(
    session: Session, actor: Actor, child_id: uuid.UUID, first: date, last: date, proof_at: datetime
) -> tuple[int, int]:
    """A proof came for these days, both included, whether an absence was declared or the child only marked absent.

    Gives how many days are excused, and how many stay billed: none of either is no error. Raises Forbidden, Refused
    (field) for days that make no sense.
    """
    require(actor, Permission.BOOKING_MANAGE)
    if not 0 <= (last - first).days < LONGEST:
        raise Refused(f"Un justificatif couvre de un à {LONGEST} jours, du premier au dernier.", "dates")
    query = select(Booking.day, Booking.activity_id, Activity.structure_id)
    query = query.join(Activity, Activity.id == Booking.activity_id).where(
        Booking.child_id == child_id, Booking.day.between(first, last), Booking.state == "absent_unjustified"
    )
    moments = {
        (row.day, row.activity_id)
        for row in session.execute(query)
        if actor.kind == "system" or actor.can(Permission.BOOKING_MANAGE, row.structure_id)
    }
    excused = _excuse(session, actor, child_id, moments, proof_at) if moments else 0
    if excused:
        journal.record(session, actor, "absence.excused", "child", child_id, days=excused)
    return excused, len(moments) - excused


def _excuse(
    session: Session, actor: Actor, child_id: uuid.UUID, moments: Collection[Moment], proof_at: datetime
) -> int:
    """Excuses what the règlements let a proof of that instant excuse, and has the families told; how many."""
    found = _bookings(session, child_id, moments, ("absent_unjustified",), (ABSENCE, MARKED))
    keys = {held.session for held in found}
    places = counted(session, keys, lock_sessions(session, keys))
    found = _bookings(session, child_id, moments, ("absent_unjustified",), (ABSENCE, MARKED))
    billed = _billed(session, found, proof_at)
    excused = [held for held in found if held.day not in billed.get(held.activity_id, ())]
    if not excused:
        return 0
    places = {held.session: places[held.session] for held in excused}
    for held in excused:
        places[held.session].held -= 1
    act = new_act(clock.now(), actor.id)
    write(session, act, [_change(held, "absent_justified", PROOF) for held in excused], places)
    offer_places(session, act, {each.id: each for each in read_regulated(session)}, places)
    tell(session, act, "answered")
    return len(excused)


def _billed(session: Session, found: Collection[Held], proof_at: datetime) -> Mapping[uuid.UUID, set[date]]:
    """The days that stay billed, by activity."""
    billed: dict[uuid.UUID, set[date]] = {}
    for activity in read_regulated(session):
        days = [held.day for held in found if held.activity_id == activity.id]
        if days:
            begins = activity.card.starts(min(days))
            billed[activity.id] = billed_days(activity.regulation.absence, days, begins, proof_at)
    return billed
