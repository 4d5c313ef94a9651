"""The mail table: what was written, to whom, and what became of it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from urllib.parse import urlsplit

from sqlalchemy import Index, UniqueConstraint, desc, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from app import clock
from app.config import Settings
from app.db import Base, LongText, new_id
from app.mail import MailDraft

TO_SEND, SENT, FAILED, HELD = "to_send", "sent", "failed", "held"


class Mail(Base):
    """One mail of one fact.

    ``state``: *to_send*, *sent* (the server took it), *failed*, or *held* (``MAIL_URL=outbox:``: read on the page of
    the administrators).

    ``message_id`` follows from the fact, the position and the public host: a mail sent twice is one mail to its reader.
    The ``body`` of a *sensitive* mail is stored only when it is held; otherwise the worker writes it again.
    """

    __tablename__ = "mails"
    __table_args__ = (
        UniqueConstraint("fact_id", "position"),
        Index("ix_mails_created_at", desc("created_at")),
        Index("ix_mails_state_created_at", "state", desc("created_at")),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    fact_id: Mapped[uuid.UUID]
    kind: Mapped[str]
    position: Mapped[int]
    message_id: Mapped[str] = mapped_column(unique=True)
    recipient: Mapped[str] = mapped_column(index=True)
    subject: Mapped[str]
    body: Mapped[str] = mapped_column(LongText)
    sensitive: Mapped[bool] = mapped_column(default=False)
    state: Mapped[str] = mapped_column(default=TO_SEND)
    attempts: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    error: Mapped[str | None] = mapped_column(LongText)


def message_id(settings: Settings, fact_id: uuid.UUID, position: int) -> str:
    """``<fact.position@host>``: the same whenever and wherever the mail is sent."""
    host = urlsplit(settings.public_url).hostname or "localhost"
    return f"<{fact_id.hex}.{position}@{host}>"


def keep_drafts(
    session: Session, settings: Settings, fact_id: uuid.UUID, kind: str, drafts: Sequence[MailDraft]
) -> list[Mail]:
    """The mails of a fact in order, adding those that have no row yet."""
    mails = {mail.position: mail for mail in session.scalars(select(Mail).where(Mail.fact_id == fact_id))}
    held = settings.mail_url.startswith("outbox:")
    for position, draft in enumerate(drafts):
        if position in mails:
            continue
        mail = Mail(
            id=new_id(),
            fact_id=fact_id,
            kind=kind,
            position=position,
            message_id=message_id(settings, fact_id, position),
            recipient=draft.to,
            subject=draft.subject,
            body="" if draft.sensitive and not held else draft.body,
            sensitive=draft.sensitive,
            state=HELD if held else TO_SEND,
            attempts=0,
            created_at=clock.now(),
        )
        session.add(mail)
        mails[position] = mail
    return [mails[position] for position in sorted(mails)]
