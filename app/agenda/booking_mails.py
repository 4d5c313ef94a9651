"""What families hear of their bookings: one mail for one gesture, with the detail of its days (R4, R7, R-38)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.models import Account
from app.agenda.days import moment_text
from app.agenda.models import Activity, Booking, BookingEvent, Closure
from app.agenda.states import ABSENT
from app.agenda.vocabulary import REFUSALS
from app.agenda.writing import CHANGED
from app.config import Settings
from app.db import Json
from app.families.models import Adult, Child
from app.families.queries import other_holders
from app.mail import MailDraft, mails_for
from app.town.queries import town_settings
from forms.french import short_date

SUBJECTS: Mapping[str, tuple[str, str]] = {
    "saved": ("Vos réservations sont enregistrées", "Voici ce que vous venez d’enregistrer."),
    "told": (
        "Les réservations de votre enfant ont changé",
        "Un autre responsable de l’enfant vient de changer ses réservations. Si vous n’êtes pas d’accord, écrivez au "
        "service.",
    ),
    "answered": ("Le service a répondu à vos demandes", "Voici la réponse du service, jour par jour."),
    "closed": ("Des jours d’accueil sont fermés", "Ces jours sont annulés, sans frais pour vous."),
    "offered": (
        "Une place se libère",
        "Une place est gardée pour vous un moment. Acceptez-la ou laissez-la dans votre planning.",
    ),
    "expired": (
        "Une proposition de place a pris fin",
        "Sans réponse de votre part, la place est passée à la personne suivante.",
    ),
}
_WORDS: Mapping[str, str] = {
    "booked": "Réservé",
    "requested": "Demande envoyée au service",
    "waiting": "Sur liste d’attente",
    "cancelled": "Annulé",
    "cancel_requested": "Demande d’annulation hors délai, envoyée au service",
    "absent_justified": "excusée, non facturée",
    "absent_unjustified": "facturée",
    "refused": "Refusé",
    "closed": "Fermé, annulé sans frais",
    "offered": "Place proposée",
    "expired": "Proposition sans réponse",
}


@dataclass(frozen=True)
class _Line:
    household_id: uuid.UUID
    child_id: uuid.UUID
    child: str
    activity: str
    day: date
    from_state: str
    to_state: str
    reason: str
    by_id: uuid.UUID | None
    answer: str
    offered_until: datetime | None

    @property
    def head(self) -> str:
        return f"{self.child} – {self.activity}"

    @property
    def words(self) -> str:
        """What became of the day."""
        if self.to_state == "booked" and self.from_state == "cancel_requested":
            taken_back = self.reason == "taken_back"
            return "Annulation retirée\u00a0: réservé" if taken_back else "Annulation refusée\u00a0: réservé"
        found = _WORDS.get(self.to_state, self.to_state)
        if self.to_state in ABSENT:
            found = f"{'Annulation' if self.from_state == 'cancel_requested' else 'Absence'} {found}"
        if self.to_state == "refused" and self.reason in REFUSALS:
            found = f"{found} ({REFUSALS[self.reason]})"
        if self.to_state == "offered" and self.offered_until is not None:
            found = f"{found} jusqu’au {moment_text(self.offered_until)}"
        return f"{found}. {self.answer}" if self.answer else found


@mails_for(CHANGED)
def tell(session: Session, settings: Settings, payload: dict[str, Json]) -> list[MailDraft]:
    """One mail for each person to tell of an act, the same each time it is asked."""
    lines = _lines(session, uuid.UUID(payload["act_id"]))
    kind = payload["what"]
    reason = _closed_words(session, payload)
    drafts = []
    by_household = groupby(lines, key=lambda line: line.household_id) if kind != "told" else ()
    for household_id, theirs in by_household:
        days = list(theirs)
        for address in _addresses(session, household_id, days[0].by_id if kind == "saved" else None):
            drafts.append(_draft(settings, kind, address, days, reason))
    return drafts + (_to_others(session, settings, lines, payload) if kind in ("saved", "told") else [])


def _to_others(
    session: Session, settings: Settings, lines: Sequence[_Line], payload: Mapping[str, Json]
) -> list[MailDraft]:
    """To those who exercise authority over the child from another household, when the commune wishes it (R-22): those
    of this one share its planning already."""
    if not town_settings(session).tell_other_holder:
        return []
    drafts = []
    for child_id, theirs in groupby(lines, key=lambda line: line.child_id):
        days = list(theirs)
        by = uuid.UUID(payload["by"]) if payload.get("by") else days[0].by_id
        addresses = session.scalars(
            select(Account.email)
            .join(Adult, Adult.account_id == Account.id)
            .where(
                Account.id.in_(other_holders(session, child_id, by)),
                Account.state == "active",
                Adult.household_id != days[0].household_id,
            )
            .order_by(Account.email)
        )
        drafts += [_draft(settings, "told", address, days, "") for address in addresses]
    return drafts


def _lines(session: Session, act_id: uuid.UUID) -> list[_Line]:
    rows = session.execute(
        select(
            Booking.household_id,
            Booking.child_id,
            Child.first_name.label("child"),
            Activity.label.label("activity"),
            Booking.day,
            BookingEvent.from_state,
            BookingEvent.to_state,
            BookingEvent.reason,
            BookingEvent.by_id,
            Booking.answer,
            Booking.offered_until,
        )
        .join(Booking, Booking.id == BookingEvent.booking_id)
        .join(Child, Child.id == Booking.child_id)
        .join(Activity, Activity.id == Booking.activity_id)
        .where(BookingEvent.act_id == act_id)
        .order_by(Booking.household_id, Child.sort_key, Child.id, Activity.rank, Booking.day, Booking.id)
    )
    return [_Line(**row._mapping) for row in rows]


def _closed_words(session: Session, payload: Mapping[str, Json]) -> str:
    if "closure_id" not in payload:
        return ""
    return session.scalar(select(Closure.words).where(Closure.id == uuid.UUID(payload["closure_id"]))) or ""


def _addresses(session: Session, household_id: uuid.UUID, by_id: uuid.UUID | None) -> list[str]:
    """Who acted, when it is one of the household; else its adults who have an account or an address."""
    rows = session.execute(
        select(Adult.account_id, Adult.email, Account.email.label("account"))
        .outerjoin(Account, Account.id == Adult.account_id)
        .where(Adult.household_id == household_id)
        .order_by(Adult.rank, Adult.id)
    ).all()
    author = [row.account for row in rows if by_id is not None and row.account_id == by_id]
    return author or list(dict.fromkeys(filter(None, (row.account or row.email for row in rows))))


def _draft(settings: Settings, kind: str, address: str, lines: Sequence[_Line], reason: str) -> MailDraft:
    subject, intro = SUBJECTS[kind]
    parts = ["Bonjour,", f"{reason}. {intro}" if reason else intro]
    for head, theirs in groupby(lines, key=lambda line: line.head):
        of_words: dict[str, list[str]] = {}
        for line in theirs:
            of_words.setdefault(line.words, []).append(short_date(line.day))
        parts.append("\n".join([head, *(f"  {words}\u00a0: {', '.join(days)}" for words, days in of_words.items())]))
    parts.append(f"Votre planning\u00a0: {settings.public_url}/planning\n")
    return MailDraft(address, subject, "\n\n".join(parts))
