"""Who may know of a document: SQL conditions and scoped loaders. What one may not know does not exist (404).

Every condition is on ``Document`` joined with ``PieceType``. A family sees what its household gave, children by the
rights of the reader over each child (R-20); an agent what the children of his structures brought, or the demandes
addressed there.
"""

from __future__ import annotations

import uuid

from sqlalchemy import ColumnElement, Select, and_, exists, false, or_, select, true
from sqlalchemy.orm import Session

from app import clock
from app.documents.models import Document, PieceType
from app.errors import NotFound
from app.families.loading import child_visible_to, in_force
from app.families.models import Adult, Child, Guardianship, HouseholdChild
from app.families.rights import Action, Authority, may
from app.policy import Actor, Permission, require

NO_DOCUMENT = "Cette pièce n’existe pas ou ne vous est pas destinée."
HEALTH = "sante"


def children_over_whom(account_id: uuid.UUID, action: Action) -> Select[uuid.UUID]:
    """Ids of the children this account may do ``action`` for today."""
    allowed = [authority for authority in Authority if may(authority, action)]
    return (
        select(Guardianship.child_id)
        .join(Adult, Adult.id == Guardianship.adult_id)
        .where(Adult.account_id == account_id, Guardianship.authority.in_(allowed), in_force(clock.today()))
        .correlate(None)
    )


def own_household(account_id: uuid.UUID) -> ColumnElement[uuid.UUID]:
    """The household of an account, as a subquery."""
    return select(Adult.household_id).where(Adult.account_id == account_id).correlate(None).scalar_subquery()


def about_known_child(account_id: uuid.UUID) -> ColumnElement[bool]:
    """The document is about a child over whom this account has the right: to know, or for health to read health."""
    known = Document.child_id.in_(children_over_whom(account_id, Action.KNOW))
    healthy = Document.child_id.in_(children_over_whom(account_id, Action.HEALTH))
    return or_(and_(PieceType.sensitivity != HEALTH, known), and_(PieceType.sensitivity == HEALTH, healthy))


def seen_by_family(account_id: uuid.UUID) -> ColumnElement[bool]:
    """What this account may open.

    Of her household: what concerns everybody, and what concerns a child she has the right to know of. An adult's own
    piece is for that adult. A draft is for whoever is filling it.
    """
    mine = Document.household_id == own_household(account_id)
    everybody = and_(mine, Document.child_id.is_(None), Document.adult_id.is_(None))
    herself = Document.adult_id.in_(select(Adult.id).where(Adult.account_id == account_id).correlate(None))
    given = and_(Document.uploaded_by_id == account_id, Document.child_id.is_(None))
    subject = or_(everybody, herself, given, and_(mine, about_known_child(account_id)))
    draft = and_(Document.state == "brouillon", Document.uploaded_by_id == account_id)
    return and_(subject, or_(draft, Document.state.not_in(("brouillon", "retire"))))


def seen_by_staff(actor: Actor, permission: Permission) -> ColumnElement[bool]:
    """What an agent who holds ``permission`` may know of.

    Health pieces are for those who review pieces or may read health (R-73). Drafts stay the family's.
    """
    sent: ColumnElement[bool] = Document.state.not_in(("brouillon", "retire"))
    if not (actor.kind == "system" or actor.can(Permission.DOCUMENT_REVIEW) or actor.can(Permission.HEALTH_READ)):
        sent = and_(sent, PieceType.sensitivity != HEALTH)
    if actor.kind == "system" or (scope := actor.structures(permission)) is None:
        return sent
    received = child_visible_to(actor, permission)
    # lists join the child too: these subqueries look at their own
    the_child = exists().where(Child.id == Document.child_id, received).correlate(Document)
    lives_there = HouseholdChild.household_id == Document.household_id
    of_household = exists().where(lives_there, Child.id == HouseholdChild.child_id, received).correlate(Document)
    # a family without children, or a person without an account who wrote to nobody in particular: everybody's
    nobodys = and_(Document.structure_id.is_(None), ~exists().where(lives_there).correlate(Document))
    about_household = and_(Document.child_id.is_(None), or_(of_household, nobodys))
    return and_(sent, or_(Document.structure_id.in_(scope) if scope else false(), the_child, about_household))


def load_document(
    session: Session,
    actor: Actor,
    document_id: uuid.UUID,
    permission: Permission = Permission.DOCUMENT_READ,
    *,
    lock: bool = False,
) -> tuple[Document, PieceType]:
    """A document and its type, for whoever may open it (a parent) or holds ``permission`` over it (an agent).

    Raises NotFound for what this person may not know of, Forbidden for an agent without the permission at all.
    """
    query = select(Document, PieceType).join(PieceType, PieceType.code == Document.piece_type)
    query = query.where(Document.id == document_id, _seen(actor, permission))
    if lock:
        query = query.with_for_update(of=Document).execution_options(populate_existing=True)
    row = session.execute(query).one_or_none()
    if row is None:
        raise NotFound(NO_DOCUMENT)
    return row[0], row[1]


def _seen(actor: Actor, permission: Permission) -> ColumnElement[bool]:
    if actor.kind == "system":
        return true()
    if actor.kind == "parent" and actor.id is not None:
        return seen_by_family(actor.id)
    require(actor, permission)
    return seen_by_staff(actor, permission)
