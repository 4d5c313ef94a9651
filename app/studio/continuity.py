"""What goes along with a demande that goes on at another step of another version: what was typed, whose hands."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from sqlalchemy.orm import Session

from app.cases.drafts import carry_draft
from app.cases.queries import open_tasks
from app.cases.writing import KEEP
from app.engine.runtime import Outcome
from app.engine.specs import Definition


def in_hand(session: Session, case_id: uuid.UUID) -> dict[str, uuid.UUID]:
    """Who has this demande in hand, by lane."""
    return {task.lane: task.assignee_id for task in open_tasks(session, case_id) if task.assignee_id is not None}


def keep_in_hand(session: Session, held: Mapping[str, uuid.UUID], outcome: Outcome) -> None:
    """Whoever had it in hand has the steps of the same lane that take the place of his: no pile, no second click."""
    opened = outcome.opened.items()
    KEEP.later(session, [{"kept": task_id, "by": held[node.lane]} for task_id, node in opened if node.lane in held])


def carry_typed(
    session: Session, case_id: uuid.UUID, left: tuple[Definition, str], joined: tuple[Definition, str]
) -> None:
    """What was typed goes along to a step of the same lane: families do not read what agents type, nor these theirs."""
    before, now = (version.nodes.get(node) for version, node in (left, joined))
    if before is not None and now is not None and before.lane == now.lane:
        carry_draft(session, case_id, before.id, now.id)
