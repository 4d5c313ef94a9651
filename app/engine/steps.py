"""One step of one instance, in memory: run what can run, call operations, stop at people, timers and messages."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from SpiffWorkflow.bpmn import BpmnEvent, BpmnWorkflow
from SpiffWorkflow.bpmn.specs.defaults import ExclusiveGateway, InclusiveGateway
from SpiffWorkflow.bpmn.specs.mixins.multiinstance_task import MultiInstanceTask
from SpiffWorkflow.exceptions import SpiffWorkflowException
from SpiffWorkflow.spiff.specs.event_definitions import MessageEventDefinition, SignalEventDefinition
from SpiffWorkflow.util.task import TaskState
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app import clock
from app.db import Json
from app.engine.elements import DrawnError, Edge, NodeError, OperationTask, bpmn_id, climb
from app.engine.expressions import compile_expression, compile_script
from app.engine.history import holder, shorten
from app.engine.operations import BusinessError, Call, CaseFacts, Registry
from app.engine.parser import FAULT, foresee_again, start_again
from app.engine.specs import PARAMETER_PREFIX, Definition
from app.engine.state import require_json
from app.engine.timers import due_of, is_timed
from app.errors import Conflict, PortalError, Refused
from app.outbox import emit
from app.policy import Actor

MAX_RUNS = 2000
"""Nodes run by one step, and ..."""
MAX_DEPTH = 500
"""... nodes passed one after the other: a diagram that loops without ever meeting a person stops here, as an incident.
SpiffWorkflow loses sight of what is deeper than 1 000."""


_ALIVE = TaskState.READY | TaskState.WAITING | TaskState.STARTED


class CannotSkip(Conflict):
    """Nothing can be taken as done; the message says what to do, in French."""


class EngineFault(Exception):
    """A node failed half-way: the whole step must be undone, then ``Runtime.record_fault`` called in a new transaction.

    ``node`` is the BPMN id. ``facts`` and ``task_id`` (the person's task, if any) say whose step it was.
    """

    def __init__(self, node: str, cause: str) -> None:
        super().__init__(f"{node}: {cause}")
        self.node = node
        self.cause = cause
        self.facts: CaseFacts | None = None
        self.task_id: uuid.UUID | None = None


@dataclass(frozen=True)
class Failure:
    """A node that could not run or start; it waits for a retry and the rest of the case is intact."""

    task_id: uuid.UUID
    node: str
    cause: str


@dataclass
class Step:
    """What happened while the engine ran."""

    failures: list[Failure] = field(default_factory=list)
    final_status: str | None = None
    visited: list[str] = field(default_factory=list)
    thrown: list[tuple[str, str, Json]] = field(default_factory=list)


class _Environment:
    """What SpiffWorkflow asks of ``script_engine.environment``: the safe evaluator, never ``eval``."""

    def evaluate(self, expression: str, context: Mapping[str, Json], external_context: Any = None) -> Json:
        return compile_expression(expression).evaluate(context, now=clock.now())


class ScriptEngine:
    """SpiffWorkflow's hook for everything that is written in a diagram, for one step of one instance."""

    environment = _Environment()

    def __init__(self, definition: Definition, registry: Registry, session: Session, actor: Actor, facts: CaseFacts):
        self.definition = definition
        self.registry = registry
        self.session = session
        self.actor = actor
        self.facts = facts
        self.failures: list[Failure] = []

    def note_failure(self, task: Any, error: Exception) -> None:
        """Keeps why a node could not run or start."""
        self.failures.append(Failure(task.id, bpmn_id(task), _cause(error)))

    def evaluate(self, task: Any, expression: Any, external_context: Any = None) -> Json:
        if not isinstance(expression, str):
            return expression
        return compile_expression(expression).evaluate(task.data, now=clock.now())

    def execute(self, task: Any, script: str, external_context: Any = None) -> bool:
        task.data.update(compile_script(script or "").execute(task.data, now=clock.now()))
        return True

    def decide(self, task: Any, decision_id: str) -> None:
        """A decision's outputs become variables; a COLLECT list is stored under the decision's id."""
        decision = self.definition.decisions[decision_id]
        result = decision.evaluate(task.data, now=clock.now())
        task.data.update(result if isinstance(result, dict) else {decision.id.replace("-", "_"): result})

    def parameters(self, task: Any, spec: OperationTask) -> dict[str, Json]:
        """The parameters of a service task, evaluated over its data."""
        return {
            name.removeprefix(PARAMETER_PREFIX): self.evaluate(task, given["value"])
            for name, given in spec.operation_params.items()
        }

    def call_operation(self, task: Any, spec: OperationTask) -> bool | None:
        """Runs the operation, in a savepoint if it writes, or asks a worker to (the task stays STARTED: ``None``)."""
        operation = self.registry[spec.operation_name]
        params = operation.bind(self.parameters(task, spec))
        if operation.asynchronous:
            self.ask(task)
            return None
        try:
            with nullcontext() if operation.reads else self._undone_when_failing():
                result = operation.run(Call(self.session, self.actor, self.facts, task.id), params)
                if result is not None:
                    require_json(dict(result), spec.operation_name)
                if not operation.reads:
                    self.session.flush()
        except BusinessError as error:
            self.raise_error(task, error)
            return None
        except Refused as refusal:
            raise _on_the_form(refusal, spec) from refusal
        store_result(task, result)
        return True

    def ask(self, task: Any) -> None:
        """Asks a worker to run the operation of an asynchronous task."""
        emit(self.session, "engine.operation_asked", case_id=str(self.facts.id), task_id=str(task.id))

    @contextmanager
    def _undone_when_failing(self) -> Iterator[None]:
        """A savepoint, which also takes back the facts and journal entries that wait for the commit."""
        waiting = {key: len(self.session.info.get(key, ())) for key in ("outbox", "journal")}
        try:
            with self.session.begin_nested():
                yield
        except BaseException:
            for key, length in waiting.items():
                del self.session.info.get(key, [])[length:]
            raise

    def raise_error(self, task: Any, error: BusinessError) -> None:
        """Raises the BPMN error where the diagram catches it. NodeError when nothing does."""
        event = BpmnEvent(DrawnError(error.code, code=error.code), payload={"message": error.message})
        if not climb(task, event):
            raise NodeError(f"l’erreur « {error.code} » n’est traitée nulle part : {error.message}")


def _on_the_form(refusal: Refused, spec: OperationTask) -> Refused:
    """The refusal, naming the variable that gave the parameter at fault: the field that the person filled."""
    given = spec.operation_params.get(f"{PARAMETER_PREFIX}{refusal.field}", {}).get("value", "")
    variable = str(given).strip()
    return Refused(refusal.message, variable) if variable.isidentifier() else refusal


def store_result(task: Any, result: Mapping[str, Json] | None) -> None:
    """Puts an operation's result under the task's result variable. Raises StateError for what JSON cannot hold."""
    if result is not None:
        require_json(dict(result), task.task_spec.operation_name)
        task.data[task.task_spec.result_variable] = dict(result)


def all_tasks(workflow: BpmnWorkflow, state: int) -> Iterator[Any]:
    """The tasks in ``state`` of the process and of its sub-processes."""
    for each in (workflow, *workflow.subprocesses.values()):
        for task in each.tasks.values():
            if task.state & state:
                yield task


def is_faulty(task: Any) -> bool:
    """Whether a failure stopped a task that is alive: not started (FAULT), or found READY though nobody is expected."""
    return FAULT in task.internal_data or (task.state == TaskState.READY and not task.task_spec.manual)


def faulty_tasks(workflow: BpmnWorkflow) -> list[Any]:
    """The tasks that a failure stopped."""
    return [task for task in all_tasks(workflow, _ALIVE) if is_faulty(task)]


def complete(task: Any) -> None:
    """Completes a task that has done its work. Raises EngineFault when what it leaves cannot be taken up."""
    try:
        task.complete()
    except (PortalError, OperationalError):
        raise
    except Exception as error:
        raise EngineFault(bpmn_id(task), _cause(error)) from error


def run(workflow: BpmnWorkflow, definition: Definition, skip: frozenset[uuid.UUID] = frozenset()) -> Step:
    """Runs everything that needs nobody, deepest sub-process first, until only people and events are left.

    A node that fails is noted in ``failures`` and waits for a retry; the others go on. Tasks of ``skip`` (open
    incidents) are left alone. Raises EngineFault when a node failed half-way, and lets business refusals (PortalError)
    through when somebody is there to read them: both undo the whole step.
    """
    engine: ScriptEngine = workflow.script_engine
    step, stopped, runs = Step(engine.failures), set(skip), 0
    _settle(workflow)
    while (task := _next_task(workflow, stopped)) is not None:
        runs += 1
        if runs > MAX_RUNS or (runs % 50 == 0 and task.depth > MAX_DEPTH):
            engine.note_failure(task, NodeError("le processus tourne en rond sans jamais attendre personne"))
            break
        if _run_one(task, engine):
            _note(task, definition, step)
            _settle(workflow)
        else:
            stopped.add(task.id)
    if not workflow.completed and not any(all_tasks(workflow, _ALIVE)):
        raise EngineFault(step.visited[-1] if step.visited else "", "plus rien n’attend, et aucune fin n’est atteinte")
    step.thrown.extend(_thrown(workflow))
    shorten(workflow)
    return step


def _next_task(workflow: BpmnWorkflow, stopped: set[uuid.UUID]) -> Any:
    """Events on an edge first: what they interrupt must not go on; then the deepest sub-process."""
    ready = (t for t in all_tasks(workflow, TaskState.READY) if not t.task_spec.manual and t.id not in stopped)
    return max(ready, key=lambda t: (isinstance(t.task_spec, Edge), t.workflow.depth), default=None)


def _run_one(task: Any, engine: ScriptEngine) -> bool:
    """Runs one READY task; ``False`` when it failed, unchanged."""
    try:
        result = task.task_spec._run(task)
    except OperationalError:
        raise  # a database that went away: not this node's fault
    except Exception as error:
        if isinstance(error, PortalError) and engine.actor.kind != "system":
            raise  # a refusal for the person, whose whole step is undone
        task._set_state(TaskState.READY)  # SpiffWorkflow has put it in ERROR
        engine.note_failure(task, error)
        return False
    if result is None:
        task._set_state(TaskState.STARTED)
    else:
        complete(task)
    return True


def _cause(error: Exception) -> str:
    """What an administrator is shown: the message, without the frames or the data that were being handled."""
    inner = error.__cause__ if isinstance(error, SpiffWorkflowException) and error.__cause__ else error
    text = getattr(inner, "message", None) or str(inner) or type(inner).__name__
    return str(text)[:500]


def _note(task: Any, definition: Definition, step: Step) -> None:
    node = definition.nodes.get(bpmn_id(task))
    if node is None or task.state != TaskState.COMPLETED:
        return
    step.visited.append(node.id)
    if node.kind == "endEvent" and node.status is not None:
        step.final_status = node.status


def _thrown(workflow: BpmnWorkflow) -> Iterator[tuple[str, str, Json]]:
    """The messages nobody here waited for, and every signal: what other instances may be waiting for."""
    for event in workflow.get_events():
        for kind in (MessageEventDefinition, SignalEventDefinition):
            if isinstance(event.event_definition, kind):
                yield kind.__name__, event.event_definition.name, event.payload


def _settle(workflow: BpmnWorkflow) -> None:
    """Fires the timers whose instant has come, and forgets what was cancelled with the activity that held it.

    (A repetition that is cancelled drops its instances without telling their sub-processes or the events they await.)
    """
    now = clock.now()
    for task in list(workflow.event_manager.tasks.values()):
        if task.workflow.tasks.get(task.id) is not task or task.state != TaskState.WAITING:
            workflow.event_manager.remove_task(task)
        elif is_timed(task.task_spec) and (due := due_of(task)) is not None and due <= now:
            task.task_spec._update(task)
    for parent_id, scope in list(workflow.subprocesses.items()):
        if not scope.completed and _is_orphan(workflow, parent_id):
            scope.cancel()
            del workflow.subprocesses[parent_id]


def _is_orphan(workflow: BpmnWorkflow, parent_id: uuid.UUID) -> bool:
    parent = holder(workflow, parent_id)
    return parent is None or parent.state == TaskState.CANCELLED


def try_again(workflow: BpmnWorkflow) -> None:
    """Starts again what could not start, and asks again for the operations that were given up."""
    for task in faulty_tasks(workflow):
        if FAULT not in task.internal_data:
            continue
        if task.state == TaskState.STARTED:
            del task.internal_data[FAULT]
            workflow.script_engine.ask(task)
        else:
            start_again(task)


def pass_over(workflow: BpmnWorkflow) -> list[str]:
    """Takes what a failure stops as done, without doing it; gives the nodes. Raises CannotSkip.

    An event that cannot be waited for will not come. What a step would have filled in is missing afterwards.
    """
    passed = []
    for task in faulty_tasks(workflow):
        if task.workflow.tasks.get(task.id) is not task or not task.state & _ALIVE:
            continue  # gone with another that was passed
        spec = task.task_spec
        chooses = isinstance(spec, ExclusiveGateway | InclusiveGateway)
        if chooses or (isinstance(spec, Edge) and task.state == TaskState.READY):
            raise CannotSkip("ce qui est arrêté doit choisir un chemin : envoyez plutôt la demande à une étape")
        passed.append(bpmn_id(task))
        if isinstance(spec, Edge):
            task.cancel()
            continue
        if FAULT in task.internal_data and task.state != TaskState.STARTED:
            foresee_again(task)
            task._inherit_data()
        if isinstance(spec, MultiInstanceTask) and spec.data_output is not None:
            task.data.setdefault(spec.data_output.bpmn_id, [])
        task.internal_data.pop(FAULT, None)
        workflow.event_manager.remove_task(task)
        complete(task)
    if not passed:
        raise CannotSkip("rien n’y est arrêté : envoyez plutôt la demande à une étape")
    return passed
