"""Reads what a judgement looks at; with ``lock``, after having locked all that it decides about.

Locks are always taken in one order: the children by id, then the sessions by activity, day and group. So two parents,
or two clicks, wait for each other and nobody waits in a circle. On SQLite the writer is alone: the same code, no lock.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import func, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app import clock
from app.agenda.activities import Regulated, agendas, read_regulated
from app.agenda.judging import FURTHEST, Facts, Held, Hours, Kid, Places, SessionKey
from app.agenda.models import Booking, Enrolment, SessionDay
from app.agenda.states import HOLDING, OVER
from app.agenda.wishes import Key, Wish
from app.documents.queries import missing_pieces
from app.errors import Forbidden, NotFound, Refused
from app.families.custody_calendars import custody_homes
from app.families.loading import load_household_row
from app.families.models import Child, Household
from app.families.queries import (
    NO_CHILD,
    ChildCard,
    children_of,
    children_of_household,
    household_id_of,
    in_disagreement,
)
from app.families.rights import Action
from app.policy import Actor, Permission, require
from app.town.queries import town_settings

HELD_COLUMNS = tuple(getattr(Booking, name) for name in Held.__dataclass_fields__)
ROWS_AT_ONCE = 500


@dataclass(frozen=True)
class Asker:
    """For which household wishes are made, and the children one of its adults may speak for. ``structures`` are those
    where an agent books at the desk (``at_desk``); ``None`` for all of them."""

    household_id: uuid.UUID
    children: Mapping[uuid.UUID, ChildCard]
    structures: Collection[uuid.UUID] | None = None
    at_desk: bool = False

    def reaches(self, activity: Regulated) -> bool:
        return self.structures is None or activity.card.structure_id in self.structures


def asker(session: Session, actor: Actor, household_id: uuid.UUID | None = None) -> Asker:
    """A parent asks for her own household; an agent, at the desk, for the one he names.

    Raises Forbidden, NotFound (household), Refused for a parent without one.
    """
    if actor.kind == "parent" and actor.id is not None:
        mine = household_id_of(session, actor.id)
        if mine is None:
            raise Refused("Votre foyer n’est pas encore enregistré\u00a0: écrivez au service.")
        return Asker(mine, {card.id: card for card in children_of(session, actor.id)})
    scope = None
    if actor.kind != "system":
        require(actor, Permission.BOOKING_MANAGE)
        scope = actor.structures(Permission.BOOKING_MANAGE)
        household_id = load_household_row(session, actor, household_id).id
    if household_id is None:
        raise NotFound("Ce foyer n’existe pas ou n’existe plus.")
    cards = {card.id: card for card in children_of_household(session, household_id)}
    return Asker(household_id, cards, scope, at_desk=actor.kind == "agent")


def check_rights(who: Asker, wishes: Iterable[Wish]) -> None:
    """Raises NotFound for a child one may not know of, Forbidden for one whom one may not book for (R-21)."""
    for child_id, add in {(wish.child_id, wish.add) for wish in wishes}:
        card = who.children.get(child_id)
        if card is None:
            raise NotFound(NO_CHILD)
        if not card.may(Action.BOOK if add else Action.CANCEL):
            raise Forbidden("Votre situation à l’égard de cet enfant ne permet pas de réserver pour lui.")


def facts(session: Session, who: Asker, wishes: Sequence[Wish], now: datetime, *, lock: bool) -> Facts:
    """What ``judge`` needs for these wishes. A dozen statements at most, whatever their number."""
    today = clock.in_paris(now).date()
    sane = [wish for wish in wishes if timedelta(0) <= wish.day - today <= FURTHEST]
    days = [wish.day for wish in sane] or [today]
    first, last = min(days), max(days)
    child_ids = sorted({wish.child_id for wish in wishes})
    kids = _kids(session, child_ids, lock=lock)
    asked = {wish.activity_id for wish in wishes}
    held = read_regulated(session)
    activities = {each.id: each for each in held if each.id in asked and who.reaches(each)}
    standing = living(session, child_ids, None, first, last)
    keys = _sessions(sane, activities, kids, standing)
    qf, resident = payer(session, who.household_id)
    inscribed = enrolled(session, child_ids, who.household_id)
    missing = missing_labels(session, who.household_id, child_ids, activities.values(), today)
    arrivals: Mapping[SessionKey, int] = {}
    if lock:
        # everybody who wants these places waits from here on: what others cannot change was read before
        arrivals = lock_sessions(session, keys)
        # the other parent, an agent or the clock may have acted before these locks were ours
        standing = living(session, child_ids, None, first, last)
    return Facts(
        now=now,
        household_id=who.household_id,
        qf=qf,
        resident=resident,
        children=kids,
        agendas=agendas(session, activities.values(), first, last),
        enrolled=inscribed,
        missing=missing,
        bookings=standing,
        places=counted(session, keys, arrivals),
        homes={} if who.at_desk else custody_homes(session, child_ids),
        hours=hours_of(held),
    )


def hours_of(activities: Iterable[Regulated]) -> dict[uuid.UUID, Hours]:
    """When each begins and ends."""
    return {each.id: Hours(each.card.label, each.card.starts_at, each.card.ends_at) for each in activities}


def _kids(session: Session, child_ids: Sequence[uuid.UUID], *, lock: bool) -> dict[uuid.UUID, Kid]:
    query = select(Child.id, Child.first_name, Child.birth_date).where(Child.id.in_(child_ids)).order_by(Child.id)
    if lock:
        query = query.with_for_update(key_share=True)
    rows = session.execute(query).all()
    disputed = in_disagreement(session, child_ids)
    return {row.id: Kid(row.first_name, row.birth_date, row.id in disputed) for row in rows}


def living(
    session: Session,
    child_ids: Collection[uuid.UUID],
    activities: Collection[uuid.UUID] | None,
    first: date,
    last: date,
) -> dict[Key, Held]:
    """The bookings of these children that are not over, in these activities or in all. One statement on an index."""
    query = select(*HELD_COLUMNS).where(
        Booking.child_id.in_(child_ids), Booking.day.between(first, last), Booking.state.not_in(OVER)
    )
    if activities is not None:
        query = query.where(Booking.activity_id.in_(activities))
    return {(row.child_id, row.activity_id, row.day): Held(*row) for row in session.execute(query)}


def _sessions(
    wishes: Iterable[Wish],
    activities: Mapping[uuid.UUID, Regulated],
    kids: Mapping[uuid.UUID, Kid],
    standing: Mapping[Key, Held],
) -> list[SessionKey]:
    """Every session that these wishes may touch, in the order of the locks."""
    keys = {standing[wish.key].session for wish in wishes if wish.key in standing}
    for wish in wishes:
        activity = activities.get(wish.activity_id)
        group = activity.group_of(kids[wish.child_id].birth_date, wish.day) if activity is not None else None
        if group is not None:
            keys.add((wish.activity_id, wish.day, group.id))
    return sorted(keys)


def lock_sessions(session: Session, keys: Collection[SessionKey]) -> dict[SessionKey, int]:
    """Makes the rows that are missing, then locks all of them, in order. Two statements for each five hundred.

    Gives the last number of each waiting list.
    """
    dialect = session.get_bind().dialect.name
    insert = sqlite.insert if dialect == "sqlite" else postgresql.insert
    ordered = sorted(keys)
    rows = [
        {"activity_id": activity_id, "day": day, "group_id": group_id, "held": 0, "waiting": 0, "arrivals": 0}
        for activity_id, day, group_id in ordered
    ]
    for start in range(0, len(rows), ROWS_AT_ONCE):
        session.execute(insert(SessionDay).values(rows[start : start + ROWS_AT_ONCE]).on_conflict_do_nothing())
    columns = (SessionDay.activity_id, SessionDay.day, SessionDay.group_id)
    found = {}
    for part in _parts(ordered):
        query = select(*columns, SessionDay.arrivals).where(tuple_(*columns).in_(part)).order_by(*columns)
        for row in session.execute(query.with_for_update()):
            found[row.activity_id, row.day, row.group_id] = row.arrivals
    return found


def counted(
    session: Session, keys: Collection[SessionKey], arrivals: Mapping[SessionKey, int]
) -> dict[SessionKey, Places]:
    """The places taken and waited for in these sessions, counted; ``arrivals`` as ``lock_sessions`` gave them."""
    found = {key: Places(arrivals=arrivals.get(key, 0)) for key in keys}
    columns = (Booking.activity_id, Booking.day, Booking.group_id)
    for part in _parts(sorted(keys)):
        for row in session.execute(
            select(*columns, Booking.state, func.count().label("children"))
            .where(tuple_(*columns).in_(part), Booking.state.in_((*HOLDING, "waiting")))
            .group_by(*columns, Booking.state)
        ):
            places = found[row.activity_id, row.day, row.group_id]
            if row.state == "waiting":
                places.waiting += row.children
            else:
                places.held += row.children
    return found


def _parts(keys: Sequence[SessionKey]) -> Iterable[Sequence[SessionKey]]:
    return (keys[start : start + ROWS_AT_ONCE] for start in range(0, len(keys), ROWS_AT_ONCE))


def enrolled(
    session: Session, child_ids: Collection[uuid.UUID], household_id: uuid.UUID
) -> dict[tuple[uuid.UUID, uuid.UUID], list[tuple[date, date]]]:
    """First and last days for which this household has enrolled each child, by child and activity. One statement."""
    found: dict[tuple[uuid.UUID, uuid.UUID], list[tuple[date, date]]] = {}
    for row in session.execute(
        select(Enrolment.child_id, Enrolment.activity_id, Enrolment.first_day, Enrolment.last_day).where(
            Enrolment.child_id.in_(child_ids), Enrolment.household_id == household_id, Enrolment.state == "active"
        )
    ):
        found.setdefault((row.child_id, row.activity_id), []).append((row.first_day, row.last_day))
    return found


def payer(session: Session, household_id: uuid.UUID) -> tuple[int | None, bool]:
    """The quotient of a household, and whether it lives in the commune: what its prices come from. One statement."""
    query = select(Household.qf, Household.postal_code).where(Household.id == household_id)
    row = session.execute(query).one()
    here = town_settings(session).postal_code
    return row.qf, not row.postal_code or not here or row.postal_code == here


def missing_labels(
    session: Session,
    household_id: uuid.UUID,
    child_ids: Collection[uuid.UUID],
    activities: Collection[Regulated],
    today: date,
) -> dict[tuple[uuid.UUID, uuid.UUID], list[str]]:
    """What each child lacks for each activity. No statement where no activity asks for a piece."""
    codes = {code for each in activities for code in each.regulation.pieces}
    if not codes:
        return {}
    missing = missing_pieces(session, household_id, child_ids, codes, today)
    return {
        (child_id, each.id): [label for code, label in lacking.items() if code in each.regulation.pieces]
        for child_id, lacking in missing.items()
        for each in activities
    }
