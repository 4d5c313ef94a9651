"""Kinds of facts that only tests know, and the house where they happen.

``test.letter`` sends one mail to ``to``; ``test.pair`` two; ``test.work`` runs a handler that counts; ``test.both``
does both; ``test.trouble`` always fails with a text that must not be shown.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from threading import Lock

from sqlalchemy import select
from sqlalchemy.orm import Session

import app.accounts.models
import app.chores
import app.messages.tasks
import app.town.models  # noqa: F401  # imported for their tables
from app.composition import open_database
from app.config import Settings
from app.db import Base, Database, Json
from app.facts import Work, handles
from app.mail import MailDraft, mails_for
from app.messages.mails import Mail
from app.outbox import OutboxFact, emit

SECRET = "léa.durand@example.org habite 4 rue des Lilas"


@dataclass
class House:
    """A database, its settings, and short ways to look at it."""

    database: Database
    settings: Settings
    worked: list[uuid.UUID] = field(default_factory=list)

    def with_mail(self, url: str) -> House:
        return House(self.database, replace(self.settings, mail_url=url))

    def emit(self, kind: str, **payload: Json) -> uuid.UUID:
        with self.database.transaction() as session:
            return emit(session, kind, **payload)

    def fact(self, fact_id: uuid.UUID) -> OutboxFact:
        with self.database.transaction(read_only=True) as session:
            return session.get_one(OutboxFact, fact_id)

    def states(self) -> dict[uuid.UUID, str]:
        with self.database.transaction(read_only=True) as session:
            return {row.id: row.state for row in session.execute(select(OutboxFact.id, OutboxFact.state))}

    def mails(self) -> list[Mail]:
        with self.database.transaction(read_only=True) as session:
            return list(session.scalars(select(Mail).order_by(Mail.created_at, Mail.position)))


def build_house(settings: Settings) -> Iterator[House]:
    database = open_database(settings)
    Base.metadata.create_all(database.engine)
    done.clear()
    try:
        yield House(database, settings)
    finally:
        database.dispose()


#: Facts whose handler ran, once per run.
done: list[uuid.UUID] = []
_lock = Lock()


@mails_for("test.letter")
def letter(session: Session, settings: Settings, payload: dict[str, Json]) -> list[MailDraft]:
    return [
        MailDraft(
            payload["to"],
            payload.get("subject", "Votre demande avance"),
            "Bonjour,\n\nÀ bientôt.\n",
            payload.get("sensitive", False),
        )
    ]


@mails_for("test.pair")
def pair(session: Session, settings: Settings, payload: dict[str, Json]) -> list[MailDraft]:
    return [MailDraft(to, f"Lettre à {number}", "Bonjour.\n") for number, to in enumerate(payload["to"])]


@handles("test.work")
def work(work: Work, payload: dict[str, Json]) -> None:
    with _lock:
        done.append(work.fact_id)


@handles("test.both")
def both(work: Work, payload: dict[str, Json]) -> None:
    with _lock:
        done.append(work.fact_id)


@mails_for("test.both")
def both_letters(session: Session, settings: Settings, payload: dict[str, Json]) -> list[MailDraft]:
    return [MailDraft("parent@example.org", "Après le travail", f"Déjà fait : {len(done)}\n")]


@handles("test.trouble")
def trouble(work: Work, payload: dict[str, Json]) -> None:
    raise RuntimeError(SECRET)
