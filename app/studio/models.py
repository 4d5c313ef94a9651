"""Rows of the studio: the draft of each démarche that somebody is changing."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import ForeignKey, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Json, LongText, new_id


class Draft(Base):
    """What a démarche may become: one draft a démarche, removed when it is published or given up.

    ``archive`` is the zip of ``Bundle.to_zip``: any files a bundle may hold, right or wrong. ``revision`` grows by one
    at each save; who saves says the one he started from. ``holder_*`` is the hand that may save; nobody when empty.
    ``previous_*`` is who lost it to a take-over, until she opens it again. ``base_version_id`` is the version it was
    made from, nothing for a new démarche.

    ``problems`` are those of ``verified_revision`` (dicts of ``verify.Problem``); ``scenario_report`` is the outcome of
    the scenarios of ``scenario_revision``. A revision that is not the draft's own means: out of date.

    ``authors`` are the ids of whoever saved: none of them may be the second reader. ``approval_*`` is the agreement
    that was asked for ``approval_revision`` with ``note``. ``shipped_hash`` are the files of the newer release, if it
    was accepted into this draft.

    ``unrecorded`` are the files saved since ``recorded_at``, the last entry in the journal (autosaves are grouped).
    """

    __tablename__ = "procedure_drafts"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    slug: Mapped[str] = mapped_column(unique=True)
    title: Mapped[str]
    base_version_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("procedure_versions.id"))
    archive: Mapped[bytes] = mapped_column(LargeBinary)
    revision: Mapped[int]

    holder_id: Mapped[uuid.UUID | None]
    holder_label: Mapped[str] = mapped_column(default="")
    holder_since: Mapped[datetime | None]
    previous_id: Mapped[uuid.UUID | None]
    previous_label: Mapped[str] = mapped_column(default="")
    saved_by: Mapped[str] = mapped_column(default="")

    problems: Mapped[list[Json]] = mapped_column(default=list)
    verified_revision: Mapped[int | None]
    scenario_report: Mapped[dict[str, Json]] = mapped_column(default=dict)
    scenario_revision: Mapped[int | None]

    authors: Mapped[list[str]] = mapped_column(default=list)
    shipped_hash: Mapped[str] = mapped_column(default="")
    note: Mapped[str] = mapped_column(LongText, default="")
    approval_revision: Mapped[int | None]
    approval_asked_by: Mapped[uuid.UUID | None]
    approval_asked_label: Mapped[str] = mapped_column(default="")
    approval_asked_at: Mapped[datetime | None]
    approval_refusal: Mapped[str] = mapped_column(LongText, default="")

    unrecorded: Mapped[list[str]] = mapped_column(default=list)
    recorded_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class DraftReader(Base):
    """Who has a draft open in her browser, and when it last said so."""

    __tablename__ = "procedure_draft_readers"

    draft_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("procedure_drafts.id", ondelete="CASCADE"), primary_key=True)
    account_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    label: Mapped[str]
    seen_at: Mapped[datetime]
