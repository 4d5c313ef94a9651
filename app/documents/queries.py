"""What people read of pieces: a family's wallet, what is asked of it, the pieces of a demande."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, Select, Table, and_, bindparam, func, or_, select
from sqlalchemy.orm import Session

from app import clock
from app.documents.loading import about_known_child, children_over_whom, own_household, seen_by_family
from app.documents.models import Document, PieceRequest, PieceType
from app.documents.wallet import STATES, WalletLine, holds, wallet_lines
from app.families.models import Adult, Child
from app.families.queries import ChildCard, adult_of, children_of
from app.families.rights import Action
from app.hot import Hot
from app.policy import Actor
from app.web.filters import long_date

DOCUMENT_STATES = {**STATES, "brouillon": "Pas encore envoyé", "retire": "Retiré"}


def piece_types(session: Session, *, active_only: bool = False) -> Sequence[PieceType]:
    """The types of the commune, in French order."""
    query = select(PieceType).order_by(PieceType.sort_key)
    return session.scalars(query.where(PieceType.active) if active_only else query).all()


def wallet_of(session: Session, account_id: uuid.UUID, cards: Sequence[ChildCard] | None = None) -> list[WalletLine]:
    """The wallet of this account (J1): her household's pieces, then those of each child she may know of.

    ``cards``: her children, when the caller read them. Five statements at most.
    """
    adult = adult_of(session, account_id)
    known = children_of(session, account_id) if cards is None else cards
    children = {card.id: card.first_name for card in known}
    documents = _documents_that_count(session, account_id)
    claims = session.scalars(
        select(PieceRequest).where(
            PieceRequest.household_id == (adult.household_id if adult else None),
            PieceRequest.closed_at.is_(None),
            or_(PieceRequest.child_id.is_(None), PieceRequest.child_id.in_(children)),
        )
    ).all()
    return wallet_lines(piece_types(session), documents, claims, children, {adult.id: ""} if adult else {})


def _documents_that_count(session: Session, account_id: uuid.UUID) -> list[tuple[Document, bool]]:
    """What she may open, and the valid pieces that another household gave for a child of hers (R-09). One statement."""
    mine = seen_by_family(account_id)
    elsewhere = and_(Document.state == "valide", about_known_child(account_id))
    rows = session.execute(
        select(Document, or_(mine).label("readable"))
        .join(PieceType, PieceType.code == Document.piece_type)
        .where(Document.state != "brouillon", or_(mine, elsewhere))
        .order_by(Document.uploaded_at)
    )
    return [(row[0], bool(row.readable)) for row in rows]


@dataclass(frozen=True)
class Asked:
    """Something the family is asked for: « Justificatif de domicile », « refusé : illisible »."""

    label: str
    detail: str
    code: str
    child_id: uuid.UUID | None


def asked_of(session: Session, actor: Actor) -> list[Asked]:
    """What is asked of a parent: claimed, refused, ended or ending within thirty days. Two statements."""
    if actor.kind != "parent" or actor.id is None:
        return []
    kinds: dict[str, PieceType] = {}
    names: dict[uuid.UUID, str] = {}
    adults: dict[uuid.UUID, str] = {}
    documents: list[tuple[Document, bool]] = []
    mine = seen_by_family(actor.id)
    elsewhere = and_(Document.state == "valide", about_known_child(actor.id))
    for document, kind, first_name in session.execute(
        select(Document, PieceType, Child.first_name)
        .join(PieceType, PieceType.code == Document.piece_type)
        .outerjoin(Child, Child.id == Document.child_id)
        .where(Document.state != "brouillon", or_(mine, elsewhere))
        .order_by(Document.uploaded_at)
    ):
        documents.append((document, True))
        kinds[kind.code] = kind
        if document.adult_id is not None:
            adults[document.adult_id] = ""
        if document.child_id is not None:
            names[document.child_id] = first_name
    claims: list[PieceRequest] = []
    for claim, claimed, child in session.execute(_open_claims(actor.id)):
        claims.append(claim)
        kinds[claimed.code] = claimed
        if claim.child_id is not None:
            names[claim.child_id] = child or ""
    order = sorted(kinds.values(), key=lambda kind: kind.sort_key)
    lines = wallet_lines(order, documents, claims, names, adults)
    return [_asked(line) for line in lines if line.asked]


def _open_claims(account_id: uuid.UUID) -> Select[PieceRequest, PieceType, str | None]:
    return (
        select(PieceRequest, PieceType, Child.first_name)
        .join(PieceType, PieceType.code == PieceRequest.piece_type)
        .outerjoin(Child, Child.id == PieceRequest.child_id)
        .where(
            PieceRequest.household_id == own_household(account_id),
            PieceRequest.closed_at.is_(None),
            or_(
                PieceRequest.child_id.is_(None),
                PieceRequest.child_id.in_(children_over_whom(account_id, Action.KNOW)),
            ),
        )
    )


def _asked(line: WalletLine) -> Asked:
    label = f"{line.kind.label} ({line.owner})" if line.owner else line.kind.label
    return Asked(label, told(line), line.kind.code, line.subject_id if line.kind.scope == "child" else None)


def told(line: WalletLine) -> str:
    """One sentence on the state of a piece, for the family."""
    stands = line.standing
    match stands.state:
        case "reclame":
            due = line.claim.due_on if line.claim else None
            return f"Demandé par le service, avant le {long_date(due)}." if due else "Demandé par le service."
        case "non_fourni":
            return "Vous ne l’avez pas encore fourni."
        case "non_traite":
            return "Reçu : le service va le vérifier."
        case "invalide":
            return f"Non accepté : {stands.reason}" if stands.reason else "Non accepté par le service."
        case "perime":
            return f"Sa validité a pris fin le {long_date(stands.until)}." if stands.until else "Il n’est plus valable."
        case _:
            if stands.until is None:
                return "Valable sans limite de durée."
            return f"Valable jusqu’au {long_date(stands.until)}."


def valid_documents(
    session: Session, household_id: uuid.UUID | None, child_id: uuid.UUID | None, code: str, on: date
) -> Sequence[Document]:
    """The accepted documents of a type that hold on that day, for this household and child (J4, R-09).

    A child's own piece counts whoever of his households gave it; the others count for the household that gave them.
    Longest first. One statement.
    """
    for_child = and_(PieceType.scope == "child", PieceType.shared_by_siblings.is_(False))
    return session.scalars(
        select(Document)
        .join(PieceType, PieceType.code == Document.piece_type)
        .where(
            Document.piece_type == code,
            Document.state == "valide",
            or_(Document.valid_until.is_(None), Document.valid_until >= on),
            or_(
                and_(for_child, Document.child_id == child_id),
                and_(~for_child, Document.household_id == household_id),
            ),
        )
        .order_by(Document.valid_until.desc().nulls_first(), Document.uploaded_at.desc())
    ).all()


def missing_pieces(
    session: Session, household_id: uuid.UUID, child_ids: Collection[uuid.UUID], codes: Collection[str], on: date
) -> dict[uuid.UUID, dict[str, str]]:
    """Of these types, those of which each child or the household has no accepted document that holds on that day: code
    and label, by child. The same rule as ``valid_documents``. Two statements."""
    kinds = session.scalars(select(PieceType).where(PieceType.code.in_(codes)).order_by(PieceType.sort_key)).all()
    given = session.execute(
        select(Document.piece_type, Document.child_id, Document.household_id).where(
            Document.piece_type.in_(codes),
            Document.state == "valide",
            or_(Document.valid_until.is_(None), Document.valid_until >= on),
            or_(Document.child_id.in_(child_ids), Document.household_id == household_id),
        )
    ).all()
    theirs = {(row.piece_type, row.child_id) for row in given}
    shared = {row.piece_type for row in given if row.household_id == household_id}
    return {
        child_id: {
            kind.code: kind.label
            for kind in kinds
            if ((kind.code, child_id) not in theirs if _is_childs(kind) else kind.code not in shared)
        }
        for child_id in child_ids
    }


def _is_childs(kind: PieceType) -> bool:
    return kind.scope == "child" and not kind.shared_by_siblings


@dataclass(frozen=True)
class CasePiece:
    """A document as the page of a demande shows it to agents."""

    id: uuid.UUID
    piece_type: str
    label: str
    child: str
    filename: str
    mime: str
    size: int
    pages: int | None
    state: str
    valid_until: date | None
    reason: str
    scan: str
    notes: Sequence[str]
    uploaded_at: datetime
    reviewed_by: str
    sensitivity: str

    @property
    def state_label(self) -> str:
        return DOCUMENT_STATES[current_state(self.state, self.valid_until)]

    @property
    def is_image(self) -> bool:
        return self.mime.startswith("image/")


def current_state(state: str, valid_until: date | None) -> str:
    """The state a person reads today: an accepted document that ended is *périmé*."""
    return "perime" if state == "valide" and not holds(valid_until, clock.today()) else state


def pieces_of(session: Session, case_id: uuid.UUID, named: Collection[str] = ()) -> list[CasePiece]:
    """The documents sent with a demande, in the order they came, drafts left out. One statement.

    ``named`` are ids found in its answers: a family may point at a piece it gave before. The caller has already
    proved that this person may read the demande.
    """
    if not named:
        return [CasePiece(*row) for row in _PIECES_SENT.rows(session, case=case_id)]
    chosen = [uuid.UUID(identifier) for identifier in named]
    rows = session.execute(_PIECES.where(or_(_DOCUMENTS.c.case_id == case_id, _DOCUMENTS.c.id.in_(chosen))))
    return [CasePiece(*row) for row in rows]


def ask_pieces(session: Session, case_id: uuid.UUID) -> None:
    """Says that ``pieces_of`` this demande will be asked: they come with what is read next."""
    _PIECES_SENT.ahead(session, case=case_id)


_DOCUMENTS, _TYPES = cast(Table, Document.__table__), cast(Table, PieceType.__table__)
_CHILDREN, _ADULTS = cast(Table, Child.__table__), cast(Table, Adult.__table__)
_ELSEWHERE: Mapping[str, ColumnElement[Any]] = {
    "label": _TYPES.c.label,
    "sensitivity": _TYPES.c.sensitivity,
    "child": func.coalesce(_CHILDREN.c.first_name, _ADULTS.c.first_name, "").label("child"),
}
_PIECES = (
    select(*(_ELSEWHERE[n] if n in _ELSEWHERE else _DOCUMENTS.c[n] for n in CasePiece.__dataclass_fields__))
    .select_from(_DOCUMENTS)
    .join(_TYPES, _TYPES.c.code == _DOCUMENTS.c.piece_type)
    .outerjoin(_CHILDREN, _CHILDREN.c.id == _DOCUMENTS.c.child_id)
    .outerjoin(_ADULTS, _ADULTS.c.id == _DOCUMENTS.c.adult_id)
    .where(_DOCUMENTS.c.state != "brouillon", _DOCUMENTS.c.state != "retire")
    .order_by(_DOCUMENTS.c.uploaded_at, _DOCUMENTS.c.id)
)
_PIECES_SENT = Hot(_PIECES.where(_DOCUMENTS.c.case_id == bindparam("case")))
