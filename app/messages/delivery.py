"""From the drafts of a fact to mails that left: rows, then the network outside any transaction, then the outcome."""

from __future__ import annotations

import smtplib
import uuid
from collections.abc import Sequence
from contextlib import ExitStack
from urllib.parse import urlsplit

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app import clock, journal, outbox
from app.config import Settings
from app.db import Json
from app.facts import Work, handles
from app.mail import MailDraft, writer_of
from app.messages import smtp
from app.messages.mails import FAILED, HELD, SENT, TO_SEND, Mail, keep_drafts
from app.messages.smtp import MailNotSent, Sender
from app.outbox import OutboxFact
from app.policy import SYSTEM
from app.town.queries import town_settings

RETRIED = "mail.retried"


def deliver(work: Work, kind: str, drafts: Sequence[MailDraft]) -> None:
    """Sends what was not sent yet, and marks the fact done with the last outcome.

    A refused recipient fails that mail at once and the others go on. Raises MailNotSent when some mail has to be tried
    again: the fact then stays open.
    """
    with work.database.transaction() as session:
        mails = keep_drafts(session, work.settings, work.fact_id, kind, drafts)
        sender = _sender(session, work.settings)
        for mail in mails:
            if mail.state == HELD and mail.sent_at is None:
                mail.sent_at = clock.now()
                journal.record(session, SYSTEM, "mail.held", "mail", mail.id, kind=kind)
        waiting = [mail for mail in mails if mail.state == TO_SEND and mail.position < len(drafts)]
        if not waiting:
            outbox.mark_done(session, work.fact_id)
            return
    _send_all(work, [(mail, drafts[mail.position]) for mail in waiting], sender)


def _send_all(work: Work, waiting: Sequence[tuple[Mail, MailDraft]], sender: Sender) -> None:
    again: MailNotSent | None = None
    with ExitStack() as stack:
        server: smtplib.SMTP | None = None
        for number, (mail, draft) in enumerate(waiting, start=1):
            refusal: MailNotSent | None = None
            try:
                if server is None:
                    server = stack.enter_context(smtp.connection(work.settings.mail_url))
                smtp.send(server, smtp.composed(draft, sender, mail.message_id))
            except MailNotSent as error:
                refusal = error
                again = again if error.permanent else error
            with work.database.transaction() as session:
                _note(session, mail, refusal)
                if number == len(waiting) and again is None:
                    outbox.mark_done(session, work.fact_id)
    if again is not None:
        raise again


def _note(session: Session, mail: Mail, refusal: MailNotSent | None) -> None:
    values: dict[str, Json] = {"attempts": Mail.attempts + 1, "error": refusal.cause if refusal else None}
    if refusal is None:
        values |= {"state": SENT, "sent_at": clock.now()}
        if mail.sensitive:
            values["body"] = ""
        journal.record(session, SYSTEM, "mail.sent", "mail", mail.id, kind=mail.kind)
    elif refusal.permanent:
        values["state"] = FAILED
        journal.record(session, SYSTEM, "mail.failed", "mail", mail.id, kind=mail.kind)
    session.execute(update(Mail).where(Mail.id == mail.id, Mail.state != SENT).values(**values))


def give_up(session: Session, fact_id: uuid.UUID) -> None:
    """Shows as *failed* the mails of a fact that will not be tried any more."""
    failed = session.scalars(select(Mail).where(Mail.fact_id == fact_id, Mail.state == TO_SEND)).all()
    for mail in failed:
        mail.state = FAILED
        journal.record(session, SYSTEM, "mail.failed", "mail", mail.id, kind=mail.kind)


def _sender(session: Session, settings: Settings) -> Sender:
    town = town_settings(session)
    host = urlsplit(settings.public_url).hostname or "localhost"
    address = smtp.sender_in(settings.mail_url) or town.email or f"ne-pas-repondre@{host}"
    name = " ".join(f"{town.name} – Portail famille".split())
    return Sender(name, address, town.email)


@handles(RETRIED)
def send_again(work: Work, payload: dict[str, Json]) -> None:
    """Sends one mail that had failed, at the request of an administrator; the body is written again when not kept."""
    with work.database.transaction(read_only=True) as session:
        mail = session.get(Mail, uuid.UUID(str(payload["mail_id"])))
        if mail is None or mail.state != TO_SEND:
            return
        draft = _draft_again(session, work.settings, mail)
        sender = _sender(session, work.settings)
    if draft is None:
        with work.database.transaction() as session:
            _note(session, mail, MailNotSent("le texte de ce courriel n’existe plus", permanent=True))
        return
    _send_all(work, [(mail, draft)], sender)


def _draft_again(session: Session, settings: Settings, mail: Mail) -> MailDraft | None:
    if mail.body:
        return MailDraft(mail.recipient, mail.subject, mail.body, mail.sensitive)
    fact = session.get(OutboxFact, mail.fact_id)
    writer = writer_of(mail.kind)
    if fact is None or writer is None:
        return None
    drafts = writer(session, settings, fact.payload)
    return drafts[mail.position] if mail.position < len(drafts) else None
