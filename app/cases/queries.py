"""Reads of the demandes: scoped loaders (404 for what one may not know), lists, the agents' inbox."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, cast

from sqlalchemy import Column, ColumnElement, Select, Table, Uuid, and_, bindparam, func, or_, select
from sqlalchemy.orm import Session

from app.cases.models import Answer, Case, Draft
from app.db import fold
from app.documents.loading import children_over_whom, own_household
from app.engine.instances import write_begun
from app.engine.models import Instance, Subscription, Task
from app.engine.operations import CaseFacts
from app.engine.runtime import Outcome
from app.errors import NotFound
from app.families.rights import Action
from app.hot import Hot, Row, entities, entity, stored
from app.policy import FAMILY_LANE, Actor, Permission

OPEN_STATUSES = ("brouillon", "en_attente", "traitement")
PAST_STATUSES = ("clos", "refuse", "annule")


@dataclass(frozen=True)
class Who:
    """Who looks at a family's demandes: an account, or the holder of a visitor's token (its digest)."""

    actor: Actor
    visitor_hash: str | None = None


@dataclass(frozen=True)
class Description:
    """What lists show of a case: learnt from what the family wrote, and written on the case once the step is made."""

    subject: str
    owner_name: str
    email: str
    child_id: uuid.UUID | None
    structure_id: uuid.UUID | None


def description_of(case: Case) -> Description:
    """What is known of a case so far."""
    return Description(case.subject, case.owner_name, case.email, case.child_id, case.structure_id)


def facts_of(case: Case, described: Description | None = None) -> CaseFacts:
    """What the engine is told of a case, with the texts under which agents find it."""
    it = described or description_of(case)
    return CaseFacts(
        id=case.id,
        reference=case.reference,
        procedure=case.slug,
        title=case.title,
        subject=f"{it.owner_name} · {it.subject}" if it.subject else it.owner_name,
        owner_id=case.owner_id,
        household_id=case.household_id,
        structure_id=it.structure_id,
        channel=case.channel,
        search=search_keys(case.reference, it.owner_name, it.subject),
    )


def search_keys(reference: str, *texts: str) -> tuple[str, ...]:
    """A name can be typed from any of its words: « martin lena », « lena martin »; the reference from its start."""
    keys = [fold(reference)]
    for text in texts:
        words = fold(text).replace(",", " ").split()[:6]
        keys += [" ".join(words[i:] + words[:i]) for i in range(len(words))]
    return tuple(dict.fromkeys(key for key in keys if key))


@dataclass(frozen=True)
class Opened:
    """A case with what a step needs of it, read (and, to act, locked) in one statement."""

    case: Case
    instance: Instance
    task: Task | None
    draft: Draft | None

    @cached_property
    def facts(self) -> CaseFacts:
        return facts_of(self.case)


_CASES, _INSTANCES = cast(Table, Case.__table__), cast(Table, Instance.__table__)
_TASKS, _DRAFTS = cast(Table, Task.__table__), cast(Table, Draft.__table__)
_ANSWERS, _SUBSCRIPTIONS = cast(Table, Answer.__table__), cast(Table, Subscription.__table__)


def _rows(which: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    """A case and its instance, with the tasks that ``which`` chooses and their drafts."""
    return (
        select(*_CASES.c, *_INSTANCES.c, *_TASKS.c, *_DRAFTS.c)
        .join_from(_CASES, _INSTANCES, _INSTANCES.c.case_id == _CASES.c.id)
        .outerjoin(_TASKS, and_(_TASKS.c.case_id == _CASES.c.id, which))
        .outerjoin(_DRAFTS, and_(_DRAFTS.c.case_id == _CASES.c.id, _DRAFTS.c.node == _TASKS.c.node))
        .where(_CASES.c.id == bindparam("case", type_=Uuid()))
    )


# Built once: every page and every step of a demande runs one of them.
_ONE_TASK = _rows(_TASKS.c.id == bindparam("task", type_=Uuid()))
_ROWS = Hot(_ONE_TASK)
# Both rows: on PostgreSQL only locked rows are re-read after waiting for somebody else's step.
_LOCKED_ROWS = Hot(_ONE_TASK.with_for_update(of=(_CASES, _INSTANCES)))
_OPEN_ROWS = Hot(_rows(_TASKS.c.closed_at.is_(None)).order_by(_TASKS.c.opened_at))
_OPEN_TASKS = Hot(
    select(*_TASKS.c)
    .where(_TASKS.c.case_id == bindparam("case", type_=Uuid()), _TASKS.c.closed_at.is_(None))
    .order_by(_TASKS.c.opened_at)
)
_ANSWERS_OF = Hot(
    select(*_ANSWERS.c).where(_ANSWERS.c.case_id == bindparam("case", type_=Uuid())).order_by(_ANSWERS.c.number)
)
_AWAITED = Hot(
    select(_SUBSCRIPTIONS.c.name).where(
        _SUBSCRIPTIONS.c.case_id == bindparam("case", type_=Uuid()), _SUBSCRIPTIONS.c.kind == "message"
    )
)


def ask_case(session: Session, case_id: uuid.UUID, task_id: uuid.UUID | None = None, *, lock: bool = False) -> None:
    """Says that these rows will be asked: they come with what is read next (``Hot.ahead``)."""
    (_LOCKED_ROWS if lock else _ROWS).ahead(session, case=case_id, task=task_id)


def ask_whole_case(session: Session, case_id: uuid.UUID) -> None:
    """Says that ``agents_open_case`` and ``answers_of`` will be asked."""
    _OPEN_ROWS.ahead(session, case=case_id)
    _ANSWERS_OF.ahead(session, case=case_id)


def open_case_rows(
    session: Session, case_id: uuid.UUID, task_id: uuid.UUID | None = None, *, lock: bool = False
) -> Opened:
    """The rows of a case, and of one of its tasks. Raises NotFound. Says nothing of rights: see the loaders."""
    write_begun(session)
    rows = (_LOCKED_ROWS if lock else _ROWS).rows(session, case=case_id, task=task_id)
    if not rows:
        raise NotFound
    return _opened(session, rows[0], fresh=lock)


def _opened(session: Session, row: Row, *, fresh: bool = False) -> Opened:
    """One row of ``_rows``; ``fresh`` says that it was read under a lock and replaces what the session knew."""
    found: list[Any] = []
    for kind, table in ((Case, _CASES), (Instance, _INSTANCES), (Task, _TASKS), (Draft, _DRAFTS)):
        cells, row = row[: len(table.c)], row[len(table.c) :]
        found.append(entity(session, kind, cells, fresh=fresh))
    return Opened(*found)


def begun(session: Session, case: Case, outcome: Outcome, task_id: uuid.UUID | None = None) -> Opened:
    """What ``opening.open_case`` has just written, with the step ``task_id``, or the first one it opened, if any."""
    assert outcome.instance is not None, "only the step that begins a demande gives its instance"
    row = next((row for row in outcome.rows if task_id in (None, row["id"])), None)
    task = stored(session, Task, row) if row is not None else None
    return Opened(case, outcome.instance, task, None)


def is_theirs(session: Session, who: Who, case: Case) -> bool:
    """True for the person who filed, and for whoever holds the same rights: an adult of the same household who may act
    for the child it is about (F5). Living there is not enough (R-20)."""
    if who.actor.kind == "parent" and who.actor.id is not None:
        if case.owner_id == who.actor.id:
            return True
        if case.household_id is None or case.child_id is None:
            return False
        shared = select(Case.id).where(Case.id == case.id, _shared_with(who.actor.id))
        return session.scalar(shared) is not None
    return who.visitor_hash is not None and case.visitor_hash == who.visitor_hash


def may_read(actor: Actor, case: Case) -> bool:
    """True for agents who may read the cases of that structure; drafts stay the family's."""
    return actor.can(Permission.CASE_READ, case.structure_id) and case.submitted_at is not None


def their_case(
    session: Session, who: Who, case_id: uuid.UUID, task_id: uuid.UUID | None = None, *, lock: bool = False
) -> Opened:
    """A family's own case. Raises NotFound for anybody else's."""
    opened = open_case_rows(session, case_id, task_id, lock=lock)
    if not is_theirs(session, who, opened.case):
        raise NotFound
    return opened


def agents_case(
    session: Session, actor: Actor, case_id: uuid.UUID, task_id: uuid.UUID | None = None, *, lock: bool = False
) -> Opened:
    """A case an agent may know of. Raises NotFound otherwise."""
    opened = open_case_rows(session, case_id, task_id, lock=lock)
    if not may_read(actor, opened.case):
        raise NotFound
    return opened


def agents_open_case(session: Session, actor: Actor, case_id: uuid.UUID) -> Sequence[Opened]:
    """A case an agent may know of, once for each of its open tasks; once without when nothing waits. One statement.

    Raises NotFound like ``agents_case``.
    """
    found = [_opened(session, row) for row in _OPEN_ROWS.rows(session, case=case_id)]
    if not found or not may_read(actor, found[0].case):
        raise NotFound
    return found


def case_by_reference(session: Session, actor: Actor, reference: str) -> uuid.UUID | None:
    """The id of the demande of this reference, if this agent may read it."""
    case = session.scalar(select(Case).where(Case.reference == reference.strip().upper()).limit(1))
    return case.id if case is not None and may_read(actor, case) else None


def is_mine(session: Session, who: Who, case: Case, task: Task) -> bool:
    """True when this person may complete this task: the family's lane is its filer's, the others their role's."""
    if task.lane == FAMILY_LANE:
        return is_theirs(session, who, case)
    if not who.actor.holds(task.lane, task.structure_id):
        return False
    return task.assignee_id is None or task.assignee_id == who.actor.id


def answers_of(session: Session, case_id: uuid.UUID) -> Sequence[Answer]:
    """Everything that was sent in a case, oldest first."""
    return entities(session, Answer, _ANSWERS_OF.rows(session, case=case_id))


def open_tasks(session: Session, case_id: uuid.UUID) -> Sequence[Task]:
    """The human tasks that wait in a case."""
    return entities(session, Task, _OPEN_TASKS.rows(session, case=case_id))


def their_cases(
    session: Session,
    who: Who,
    *,
    status: str | None = None,
    period: str = "toutes",
    slug: str | None = None,
    child_id: uuid.UUID | None = None,
    limit: int = 20,
    offset: int = 0,
) -> Sequence[tuple[Case, Task | None]]:
    """A family's demandes, last touched first, each with the step that waits for the family, if any.

    ``period`` is ``toutes``, ``encours`` or ``passees``; one row more than ``limit`` says that there is a next page.
    """
    query = (
        select(Case, Task)
        .outerjoin(Task, and_(Task.case_id == Case.id, Task.lane == FAMILY_LANE, Task.closed_at.is_(None)))
        .where(_theirs(who))
        .order_by(Case.updated_at.desc())
        .limit(limit + 1)
        .offset(offset)
    )
    if status:
        query = query.where(Case.status == status)
    if period != "toutes":
        query = query.where(Case.status.in_(OPEN_STATUSES if period == "encours" else PAST_STATUSES))
    if slug:
        query = query.where(Case.slug == slug)
    if child_id:
        query = query.where(Case.child_id == child_id)
    return [(row[0], row[1]) for row in session.execute(query)]


def answers_due(session: Session, case_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, datetime]:
    """By when a service answers each of these demandes; those that wait for nobody but the family are absent."""
    if not case_ids:
        return {}
    due = (
        select(Task.case_id, func.min(Task.due_at))
        .where(Task.case_id.in_(case_ids), Task.closed_at.is_(None), Task.lane != FAMILY_LANE)
        .group_by(Task.case_id)
    )
    return {row[0]: row[1] for row in session.execute(due)}


def modifiable_among(session: Session, cases: Iterable[Case]) -> frozenset[uuid.UUID]:
    """Those of these demandes that « modifier » may reopen now: en attente, and drawn so (D2). One statement."""
    waiting = [case.id for case in cases if case.status == "en_attente"]
    if not waiting:
        return frozenset()
    query = select(Subscription.case_id).where(
        Subscription.case_id.in_(waiting), Subscription.kind == "message", Subscription.name == "modifier"
    )
    return frozenset(session.scalars(query))


def _theirs(who: Who) -> ColumnElement[bool]:
    if who.actor.kind != "parent" or who.actor.id is None:
        return Case.visitor_hash == (who.visitor_hash or "")
    return or_(Case.owner_id == who.actor.id, _shared_with(who.actor.id))


def _shared_with(account_id: uuid.UUID) -> ColumnElement[bool]:
    """Cases of her household about a child for whom she may act."""
    return and_(
        Case.household_id == own_household(account_id),
        Case.child_id.in_(children_over_whom(account_id, Action.MODIFY)),
    )


def draft_of(session: Session, who: Who, slug: str) -> Opened | None:
    """The last draft of that démarche by this person, to resume rather than start again (D4)."""
    mine = _VISITORS_DRAFT if who.actor.kind != "parent" else _PARENTS_DRAFT
    whose = who.visitor_hash or "" if who.actor.kind != "parent" else who.actor.id
    rows = mine.rows(session, slug=slug, whose=whose)
    return open_case_rows(session, *rows[0]) if rows else None


def _draft_by(whose: Column[Any]) -> Hot:
    return Hot(
        select(_CASES.c.id, _TASKS.c.id.label("task_id"))
        .join_from(_CASES, _TASKS, and_(_TASKS.c.case_id == _CASES.c.id, _TASKS.c.closed_at.is_(None)))
        .where(_CASES.c.slug == bindparam("slug"), _CASES.c.status == "brouillon", _CASES.c.submitted_at.is_(None))
        .where(whose == bindparam("whose"))
        .order_by(_CASES.c.updated_at.desc())
        .limit(1)
    )


_PARENTS_DRAFT, _VISITORS_DRAFT = _draft_by(_CASES.c.owner_id), _draft_by(_CASES.c.visitor_hash)


def may_abandon(session: Session, case: Case) -> bool:
    """True for a draft: deleted when it was never sent, else cancelled, if its process draws it on this step."""
    if case.status != "brouillon":
        return False
    return case.submitted_at is None or "annuler" in awaited_messages(session, case.id)


def awaited_messages(session: Session, case_id: uuid.UUID) -> frozenset[str]:
    """The messages its process waits for now: what « modifier » and « annuler » depend on (D2)."""
    return frozenset(name for (name,) in _AWAITED.rows(session, case=case_id))
