"""Demandes that ended, with everything that a demande may leave behind it."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from sqlalchemy import select, update

from app import clock
from app.accounts.models import Account
from app.cases.models import Case
from app.cases.operations import submit
from app.cases.queries import Who, agents_case, open_tasks
from app.config import Settings
from app.db import Database, new_id
from app.documents.models import Document, Preview
from app.documents.storage import new_key, storage_from_url
from app.journal import JournalEntry
from app.messages.mails import SENT, Mail
from app.messages.models import Attachment, Message
from app.messages.operations import notify, write_message
from tests.cases.making import World, file_case

NOON = datetime(2026, 3, 10, 11, 0, tzinfo=UTC)
"""When demandes of these tests end: the usual démarche says nothing, so they are kept through 10 March 2028."""


def end_case(database: Database, world: World, **values: str) -> uuid.UUID:
    """A demande that an agent accepted."""
    case_id = file_case(database, world, **values)
    for answers in ({}, {"decision": "accepter"}):
        with database.transaction() as session:
            who = Who(world.actor(session, world.nadia))
            task = open_tasks(session, case_id)[0]
            submit(session, who, agents_case(session, who.actor, case_id, task.id, lock=True), answers, ())
    return case_id


def of_household(database: Database, case_id: uuid.UUID, household_id: uuid.UUID) -> None:
    """The demande was filed by somebody of this household."""
    with database.transaction() as session:
        session.execute(update(Case).where(Case.id == case_id).values(household_id=household_id))


def speak_about(database: Database, world: World, case_id: uuid.UUID, settings: Settings) -> list[str]:
    """A conversation with a file, a notice and a mail about a demande; the keys of its bytes."""
    key = new_key()
    storage_from_url(settings.storage_url).put(key, b"%PDF")
    with database.transaction() as session:
        case, camille = session.get_one(Case, case_id), world.actor(session, world.camille)
        thread = write_message(
            session, camille, structure_id=None, subject="Ma demande", body="Léna va mieux", case_id=case_id
        )
        session.flush()
        message = session.scalars(select(Message).where(Message.thread_id == thread.id)).one()
        attached = Attachment(
            message_id=message.id, position=1, key=key, filename="mot.pdf", mime="application/pdf", size=4, pages=1,
            sha256="0" * 64, notes=[], scan="clean",
        )  # fmt: skip
        session.add(attached)
        notify(session, world.camille, "Votre demande", "Elle est terminée.", case_id)
        email = session.get_one(Account, world.camille).email
        for number, subject in enumerate((f"Votre demande {case.reference} est terminée", "Autre chose")):
            made = new_id()
            session.add(
                Mail(
                    id=made, fact_id=made, kind="case.status_changed", position=0, message_id=f"<{made}@x>",
                    recipient=email, subject=subject, body=str(number), state=SENT, created_at=clock.now(),
                )
            )  # fmt: skip
    return [key]


def draw_preview(database: Database, document_id: uuid.UUID, settings: Settings) -> str:
    """A picture of a piece, whose bytes are kept; its key."""
    key = new_key()
    storage_from_url(settings.storage_url).put(key, b"picture")
    with database.transaction() as session:
        session.add(Preview(document_id=document_id, page=1, key=key, mime="image/jpeg", width=1, height=1))
    return key


def documents(database: Database) -> dict[uuid.UUID, Document]:
    with database.transaction(read_only=True) as session:
        return {each.id: each for each in session.scalars(select(Document))}


def entries(database: Database, action: str) -> list[JournalEntry]:
    with database.transaction(read_only=True) as session:
        query = select(JournalEntry).where(JournalEntry.action == action)
        return list(session.scalars(query.order_by(JournalEntry.seq)))
