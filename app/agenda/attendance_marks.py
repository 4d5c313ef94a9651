"""Marks children at the door: written once whatever is sent twice, and never over somebody else's mark (R9, R-40)."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock, journal
from app.accounts.models import Account
from app.agenda.activities import Agenda, Regulated, agendas, read_regulated
from app.agenda.attendance import (
    ALREADY_THERE,
    DEPARTURE,
    KINDS,
    MARKED,
    REASONS,
    Outcome,
    becomes,
    check_day,
    check_departure,
    departure_words,
    minutes_after,
)
from app.agenda.days import moment_text
from app.agenda.judging import Change, Held, SessionKey
from app.agenda.loading import counted, enrolled, living, lock_sessions, payer
from app.agenda.models import AttendanceMark, BookingEvent
from app.agenda.prices import price_unbooked
from app.agenda.states import STATES
from app.agenda.writing import Act, new_act, write
from app.errors import NotFound, Refused
from app.families.custody_calendars import home_of
from app.families.models import Child, HouseholdChild
from app.policy import Actor, Permission, require

AT_ONCE = 500
OLDEST_CLOCK = timedelta(days=3)
"""A tablet that says it noted something earlier than that has a wrong clock: the hour of receipt is kept."""


@dataclass(frozen=True)
class Mark:
    """What was noted of a child. ``id`` is made where it is noted; ``seen`` is the token of the line that was shown
    (``token_of``), empty for a child who was not on the sheet; ``left_at`` is ``HH:MM``."""

    id: uuid.UUID
    activity_id: uuid.UUID
    day: date
    child_id: uuid.UUID
    kind: str
    seen: str = ""
    left_at: str = ""
    made_at: datetime | None = None


@dataclass(frozen=True)
class Marked:
    """What became of a mark: ``words`` say so in French; ``token`` is the line as it is now."""

    id: uuid.UUID
    outcome: Outcome
    words: str
    state: str = ""
    token: str = ""


def token_of(booking_id: uuid.UUID, version: int) -> str:
    """A line of a sheet as it was shown: whoever sends it back has seen this version of the booking."""
    return f"{booking_id}:{version}"


def mark(session: Session, actor: Actor, one: Mark) -> Marked:
    """Marks one child. Raises what ``mark_all`` only tells of each: Forbidden, NotFound, Refused (field)."""
    marking = _Marking(session, actor, [one])
    told = marking.apply(one)
    marking.note()
    return told


def mark_all(session: Session, actor: Actor, marks: Sequence[Mark]) -> list[Marked]:
    """What a tablet sends when the network is back, in its order. One that is refused says why and stops no other.

    Raises Forbidden without the permission anywhere, Refused for more than ``AT_ONCE``.
    """
    if len(marks) > AT_ONCE:
        raise Refused(f"Envoyez {AT_ONCE} pointages au plus à la fois.")
    marking = _Marking(session, actor, marks)
    told = []
    for one in marks:
        try:
            told.append(marking.apply(one))
        except (NotFound, Refused) as refusal:
            told.append(Marked(one.id, "refused", refusal.message))
    marking.note()
    return told


class _Marking:
    """One sending: everything that it decides about is locked, in the order of ``loading``, before anything is read."""

    def __init__(self, session: Session, actor: Actor, marks: Sequence[Mark]) -> None:
        require(actor, Permission.ATTENDANCE_MARK)
        self.session, self.actor = session, actor
        self.act: Act = new_act(clock.now(), actor.id)
        self.activities = {each.id: each for each in read_regulated(session)}
        ids = sorted({one.child_id for one in marks})
        query = select(Child.id, Child.birth_date).where(Child.id.in_(ids)).order_by(Child.id)
        self.births = {row.id: row.birth_date for row in session.execute(query.with_for_update(key_share=True))}
        lock_sessions(session, self._sessions(marks))
        known = select(AttendanceMark).where(AttendanceMark.id.in_([one.id for one in marks]))
        self.known = {row.id: row for row in session.scalars(known)}
        self.written = 0
        self.done: Counter[tuple[uuid.UUID, date]] = Counter()

    def note(self) -> None:
        """One entry of the journal for each sheet that was marked."""
        for (activity_id, day), count in sorted(self.done.items()):
            told = {"act": str(self.act.id), "day": day.isoformat(), "marks": count}
            journal.record(self.session, self.actor, "attendance.marked", "activity", activity_id, **told)

    def _sessions(self, marks: Sequence[Mark]) -> set[SessionKey]:
        keys = set()
        for one in marks:
            activity = self.activities.get(one.activity_id)
            if activity is None or one.child_id not in self.births:
                continue
            held = self._held(one)
            keys.add((activity.id, one.day, held.group_id if held is not None else self._group(activity, one)))
        return keys

    def _group(self, activity: Regulated, one: Mark) -> uuid.UUID:
        group = activity.group_of(self.births[one.child_id], one.day)
        # a child who is there is there, whatever ages the activity takes
        return (group or activity.groups[0]).id

    def _held(self, one: Mark) -> Held | None:
        found = living(self.session, [one.child_id], [one.activity_id], one.day, one.day)
        return found.get((one.child_id, one.activity_id, one.day))

    def apply(self, one: Mark) -> Marked:
        """Raises NotFound, Refused."""
        if one.id in self.known:
            return self._told_again(one)
        activity = self._checked(one)
        held = self._held(one)
        events = _events(self.session, held.id) if held is not None else []
        base = next((event.to_state for event in reversed(events) if event.reason not in REASONS), None)
        state = becomes(one.kind, base)
        last = self._last(held)
        if held is None and one.kind in ("absent", "expected"):
            return self._kept(one, None, "same", Marked(one.id, "same", "Cet enfant n’est pas attendu."))
        if held is not None and self._is_noted(one, held, state, last):
            return self._kept(one, held.id, "same", Marked(one.id, "same", "Déjà noté.", state, _token(held)))
        if words := self._conflict(one, held, events, state, last):
            token = _token(held) if held is not None else ""
            told = Marked(one.id, "conflict", words, held.state if held is not None else "", token)
            return self._kept(one, held.id if held is not None else None, "conflict", told)
        return self._write(one, activity, held, state)

    def _told_again(self, one: Mark) -> Marked:
        """The same mark, sent again: what became of it, and the line as it is now."""
        row = self.known[one.id]
        if row.by_id != self.actor.id or (row.child_id, row.activity_id, row.day) != _key(one):
            raise Refused("Ce pointage porte le numéro d’un autre\u00a0: recommencez.")
        held = self._held(one)
        words = "Déjà reçu." if row.outcome != "conflict" else "Une autre personne a noté autrement entre-temps."
        outcome: Outcome = "same" if row.outcome in ("done", "same") else "conflict"
        return Marked(one.id, outcome, words, held.state if held else "", _token(held) if held else "")

    def _checked(self, one: Mark) -> Regulated:
        activity = self.activities.get(one.activity_id)
        if activity is None or not self._may(Permission.ATTENDANCE_MARK, activity):
            raise NotFound("Cette activité n’existe pas ou ne vous est pas confiée.")
        if one.child_id not in self.births:
            raise NotFound("Cet enfant n’existe pas ou n’existe plus.")
        if one.kind not in KINDS:
            raise Refused("Choisissez une des réponses proposées.", "kind")
        check_day(one.day, clock.today(), office=self._may(Permission.BOOKING_MANAGE, activity))
        if one.kind == "left":
            check_departure(activity.card.starts_at, one.left_at)
        return activity

    def _may(self, permission: Permission, activity: Regulated) -> bool:
        return self.actor.kind == "system" or self.actor.can(permission, activity.card.structure_id)

    def _last(self, held: Held | None) -> AttendanceMark | None:
        if held is None:
            return None
        query = select(AttendanceMark).where(AttendanceMark.booking_id == held.id, AttendanceMark.outcome == "done")
        return self.session.scalars(query.order_by(AttendanceMark.received_at.desc()).limit(1)).one_or_none()

    def _is_noted(self, one: Mark, held: Held, state: str, last: AttendanceMark | None) -> bool:
        """Whether the last mark says it already. A child whom somebody else saw leave had come."""
        if held.state != state or last is None:
            return False
        arrived = ("present", "unbooked") if last.by_id == self.actor.id else ("present", "unbooked", "left")
        alike = last.kind == one.kind or (last.kind in arrived and one.kind in ("present", "unbooked"))
        return alike and (one.kind != "left" or last.left_at == one.left_at)

    def _conflict(
        self, one: Mark, held: Held | None, events: Sequence[BookingEvent], state: str, last: AttendanceMark | None
    ) -> str:
        """What to say when somebody else has noted otherwise since this line was shown; empty when nobody has."""
        if held is None:
            if one.kind == "unbooked":
                return ""
            return "Cet enfant n’est plus attendu\u00a0: sa réservation a été annulée entre-temps."
        seen_id, _, seen = one.seen.partition(":")
        version = int(seen) if seen.isascii() and seen.isdigit() and seen_id == str(held.id) else 0
        others = [event for event in events if event.version > version and event.by_id != self.actor.id]
        if one.kind == "unbooked" and not one.seen:
            others = [event for event in others if event.reason in REASONS and held.state not in ALREADY_THERE]
        same = held.state == state and (one.kind != "left" or last is None or last.kind != "left")
        if not others or same:
            return ""
        noted = (
            departure_words(last.left_at, last.minutes) if last and last.kind == "left" else STATES[held.state].label
        )
        who = _name(self.session, others[-1].by_id)
        theirs = f"{who} a noté «\u00a0{noted}\u00a0», {moment_text(others[-1].at)}."
        return f"{theirs} Vous aviez noté «\u00a0{_said(one)}\u00a0»."

    def _write(self, one: Mark, activity: Regulated, held: Held | None, state: str) -> Marked:
        if held is None and not self._is_open(activity, one.day):
            raise Refused("L’activité n’a pas lieu ce jour-là.", "day")
        group_id = held.group_id if held is not None else self._group(activity, one)
        key = activity.id, one.day, group_id
        places = counted(self.session, [key], lock_sessions(self.session, [key]))
        before = held.state if held is not None else ""
        places[key].held += int(STATES[state].holds) - int(bool(before) and STATES[before].holds)
        places[key].waiting -= int(before == "waiting")
        reason = DEPARTURE if one.kind == "left" else MARKED
        household, cents = (held.household_id, 0) if held is not None else self._payer(one, activity)
        change = Change(_key(one), group_id, held, state, cents=cents, reason=reason)
        write(self.session, self.act, [change], places, household)
        now = self._held(one)
        booking_id = now.id if now is not None else held.id if held is not None else None
        token = _token(now) if now is not None else ""
        told = Marked(one.id, "done", _said(one), state, token)
        self.done[activity.id, one.day] += 1
        return self._kept(one, booking_id, "done", told, activity)

    def _is_open(self, activity: Regulated, day: date) -> bool:
        agenda: Agenda = agendas(self.session, [activity], day, day)[activity.id]
        return agenda.why_closed(day) is None

    def _payer(self, one: Mark, activity: Regulated) -> tuple[uuid.UUID, int]:
        """The household that pays a day nobody booked: the one whose day it is, else that which has enrolled the
        child, else the first one; and the price."""
        homes = select(HouseholdChild.household_id).where(HouseholdChild.child_id == one.child_id)
        ids = self.session.scalars(homes.order_by(HouseholdChild.household_id)).all()
        if not ids:
            raise Refused("Cet enfant n’a pas de foyer enregistré\u00a0: prévenez le service.", "child_id")
        whose = home_of(self.session, one.child_id, one.day)
        inscribed = [each for each in ids if self._is_enrolled(one, each)]
        household = whose or next(iter(inscribed), ids[0])
        qf, resident = payer(self.session, household)
        return household, price_unbooked(activity.regulation.tariff, qf, resident=resident).cents

    def _is_enrolled(self, one: Mark, household_id: uuid.UUID) -> bool:
        spans = enrolled(self.session, [one.child_id], household_id).get((one.child_id, one.activity_id), [])
        return any(first <= one.day <= last for first, last in spans)

    def _kept(
        self, one: Mark, booking_id: uuid.UUID | None, outcome: Outcome, told: Marked, activity: Regulated | None = None
    ) -> Marked:
        """Writes the mark itself, so that it is known when it comes again."""
        at = self.act.at
        made = one.made_at if one.made_at is not None and at - OLDEST_CLOCK <= one.made_at <= at else at
        leaves = one.kind == "left" and activity is not None
        row = AttendanceMark(
            id=one.id,
            activity_id=one.activity_id,
            day=one.day,
            child_id=one.child_id,
            booking_id=booking_id,
            kind=one.kind,
            left_at=one.left_at if one.kind == "left" else "",
            minutes=minutes_after(activity.card.ends_at, one.left_at) if leaves and activity is not None else 0,
            outcome=outcome,
            made_at=made,
            # in the order in which they were sent
            received_at=at + timedelta(microseconds=self.written),
            by_id=self.actor.id,
        )
        self.written += 1
        self.session.add(row)
        self.session.flush()
        self.known[one.id] = row
        return told


def _key(one: Mark) -> tuple[uuid.UUID, uuid.UUID, date]:
    return one.child_id, one.activity_id, one.day


def _token(held: Held) -> str:
    return token_of(held.id, held.version)


def _said(one: Mark) -> str:
    return departure_words(one.left_at, 0) if one.kind == "left" else KINDS[one.kind]


def _events(session: Session, booking_id: uuid.UUID) -> list[BookingEvent]:
    query = select(BookingEvent).where(BookingEvent.booking_id == booking_id).order_by(BookingEvent.version)
    return list(session.scalars(query))


def _name(session: Session, account_id: uuid.UUID | None) -> str:
    """Who did it, for a colleague: an agent by name, a family as such."""
    row = session.get(Account, account_id) if account_id is not None else None
    if row is None:
        return "Le portail"
    return f"{row.first_name} {row.last_name}" if row.kind == "agent" else "La famille"


@dataclass(frozen=True)
class LastMark:
    """The last mark of a booking: who made it, and when it came."""

    kind: str
    left_at: str
    minutes: int
    at: datetime
    by: str


def last_marks(session: Session, activity_id: uuid.UUID, day: date) -> dict[uuid.UUID | None, LastMark]:
    """The last mark of each booking of an activity and day. One statement on an index."""
    query = (
        select(AttendanceMark, Account.first_name, Account.last_name)
        .outerjoin(Account, Account.id == AttendanceMark.by_id)
        .where(AttendanceMark.activity_id == activity_id, AttendanceMark.day == day, AttendanceMark.outcome == "done")
        .order_by(AttendanceMark.received_at)
    )
    found = {}
    for row, first, last in session.execute(query):
        by = f"{first} {last}" if first else ""
        found[row.booking_id] = LastMark(row.kind, row.left_at, row.minutes, row.received_at, by)
    return found
