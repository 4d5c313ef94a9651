"""Joins that wait for their own passage, and merge what each branch changed, however often a loop comes back to them.

SpiffWorkflow 3.2 counts branches that arrived in earlier passages as arrived, so the second time round a loop a join
may fire early; it copies the data of the branch that arrives last over the others, so that a stale copy of a variable
hides what a neighbour has just changed; and on the third passage it may fail on a task it has itself dropped. Here only
the branches of the present passage count, and the join starts from the data where they parted, then applies what each
changed since, in order of arrival.
"""

from copy import deepcopy
from itertools import takewhile
from typing import Any

from SpiffWorkflow.bpmn.parser.BpmnParser import full_tag
from SpiffWorkflow.bpmn.parser.task_parsers import ConditionalGatewayParser, GatewayParser
from SpiffWorkflow.bpmn.specs.defaults import InclusiveGateway, ParallelGateway
from SpiffWorkflow.util.task import TaskState


def merge_branches(my_task: Any) -> None:
    """Sets the data of a join that fires from every branch that reached it in this passage."""
    earlier = [task for task in arrivals(my_task) if task is not my_task]
    branches = [task.parent for task in sorted(earlier, key=lambda task: task.last_state_change)]
    branches.append(my_task.parent)
    parting = _common_ancestor(branches)
    merged = deepcopy(parting.data)
    for branch in branches:
        for name, value in branch.data.items():
            if name not in parting.data or parting.data[name] != value:
                merged[name] = deepcopy(value)
    my_task.data = merged


def arrivals(my_task: Any) -> list[Any]:
    """The tasks of this join that a finished branch has reached in the present passage, `my_task` among them."""
    spec = my_task.task_spec
    if len(spec.inputs) < 2:
        return [my_task]
    mine = _path(my_task)
    return [
        task
        for task in my_task.workflow.tasks.values()
        if task.task_spec == spec and task.parent.has_state(TaskState.COMPLETED) and _same_passage(mine, _path(task))
    ]


def _same_passage(mine: list[Any], other: list[Any]) -> bool:
    """Whether two paths that part at a fork have not been through that fork again since: each turn of a loop would."""
    if mine[-1] is other[-1]:
        return True
    parted = sum(1 for _ in takewhile(lambda pair: pair[0] is pair[1], zip(mine, other, strict=False)))
    if parted in (len(mine), len(other)):
        return False  # one is an earlier passage of the other
    fork = mine[parted - 1].task_spec
    if not fork.inputs:
        return True  # the start of the scope, which stands for a fork that has been forgotten: nothing leads back to it
    return all(task.task_spec != fork for task in (*mine[parted:], *other[parted:]))


def _missing(my_task: Any) -> list[Any]:
    """The specs before the join from which nothing has arrived in this passage."""
    arrived = {task.parent.task_spec.name for task in arrivals(my_task)}
    return [spec for spec in my_task.task_spec.inputs if spec.name not in arrived]


def _may_still_arrive(my_task: Any, missing: list[Any]) -> bool:
    """Whether a branch still under way may reach the join through one of the missing inputs."""
    own = my_task.task_spec
    before, waiting = {own.name}, list(missing)
    while waiting:
        spec = waiting.pop()
        if spec.name not in before:
            before.add(spec.name)
            waiting.extend(spec.inputs)
    return any(
        task.task_spec.name in before
        for task in my_task.workflow.tasks.values()
        if task.task_spec != own
        and task.has_state(TaskState.FUTURE | TaskState.WAITING | TaskState.READY | TaskState.STARTED)
        and task.parent is not None
        and task.parent.has_state(TaskState.COMPLETED)
    )


def _common_ancestor(tasks: list[Any]) -> Any:
    shared = takewhile(
        lambda step: all(task is step[0] for task in step), zip(*(_path(task) for task in tasks), strict=False)
    )
    return list(shared)[-1][0]


def _path(task: Any) -> list[Any]:
    path = []
    while task is not None:
        path.append(task)
        task = task.parent
    return path[::-1]


class MergingParallelGateway(ParallelGateway):  # type: ignore[misc]  # SpiffWorkflow ships no annotations
    """A parallel gateway whose join waits for each of its inputs and loses no change."""

    def _check_threshold_unstructured(self, my_task: Any) -> bool:
        return not _missing(my_task)

    def _run_hook(self, my_task: Any) -> bool:
        merge_branches(my_task)
        return True


class MergingInclusiveGateway(InclusiveGateway):  # type: ignore[misc]  # same
    """An inclusive gateway whose join waits for the branches under way and loses no change."""

    def _check_threshold_unstructured(self, my_task: Any) -> bool:
        missing = _missing(my_task)
        return not missing or not _may_still_arrive(my_task, missing)

    def _run_hook(self, my_task: Any) -> bool:
        merge_branches(my_task)
        matches, defaults = self._get_matching_outputs(my_task)
        if not matches + defaults:
            raise ValueError("aucune condition de la passerelle inclusive n’est vraie")
        my_task._sync_children(matches or defaults, TaskState.FUTURE)
        for child in my_task.children:
            child.task_spec._predict(child, mask=TaskState.FUTURE | TaskState.PREDICTED_MASK)
        return True


JOIN_PARSER_CLASSES = {
    full_tag("parallelGateway"): (GatewayParser, MergingParallelGateway),
    full_tag("inclusiveGateway"): (ConditionalGatewayParser, MergingInclusiveGateway),
}
"""To merge into a parser's OVERRIDE_PARSER_CLASSES."""
