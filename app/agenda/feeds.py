"""The planning of a household in its own calendar, by a secret link that its holder can end (R11)."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Row, delete, select
from sqlalchemy.orm import Session

from app import clock, journal
from app.accounts.models import Account
from app.accounts.sealing import counting_key, fingerprint
from app.accounts.throttle import count_attempt
from app.agenda.icalendar import Event
from app.agenda.models import Activity, Booking, CalendarFeed
from app.agenda.states import ABSENT, STATES
from app.errors import Forbidden, NotFound
from app.families.queries import children_of, household_id_of
from app.families.rights import Action
from app.policy import Actor

BEHIND, AHEAD = timedelta(days=31), timedelta(days=400)
READS_AN_HOUR = 60
GONE = "Ce lien de calendrier n’existe pas ou n’existe plus. Créez-en un autre depuis votre planning."
_EVENTS = uuid.UUID("9f0e4f0e-2c1d-5a53-9a46-0d1b6a1d7c11")
"""What the identifiers of events are drawn from: nothing can be read in them."""
_SURE = ("booked", "cancel_requested", "present", "present_unbooked")


def create_feed(session: Session, actor: Actor) -> str:
    """A new secret, shown to its holder once; the link that she had stops at once. Raises Forbidden for an agent."""
    account_id = _holder(actor)
    secret = secrets.token_urlsafe(32)
    session.execute(delete(CalendarFeed).where(CalendarFeed.account_id == account_id))
    session.add(CalendarFeed(account_id=account_id, fingerprint=fingerprint(secret), created_at=clock.now()))
    session.flush()
    journal.record(session, actor, "feed.created", "account", account_id)
    return secret


def revoke_feed(session: Session, actor: Actor) -> None:
    """Ends her link, if she has one."""
    account_id = _holder(actor)
    found = session.get(CalendarFeed, account_id)
    if found is not None:
        session.delete(found)
        session.flush()
        journal.record(session, actor, "feed.revoked", "account", account_id)


def feed_since(session: Session, account_id: uuid.UUID) -> datetime | None:
    """When her link was made; ``None`` without one."""
    return session.scalar(select(CalendarFeed.created_at).where(CalendarFeed.account_id == account_id))


def _holder(actor: Actor) -> uuid.UUID:
    if actor.kind != "parent" or actor.id is None:
        raise Forbidden
    return actor.id


def holder_of(session: Session, secret: str) -> uuid.UUID:
    """The account whose link this is, as long as it is active. Raises NotFound."""
    found = session.scalar(
        select(CalendarFeed.account_id)
        .join(Account, Account.id == CalendarFeed.account_id)
        .where(CalendarFeed.fingerprint == fingerprint(secret[:200]), Account.state == "active")
    )
    if found is None:
        raise NotFound(GONE)
    return found


def may_read_now(session: Session, secret_key: str, account_id: uuid.UUID) -> bool:
    """Counts a reading; false beyond what a calendar needs in an hour."""
    key = counting_key(secret_key, "feed", f"{account_id}:{clock.now():%Y%m%d%H}")
    return count_attempt(session, key, timedelta(hours=1)) <= READS_AN_HOUR


@dataclass
class _Day:
    """A child, an activity and a day: the booking that lives, else the last, and how often all of them changed."""

    row: Row[*tuple[Any, ...]]
    versions: int


def events_of(session: Session, account_id: uuid.UUID) -> Sequence[Event]:
    """What her household booked, a month back and a year ahead, for the children whose planning she may see today.

    Names, hours and states: no health, no address, no price. At most three statements.
    """
    household_id = household_id_of(session, account_id)
    names = {card.id: card.first_name for card in children_of(session, account_id, Action.PLANNING)}
    if household_id is None or not names:
        return []
    today = clock.today()
    rows = session.execute(
        select(
            Booking.child_id,
            Booking.activity_id,
            Booking.day,
            Booking.state,
            Booking.version,
            Booking.asked_at,
            Activity.label,
            Activity.starts_at,
            Activity.ends_at,
        )
        .join(Activity, Activity.id == Booking.activity_id)
        .where(
            Booking.household_id == household_id,
            Booking.day.between(today - BEHIND, today + AHEAD),
            Booking.child_id.in_(names),
        )
        .order_by(Booking.day, Activity.starts_at, Activity.id, Booking.child_id, Booking.asked_at, Booking.id)
    )
    days: dict[tuple[uuid.UUID, uuid.UUID, date], _Day] = {}
    for row in rows:
        found = days.setdefault((row.child_id, row.activity_id, row.day), _Day(row, 0))
        found.versions += row.version
        if STATES[found.row.state].over:
            found.row = row
    return [_event(names[day.row.child_id], day) for day in days.values()]


def _event(name: str, day: _Day) -> Event:
    row = day.row
    status: Literal["CONFIRMED", "TENTATIVE", "CANCELLED"] = "TENTATIVE"
    if STATES[row.state].over or row.state in ABSENT:
        status = "CANCELLED"
    elif row.state in _SURE:
        status = "CONFIRMED"
    state = STATES[row.state].label
    summary = f"{name} – {row.label}"
    return Event(
        uid=f"{uuid.uuid5(_EVENTS, f'{row.child_id}:{row.activity_id}:{row.day}')}@portail-famille",
        sequence=day.versions,
        stamp=row.asked_at,
        day=row.day,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        status=status,
        summary=summary if row.state == "booked" else f"{summary} ({state[0].lower()}{state[1:]})",
        description=state,
    )
