"""Rows of the studio: the draft of each démarche that somebody is changing."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import ForeignKey, Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Json, LongText, new_id


class Draft(Base):
    """What a démarche may become: one draft a démarche, removed when it is published or given up.

    ``archive`` is the zip of ``Bundle.to_zip``: any files a bundle may hold, right or wrong. ``revision`` grows by one
    at each save; who saves says the one he started from. ``holder_*`` is the hand that may save; nobody when empty.
    ``previous_*`` is who lost it to a take-over, until she opens it again. ``base_version_id`` is the version it was
    made from, nothing for a new démarche.

    ``problems`` are those of ``verified_revision`` (dicts of ``verify.Problem``); ``scenario_report`` is the outcome of
    the scenarios of ``scenario_revision`` (``stories.Outcome``). A revision that is not the draft's own means: out of
    date. ``obsolete_stories`` are those that may fail: path → {sha256 of the text that was judged, reason, by, at}.

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
    obsolete_stories: Mapped[dict[str, Json]] = mapped_column(default=dict)

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


class MigrationBatch(Base):
    """Running demandes taken from one version of a démarche to another, in the background. ``ended_at``: all judged,
    or all taken back."""

    __tablename__ = "migration_batches"
    __table_args__ = (Index("ix_migration_batches_procedure_id_created_at", "procedure_id", "created_at"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    procedure_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("procedures.id"))
    from_version_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("procedure_versions.id"))
    to_version_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("procedure_versions.id"))
    created_by: Mapped[str]
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class CaseMigration(Base):
    """One demande of a batch: ``pending``, then ``migrated`` or ``blocked`` (``cause`` says why), perhaps ``returning``
    and ``reverted`` (``migrated`` again, with a cause, when it could not come back).

    ``state`` is the engine's before the migration, to come back while ``revision``, the one after it, is the last.
    """

    __tablename__ = "case_migrations"
    __table_args__ = (
        Index("ix_case_migrations_batch_id_outcome", "batch_id", "outcome"),
        Index("ix_case_migrations_case_id", "case_id"),
    )

    batch_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("migration_batches.id"), primary_key=True)
    case_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    reference: Mapped[str]
    outcome: Mapped[str]
    cause: Mapped[str] = mapped_column(LongText)
    node: Mapped[str]
    target: Mapped[str]
    state: Mapped[bytes | None] = mapped_column(LargeBinary)
    serializer: Mapped[str]
    revision: Mapped[int | None]


class StepMapping(Base):
    """The step chosen for all demandes that cannot stay at ``node`` when they go from one version to the other."""

    __tablename__ = "migration_mappings"

    from_version_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("procedure_versions.id"), primary_key=True)
    to_version_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("procedure_versions.id"), primary_key=True)
    node: Mapped[str] = mapped_column(primary_key=True)
    target: Mapped[str]


class ScenarioRun(Base):
    """The last time somebody asked to play the scenarios of a draft: ``waiting``, ``running``, ``done`` or ``failed``
    (``message`` says why), of which revision, and how far it is."""

    __tablename__ = "procedure_scenario_runs"

    draft_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("procedure_drafts.id", ondelete="CASCADE"), primary_key=True)
    revision: Mapped[int]
    state: Mapped[str]
    done: Mapped[int]
    total: Mapped[int]
    message: Mapped[str] = mapped_column(LongText, default="")
    asked_at: Mapped[datetime]


class Tryout(Base):
    """A story that one person writes by trying a draft: its acts, and what was seen after the last one on ``revision``
    of the draft (``tryout.Sight``). Nothing of it happened.

    ``mends`` is the scenario that this mends, nothing otherwise: its ``path``, its ``text``, and ``rest``, the acts of
    it that were not played yet.
    """

    __tablename__ = "procedure_tryouts"

    draft_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("procedure_drafts.id", ondelete="CASCADE"), primary_key=True)
    account_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    revision: Mapped[int]
    acts: Mapped[list[Json]]
    sight: Mapped[dict[str, Json]]
    mends: Mapped[dict[str, Json]] = mapped_column(default=dict)
    updated_at: Mapped[datetime]
