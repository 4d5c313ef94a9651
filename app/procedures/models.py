"""Rows of the démarches: what exists, its versions, and the archives of their files."""

from __future__ import annotations

import uuid
from datetime import date, datetime

from sqlalchemy import ForeignKey, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Json, LongText, new_id
from app.procedures.opening import closed_reason


class BundleRow(Base):
    """The files of a version, as the zip of ``Bundle.to_zip``; its key is their hash, so it never changes."""

    __tablename__ = "bundles"

    hash: Mapped[str] = mapped_column(primary_key=True)
    archive: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime]


class Procedure(Base):
    """A démarche. What the catalogue shows is copied from the settings of its current version at publication."""

    __tablename__ = "procedures"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    slug: Mapped[str] = mapped_column(unique=True)
    title: Mapped[str]
    summary: Mapped[str] = mapped_column(LongText)
    category: Mapped[str]
    position: Mapped[int]
    needs_account: Mapped[bool]
    listed: Mapped[bool]
    open: Mapped[bool]
    opens_on: Mapped[date | None]
    closes_on: Mapped[date | None]
    version_id: Mapped[uuid.UUID | None]

    @property
    def closed_reason(self) -> str:
        """Why nobody may begin it today; empty when one may."""
        return closed_reason(self.open, self.opens_on, self.closes_on)


class Version(Base):
    """A published version: immutable. ``callees`` pins the versions of the processes it calls (process id → hash)."""

    __tablename__ = "procedure_versions"
    __table_args__ = (UniqueConstraint("procedure_id", "number"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    procedure_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("procedures.id"))
    number: Mapped[int]
    bundle_hash: Mapped[str] = mapped_column(ForeignKey("bundles.hash"), index=True)
    callees: Mapped[dict[str, Json]]
    note: Mapped[str] = mapped_column(LongText)
    published_at: Mapped[datetime]
    published_by: Mapped[str]
    approved_by: Mapped[str] = mapped_column(default="")


class Shipped(Base):
    """A démarche that came with the product. ``base_hash`` are the shipped files that the commune's own come from;
    ``declined_hash`` those of a newer release that it does not want."""

    __tablename__ = "shipped_procedures"

    slug: Mapped[str] = mapped_column(primary_key=True)
    base_hash: Mapped[str] = mapped_column(ForeignKey("bundles.hash"))
    declined_hash: Mapped[str] = mapped_column(default="")
    declined_by: Mapped[str] = mapped_column(default="")
    declined_at: Mapped[datetime | None]
