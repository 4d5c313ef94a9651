"""The waiting list: in order of arrival, a freed place is offered to the next, for a time (R-35)."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from app.agenda.activities import Regulated
from app.agenda.judging import Change, Facts, Held, Places, SessionKey, Verdict
from app.agenda.loading import HELD_COLUMNS
from app.agenda.models import Booking
from app.agenda.writing import Act, new_act, tell, write


def offer_freed(session: Session, act: Act, facts: Facts, verdict: Verdict) -> None:
    """Offers the places that these wishes freed. Their sessions are locked already."""
    activities = {each.activity.id: each.activity for each in facts.agendas.values()}
    freed = {change.before.session for change in verdict.changes if change.state == "cancelled" and change.before}
    offer_places(session, act, activities, {key: verdict.places[key] for key in freed})


def offer_places(
    session: Session, act: Act, activities: Mapping[uuid.UUID, Regulated], places: Mapping[SessionKey, Places]
) -> int:
    """Offers the free places of these locked sessions to those who wait, the first arrived first; gives how many.

    An offer holds its place until ``offered_until``, at the latest until the service begins: then nobody is offered
    anything any more.
    """
    open_to = {key: each for key, each in places.items() if each.waiting and _free(activities, key, each) > 0}
    if not open_to:
        return 0
    changes = []
    for waiting in _first_waiting(session, open_to):
        each, activity = open_to[waiting.session], activities[waiting.activity_id]
        until = _until(activity, waiting, act.at)
        if _free(activities, waiting.session, each) <= 0 or until is None:
            continue
        each.held, each.waiting = each.held + 1, each.waiting - 1
        key = waiting.child_id, waiting.activity_id, waiting.day
        changes.append(Change(key, waiting.group_id, waiting, "offered", reason="place_freed", offered_until=until))
    offered = new_act(act.at, None)
    write(session, offered, changes, open_to)
    if changes:
        tell(session, offered, "offered")
    return len(changes)


def _free(activities: Mapping[uuid.UUID, Regulated], key: SessionKey, places: Places) -> int:
    activity = activities.get(key[0])
    group = next((each for each in activity.groups if each.id == key[2]), None) if activity is not None else None
    if group is None:
        return 0
    return places.waiting if group.capacity is None else group.capacity - places.held


def _until(activity: Regulated, waiting: Held, now: datetime) -> datetime | None:
    begins = activity.card.starts(waiting.day)
    return min(now + timedelta(hours=activity.regulation.offer_hours), begins) if now < begins else None


def _first_waiting(session: Session, keys: Collection[SessionKey]) -> Iterable[Held]:
    columns = (Booking.activity_id, Booking.day, Booking.group_id)
    rows = session.execute(
        select(*HELD_COLUMNS)
        .where(tuple_(*columns).in_(sorted(keys)), Booking.state == "waiting")
        .order_by(*columns, Booking.queue)
    )
    return [Held(*row) for row in rows]
