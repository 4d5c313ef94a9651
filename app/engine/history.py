"""Forgetting: what an instance has left behind, so that its state does not grow with each turn of a loop.

SpiffWorkflow keeps every task that ever ran, in a tree that grows deeper with each passage; it stops looking beyond a
depth of 1 000, and would then take a case for finished. Here closed sub-processes go, and so does the stem of the tree
that leads to everything still alive. The nodes passed there are remembered by id, for the diagram.
"""

from __future__ import annotations

import uuid
from copy import deepcopy
from typing import Any

from SpiffWorkflow.bpmn import BpmnWorkflow
from SpiffWorkflow.bpmn.specs.control import _EndJoin
from SpiffWorkflow.util.deep_merge import DeepMerge
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


def last_data(workflow: BpmnWorkflow) -> dict[str, Any]:
    """The variables as the last step that ran left them; empty before any did. To be read, never changed."""
    done = [task for task in workflow.tasks.values() if task.state == TaskState.COMPLETED]
    last = max(done, key=lambda task: (len(task.data), task.last_state_change), default=None)
    return dict(last.data) if last is not None else {}


def holder(workflow: BpmnWorkflow, task_id: uuid.UUID) -> Any:
    """The task that holds a sub-process, wherever it is; ``None`` when it was dropped."""
    for scope in (workflow, *workflow.subprocesses.values()):
        if (task := scope.tasks.get(task_id)) is not None:
            return task
    return None


def ended(tree: Any) -> list[Any]:
    """The ends that branches of a scope have come to while others go on."""
    reached = TaskState.WAITING | TaskState.CANCELLED
    return [task for task in tree.tasks.values() if isinstance(task.task_spec, _EndJoin) and task.has_state(reached)]


def _remember(workflow: BpmnWorkflow, tasks: Any) -> None:
    if not hasattr(workflow, "forgotten"):
        workflow.forgotten = set()
    workflow.forgotten.update(bpmn_id(task) for task in tasks if task.state == TaskState.COMPLETED)


def _cut(workflow: BpmnWorkflow, scope: Any) -> None:
    """Hangs the last completed task above everything alive directly under the root, beside the ends of branches: what
    those wrote is known again when the scope ends."""
    ends = ended(scope)
    ending = {task.id for end in ends for task in _below(end)}
    alive = [
        task for task in scope.tasks.values() if task.has_state(TaskState.NOT_FINISHED_MASK) and task.id not in ending
    ]
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
    left = _gathered(sorted(ends, key=_moment), kept)
    kept |= {id(each) for end in left for each in (end.parent, *_below(end))}
    gone = [task for task in scope.tasks.values() if id(task) not in kept]
    _remember(workflow, gone)
    for task in gone:
        del scope.tasks[task.id]
    keep.parent = root
    root.children = [keep, *(end.parent for end in left)]
    for end in left:
        end.parent.parent, end.parent.children = root, [end]


def _gathered(ends: list[Any], kept: set[int]) -> list[Any]:
    """The ends to keep of those that are not ``kept`` already, in the order in which branches came to them.

    Of several in a row, the last takes what the others wrote, as the end of the scope would have merged them: a loop
    whose turns each end a branch keeps one.
    """
    left: list[Any] = []
    before: Any = None
    for end in ends:
        if id(end) in kept:
            before = None
            continue
        if before is not None:
            merged = DeepMerge.merge(deepcopy(before.parent.data), deepcopy(end.parent.data))
            end.parent.data = merged
            left.pop()
        left.append(end)
        before = end
    return left


def _moment(task: Any) -> float:
    return float(task.last_state_change)


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
