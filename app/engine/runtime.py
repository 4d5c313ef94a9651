"""Advancing a case: lock → re-read → READY → run → synchronise → journal → outbox (design.md, invariant 3).

The caller locks the instance's row (``with_for_update``) and says who acts; ``Runtime`` refuses what is not READY,
runs SpiffWorkflow, writes the state and the projection, and reports an ``Outcome``. Whether the task is *his* is the
caller's question to policy, asked before.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

from SpiffWorkflow.bpmn import BpmnEvent, BpmnWorkflow
from SpiffWorkflow.spiff.specs.event_definitions import MessageEventDefinition
from SpiffWorkflow.util.task import TaskState
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.db import Json, PortalSession
from app.engine import state
from app.engine.elements import DrawnSignal, NodeError, bpmn_id
from app.engine.incidents import open_incidents, resolve_incidents
from app.engine.instances import add_instance, store
from app.engine.models import Instance
from app.engine.moving import moved
from app.engine.operations import BusinessError, CaseFacts, Registry
from app.engine.parser import FAULT
from app.engine.projection import Picture, carry_over, picture, synchronise, task_row
from app.engine.rehearsal import NotRehearsed, ReadingOnly, give_ids
from app.engine.specs import Definition, Loader, Node, SpecCache
from app.engine.steps import (
    EngineFault,
    Failure,
    ScriptEngine,
    Step,
    all_tasks,
    complete,
    pass_over,
    run,
    store_result,
    try_again,
)
from app.engine.waiting import NotWaiting as NotWaiting
from app.engine.waiting import ready_human_task, started_task
from app.outbox import emit
from app.policy import SYSTEM, Actor


@dataclass(frozen=True)
class Outcome:
    """What one step changed. ``status`` is the status after it; ``visited`` the BPMN nodes it completed; ``rows`` those
    of the tasks it opened, in the order of ``opened``. ``instance`` is given by the first step, which made it."""

    status: str | None
    ended: bool
    opened: Mapping[uuid.UUID, Node]
    visited: tuple[str, ...]
    failures: tuple[Failure, ...]
    rows: Sequence[Mapping[str, Json]] = ()
    instance: Instance | None = None


Run = Callable[[BpmnWorkflow, ScriptEngine], None]
EMPTY = Picture({}, {}, {}, None)


class Runtime:
    """The engine over a database: definitions come from ``loader``, operations from ``registry``.

    Each step takes the instance's row, which the caller has locked, and leaves it as the database then has it.
    Every step may raise StateError (data that are not JSON, a state of another release) and EngineFault (a node failed
    half-way): the transaction must then be rolled back.
    """

    def __init__(self, registry: Registry, loader: Callable[[Session], Loader]) -> None:
        self.registry = registry
        self._loader = loader
        self.specs = SpecCache()
        self._readings: WeakKeyDictionary[Instance, tuple[int, BpmnWorkflow]] = WeakKeyDictionary()

    def definition(self, session: Session, bundle_hash: str) -> Definition:
        """The parsed version, from this process's cache or from the database."""
        return self.specs.get(bundle_hash, self._loader(session))

    # -- the steps ---------------------------------------------------------------------------------------------

    def start(
        self,
        session: Session,
        actor: Actor,
        facts: CaseFacts,
        bundle_hash: str,
        data: Mapping[str, Json],
        promised: Mapping[str, uuid.UUID] | None = None,
    ) -> Outcome:
        """Creates the instance and runs it up to its first human tasks, which take the ids promised for their nodes."""
        workflow, step = self._begin(session, self.registry, actor, facts, bundle_hash, data)
        definition = self.definition(session, bundle_hash)
        give_ids(workflow, promised or {})
        now = picture(workflow, definition)
        instance = add_instance(session, facts.id, bundle_hash, workflow, troubled=bool(now.failed))
        self._readings[instance] = (instance.revision, workflow)  # its first page comes with the same request
        return replace(self._finish(session, actor, facts, workflow, step, EMPTY, now), instance=instance)

    def rehearse(
        self, session: Session, actor: Actor, facts: CaseFacts, bundle_hash: str, data: Mapping[str, Json]
    ) -> Outcome:
        """What ``start`` would open, to show it: nothing is written, by the engine or by anything it calls.

        Raises NotRehearsed when an operation writes before the first person, or nobody is waited for.
        """
        workflow, step = self._begin(session, ReadingOnly(self.registry), actor, facts, bundle_hash, data)
        now = picture(workflow, self.definition(session, bundle_hash))
        if step.failures or not now.people:
            raise NotRehearsed(facts.procedure)
        instance = Instance(case_id=facts.id, bundle_hash=bundle_hash, revision=0)
        self._readings[instance] = (0, workflow)
        rows = [task_row(facts, key, node, clock.now()) for key, node in now.people.items()]
        return Outcome(now.status, workflow.completed, now.people, tuple(step.visited), (), rows, instance)

    def _begin(
        self, session: Session, registry: Registry, actor: Actor, facts: CaseFacts, bundle_hash: str, data: Json
    ) -> tuple[BpmnWorkflow, Step]:
        state.require_json(dict(data), "data")
        definition = self.definition(session, bundle_hash)
        workflow = BpmnWorkflow(definition.spec, definition.subprocess_specs)
        workflow.script_engine = ScriptEngine(definition, registry, session, actor, facts)
        workflow.task_tree.data.update(data)
        return workflow, run(workflow, definition)

    def complete(
        self,
        session: Session,
        actor: Actor,
        facts: CaseFacts,
        instance: Instance,
        task_id: uuid.UUID,
        values: Mapping[str, Json],
    ) -> Outcome:
        """Completes one READY human task with ``values`` and runs what follows. Raises NotWaiting otherwise.

        A task that names a variable (``spiffworkflow:variableName``) keeps its values together under that name.
        """
        state.require_json(dict(values), "values")
        done: list[str] = []

        def act(workflow: BpmnWorkflow, _engine: ScriptEngine) -> None:
            task = ready_human_task(workflow, task_id)
            variable = getattr(task.task_spec, "variable", None)
            task.data.update({variable: dict(values)} if variable else values)
            task.task_spec._run(task)
            complete(task)
            done.append(bpmn_id(task))

        return self._advance(session, actor, facts, instance, act, task_id=task_id, done=done)

    def send(
        self, session: Session, actor: Actor, facts: CaseFacts, instance: Instance, name: str, payload: Json = None
    ) -> Outcome:
        """Gives the instance the message or signal ``name``. Raises NotWaiting when nothing in it waits for that."""
        state.require_json(payload, "payload")

        def act(workflow: BpmnWorkflow, _engine: ScriptEngine) -> None:
            for definition in (MessageEventDefinition(name), DrawnSignal(name)):
                if workflow.event_manager.catch(BpmnEvent(definition, payload=payload or {}), internal=False):
                    return
            raise NotWaiting("Cette action n’est plus possible : la demande a avancé entre-temps.")

        return self._advance(session, actor, facts, instance, act)

    def fire_timers(self, session: Session, facts: CaseFacts, instance: Instance) -> Outcome:
        """Lets the timers that are due fire; harmless when none is."""
        return self._advance(session, SYSTEM, facts, instance, lambda _workflow, _engine: None)

    def resume(
        self,
        session: Session,
        facts: CaseFacts,
        instance: Instance,
        task_id: uuid.UUID,
        result: Mapping[str, Json] | BusinessError | None,
    ) -> Outcome:
        """Completes an asynchronous service task with what its operation returned. Raises NotWaiting when it was.

        A result that cannot be kept, and an error that the diagram does not catch, become incidents of the task.
        """

        def act(workflow: BpmnWorkflow, engine: ScriptEngine) -> None:
            task = started_task(workflow, task_id)
            try:
                if isinstance(result, BusinessError):
                    engine.raise_error(task, result)
                    return
                store_result(task, result)
            except (NodeError, state.StateError) as error:
                task.internal_data[FAULT] = True
                engine.note_failure(task, error)
                return
            complete(task)

        return self._advance(session, SYSTEM, facts, instance, act)

    def give_up(
        self, session: Session, facts: CaseFacts, instance: Instance, task_id: uuid.UUID, cause: str
    ) -> Outcome:
        """Opens an incident on an asynchronous task whose operation keeps failing; ``retry`` will ask for it again.

        Raises NotWaiting when its result has come meanwhile.
        """

        def act(workflow: BpmnWorkflow, engine: ScriptEngine) -> None:
            task = started_task(workflow, task_id)
            task.internal_data[FAULT] = True
            engine.note_failure(task, NodeError(cause))

        return self._advance(session, SYSTEM, facts, instance, act)

    def retry(self, session: Session, actor: Actor, facts: CaseFacts, instance: Instance) -> Outcome:
        """Runs again the nodes that failed; those that fail again keep their incident, with one attempt more."""
        return self._advance(
            session, actor, facts, instance, lambda workflow, _engine: try_again(workflow), retrying=True
        )

    def skip(self, session: Session, actor: Actor, facts: CaseFacts, instance: Instance) -> Outcome:
        """Takes the nodes that failed as done and goes on; they are in ``visited``. Raises CannotSkip."""
        passed: list[str] = []

        def act(workflow: BpmnWorkflow, _engine: ScriptEngine) -> None:
            passed.extend(pass_over(workflow))

        return self._advance(session, actor, facts, instance, act, retrying=True, done=passed)

    def move(self, session: Session, actor: Actor, facts: CaseFacts, instance: Instance, node: str) -> Outcome:
        """Gives up a step under way and begins again at ``node``, with what the case knows.

        What is under way elsewhere goes on. Raises CannotMove when the case may not be at that node.
        """

        def make(workflow: BpmnWorkflow, engine: ScriptEngine) -> BpmnWorkflow:
            return moved(workflow, engine.definition, engine, node)

        return self.replace(session, actor, facts, instance, instance.bundle_hash, make)

    def replace(
        self,
        session: Session,
        actor: Actor,
        facts: CaseFacts,
        instance: Instance,
        bundle_hash: str,
        make: Callable[[BpmnWorkflow, ScriptEngine], BpmnWorkflow],
    ) -> Outcome:
        """Puts what ``make`` gives, a case of version ``bundle_hash``, in place of what the instance was; runs it."""
        if instance.ended_at is not None:
            raise NotWaiting("Cette demande est terminée : elle ne peut plus avancer.")
        old, new = (self.definition(session, each) for each in (instance.bundle_hash, bundle_hash))
        workflow = self._load(instance, old, session, actor, facts)
        before = picture(workflow, old)
        made = make(workflow, ScriptEngine(new, self.registry, session, actor, facts))
        step = run(made, new)
        now = picture(made, new)
        again = {failure.task_id for failure in step.failures}
        left = resolve_incidents(session, facts, now, again, retrying=True)
        instance.bundle_hash = bundle_hash
        session.flush()
        store(session, instance, made, troubled=left or bool(now.failed))
        carry_over(session, facts, before, now)
        return self._finish(session, actor, facts, made, step, before, now)

    def record_fault(self, session: Session, facts: CaseFacts, task_id: uuid.UUID | None, fault: EngineFault) -> bool:
        """Opens the incident of a step that was undone (EngineFault), in a new transaction; or counts one attempt more.

        ``task_id`` is the person's task, which is still open (``None``: nobody's, for example a timer's step). The
        incident is resolved when that task is completed at last, or by ``retry``. ``False`` when there is no instance.
        """
        instance = session.scalars(select(Instance).where(Instance.case_id == facts.id).with_for_update()).one_or_none()
        if instance is None:
            return False
        nodes = self.definition(session, instance.bundle_hash).nodes
        failure = Failure(task_id or facts.id, fault.node, fault.cause)
        open_incidents(session, facts, [failure], lambda each: _name_of(nodes, each.node))
        instance.troubled = True
        session.flush()
        return True

    # -- what is asked of an instance --------------------------------------------------------------------------

    def asked_operation(
        self, session: Session, facts: CaseFacts, instance: Instance, task_id: uuid.UUID
    ) -> tuple[str, Mapping[str, Json]]:
        """Name and parameters of the asynchronous operation a task waits for. Raises NotWaiting when it is done."""
        definition = self.definition(session, instance.bundle_hash)
        workflow = self._load(instance, definition, session, SYSTEM, facts)
        task = started_task(workflow, task_id)
        return task.task_spec.operation_name, workflow.script_engine.parameters(task, task.task_spec)

    def data(self, session: Session, facts: CaseFacts, instance: Instance, task_id: uuid.UUID) -> dict[str, Json]:
        """The variables an open task sees: for default values and conditions of its form."""
        definition = self.definition(session, instance.bundle_hash)
        workflow = self._read(instance, definition, session, facts)
        data: dict[str, Json] = state.copied(ready_human_task(workflow, task_id).data)
        return data

    def visited(self, session: Session, facts: CaseFacts, instance: Instance) -> frozenset[str]:
        """The nodes that were completed so far, for the diagram of the case page."""
        definition = self.definition(session, instance.bundle_hash)
        workflow = self._read(instance, definition, session, facts)
        done = {bpmn_id(task) for task in all_tasks(workflow, TaskState.COMPLETED)} | getattr(
            workflow, "forgotten", set()
        )
        return frozenset(done & definition.nodes.keys())

    def look(self, session: Session, facts: CaseFacts, instance: Instance) -> tuple[BpmnWorkflow, Definition]:
        """The workflow and its version, to plan what may become of it; never to be changed."""
        definition = self.definition(session, instance.bundle_hash)
        return self._read(instance, definition, session, facts), definition

    # -- how a step is made ------------------------------------------------------------------------------------

    def _load(
        self, instance: Instance, definition: Definition, session: Session, actor: Actor, facts: CaseFacts
    ) -> BpmnWorkflow:
        workflow = state.load(instance.state, instance.serializer, definition)
        workflow.script_engine = ScriptEngine(definition, self.registry, session, actor, facts)
        return workflow

    def _read(self, instance: Instance, definition: Definition, session: Session, facts: CaseFacts) -> BpmnWorkflow:
        """The workflow, only to look at: a page asks several things of the same one."""
        kept = self._readings.get(instance)
        if kept is None or kept[0] != instance.revision:
            kept = (instance.revision, self._load(instance, definition, session, SYSTEM, facts))
            self._readings[instance] = kept
        return kept[1]

    def _advance(
        self,
        session: Session,
        actor: Actor,
        facts: CaseFacts,
        instance: Instance,
        act: Run,
        *,
        retrying: bool = False,
        task_id: uuid.UUID | None = None,
        done: list[str] | None = None,
    ) -> Outcome:
        if instance.ended_at is not None:
            raise NotWaiting("Cette demande est terminée : elle ne peut plus avancer.")
        definition = self.definition(session, instance.bundle_hash)
        workflow = self._read(instance, definition, session, facts)
        del self._readings[instance]  # it will be another, and half-way if the step fails
        workflow.script_engine = ScriptEngine(definition, self.registry, session, actor, facts)
        before = picture(workflow, definition)
        try:
            act(workflow, workflow.script_engine)
            step = run(workflow, definition, skip=frozenset() if retrying else before.failed)
        except EngineFault as fault:
            fault.facts, fault.task_id = facts, task_id
            raise
        step.visited[:0] = done or []
        now = picture(workflow, definition)
        troubled = bool(now.failed)
        if instance.troubled or retrying:
            again = {failure.task_id for failure in step.failures}
            troubled |= resolve_incidents(session, facts, now, again, retrying=retrying)
        store(session, instance, workflow, troubled=troubled)
        return self._finish(session, actor, facts, workflow, step, before, now)

    def _finish(
        self,
        session: Session,
        actor: Actor,
        facts: CaseFacts,
        workflow: BpmnWorkflow,
        step: Step,
        before: Picture,
        now: Picture,
    ) -> Outcome:
        rows = synchronise(session, facts, before, now, actor.label)
        if step.failures:
            nodes = workflow.script_engine.definition.nodes
            open_incidents(session, facts, step.failures, lambda each: _name_of(nodes, each.node))
        for kind, name, payload in step.thrown:
            emit(session, "engine.event_thrown", case_id=str(facts.id), event=kind, name=name, payload=payload)
        if isinstance(session, PortalSession):
            session.set_off()
        opened = {key: node for key, node in now.people.items() if key not in before.people}
        ended = workflow.completed
        status = step.final_status if ended and step.final_status else now.status
        return Outcome(status, ended, opened, tuple(step.visited), tuple(step.failures), rows)


def _name_of(nodes: Mapping[str, Node], node: str) -> str:
    return nodes[node].name if node in nodes else node
