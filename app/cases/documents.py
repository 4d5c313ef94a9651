"""The document that a demande leaves, when its démarche makes one (``[reglages] document``): an attestation."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from app.cases.acknowledgement import service_of
from app.cases.operations import runtime
from app.cases.queries import Opened
from app.engine.history import last_data
from app.errors import NotFound
from app.pdf.statement import Statement
from app.procedures.queries import content_of
from app.town.queries import town_settings


def makes_document(session: Session, opened: Opened) -> bool:
    """Whether there is something to download: the demande is closed, and its démarche names a variable."""
    named = content_of(session, opened.case.bundle_hash).settings.settings.get("document")
    return bool(named) and opened.case.status == "clos"


def statement_of(session: Session, opened: Opened) -> Statement:
    """What was stated when the demande closed, as it was then. The caller has proved that this person may read it.
    Raises NotFound when it leaves nothing."""
    if not makes_document(session, opened):
        raise NotFound("Cette demande n’a pas d’attestation.")
    settings = content_of(session, opened.case.bundle_hash).settings
    workflow, _ = runtime.look(session, opened.facts, opened.instance)
    found = (last_data(workflow).get(str(settings.settings["document"])) or {}).get("document")
    if not isinstance(found, dict):
        raise NotFound("Cette demande n’a pas d’attestation.")
    town, service = town_settings(session), service_of(session, opened.case, settings.service)
    return Statement(
        commune=town.name,
        service=service.name,
        contact=[line for text in (service.address, service.email, service.phone) for line in text.split("\n") if line],
        reference=opened.case.reference,
        name=found["nom"],
        birth=found["naissance"],
        year=found["annee"],
        lines=[(label, value) for label, value in found["lignes"]],
        made_at=datetime.fromisoformat(found["etablie_le"]),
        made_for=found["demandeur"],
    )
