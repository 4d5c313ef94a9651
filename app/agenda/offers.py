"""Places offered to a family that waited: what it is asked, and until when (R-35)."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.agenda.days import moment_text
from app.agenda.models import Activity, Booking
from app.families.queries import ChildCard
from app.families.rights import Action


@dataclass(frozen=True)
class Offer:
    """A place kept for a child until an instant; without an answer it passes to the next who waits."""

    child_id: uuid.UUID
    child: str
    activity_id: uuid.UUID
    activity: str
    day: date
    until: datetime
    cents: int

    @property
    def until_words(self) -> str:
        """« jeudi 10 septembre 2026 à 10 h »."""
        return moment_text(self.until)


def offers_of(session: Session, household_id: uuid.UUID | None, children: Collection[ChildCard]) -> Sequence[Offer]:
    """The offers that this household may answer for these children, the first to end first. One statement at most."""
    names = {card.id: card.first_name for card in children if card.may(Action.BOOK)}
    if household_id is None or not names:
        return []
    rows = session.execute(
        select(
            Booking.child_id,
            Booking.activity_id,
            Activity.label,
            Booking.day,
            Booking.offered_until,
            Booking.cents,
        )
        .join(Activity, Activity.id == Booking.activity_id)
        .where(
            Booking.state == "offered",
            Booking.offered_until > clock.now(),
            Booking.household_id == household_id,
            Booking.child_id.in_(names),
        )
        .order_by(Booking.offered_until, Booking.day, Booking.id)
    )
    return [
        Offer(row.child_id, names[row.child_id], row.activity_id, row.label, row.day, row.offered_until, row.cents)
        for row in rows
        if row.offered_until is not None
    ]
