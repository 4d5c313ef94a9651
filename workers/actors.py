"""The one actor: do what a fact of the outbox asks for."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import dramatiq
from dramatiq import Broker
from dramatiq.middleware import Shutdown, TimeLimitExceeded

from app.config import Settings
from app.db import Database
from workers.broker import TIME_LIMIT
from workers.treatment import give_back, note_failure, treat

Enqueue = Callable[[uuid.UUID, str], None]

QUEUE = "facts"


def declare(
    broker: Broker, database: Database, settings: Settings, *, queue: str = QUEUE
) -> dramatiq.Actor[[str, str], None]:
    """Declares ``perform(fact_id, lease)`` on ``broker``, working on ``database``."""

    def perform(fact_id: str, lease: str) -> None:
        fact = uuid.UUID(fact_id)
        try:
            treat(database, settings, fact, lease)
        except TimeLimitExceeded as error:
            note_failure(database, fact, error)
        except Shutdown:
            give_back(database, fact)

    declared = dramatiq.actor(
        actor_name="perform", queue_name=queue, broker=broker, max_retries=0, time_limit=TIME_LIMIT
    )
    return declared(perform)


def enqueuing(broker: Broker, queue: str = QUEUE) -> Enqueue:
    """The function that hands a fact over to the workers of ``broker``; the clock needs no more of dramatiq."""
    broker.declare_queue(queue)

    def enqueue(fact_id: uuid.UUID, lease: str) -> None:
        broker.enqueue(
            dramatiq.Message(queue_name=queue, actor_name="perform", args=(str(fact_id), lease), kwargs={}, options={})
        )

    return enqueue
