"""What messages register: the mail that says that a service has written, the sending again of failed
mails, and the nightly forgetting."""

from __future__ import annotations

import uuid

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.models import Account
from app.config import Settings
from app.db import Json
from app.facts import Work, handles
from app.mail import MailDraft, mails_for, writer_of
from app.messages import delivery, retention
from app.messages.models import Message, Thread
from app.messages.operations import notify
from app.messages.queries import TOWN_HALL
from app.outbox import OutboxFact
from app.town.queries import structure_names, town_settings

#: Imported for what they register: the handler of retried mails, the nightly chores.
REGISTERING = (delivery, retention)

NBSP = "\u00a0"


@mails_for("message.written")
def announce(session: Session, settings: Settings, payload: dict[str, Json]) -> list[MailDraft]:
    """Tells the family that a service has written. What is written stays in the portal: mailboxes are not ours."""
    if payload["side"] != "service":
        return []
    row = session.execute(
        select(Account.email, Account.first_name, Account.state, Thread.id, Thread.structure_id, Thread.subject)
        .join(Thread, Thread.account_id == Account.id)
        .join(Message, Message.thread_id == Thread.id)
        .where(Message.id == uuid.UUID(str(payload["message_id"])))
    ).one_or_none()
    if row is None or row.state != "active":
        return []
    service = " ".join(structure_names(session).get(row.structure_id, TOWN_HALL).split())
    town = town_settings(session)
    body = (
        f"Bonjour {row.first_name},\n\n"
        f"{service} vous a écrit sur le portail famille, au sujet de «{NBSP}{row.subject}{NBSP}».\n\n"
        f"Pour lire ce message et y répondre{NBSP}:\n{settings.public_url}/messages/{row.id}\n\n"
        "Merci de ne pas répondre à ce courriel.\n\n"
        f"{town.service_name}\n{town.name}\n"
    )
    return [MailDraft(row.email, f"{service} vous a écrit"[:250], body)]


@handles("child.told", "document.refused", "piece.claimed")
def say_in_the_account(work: Work, payload: dict[str, Json]) -> None:
    """What a family is told of its pieces and children by mail is also in its account, once for each person (D7)."""
    with work.database.transaction() as session:
        kind = session.scalar(select(OutboxFact.kind).where(OutboxFact.id == work.fact_id)) or ""
        writer = writer_of(kind)
        for draft in writer(session, work.settings, payload) if writer else ():
            person = session.scalar(select(Account.id).where(Account.email == draft.to))
            if person is not None:
                notify(session, person, draft.subject, draft.body, fact_id=uuid.uuid5(work.fact_id, str(person)))
