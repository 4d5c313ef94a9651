"""From BPMN XML to SpiffWorkflow specs made of our elements, ready to be shared by every instance of a version."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from SpiffWorkflow.bpmn.parser.BpmnParser import full_tag
from SpiffWorkflow.bpmn.parser.task_parsers import ConditionalGatewayParser
from SpiffWorkflow.bpmn.specs.bpmn_process_spec import BpmnProcessSpec
from SpiffWorkflow.bpmn.specs.defaults import EventBasedGateway
from SpiffWorkflow.bpmn.specs.mixins.multiinstance_task import MultiInstanceTask
from SpiffWorkflow.spiff.parser.event_parsers import SpiffBoundaryEventParser
from SpiffWorkflow.spiff.parser.process import SpiffBpmnParser
from SpiffWorkflow.spiff.parser.task_spec import BusinessRuleTaskParser, ServiceTaskParser, SpiffTaskParser
from SpiffWorkflow.spiff.specs.event_definitions import (
    ErrorEventDefinition,
    EscalationEventDefinition,
    SignalEventDefinition,
)
from SpiffWorkflow.util.task import TaskState
from sqlalchemy.exc import OperationalError

from app.engine.elements import (
    DecisionTask,
    DrawnError,
    DrawnEscalation,
    DrawnSignal,
    Edge,
    OperationTask,
    Parallel,
    Sequential,
    Xor,
)
from app.engine.joins import JOIN_PARSER_CLASSES
from app.engine.timers import Race, clocked
from app.errors import PortalError

FAULT = "fault"
"""Key of a task's internal data: it could not start, and waits for somebody to retry."""


class _DecisionTaskParser(SpiffTaskParser):  # type: ignore[misc]  # same
    get_decision_ref = staticmethod(BusinessRuleTaskParser.get_decision_ref)  # asked by the process parser

    def create_task(self) -> DecisionTask:
        extensions = self.parse_extensions()
        return DecisionTask(
            self.spec,
            self.bpmn_id,
            decision=(self.get_decision_ref(self.node) or "").strip(),
            prescript=extensions.get("preScript"),
            postscript=extensions.get("postScript"),
            **self.bpmn_attributes,
        )


class _Repeating:
    PARALLEL_MI_CLASS = Parallel
    SEQUENTIAL_MI_CLASS = Sequential


class PortalParser(SpiffBpmnParser):  # type: ignore[misc]  # same
    """SpiffWorkflow's parser, making our elements."""

    OVERRIDE_PARSER_CLASSES = {
        tag: (type(parser.__name__, (_Repeating, parser), {}), spec)
        for tag, (parser, spec) in {
            **SpiffBpmnParser.OVERRIDE_PARSER_CLASSES,
            full_tag("serviceTask"): (ServiceTaskParser, OperationTask),
            full_tag("businessRuleTask"): (_DecisionTaskParser, DecisionTask),
            full_tag("boundaryEvent"): (SpiffBoundaryEventParser, Edge),
            full_tag("exclusiveGateway"): (ConditionalGatewayParser, Xor),
            **JOIN_PARSER_CLASSES,
        }.items()
    }


def prepare(spec: BpmnProcessSpec) -> None:
    """Makes a parsed scope ready to be shared: our event definitions, connections made once, guarded updates."""
    for task_spec in spec.task_specs.values():
        if (definition := getattr(task_spec, "event_definition", None)) is not None:
            task_spec.event_definition = _ours(task_spec, definition)
        if isinstance(task_spec, MultiInstanceTask):
            # SpiffWorkflow connects this when an instance starts: too late for one that another process reloads
            spec.task_specs[task_spec.task_spec].completed_event.connect(task_spec.merge_child)
        task_spec._update = guarded(task_spec._update)


def _ours(task_spec: Any, definition: Any) -> Any:
    if isinstance(task_spec, EventBasedGateway):
        names = [output.name for output in task_spec.outputs]
        return Race(
            [_ours_alone(each, name) for each, name in zip(definition.event_definitions, names, strict=True)],
        )
    return _ours_alone(definition, task_spec.name)


def _ours_alone(definition: Any, name: str) -> Any:
    if isinstance(definition, SignalEventDefinition):
        return DrawnSignal(definition.name, expression=definition.expression, variable=definition.variable)
    for theirs, ours in ((ErrorEventDefinition, DrawnError), (EscalationEventDefinition, DrawnEscalation)):
        if isinstance(definition, theirs):
            return ours(
                definition.name, code=definition.code, expression=definition.expression, variable=definition.variable
            )
    return clocked(definition, name)


def guarded(update: Callable[[Any], None]) -> Callable[[Any], None]:
    """An update that cannot break the step of whoever came before: an element that fails to start waits, marked.

    What it had begun (children, data) is dropped; ``retry`` starts it again. Its failure is told to the script engine.
    """

    def guard(my_task: Any) -> None:
        if FAULT in my_task.internal_data:
            return
        try:
            update(my_task)
        except (PortalError, OperationalError):
            raise
        except Exception as error:
            my_task._drop_children(force=True)
            my_task.internal_data = {FAULT: True}
            my_task.data = {}
            my_task._set_state(TaskState.WAITING)
            my_task.workflow.top_workflow.script_engine.note_failure(my_task, error)

    return guard


def start_again(my_task: Any) -> None:
    """Starts again a task that could not; it is marked anew when it still cannot."""
    foresee_again(my_task)
    my_task.task_spec._update(my_task)


def foresee_again(my_task: Any) -> None:
    """Takes a task that could not start back to before, with what follows it: its failure had dropped that."""
    del my_task.internal_data[FAULT]
    my_task._set_state(TaskState.FUTURE)
    my_task.task_spec._predict(my_task, mask=TaskState.PREDICTED_MASK | TaskState.FUTURE)
