"""When a démarche may be begun, and by whom: the administrator's button, and what its settings say."""

from __future__ import annotations

import uuid
from datetime import date

from app import clock
from app.errors import Forbidden
from app.policy import Actor
from app.procedures.settings import ProcedureSettings
from forms.french import date_text


def closed_reason(is_open: bool, opens_on: date | None, closes_on: date | None) -> str:
    """Why nobody may begin a demande today, as a sentence; empty when one may. Both days are included."""
    if not is_open:
        return "Cette démarche n’est pas ouverte en ce moment."
    today = clock.today()
    if opens_on is not None and today < opens_on:
        return f"Cette démarche ouvre le {date_text(opens_on, weekday=False)}."
    if closes_on is not None and today > closes_on:
        return f"Cette démarche est fermée depuis le {date_text(closes_on, weekday=False)} au soir."
    return ""


def require_filer(settings: ProcedureSettings, actor: Actor, household_id: uuid.UUID | None) -> None:
    """Raises Forbidden when the settings of the démarche reserve it to others."""
    if actor.kind == "system":
        return
    if settings.filers == "guichet" and not actor.is_agent:
        raise Forbidden("Cette démarche se fait à l’accueil de la mairie, avec un agent.")
    if settings.filers == "foyers" and household_id is None:
        raise Forbidden("Cette démarche est réservée aux familles dont le foyer est sur le portail.")
