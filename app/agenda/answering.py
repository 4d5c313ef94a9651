"""What agents answer: requests to book, and late cancellations, day by day (R4, R7)."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock, journal
from app.agenda.activities import Regulated, read_regulated
from app.agenda.judging import Change, Held, Places, SessionKey
from app.agenda.loading import HELD_COLUMNS, counted, lock_sessions
from app.agenda.models import Activity, Booking
from app.agenda.states import STATES
from app.agenda.vocabulary import REFUSALS
from app.agenda.waiting import offer_places
from app.agenda.writing import new_act, tell, write
from app.errors import Conflict, NotFound, Refused
from app.families.models import Child
from app.policy import Actor, Permission, require

AT_ONCE = 1000
WORDS = 500
GONE = "Cette réservation n’existe pas ou ne vous est pas confiée."


@dataclass(frozen=True)
class Answer:
    """What an answer makes of a booking: from which state to which, and whether a reason must be given."""

    label: str
    of: str
    to: str
    reasoned: bool = False


ANSWERS: Mapping[str, Answer] = {
    "accept": Answer("Accepter la réservation", "requested", "booked"),
    "refuse": Answer("Refuser la réservation", "requested", "refused", reasoned=True),
    "excuse": Answer("Excuser\u00a0: le jour n’est pas facturé", "cancel_requested", "absent_justified"),
    "bill": Answer("Facturer\u00a0: l’annulation vient trop tard", "cancel_requested", "absent_unjustified"),
    "keep": Answer("Refuser l’annulation\u00a0: l’enfant est attendu", "cancel_requested", "booked"),
}


def answer(
    session: Session,
    actor: Actor,
    answers: Mapping[uuid.UUID, str],
    *,
    reason: str = "",
    words: str = "",
    told: bool = True,
) -> int:
    """Answers these bookings, each by a code of ``ANSWERS``; each family hears of all its days in one mail, unless what
    called this tells it (``told``).

    ``reason`` is a code of ``REFUSALS``, which a refusal needs; ``words`` are for the families. Gives how many. Raises
    Forbidden, NotFound (another structure's too), Conflict when one has been answered meanwhile, Refused (field).
    """
    require(actor, Permission.BOOKING_MANAGE)
    _check(answers, reason, words)
    now = clock.now()
    found = _theirs(session, actor, answers)
    keys = {each.session for each in found}
    arrivals = lock_sessions(session, keys)
    found = _theirs(session, actor, answers)
    activities = {each.id: each for each in read_regulated(session)}
    places = counted(session, keys, arrivals)
    changes = []
    for held in found:
        given = ANSWERS[answers[held.id]]
        if held.state != given.of:
            raise Conflict(f"Une de ces réservations a changé\u00a0: {STATES[held.state].label}. Relisez la liste.")
        if reason == "complet" and given.to == "refused" and not _is_full(activities, held, places):
            raise Refused("Il reste de la place ce jour-là\u00a0: ce motif ne peut pas être donné.", "reason")
        if not STATES[given.to].holds:
            places[held.session].held -= 1
        key = held.child_id, held.activity_id, held.day
        why = reason if given.reasoned else answers[held.id]
        changes.append(Change(key, held.group_id, held, given.to, reason=why, answer=" ".join(words.split())))
    act = new_act(now, actor.id)
    write(session, act, changes, places)
    offer_places(session, act, activities, places)
    counts = Counter(change.state for change in changes)
    journal.record(session, actor, "bookings.answered", "booking", None, act=str(act.id), **counts)
    if told:
        tell(session, act, "answered")
    return len(changes)


def _check(answers: Mapping[uuid.UUID, str], reason: str, words: str) -> None:
    if not answers:
        raise Refused("Choisissez au moins une réservation.", "answers")
    if len(answers) > AT_ONCE:
        raise Refused(f"Répondez à {AT_ONCE} réservations au plus à la fois.", "answers")
    if unknown := set(answers.values()) - set(ANSWERS):
        raise Refused(f"Cette réponse n’existe pas\u00a0: {sorted(unknown)[0][:40]}.", "answers")
    if any(ANSWERS[code].reasoned for code in answers.values()) and reason not in REFUSALS:
        raise Refused("Choisissez le motif du refus\u00a0: la famille le lira.", "reason")
    if len(words) > WORDS:
        raise Refused(f"Ce texte est trop long\u00a0: {WORDS} caractères au plus.", "words")


def _theirs(session: Session, actor: Actor, booking_ids: Collection[uuid.UUID]) -> list[Held]:
    """These bookings, for an agent whose structures hold the activities. Raises NotFound when one is not his."""
    query = select(*HELD_COLUMNS).join(Activity, Activity.id == Booking.activity_id)
    query = query.where(Booking.id.in_(booking_ids)).order_by(Booking.day, Booking.id)
    scope = None if actor.kind == "system" else actor.structures(Permission.BOOKING_MANAGE)
    if scope is not None:
        query = query.where(Activity.structure_id.in_(scope))
    found = [Held(*row) for row in session.execute(query)]
    if len(found) < len(booking_ids):
        raise NotFound(GONE)
    return found


def _is_full(activities: Mapping[uuid.UUID, Regulated], held: Held, places: Mapping[SessionKey, Places]) -> bool:
    """Whether the others take every place: only then may it be said (R-37, CE 22 March 2021)."""
    activity = activities.get(held.activity_id)
    group = next((each for each in activity.groups if each.id == held.group_id), None) if activity is not None else None
    return group is not None and group.capacity is not None and places[held.session].held > group.capacity


@dataclass(frozen=True)
class ToAnswer:
    """A line of the agent's list: a request, or a late cancellation."""

    id: uuid.UUID
    child_id: uuid.UUID
    child: str
    activity: str
    day: date
    state: str

    @property
    def answers(self) -> dict[str, str]:
        """Code and label of what may be answered."""
        return {code: each.label for code, each in ANSWERS.items() if each.of == self.state}


def bookings_to_answer(
    session: Session, actor: Actor, structure_id: uuid.UUID | None = None, *, limit: int = 200
) -> Sequence[ToAnswer]:
    """What waits for an answer in this agent's structures, the nearest day first. One statement on an index.

    Raises Forbidden, NotFound for a structure that is not his.
    """
    require(actor, Permission.BOOKING_MANAGE)
    scope = None if actor.kind == "system" else actor.structures(Permission.BOOKING_MANAGE)
    if structure_id is not None and scope is not None and structure_id not in scope:
        raise NotFound("Cette structure n’existe pas ou ne vous est pas confiée.")
    query = (
        select(
            Booking.id,
            Booking.child_id,
            (Child.last_name + " " + Child.first_name).label("child"),
            Activity.label.label("activity"),
            Booking.day,
            Booking.state,
        )
        .join(Activity, Activity.id == Booking.activity_id)
        .join(Child, Child.id == Booking.child_id)
        .where(Booking.state.in_(("requested", "cancel_requested")))
        .order_by(Booking.day, Activity.rank, Child.sort_key, Booking.id)
        .limit(limit)
    )
    if structure_id is not None:
        query = query.where(Activity.structure_id == structure_id)
    elif scope is not None:
        query = query.where(Activity.structure_id.in_(scope))
    return [ToAnswer(*row) for row in session.execute(query)]
