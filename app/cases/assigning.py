"""Who has a step in hand: an agent takes it, gives it back, or gives it to a colleague (G2)."""

from __future__ import annotations

import uuid

from sqlalchemy import update
from sqlalchemy.orm import Session

from app.cases.inbox import colleagues
from app.cases.operations import done_message, task_in_turn
from app.cases.queries import Opened, Who
from app.engine.models import Task
from app.engine.runtime import NotWaiting
from app.errors import Conflict, Refused
from app.journal import record
from app.policy import Actor, Permission, require


def take(session: Session, actor: Actor, opened: Opened) -> None:
    """An agent puts a task in his own list. Raises Conflict naming nobody's private data but the colleague's name."""
    task = task_in_turn(session, Who(actor), opened)
    done = session.execute(
        update(Task)
        .where(Task.id == task.id, Task.closed_at.is_(None), Task.assignee_id.is_(None))
        .values(assignee_id=actor.id)
        .execution_options(synchronize_session=False)
    )
    if getattr(done, "rowcount", 0) == 0 and task.assignee_id != actor.id:
        raise Conflict("Un collègue vient de prendre cette tâche.")
    record(session, actor, "task.taken", "case", opened.case.id, node=task.node)


def release(session: Session, actor: Actor, opened: Opened) -> None:
    """Gives a task back to the team."""
    task = task_in_turn(session, Who(actor), opened)
    session.execute(
        update(Task).where(Task.id == task.id).values(assignee_id=None).execution_options(synchronize_session=False)
    )
    record(session, actor, "task.released", "case", opened.case.id, node=task.node)


def assign(session: Session, actor: Actor, opened: Opened, account_id: uuid.UUID | None) -> None:
    """Gives a task to a colleague who holds its role, or (``None``) back to the team. Refuses anybody else."""
    require(actor, Permission.TASK_ASSIGN, opened.case.structure_id)
    task = opened.task
    if task is None or task.closed_at is not None:
        raise NotWaiting(done_message(task) if task else "Cette tâche n’existe plus.")
    if account_id is not None and all(each.id != account_id for each in colleagues(session, task)):
        raise Refused("Ce collègue ne peut pas traiter cette tâche : choisissez-en un dans la liste.")
    session.execute(
        update(Task)
        .where(Task.id == task.id, Task.closed_at.is_(None))
        .values(assignee_id=account_id)
        .execution_options(synchronize_session=False)
    )
    record(
        session,
        actor,
        "task.assigned",
        "case",
        opened.case.id,
        node=task.node,
        to=str(account_id) if account_id else None,
    )
