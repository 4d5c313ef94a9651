"""Reads of messages and mails. A list is one statement on ``threads``; a thread that may not be known is NotFound."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Row, and_, exists, func, literal, or_, select, true
from sqlalchemy.orm import Session

from app.accounts.models import Account
from app.errors import NotFound
from app.families.loading import child_visible_to
from app.families.models import Adult, Child, HouseholdChild
from app.messages.mails import Mail
from app.messages.models import Attachment, Message, Thread
from app.policy import Actor, Permission, require
from app.town.queries import structure_names

PAGE = 30
TOWN_HALL = "La mairie"
UNKNOWN_FAMILY = "Cette famille n’a pas de compte à qui écrire."
UNKNOWN = "Cette conversation n’existe pas ou ne vous est pas destinée."


@dataclass(frozen=True)
class ThreadLine:
    """A thread in a list; ``other`` is who is at the other end, ``unread`` counts for the reader's side."""

    id: uuid.UUID
    subject: str
    excerpt: str
    other: str
    service: str
    last_at: datetime
    last_author: str
    unread: int
    awaiting: bool


@dataclass(frozen=True)
class ThreadPage:
    lines: list[ThreadLine]
    page: int
    more: bool


def serves(actor: Actor, structure_id: uuid.UUID | None) -> bool:
    """Whether this agent reads what is written to that structure (``None``: the town hall, for agents of all)."""
    if actor.kind == "system":
        return True
    scope = actor.structures(Permission.MESSAGE_ANSWER)
    return scope is None or structure_id in scope


def _served_by(actor: Actor) -> ColumnElement[bool]:
    scope = actor.structures(Permission.MESSAGE_ANSWER)
    return true() if scope is None else Thread.structure_id.in_(sorted(scope))


def thread_row(session: Session, actor: Actor, thread_id: uuid.UUID, *, lock: bool = False) -> Thread:
    """The thread, if this person is one of its two sides. Raises NotFound otherwise."""
    thread = session.get(Thread, thread_id, with_for_update=lock or None, populate_existing=lock)
    if thread is None:
        raise NotFound(UNKNOWN)
    if actor.kind == "parent" and not actor.is_agent:
        visible = thread.account_id == actor.id
    else:
        visible = thread.talk and serves(actor, thread.structure_id)
    if not visible:
        raise NotFound(UNKNOWN)
    return thread


def messages_of(session: Session, thread_id: uuid.UUID) -> Sequence[Message]:
    """The messages of a thread, oldest first."""
    return session.scalars(select(Message).where(Message.thread_id == thread_id).order_by(Message.number)).all()


def unread_of_account(account_id: ColumnElement[uuid.UUID]) -> ColumnElement[int]:
    """Messages that a parent has not opened, as part of another statement. Reads one partial index."""
    waiting = (Thread.account_id == account_id, Thread.family_unread > 0)
    return select(func.coalesce(func.sum(Thread.family_unread), 0)).where(*waiting).scalar_subquery()


def attachments_of(session: Session, thread_id: uuid.UUID) -> dict[uuid.UUID, list[Attachment]]:
    """The files of a thread, by message, in the order they were sent."""
    query = (
        select(Attachment)
        .join(Message, Message.id == Attachment.message_id)
        .where(Message.thread_id == thread_id)
        .order_by(Attachment.message_id, Attachment.position)
    )
    found: dict[uuid.UUID, list[Attachment]] = {}
    for one in session.scalars(query):
        found.setdefault(one.message_id, []).append(one)
    return found


def unread_for(session: Session, account_id: uuid.UUID) -> int:
    """Messages that a parent has not opened."""
    return int(session.scalar(select(unread_of_account(literal(account_id)))) or 0)


def awaiting_for(session: Session, actor: Actor) -> int:
    """Threads where the family wrote last, in the structures of this agent. Reads one partial index."""
    query = select(func.count()).where(_served_by(actor), Thread.last_side == "family")
    return int(session.scalar(query) or 0)


_COLUMNS = (
    Thread.id,
    Thread.subject,
    Thread.excerpt,
    Thread.structure_id,
    Thread.last_at,
    Thread.last_side,
    Thread.last_author,
    Thread.family_unread,
    Thread.service_unread,
)


def threads_of(session: Session, account_id: uuid.UUID, *, page: int = 1) -> ThreadPage:
    """The threads of a parent, latest first, ``PAGE`` a page."""
    query = select(*_COLUMNS).where(Thread.account_id == account_id).order_by(Thread.last_at.desc(), Thread.id)
    page = max(1, page)
    rows = session.execute(query.limit(PAGE + 1).offset((page - 1) * PAGE)).all()
    names = structure_names(session)
    lines = [
        _line(row, names, other=names.get(row.structure_id, TOWN_HALL), unread=row.family_unread) for row in rows[:PAGE]
    ]
    return ThreadPage(lines, page, len(rows) > PAGE)


def threads_for(
    session: Session,
    actor: Actor,
    *,
    awaiting: bool = False,
    structure_id: uuid.UUID | None = None,
    page: int = 1,
) -> ThreadPage:
    """The threads of the structures that this agent serves, latest first; ``awaiting``: the family wrote last."""
    require(actor, Permission.MESSAGE_ANSWER)
    query = (
        select(*_COLUMNS, Account.first_name, Account.last_name)
        .join(Account, Account.id == Thread.account_id)
        .where(Thread.talk, _served_by(actor))
        .order_by(Thread.last_at.desc(), Thread.id)
    )
    if awaiting:
        query = query.where(Thread.last_side == "family")
    if structure_id is not None:
        query = query.where(Thread.structure_id == structure_id)
    page = max(1, page)
    rows = session.execute(query.limit(PAGE + 1).offset((page - 1) * PAGE)).all()
    names = structure_names(session)
    lines = [
        _line(row, names, other=f"{row.first_name} {row.last_name}", unread=row.service_unread) for row in rows[:PAGE]
    ]
    return ThreadPage(lines, page, len(rows) > PAGE)


def _line(row: Row[*tuple[object, ...]], names: dict[uuid.UUID, str], *, other: str, unread: int) -> ThreadLine:
    return ThreadLine(
        id=row.id,
        subject=row.subject,
        excerpt=row.excerpt,
        other=other,
        service=names.get(row.structure_id, TOWN_HALL),
        last_at=row.last_at,
        last_author=row.last_author,
        unread=unread,
        awaiting=row.last_side == "family",
    )


def parent_name(session: Session, actor: Actor, account_id: uuid.UUID | None) -> str:
    """« Prénom Nom » of an active parent whom this agent may write to. Raises NotFound."""
    row = session.execute(
        select(Account.first_name, Account.last_name).where(
            Account.id == account_id, Account.kind == "parent", Account.state == "active", _known_to(actor)
        )
    ).one_or_none()
    if row is None:
        raise NotFound(UNKNOWN_FAMILY)
    return f"{row.first_name} {row.last_name}"


def _known_to(actor: Actor) -> ColumnElement[bool]:
    """Parents of a child whom the structures of this agent receive, of no child yet, or who wrote to them."""
    scope = None if actor.kind == "system" else actor.structures(Permission.MESSAGE_ANSWER)
    if scope is None:
        return true()
    lives_there = and_(Adult.account_id == Account.id, HouseholdChild.household_id == Adult.household_id)
    received = and_(
        lives_there, Child.id == HouseholdChild.child_id, child_visible_to(actor, Permission.MESSAGE_ANSWER)
    )
    wrote = and_(Thread.account_id == Account.id, Thread.talk, Thread.structure_id.in_(sorted(scope)))
    return or_(exists().where(received), ~exists().where(lives_there), exists().where(wrote))


@dataclass(frozen=True)
class MailLine:
    """A mail in the administrators' list."""

    id: uuid.UUID
    recipient: str
    subject: str
    state: str
    created_at: datetime
    attempts: int
    error: str | None


@dataclass(frozen=True)
class MailPage:
    lines: list[MailLine]
    page: int
    more: bool


def mails(session: Session, actor: Actor, *, state: str = "", recipient: str = "", page: int = 1) -> MailPage:
    """Mails, latest first, of one ``state`` or of all, to addresses that begin with ``recipient``."""
    require(actor, Permission.MAIL_READ)
    columns = (Mail.id, Mail.recipient, Mail.subject, Mail.state, Mail.created_at, Mail.attempts, Mail.error)
    query = select(*columns).order_by(Mail.created_at.desc(), Mail.id)
    if state:
        query = query.where(Mail.state == state)
    if start := recipient.strip().lower():
        query = query.where(Mail.recipient.startswith(start, autoescape=True))
    page = max(1, page)
    rows = session.execute(query.limit(PAGE + 1).offset((page - 1) * PAGE)).all()
    return MailPage([MailLine(**row._mapping) for row in rows[:PAGE]], page, len(rows) > PAGE)


def mail(session: Session, actor: Actor, mail_id: uuid.UUID) -> Mail:
    """One mail. Raises NotFound."""
    require(actor, Permission.MAIL_READ)
    found = session.get(Mail, mail_id)
    if found is None:
        raise NotFound("Ce courriel n’existe pas ou a été effacé.")
    return found


def mail_counts(session: Session) -> dict[str, int]:
    """How many mails wait and how many failed: what an administrator has to look at. Reads one index."""
    query = select(Mail.state, func.count()).where(Mail.state.in_(("to_send", "failed"))).group_by(Mail.state)
    return {row[0]: row[1] for row in session.execute(query)}
