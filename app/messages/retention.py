"""What is not kept for ever: mails that left, and facts that are done."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

from sqlalchemy import Select, delete, select

from app import clock
from app.chores import every
from app.config import Settings
from app.db import Base, Database
from app.messages.mails import FAILED, HELD, SENT, Mail
from app.outbox import OutboxFact

#: Long enough to answer « I never received it » about a whole school year.
KEEP_MAILS = timedelta(days=400)
#: Facts hold ids only; they are kept to look into an incident.
KEEP_FACTS = timedelta(days=90)
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
