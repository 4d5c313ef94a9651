"""emit(): a fact to deliver after commit. ``pending → sent → done | failed`` (design.md, invariant 7).

*pending* is written with the change itself. The clock hands rows to a worker and marks them *sent*; only the worker
that did the work marks them *done*. What stays *sent* too long is handed over again, so whoever treats a fact must
first ask "already done?".
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import Index, Table, and_, or_, select, text, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from app import clock
from app.db import Base, Json, LongText, new_id
from app.hot import Hot, adding

RESEND_AFTER = timedelta(seconds=60)
MAX_ATTEMPTS = 8


class OutboxFact(Base):
    """A fact in the past tense (``case.closed``) and the ids it is about."""

    __tablename__ = "outbox"
    __table_args__ = (
        Index(
            "ix_outbox_waiting",
            "due_at",
            sqlite_where=text("state IN ('pending', 'sent')"),
            postgresql_where=text("state IN ('pending', 'sent')"),
        ),
        Index("ix_outbox_state_created_at", "state", "created_at"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    payload: Mapped[dict[str, Json]]
    state: Mapped[str]
    attempts: Mapped[int]
    created_at: Mapped[datetime]
    due_at: Mapped[datetime]
    error: Mapped[str | None] = mapped_column(LongText)


_ADD = Hot(adding(cast(Table, OutboxFact.__table__)))


def emit(session: Session, kind: str, *, due_at: datetime | None = None, **payload: Json) -> uuid.UUID:
    """Adds a fact to this transaction. ``payload`` holds ids and codes only: the worker re-reads the rows."""
    now = clock.now()
    fact_id = new_id()
    pending: list[dict[str, Json]] = session.info.setdefault("outbox", [])
    pending.append(
        {
            "id": fact_id,
            "kind": kind,
            "payload": payload,
            "state": "pending",
            "attempts": 0,
            "created_at": now,
            "due_at": due_at or now,
            "error": None,
        }
    )
    return fact_id


def write_pending(session: Session) -> None:
    """Writes what ``emit`` gathered, in one statement. Called before commit."""
    if pending := session.info.pop("outbox", []):
        _ADD.later(session, pending)


def claim_batch(session: Session, limit: int = 100) -> Sequence[OutboxFact]:
    """Takes the facts that are due, marks them *sent* and pushes their next hand-over away. For the clock."""
    now = clock.now()
    facts = session.scalars(
        select(OutboxFact)
        .where(OutboxFact.state.in_(("pending", "sent")), OutboxFact.due_at <= now)
        .order_by(OutboxFact.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    if facts:
        session.execute(
            update(OutboxFact)
            .where(OutboxFact.id.in_([fact.id for fact in facts]))
            .values(state="sent", due_at=now + RESEND_AFTER)
        )
    return facts


def begin(session: Session, fact_id: uuid.UUID) -> OutboxFact | None:
    """The fact, locked, if it still has to be done; ``None`` when somebody did it. For the worker."""
    fact = session.scalars(select(OutboxFact).where(OutboxFact.id == fact_id).with_for_update()).one_or_none()
    return fact if fact is not None and fact.state in ("pending", "sent") else None


def mark_done(session: Session, fact_id: uuid.UUID) -> None:
    session.execute(update(OutboxFact).where(OutboxFact.id == fact_id).values(state="done", error=None))


def mark_tried(session: Session, fact_id: uuid.UUID, error: str) -> None:
    """One more failure: next try after 2^n × 15 s, or *failed* after MAX_ATTEMPTS (shown to administrators)."""
    fact = session.get(OutboxFact, fact_id, with_for_update=True)
    if fact is None or fact.state in ("done", "failed"):
        return
    fact.attempts += 1
    fact.error = error[:2000]
    fact.due_at = clock.now() + timedelta(seconds=15 * 2**fact.attempts)
    fact.state = "failed" if fact.attempts >= MAX_ATTEMPTS else "pending"


def retry(session: Session, fact_id: uuid.UUID) -> None:
    """Puts a *failed* fact back in the queue. For the administrator's button."""
    session.execute(
        update(OutboxFact)
        .where(and_(OutboxFact.id == fact_id, or_(OutboxFact.state == "failed", OutboxFact.state == "pending")))
        .values(state="pending", attempts=0, due_at=clock.now())
    )
