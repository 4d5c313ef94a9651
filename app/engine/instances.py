"""The row of an instance: written at each step, and removed with a draft that its author abandons."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import cast

from SpiffWorkflow.bpmn import BpmnWorkflow
from sqlalchemy import Integer, Table, bindparam, delete, update
from sqlalchemy import case as sql_case
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from app import clock
from app.db import Json
from app.engine import state
from app.engine.models import Incident, Instance, Subscription, Task, Timer
from app.engine.waiting import NotWaiting
from app.hot import Hot, adding, stored

# Built once: making and comparing a statement costs as much as running it.
_INSTANCES = cast(Table, Instance.__table__)
_ADD_INSTANCE = Hot(adding(_INSTANCES))
_SAVE_INSTANCE = Hot(
    update(_INSTANCES)
    .where(_INSTANCES.c.case_id == bindparam("case"))
    .values({name: bindparam(name) for name in ("state", "serializer", "troubled", "ended_at")})
    # no revision is refused: only a caller that did not lock the row, and read an older one, meets that
    .values(revision=sql_case((_INSTANCES.c.revision == bindparam("read"), bindparam("read", type_=Integer) + 1)))
)
_BEGUN = "engine.begun"


def add_instance(
    session: Session, case_id: uuid.UUID, bundle_hash: str, workflow: BpmnWorkflow, *, troubled: bool
) -> Instance:
    """An instance that begins. Its row is written by ``write_begun``, or at once by the step that comes with it: what a
    family sends from a first page begins and goes on."""
    at = clock.now()
    row = {
        "case_id": case_id,
        "bundle_hash": bundle_hash,
        "serializer": state.SERIALIZER,
        "state": b"",
        "revision": 1,
        "troubled": troubled,
        "started_at": at,
        "ended_at": at if workflow.completed else None,
    }
    instance = cast(Instance, stored(session, Instance, row))
    session.info.setdefault(_BEGUN, {})[case_id] = (instance, workflow)
    return instance


def write_begun(session: Session) -> None:
    """Writes the rows of the instances that began in this transaction. Called before its commit, and before it reads
    instances."""
    for instance, workflow in session.info.pop(_BEGUN, {}).values():
        _write_begun(session, instance, {"state": state.save(workflow)})


def _write_begun(session: Session, instance: Instance, values: Mapping[str, Json]) -> None:
    for name, value in values.items():
        set_committed_value(instance, name, value)
    _ADD_INSTANCE.later(session, {column.key: getattr(instance, column.key) for column in _INSTANCES.c})


def store(session: Session, instance: Instance, workflow: BpmnWorkflow, *, troubled: bool) -> None:
    """Writes what a step made of an instance, whose row the caller has locked.

    One that forgot to, and read an older row, is refused: NotWaiting, or on PostgreSQL, where the write waits, the
    database's own error with the trip that takes it.
    """
    ended_at: datetime | None = clock.now() if workflow.completed else None
    values = {
        "state": state.save(workflow),
        "serializer": state.SERIALIZER,
        "revision": instance.revision + 1,
        "troubled": troubled,
        "ended_at": ended_at,
    }
    if session.info.get(_BEGUN, {}).pop(instance.case_id, None) is not None:
        _write_begun(session, instance, values)
        return
    try:
        _SAVE_INSTANCE.later(session, values | {"case": instance.case_id, "read": instance.revision})
    except IntegrityError as error:
        raise NotWaiting("Cette demande vient d’avancer : rechargez la page.") from error
    for name, value in values.items():
        set_committed_value(instance, name, value)


Forgets = Callable[[Session, uuid.UUID], None]
_forgetting: list[Forgets] = []


def also_forgets(forgets: Forgets) -> Forgets:
    """Registers what a room above keeps of an instance, to be removed with it."""
    _forgetting.append(forgets)
    return forgets


def forget(session: Session, case_id: uuid.UUID) -> None:
    """Removes an instance and its projection: a draft that its author abandons, a demande that is erased."""
    for forgets in _forgetting:
        forgets(session, case_id)
    for model in (Timer, Subscription, Task, Incident, Instance):
        session.execute(delete(model).where(model.case_id == case_id).execution_options(synchronize_session=False))
