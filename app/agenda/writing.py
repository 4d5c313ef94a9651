"""Writes what was decided: bookings, the journal of their states, and what is counted of their sessions.

Each kind of row is one statement, sent for all its rows in one trip.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from sqlalchemy import Table, bindparam, update
from sqlalchemy.orm import Session

from app.agenda.judging import Change, Places, SessionKey
from app.agenda.models import Booking, BookingEvent, SessionDay
from app.db import Json, new_id
from app.hot import Hot, adding
from app.outbox import emit

_BOOKINGS, _DAYS = cast(Table, Booking.__table__), cast(Table, SessionDay.__table__)
_ADD = Hot(adding(_BOOKINGS))
_ADD_EVENT = Hot(adding(cast(Table, BookingEvent.__table__)))
_MOVE = Hot(
    update(_BOOKINGS)
    .where(_BOOKINGS.c.id == bindparam("of", type_=_BOOKINGS.c.id.type))
    .values(
        {
            name: bindparam(f"to_{name}", type_=_BOOKINGS.c[name].type)
            for name in ("state", "version", "offered_until", "answer")
        }
    )
)
_COUNT = Hot(
    update(_DAYS)
    .where(*(each == bindparam(f"of_{each.name}", type_=each.type) for each in _DAYS.primary_key))
    .values({name: bindparam(f"to_{name}") for name in ("held", "waiting", "arrivals")})
)


CHANGED = "bookings.changed"
"""The fact: an act has changed bookings, whose families are to be told."""


@dataclass(frozen=True)
class Act:
    """One gesture: who, when, for which household. All it changes bears its id, so that one mail tells all of it."""

    id: uuid.UUID
    at: datetime
    by_id: uuid.UUID | None


def new_act(at: datetime, by_id: uuid.UUID | None) -> Act:
    return Act(new_id(), at, by_id)


def tell(session: Session, act: Act, what: str, **ids: Json) -> None:
    """Has each family told of an act, after the commit; ``what`` is a code of ``booking_mails.SUBJECTS``."""
    emit(session, CHANGED, act_id=str(act.id), what=what, **ids)


def write(
    session: Session,
    act: Act,
    changes: Sequence[Change],
    places: Mapping[SessionKey, Places],
    household_id: uuid.UUID | None = None,
) -> None:
    """Writes these changes and the new counts. ``household_id`` is whose the new bookings are."""
    ids = [change.before.id if change.before is not None else new_id() for change in changes]
    pairs = list(zip(ids, changes, strict=True))
    _ADD.run(session, [_new(act, each, change, household_id) for each, change in pairs if change.before is None])
    _MOVE.run(session, [_moved(each, change) for each, change in pairs if change.before is not None])
    _ADD_EVENT.run(session, [_event(act, each, change) for each, change in pairs])
    _COUNT.run(
        session,
        [
            {"of_activity_id": activity_id, "of_day": day, "of_group_id": group_id}
            | {f"to_{name}": count for name, count in vars(each).items()}
            for (activity_id, day, group_id), each in sorted(places.items(), key=lambda item: item[0])
        ],
    )


def _version(change: Change) -> int:
    return change.before.version + 1 if change.before is not None else 1


def _new(act: Act, booking_id: uuid.UUID, change: Change, household_id: uuid.UUID | None) -> dict[str, Json]:
    child_id, activity_id, day = change.key
    return {
        "id": booking_id,
        "child_id": child_id,
        "activity_id": activity_id,
        "group_id": change.group_id,
        "day": day,
        "household_id": household_id,
        "state": change.state,
        "version": _version(change),
        "queue": change.queue,
        "offered_until": change.offered_until,
        "cents": change.cents,
        "answer": change.answer,
        "asked_at": act.at,
        "asked_by": act.by_id,
    }


def _moved(booking_id: uuid.UUID, change: Change) -> dict[str, Json]:
    return {
        "of": booking_id,
        "to_state": change.state,
        "to_version": _version(change),
        "to_offered_until": change.offered_until,
        "to_answer": change.answer,
    }


def _event(act: Act, booking_id: uuid.UUID, change: Change) -> dict[str, Json]:
    return {
        "booking_id": booking_id,
        "version": _version(change),
        "act_id": act.id,
        "from_state": change.before.state if change.before is not None else "",
        "to_state": change.state,
        "at": act.at,
        "by_id": act.by_id,
        "reason": change.reason,
    }
