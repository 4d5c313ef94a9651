"""What several journeys begin with: a family's demande, filed page by page as a person files it."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

from sqlalchemy import select

from app import clock
from app.cases.models import Case
from tests.cases.making import add_incident
from tests.journeys.commune import Commune
from tests.journeys.people import Somebody


def monday(weeks: int = 1) -> date:
    """A Monday to come: each test takes its own, an absence is declared once."""
    today = clock.today()
    return today + timedelta(days=7 * weeks - today.weekday())


def first_page(parent: Somebody, child: str, day: date) -> None:
    """Who is absent, and when: lunch of one day."""
    parent.tick(child)
    parent.fill("Premier jour", day.isoformat())
    parent.fill("Dernier jour", day.isoformat())
    parent.tick("Restauration scolaire")
    parent.press("Continuer")


def declare_an_absence(parent: Somebody, child: str, day: date, *, photo: Path | None = None) -> str:
    """A complete declaration, for an illness when there is a certificate; the path of the demande."""
    parent.go("/demandes/nouvelle/absence?autre=1")
    first_page(parent, child, day)
    parent.tick("Maladie" if photo else "Raison familiale")
    if photo:
        parent.page.locator("input[type=file]").set_input_files(photo)
    parent.tick("J’accepte")
    parent.press("Continuer")
    if photo:
        parent.sees(photo.name)
    parent.press("Enregistrer la demande")
    parent.sees("Votre demande est enregistrée")
    return parent.page.url.partition("?")[0].removeprefix(parent.address)


def stop_one(commune: Commune, cause: str) -> str:
    """An incident of a declaration that waits for an agent; gives its reference."""
    with commune.database.transaction(read_only=True) as session:
        waiting = select(Case).where(Case.slug == "absence", Case.status == "en_attente")
        case = session.scalars(waiting.order_by(Case.opened_at, Case.id).limit(1)).one()
    add_incident(commune.database, case.id, cause, "enregistrer", "Noter l’absence")
    return case.reference
