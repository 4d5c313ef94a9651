"""The separated family with the types of pieces, and plain functions that give it documents and claims."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.orm import Session

from app import clock
from app.documents.models import Document, PieceRequest
from app.documents.piece_types import install_piece_types
from app.documents.storage import new_key
from app.families.models import Adult
from app.families.rights import Authority
from app.policy import SYSTEM, Actor
from tests.families.people import Separated, make_separated


@dataclass
class Pieces:
    """The cast of these tests: ``family`` is the separated family of the families' tests."""

    family: Separated

    def actor(self, adult: Adult) -> Actor:
        return self.family.actor(adult)

    @property
    def mother(self) -> Actor:
        return self.actor(self.family.mother)


def make_pieces(session: Session, authority: Authority = Authority.JOINT) -> Pieces:
    install_piece_types(session, SYSTEM)
    return Pieces(make_separated(session, authority))


def make_document(
    session: Session, adult: Adult | None, code: str = "justificatif-domicile", **values: object
) -> Document:
    """A piece that this adult sent from her household; « non_traite » unless said otherwise."""
    now = clock.now()
    given: dict[str, object] = {
        "key": new_key(),
        "piece_type": code,
        "household_id": adult.household_id if adult else None,
        "filename": f"{code}.pdf",
        "mime": "application/pdf",
        "size": 1234,
        "pages": 1,
        "sha256": hashlib.sha256(code.encode()).hexdigest(),
        "notes": [],
        "scan": "clean",
        "state": "non_traite",
        "uploaded_at": now,
        "submitted_at": None if values.get("state") == "brouillon" else now,
        "uploaded_by_id": adult.account_id if adult else None,
        **values,
    }
    document = Document(**given)
    session.add(document)
    session.flush()
    return document


def make_claim(session: Session, adult: Adult, code: str = "justificatif-domicile", **values: object) -> PieceRequest:
    given: dict[str, object] = {
        "piece_type": code,
        "household_id": adult.household_id,
        "asked_at": clock.now(),
        "asked_by": "Nadia Perrin",
        **values,
    }
    claim = PieceRequest(**given)
    session.add(claim)
    session.flush()
    return claim


def make_step(fields: list[Mapping[str, object]]) -> Mapping[str, object]:
    """The definition of a one-page form."""
    return {"title": "Essai", "pages": [{"title": "Page", "fields": fields}]}


def some_id() -> uuid.UUID:
    return uuid.uuid4()
