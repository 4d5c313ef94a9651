"""A case in memory, saved and read again by a process that has just parsed the diagram, between any two acts."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from SpiffWorkflow.bpmn import BpmnEvent, BpmnWorkflow
from SpiffWorkflow.spiff.specs.event_definitions import MessageEventDefinition
from SpiffWorkflow.util.task import TaskState

from app.clock import FrozenClock
from app.engine import state
from app.engine.elements import bpmn_id
from app.engine.migration import Plan, migrated, plan, restored
from app.engine.moving import visited
from app.engine.operations import Registry
from app.engine.projection import Picture, picture
from app.engine.specs import Definition
from app.engine.steps import ScriptEngine, all_tasks, complete, run
from app.engine.tokens import standing
from app.policy import SYSTEM


@dataclass(frozen=True)
class Act:
    """Something that may happen next: ``do`` a task, ``send`` a message, or let the clock reach an instant."""

    kind: str
    what: Any
    node: str


class Walker:
    """One case on one version."""

    def __init__(self, definition: Definition, time: FrozenClock, **data: Any) -> None:
        self.definition, self.time = definition, time
        workflow = BpmnWorkflow(definition.spec, definition.subprocess_specs)
        workflow.task_tree.data.update(data)
        self.given: dict[str, Any] = {}
        self._keep(workflow)

    def _engine(self, definition: Definition) -> ScriptEngine:
        return ScriptEngine(definition, Registry(), None, SYSTEM, None)

    def _keep(self, workflow: BpmnWorkflow) -> None:
        workflow.script_engine = self._engine(self.definition)
        step = run(workflow, self.definition)
        assert not step.failures, step.failures
        self.saved = state.save(workflow)
        self.completed = workflow.completed

    def load(self) -> BpmnWorkflow:
        workflow = state.load(self.saved, state.SERIALIZER, self.definition)
        workflow.script_engine = self._engine(self.definition)
        return workflow

    def copy(self) -> Walker:
        other = object.__new__(Walker)
        other.__dict__.update(self.__dict__, given=dict(self.given))
        return other

    # -- looking -----------------------------------------------------------------------------------------------

    def picture(self) -> Picture:
        return picture(self.load(), self.definition)

    def acts(self) -> list[Act]:
        """What may happen, in an order that does not depend on ids."""
        seen, known = self.picture(), self.known()
        found = [Act("do", key, node.id) for key, node in seen.people.items()]
        found += [Act("send", key[2], node.id) for key, node in seen.messages.items()]
        found += [Act("wait", due, node.id) for node, due in seen.timers.values()]
        return sorted(found, key=lambda act: (act.kind, act.node, str(known.get(act.what, act.what))))

    def known(self) -> dict[Any, dict[str, Any]]:
        """What each open task knows."""
        workflow = self.load()
        people = picture(workflow, self.definition).people
        tasks = [task for task in all_tasks(workflow, TaskState.READY) if task.id in people]
        return {task.id: dict(sorted(task.data.items())) for task in tasks}

    def gathered(self) -> set[str]:
        """The names of all that the case knows, in any of its places."""
        return set(standing(self.load()).known())

    def visited(self) -> set[str]:
        return visited(self.load()) & self.definition.nodes.keys()

    def last(self) -> dict[str, Any]:
        """What is known at the end."""
        assert self.completed
        workflow = self.load()
        return next(task.data for task in workflow.tasks.values() if task.task_spec.name == "End")

    # -- acting ------------------------------------------------------------------------------------------------

    def act(self, act: Act, **values: Any) -> None:
        if act.kind == "wait":
            self.time.set(max(self.time.instant, act.what))
            self._keep(self.load())
            return
        workflow = self.load()
        if act.kind == "send":
            event = BpmnEvent(MessageEventDefinition(act.what), payload={})
            assert workflow.event_manager.catch(event, internal=False)
        else:
            task = next(each for each in all_tasks(workflow, TaskState.READY) if each.id == act.what)
            task.data.update({f"r_{bpmn_id(task)}": 1, **values})
            task.task_spec._run(task)
            complete(task)
        self._keep(workflow)

    def wander(self, draw: random.Random, acts: int) -> None:
        """Lets some things happen, whatever they are, short of the end."""
        for number in range(acts):
            before, instant = self.saved, self.time.instant
            self.act(draw.choice(self.acts()), **{f"v{number}": number, "encore": draw.random() < 0.3})
            if self.completed:
                self.saved, self.completed = before, False
                self.time.set(instant)
                return

    def finish(self, most: int = 400) -> None:
        """Takes the case to its end by what its steps wait for: people, then messages, then the clock."""
        for _ in range(most):
            if self.completed:
                return
            acts = self.acts()
            assert acts, "nothing waits, and no end is reached"
            edges = {node.id for node in self.definition.nodes.values() if node.kind in ("boundaryEvent", "startEvent")}
            straight = [act for act in acts if act.node not in edges]
            self.act((straight or acts)[0], encore=False)
        raise AssertionError(f"still {self.acts()}")

    # -- migrating ---------------------------------------------------------------------------------------------

    def plan(self, new: Definition, **mapping: str) -> Plan:
        return plan(self.load(), self.definition, new, mapping, {})

    def migrate(self, new: Definition, **mapping: str) -> None:
        workflow = migrated(self.load(), self.definition, self._engine(new), "", mapping)
        self.definition = new
        self._keep(workflow)

    def revert(self, old: Definition, saved: bytes) -> None:
        workflow = restored(self.load(), self._engine(old), saved, state.SERIALIZER)
        self.definition = old
        self._keep(workflow)


START = datetime.fromisoformat("2026-11-21T08:00+00:00")
