"""Legal hold: a demande that must not be erased, whatever its age, until somebody lifts it. Each act has its reason."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.cases.models import Case
from app.cases.queries import open_case_rows
from app.errors import Conflict, NotFound
from app.journal import record
from app.policy import Actor, Permission, require, require_everywhere

MAX_REASON = 500
MAX_SHOWN = 200


def hold(session: Session, actor: Actor, case: Case, reason: str) -> None:
    """Keeps a demande, locked by the caller, from being erased. Raises Forbidden, or Conflict when it is so already."""
    require(actor, Permission.CASE_HOLD, case.structure_id)
    if case.held_at is not None:
        raise Conflict("Cette demande est déjà retenue.")
    case.held_at, case.held_by, case.held_reason = clock.now(), actor.label, reason
    record(session, actor, "case.held", "case", case.id, reason=reason)


def lift(session: Session, actor: Actor, case: Case, reason: str) -> None:
    """Lets a demande, locked by the caller, go as the others do. Raises Forbidden, or Conflict when it is not held."""
    require(actor, Permission.CASE_HOLD, case.structure_id)
    if case.held_at is None:
        raise Conflict("Cette demande n’est pas retenue.")
    case.held_at = case.held_by = case.held_reason = None
    record(session, actor, "case.hold_lifted", "case", case.id, reason=reason)


def held_cases(session: Session) -> Sequence[Case]:
    """The demandes that are held, the latest first."""
    query = select(Case).where(Case.held_at.is_not(None)).order_by(Case.held_at.desc()).limit(MAX_SHOWN)
    return session.scalars(query).all()


def held_case(session: Session, actor: Actor, case_id: uuid.UUID) -> Case:
    """A held demande, locked, for whoever watches over all of them. Raises NotFound when it is not held."""
    require_everywhere(actor, Permission.CASE_HOLD)
    case = open_case_rows(session, case_id, lock=True).case
    if case.held_at is None:
        raise NotFound("Cette demande n’est pas retenue.")
    return case


def case_to_hold(session: Session, actor: Actor, reference: str) -> Case | None:
    """The demande that was sent under this reference, locked; ``None`` when there is none."""
    require_everywhere(actor, Permission.CASE_HOLD)
    found = session.scalar(
        select(Case.id).where(Case.reference == reference.strip().upper(), Case.submitted_at.is_not(None))
    )
    return open_case_rows(session, found, lock=True).case if found is not None else None
