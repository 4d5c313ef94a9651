"""The scoped loaders of agents: what one may not know does not exist (404)."""

from __future__ import annotations

import uuid
from datetime import date

from sqlalchemy import ColumnElement, and_, exists, or_, select, true
from sqlalchemy.orm import Session

from app.db import fold
from app.errors import NotFound
from app.families.models import Child, ChildStructure, Guardianship, Household, HouseholdChild
from app.policy import Actor, Permission, require

NO_HOUSEHOLD = "Ce foyer n’existe pas ou n’existe plus."


def child_visible_to(actor: Actor, permission: Permission = Permission.FAMILY_READ) -> ColumnElement[bool]:
    """SQL condition on ``Child``: the structures of this agent receive the child (school, or another structure)."""
    if actor.kind == "system" or (scope := actor.structures(permission)) is None:
        return true()
    received = exists().where(ChildStructure.child_id == Child.id, ChildStructure.structure_id.in_(scope))
    return or_(Child.school_id.in_(scope), received)


def household_visible_to(actor: Actor) -> ColumnElement[bool]:
    """SQL condition on ``Household``: every household for an agent of all structures; else those with a child that the
    agent's structures receive, and those without any child yet, which belong to everybody."""
    if actor.kind == "system" or actor.structures(Permission.FAMILY_READ) is None:
        return true()
    theirs = and_(HouseholdChild.household_id == Household.id, Child.id == HouseholdChild.child_id)
    return or_(
        exists().where(theirs, child_visible_to(actor)),
        ~exists().where(HouseholdChild.household_id == Household.id),
    )


def load_household_row(
    session: Session, actor: Actor, household_id: uuid.UUID | None, *, lock: bool = False
) -> Household:
    """The row, for an agent who may know it. Raises Forbidden without the permission, else NotFound."""
    require(actor, Permission.FAMILY_READ)
    query = select(Household).where(Household.id == household_id, household_visible_to(actor))
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    found = session.scalars(query).one_or_none()
    if found is None:
        raise NotFound(NO_HOUSEHOLD)
    return found


def load_child_row(session: Session, actor: Actor, child_id: uuid.UUID, *, lock: bool = False) -> Child:
    """Same as ``load_household_row`` for a child."""
    require(actor, Permission.FAMILY_READ)
    query = select(Child).where(Child.id == child_id, child_visible_to(actor))
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    found = session.scalars(query).one_or_none()
    if found is None:
        raise NotFound("Cet enfant n’existe pas ou n’existe plus.")
    return found


def in_force(day: date) -> ColumnElement[bool]:
    """SQL condition on ``Guardianship``: this link holds on that day (``until`` is its last day)."""
    return and_(Guardianship.since <= day, or_(Guardianship.until.is_(None), Guardianship.until >= day))


def child_key(first_name: str, last_name: str) -> str:
    """How two spellings of a child's name are one: « LÉA Martin » and « Lea  MARTIN »."""
    return fold(f"{last_name} {first_name}")


def is_known_elsewhere(
    session: Session, household_id: uuid.UUID, first_name: str, last_name: str, birth_date: date
) -> bool:
    """Whether a household other than this one has a child of that name (folded) born that day."""
    query = (
        select(Child.id)
        .join(HouseholdChild, HouseholdChild.child_id == Child.id)
        .where(Child.sort_key == child_key(first_name, last_name), Child.birth_date == birth_date)
        .where(HouseholdChild.household_id != household_id)
    )
    return session.scalar(query.limit(1)) is not None


def child_row(session: Session, child_id: uuid.UUID) -> Child:
    """The row of a child whose right to it was asked before. Raises NotFound."""
    found = session.get(Child, child_id)
    if found is None:
        raise NotFound("Cet enfant n’existe pas ou n’existe plus.")
    return found
