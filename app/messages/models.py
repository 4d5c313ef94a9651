"""Rows of messages: a thread is one subject between a parent (one account) and a service (one structure).

What lists and badges show (counts, excerpt, who wrote last) is kept in the thread's own columns, so that they read one
table.
"""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, UniqueConstraint, desc, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, LongText, new_id
from app.messages.mails import Mail

__all__ = ["Attachment", "Mail", "Message", "Thread"]


class Thread(Base):
    """One subject. ``structure_id`` is ``None`` for the town hall in general: agents of every structure only.

    ``family_unread`` and ``service_unread`` count the messages that side has not opened; they change with the messages,
    under the lock of this row. ``talk`` is true once a person wrote: agents do not see threads that hold notices only.
    ``writable`` is false for notices that expect no answer.
    """

    __tablename__ = "threads"
    __table_args__ = (
        Index("ix_threads_account_id_last_at", "account_id", desc("last_at")),
        Index(
            "ix_threads_inbox",
            "structure_id",
            desc("last_at"),
            sqlite_where=text("talk"),
            postgresql_where=text("talk"),
        ),
        # the badges: only threads with something unread, or to answer, are in these indexes
        Index(
            "ix_threads_family_unread",
            "account_id",
            "family_unread",
            sqlite_where=text("family_unread > 0"),
            postgresql_where=text("family_unread > 0"),
        ),
        Index(
            "ix_threads_awaiting",
            "structure_id",
            sqlite_where=text("last_side = 'family'"),
            postgresql_where=text("last_side = 'family'"),
        ),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id"))
    structure_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("structures.id"))
    case_id: Mapped[uuid.UUID | None] = mapped_column(index=True)
    subject: Mapped[str]
    writable: Mapped[bool] = mapped_column(default=True)
    talk: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]
    last_at: Mapped[datetime]
    last_side: Mapped[str]
    last_author: Mapped[str]
    excerpt: Mapped[str]
    messages: Mapped[int] = mapped_column(default=0)
    family_unread: Mapped[int] = mapped_column(default=0)
    service_unread: Mapped[int] = mapped_column(default=0)


class Message(Base):
    """What one side wrote: ``side`` is ``family``, ``service`` or ``portal`` (a notice of the portal itself).

    ``author_label`` is frozen: history survives the departure of its author. ``fact_id`` marks a notice about a fact,
    which is therefore written once. ``read_at``: when the other side first opened it. Its place in the thread is
    ``number``, from 1.
    """

    __tablename__ = "messages"
    __table_args__ = (
        UniqueConstraint("thread_id", "number"),
        Index("ix_messages_author_id_created_at", "author_id", "created_at"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    thread_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("threads.id", ondelete="CASCADE"))
    number: Mapped[int]
    side: Mapped[str]
    author_id: Mapped[uuid.UUID | None]
    author_label: Mapped[str]
    body: Mapped[str] = mapped_column(LongText)
    created_at: Mapped[datetime]
    read_at: Mapped[datetime | None]
    fact_id: Mapped[uuid.UUID | None] = mapped_column(unique=True)


class Attachment(Base):
    """A file sent with a message, cleaned and kept under ``key`` as pieces are (``app.documents``).

    ``position`` orders the files of one message, from 1. ``scan`` is ``clean`` or ``not_scanned``; ``notes`` say in
    French what was changed in the file. Whoever deletes the row gives its key back (``keys.release_keys``).
    """

    __tablename__ = "attachments"
    __table_args__ = (UniqueConstraint("message_id", "position"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    message_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"))
    position: Mapped[int]
    key: Mapped[str] = mapped_column(unique=True)
    filename: Mapped[str]
    mime: Mapped[str]
    size: Mapped[int] = mapped_column(BigInteger)
    pages: Mapped[int | None]
    sha256: Mapped[str]
    notes: Mapped[list[str]]
    scan: Mapped[str]
