"""What forms offer of families: her children, the adults of her household, the structures and schools."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from sqlalchemy.orm import Session

from app.families import vocabulary
from app.families.models import Adult
from app.families.pickup import persons_of
from app.families.queries import children_for
from app.families.rights import Action
from app.sources import Filer, provides
from app.town.queries import StructureView, structures
from forms import Choice


def family_account(filer: Filer) -> uuid.UUID | None:
    """The family's account; never the agent's own, who files for a household at the desk."""
    if filer.actor.kind == "parent":
        return filer.account_id or filer.actor.id
    return filer.account_id if filer.account_id != filer.actor.id else None


@provides("children")
def children(session: Session, filer: Filer) -> Sequence[Choice]:
    """The children the filer may speak for; school and level are shown beside the name (R8)."""
    cards = children_for(session, family_account(filer), filer.household_id, Action.BOOK)
    return [Choice(str(card.id), card.full_name, card.schooling) for card in cards]


@provides("adults")
def adults(session: Session, filer: Filer) -> Sequence[Choice]:
    """The adults of the household."""
    if filer.household_id is None:
        return []
    rows = session.execute(
        Adult.__table__.select().where(Adult.household_id == filer.household_id).order_by(Adult.rank)
    )
    return [
        Choice(str(row.id), f"{row.first_name} {row.last_name}", vocabulary.QUALITIES.get(row.quality, ""))
        for row in rows
    ]


@provides("persons")
def persons(session: Session, filer: Filer) -> Sequence[Choice]:
    """Who may come for the children the filer may name persons for: to name again for another child, or to remove."""
    cards = children_for(session, family_account(filer), filer.household_id, Action.NAME_PICKUP)
    names = {card.id: card.first_name for card in cards}
    return [
        Choice(str(person.id), person.name, f"{person.relation_label}, pour {names[person.child_id]}")
        for found in persons_of(session, list(names)).values()
        for person in found
    ]


@provides("structures")
def places(session: Session, filer: Filer) -> Sequence[Choice]:
    """The structures that receive children today; those of one kind for ``structures:ecole``."""
    return _offered(structures(session, kind=filer.qualifier or None, open_only=True))


@provides("schools")
def schools(session: Session, _filer: Filer) -> Sequence[Choice]:
    """The schools."""
    return _offered(structures(session, kind="ecole", open_only=True))


def _offered(found: Sequence[StructureView]) -> Sequence[Choice]:
    return [Choice(str(place.id), place.name, ", ".join(place.levels)) for place in found]
