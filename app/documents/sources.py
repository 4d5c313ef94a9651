"""What forms offer of pieces: those already given, so that nothing valid is asked twice (J4, R-09)."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from sqlalchemy import ColumnElement, and_, false, or_, select
from sqlalchemy.orm import Session

from app import clock
from app.documents.loading import about_known_child, seen_by_family
from app.documents.models import Document, PieceType
from app.documents.piece_types import OTHER
from app.families.models import Child
from app.families.queries import children_of_household
from app.policy import Actor
from app.sources import Filer, provides
from app.web.filters import date_fr
from forms import Choice


@provides("pieces")
def pieces(session: Session, filer: Filer) -> Sequence[Choice]:
    """The documents of the type ``filer.qualifier`` that hold or wait for review, and those of this demande.

    With the type that says nothing, only those of this demande; without a type, none: every piece of a form has one.
    At most two statements.
    """
    if not filer.qualifier:
        return []
    typed: ColumnElement[bool] = Document.piece_type == filer.qualifier
    conditions: list[ColumnElement[bool]] = []
    if filer.case_id is not None:
        # what was « autre » may have been filed under its true type since, by the demande itself
        ours = or_(typed, Document.case_reviews) if filer.qualifier == OTHER else typed
        conditions.append(and_(Document.case_id == filer.case_id, Document.state != "retire", ours))
    if filer.qualifier != OTHER:
        conditions.append(and_(typed, _usable(), _within_reach(session, filer)))
    if not conditions:
        return []
    rows = session.execute(
        select(Document, PieceType.label, Child.first_name)
        .join(PieceType, PieceType.code == Document.piece_type)
        .outerjoin(Child, Child.id == Document.child_id)
        .where(or_(*conditions))
        .order_by(Document.uploaded_at.desc(), Document.id)
        .limit(50)
    )
    return [
        Choice(str(document.id), _label(document, label, first_name, filer), _detail(document))
        for document, label, first_name in rows
    ]


def _usable() -> ColumnElement[bool]:
    valid = and_(
        Document.state == "valide",
        or_(Document.valid_until.is_(None), Document.valid_until >= clock.today()),
    )
    return or_(valid, Document.state == "non_traite")


def _family_account(filer: Filer) -> uuid.UUID | None:
    """The parent behind the form; ``None`` at the desk for a family without account."""
    actor: Actor = filer.actor
    if actor.kind == "parent":
        return actor.id
    return filer.account_id if filer.account_id != actor.id else None


def _within_reach(session: Session, filer: Filer) -> ColumnElement[bool]:
    """What she may open, and the valid pieces another household gave for a child of hers."""
    account_id = _family_account(filer)
    if account_id is not None:
        elsewhere = and_(Document.state == "valide", about_known_child(account_id))
        return or_(seen_by_family(account_id), elsewhere)
    if filer.household_id is None:
        return false()
    children = [card.id for card in children_of_household(session, filer.household_id)]
    return and_(
        Document.household_id == filer.household_id,
        or_(Document.child_id.is_(None), Document.child_id.in_(children)),
    )


def _label(document: Document, label: str, first_name: str | None, filer: Filer) -> str:
    """Her own file by its name; what another household gave by what it is (R-21)."""
    of_this_demande = filer.case_id is not None and document.case_id == filer.case_id
    own = of_this_demande or document.household_id == filer.household_id
    name = document.filename if own else f"{label}, fourni par l’autre foyer"
    return f"{name} ({first_name})" if first_name else name


def _detail(document: Document) -> str:
    if document.state == "valide":
        if document.valid_until is None:
            return "Déjà accepté"
        return f"Déjà accepté, valable jusqu’au {date_fr(document.valid_until)}"
    if document.state == "non_traite":
        return f"Envoyé le {date_fr(document.uploaded_at)}, en cours de vérification"
    if document.state == "invalide":
        return f"Non accepté : {document.reason}" if document.reason else "Non accepté"
    return f"Ajouté le {date_fr(document.uploaded_at)}"
