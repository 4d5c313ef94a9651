"""The agents' inbox: what waits for a person's roles, in the order of due dates, at the same cost whatever waits.

A *pile* is the tasks of one role in one structure with one status: a range of an index that is already in order. A
page takes the head of each of a person's piles, and cuts the result; nothing depends on how many tasks there are.
PostgreSQL does it with LATERAL, SQLite with JSON lists: both read ``LIMIT`` entries of an index a pile, and no row.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    FromClause,
    Select,
    String,
    Uuid,
    func,
    literal,
    or_,
    select,
    true,
    tuple_,
)
from sqlalchemy.orm import Session, aliased

from app import clock
from app.accounts.models import Account, GrantRow, Role
from app.db import fold
from app.engine.models import Task, TaskKey
from app.engine.projection import STATUSES, queue_of
from app.policy import Actor, Permission
from app.town.queries import structures

PAGE = 50
COUNTED = 100
"""Counts stop here (« 99+ »): nobody needs to know more, and counting a million rows takes its time."""
CANDIDATES = 100
"""Keys read by a search before they are sorted by due date."""

TABS = ("a-prendre", "mes-taches", "equipe")
NO_STRUCTURE = "aucune"
_LAST = "\U0010ffff"


@dataclass(frozen=True)
class Filters:
    """What the agent asked to see. ``structure`` is an id, ``aucune``, or empty for all of hers."""

    procedure: str = ""
    status: str = ""
    structure: str = ""


@dataclass(frozen=True)
class Line:
    """One task in the list, with all that the list shows."""

    id: uuid.UUID
    case_id: uuid.UUID
    title: str
    case_title: str
    reference: str
    subject: str
    status: str
    structure_id: uuid.UUID | None
    assignee_id: uuid.UUID | None
    assignee: str
    opened_at: datetime
    due_at: datetime

    @property
    def late(self) -> bool:
        return self.due_at < clock.now()


@dataclass(frozen=True)
class InboxPage:
    """A page of lines; ``after`` opens the next one (``None`` on the last). ``more`` says that a search found more."""

    lines: Sequence[Line]
    after: str | None = None
    more: bool = False


def queues(session: Session, actor: Actor, structure: str = "") -> list[str]:
    """The queues whose tasks this person may work (``Actor.holds``, as a list), or those of one structure only."""
    found: set[str] = set()
    everywhere = [None, *(each.id for each in structures(session))]
    for grant in actor.grants:
        if Permission.TASK_WORK in grant.permissions:
            places = everywhere if grant.structure_id is None else [None, grant.structure_id]
            found |= {queue_of(grant.role, place) for place in places}
    if structure:
        wanted = "*" if structure == NO_STRUCTURE else structure
        found = {queue for queue in found if queue.rpartition(":")[2] == wanted}
    return sorted(found)


def counts(session: Session, actor: Actor) -> dict[str, int]:
    """How many tasks each tab holds, up to ``COUNTED``; one statement."""
    piles = _piles(session, queues(session, actor), STATUSES_OF_TASKS)
    mine = _of(actor).limit(COUNTED).subquery()
    row = session.execute(
        select(
            select(func.count()).select_from(_heads(piles, FREE, COUNTED, in_order=False)).scalar_subquery(),
            select(func.count()).select_from(mine).scalar_subquery(),
            select(func.count()).select_from(_heads(piles, TEAM, COUNTED, in_order=False)).scalar_subquery(),
        )
    ).one()
    return dict(zip(TABS, row, strict=True))


def page(session: Session, actor: Actor, tab: str, filters: Filters, after: str = "") -> InboxPage:
    """One page of a tab, the most urgent first; ``after`` is the ``after`` of the page before. One statement."""
    beyond = _beyond(after)
    if tab == "mes-taches":
        chosen: FromClause = _filtered(_of(actor, beyond), filters).limit(PAGE + 1).subquery()
    else:
        which = FREE if tab == "a-prendre" else TEAM
        names = queues(session, actor, filters.structure)
        piles = _piles(session, names, (filters.status,) if filters.status else STATUSES_OF_TASKS)
        chosen = _heads(piles, which, PAGE + 1, procedure=filters.procedure, beyond=beyond)
    lines = _lines(session, select(chosen.c.id))
    last = lines[PAGE - 1] if len(lines) > PAGE else None
    return InboxPage(lines[:PAGE], f"{last.due_at.isoformat()}_{last.id}" if last else None)


def found(session: Session, actor: Actor, text: str, filters: Filters) -> InboxPage:
    """The tasks whose reference, family or child begins with ``text``, taken or not. One statement.

    ``CANDIDATES`` keys are looked at, so a vague search is as quick as a precise one; then ``more`` is true.
    """
    # « Durand, Léna » is found too; and no database keeps what cannot be printed
    wanted = fold("".join(letter if letter.isprintable() else " " for letter in text.replace(",", " ")))[:100]
    names = queues(session, actor, filters.structure)
    if not wanted or not names:
        return InboxPage(())
    keys = _matching(_piles(session, names, ("",)), wanted)
    lines = _lines(session, select(keys.c.task_id), filters)
    return InboxPage(lines[:PAGE], more=len(lines) > PAGE)


# -- the piles ---------------------------------------------------------------------------------------------------

STATUSES_OF_TASKS = (*STATUSES, "")
_entry = aliased(Task, name="entry")
_key = aliased(TaskKey, name="entry_key")
FREE = (_entry.closed_at.is_(None), _entry.assignee_id.is_(None))
TEAM = (_entry.closed_at.is_(None), _entry.assignee_id.is_not(None))


@dataclass(frozen=True)
class _Piles:
    """The names of the piles as a table of the statement; ``lateral`` when the database can read each in its turn."""

    table: FromClause
    queue: ColumnElement[str]
    status: ColumnElement[str]
    lateral: bool


def _piles(session: Session, names: Sequence[str], statuses: Sequence[str]) -> _Piles:
    pairs = [(name, status) for name in names for status in statuses]
    if session.get_bind().dialect.name == "postgresql":
        texts = ARRAY(String)
        columns = [literal([pair[i] for pair in pairs], texts) for i in (0, 1)]
        table = func.unnest(*columns).table_valued("queue", "status", name="pile").render_derived()
        return _Piles(table, table.c.queue, table.c.status, lateral=True)
    table = func.json_each(json.dumps(pairs)).table_valued("value", name="pile")
    queue, status = (func.json_extract(table.c.value, f"$[{i}]", type_=String) for i in (0, 1))
    return _Piles(table, queue, status, lateral=False)


def _heads(
    piles: _Piles,
    which: tuple[ColumnElement[bool], ...],
    limit: int,
    *,
    procedure: str = "",
    beyond: tuple[datetime, uuid.UUID] | None = None,
    in_order: bool = True,
) -> FromClause:
    """(id, due_at) of the ``limit`` most urgent tasks of all these piles, read from the head of each.

    When only their number matters (``in_order`` false), reading stops as soon as there are enough.
    """
    head = (
        select(_entry.id, _entry.due_at)
        .where(*which, _entry.queue == piles.queue, _entry.status == piles.status)
        .order_by(_entry.due_at, _entry.id)
        .limit(limit)
    )
    if procedure:
        head = head.where(_entry.procedure == procedure)
    if beyond is not None:
        head = head.where(tuple_(_entry.due_at, _entry.id) > tuple_(literal(beyond[0]), literal(beyond[1])))
    if piles.lateral:
        entries: FromClause = head.lateral("head")
        merged: Select[Any] = select(entries.c.id)
        order: tuple[ColumnElement[Any], ...] = (entries.c.due_at, entries.c.id)
    else:
        entries, due_and_id = _each_of_sqlite(piles, head, (_entry.due_at, _entry.id))
        merged = select(func.json_extract(due_and_id, "$[1]", type_=Uuid).label("id"))
        order = (due_and_id,)
    merged = merged.select_from(piles.table.join(entries, true()))
    if in_order:
        merged = merged.order_by(*order)
    return merged.limit(limit).subquery()


def _each_of_sqlite(piles: _Piles, head: Select[*tuple[Any, ...]], columns: Sequence[Any]) -> tuple[FromClause, Any]:
    """SQLite's LATERAL: the head of each pile as a JSON list, opened again by ``json_each``; one value an entry.

    Those values are JSON texts of instants and identifiers, which sort as what they hold.
    """
    one = head.correlate(piles.table).subquery("one")
    packed = func.json_array(*(one.c[column.key] for column in columns))
    listed = select(func.json_group_array(packed)).correlate(piles.table).scalar_subquery()
    entries = func.json_each(listed).table_valued("value", name="head")
    return entries, entries.c.value


def _matching(piles: _Piles, wanted: str) -> FromClause:
    """``task_id`` of the tasks with a key that begins with ``wanted``: at most ``CANDIDATES`` keys, in their order.

    A range, not LIKE: nothing to escape, and the index is used whatever the statement's plan.
    """
    head = (
        select(_key.task_id, _key.key)
        .where(_key.queue == piles.queue, _key.key >= wanted, _key.key < wanted + _LAST)
        .order_by(_key.key, _key.task_id)
        .limit(CANDIDATES)
    )
    if piles.lateral:
        entries: FromClause = head.lateral("head")
        merged: Select[Any] = select(entries.c.task_id)
    else:
        entries, key_and_id = _each_of_sqlite(piles, head, (_key.key, _key.task_id))
        merged = select(func.json_extract(key_and_id, "$[1]", type_=Uuid).label("task_id"))
    return merged.select_from(piles.table.join(entries, true())).limit(CANDIDATES).subquery()


def _of(actor: Actor, beyond: tuple[datetime, uuid.UUID] | None = None) -> Select[uuid.UUID, datetime]:
    """The tasks this person holds; nobody holds so many that they must be cut by pile."""
    query = (
        select(Task.id, Task.due_at)
        .where(Task.closed_at.is_(None), Task.assignee_id == actor.id)
        .order_by(Task.due_at, Task.id)
    )
    if beyond is not None:
        query = query.where(tuple_(Task.due_at, Task.id) > tuple_(literal(beyond[0]), literal(beyond[1])))
    return query


def _filtered(query: Select[*tuple[Any, ...]], filters: Filters) -> Select[*tuple[Any, ...]]:
    if filters.procedure:
        query = query.where(Task.procedure == filters.procedure)
    if filters.status:
        query = query.where(Task.status == filters.status)
    if filters.structure:
        place = None if filters.structure == NO_STRUCTURE else uuid.UUID(filters.structure)
        query = query.where(Task.structure_id.is_(None) if place is None else Task.structure_id == place)
    return query


def _lines(session: Session, ids: Select[Any], filters: Filters = Filters()) -> list[Line]:
    """The rows of these tasks, the most urgent first."""
    query = (
        select(
            Task.id,
            Task.case_id,
            Task.title,
            Task.case_title,
            Task.reference,
            Task.subject,
            Task.status,
            Task.structure_id,
            Task.assignee_id,
            func.coalesce(Account.first_name + " " + Account.last_name, "").label("assignee"),
            Task.opened_at,
            Task.due_at,
        )
        .outerjoin(Account, Account.id == Task.assignee_id)
        .where(Task.id.in_(ids))
        .order_by(Task.due_at, Task.id)
    )
    return [Line(**row._mapping) for row in session.execute(_filtered(query, filters))]


def _beyond(after: str) -> tuple[datetime, uuid.UUID] | None:
    """Where the page before stopped; an address somebody mangled opens the first page."""
    instant, _, task_id = after.partition("_")
    try:
        due = datetime.fromisoformat(instant)
        return (due, uuid.UUID(task_id)) if due.tzinfo is not None and 1970 <= due.year < 2200 else None
    except ValueError:
        return None


# -- who may be given a task -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Colleague:
    """An agent who holds the role of a task, there."""

    id: uuid.UUID
    name: str


def colleagues(session: Session, task: Task) -> list[Colleague]:
    """The agents who may work this task, in French order."""
    query = (
        select(Account.id, Account.first_name, Account.last_name, Role.permissions)
        .join(GrantRow, GrantRow.account_id == Account.id)
        .join(Role, Role.code == GrantRow.role_code)
        .where(Account.state == "active", GrantRow.role_code == task.lane)
        .order_by(Account.sort_key, Account.id)
    )
    if task.structure_id is not None:
        query = query.where(or_(GrantRow.structure_id.is_(None), GrantRow.structure_id == task.structure_id))
    found = {
        row.id: Colleague(row.id, f"{row.first_name} {row.last_name}")
        for row in session.execute(query)
        if Permission.TASK_WORK in row.permissions
    }
    return list(found.values())
