"""Days that a family gives back through a demande, and what an agent answers of those that come too late (R7, G1)."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.agenda.activities import Regulated, read_regulated
from app.agenda.answering import answer
from app.agenda.booking import FiledBy, carry_out
from app.agenda.judging import judge
from app.agenda.loading import Asker, facts
from app.agenda.models import Booking
from app.agenda.wishes import Outcome, Wish
from app.errors import Refused
from app.policy import Actor


@dataclass(frozen=True)
class Day:
    """A booked day as a demande names it: « CANT:2026-12-01 »."""

    activity: Regulated
    day: date


def read_days(session: Session, written: Sequence[str]) -> list[Day]:
    """The days that a form gave. Raises Refused (``reservations``) for what names none."""
    known = {each.card.code: each for each in read_regulated(session)}
    found = []
    for each in dict.fromkeys(written):
        code, _, day = each.partition(":")
        try:
            found.append(Day(known[code], date.fromisoformat(day)))
        except (KeyError, ValueError):
            raise Refused("Un de ces jours ne se réserve plus. Choisissez de nouveau.", "reservations") from None
    if not found:
        raise Refused("Choisissez au moins un jour.", "reservations")
    return found


def foresee(session: Session, who: Asker, child_id: uuid.UUID, days: Sequence[Day]) -> Sequence[Outcome]:
    """What would become of these days, without a lock nor a row."""
    wishes = _given_back(child_id, days)
    return judge(facts(session, who, wishes, clock.now(), lock=False), wishes).outcomes


def give_back(
    session: Session, actor: Actor, who: Asker, child_id: uuid.UUID, days: Sequence[Day], filed_by: uuid.UUID | None
) -> list[tuple[Outcome, uuid.UUID | None]]:
    """Cancels what is in time; what is late becomes a request (DA). What became of each day, with its booking."""
    wishes = _given_back(child_id, days)
    found = facts(session, who, wishes, clock.now(), lock=True)
    verdict = judge(found, wishes)
    carry_out(session, actor, found, verdict, FiledBy(filed_by))
    held = {key: booking.id for key, booking in found.bookings.items()}
    return [(each, held.get(each.wish.key)) for each in verdict.outcomes]


def take_back(
    session: Session, actor: Actor, who: Asker, booking_ids: Collection[uuid.UUID], filed_by: uuid.UUID | None
) -> int:
    """The family keeps the days that nobody has answered yet; gives how many."""
    rows = session.execute(
        select(Booking.child_id, Booking.activity_id, Booking.day).where(
            Booking.id.in_(booking_ids),
            Booking.household_id == who.household_id,
            Booking.state == "cancel_requested",
        )
    ).all()
    wishes = [Wish(row.child_id, row.activity_id, row.day, add=True) for row in rows if row.child_id in who.children]
    if not wishes:
        return 0
    found = facts(session, who, wishes, clock.now(), lock=True)
    verdict = judge(found, wishes)
    carry_out(session, actor, found, verdict, FiledBy(filed_by))
    return sum(each.result == "kept" for each in verdict.outcomes)


def still_waiting(session: Session, booking_ids: Collection[uuid.UUID]) -> Mapping[uuid.UUID, date]:
    """Of these bookings, those whose cancellation nobody has answered yet, with their day."""
    rows = session.execute(
        select(Booking.id, Booking.day).where(Booking.id.in_(booking_ids), Booking.state == "cancel_requested")
    )
    return {row.id: row.day for row in rows}


def reply(
    session: Session,
    actor: Actor,
    booking_ids: Collection[uuid.UUID],
    excused: Collection[uuid.UUID],
    others: str,
    words: str,
) -> dict[str, list[date]]:
    """Answers the late cancellations of a demande: ``excused`` ones are not billed, the ``others`` are, or are kept
    (codes of ``answering.ANSWERS``). What was answered elsewhere meanwhile stays so. Days by answer, in order."""
    waiting = still_waiting(session, booking_ids)
    answers = {booking_id: "excuse" if booking_id in excused else others for booking_id in waiting}
    if answers:
        answer(session, actor, answers, words=words, told=False)
    found: dict[str, list[date]] = {}
    for booking_id, code in answers.items():
        found.setdefault(code, []).append(waiting[booking_id])
    return {code: sorted(days) for code, days in found.items()}


def _given_back(child_id: uuid.UUID, days: Sequence[Day]) -> list[Wish]:
    return [Wish(child_id, each.activity.id, each.day, add=False) for each in days]
