"""What administrators do to demandes that are stuck, one or many: each in a transaction of its own."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.cases.machinery import case_by_id, note_fault, retry_incidents
from app.cases.operations import _follow, _tell, runtime
from app.cases.queries import open_case_rows, open_tasks
from app.db import Database
from app.engine.models import Incident
from app.engine.runtime import Outcome
from app.engine.steps import EngineFault
from app.errors import PortalError, Refused
from app.journal import record
from app.policy import Actor, Permission, require

MAX_REASON = 500


@dataclass
class Report:
    """What became of each demande: references of those that moved, (reference, why) of the others."""

    done: list[str] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)


def retry_many(database: Database, actor: Actor, case_ids: Sequence[uuid.UUID]) -> Report:
    """Runs again what failed in each of these demandes."""
    return _each(database, actor, case_ids, lambda session, case_id: retry_incidents(session, actor, case_id))


def skip_many(database: Database, actor: Actor, case_ids: Sequence[uuid.UUID], reason: str) -> Report:
    """Takes what failed in each of these demandes as done. Raises Refused without a reason."""
    reason = _reason(reason)
    return _each(database, actor, case_ids, lambda session, case_id: skip_failed(session, actor, case_id, reason))


def skip_failed(session: Session, actor: Actor, case_id: uuid.UUID, reason: str) -> Outcome:
    """Takes what failed in a demande as done, and goes on. Raises CannotSkip, saying what to do instead."""
    require(actor, Permission.INCIDENT_MANAGE)
    opened = open_case_rows(session, case_id, lock=True)
    stopped = select(Incident.node).where(Incident.case_id == case_id, Incident.resolved_at.is_(None))
    nodes, before = sorted(set(session.scalars(stopped))), opened.case.status
    outcome = runtime.skip(session, actor, opened.facts, opened.instance)
    _follow(session, opened.case, outcome)
    record(session, actor, "case.step_skipped", "case", case_id, left=nodes, reason=reason)
    _tell(session, opened.case, before, outcome, first_filing=False)
    return outcome


def move_many(database: Database, actor: Actor, case_ids: Sequence[uuid.UUID], node: str, reason: str) -> Report:
    """Sends each of these demandes to a step of its version, or skips it there. Raises Refused without a reason."""
    reason = _reason(reason)
    return _each(database, actor, case_ids, lambda session, case_id: move_case(session, actor, case_id, node, reason))


def move_case(session: Session, actor: Actor, case_id: uuid.UUID, node: str, reason: str) -> Outcome:
    """Gives up where a demande is and begins again at ``node``. Raises CannotMove, saying why.

    ``reason`` is kept in the journal with who did it; the family is told as after any step, if its state changed.
    """
    require(actor, Permission.INCIDENT_MANAGE)
    opened = open_case_rows(session, case_id, lock=True)
    left = [task.node for task in open_tasks(session, case_id)]
    before = opened.case.status
    outcome = runtime.move(session, actor, opened.facts, opened.instance, node)
    _follow(session, opened.case, outcome)
    record(session, actor, "case.moved", "case", case_id, left=left, node=node, reason=reason)
    _tell(session, opened.case, before, outcome, first_filing=False)
    return outcome


def _reason(text: str) -> str:
    text = " ".join(text.split())[:MAX_REASON]
    if not text:
        raise Refused("Dites pourquoi : le journal le garde.", "reason")
    return text


def _each(
    database: Database, actor: Actor, case_ids: Sequence[uuid.UUID], act: Callable[[Session, uuid.UUID], Outcome]
) -> Report:
    require(actor, Permission.INCIDENT_MANAGE)
    report = Report()
    for case_id in case_ids:
        with database.transaction(read_only=True) as session:
            case = case_by_id(session, case_id)
            if case is None:
                continue  # given up meanwhile
            reference = case.reference
        try:
            with database.transaction() as session:
                outcome = act(session, case_id)
        except EngineFault as fault:
            note_fault(database, case_id, fault)
            report.refused.append((reference, fault.cause))
        except PortalError as refusal:
            report.refused.append((reference, refusal.message))
        else:
            if outcome.failures:
                report.refused.append((reference, outcome.failures[0].cause))
            else:
                report.done.append(reference)
    return report
