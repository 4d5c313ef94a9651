"""Every few minutes: offers that nobody took, and places that are free while somebody waits (R-35)."""

from __future__ import annotations

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from app import clock
from app.agenda.activities import read_regulated
from app.agenda.judging import Change, Held, SessionKey
from app.agenda.loading import HELD_COLUMNS, counted, lock_sessions
from app.agenda.models import Booking, SessionDay
from app.agenda.waiting import offer_places
from app.agenda.writing import Act, new_act, tell, write
from app.chores import every
from app.config import Settings
from app.db import Database

BATCH = 200


@every(name="agenda.offers", minutes=5)
def pass_places_on(database: Database, settings: Settings) -> None:  # noqa: ARG001  # every chore has this signature
    """Ends the offers whose time is over, and offers free places to those who wait; a transaction a session."""
    with database.transaction(read_only=True) as session:
        keys = _to_look_at(session)
    for key in keys:
        with database.transaction() as session:
            pass_on(session, key)


def pass_on(session: Session, key: SessionKey) -> None:
    """One session: ends its offers that are over, then offers what is free to the next."""
    places = counted(session, [key], lock_sessions(session, [key]))
    act = new_act(clock.now(), None)
    over = _over(session, key, act)
    if over:
        places[key].held -= len(over)
        changes = [
            Change((each.child_id, each.activity_id, each.day), each.group_id, each, "expired", reason="no_answer")
            for each in over
        ]
        write(session, act, changes, places)
        tell(session, act, "expired")
    activities = {each.id: each for each in read_regulated(session)}
    offer_places(session, new_act(act.at, None), activities, places)


def _over(session: Session, key: SessionKey, act: Act) -> list[Held]:
    columns = (Booking.activity_id, Booking.day, Booking.group_id)
    query = select(*HELD_COLUMNS).where(tuple_(*columns) == key, Booking.state == "offered")
    return [Held(*row) for row in session.execute(query.where(Booking.offered_until <= act.at))]


def _to_look_at(session: Session) -> list[SessionKey]:
    """Sessions with an offer that is over, or with somebody who waits for a day to come. Two statements on indexes."""
    over = session.execute(
        select(Booking.activity_id, Booking.day, Booking.group_id)
        .where(Booking.state == "offered", Booking.offered_until <= clock.now())
        .order_by(Booking.offered_until)
        .limit(BATCH)
    )
    waited = session.execute(
        select(SessionDay.activity_id, SessionDay.day, SessionDay.group_id)
        .where(SessionDay.waiting > 0, SessionDay.day >= clock.today())
        .order_by(SessionDay.day)
        .limit(BATCH)
    )
    return sorted({(row[0], row[1], row[2]) for row in [*over, *waited]})
