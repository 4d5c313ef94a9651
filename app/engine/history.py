"""Forgetting: what an instance has left behind, so that its state does not grow with each turn of a loop.

SpiffWorkflow keeps every task that ever ran, in a tree that grows deeper with each passage; it stops looking beyond a
depth of 1 000, and would then take a case for finished. Here closed sub-processes go, and so does the stem of the tree
that leads to everything still alive. The nodes passed there are remembered by id, for the diagram.
"""

from __future__ import annotations

import uuid
from typing import Any

from SpiffWorkflow.bpmn import BpmnWorkflow
from SpiffWorkflow.util.task import TaskState

from app.engine.elements import bpmn_id

LENGTH = 40
"""Tasks a scope may keep before its stem is looked at."""


def shorten(workflow: BpmnWorkflow) -> None:
    """Forgets closed sub-processes and, in long scopes, what lies before all that is alive. For the end of a step."""
    for parent_id, scope in list(workflow.subprocesses.items()):
        parent = holder(workflow, parent_id)
        if parent is None or parent.has_state(TaskState.FINISHED_MASK):
            _remember(workflow, scope.tasks.values())
            del workflow.subprocesses[parent_id]
    for scope in (workflow, *workflow.subprocesses.values()):
        if len(scope.tasks) > LENGTH:
            _cut(workflow, scope)


def holder(workflow: BpmnWorkflow, task_id: uuid.UUID) -> Any:
    """The task that holds a sub-process, wherever it is; ``None`` when it was dropped."""
    for scope in (workflow, *workflow.subprocesses.values()):
        if (task := scope.tasks.get(task_id)) is not None:
            return task
    return None


def _remember(workflow: BpmnWorkflow, tasks: Any) -> None:
    if not hasattr(workflow, "forgotten"):
        workflow.forgotten = set()
    workflow.forgotten.update(bpmn_id(task) for task in tasks if task.state == TaskState.COMPLETED)


def _cut(workflow: BpmnWorkflow, scope: Any) -> None:
    """Hangs the last completed task above everything alive directly under the root."""
    alive = [task for task in scope.tasks.values() if task.has_state(TaskState.NOT_FINISHED_MASK)]
    if not alive:
        return
    above = _path(alive[0])
    for task in alive[1:]:
        known = {id(each) for each in above}
        while id(task) not in known:
            task = task.parent
        above = above[: next(n for n, each in enumerate(above) if each is task) + 1]
    root, keep = scope.task_tree, above[-1]
    while keep is not root and not keep.has_state(TaskState.COMPLETED):
        keep = keep.parent
    if keep is root or keep.parent is root:
        return
    kept = {id(each) for each in _below(keep)} | {id(root)}
    gone = [task for task in scope.tasks.values() if id(task) not in kept]
    _remember(workflow, gone)
    for task in gone:
        del scope.tasks[task.id]
    keep.parent = root
    root.children = [keep]


def _path(task: Any) -> list[Any]:
    path = []
    while task is not None:
        path.append(task)
        task = task.parent
    return path[::-1]


def _below(task: Any) -> list[Any]:
    found, waiting = [], [task]
    while waiting:
        each = waiting.pop()
        found.append(each)
        waiting.extend(each.children)
    return found
