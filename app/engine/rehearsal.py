"""Starting a process to show its first form, and starting it again once there is something to keep.

The second start gives its first tasks the ids that the first had shown: the page that was made goes on working.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from SpiffWorkflow.bpmn import BpmnWorkflow
from SpiffWorkflow.util.task import TaskState

from app.engine.elements import bpmn_id
from app.engine.operations import OperationSpec, Registry
from app.engine.steps import all_tasks
from app.errors import PortalError


class NotRehearsed(PortalError):
    """This process writes something before its first form, or has none: it must be started for good."""


class ReadingOnly(Registry):
    """The operations of ``registry`` that only read: any other ends the rehearsal."""

    def __init__(self, registry: Registry) -> None:
        super().__init__()
        self._registry = registry

    def __getitem__(self, name: str) -> OperationSpec[Any]:
        if not (found := self._registry[name]).reads:
            raise NotRehearsed(name)
        return found


def give_ids(workflow: BpmnWorkflow, promised: Mapping[str, uuid.UUID]) -> None:
    """Gives the human tasks that wait at these nodes the ids promised for them."""
    waiting = [task for task in all_tasks(workflow, TaskState.READY) if task.task_spec.manual]
    for task in waiting if promised else ():
        if (task_id := promised.get(bpmn_id(task))) is not None and not any(task_id in w.tasks for w in _all(workflow)):
            _rename(task, task_id)


def _all(workflow: BpmnWorkflow) -> list[Any]:
    return [workflow, *workflow.subprocesses.values()]


def _rename(task: Any, task_id: uuid.UUID) -> None:
    tasks, old = task.workflow.tasks, task.id
    siblings = tasks[task._parent]._children
    siblings[siblings.index(old)] = task_id
    for child in task._children:
        tasks[child]._parent = task_id
    task.id = task_id
    tasks[task_id] = tasks.pop(old)
