"""What a family hears by mail of its pieces when no demande tells it: one was refused, one is claimed."""

from __future__ import annotations

import uuid

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.accounts.models import Account
from app.config import Settings
from app.db import Json
from app.documents.models import Document, PieceRequest, PieceType
from app.families.loading import in_force
from app.families.models import Adult, Guardianship
from app.families.rights import Action, Authority, may
from app.mail import MailDraft, mails_for
from app.town.queries import town_settings
from app.web.filters import long_date


@mails_for("document.refused")
def refused(session: Session, settings: Settings, payload: dict[str, Json]) -> list[MailDraft]:
    """To whoever sent the piece, or to the household when an agent did for it."""
    document = session.get(Document, uuid.UUID(payload["document_id"]))
    if document is None or document.state != "invalide":
        return []
    label = session.scalar(select(PieceType.label).where(PieceType.code == document.piece_type)) or ""
    text = (
        f"La pièce « {label} » que vous avez envoyée n’a pas pu être acceptée.\n\n"
        f"Motif : {document.reason}\n\n"
        f"Envoyez-en une autre depuis la page « Mes pièces » :\n{settings.public_url}/pieces"
    )
    found = _sender(session, document) or _household(session, document.household_id, document.child_id)
    return [_letter(session, person, f"À remplacer : {label}", text) for person in found]


@mails_for("piece.claimed")
def claimed(session: Session, settings: Settings, payload: dict[str, Json]) -> list[MailDraft]:
    """To the adults of the household who may know of the child."""
    request = session.get(PieceRequest, uuid.UUID(payload["request_id"]))
    if request is None or request.closed_at is not None:
        return []
    label = session.scalar(select(PieceType.label).where(PieceType.code == request.piece_type)) or ""
    parts = [
        f"Le service vous demande la pièce « {label} ».",
        f"Merci de la fournir avant le {long_date(request.due_on)}." if request.due_on else "",
        request.message,
        f"Fournissez-la depuis la page « Mes pièces » :\n{settings.public_url}/pieces",
    ]
    text = "\n\n".join(part for part in parts if part)
    found = _household(session, request.household_id, request.child_id)
    return [_letter(session, person, f"À fournir : {label}", text) for person in found]


def _letter(session: Session, person: Account, subject: str, text: str) -> MailDraft:
    town = town_settings(session)
    return MailDraft(
        person.email, subject[:250], f"Bonjour {person.first_name},\n\n{text}\n\n{town.service_name}\n{town.name}\n"
    )


def _sender(session: Session, document: Document) -> list[Account]:
    person = session.get(Account, document.uploaded_by_id) if document.uploaded_by_id else None
    return [person] if person is not None and person.kind == "parent" and person.state == "active" else []


def _household(session: Session, household_id: uuid.UUID | None, child_id: uuid.UUID | None) -> list[Account]:
    """The active accounts of a household; about a child, those who may know of him (R-20)."""
    query = (
        select(Account)
        .join(Adult, Adult.account_id == Account.id)
        .where(Adult.household_id == household_id, Account.state == "active")
        .order_by(Adult.rank)
    )
    if child_id is not None:
        knowing = [authority for authority in Authority if may(authority, Action.KNOW)]
        query = query.where(
            Adult.id.in_(
                select(Guardianship.adult_id).where(
                    Guardianship.child_id == child_id,
                    Guardianship.authority.in_(knowing),
                    in_force(clock.today()),
                )
            )
        )
    return list(session.scalars(query))
