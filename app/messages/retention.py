"""What is not kept for ever: mails that left, and facts that are done."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime, time, timedelta
from typing import Any

from sqlalchemy import Select, and_, delete, func, or_, select
from sqlalchemy.orm import Session

from app import clock
from app.chores import every
from app.config import Settings
from app.db import Base, Database
from app.documents.keys import release_keys
from app.messages.mails import FAILED, HELD, SENT, TO_SEND, Mail
from app.messages.models import Attachment, Message, Thread
from app.outbox import OutboxFact

#: Long enough to answer « I never received it » about a whole school year.
KEEP_MAILS = timedelta(days=400)
#: Facts hold ids only; they are kept to look into an incident.
KEEP_FACTS = timedelta(days=90)
#: Notices of the portal (R-75), and what people wrote to each other: as long as an account may sleep.
KEEP_NOTICES = timedelta(days=365)
KEEP_TALKS = timedelta(days=730)
BATCH = 500
BATCHES = 200


def _sweep(database: Database, model: type[Base], old: Select[Any]) -> int:
    """Deletes what ``old`` selects (ids), a bounded number of short transactions at a time; returns how many rows."""
    gone = 0
    for _ in range(BATCHES):
        with database.transaction() as session:
            ids = session.scalars(old.limit(BATCH)).all()
            if ids:
                session.execute(delete(model).where(model.__table__.c.id.in_(ids)))
        gone += len(ids)
        if len(ids) < BATCH:
            break
    return gone


def _before(kept: timedelta) -> datetime:
    return clock.now() - kept


@every(name="messages.forget_mails", at=time(3, 10))
def forget_mails(database: Database, _settings: Settings) -> None:
    """Deletes the mails older than ``KEEP_MAILS``, except those still to send."""
    old = select(Mail.id).where(Mail.state.in_((SENT, HELD, FAILED)), Mail.created_at < _before(KEEP_MAILS))
    _sweep(database, Mail, old)


@every(name="outbox.forget_facts", at=time(3, 20))
def forget_facts(database: Database, _settings: Settings) -> None:
    """Deletes the facts done for longer than ``KEEP_FACTS``; failed ones stay until somebody looks at them."""
    old = select(OutboxFact.id).where(OutboxFact.state == "done", OutboxFact.created_at < _before(KEEP_FACTS))
    _sweep(database, OutboxFact, old)


@every(name="messages.forget_threads", at=time(3, 40))
def forget_threads(database: Database, _settings: Settings) -> None:
    """Deletes the threads in which nothing was written for so long, with their files.

    The thread of a demande is part of its history, and stays with it.
    """
    old = or_(
        and_(Thread.talk.is_(False), Thread.last_at < _before(KEEP_NOTICES)),
        and_(Thread.talk, Thread.last_at < _before(KEEP_TALKS)),
    )
    query = select(Thread.id).where(Thread.case_id.is_(None), old).order_by(Thread.last_at).limit(BATCH)
    for _ in range(BATCHES):
        with database.transaction() as session:
            threads = session.scalars(query.with_for_update(skip_locked=True)).all()
            delete_threads(session, threads)
        if len(threads) < BATCH:
            break


def forget_case(session: Session, case_id: uuid.UUID, reference: str, addresses: Collection[str]) -> int:
    """Deletes the conversations about a demande, and the mails about it to these addresses; how many messages went."""
    threads = session.scalars(select(Thread.id).where(Thread.case_id == case_id).with_for_update()).all()
    gone = session.scalar(select(func.count()).where(Message.thread_id.in_(threads))) or 0
    delete_threads(session, threads)
    about = or_(*(text.contains(word) for text in (Mail.subject, Mail.body) for word in (reference, str(case_id))))
    if addresses:
        session.execute(delete(Mail).where(Mail.recipient.in_(addresses), Mail.state != TO_SEND, about))
    return gone


def delete_threads(session: Session, ids: Sequence[uuid.UUID]) -> None:
    """Deletes threads with their messages; the bytes of their files are left to the sweep of pieces."""
    if not ids:
        return
    theirs = select(Message.id).where(Message.thread_id.in_(ids))
    release_keys(session, session.scalars(select(Attachment.key).where(Attachment.message_id.in_(theirs))))
    session.execute(delete(Attachment).where(Attachment.message_id.in_(theirs)))
    session.execute(delete(Message).where(Message.thread_id.in_(ids)))
    session.execute(delete(Thread).where(Thread.id.in_(ids)))
