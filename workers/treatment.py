"""What a worker does with one fact, whatever brought it: start, handler, mails, done — or one more failure noted."""

from __future__ import annotations

import logging
import traceback
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import update

from app import clock, outbox
from app.config import Settings
from app.db import Database, Json
from app.facts import Work, handler_of, last_word_of
from app.mail import writer_of
from app.messages.delivery import deliver, give_up
from app.messages.smtp import MailNotSent
from app.outbox import RESEND_AFTER, OutboxFact

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Started:
    kind: str
    payload: dict[str, Json]


def lease_of(due_at: datetime) -> str:
    """What tells one hand-over of a fact from the next: the instant at which it would be handed over again."""
    return due_at.isoformat()


def treat(database: Database, settings: Settings, fact_id: uuid.UUID, lease: str | None = None) -> None:
    """Does what a fact asks for, once. Returns quietly when it is done already, or when ``lease`` is no longer its own
    (the fact was handed over again, or another worker started it). Failures are noted, not raised."""
    started = _start(database, fact_id, lease)
    if started is None:
        return
    work = Work(database, settings, fact_id)
    try:
        _do(work, started)
    except Exception as error:
        note_failure(database, fact_id, error)


def _start(database: Database, fact_id: uuid.UUID, lease: str | None) -> _Started | None:
    """Takes the fact for ``RESEND_AFTER``. A fact that asks for nothing is done here and now."""
    with database.transaction() as session:
        fact = outbox.begin(session, fact_id)
        if fact is None or (lease is not None and lease_of(fact.due_at) != lease):
            return None
        if handler_of(fact.kind) is None and writer_of(fact.kind) is None:
            outbox.mark_done(session, fact_id)
            return None
        fact.state = "sent"
        # always later than before, even under a clock that stands still: the old lease ends here
        fact.due_at = max(clock.now() + RESEND_AFTER, fact.due_at + timedelta(microseconds=1))
        return _Started(fact.kind, fact.payload)


def _do(work: Work, started: _Started) -> None:
    if (handler := handler_of(started.kind)) is not None:
        handler(work, started.payload)
    if (writer := writer_of(started.kind)) is not None:
        with work.database.transaction(read_only=True) as session:
            drafts = writer(session, work.settings, started.payload)
        deliver(work, started.kind, drafts)
    else:
        with work.database.transaction() as session:
            outbox.mark_done(session, work.fact_id)


def note_failure(database: Database, fact_id: uuid.UUID, error: BaseException) -> None:
    """One more failure of this fact: the next try later, or *failed* (its mails too) after too many."""
    cause = cause_of(error)
    log.warning("fact %s failed: %s", fact_id, cause)
    with database.transaction() as session:
        outbox.mark_tried(session, fact_id, cause)
        session.flush()
        fact = session.get(OutboxFact, fact_id)
        if fact is not None and fact.state == "failed":
            give_up(session, fact_id)
            if (last_word := last_word_of(fact.kind)) is not None:
                last_word(session, fact.payload, cause)


def give_back(database: Database, fact_id: uuid.UUID) -> None:
    """Leaves a fact that was started to the next worker, at once: this one is being stopped."""
    with database.transaction() as session:
        session.execute(
            update(OutboxFact)
            .where(OutboxFact.id == fact_id, OutboxFact.state == "sent")
            .values(state="pending", due_at=clock.now())
        )


def cause_of(error: BaseException) -> str:
    """The kind of an exception and where it happened; its text may name a person and goes neither to rows nor logs."""
    if isinstance(error, MailNotSent):
        return f"Courriel : {error.cause}"
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "site-packages" not in frame.filename]
    where = f" ({Path(own[-1].filename).name}, ligne {own[-1].lineno})" if own else ""
    return f"{type(error).__name__}{where}"


def treat_due(database: Database, settings: Settings, *, limit: int = 1000) -> int:
    """Treats here, without a broker, what is due now; returns how many facts. For tests and the command line."""
    done = 0
    while done < limit:
        with database.transaction() as session:
            leases = [
                (fact.id, lease_of(fact.due_at)) for fact in outbox.claim_batch(session, limit=min(100, limit - done))
            ]
        if not leases:
            break
        for fact_id, lease in leases:
            treat(database, settings, fact_id, lease)
        done += len(leases)
    return done
