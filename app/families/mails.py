"""What the other parent hears when one parent changed something about their child (R-22)."""

from __future__ import annotations

import uuid

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.models import Account
from app.config import Settings
from app.db import Json
from app.families.models import Child
from app.families.queries import other_holders
from app.mail import MailDraft, mails_for
from app.outbox import emit
from app.town.queries import town_settings

TOLD = {
    "pickup": "Les personnes autorisées à venir chercher {child} ont changé.",
    "sheet": "La fiche de {child} a changé.",
    "enrolment": "Une inscription de {child} vient d’être acceptée.",
    "custody": "Le calendrier de garde de {child} a changé.",
}


def tell_others(session: Session, child_id: uuid.UUID, account_id: uuid.UUID | None, what: str) -> None:
    """The other holders of authority will be told, when the commune wishes it. ``what`` is a key of ``TOLD``; who did
    it, and what exactly, is read on the page of the child by those who may."""
    if town_settings(session).tell_other_holder:
        emit(session, "child.told", child_id=str(child_id), by=str(account_id) if account_id else None, what=what)


@mails_for("child.told")
def told(session: Session, settings: Settings, payload: dict[str, Json]) -> list[MailDraft]:
    """To the active accounts of the others who exercise authority today."""
    child = session.get(Child, uuid.UUID(payload["child_id"]))
    if child is None:
        return []
    by = uuid.UUID(payload["by"]) if payload.get("by") else None
    others = other_holders(session, child.id, by)
    people = session.scalars(select(Account).where(Account.id.in_(others), Account.state == "active"))
    sentence, town = TOLD[str(payload["what"])].format(child=child.first_name), town_settings(session)
    body = (
        "{hello}\n\n{sentence} Le service a validé ce changement, demandé par un autre responsable de l’enfant.\n\n"
        "Ce qui vaut aujourd’hui est ici\u00a0:\n{link}\n\nSi vous n’êtes pas d’accord, écrivez au service.\n\n{sign}\n"
    )
    return [
        MailDraft(
            person.email,
            f"Un changement pour {child.first_name}"[:250],
            body.format(
                hello=f"Bonjour {person.first_name},",
                sentence=sentence,
                link=f"{settings.public_url}/foyer/enfants/{child.id}",
                sign=f"{town.service_name}\n{town.name}",
            ),
        )
        for person in people
    ]
