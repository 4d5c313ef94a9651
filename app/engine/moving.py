"""Putting a case at another step: of its own version (an administrator mends it), or of a newer one (migration).

A case is put somewhere by starting a fresh tree there, with the data it has: what the tree forgets is remembered by id
for the diagram. That is right only for a case that is in one place, and for a node that one token may reach alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from typing import Any
from uuid import uuid4

from SpiffWorkflow.bpmn import BpmnWorkflow
from SpiffWorkflow.bpmn.specs.defaults import InclusiveGateway, ParallelGateway
from SpiffWorkflow.bpmn.specs.mixins.multiinstance_task import MultiInstanceTask
from SpiffWorkflow.bpmn.specs.mixins.subworkflow_task import SubWorkflowTask
from SpiffWorkflow.util.task import TaskState

from app.db import Json
from app.engine.elements import Edge, OperationTask, bpmn_id
from app.engine.graph import ACTIVITIES
from app.engine.specs import Definition
from app.engine.steps import ScriptEngine, all_tasks, faulty_tasks
from app.errors import Conflict

ENTERED = (*ACTIVITIES, "exclusiveGateway", "eventBasedGateway", "intermediateCatchEvent", "endEvent")
"""Kinds of nodes where a case may be put."""
_ALIVE = TaskState.READY | TaskState.WAITING | TaskState.STARTED
_SPLIT = ".BoundaryEventSplit"


class CannotMove(Conflict):
    """The case cannot be taken from where it is, or put there; the message says why, in French."""


# -- where a case is -------------------------------------------------------------------------------------------------


def place_of(workflow: BpmnWorkflow, definition: Definition) -> Any:
    """The task of the one place where a case is, in its outermost scope. Raises CannotMove when it is in several."""
    alive = [
        task
        for task in workflow.tasks.values()
        if task.state & _ALIVE and not isinstance(task.task_spec, Edge) and bpmn_id(task) in definition.nodes
    ]
    held = {task.id for task in alive}
    places = [task for task in alive if not any(above.id in held for above in _above(task))]
    if len(places) > 1:
        raise CannotMove("plusieurs étapes de cette demande sont en cours en parallèle")
    if not places or _twins(workflow):
        raise CannotMove("cette demande attend un événement que l’on ne peut pas déplacer")
    return places[0]


def _above(task: Any) -> Iterable[Any]:
    while (task := task.parent) is not None:
        yield task


def _twins(workflow: BpmnWorkflow) -> bool:
    """Whether an event that interrupts nothing has begun something that is not finished."""
    return any(task.state == TaskState.READY and isinstance(task.task_spec, Edge) for task in workflow.tasks.values())


def data_at(place: Any) -> dict[str, Json]:
    """What the case knew when it came to this place."""
    return dict(deepcopy(next(task.data for task in _above(place) if task.state == TaskState.COMPLETED)))


def why_held(workflow: BpmnWorkflow, definition: Definition) -> str:
    """Why a case must be left where it is until somebody mends it or something comes; empty when it may be taken."""
    if faulty_tasks(workflow):
        return "un incident est ouvert : relancez la demande ou déplacez-la d’abord"
    try:
        place = place_of(workflow, definition)
    except CannotMove as refusal:
        return refusal.message
    if isinstance(place.task_spec, MultiInstanceTask):
        return "elle est dans une étape répétée"
    if isinstance(place.task_spec, SubWorkflowTask):
        return "elle est à l’intérieur d’un sous-processus ou d’une autre démarche"
    if place.state == TaskState.STARTED and isinstance(place.task_spec, OperationTask):
        return "elle attend le résultat d’une opération du portail"
    return ""


# -- where it may be put ---------------------------------------------------------------------------------------------


def why_closed(definition: Definition, node: str) -> str:
    """Why no case may be put at this node; empty when one may."""
    drawn, specs = definition.nodes.get(node), definition.spec.task_specs
    if drawn is None or drawn.kind not in ENTERED:
        return "on ne peut pas reprendre à cet endroit du diagramme"
    if node not in specs:
        return "cette étape est à l’intérieur d’un sous-processus, d’une répétition ou d’une autre démarche"
    entry = _entry(definition, node).name
    forks = [name for name, each in specs.items() if _gateway(each) and len(each.outputs) > 1]
    if entry in _reached(definition, forks, lambda each: _gateway(each) and len(each.inputs) > 1):
        return "cette étape est sur l’un de plusieurs chemins parallèles : les autres ne seraient pas faits"
    if entry not in _reached(definition, ["Start"], _beside):
        return "cette étape ne s’atteint que par un événement qui n’interrompt rien"
    return ""


def _gateway(spec: Any) -> bool:
    return isinstance(spec, ParallelGateway | InclusiveGateway)


def _beside(spec: Any) -> bool:
    return isinstance(spec, Edge) and not spec.cancel_activity


def _reached(definition: Definition, sources: Iterable[str], stops: Callable[[Any], bool]) -> set[str]:
    """The specs after ``sources``, as far as those that stop the search."""
    specs = definition.spec.task_specs
    found: set[str] = set()
    waiting = [output.name for name in sources for output in specs[name].outputs]
    while waiting:
        name = waiting.pop()
        if name not in found and not stops(specs[name]):
            found.add(name)
            waiting.extend(output.name for output in specs[name].outputs)
    return found


def _entry(definition: Definition, node: str) -> Any:
    """What is begun to begin a node: SpiffWorkflow draws a split before an activity with events on its edge."""
    specs = definition.spec.task_specs
    return specs.get(f"{node}{_SPLIT}") or specs[node]


# -- putting it there ------------------------------------------------------------------------------------------------


def visited(workflow: BpmnWorkflow) -> set[str]:
    """The nodes completed so far."""
    done = {bpmn_id(task) for task in all_tasks(workflow, TaskState.COMPLETED)}
    return done | set(getattr(workflow, "forgotten", ()))


def put(
    definition: Definition, engine: ScriptEngine, node: str, data: Mapping[str, Json], done: Iterable[str]
) -> BpmnWorkflow:
    """A case of this version that begins at ``node``. Raises CannotMove when the node cannot be entered."""
    if why := why_closed(definition, node):
        raise CannotMove(why)
    workflow = BpmnWorkflow(definition.spec, definition.subprocess_specs)
    workflow.script_engine = engine
    workflow.forgotten = set(done)
    root = workflow.task_tree
    root._drop_children(force=True)
    root.data = dict(data)
    root._set_state(TaskState.COMPLETED)
    begun = root._add_child(_entry(definition, node), TaskState.FUTURE)
    begun.task_spec._predict(begun, mask=TaskState.PREDICTED_MASK | TaskState.FUTURE)
    begun.task_spec._update(begun)
    return workflow


def moved(workflow: BpmnWorkflow, definition: Definition, engine: ScriptEngine, node: str) -> BpmnWorkflow:
    """The same case at another node of its version: what was under way is given up, with what it had gathered."""
    place = place_of(workflow, definition)
    return put(definition, engine, node, data_at(place), visited(workflow))


def keep_identities(before: BpmnWorkflow, now: BpmnWorkflow) -> None:
    """Gives what waits at the same node its id, so that the addresses people hold go on, and its timers their due."""
    old = {bpmn_id(task): task for task in before.tasks.values() if task.state & _ALIVE}
    for task in [task for task in now.tasks.values() if task.state & _ALIVE]:
        same = old.get(bpmn_id(task))
        if same is None or same.state != task.state or _kind(same) != _kind(task):
            continue
        task.internal_data = deepcopy(same.internal_data)
        _rename(now, task, same.id)


def new_identities(before: BpmnWorkflow, now: BpmnWorkflow) -> None:
    """Gives a new id to what waits in ``now`` and did not wait just before: the rows of its old id are closed."""
    for task in [task for task in now.tasks.values() if task.state & _ALIVE]:
        if task.id not in before.tasks:
            _rename(now, task, uuid4())


def _kind(task: Any) -> tuple[type, type]:
    """What a task is, and what it waits for: a timer keeps nothing of the message that stood in its place."""
    return type(task.task_spec), type(getattr(task.task_spec, "event_definition", None))


def _rename(workflow: BpmnWorkflow, task: Any, new_id: Any) -> None:
    waits = task.id in workflow.event_manager.tasks
    if waits:
        workflow.event_manager.remove_task(task)
    siblings = task.parent._children
    siblings[siblings.index(task.id)] = new_id
    for child in task.children:
        child._parent = new_id
    del workflow.tasks[task.id]
    task.id = new_id
    workflow.tasks[new_id] = task
    if waits:
        workflow.event_manager.add_task(task)
