"""Cases on a real database, each step its own transaction, the definition parsed anew whenever a test wants it.

After each step the rows are compared with what the stored state says: the projection is proved by every test.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import Database, new_id
from app.engine import state
from app.engine.models import Incident, Instance, Subscription, Task, TaskKey, Timer
from app.engine.operations import BusinessError, Call, CaseFacts, Registry
from app.engine.projection import Picture, picture
from app.engine.runtime import Outcome, Runtime
from app.errors import Refused
from app.outbox import OutboxFact
from app.policy import SYSTEM, Actor

AGENT = Actor("agent", uuid.UUID(int=7), "Alice Martin")


@dataclass(frozen=True)
class Nothing:
    """Parameters of an operation that takes none."""


@dataclass(frozen=True)
class Value:
    valeur: Any = field(default=None, metadata={"doc": "Ce que l’on veut"})


@dataclass
class World:
    """What operations of these tests read and leave: how they should behave, and what they were asked."""

    behaviour: str = "ok"
    calls: list[str] = field(default_factory=list)


def make_registry(world: World) -> Registry:
    """``essai.rendre`` (returns its value), ``essai.agir`` (follows ``world.behaviour``), ``essai.lente`` (slow)."""
    registry = Registry()

    @dataclass(frozen=True)
    class Text:
        valeur: str | None = None

    @registry.operation("essai.rendre", "Rendre", Text, results=("valeur",))
    def give_back(call: Call, params: Text) -> dict[str, Any]:
        world.calls.append(f"rendre {params.valeur}")
        return {"valeur": params.valeur}

    @registry.operation("essai.agir", "Agir", Nothing, results=("fait",), errors=("complet",))
    def act(call: Call, params: Nothing) -> dict[str, Any]:
        world.calls.append("agir")
        leave_trace(call.session)
        if world.behaviour == "refuse":
            raise Refused("Il n’y a plus de place.")
        if world.behaviour == "complet":
            raise BusinessError("complet", "Plus de place")
        if world.behaviour == "panne":
            raise RuntimeError("le calcul a échoué")
        if world.behaviour == "pas json":
            return {"fait": {1, 2}}
        return {"fait": True}

    @registry.operation("essai.lente", "Lente", Text, results=("fait",), errors=("complet",), asynchronous=True)
    def slowly(work: Any, params: Text) -> dict[str, Any]:
        return {"fait": True}

    return registry


def leave_trace(session: Session) -> None:
    """A row of any table, to see whether it is rolled back; and a fact, to see whether it leaves."""
    from app.outbox import emit

    emit(session, "essai.trace")
    session.add(
        OutboxFact(
            id=new_id(),
            kind="essai.row",
            payload={},
            state="done",
            attempts=0,
            created_at=now(),
            due_at=now(),
            error=None,
        )
    )


def now() -> Any:
    from app import clock

    return clock.now()


class House:
    """One case after the other on one database."""

    def __init__(
        self,
        database: Database,
        xml: bytes,
        *,
        callees: Mapping[str, Mapping[str, bytes]] | None = None,
        decisions: Mapping[str, bytes] | None = None,
        forgetful: bool = True,
    ) -> None:
        self.database = database
        self.world = World()
        self.files = {"process.bpmn": xml, **(decisions or {})}
        self.callees = callees or {}
        self.registry = make_registry(self.world)
        self.forgetful = forgetful
        self.runtime = self._runtime()
        self.facts = make_facts()

    def _runtime(self) -> Runtime:
        return Runtime(self.registry, lambda _session: lambda _hash: (self.files, self.callees))

    @contextmanager
    def step(self) -> Iterator[tuple[Session, Instance]]:
        """A transaction on the case's locked instance, in a process that may have just been started."""
        if self.forgetful:
            self.runtime = self._runtime()
        with self.database.transaction() as session:
            yield session, self.instance(session)
        self.check()

    def instance(self, session: Session) -> Instance:
        return session.scalars(
            select(Instance).where(Instance.case_id == self.facts.id).with_for_update()
        ).one()  # fmt: skip

    def start(self, **data: Any) -> Outcome:
        with self.database.transaction() as session:
            outcome = self.runtime.start(session, AGENT, self.facts, "h", data)
        self.check()
        return outcome

    def do(self, node: str, number: int = 0, actor: Actor = AGENT, **values: Any) -> Outcome:
        """Completes the open task of this node (the ``number``-th of them, in the order of their opening)."""
        return self.complete(self.tasks(node)[number].id, actor=actor, **values)

    def complete(self, task_id: uuid.UUID, actor: Actor = AGENT, **values: Any) -> Outcome:
        with self.step() as (session, instance):
            return self.runtime.complete(session, actor, self.facts, instance, task_id, values)

    def send(self, name: str, payload: Any = None) -> Outcome:
        with self.step() as (session, instance):
            return self.runtime.send(session, AGENT, self.facts, instance, name, payload)

    def tick(self) -> Outcome:
        with self.step() as (session, instance):
            return self.runtime.fire_timers(session, self.facts, instance)

    def retry(self) -> Outcome:
        with self.step() as (session, instance):
            return self.runtime.retry(session, AGENT, self.facts, instance)

    def resume(self, task_id: uuid.UUID, result: Any) -> Outcome:
        with self.step() as (session, instance):
            return self.runtime.resume(session, self.facts, instance, task_id, result)

    # -- looking -----------------------------------------------------------------------------------------------

    def rows(self, model: type[Any]) -> list[Any]:
        with self.database.transaction(read_only=True) as session:
            return list(session.scalars(select(model).where(model.case_id == self.facts.id)))

    def tasks(self, node: str) -> list[Task]:
        found = [task for task in self.rows(Task) if task.node == node and task.closed_at is None]
        assert found, f"{node} is not open, but {self.open()}"
        return sorted(found, key=lambda task: task.opened_at)

    def open(self) -> list[str]:
        """The nodes of the open tasks."""
        return sorted(task.node for task in self.rows(Task) if task.closed_at is None)

    def timers(self) -> list[Timer]:
        return sorted(self.rows(Timer), key=lambda timer: timer.due_at)

    def awaited(self) -> list[str]:
        return sorted(f"{row.kind} {row.name}" for row in self.rows(Subscription))

    def incidents(self) -> list[Incident]:
        return [incident for incident in self.rows(Incident) if incident.resolved_at is None]

    def facts_of(self, kind: str) -> list[dict[str, Any]]:
        """Payloads of the outbox facts of one kind."""
        with self.database.transaction(read_only=True) as session:
            return list(session.scalars(select(OutboxFact.payload).where(OutboxFact.kind == kind)))

    def asked(self) -> list[uuid.UUID]:
        """The tasks of the asynchronous operations asked for so far."""
        return [uuid.UUID(payload["task_id"]) for payload in self.facts_of("engine.operation_asked")]

    def workflow(self) -> Any:
        """The workflow as the database holds it."""
        with self.database.transaction(read_only=True) as session:
            instance = session.scalars(select(Instance).where(Instance.case_id == self.facts.id)).one()
            definition = self._runtime().definition(session, "h")
            workflow = state.load(instance.state, instance.serializer, definition)
            return workflow, definition, instance

    def data(self, node: str, number: int = 0) -> dict[str, Any]:
        """The variables that an open task sees."""
        with self.database.transaction(read_only=True) as session:
            instance = session.scalars(select(Instance).where(Instance.case_id == self.facts.id)).one()
            return self.runtime.data(session, self.facts, instance, self.tasks(node)[number].id)

    def last_data(self) -> dict[str, Any]:
        """The variables at the end of the case."""
        workflow, _, _ = self.workflow()
        return dict(max(workflow.tasks.values(), key=lambda task: task.last_state_change).data)

    @property
    def ended(self) -> bool:
        return self.workflow()[2].ended_at is not None

    def visited(self) -> frozenset[str]:
        with self.step() as (session, instance):
            return self.runtime.visited(session, self.facts, instance)

    def check(self) -> None:
        """The rows are the picture of the stored state, no more and no less."""
        workflow, definition, instance = self.workflow()
        assert rows_of(self) == expected(picture(workflow, definition))
        assert (instance.ended_at is not None) == workflow.completed
        if workflow.completed:
            assert not self.open()
            assert not self.timers()
            assert not self.awaited()


def rows_of(house: House) -> dict[str, Any]:
    tasks = [task for task in house.rows(Task) if task.closed_at is None]
    with house.database.transaction(read_only=True) as session:
        keyed = set(
            session.scalars(
                select(TaskKey.task_id).join(Task, Task.id == TaskKey.task_id).where(Task.case_id == house.facts.id)
            )
        )
    return {
        "people": {task.id: (task.node, task.lane, task.status, task.form) for task in tasks},
        "keys": keyed,
        "timers": {timer.task_id: (timer.node, timer.due_at) for timer in house.rows(Timer)},
        "messages": {(row.task_id, row.kind, row.name): row.node for row in house.rows(Subscription)},
    }


def expected(seen: Picture) -> dict[str, Any]:
    return {
        "people": {
            key: (node.id, node.lane, node.status or "", node.properties.get("form"))
            for key, node in seen.people.items()
        },
        "keys": {key for key, node in seen.people.items() if node.lane != "famille"},
        "timers": {key: (node.id, due) for key, (node, due) in seen.timers.items()},
        "messages": {key: node.id for key, node in seen.messages.items()},
    }


def make_facts(**changes: Any) -> CaseFacts:
    fields = {
        "id": new_id(), "reference": "26-ABCD-EFGH", "procedure": "essai", "title": "Essai", "subject": "Léna",
        "search": ("lena martin", "martin lena", "26-abcd-efgh"), **changes,
    }  # fmt: skip
    return CaseFacts(**fields)


__all__ = ["AGENT", "SYSTEM", "BusinessError", "House", "World", "make_facts", "make_registry"]
