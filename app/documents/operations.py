"""What is done to pieces: sent with a demande, reviewed, claimed, taken back. Reads of a file are noted too (J7)."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from datetime import date

from sqlalchemy import case, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from app import clock
from app.db import new_id
from app.documents.loading import load_document
from app.documents.models import Document, PieceRequest, PieceType, Preview
from app.documents.piece_types import default_end
from app.errors import Conflict, Forbidden, NotFound, Refused
from app.families.loading import load_household_row
from app.families.models import HouseholdChild
from app.journal import record
from app.outbox import emit
from app.policy import Actor, Permission, require

MAX_REASON = 2000


def confirm_documents(
    session: Session,
    actor: Actor,
    ids: Collection[str],
    *,
    case_id: uuid.UUID,
    child_id: uuid.UUID | None = None,
    structure_id: uuid.UUID | None = None,
) -> None:
    """The step is sent: its drafts among ``ids`` become *non traité*. One statement, none without ids.

    What had been given for the same questions and is no longer named was replaced: it is taken back. ``child_id`` and
    ``structure_id`` are the case's: a child's piece follows the child finally chosen, and the agents of the structure
    may open it. Documents of other demandes, or decided already, are left alone.
    """
    wanted = _uuids(ids)
    if not wanted:
        return
    named = aliased(Document)
    questions = select(named.field).where(named.id.in_(wanted), named.case_id == case_id)
    values: dict[str, object] = {
        "state": case((Document.id.in_(wanted), "non_traite"), else_="retire"),
        "submitted_at": func.coalesce(Document.submitted_at, clock.now()),
    }
    if child_id is not None:
        of_child = Document.piece_type.in_(select(PieceType.code).where(PieceType.scope == "child"))
        values["child_id"] = case((of_child, child_id), else_=Document.child_id)
    if structure_id is not None:
        values["structure_id"] = structure_id
    session.execute(
        update(Document)
        .where(Document.case_id == case_id, Document.state.in_(("brouillon", "non_traite")))
        .where(or_(Document.id.in_(wanted), Document.field.in_(questions)))
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    sent = [str(one) for one in wanted]
    record(session, actor, "document.sent", "case", case_id, documents=sent)
    emit(session, "document.sent", documents=sent)


def _uuids(ids: Collection[str]) -> list[uuid.UUID]:
    return [uuid.UUID(one) for one in dict.fromkeys(ids)]


def load_for_reading(session: Session, actor: Actor, document_id: uuid.UUID) -> Document:
    """The row of a file about to be opened, the read being noted. Raises NotFound or Forbidden."""
    document, kind = load_document(session, actor, document_id)
    _note_read(session, actor, document, kind)
    return document


def preview_for_reading(session: Session, actor: Actor, document_id: uuid.UUID, page: int) -> Preview:
    """The picture of a page about to be shown, which is to read the piece: noted too. Raises NotFound or Forbidden."""
    document, kind = load_document(session, actor, document_id)
    preview = session.get(Preview, (document.id, page))
    if preview is None:
        raise NotFound("Cette page n’a pas d’aperçu.")
    _note_read(session, actor, document, kind, page=page)
    return preview


def _note_read(session: Session, actor: Actor, document: Document, kind: PieceType, **details: int) -> None:
    sensitivity = {"sensitivity": kind.sensitivity} if kind.sensitivity else {}
    record(session, actor, "document.read", "document", document.id, piece_type=kind.code, **sensitivity, **details)


def accept_document(session: Session, actor: Actor, document_id: uuid.UUID, until: date | None) -> Document:
    """An agent accepts a piece through ``until`` (``None``: for ever).

    Raises NotFound, Forbidden, Conflict, Refused.
    """
    document, _ = _to_review(session, actor, document_id)
    if until is not None and until < clock.today():
        raise Refused("Cette date est déjà passée.", "until")
    _decide(session, actor, document, "valide", until=until)
    emit(session, "document.accepted", document_id=str(document.id))
    return document


def refuse_document(session: Session, actor: Actor, document_id: uuid.UUID, reason: str) -> Document:
    """An agent refuses a piece, saying why to the family. Raises NotFound, Forbidden, Conflict, Refused."""
    document, _ = _to_review(session, actor, document_id)
    if not reason.strip():
        raise Refused("Dites à la famille pourquoi cette pièce n’est pas acceptée.", "reason")
    _decide(session, actor, document, "invalide", reason=reason.strip()[:MAX_REASON])
    emit(session, "document.refused", document_id=str(document.id))
    return document


def _to_review(session: Session, actor: Actor, document_id: uuid.UUID) -> tuple[Document, PieceType]:
    """A piece that waits for a decision here. Raises NotFound for what is not his to know, Conflict when it is done."""
    if actor.kind == "parent":
        raise Forbidden
    document, kind = load_document(session, actor, document_id, Permission.DOCUMENT_REVIEW, lock=True)
    if document.state != "non_traite":
        by = f" par {document.reviewed_by}" if document.reviewed_by else ""
        raise Conflict(f"Cette pièce a déjà été vérifiée{by}.")
    if document.case_reviews:
        raise Conflict("Cette pièce se vérifie dans sa demande.")
    return document, kind


def _decide(
    session: Session, actor: Actor, document: Document, state: str, *, until: date | None = None, reason: str = ""
) -> None:
    document.state = state
    document.valid_until = until
    document.reason = reason
    document.reviewed_at = clock.now()
    document.reviewed_by = actor.label
    session.flush()  # another task of the same step may read the row again
    action = "document.accepted" if state == "valide" else "document.refused"
    record(session, actor, action, "document", document.id, piece_type=document.piece_type)


def decide_in_case(
    session: Session,
    actor: Actor,
    documents: Sequence[tuple[Document, PieceType]],
    *,
    accepted: bool,
    until: date | None = None,
    reason: str = "",
) -> int:
    """A process decides on documents that were loaded for its case; what is decided already stays. Returns how many.

    Without ``until``, each holds as long as its type says.
    """
    waiting = [(document, kind) for document, kind in documents if document.state == "non_traite"]
    for document, kind in waiting:
        if accepted:
            end = until or default_end(kind, clock.today())
            _decide(session, actor, document, "valide", until=end)
        else:
            _decide(session, actor, document, "invalide", reason=reason[:MAX_REASON])
    return len(waiting)


def claim_piece(
    session: Session,
    actor: Actor,
    *,
    household_id: uuid.UUID,
    code: str,
    child_id: uuid.UUID | None = None,
    due_on: date | None = None,
    message: str = "",
) -> PieceRequest:
    """« Réclamer »: asks a family for a piece. Raises Forbidden, NotFound (not his family), Refused."""
    require(actor, Permission.DOCUMENT_REVIEW)
    load_household_row(session, actor, household_id)
    if due_on is not None and due_on < clock.today():
        raise Refused("Cette date est déjà passée.", "due_on")
    return open_request(
        session, actor, household_id=household_id, code=code, child_id=child_id, due_on=due_on, message=message
    )


def open_request(
    session: Session,
    actor: Actor,
    *,
    household_id: uuid.UUID,
    code: str,
    child_id: uuid.UUID | None,
    due_on: date | None = None,
    message: str = "",
    case_id: uuid.UUID | None = None,
) -> PieceRequest:
    """Writes the request; the same piece asked again before an answer renews it. Rights are the caller's."""
    kind = session.get(PieceType, code)
    if kind is None or not kind.active:
        raise Refused("Choisissez un type de pièce.", "piece_type")
    child_id = _child_asked(session, kind, household_id, child_id)
    request = session.scalars(
        select(PieceRequest)
        .where(
            PieceRequest.household_id == household_id,
            PieceRequest.piece_type == code,
            PieceRequest.child_id == child_id if child_id is not None else PieceRequest.child_id.is_(None),
            PieceRequest.closed_at.is_(None),
        )
        .with_for_update()
        .limit(1)
    ).one_or_none()
    if request is None:
        request = PieceRequest(id=new_id(), piece_type=code, household_id=household_id, child_id=child_id)
        session.add(request)
    request.case_id = case_id
    request.message = message.strip()[:MAX_REASON]
    request.due_on = due_on
    request.asked_at = clock.now()
    request.asked_by_id = actor.id
    request.asked_by = actor.label
    request.closed_at = None
    record(session, actor, "piece.claimed", "household", household_id, piece_type=code)
    emit(session, "piece.claimed", request_id=str(request.id))
    session.flush()
    return request


def _child_asked(
    session: Session, kind: PieceType, household_id: uuid.UUID, child_id: uuid.UUID | None
) -> uuid.UUID | None:
    if kind.scope != "child" or kind.shared_by_siblings:
        return None
    lives_there = select(func.count()).select_from(HouseholdChild)
    lives_there = lives_there.where(HouseholdChild.household_id == household_id, HouseholdChild.child_id == child_id)
    if child_id is None or not session.scalar(lives_there):
        raise Refused("Choisissez l’enfant concerné.", "child_id")
    return child_id


def drop_claim(session: Session, actor: Actor, request_id: uuid.UUID) -> PieceRequest:
    """The service no longer asks for the piece. Raises Forbidden, NotFound."""
    require(actor, Permission.DOCUMENT_REVIEW)
    request = session.get(PieceRequest, request_id, with_for_update=True)
    if request is None:
        raise NotFound
    load_household_row(session, actor, request.household_id)
    if request.closed_at is None:
        request.closed_at = clock.now()
        record(session, actor, "piece.claim_dropped", "household", request.household_id, piece_type=request.piece_type)
    return request


def withdraw_document(session: Session, actor: Actor, document_id: uuid.UUID) -> Document:
    """A parent takes back a piece that nobody looked at yet; its bytes will be erased. Raises NotFound, Forbidden,
    Conflict: reviewed already, or sent with a demande, which is where it is changed."""
    if actor.kind != "parent":
        raise Forbidden
    document, _ = load_document(session, actor, document_id, lock=True)
    if document.uploaded_by_id != actor.id:
        raise Forbidden("Seule la personne qui a envoyé cette pièce peut la retirer.")
    if document.state != "non_traite":
        raise Conflict("Cette pièce a déjà été vérifiée : elle ne peut plus être retirée.")
    if document.case_reviews:
        raise Conflict("Cette pièce fait partie d’une demande : modifiez ou annulez la demande.")
    document.state = "retire"
    session.flush()
    record(session, actor, "document.withdrawn", "document", document.id, piece_type=document.piece_type)
    return document


def withdraw_in_case(session: Session, actor: Actor, documents: Sequence[tuple[Document, PieceType]]) -> int:
    """The demande that brought them is cancelled: those nobody decided on are taken back. Returns how many."""
    waiting = [document for document, _ in documents if document.state in ("brouillon", "non_traite")]
    for document in waiting:
        document.state = "retire"
        record(session, actor, "document.withdrawn", "document", document.id, piece_type=document.piece_type)
    session.flush()
    return len(waiting)
