"""What a démarche may ask of pieces: file them under a type, accept, refuse, claim. Each may run twice."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from app import clock
from app.db import Json
from app.documents import mails as mails  # registers the mails of the room
from app.documents import operations
from app.documents import previews as previews  # registers its chores and handlers
from app.documents import sweeping as sweeping  # same
from app.documents.models import Document, PieceType
from app.documents.queries import missing_pieces
from app.engine.operations import Call, CaseFacts, registry
from app.errors import Refused
from app.families.queries import adult_of, children_for
from app.families.rights import Action


def _doc(text: str) -> Mapping[str, str]:
    return {"doc": text}


_DOCUMENTS = "Les pièces de la demande, telles que le formulaire les a rendues"


@dataclass(frozen=True)
class FileParams:
    documents: list[str] = field(metadata=_doc(_DOCUMENTS))
    type_piece: str = field(metadata=_doc("Le code du type de pièce"))
    enfant: uuid.UUID | None = field(default=None, metadata=_doc("L’enfant concerné, pour la pièce d’un enfant"))


@registry.operation(
    "piece.classer", "Classer les pièces sous un type ; la demande les vérifiera", FileParams, results=("type_libelle",)
)
def file_under(call: Call, params: FileParams) -> Mapping[str, Json]:
    """The type (and child) chosen in the form. From then on these pieces are reviewed by this demande alone.

    Sent again after a correction, what the family put in their place is taken back.
    """
    kind = call.session.get(PieceType, params.type_piece)
    if kind is None or not kind.active:
        raise Refused("Choisissez un type de pièce.", "type_piece")
    child_id = _child(call, params.enfant) if kind.scope == "child" else None
    if kind.scope == "child" and child_id is None and not kind.shared_by_siblings:
        raise Refused("Choisissez l’enfant concerné.", "enfant")
    owner = call.case.owner_id
    adult = adult_of(call.session, owner) if kind.scope == "adult" and owner is not None else None
    for document, _ in _documents(call.session, call.case, params.documents):
        if document.case_id == call.case.id and document.state in ("brouillon", "non_traite"):
            document.piece_type = kind.code
            document.child_id = child_id
            document.adult_id = adult.id if adult is not None else None
            document.case_reviews = True
    operations.withdraw_in_case(call.session, call.actor, _replaced(call, params.documents))
    call.session.flush()
    return {"type_libelle": kind.label}


@dataclass(frozen=True)
class AcceptParams:
    documents: list[str] = field(metadata=_doc(_DOCUMENTS))
    valable_jusqu_au: date | None = field(
        default=None, metadata=_doc("Le dernier jour de validité ; sinon, celui que prévoit le type de pièce")
    )


@registry.operation("piece.accepter", "Accepter des pièces", AcceptParams, results=("acceptees",))
def accept(call: Call, params: AcceptParams) -> Mapping[str, Json]:
    """Pieces decided already keep their decision."""
    found = _documents(call.session, call.case, params.documents)
    until = params.valable_jusqu_au
    return {"acceptees": operations.decide_in_case(call.session, call.actor, found, accepted=True, until=until)}


@dataclass(frozen=True)
class RefuseParams:
    documents: list[str] = field(metadata=_doc(_DOCUMENTS))
    motif: str = field(metadata=_doc("Ce que la famille lira"))


@registry.operation("piece.refuser", "Refuser des pièces", RefuseParams, results=("refusees",))
def refuse(call: Call, params: RefuseParams) -> Mapping[str, Json]:
    """Pieces decided already keep their decision."""
    if not params.motif.strip():
        raise Refused("Dites à la famille pourquoi cette pièce n’est pas acceptée.", "decision_raison")
    found = _documents(call.session, call.case, params.documents)
    reason = params.motif.strip()
    return {"refusees": operations.decide_in_case(call.session, call.actor, found, accepted=False, reason=reason)}


@dataclass(frozen=True)
class TakeBackParams:
    documents: list[str] | None = field(
        default=None, metadata=_doc("Les pièces à retirer ; sinon, toutes celles que cette demande a apportées")
    )


@registry.operation("piece.retirer", "Retirer les pièces d’une demande annulée", TakeBackParams, results=("retirees",))
def take_back(call: Call, params: TakeBackParams) -> Mapping[str, Json]:
    """The family cancels: what came with this demande and was not decided goes; what it pointed at stays."""
    if params.documents is None:
        found = _brought(call)
    else:
        given = _documents(call.session, call.case, params.documents)
        found = [pair for pair in given if pair[0].case_id == call.case.id]
    return {"retirees": operations.withdraw_in_case(call.session, call.actor, found)}


@dataclass(frozen=True)
class MissingParams:
    types_pieces: list[str] = field(metadata=_doc("Les codes des types de pièces que demande la démarche"))
    enfant: uuid.UUID = field(metadata=_doc("L’enfant concerné"))


@registry.operation(
    "piece.manquantes",
    "Lire les pièces qui manquent encore",
    MissingParams,
    results=("pieces", "libelles"),
    reads=True,
)
def lacking(call: Call, params: MissingParams) -> Mapping[str, Json]:
    """Of these types, those of which the family has no accepted piece that holds today: they alone are asked (J4)."""
    if call.case.household_id is None:
        return {"pieces": params.types_pieces, "libelles": []}
    found = missing_pieces(call.session, call.case.household_id, [params.enfant], params.types_pieces, clock.today())
    pieces = found[params.enfant]
    return {"pieces": list(pieces), "libelles": list(pieces.values())}


@dataclass(frozen=True)
class ClaimParams:
    type_piece: str = field(metadata=_doc("Le code du type de pièce"))
    enfant: uuid.UUID | None = field(default=None, metadata=_doc("L’enfant concerné, pour la pièce d’un enfant"))
    avant_le: date | None = field(default=None, metadata=_doc("La date limite donnée à la famille"))
    message: str = field(default="", metadata=_doc("Ce que la famille lira"))


@registry.operation("piece.reclamer", "Réclamer une pièce à la famille", ClaimParams, results=("reclamation_id",))
def claim(call: Call, params: ClaimParams) -> Mapping[str, Json]:
    """Asks the household of the demande; asking again renews the same request."""
    if call.case.household_id is None:
        raise Refused("Cette demande n’est rattachée à aucun foyer.")
    request = operations.open_request(
        call.session,
        call.actor,
        household_id=call.case.household_id,
        code=params.type_piece,
        child_id=params.enfant,
        due_on=params.avant_le,
        message=params.message,
        case_id=call.case.id,
    )
    return {"reclamation_id": str(request.id)}


def received_at(session: Session, facts: CaseFacts, ids: Sequence[str]) -> datetime | None:
    """When the first of these pieces came, those refused or taken back left out; ``None`` when there is none."""
    found = [
        document for document, _ in _documents(session, facts, ids) if document.state not in ("invalide", "retire")
    ]
    return min((document.uploaded_at for document in found), default=None)


def _documents(session: Session, facts: CaseFacts, ids: Sequence[str]) -> list[tuple[Document, PieceType]]:
    """Those of the demande, or of its household: a family may point at a piece it gave before. Locked."""
    try:
        wanted = [uuid.UUID(one) for one in ids]
    except ValueError as error:
        raise Refused("Ces pièces n’existent pas ou n’existent plus.") from error
    of_family = and_(Document.household_id.is_not(None), Document.household_id == facts.household_id)
    rows = session.execute(
        select(Document, PieceType)
        .join(PieceType, PieceType.code == Document.piece_type)
        .where(Document.id.in_(wanted), or_(Document.case_id == facts.id, of_family))
        .with_for_update(of=Document)
        .execution_options(populate_existing=True)
    )
    return [(row[0], row[1]) for row in rows]


def _replaced(call: Call, ids: Sequence[str]) -> list[tuple[Document, PieceType]]:
    """What this demande filed before and no longer holds. Locked."""
    rows = call.session.execute(
        select(Document, PieceType)
        .join(PieceType, PieceType.code == Document.piece_type)
        .where(Document.case_id == call.case.id, Document.case_reviews, Document.state == "non_traite")
        .where(Document.id.not_in([uuid.UUID(one) for one in ids]))
        .with_for_update(of=Document)
    )
    return [(row[0], row[1]) for row in rows]


def _brought(call: Call) -> list[tuple[Document, PieceType]]:
    """Everything uploaded for this demande, what a correction was about to send included. Locked."""
    rows = call.session.execute(
        select(Document, PieceType)
        .join(PieceType, PieceType.code == Document.piece_type)
        .where(Document.case_id == call.case.id)
        .with_for_update(of=Document)
        .execution_options(populate_existing=True)
    )
    return [(row[0], row[1]) for row in rows]


def _child(call: Call, child_id: uuid.UUID | None) -> uuid.UUID | None:
    """The child, if the family of this demande may speak for him (asked again here, R-21)."""
    cards = children_for(call.session, call.case.owner_id, call.case.household_id, Action.KNOW)
    return child_id if child_id in {card.id for card in cards} else None
