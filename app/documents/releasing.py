"""The pieces of a demande that is being erased: those that « mes pièces » or another demande needs stay."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import and_, delete, or_, select, update
from sqlalchemy.orm import Session

from app.documents.keys import release_keys
from app.documents.models import Document, PieceRequest, Preview


@dataclass(frozen=True)
class Released:
    """How many pieces went, and how many stay without their demande."""

    erased: int
    kept: int


def release_documents(
    session: Session,
    case_id: uuid.UUID,
    named: Collection[uuid.UUID],
    *,
    ended_before: date,
    needed: Callable[[Document], bool],
) -> Released:
    """Erases the pieces that came with a demande, and those it ``named`` that no demande holds any more.

    An accepted piece of a household stays in its wallet, unless its validity ended before ``ended_before`` (R-75).
    ``needed`` says whether another demande names a piece: it stays too. The bytes are left to the sweep.
    """
    orphans = and_(Document.case_id.is_(None), Document.id.in_(named))
    found = session.scalars(
        select(Document)
        .where(or_(Document.case_id == case_id, orphans))
        .order_by(Document.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    kept = [document for document in found if in_wallet(document, ended_before) or needed(document)]
    for document in kept:
        document.case_id, document.case_reviews = None, False
    erase_documents(session, [document.id for document in found if document not in kept])
    session.execute(update(PieceRequest).where(PieceRequest.case_id == case_id).values(case_id=None))
    return Released(len(found) - len(kept), len(kept))


def in_wallet(document: Document, ended_before: date) -> bool:
    """Whether a household still has this piece among its own."""
    if document.household_id is None or document.state != "valide":
        return False
    return document.valid_until is None or document.valid_until >= ended_before


def erase_documents(session: Session, ids: Sequence[uuid.UUID]) -> None:
    """Deletes rows of pieces with their pictures; the bytes go when the sweep comes by."""
    if not ids:
        return
    release_keys(session, session.scalars(select(Document.key).where(Document.id.in_(ids))))
    release_keys(session, session.scalars(select(Preview.key).where(Preview.document_id.in_(ids))))
    session.execute(delete(Preview).where(Preview.document_id.in_(ids)))
    session.execute(delete(Document).where(Document.id.in_(ids)))


def left_by_demandes(session: Session, ended_before: date, limit: int, after: uuid.UUID | None) -> Sequence[Document]:
    """Accepted pieces that no demande holds, and whose validity ended before that day; in the order of their ids."""
    query = select(Document).where(
        Document.case_id.is_(None), Document.state == "valide", Document.valid_until < ended_before
    )
    if after is not None:
        query = query.where(Document.id > after)
    return session.scalars(query.order_by(Document.id).limit(limit)).all()
