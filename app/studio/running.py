"""Demandes in progress of a démarche: where they are on each version, how long its steps take, and which they are.

Everything is read from rows: no workflow is opened. An administrator sees references and states, never what a family
wrote or who it is.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from sqlalchemy import ColumnElement, Select, func, literal, or_, select, union_all
from sqlalchemy.orm import Session

from app import clock
from app.cases.models import Case
from app.engine.models import Incident, Instance, Subscription, Task, Timer
from app.procedures.models import Version

WINDOW = timedelta(days=90)
"""Median times are those of the steps closed since."""
MEASURED = 5000
"""At most so many of them, the newest."""
PAGE = 50
INCIDENTS = "incidents"
"""The list of demandes that a failure stops, in place of a step; « incidents:node » those that it stops at a node. No
node has a colon in its identifier."""


@dataclass(frozen=True)
class Count:
    """Demandes that wait at a drawn node of a version; ``median`` over ``measured`` closed steps, or ``None``."""

    waiting: int = 0
    incidents: int = 0
    median: timedelta | None = None
    measured: int = 0


@dataclass(frozen=True)
class Waiting:
    """A demande in a list. ``step`` is what waits in it, « » for an event; ``cause`` that of its open incident."""

    case_id: uuid.UUID
    reference: str
    status: str
    opened_at: datetime
    since: datetime | None
    step: str
    cause: str
    failed: str


def _on(version: Version) -> tuple[ColumnElement[bool], ...]:
    """The demandes in progress of one version. Two versions may have the same files: the demande says which is its."""
    return (Case.version_id == version.id, Instance.bundle_hash == version.bundle_hash, Instance.ended_at.is_(None))


def running_by_version(session: Session, procedure_id: uuid.UUID) -> dict[uuid.UUID, int]:
    """How many demandes are in progress on each version of a démarche."""
    query = (
        select(Case.version_id, func.count())
        .join(Instance, Instance.case_id == Case.id)
        .where(Case.procedure_id == procedure_id, Instance.ended_at.is_(None))
        .group_by(Case.version_id)
    )
    return {row[0]: row[1] for row in session.execute(query)}


def _positions(version: Version) -> Select[str, str, int]:
    """One statement: at which nodes demandes wait for people, for events, or with an incident."""
    of = select(Case.id).join(Instance, Instance.case_id == Case.id).where(*_on(version)).cte("running")
    waits = union_all(
        select(literal("people").label("kind"), Task.node.label("node"), Task.case_id.label("case_id"))
        .join(of, of.c.id == Task.case_id)
        .where(Task.closed_at.is_(None)),
        select(literal("events"), Timer.node, Timer.case_id).join(of, of.c.id == Timer.case_id),
        select(literal("events"), Subscription.node, Subscription.case_id).join(of, of.c.id == Subscription.case_id),
        select(literal("incidents"), Incident.node, Incident.case_id)
        .join(of, of.c.id == Incident.case_id)
        .where(Incident.resolved_at.is_(None)),
    ).subquery()
    counted = func.count(waits.c.case_id.distinct())
    return select(waits.c.kind, waits.c.node, counted).group_by(waits.c.kind, waits.c.node)


def counts(session: Session, version: Version) -> Mapping[str, Count]:
    """The counts of a version, by drawn node; nodes where nothing waits and nothing was measured are left out."""
    waiting: dict[str, int] = defaultdict(int)
    incidents: dict[str, int] = {}
    for kind, node, number in session.execute(_positions(version)):
        if kind == "incidents":
            incidents[node] = number
        else:
            waiting[node] = max(waiting[node], number)  # an event may be a timer and a message at once
    times = durations(session, version)
    return {
        node: Count(
            waiting.get(node, 0),
            incidents.get(node, 0),
            timedelta(seconds=median(times[node])) if node in times else None,
            len(times.get(node, ())),
        )
        for node in {*waiting, *incidents, *times}
    }


def durations(session: Session, version: Version) -> Mapping[str, Sequence[float]]:
    """How long each step took, in seconds, over the last ``WINDOW``; by node."""
    query = (
        select(Task.node, Task.opened_at, Task.closed_at)
        .join(Case, Case.id == Task.case_id)
        .where(Case.version_id == version.id, Task.closed_at >= clock.now() - WINDOW)
        .order_by(Task.closed_at.desc())
        .limit(MEASURED)
    )
    found: dict[str, list[float]] = defaultdict(list)
    for node, opened_at, closed_at in session.execute(query):
        if closed_at is not None:
            found[node].append((closed_at - opened_at).total_seconds())
    return found


def stopped_at(node: str) -> str:
    """What ``list_of`` calls the demandes that an incident stops at a node."""
    return f"{INCIDENTS}:{node}"


def _at(node: str) -> ColumnElement[bool]:
    """The demandes that wait at a node, or that an incident stops (there, or anywhere)."""
    stopped, _, there = node.partition(":")
    if stopped == INCIDENTS:
        stuck = select(Incident.id).where(Incident.case_id == Case.id, Incident.resolved_at.is_(None))
        return (stuck.where(Incident.node == there) if there else stuck).exists()
    return or_(
        select(Task.id).where(Task.case_id == Case.id, Task.node == node, Task.closed_at.is_(None)).exists(),
        select(Timer.task_id).where(Timer.case_id == Case.id, Timer.node == node).exists(),
        select(Subscription.task_id).where(Subscription.case_id == Case.id, Subscription.node == node).exists(),
    )


def list_of(session: Session, version: Version, node: str = "", page: int = 1) -> tuple[Sequence[Waiting], int]:
    """A page of the demandes behind a number, oldest first, and how many pages there are. No node: all of them."""
    query = select(Case).join(Instance, Instance.case_id == Case.id).where(*_on(version))
    if node:
        query = query.where(_at(node))
    total = session.scalar(select(func.count()).select_from(query.subquery())) or 0
    pages = max(1, -(-total // PAGE))
    page = min(max(1, page), pages)
    cases = session.scalars(query.order_by(Case.opened_at, Case.id).limit(PAGE).offset((page - 1) * PAGE)).all()
    return _told(session, cases), pages


def _told(session: Session, cases: Sequence[Case]) -> list[Waiting]:
    ids = [case.id for case in cases]
    tasks: dict[uuid.UUID, list[Task]] = defaultdict(list)
    for task in session.scalars(select(Task).where(Task.case_id.in_(ids), Task.closed_at.is_(None))):
        tasks[task.case_id].append(task)
    open_incidents = select(Incident).where(Incident.case_id.in_(ids), Incident.resolved_at.is_(None))
    incidents = {each.case_id: each for each in session.scalars(open_incidents.order_by(Incident.opened_at.desc()))}
    found = []
    for case in cases:
        mine, incident = tasks[case.id], incidents.get(case.id)
        found.append(
            Waiting(
                case.id,
                case.reference,
                case.status,
                case.opened_at,
                min((task.opened_at for task in mine), default=None),
                ", ".join(sorted({task.title for task in mine})),
                incident.cause if incident else "",
                incident.node_name if incident else "",
            )
        )
    return found


def among(session: Session, procedure_id: uuid.UUID, ids: Sequence[uuid.UUID]) -> list[uuid.UUID]:
    """Those of these demandes that are this démarche's, in the order of their opening, a page of them at most."""
    query = select(Case.id).where(Case.id.in_(ids), Case.procedure_id == procedure_id).order_by(Case.opened_at)
    return list(session.scalars(query.limit(PAGE)))


def lasting(time: timedelta) -> str:
    """A duration as people say it: « 40 min », « 5 h », « 2,5 jours »."""
    minutes = time.total_seconds() / 60
    if minutes < 1:
        return "< 1\u00a0min"
    if minutes < 60:
        return f"{minutes:.0f}\u00a0min"
    if minutes < 48 * 60:
        return f"{minutes / 60:.0f}\u00a0h"
    return f"{minutes / 1440:.1f}\u00a0jours".replace(".", ",").replace(",0", "")
