"""What agents read of pieces: those to review, one of them beside its family, a family's pieces."""

from __future__ import annotations

import base64
import binascii
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func, select, tuple_
from sqlalchemy.orm import Session

from app.accounts.models import Account
from app.documents.loading import load_document, seen_by_staff
from app.documents.models import Document, PieceRequest, PieceType
from app.documents.wallet import WalletLine, wallet_lines
from app.families.models import Adult, Child, Household
from app.families.queries import HouseholdCard
from app.families.staff_queries import load_household
from app.policy import Actor, Permission, require
from app.town.queries import structure_names

PAGE = 50


@dataclass(frozen=True)
class WaitingPiece:
    """A line of « pièces à vérifier ». ``case_id`` when it is reviewed in its demande."""

    id: uuid.UUID
    label: str
    filename: str
    family: str
    household_id: uuid.UUID | None
    subject: str
    submitted_at: datetime
    scan: str
    case_id: uuid.UUID | None
    case_reviews: bool


@dataclass(frozen=True)
class WaitingPieces:
    """A page of it, oldest first; ``following`` is the mark of the next page, empty at the end."""

    lines: tuple[WaitingPiece, ...]
    following: str


def pieces_to_review(session: Session, actor: Actor, *, code: str = "", after: str = "") -> WaitingPieces:
    """The pieces that wait for a decision, within the agent's structures. One statement.

    ``after`` is a mark given by the page before; one that means nothing starts again from the first.
    Raises Forbidden without ``document:review``.
    """
    require(actor, Permission.DOCUMENT_REVIEW)
    query = (
        select(Document, PieceType.label, Household.label.label("family"), Child.first_name, Adult.first_name)
        .join(PieceType, PieceType.code == Document.piece_type)
        .outerjoin(Household, Household.id == Document.household_id)
        .outerjoin(Child, Child.id == Document.child_id)
        .outerjoin(Adult, Adult.id == Document.adult_id)
        .where(Document.state == "non_traite", seen_by_staff(actor, Permission.DOCUMENT_REVIEW))
        .order_by(Document.submitted_at, Document.id)
        .limit(PAGE + 1)
    )
    if code:
        query = query.where(Document.piece_type == code)
    if (mark := _read_mark(after)) is not None:
        query = query.where(tuple_(Document.submitted_at, Document.id) > tuple_(*mark))
    rows = session.execute(query).all()
    lines = tuple(
        WaitingPiece(
            id=document.id,
            label=label,
            filename=document.filename,
            family=family or "Sans foyer",
            household_id=document.household_id,
            subject=child or adult or "",
            submitted_at=document.submitted_at or document.uploaded_at,
            scan=document.scan,
            case_id=document.case_id,
            case_reviews=document.case_reviews,
        )
        for document, label, family, child, adult in rows[:PAGE]
    )
    return WaitingPieces(lines, _mark(lines[-1]) if len(rows) > PAGE else "")


def _mark(line: WaitingPiece) -> str:
    text = f"{line.submitted_at.isoformat()}|{line.id}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_mark(text: str) -> tuple[datetime, uuid.UUID] | None:
    try:
        raw = base64.urlsafe_b64decode(text[:200] + "=" * (-len(text[:200]) % 4)).decode()
        instant, _, identifier = raw.partition("|")
        found = datetime.fromisoformat(instant)
        return (found, uuid.UUID(identifier)) if found.tzinfo is not None else None
    except (ValueError, binascii.Error):
        return None


def waiting_by_type(session: Session, actor: Actor) -> list[tuple[str, str, int]]:
    """(code, label, how many wait) for the filter, in French order. One statement."""
    rows = session.execute(
        select(PieceType.code, PieceType.label, func.count())
        .join(Document, Document.piece_type == PieceType.code)
        .where(Document.state == "non_traite", seen_by_staff(actor, Permission.DOCUMENT_REVIEW))
        .group_by(PieceType.code, PieceType.label, PieceType.sort_key)
        .order_by(PieceType.sort_key)
    )
    return [(code, label, count) for code, label, count in rows]


@dataclass(frozen=True)
class ReviewedPiece:
    """A document beside what is known: whose it is, who sent it, what the same family gave of that type before."""

    document: Document
    kind: PieceType
    household: tuple[uuid.UUID, str, str] | None
    child: tuple[str, date, str] | None
    adult: str
    sender: str
    earlier: tuple[Document, ...]


def piece_page(
    session: Session, actor: Actor, document_id: uuid.UUID, permission: Permission = Permission.DOCUMENT_READ
) -> ReviewedPiece:
    """Three statements. Raises NotFound, Forbidden."""
    document, kind = load_document(session, actor, document_id, permission)
    row = session.execute(
        select(
            Household.id,
            Household.label,
            Household.number,
            Child.first_name,
            Child.last_name,
            Child.birth_date,
            Child.school_id,
            Adult.first_name.label("adult_first"),
            Adult.last_name.label("adult_last"),
            Account.first_name.label("sender_first"),
            Account.last_name.label("sender_last"),
        )
        .select_from(Document)
        .outerjoin(Household, Household.id == Document.household_id)
        .outerjoin(Child, Child.id == Document.child_id)
        .outerjoin(Adult, Adult.id == Document.adult_id)
        .outerjoin(Account, Account.id == Document.uploaded_by_id)
        .where(Document.id == document.id)
    ).one()
    child = None
    if document.child_id is not None:
        school = structure_names(session).get(row.school_id, "") if row.school_id else ""
        child = (f"{row.first_name} {row.last_name}", row.birth_date, school)
    return ReviewedPiece(
        document=document,
        kind=kind,
        household=(row.id, row.label, row.number) if document.household_id is not None else None,
        child=child,
        adult=f"{row.adult_first} {row.adult_last}" if document.adult_id else "",
        sender=f"{row.sender_first} {row.sender_last}" if document.uploaded_by_id else "",
        earlier=tuple(_earlier(session, actor, document)),
    )


def _earlier(session: Session, actor: Actor, document: Document) -> Sequence[Document]:
    same = [
        Document.piece_type == document.piece_type,
        Document.household_id == document.household_id,
        Document.id != document.id,
    ]
    if document.child_id is not None:
        same.append(Document.child_id == document.child_id)
    if document.adult_id is not None:
        same.append(Document.adult_id == document.adult_id)
    return session.scalars(
        select(Document)
        .join(PieceType, PieceType.code == Document.piece_type)
        .where(*same, seen_by_staff(actor, Permission.DOCUMENT_READ))
        .order_by(Document.uploaded_at.desc())
        .limit(10)
    ).all()


@dataclass(frozen=True)
class FamilyPieces:
    """A family's wallet as staff sees it, and the requests that wait."""

    household: HouseholdCard
    lines: tuple[WalletLine, ...]
    kinds: tuple[PieceType, ...]


def pieces_of_family(session: Session, actor: Actor, household_id: uuid.UUID) -> FamilyPieces:
    """The pieces this household gave, those that are missing, those claimed. Six statements.

    Raises Forbidden without ``document:read``, NotFound for a family outside the agent's structures.
    """
    require(actor, Permission.DOCUMENT_READ)
    household = load_household(session, actor, household_id)
    kinds = session.scalars(select(PieceType).order_by(PieceType.sort_key)).all()
    documents = session.scalars(
        select(Document)
        .join(PieceType, PieceType.code == Document.piece_type)
        .where(Document.household_id == household_id, seen_by_staff(actor, Permission.DOCUMENT_READ))
        .order_by(Document.uploaded_at)
    ).all()
    claims = session.scalars(
        select(PieceRequest).where(PieceRequest.household_id == household_id, PieceRequest.closed_at.is_(None))
    ).all()
    children = {card.id: card.first_name for card in household.children}
    adults = {card.id: card.full_name for card in household.adults}
    lines = wallet_lines(kinds, [(document, True) for document in documents], claims, children, adults)
    return FamilyPieces(household, tuple(lines), tuple(kinds))


@dataclass(frozen=True)
class Watch:
    """What administrators watch: files kept without being scanned, by state, and bytes kept in all."""

    documents: int
    size: int
    not_scanned: int


def watch(session: Session, actor: Actor) -> Watch:
    """One statement. Raises Forbidden without ``settings:manage``."""
    require(actor, Permission.SETTINGS_MANAGE)
    unscanned = func.count().filter(Document.scan == "not_scanned")
    row = session.execute(
        select(func.count(), func.coalesce(func.sum(Document.size), 0), unscanned).where(Document.state != "retire")
    ).one()
    return Watch(row[0], int(row[1]), row[2])
