"""From the workflow in memory to the rows that screens read. The only writer of those rows."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from SpiffWorkflow.bpmn import BpmnWorkflow
from SpiffWorkflow.bpmn.specs.event_definitions.multiple import MultipleEventDefinition
from SpiffWorkflow.bpmn.specs.mixins.events.event_types import CatchingEvent
from SpiffWorkflow.spiff.specs.event_definitions import MessageEventDefinition, SignalEventDefinition
from SpiffWorkflow.util.task import TaskState
from sqlalchemy import ARRAY, String, Table, bindparam, delete, func, insert, select, update
from sqlalchemy.orm import Session

from app import clock
from app.db import Json
from app.engine.elements import bpmn_id
from app.engine.expression_functions import plus_jours_ouvres
from app.engine.models import Subscription, Task, TaskKey, Timer
from app.engine.operations import CaseFacts
from app.engine.specs import Definition, Node
from app.engine.steps import all_tasks, faulty_tasks
from app.engine.timers import after, due_of, instant_of
from app.hot import Hot, adding
from app.policy import FAMILY_LANE

STATUSES = ("brouillon", "en_attente", "traitement")
FINAL = ("clos", "refuse", "annule")


#: What a task waits for: its id, ``message`` or ``signal``, the name.
Awaited = tuple[uuid.UUID, str, str]


@dataclass(frozen=True)
class Picture:
    """What waits in an instance, by task id: people, timers (due instant), messages (with their kind and name).

    ``failed`` are the tasks that a failure stopped.
    """

    people: Mapping[uuid.UUID, Node]
    timers: Mapping[uuid.UUID, tuple[Node, datetime]]
    messages: Mapping[Awaited, Node]
    status: str | None
    failed: frozenset[uuid.UUID] = frozenset()


def queue_of(lane: str, structure_id: uuid.UUID | None) -> str:
    """The key of a pile of tasks: a role, in one structure or (``*``) in none in particular."""
    return f"{lane}:{structure_id or '*'}"


def picture(workflow: BpmnWorkflow, definition: Definition) -> Picture:
    """What the instance waits for now."""
    people: dict[uuid.UUID, Node] = {}
    statuses: set[str] = set()
    timers: dict[uuid.UUID, tuple[Node, datetime]] = {}
    messages: dict[Awaited, Node] = {}
    for task in all_tasks(workflow, TaskState.READY | TaskState.WAITING | TaskState.STARTED):
        node = definition.nodes.get(bpmn_id(task))
        if node is None:
            continue
        if node.status is not None:
            statuses.add(node.status)
        if task.state == TaskState.READY and task.task_spec.manual:
            people[task.id] = node
        elif task.state == TaskState.WAITING and isinstance(task.task_spec, CatchingEvent):
            if (due := due_of(task)) is not None:
                timers[task.id] = (node, due)
            for kind, name in _awaited(task.task_spec.event_definition):
                messages[task.id, kind, name] = node
    reached = [status for status in STATUSES if status in statuses]
    failed = frozenset(task.id for task in faulty_tasks(workflow))
    return Picture(people, timers, messages, reached[-1] if reached else None, failed)


def _awaited(definition: Any) -> list[tuple[str, str]]:
    each = definition.event_definitions if isinstance(definition, MultipleEventDefinition) else [definition]
    return [(kind, one.name) for one in each for cls, kind in _KINDS.items() if isinstance(one, cls)]


_KINDS = {MessageEventDefinition: "message", SignalEventDefinition: "signal"}


DEFAULT_DUE = "5 jours ouvrés"


def due_at(rule: str | None, opened_at: datetime) -> datetime:
    """When a task should be done: ``P5D``, ``PT48H``, ``5 jours ouvrés`` or an ISO date."""
    rule = (rule or DEFAULT_DUE).strip()
    number, _, unit = rule.partition(" ")
    if number.isdigit() and unit.startswith("jour"):
        local = clock.in_paris(opened_at)
        if unit in ("jours ouvrés", "jour ouvré"):
            day = plus_jours_ouvres(opened_at, local.date().isoformat(), int(number))
            return instant_of(f"{day}T{local:%H:%M:%S}")
        return after(f"P{number}D", opened_at)
    return after(rule, opened_at) if rule.upper().startswith("P") else instant_of(rule)


_TIMERS = cast(Table, Timer.__table__)
_SUBSCRIPTIONS = cast(Table, Subscription.__table__)
_TASKS = cast(Table, Task.__table__)
_KEYS = cast(Table, TaskKey.__table__)

# Built once: making and comparing a statement costs as much as running it.
_ADD = {table: Hot(adding(table)) for table in (_TIMERS, _SUBSCRIPTIONS, _TASKS, _KEYS)}
_FORGET_KEYS = delete(_KEYS).where(_KEYS.c.task_id == bindparam("gone"))
_REMOVE = {
    _TIMERS: Hot(delete(_TIMERS).where(_TIMERS.c.task_id == bindparam("gone"))),
    _SUBSCRIPTIONS: Hot(delete(_SUBSCRIPTIONS).where(_SUBSCRIPTIONS.c.task_id == bindparam("gone"))),
    _KEYS: Hot(_FORGET_KEYS),
}
_CLOSE_ONE = (
    update(_TASKS)
    .where(_TASKS.c.id == bindparam("gone"))
    .values(closed_at=bindparam("at"), closed_by=bindparam("closing"))
)
_CLOSE = Hot(_CLOSE_ONE)

# On PostgreSQL, what most steps do is one statement: one task closed with its keys, one opened with its own, or both.
_OPEN_ONE = (
    insert(_KEYS)
    .from_select(
        ["task_id", "key", "queue"],
        select(
            bindparam("id", type_=_TASKS.c.id.type),
            func.unnest(bindparam("keys", type_=ARRAY(String))),
            bindparam("queue", type_=_TASKS.c.queue.type),
        ),
    )
    .add_cte(adding(_TASKS).cte("opened"))
)
_CLOSE_WITH_KEYS = Hot(_FORGET_KEYS.add_cte(_CLOSE_ONE.cte("closed")))
_OPEN_WITH_KEYS = Hot(_OPEN_ONE)
_CLOSE_AND_OPEN = Hot(_OPEN_ONE.add_cte(_CLOSE_ONE.cte("closed"), _FORGET_KEYS.cte("forgotten")))


def synchronise(
    session: Session, facts: CaseFacts, before: Picture, now: Picture, actor_label: str
) -> list[dict[str, Json]]:
    """Writes the difference between two pictures: a statement a table that changed, none otherwise.

    Gives the rows of the tasks that opened.
    """
    rows = _synchronise_tasks(session, facts, before, now, actor_label)
    if before.timers != now.timers:
        gone = {key for key, value in before.timers.items() if now.timers.get(key) != value}
        come = [
            {"task_id": key, "case_id": facts.id, "node": value[0].id, "due_at": value[1]}
            for key, value in now.timers.items()
            if before.timers.get(key) != value
        ]
        _replace(session, _TIMERS, gone, come)
    if before.messages.keys() != now.messages.keys():
        gone = {key[0] for key in before.messages.keys() - now.messages.keys()}
        come = [
            {"task_id": key[0], "case_id": facts.id, "node": node.id, "kind": key[1], "name": key[2]}
            for key, node in now.messages.items()
            if key not in before.messages or key[0] in gone  # the others that the same task still waits for
        ]
        _replace(session, _SUBSCRIPTIONS, gone, come)
    return rows


def _replace(session: Session, table: Table, gone: Iterable[uuid.UUID], come: list[dict[str, Json]]) -> None:
    _REMOVE[table].later(session, [{"gone": key} for key in gone])
    _ADD[table].later(session, come)


def _synchronise_tasks(
    session: Session, facts: CaseFacts, before: Picture, now: Picture, actor_label: str
) -> list[dict[str, Json]]:
    at = clock.now()
    gone = {key: node for key, node in before.people.items() if key not in now.people}
    come = {key: node for key, node in now.people.items() if key not in before.people}
    closing = [{"gone": key, "at": at, "closing": actor_label} for key in gone]
    texts = list(dict.fromkeys(text[:120] for text in facts.search))
    rows = [task_row(facts, key, node, at) for key, node in come.items()]
    if session.get_bind().dialect.name == "postgresql":
        one = rows[0] | {"keys": texts} if len(rows) == 1 and texts and rows[0]["lane"] != FAMILY_LANE else None
        if len(closing) == 1 and one is not None:
            _CLOSE_AND_OPEN.later(session, closing[0] | one)
            return rows
        if len(closing) == 1 and not rows:
            _CLOSE_WITH_KEYS.later(session, closing[0])
            return rows
        if one is not None and not closing:
            _OPEN_WITH_KEYS.later(session, one)
            return rows
    _CLOSE.later(session, closing)
    _REMOVE[_KEYS].later(session, [{"gone": key} for key, node in gone.items() if node.lane != FAMILY_LANE])
    _ADD[_TASKS].later(session, rows)
    found = [row for row in rows if row["lane"] != FAMILY_LANE]
    _ADD[_KEYS].later(
        session, [{"task_id": row["id"], "key": text, "queue": row["queue"]} for row in found for text in texts]
    )
    return rows


def carry_over(session: Session, facts: CaseFacts, before: Picture, now: Picture) -> None:
    """Rewrites the rows of tasks that stay open while the drawing of their node changed: another version draws it."""
    for key, node in now.people.items():
        if key not in before.people or before.people[key] == node:
            continue
        row = task_row(facts, key, node, clock.now())
        changed = {name: row[name] for name in ("title", "lane", "queue", "status", "form")}
        if before.people[key].lane != node.lane:
            changed["assignee_id"] = None
        session.execute(update(_TASKS).where(_TASKS.c.id == key).values(**changed))
        session.execute(delete(_KEYS).where(_KEYS.c.task_id == key))
        if node.lane != FAMILY_LANE:
            texts = dict.fromkeys(text[:120] for text in facts.search)
            _ADD[_KEYS].later(session, [{"task_id": key, "key": text, "queue": row["queue"]} for text in texts])


def task_row(facts: CaseFacts, task_id: uuid.UUID, node: Node, at: datetime) -> dict[str, Json]:
    """The row of a human task that opens."""
    return {
        "id": task_id,
        "case_id": facts.id,
        "node": node.id,
        "title": node.name,
        "lane": node.lane,
        "queue": queue_of(node.lane, facts.structure_id),
        "status": node.status or "",
        "form": node.properties.get("form"),
        "procedure": facts.procedure,
        "case_title": facts.title,
        "reference": facts.reference,
        "subject": facts.subject,
        "structure_id": facts.structure_id,
        "owner_id": facts.owner_id,
        "assignee_id": None,
        "opened_at": at,
        "due_at": due_at(node.properties.get("echeance"), at),
        "closed_at": None,
        "closed_by": None,
    }
