"""Rows of pieces: the types the commune knows, the files families gave, what agents asked for.

A document belongs to the household that gave it; ``case_id`` names the demande it came with (rooms above own that row).
"""

from __future__ import annotations

import uuid
from datetime import date, datetime

from sqlalchemy import BigInteger, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, LongText, new_id


class PieceType(Base):
    """A kind of piece: « Justificatif de domicile ». The code is what forms and diagrams name.

    ``scope`` says whose it is: ``household``, ``child`` or ``adult``; a child's piece that is ``shared_by_siblings``
    is asked once for all of them. ``validity`` is ``none``, ``months`` (``validity_months`` after the review),
    ``fixed`` (until the next ``validity_end``, « MM-DD ») or ``school_year`` (until the next 31 August).
    ``sensitivity`` is empty, ``identite``, ``justice`` or ``sante``. ``expected``: asked of every family, hence shown
    as « non fourni » when it is not there; the others show once given or claimed.
    """

    __tablename__ = "piece_types"

    code: Mapped[str] = mapped_column(primary_key=True)
    label: Mapped[str]
    sort_key: Mapped[str]
    help: Mapped[str] = mapped_column(LongText, default="")
    scope: Mapped[str]
    validity: Mapped[str] = mapped_column(default="none")
    validity_months: Mapped[int | None]
    validity_end: Mapped[str | None]
    shared_by_siblings: Mapped[bool] = mapped_column(default=False)
    sensitivity: Mapped[str] = mapped_column(default="")
    expected: Mapped[bool] = mapped_column(default=False)
    active: Mapped[bool] = mapped_column(default=True)


class Document(Base):
    """A file that somebody gave, cleaned and kept under ``key``.

    ``state``: ``brouillon`` (the demande is not sent yet), ``non_traite``, ``valide`` (through ``valid_until``, for
    ever when it is ``None``), ``invalide`` (``reason``) or ``retire`` (taken back or replaced: nobody sees it any more,
    and its bytes are gone since ``erased_at``). ``field`` is the question of the form it answers. ``size`` is in bytes.
    ``filename`` is for display only. ``scan`` is ``clean`` or ``not_scanned``: what no antivirus saw is never called
    clean. ``case_reviews``: the process of its demande decides, agents do not review it beside. ``preview_pages`` says
    how many ``Preview`` there are: ``None`` before they were tried, 0 when none can be made of this file.
    """

    __tablename__ = "documents"
    __table_args__ = (
        Index("ix_documents_state_submitted_at_id", "state", "submitted_at", "id"),
        Index("ix_documents_household_id_state", "household_id", "state"),
        Index("ix_documents_child_id_state", "child_id", "state"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    key: Mapped[str] = mapped_column(unique=True)
    piece_type: Mapped[str] = mapped_column(ForeignKey("piece_types.code"), index=True)
    household_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("households.id"))
    child_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("children.id"))
    adult_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("adults.id"), index=True)
    structure_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("structures.id"), index=True)
    case_id: Mapped[uuid.UUID | None] = mapped_column(index=True)
    case_reviews: Mapped[bool] = mapped_column(default=False)
    field: Mapped[str] = mapped_column(default="")
    filename: Mapped[str]
    mime: Mapped[str]
    size: Mapped[int] = mapped_column(BigInteger)
    pages: Mapped[int | None]
    sha256: Mapped[str]
    notes: Mapped[list[str]]
    scan: Mapped[str]
    state: Mapped[str] = mapped_column(default="brouillon")
    valid_until: Mapped[date | None]
    reason: Mapped[str] = mapped_column(LongText, default="")
    uploaded_at: Mapped[datetime]
    uploaded_by_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("accounts.id"), index=True)
    submitted_at: Mapped[datetime | None]
    reviewed_at: Mapped[datetime | None]
    reviewed_by: Mapped[str] = mapped_column(default="")
    erased_at: Mapped[datetime | None]
    preview_pages: Mapped[int | None]


class Preview(Base):
    """A page of a piece as a picture, read beside the data; ``page`` counts from 1, its bytes are under ``key``."""

    __tablename__ = "previews"

    document_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("documents.id", ondelete="CASCADE"), primary_key=True)
    page: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    mime: Mapped[str]
    width: Mapped[int]
    height: Mapped[int]


class PieceRequest(Base):
    """« Réclamé »: an agent asks a family for a piece. Answered by whatever is given after ``asked_at``.

    ``closed_at`` is set when the agent gives the request up.
    """

    __tablename__ = "piece_requests"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    piece_type: Mapped[str] = mapped_column(ForeignKey("piece_types.code"), index=True)
    household_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("households.id"), index=True)
    child_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("children.id"), index=True)
    case_id: Mapped[uuid.UUID | None]
    message: Mapped[str] = mapped_column(LongText, default="")
    due_on: Mapped[date | None]
    asked_at: Mapped[datetime]
    asked_by_id: Mapped[uuid.UUID | None]
    asked_by: Mapped[str]
    closed_at: Mapped[datetime | None]


class UploadKey(Base):
    """A key drawn for a file about to be stored, written before the bytes are.

    So whatever dies in between, a key without a document is found again and swept, on any kind of storage.
    """

    __tablename__ = "upload_keys"

    key: Mapped[str] = mapped_column(primary_key=True)
    drawn_at: Mapped[datetime] = mapped_column(index=True)
