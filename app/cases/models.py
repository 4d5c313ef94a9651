"""Rows of the demandes. What a list shows is here; what the engine needs is in its own tables."""

from __future__ import annotations

import uuid
from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Json, LongText, new_id


class Case(Base):
    """A demande. ``id`` is also the engine instance's.

    ``owner_id`` is the account that files (its co-holders of rights see it through the household); a person without an
    account is known by ``visitor_hash`` (the digest of a random token in her cookie) and ``email``.

    ``held_*``: somebody asked that it be kept whatever its age (when, who, why); it is never erased meanwhile.
    """

    __tablename__ = "cases"
    __table_args__ = (
        Index("ix_cases_owner_id_updated_at", "owner_id", "updated_at"),
        Index("ix_cases_household_id_updated_at", "household_id", "updated_at"),
        Index("ix_cases_procedure_id_status", "procedure_id", "status"),
        Index("ix_cases_status_updated_at", "status", "updated_at"),
        *(
            Index(name, *columns, sqlite_where=where, postgresql_where=where)
            for name, columns, where in (
                ("ix_cases_ended", ("procedure_id", "closed_at", "id"), text("closed_at IS NOT NULL")),
                ("ix_cases_held", ("held_at",), text("held_at IS NOT NULL")),
            )
        ),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    reference: Mapped[str] = mapped_column(unique=True)
    procedure_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("procedures.id"))
    version_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("procedure_versions.id"), index=True)
    bundle_hash: Mapped[str]
    slug: Mapped[str]
    title: Mapped[str]
    subject: Mapped[str]
    status: Mapped[str]
    channel: Mapped[str]
    owner_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("accounts.id"))
    owner_name: Mapped[str]
    email: Mapped[str]
    household_id: Mapped[uuid.UUID | None]
    child_id: Mapped[uuid.UUID | None] = mapped_column(index=True)
    structure_id: Mapped[uuid.UUID | None]
    visitor_hash: Mapped[str | None] = mapped_column(index=True)
    filed_by_id: Mapped[uuid.UUID | None]
    reason: Mapped[str | None] = mapped_column(LongText)
    opened_at: Mapped[datetime]
    submitted_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    updated_at: Mapped[datetime]
    implicit_on: Mapped[date | None]
    held_at: Mapped[datetime | None]
    held_by: Mapped[str | None]
    held_reason: Mapped[str | None] = mapped_column(LongText)


class Draft(Base):
    """What somebody typed in a step and has not sent yet: the row autosave writes, never the engine.

    Keyed by the drawn node, not by the engine's task, which events may recreate. ``revision`` orders the saves.
    """

    __tablename__ = "drafts"

    case_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("cases.id", ondelete="CASCADE"), primary_key=True)
    node: Mapped[str] = mapped_column(primary_key=True)
    values: Mapped[dict[str, Json]]
    page: Mapped[int]
    revision: Mapped[int]
    updated_at: Mapped[datetime] = mapped_column(index=True)


class Answer(Base):
    """A step as it was sent: immutable, numbered within its case. The history of a demande is made of these.

    ``form`` is ``None`` for a one-click step. ``summary`` is what was sent as the person read it (pages of label, text,
    field name), frozen because names and schools change. ``receipt`` is the acknowledgement of a filing (R-01).
    """

    __tablename__ = "answers"
    __table_args__ = (Index("ix_answers_case_id_number", "case_id", "number"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    case_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("cases.id", ondelete="CASCADE"))
    number: Mapped[int]
    node: Mapped[str]
    title: Mapped[str]
    form: Mapped[str | None]
    values: Mapped[dict[str, Json]]
    summary: Mapped[list[Json]]
    status_after: Mapped[str]
    by_kind: Mapped[str]
    by_id: Mapped[uuid.UUID | None]
    by_label: Mapped[str]
    at: Mapped[datetime]
    receipt: Mapped[dict[str, Json] | None]
