"""The rows of what the engine could not do: opened when a node fails, closed when it no longer does."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app import clock
from app.db import new_id
from app.engine.models import Incident
from app.engine.operations import CaseFacts
from app.engine.projection import Picture
from app.engine.steps import Failure
from app.journal import record
from app.outbox import emit
from app.policy import SYSTEM


def open_incidents(
    session: Session, facts: CaseFacts, failures: list[Failure], name_of: Callable[[Failure], str]
) -> None:
    """One incident a task and a node, open until resolved: a failure of the same counts one attempt more."""
    query = select(Incident).where(Incident.case_id == facts.id, Incident.resolved_at.is_(None))
    known = {(incident.task_id, incident.node): incident for incident in session.scalars(query)}
    for failure in failures:
        if (incident := known.get((failure.task_id, failure.node))) is not None:
            incident.attempts += 1
            incident.cause = failure.cause
            continue
        session.add(
            Incident(
                id=new_id(),
                case_id=facts.id,
                task_id=failure.task_id,
                node=failure.node,
                node_name=name_of(failure),
                reference=facts.reference,
                cause=failure.cause,
                attempts=1,
                opened_at=clock.now(),
                resolved_at=None,
            )
        )
        record(session, SYSTEM, "incident.opened", "case", facts.id, node=failure.node)
        emit(session, "incident.opened", case_id=str(facts.id), node=failure.node)
    session.flush()


def resolve_incidents(
    session: Session, facts: CaseFacts, now: Picture, again: set[uuid.UUID], *, retrying: bool
) -> bool:
    """Closes the incidents of what does not fail any more: it ran, it was interrupted, or its person got through.

    Returns whether any is left.
    """
    kept = set(now.failed) | again
    if not retrying:
        kept |= set(now.people)
    session.execute(
        update(Incident)
        .where(Incident.case_id == facts.id, Incident.resolved_at.is_(None), Incident.task_id.not_in(kept))
        .values(resolved_at=clock.now())
        .execution_options(synchronize_session=False)
    )
    left = select(Incident.id).where(Incident.case_id == facts.id, Incident.resolved_at.is_(None)).limit(1)
    return session.execute(left).first() is not None
