"""The acknowledgement of a demande (R-01): what it says."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.cases.models import Answer, Case
from app.errors import NotFound
from app.pdf.acknowledgement import (
    Acknowledgement,
    Piece,
    Regime,
    Section,
    Service,
)
from app.procedures.queries import content_of
from app.town.queries import structures, town_settings

APPEAL_ROUTES = (
    "Si vous contestez la décision, explicite ou née du silence du service, vous pouvez dans les deux mois : écrire au "
    "maire pour lui demander de la revoir (recours gracieux) ;",
    "ou saisir le tribunal administratif, par courrier ou en ligne sur « Télérecours citoyens ». Le recours gracieux, "
    "formé dans ces deux mois, prolonge d’autant ce délai.",
)


def service_of(session: Session, case: Case, name: str) -> Service:
    """The service in charge: the structure that received the case, else the démarche's service, else the town hall."""
    town = town_settings(session)
    found = next((s for s in structures(session) if s.id == case.structure_id), None)
    return Service(
        name=(found.name if found else "") or name or town.service_name or f"Mairie de {town.name}",
        address=(found.address if found else "") or town.address,
        email=(found.email if found else "") or town.email,
        phone=(found.phone if found else "") or town.phone,
    )


def acknowledgement_of(session: Session, case: Case) -> Acknowledgement:
    """The acknowledgement of the last filing of a case. Raises NotFound before it was filed."""
    filed = session.scalars(
        select(Answer).where(Answer.case_id == case.id, Answer.by_kind == "parent").order_by(Answer.number.desc())
    ).all()
    answer = next((each for each in filed if each.receipt), None)
    if answer is None:
        raise NotFound("Cette demande n’a pas encore été envoyée : il n’y a pas d’accusé de réception.")
    settings = content_of(session, case.bundle_hash).settings
    regime = Regime(settings.legal.regime)
    return Acknowledgement(
        reference=case.reference,
        received_at=answer.at,
        procedure=case.title,
        commune=town_settings(session).name,
        service=service_of(session, case, settings.service),
        regime=regime,
        filed_by=answer.by_label or case.owner_name,
        recap=tuple(
            Section(title, tuple((label, text) for label, text, _name in lines)) for title, lines in answer.summary
        ),
        pieces=tuple(Piece(label) for label in _pieces(answer)),
        implicit_on=case.implicit_on,
        appeal_routes=APPEAL_ROUTES if regime is Regime.SVR else (),
    )


def _pieces(answer: Answer) -> list[str]:
    """The labels of the fields that carried files: lists of document ids."""
    carried = {name for name, value in answer.values.items() if name.startswith("piece") and value}
    return [label for _, lines in answer.summary for label, _text, name in lines if name in carried]
