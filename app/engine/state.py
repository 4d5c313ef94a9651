"""The compact state: an instance's tasks and data without its spec, compressed (design.md, "State").

Format ``portail-1``: zlib over JSON ``{"s": [scope…], "v": [node…]}``. The first scope is the process, the others its
open sub-processes, each after the one that holds it::

    scope  {"t": [task…], "of": [scope number, task number], "d": 1 when done, "c": correlations}
    task   [number of its parent or -1, spec name, state, rank] and, when there is anything to say, {"i": id (hex),
           "u": data that differ from its parent's, "x": names it has lost, "n": internal data, "g": 1 when triggered}

Tasks stand in the order of the tree; ``rank`` orders the instants of their last change. Only tasks that rows or other
tasks may refer to keep their id: the others get a new one. ``v`` are the nodes passed in what has been forgotten.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from SpiffWorkflow.bpmn import BpmnEvent, BpmnWorkflow
from SpiffWorkflow.bpmn.specs.mixins.events.event_types import CatchingEvent
from SpiffWorkflow.bpmn.util.subworkflow import BpmnSubWorkflow
from SpiffWorkflow.task import Task
from SpiffWorkflow.util.task import TaskState

from app.db import Json
from app.engine.specs import Definition

#: Written with each state; a release that changes the format adds a migration and a new name here.
SERIALIZER = "portail-1"

_LIVE = TaskState.READY | TaskState.WAITING | TaskState.STARTED
_SCALARS = (str, int, float, bool, type(None))


class StateError(Exception):
    """The stored state cannot be read by this release, or data cannot be stored."""


def require_json(value: Json, where: str) -> None:
    """Raises StateError unless ``value`` is made of JSON scalars, lists and objects with text keys."""
    if isinstance(value, dict):
        for key, each in value.items():
            if not isinstance(key, str):
                raise StateError(f"{where}: key {key!r} is not a text")
            require_json(each, f"{where}.{key}")
    elif isinstance(value, list | tuple):
        for number, each in enumerate(value):
            require_json(each, f"{where}[{number}]")
    elif not isinstance(value, _SCALARS) or value != value or value in (float("inf"), float("-inf")):
        raise StateError(f"{where}: {type(value).__name__} is not JSON")


# --- Writing ---------------------------------------------------------------------------------------------------


def save(workflow: BpmnWorkflow) -> bytes:
    """The state as compressed JSON. Raises StateError when data hold anything but JSON values."""
    scopes = [workflow, *sorted(workflow.subprocesses.values(), key=lambda each: each.depth)]
    kept = set(workflow.subprocesses)
    for scope in scopes:
        for task in scope.tasks.values():
            if "merged" in task.internal_data:
                kept.update(map(UUID, task.internal_data["merged"]))
    everything = [task for scope in scopes for task in scope.tasks.values()]
    ranks = {task.id: rank for rank, task in enumerate(sorted(everything, key=lambda task: task.last_state_change))}
    places: dict[UUID, list[int]] = {}
    written = []
    for number, scope in enumerate(scopes):
        written.append(_scope(scope, number, ranks, kept, places))
    content: dict[str, Json] = {"s": written}
    if visited := getattr(workflow, "forgotten", None):
        content["v"] = sorted(visited)
    try:
        text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise StateError(f"data that are not JSON: {error}") from error
    # a window of 8 kB and little effort: zlib's own defaults take longer to set up their tables than to compress
    squeezed = zlib.compressobj(3, wbits=13, memLevel=6)
    return squeezed.compress(text.encode()) + squeezed.flush()


def _scope(
    scope: Any, number: int, ranks: Mapping[UUID, int], kept: set[UUID], places: dict[UUID, list[int]]
) -> dict[str, Json]:
    tasks: list[list[Json]] = []
    result: dict[str, Json] = {"t": tasks}
    if number:
        result["of"] = places[scope.parent_task_id]
    if scope.completed:
        result["d"] = 1
    if scope.correlations:
        result["c"] = scope.correlations
    waiting = [(scope.task_tree, -1, None)]
    while waiting:
        task, parent_number, parent = waiting.pop()
        places[task.id] = [number, len(tasks)]
        row: list[Json] = [parent_number, task.task_spec.name, task.state, ranks[task.id]]
        if more := _details(task, parent, kept):
            row.append(more)
        for child_id in reversed(task._children):
            waiting.append((scope.tasks[child_id], len(tasks), task))
        tasks.append(row)
    return result


def _details(task: Any, parent: Any, kept: set[UUID]) -> dict[str, Json]:
    more: dict[str, Json] = {}
    if task.state & _LIVE or task.id in kept:
        more["i"] = task.id.hex
    inherited = parent.data if parent is not None else {}
    if task.data or inherited:
        if changed := {k: v for k, v in task.data.items() if k not in inherited or not _same(v, inherited[k])}:
            more["u"] = changed
        if lost := [k for k in inherited if k not in task.data]:
            more["x"] = lost
    if internal := _internal(task):
        more["n"] = internal
    if task.triggered:
        more["g"] = 1
    return more


def _same(a: Json, b: Json) -> bool:
    """Equality that tells 1 from true and from 1.0, as JSON does and Python does not."""
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(_same, a, b))
    return bool(a == b)


def _internal(task: Any) -> dict[str, Json]:
    internal = {key: value for key, value in task.internal_data.items() if key != "seen_events" or value}
    if seen := internal.get("seen_events"):
        definitions = task.task_spec.event_definition.event_definitions
        internal["seen_events"] = [[definitions.index(each.event_definition), each.payload] for each in seen]
    return internal


# --- Reading ---------------------------------------------------------------------------------------------------


def load(state: bytes, serializer: str, definition: Definition) -> BpmnWorkflow:
    """The workflow, ready to run once its script engine is attached. Raises StateError for an unknown format."""
    if serializer != SERIALIZER:
        raise StateError(f"state written by {serializer}, this release reads {SERIALIZER}")
    try:
        content = json.loads(zlib.decompress(state))
        return _restore(content, definition)
    except (zlib.error, ValueError, KeyError, IndexError, TypeError) as error:
        raise StateError(f"damaged state: {error!r}") from error


def _restore(content: dict[str, Json], definition: Definition) -> BpmnWorkflow:
    top = BpmnWorkflow(definition.spec, definition.subprocess_specs, deserializing=True)
    top.forgotten = set(content.get("v", ()))
    scopes: list[tuple[Any, list[Any]]] = []
    for written in content["s"]:
        scope = _open_scope(top, scopes, written) if "of" in written else top
        scopes.append((scope, _tasks(scope, top, written["t"])))
        scope.completed = bool(written.get("d"))
        scope.correlations = written.get("c", {})
    return top


def _open_scope(top: BpmnWorkflow, scopes: list[tuple[Any, list[Any]]], written: dict[str, Json]) -> BpmnSubWorkflow:
    scope_number, task_number = written["of"]
    parent = scopes[scope_number][1][task_number]
    scope = BpmnSubWorkflow(top.subprocess_specs[parent.task_spec.spec], parent.id, top, deserializing=True)
    top.subprocesses[parent.id] = scope
    scope.completed_event.connect(parent.task_spec._on_subworkflow_completed, parent)
    return scope


def _tasks(scope: Any, top: BpmnWorkflow, rows: list[list[Json]]) -> list[Any]:
    specs, events = scope.spec.task_specs, top.event_manager
    tasks: list[Any] = []
    nothing: dict[str, Json] = {}
    for row in rows:
        more = row[4] if len(row) == 5 else nothing
        parent = tasks[row[0]] if row[0] >= 0 else None
        task = Task(scope, specs[row[1]], parent, row[2], UUID(more["i"]) if "i" in more else None)
        task.last_state_change = float(row[3])
        if parent is None:
            scope.task_tree = task
        elif parent.data:
            task.data = copied(parent.data)
        if "u" in more:
            task.data.update(more["u"])
        for name in more.get("x", ()):
            del task.data[name]
        task.triggered = "g" in more
        if "n" in more:
            task.internal_data = more["n"]
            if "seen_events" in task.internal_data:
                task.internal_data["seen_events"] = _seen(task)
        if row[2] == TaskState.WAITING and isinstance(task.task_spec, CatchingEvent):
            events.add_task(task)
        tasks.append(task)
    return tasks


def copied(value: Json) -> Json:
    """Tasks never share what one of them may change in place."""
    if isinstance(value, dict):
        return {key: copied(each) if isinstance(each, dict | list) else each for key, each in value.items()}
    return [copied(each) if isinstance(each, dict | list) else each for each in value]


def _seen(task: Any) -> list[BpmnEvent]:
    definitions = task.task_spec.event_definition.event_definitions
    return [BpmnEvent(definitions[number], payload) for number, payload in task.internal_data["seen_events"]]
