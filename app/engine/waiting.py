"""Finding the task that somebody, or the result of an operation, means to complete."""

from __future__ import annotations

import uuid
from typing import Any

from SpiffWorkflow.bpmn import BpmnWorkflow
from SpiffWorkflow.util.task import TaskState

from app.engine.elements import OperationTask
from app.errors import Conflict


class NotWaiting(Conflict):
    """The task is not open any more, or the instance does not wait for this message."""


def ready_human_task(workflow: BpmnWorkflow, task_id: uuid.UUID) -> Any:
    task = _find(workflow, task_id)
    # Task.run() has no guard of its own: it would complete a FUTURE task, or a completed one again.
    if task is None or task.state != TaskState.READY or not task.task_spec.manual:
        raise NotWaiting("Cette étape n’attend plus de réponse : la demande a avancé entre-temps.")
    return task


def started_task(workflow: BpmnWorkflow, task_id: uuid.UUID) -> Any:
    task = _find(workflow, task_id)
    if task is None or task.state != TaskState.STARTED or not isinstance(task.task_spec, OperationTask):
        raise NotWaiting("Cette opération est déjà faite.")
    return task


def _find(workflow: BpmnWorkflow, task_id: uuid.UUID) -> Any:
    for each in (workflow, *workflow.subprocesses.values()):
        if (task := each.tasks.get(task_id)) is not None:
            return task
    return None
