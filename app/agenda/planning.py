"""The planning of children: for each activity and day, what is so, what may be done until when, and why not (R2, R-33).

At most ten statements, whatever the number of children, of days and of bookings in the base.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cache
from typing import Literal

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session, aliased

from app import clock
from app.agenda.activities import KEPT_REGULATED, Group, Regulated, agendas
from app.agenda.calendars import ONE_DAY
from app.agenda.days import ActivityCard, moment_text
from app.agenda.judging import FURTHEST, THERE, limit_of
from app.agenda.loading import Asker, asker, enrolled, hours_of, missing_labels, payer
from app.agenda.models import Booking, SessionDay
from app.agenda.prices import price_of
from app.agenda.states import STATES
from app.errors import NotFound, Refused
from app.families.custody_calendars import custody_homes
from app.families.queries import NO_CHILD, ChildCard
from app.families.rights import Action, Right
from app.policy import Actor

LONGEST = timedelta(days=62)
Kind = Literal["mine", "other", "free", "full", "late", "closed", "barred", "none"]
LETTERS: Mapping[str, str] = {"holiday": "JF", "break": "V", "closed": "F", "term": "F", "period": "F"}
"""The letter of a day without the activity, by why; a weekday without it has none."""


@dataclass(frozen=True)
class Cell:
    """A child, an activity and a day.

    ``kind``: a booking of this household (*mine*, in ``state``), of the other parent, or no booking: *free*,
    *full* (the waiting list), *late*, *closed* (``why`` is the code), *barred* (age, enrolment, custody, piece, hours),
    *none* (no activity on that weekday). ``letter`` is never alone: ``words`` say the same. ``limit`` is until when one
    may book, or cancel what is booked; ``limit_words`` say it. ``may_add`` and ``may_remove`` foresee ``save_wishes``.
    """

    child_id: uuid.UUID
    activity_id: uuid.UUID
    day: date
    kind: Kind
    letter: str
    words: str
    state: str = ""
    why: str = ""
    limit: datetime | None = None
    limit_words: str = ""
    rank: int | None = None
    cents: int | None = None
    offered_until: datetime | None = None
    may_add: bool = False
    may_remove: bool = False


@dataclass(frozen=True)
class Line:
    """An activity of a child, a cell a day; ``price`` says what a day costs, empty when that is not hers to see."""

    activity: ActivityCard
    cells: tuple[Cell, ...]
    price: str


@dataclass(frozen=True)
class ChildPlanning:
    child: ChildCard
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class _Row:
    child_id: uuid.UUID
    activity_id: uuid.UUID
    day: date
    household_id: uuid.UUID
    state: str
    cents: int
    offered_until: datetime | None
    rank: int | None


def planning(
    session: Session,
    actor: Actor,
    child_ids: Collection[uuid.UUID],
    first: date,
    last: date,
    *,
    household_id: uuid.UUID | None = None,
) -> list[ChildPlanning]:
    """The planning of these children (of all of hers, when none is named), both days included.

    Who is only informed sees it without what belongs to the one who books: price, limits, rank (R-21). The other
    parent's bookings show as his and no more (R-26). An agent names the household. Raises Forbidden, NotFound,
    Refused.
    """
    if not timedelta(0) <= last - first <= LONGEST:
        raise Refused("Affichez deux mois au plus.", "dates")
    who = asker(session, actor, household_id)
    cards = [card for card in who.children.values() if card.may(Action.PLANNING)]
    if child_ids:
        cards = [card for card in cards if card.id in child_ids]
        if len(cards) < len(set(child_ids)):
            raise NotFound(NO_CHILD)
    return _Page(session, who, cards, first, last).made() if cards else []


class _Page:
    """What is read once, and what is asked of it for each cell."""

    def __init__(self, session: Session, who: Asker, cards: Sequence[ChildCard], first: date, last: date) -> None:
        household_id = who.household_id
        self.now, self.household_id, self.cards = clock.now(), household_id, cards
        self.today = clock.in_paris(self.now).date()
        self.days = [first + ONE_DAY * n for n in range((last - first).days + 1)]
        self.activities = KEPT_REGULATED.get(session)
        ids = [card.id for card in cards]
        self.agendas = agendas(session, self.activities, first, last)
        self.rows = _rows(session, ids, first, last)
        self.held = _held(session, self.activities, first, last)
        self.enrolled = enrolled(session, ids, household_id)
        self.missing = missing_labels(session, household_id, ids, self.activities, self.today)
        self.homes = {} if who.at_desk else custody_homes(session, ids)
        self.hours = hours_of(self.activities)
        self.there: dict[tuple[uuid.UUID, date], list[_Row]] = {}
        for row in self.rows.values():
            if row.state in THERE:
                self.there.setdefault((row.child_id, row.day), []).append(row)
        self.qf, self.resident = payer(session, household_id)
        self.why_closed = cache(lambda activity_id, day: self.agendas[activity_id].why_closed(day))
        self.limit = cache(lambda activity_id, day, kind: limit_of(self.agendas[activity_id], day, kind))

    def made(self) -> list[ChildPlanning]:
        return [ChildPlanning(card, tuple(self._lines(card))) for card in self.cards]

    def _lines(self, card: ChildCard) -> list[Line]:
        lines = []
        booked = {row.activity_id for row in self.rows.values() if row.child_id == card.id}
        for activity in self.activities:
            ages = {activity.group_of(card.birth_date, day) for day in (self.days[0], self.days[-1])}
            if ages == {None} and activity.id not in booked:
                continue  # not for this child: no line of barred days
            blank = card.right(Action.PLANNING) is not Right.YES
            price = price_of(activity.regulation.tariff, self.qf, resident=self.resident).words
            cells = tuple(self._cell(card, activity, day, blank=blank) for day in self.days)
            lines.append(Line(activity.card, cells, "" if blank else price))
        return lines

    def _cell(self, card: ChildCard, activity: Regulated, day: date, *, blank: bool) -> Cell:
        row = self.rows.get((card.id, activity.id, day))
        key = card.id, activity.id, day
        if row is not None and blank:
            state = STATES[row.state]
            return Cell(*key, "other", state.letter, state.label)
        if row is not None and row.household_id != self.household_id:
            if not STATES[row.state].over:
                return Cell(*key, "other", "R", "Réservé par l’autre parent")
            row = None
        if row is not None and not (STATES[row.state].over and not STATES[row.state].letter):
            return self._mine(card, activity, row)
        found = self._without(card, activity, day)
        return Cell(*key, found.kind, found.letter, found.words, why=found.why) if blank else found

    def _mine(self, card: ChildCard, activity: Regulated, row: _Row) -> Cell:
        state = STATES[row.state]
        if state.over:
            return self._again(card, activity, row)
        words, begun = state.label, activity.card.starts(row.day) <= self.now
        limit = self.limit(activity.id, row.day, "cancel")
        if row.state == "waiting":
            words = f"{words}, au rang {row.rank}"
        offered = row.state == "offered" and row.offered_until is not None and self.now < row.offered_until
        if offered and row.offered_until is not None:
            words = f"{words} jusqu’au {moment_text(row.offered_until)}"
        in_time = limit is not None and self.now < limit
        removable = row.state in ("waiting", "offered", "requested") or (
            row.state == "booked" and not begun and (in_time or activity.regulation.late_cancel)
        )
        return Cell(
            row.child_id,
            row.activity_id,
            row.day,
            "mine",
            state.letter,
            words,
            state=row.state,
            limit=limit,
            limit_words=_until("Modifiable", limit, self.now, begun=begun) if row.state == "booked" else "",
            rank=row.rank,
            cents=row.cents,
            offered_until=row.offered_until,
            may_add=offered or row.state == "cancel_requested",
            may_remove=removable and row.day >= self.today,
        )

    def _again(self, card: ChildCard, activity: Regulated, row: _Row) -> Cell:
        """Refused or closed: it shows, and the day may be asked for again."""
        free, state = self._without(card, activity, row.day), STATES[row.state]
        words = f"{state.label} ({free.words})" if free.kind == row.state == "closed" else state.label
        return replace(free, kind="mine", letter=state.letter, words=words, state=row.state, why="", cents=None)

    def _without(self, card: ChildCard, activity: Regulated, day: date) -> Cell:
        """A day where nothing is booked: the reasons of ``judging``, in its order."""
        key = card.id, activity.id, day
        if day.isoweekday() not in activity.card.weekdays:  # on holiday or not
            return Cell(*key, "none", "", "Pas d’accueil ce jour de la semaine", why="weekday")
        if (closed := self.why_closed(activity.id, day)) is not None:
            return Cell(*key, "closed", LETTERS[closed.why], closed.words, why=closed.why)
        group = activity.group_of(card.birth_date, day)
        if day < self.today:
            return Cell(*key, "late", "HD", "Jour passé", why="past")
        if group is None:
            return Cell(*key, "barred", "–", f"Pour les enfants {activity.ages}", why="age")
        if activity.regulation.needs_enrolment and not any(
            begins <= day <= ends for begins, ends in self.enrolled.get((card.id, activity.id), ())
        ):
            return Cell(*key, "barred", "–", "Pas d’inscription à cette activité ce jour-là", why="enrolment")
        if card.id in self.homes and self.homes[card.id].on(day) not in (None, self.household_id):
            return Cell(*key, "barred", "–", "Dans son autre foyer, d’après le calendrier de garde", why="custody")
        limit = self.limit(activity.id, day, "book")
        if limit is None or limit <= self.now or day - self.today > FURTHEST:
            told = f"Hors délai depuis le {moment_text(limit)}" if limit is not None else "Hors délai"
            return Cell(*key, "late", "HD", told, why="late", limit=limit)
        if activity.regulation.pieces_block and (labels := self.missing.get((card.id, activity.id))):
            return Cell(*key, "barred", "–", f"Il manque\u00a0: {', '.join(labels)}", why="piece", limit=limit)
        return self._free(card, activity, day, group, limit)

    def _meeting(self, card: ChildCard, activity: Regulated, day: date) -> _Row | None:
        """What the child is booked for at that hour; the other parent's first, which cannot be left here."""
        mine = self.hours[activity.id]
        met = [
            row
            for row in self.there.get((card.id, day), ())
            if row.activity_id != activity.id
            and row.activity_id in self.hours
            and self.hours[row.activity_id].meets(mine)
        ]
        return min(met, key=lambda row: row.household_id == self.household_id, default=None)

    def _free(self, card: ChildCard, activity: Regulated, day: date, group: Group, limit: datetime) -> Cell:
        key = card.id, activity.id, day
        met = self._meeting(card, activity, day)
        if met is not None and met.household_id != self.household_id:
            words = "À cette heure-là, déjà réservé par l’autre parent"
            return Cell(*key, "barred", "–", words, why="hours", limit=limit)
        held, waiting = self.held.get((activity.id, day, group.id), (0, 0))
        full = group.capacity is not None and (held >= group.capacity or waiting > 0)
        may = card.may(Action.BOOK)
        told = _until("Réservable", limit, self.now, begun=False)
        price = price_of(activity.regulation.tariff, self.qf, resident=self.resident).cents
        if full:
            words = "Complet\u00a0: liste d’attente"
            return Cell(*key, "full", "C", words, limit=limit, limit_words=told, may_add=may)
        words = (
            f"Libre si vous décochez «\u00a0{self.hours[met.activity_id].label}\u00a0»" if met is not None else "Libre"
        )
        return Cell(*key, "free", "", words, limit=limit, limit_words=told, cents=price, may_add=may)


def _until(word: str, limit: datetime | None, now: datetime, *, begun: bool) -> str:
    """« Modifiable jusqu’au jeudi 10 septembre 2026 à 10 h »."""
    if begun or limit is None:
        return ""
    if limit <= now:
        return f"Annulation hors délai depuis le {moment_text(limit)}"
    return f"{word} jusqu’au {moment_text(limit)}"


def _rows(
    session: Session, child_ids: Sequence[uuid.UUID], first: date, last: date
) -> dict[tuple[uuid.UUID, uuid.UUID, date], _Row]:
    """The booking of each cell: the one that lives, else the last. One statement; ranks are counted where one waits."""
    before = aliased(Booking)
    rank = (
        select(func.count())
        .where(
            before.activity_id == Booking.activity_id,
            before.day == Booking.day,
            before.group_id == Booking.group_id,
            before.state == "waiting",
            before.queue <= Booking.queue,
        )
        .correlate(Booking)
        .scalar_subquery()
    )
    rows = session.execute(
        select(
            Booking.child_id,
            Booking.activity_id,
            Booking.day,
            Booking.household_id,
            Booking.state,
            Booking.cents,
            Booking.offered_until,
            case((Booking.state == "waiting", rank)).label("rank"),
        )
        .where(Booking.child_id.in_(child_ids), Booking.day.between(first, last))
        .order_by(Booking.asked_at)
    )
    found: dict[tuple[uuid.UUID, uuid.UUID, date], _Row] = {}
    for row in rows:
        key = row.child_id, row.activity_id, row.day
        if key not in found or STATES[found[key].state].over:
            found[key] = _Row(*row)
    return found


def _held(
    session: Session, activities: Collection[Regulated], first: date, last: date
) -> dict[tuple[uuid.UUID, date, uuid.UUID], tuple[int, int]]:
    """How many are there and wait, session by session: counted when they were written, not here. One statement."""
    rows = session.execute(
        select(SessionDay.activity_id, SessionDay.day, SessionDay.group_id, SessionDay.held, SessionDay.waiting).where(
            SessionDay.activity_id.in_([each.id for each in activities]), SessionDay.day.between(first, last)
        )
    )
    return {(row.activity_id, row.day, row.group_id): (row.held, row.waiting) for row in rows}
