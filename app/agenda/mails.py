"""Tells a structure that a child will be missing today: its list of the day has just changed (R-42)."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.config import Settings
from app.db import Json
from app.mail import MailDraft, mails_for
from app.town.queries import structures


@mails_for("absence.declared")
def warn_structures(session: Session, settings: Settings, payload: dict[str, Json]) -> list[MailDraft]:
    """One mail for each structure concerned today. It names nobody: the list, behind a sign-in, does."""
    concerned = set(payload.get("today") or ())
    return [
        MailDraft(
            place.email,
            "Une absence vient d’être déclarée pour aujourd’hui",
            "Bonjour,\n\nUne famille vient de déclarer une absence pour aujourd’hui. La liste du jour\u00a0:\n"
            f"{settings.public_url}/agent/absences?structure={place.id}\n",
        )
        for place in structures(session)
        if str(place.id) in concerned and place.email
    ]
