"""The drawn elements as the portal runs them: SpiffWorkflow's, corrected where 3.2 drops, mixes up or leaks something.

Specs are shared by all the instances of a version, on all threads: nothing here is written to after parsing.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from SpiffWorkflow.bpmn import BpmnEvent
from SpiffWorkflow.bpmn.specs.control import BoundaryEventSplit
from SpiffWorkflow.bpmn.specs.defaults import BoundaryEvent, ExclusiveGateway
from SpiffWorkflow.bpmn.specs.mixins.multiinstance_task import MultiInstanceTask
from SpiffWorkflow.exceptions import WorkflowException
from SpiffWorkflow.specs.base import TaskSpec
from SpiffWorkflow.spiff.specs.defaults import ParallelMultiInstanceTask, SequentialMultiInstanceTask, ServiceTask
from SpiffWorkflow.spiff.specs.event_definitions import (
    ErrorEventDefinition,
    EscalationEventDefinition,
    SignalEventDefinition,
)
from SpiffWorkflow.spiff.specs.spiff_task import SpiffBpmnTask
from SpiffWorkflow.util.deep_merge import DeepMerge
from SpiffWorkflow.util.task import TaskState

MAX_INSTANCES = 500
"""Repetitions of one activity: more is a mistake in the data, not a démarche."""


class NodeError(Exception):
    """An element cannot run; ``message`` is what an administrator reads, in French."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def bpmn_id(task: Any) -> str:
    """The id of the drawn element that a task runs, or the name of what SpiffWorkflow adds between them."""
    return getattr(task.task_spec, "bpmn_id", None) or str(task.task_spec.name)


# --- Tasks and gateways ----------------------------------------------------------------------------------------


class OperationTask(ServiceTask):  # type: ignore[misc]  # SpiffWorkflow ships no annotations
    """A service task that calls our registry; asynchronous ones stay STARTED until their result comes."""

    def _execute(self, task: Any) -> bool | None:
        finished: bool | None = task.workflow.script_engine.call_operation(task, self)
        return finished


class DecisionTask(SpiffBpmnTask):  # type: ignore[misc]  # same
    """A business-rule task evaluated by our decision tables, never by SpiffWorkflow's (which use ``eval``)."""

    def __init__(self, wf_spec: Any, name: str, decision: str, **kwargs: Any) -> None:
        super().__init__(wf_spec, name, **kwargs)
        self.decision = decision

    def _run_hook(self, my_task: Any) -> bool:
        my_task.workflow.script_engine.decide(my_task, self.decision)
        return True


class Xor(ExclusiveGateway):  # type: ignore[misc]  # same
    """An exclusive gateway."""

    def _run_hook(self, my_task: Any) -> bool:
        try:
            return bool(super()._run_hook(my_task))
        except WorkflowException as error:
            raise NodeError(
                "aucune des conditions n’est vraie et il n’y a pas de flux par défaut. "
                "Ajoutez un flux par défaut, ou complétez les conditions."
            ) from error


# --- Events ----------------------------------------------------------------------------------------------------


class DrawnSignal(SignalEventDefinition):  # type: ignore[misc]  # same
    """A signal reaches what waits for it in this instance at once, and every other instance through a fact."""

    def throw(self, my_task: Any) -> None:
        payload = None if self.expression is None else my_task.workflow.script_engine.evaluate(my_task, self.expression)
        top = my_task.workflow.top_workflow
        event = BpmnEvent(self, payload=payload)
        top.event_manager.catch(event, internal=False)
        top.bpmn_events.append(event)


class _Coded:
    """Errors and escalations climb from where they are thrown; SpiffWorkflow gives them to whoever waits anywhere."""

    def throw(self: Any, my_task: Any) -> None:
        payload = None if self.expression is None else my_task.workflow.script_engine.evaluate(my_task, self.expression)
        caught = climb(my_task, BpmnEvent(self, payload=payload))
        if not caught and isinstance(self, ErrorEventDefinition):
            raise NodeError(f"rien ne traite l’erreur « {self.code or self.name} ». Ajoutez un événement d’erreur")


class DrawnError(_Coded, ErrorEventDefinition):  # type: ignore[misc]  # same
    """An error that the diagram throws, or that an operation raises."""


class DrawnEscalation(_Coded, EscalationEventDefinition):  # type: ignore[misc]  # same
    """An escalation; without anybody to catch it, it changes nothing."""


def climb(thrower: Any, event: BpmnEvent) -> bool:
    """Gives an error or escalation to the nearest boundary event that catches it: on the thrower's own edge, then on
    that of each activity around it. ``False`` when none does."""
    task = thrower
    while True:
        catching = [each for each in _edge(task) if each.task_spec.event_definition.catches(each, event)]
        if catching:
            # an event that names its code comes before one that catches any
            catcher = min(catching, key=lambda each: each.task_spec.event_definition.code is None)
            catcher.task_spec.catch(catcher, event)
            catcher.task_spec._update(catcher)
            return True
        parent_id = task.workflow.parent_task_id
        if parent_id is None:
            return False
        task = task.workflow.parent_workflow.tasks[parent_id]


def _edge(task: Any) -> list[Any]:
    """The waiting boundary events of an activity (of the whole repetition, for one of its instances)."""
    above = task.parent
    if above is not None and isinstance(above.task_spec, MultiInstanceTask):
        above = above.parent
    if above is None or not isinstance(above.task_spec, BoundaryEventSplit):
        return []
    return [each for each in above.children if isinstance(each.task_spec, Edge) and each.state == TaskState.WAITING]


class Edge(BoundaryEvent):  # type: ignore[misc]  # same
    """A boundary event. One that does not interrupt goes on waiting: a twin of its task carries each token away."""

    def catch(self, my_task: Any, event: BpmnEvent) -> None:
        if self.cancel_activity:
            super().catch(my_task, event)
        else:
            self.fire_again(my_task, event)

    def fire_again(self, my_task: Any, event: BpmnEvent | None = None) -> None:
        twin = my_task.parent._add_child(self, TaskState.WAITING)
        twin.triggered = True
        twin.data = deepcopy(my_task.data)
        # possible, not certain: each of them then draws what follows it when its turn comes, as a race must
        twin._sync_children(self.outputs, TaskState.MAYBE)
        if event is None:
            twin._set_internal_data(event_fired=True)
        else:
            self.event_definition.catch(twin, event)
        self._update(twin)

    def _predict_hook(self, my_task: Any) -> None:
        TaskSpec._predict_hook(self, my_task)  # SpiffWorkflow draws no way out of a cycle; our twins need one


# --- Repetitions -----------------------------------------------------------------------------------------------


class _Repeated:
    """Several instances of an activity, over a list or a number. Their results are kept in the order of the list,
    whatever the order in which they end; the item's variable stays inside."""

    data_input: Any
    data_output: Any
    input_item: Any
    output_item: Any
    cardinality: Any

    def items(self, my_task: Any) -> list[Any]:
        if self.data_input is not None:
            name = self.data_input.bpmn_id
            if not isinstance(found := my_task.data.get(name), list):
                raise NodeError(f"« {name} » n’est pas une liste : la répétition ne sait pas sur quoi porter")
        else:
            number = my_task.workflow.script_engine.evaluate(my_task, self.cardinality.strip())
            if isinstance(number, bool) or not isinstance(number, int) or number < 0:
                raise NodeError(f"le nombre de répétitions ({number!r}) n’est pas un entier positif")
            found = list(range(min(number, MAX_INSTANCES + 1)))
        if len(found) > MAX_INSTANCES:
            raise NodeError(f"il y aurait plus de {MAX_INSTANCES} répétitions")
        for item in (self.input_item, self.output_item):
            if item is not None and item.bpmn_id in my_task.data:
                raise NodeError(f"la variable « {item.bpmn_id} » existe déjà : donnez un autre nom à l’élément répété")
        return found

    def begin(self, my_task: Any) -> None:
        my_task.internal_data["merged"] = []
        if self.data_output is not None:
            my_task.internal_data["outputs"] = {}
            my_task.data[self.data_output.bpmn_id] = []

    def collect(self, my_task: Any, child: Any) -> None:
        """Merges what an instance leaves."""
        my_task.internal_data["merged"].append(str(child.id))
        if self.data_output is None or self.output_item is None:
            kept = dict(child.data)
            if self.input_item is not None:
                kept.pop(self.input_item.bpmn_id, None)
            DeepMerge.merge(my_task.data, kept)
            return
        name = self.output_item.bpmn_id
        if name not in child.data:
            raise NodeError(f"la variable « {name} » n’a pas été renseignée")
        outputs = my_task.internal_data["outputs"]
        outputs[str(child.internal_data["key_or_index"])] = deepcopy(child.data[name])
        my_task.data[self.data_output.bpmn_id] = [outputs[key] for key in sorted(outputs, key=int)]


class Parallel(_Repeated, ParallelMultiInstanceTask):  # type: ignore[misc]  # same
    """Every instance at once."""

    def create_children(self, my_task: Any) -> None:
        items = self.items(my_task)
        self.begin(my_task)
        my_task._set_state(TaskState.STARTED)  # behind a boundary event it was only possible, and could have no child
        for index, item in enumerate(items):
            self.create_child(my_task, item, index)

    def merge_child(self, workflow: Any, child: Any) -> None:
        my_task = child.parent
        self.collect(my_task, child)
        if self.children_complete(my_task):
            my_task._set_state(TaskState.READY)
        elif self.check_completion_condition(my_task):
            for each in list(self._instances(my_task)):
                each.cancel()
            my_task._set_state(TaskState.READY)


class Sequential(_Repeated, SequentialMultiInstanceTask):  # type: ignore[misc]  # same
    """One instance after the other, over the list as it was at the beginning."""

    def _update_hook(self, my_task: Any) -> bool | None:
        SpiffBpmnTask._update_hook(self, my_task)
        items = self.items(my_task)
        self.begin(my_task)
        my_task.internal_data["items"] = deepcopy(items)
        if not items:
            return True
        my_task._set_state(TaskState.STARTED)
        self.create_child(my_task, items[0], 0)
        return None

    def merge_child(self, workflow: Any, child: Any) -> None:
        my_task = child.parent
        self.collect(my_task, child)
        items, following = my_task.internal_data["items"], len(my_task.internal_data["merged"])
        if following == len(items) or self.check_completion_condition(my_task):
            my_task._set_state(TaskState.READY)
        else:
            self.create_child(my_task, items[following], following)
