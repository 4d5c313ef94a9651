"""Where a case is: what is under way in each of its scopes, as people who look at the diagram would say it.

A *standing* is one scope under way, the process itself or a sub-process that a token holds open. A *token* is a step
that waits, or a branch that has arrived at a join and waits for the others. What SpiffWorkflow adds between the drawn
elements is left out; so are the events on the edge of a step, which come and go with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from SpiffWorkflow.bpmn import BpmnWorkflow
from SpiffWorkflow.bpmn.specs.mixins.multiinstance_task import MultiInstanceTask
from SpiffWorkflow.bpmn.specs.mixins.subworkflow_task import SubWorkflowTask
from SpiffWorkflow.bpmn.specs.mixins.unstructured_join import UnstructuredJoin
from SpiffWorkflow.util.task import TaskState

from app.db import Json
from app.engine.elements import Edge, OperationTask
from app.engine.event_sub_processes import BODY
from app.engine.history import ended
from app.engine.joins import arrivals
from app.engine.steps import is_faulty

ALIVE = TaskState.READY | TaskState.WAITING | TaskState.STARTED


@dataclass(eq=False)
class Token:
    """A step that waits (``join`` false), or a branch that has arrived at a join. ``node`` is the drawn id.

    ``faulty``: a failure stops it. ``pending``: a worker runs its operation. ``aside``: an event that interrupts
    nothing began it. ``inside``: the sub-process that it holds open, or those of each of its repetitions.
    """

    task: Any
    node: str
    join: bool = False
    faulty: bool = False
    pending: bool = False
    aside: bool = False
    inside: list[Standing] = field(default_factory=list)

    @property
    def source(self) -> str:
        """The node through which a branch came to its join."""
        return str(self.task.parent.task_spec.name) if self.join else ""

    def known(self) -> dict[str, Json]:
        """What is known there, with what has been gathered inside: a repetition has its own way to keep it."""
        spec = self.task.task_spec
        repeated = isinstance(spec, MultiInstanceTask)
        found = (
            dict(deepcopy(self.task.data))
            if repeated and self.task.state == TaskState.STARTED
            else data_before(self.task)
        )
        if repeated and spec.data_output is not None:
            return found
        for standing in self.inside:
            found.update(standing.known())
        if repeated and spec.input_item is not None:
            found.pop(spec.input_item.bpmn_id, None)
        return found


@dataclass(eq=False)
class Standing:
    """A scope under way. ``scope`` is the drawn id. ``content`` is the tree of what is drawn in it; when it holds event
    sub-processes, what they run is in ``outer`` and the content, unless it was interrupted, is the sub-process
    that the task ``body`` holds open there (see event_sub_processes)."""

    scope: str
    tokens: list[Token]
    content: Any = None
    outer: Any = None
    body: Any = None

    def known(self) -> dict[str, Json]:
        """What all that is or was under way in it knows."""
        found: dict[str, Json] = {}
        for tree in (each for each in (self.outer, self.content) if each is not None):
            for end in ended(tree):
                found.update(deepcopy(end.parent.data))
        for token in self.tokens:
            found.update(token.known())
        return found

    def walk(self) -> Iterator[tuple[Standing, Token]]:
        """Its tokens and those of the scopes inside, each with its standing."""
        for token in self.tokens:
            yield self, token
            for standing in token.inside:
                yield from standing.walk()


def data_before(task: Any) -> dict[str, Json]:
    """What the case knew when it came to this task."""
    above = task.parent
    while above.state != TaskState.COMPLETED:
        above = above.parent
    return dict(deepcopy(above.data))


def standing(workflow: BpmnWorkflow) -> Standing:
    """Where a case is, in its outermost scope."""
    return _standing(workflow, workflow)


def _standing(top: BpmnWorkflow, tree: Any) -> Standing:
    name = tree.spec.name
    if f"{name}{BODY}" not in tree.spec.task_specs:
        return Standing(name, _tokens(top, tree), content=tree)
    body = next((task for task in _alive(tree) if task.task_spec.name == f"{name}{BODY}"), None)
    content = top.subprocesses.get(body.id) if body is not None else None
    tokens = [token for token in _tokens(top, tree) if token.task is not body]
    inner = _tokens(top, content) if content is not None else []
    return Standing(name, tokens + inner, content=content, outer=tree, body=body)


def _alive(tree: Any) -> list[Any]:
    return [task for task in tree.tasks.values() if task.state & ALIVE]


def _tokens(top: BpmnWorkflow, tree: Any) -> list[Token]:
    found: list[Token] = []
    for task in _alive(tree):
        spec = task.task_spec
        if spec.bpmn_id is None or is_instance(task):
            continue
        if isinstance(spec, Edge):
            if task.state == TaskState.READY:
                found.append(Token(task, spec.bpmn_id, faulty=True))
        elif isinstance(spec, UnstructuredJoin) and len(spec.inputs) > 1 and not is_faulty(task):
            found += [Token(each, spec.bpmn_id, join=True, aside=_aside(each)) for each in arrivals(task)]
        else:
            parts = [task, *(each for each in task.children if is_instance(each) and each.state & ALIVE)]
            faulty = any(is_faulty(each) for each in parts)
            pending = any(_is_pending(each) for each in parts)
            inside = [_standing(top, top.subprocesses[each.id]) for each in parts if _is_open(top, each)]
            found.append(Token(task, spec.bpmn_id, faulty=faulty, pending=pending, aside=_aside(task), inside=inside))
    return found


def is_instance(task: Any) -> bool:
    """Whether a task is one of those that a repetition makes."""
    above = task.parent
    return above is not None and isinstance(above.task_spec, MultiInstanceTask) and task.triggered


def _is_pending(task: Any) -> bool:
    return isinstance(task.task_spec, OperationTask) and task.state == TaskState.STARTED


def _is_open(top: BpmnWorkflow, task: Any) -> bool:
    return isinstance(task.task_spec, SubWorkflowTask) and task.id in top.subprocesses and bool(task.state & ALIVE)


def _aside(task: Any) -> bool:
    return any(isinstance(each.task_spec, Edge) and not each.task_spec.cancel_activity for each in above(task))


def above(task: Any) -> Iterator[Any]:
    """What led to a task, nearest first."""
    while (task := task.parent) is not None:
        yield task


def shared(tasks: Iterable[Any]) -> Any:
    """The nearest task that led to all of these; None when they are in several trees."""
    first, *others = ([task, *above(task)] for task in tasks)
    return next((task for task in first if all(task in other for other in others)), None)


def merged_data(tokens: list[Token]) -> Mapping[str, Json]:
    """What several tokens know together: what they knew when they parted, then what each has changed since."""
    if len(tokens) == 1:
        return tokens[0].known()
    parting = shared(token.task.parent for token in tokens)
    before = parting.data if parting is not None else {}
    found = dict(deepcopy(before))
    for token in tokens:
        found.update({k: v for k, v in token.known().items() if k not in before or before[k] != v})
    return found
