"""What administrators do to demandes that are stuck, one or many: each in a transaction of its own."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from app.cases.machinery import case_by_id, note_fault, retry_incidents
from app.db import Database
from app.engine.runtime import Outcome
from app.engine.steps import EngineFault
from app.errors import PortalError
from app.policy import Actor, Permission, require


@dataclass
class Report:
    """What became of each demande: references of those that moved, (reference, why) of the others."""

    done: list[str] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)


def retry_many(database: Database, actor: Actor, case_ids: Sequence[uuid.UUID]) -> Report:
    """Runs again what failed in each of these demandes."""
    return _each(database, actor, case_ids, lambda session, case_id: retry_incidents(session, actor, case_id))


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
