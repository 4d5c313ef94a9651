"""What advances demandes without anybody: timers, asynchronous operations, events between cases, retries."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app import clock
from app.cases.models import Case
from app.cases.operations import _follow, _tell, runtime
from app.cases.queries import Opened, facts_of, open_case_rows
from app.db import Database, Json
from app.engine.models import Incident, Subscription, Timer
from app.engine.operations import BusinessError
from app.engine.runtime import NotWaiting, Outcome
from app.engine.steps import EngineFault
from app.errors import NotFound
from app.facts import Work, handles, when_given_up
from app.journal import record
from app.outbox import mark_done
from app.policy import SYSTEM, Actor, Permission, require

log = logging.getLogger(__name__)
BATCH = 100


def fire_due_timers(database: Database, limit: int = BATCH) -> int:
    """Lets every due timer fire, one transaction a case; returns how many cases moved. Called by the clock.

    A case whose timers cannot fire gets an incident, waits for its retry, and does not hold up the others.
    """
    with database.transaction(read_only=True) as session:
        due = session.execute(due_timers(clock.now(), limit)).all()
    moved = 0
    for case_id, node in {row.case_id: row.node for row in due}.items():
        try:
            with database.transaction() as session:
                moved += fire_timers_of(session, case_id) is not None
        except OperationalError:
            raise  # the database went away: everything is due at the next tick
        except Exception as error:
            log.error("timers of case %s did not fire: %s", case_id, type(error).__name__)
            fault = error if isinstance(error, EngineFault) else EngineFault(node, type(error).__name__)
            note_fault(database, case_id, fault)
    return moved


def due_timers(now: datetime, limit: int) -> Select[uuid.UUID, str]:
    """The cases to look at and the nodes that wait there, most overdue first; not those whose timers failed already."""
    stuck = select(Incident.id).where(
        Incident.case_id == Timer.case_id, Incident.task_id == Timer.case_id, Incident.resolved_at.is_(None)
    )
    due = select(Timer.case_id, Timer.node).where(Timer.due_at <= now, ~stuck.exists())
    return due.order_by(Timer.due_at).limit(limit)


def fire_timers_of(session: Session, case_id: uuid.UUID) -> Outcome | None:
    """Lets the due timers of one case fire; ``None`` when none is due, or somebody else is at it."""
    # The case first, as every step does: locking timers before it would cross a person's step, which deletes them.
    # Two clocks may see the same timer: the second finds its case locked, or the timer gone, and leaves it.
    free = select(Case.id).where(Case.id == case_id).with_for_update(skip_locked=True)
    still = select(Timer.task_id).where(Timer.case_id == case_id, Timer.due_at <= clock.now()).limit(1)
    if session.scalar(free) is None or session.scalar(still) is None:
        return None
    opened = open_case_rows(session, case_id, lock=True)
    outcome = runtime.fire_timers(session, facts_of(opened.case), opened.instance)
    _moved(session, SYSTEM, opened, outcome, "case.timer_fired")
    return outcome


def _moved(session: Session, actor: Actor, opened: Opened, outcome: Outcome, action: str) -> None:
    before = opened.case.status
    _follow(session, opened.case, outcome)
    record(session, actor, action, "case", opened.case.id, status=opened.case.status)
    _tell(session, opened.case, before, outcome, first_filing=False)


def note_fault(database: Database, case_id: uuid.UUID, fault: EngineFault) -> None:
    """``note_fault_in`` a transaction of its own."""
    with database.transaction() as session:
        note_fault_in(session, case_id, fault)


def note_fault_in(session: Session, case_id: uuid.UUID, fault: EngineFault) -> None:
    """Opens the incident of a step that was undone, when nothing of it is left in ``session``
    (see ``Runtime.record_fault``)."""
    try:
        opened = open_case_rows(session, case_id, lock=True)
    except NotFound:
        return  # a draft that was never stored, or was abandoned meanwhile
    runtime.record_fault(session, opened.facts, fault.task_id, fault)


@handles("engine.operation_asked")
def run_asked_operation(work: Work, payload: dict[str, Json]) -> None:
    """Runs an asynchronous operation outside any transaction, then completes its task with the result."""
    case_id, task_id = uuid.UUID(payload["case_id"]), uuid.UUID(payload["task_id"])
    try:
        with work.database.transaction(read_only=True) as session:
            opened = open_case_rows(session, case_id)
            facts = opened.facts
            name, values = runtime.asked_operation(session, facts, opened.instance, task_id)
    except (NotWaiting, NotFound):
        return  # done already, or the case was abandoned
    operation = runtime.registry[name]
    result: Mapping[str, Json] | BusinessError | None
    try:
        result = operation.run(work, operation.bind(values))
    except BusinessError as error:
        result = error
    with work.database.transaction() as session:
        try:
            opened = open_case_rows(session, case_id, lock=True)
            outcome = runtime.resume(session, opened.facts, opened.instance, task_id, result)
        except (NotWaiting, NotFound):
            return
        _moved(session, SYSTEM, opened, outcome, "case.operation_done")


@when_given_up("engine.operation_asked")
def stop_asking(session: Session, payload: dict[str, Json], cause: str) -> None:
    """An operation that failed too often becomes an incident of its case, whose retry asks for it again."""
    case_id, task_id = uuid.UUID(payload["case_id"]), uuid.UUID(payload["task_id"])
    try:
        opened = open_case_rows(session, case_id, lock=True)
        outcome = runtime.give_up(session, opened.facts, opened.instance, task_id, cause)
    except (NotWaiting, NotFound):
        return
    _moved(session, SYSTEM, opened, outcome, "case.operation_given_up")


@handles("engine.event_thrown")
def deliver_event(work: Work, payload: dict[str, Json]) -> None:
    """Gives a message thrown by one case to the case it names (``demande_id``), a signal to all that wait for it."""
    kind = "signal" if payload["event"].startswith("Signal") else "message"
    content = payload.get("payload") or {}
    with work.database.transaction(read_only=True) as session:
        query = select(Subscription.case_id).where(Subscription.name == payload["name"], Subscription.kind == kind)
        if kind == "message":
            target = content.get("demande_id") if isinstance(content, dict) else None
            if target is None:
                return
            query = query.where(Subscription.case_id == uuid.UUID(str(target)))
        else:  # its own waiting nodes had the signal when it was thrown
            query = query.where(Subscription.case_id != uuid.UUID(payload["case_id"]))
        waiting = session.scalars(query).all()
    for case_id in dict.fromkeys(waiting):
        try:
            with work.database.transaction() as session:
                _receive(session, case_id, str(payload["name"]), content)
                if kind == "message":
                    mark_done(session, work.fact_id)  # with its effect: a second try must not deliver it again
        except (NotWaiting, NotFound):
            continue  # delivered by an earlier try, or abandoned
        except EngineFault as fault:
            note_fault(work.database, case_id, fault)  # the others are told all the same


def _receive(session: Session, case_id: uuid.UUID, name: str, content: Json) -> None:
    opened = open_case_rows(session, case_id, lock=True)
    outcome = runtime.send(session, SYSTEM, opened.facts, opened.instance, name, content)
    _moved(session, SYSTEM, opened, outcome, "case.message_received")


def retry_incidents(session: Session, actor: Actor, case_id: uuid.UUID) -> Outcome:
    """Runs again what failed in a case. For the administrator's button."""
    require(actor, Permission.INCIDENT_MANAGE)
    opened = open_case_rows(session, case_id, lock=True)
    outcome = runtime.retry(session, actor, opened.facts, opened.instance)
    _moved(session, actor, opened, outcome, "incident.retried")
    return outcome


def case_by_id(session: Session, case_id: uuid.UUID) -> Case | None:
    return session.get(Case, case_id)
