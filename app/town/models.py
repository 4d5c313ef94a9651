"""Rows of the commune: its settings (one row), its logo (one row) and its structures."""

from __future__ import annotations

import uuid
from datetime import date

from sqlalchemy import CheckConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, LongText, new_id

THE_ONLY_ROW = 1


class Commune(Base):
    """The settings of the commune: one row. Read through ``queries.town_settings``, which copies it once."""

    __tablename__ = "commune"
    __table_args__ = (CheckConstraint("id = 1", name="single"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, default=THE_ONLY_ROW)
    name: Mapped[str] = mapped_column(default="")
    insee_code: Mapped[str] = mapped_column(default="")
    postal_code: Mapped[str] = mapped_column(default="")
    siret: Mapped[str] = mapped_column(default="")
    department: Mapped[str] = mapped_column(default="")
    address: Mapped[str] = mapped_column(LongText, default="")
    phone: Mapped[str] = mapped_column(default="")
    email: Mapped[str] = mapped_column(default="")
    website: Mapped[str] = mapped_column(default="")
    opening_hours: Mapped[str] = mapped_column(LongText, default="")
    service_name: Mapped[str] = mapped_column(default="")
    welcome: Mapped[str] = mapped_column(LongText, default="")

    primary_colour: Mapped[str] = mapped_column(default="")
    accent_colour: Mapped[str] = mapped_column(default="")
    logo_digest: Mapped[str | None]

    zone: Mapped[str] = mapped_column(default="B")
    holidays: Mapped[str] = mapped_column(default="metropole")

    publication_director: Mapped[str] = mapped_column(default="")
    host: Mapped[str] = mapped_column(LongText, default="")
    legal_notice: Mapped[str] = mapped_column(LongText, default="")
    terms_of_use: Mapped[str] = mapped_column(LongText, default="")
    privacy_notice: Mapped[str] = mapped_column(LongText, default="")
    dpo_name: Mapped[str] = mapped_column(default="")
    dpo_email: Mapped[str] = mapped_column(default="")
    dpo_phone: Mapped[str] = mapped_column(default="")
    dpo_address: Mapped[str] = mapped_column(LongText, default="")

    accessibility_audit_date: Mapped[date | None]
    accessibility_rate: Mapped[float | None]
    accessibility_auditor: Mapped[str] = mapped_column(default="")
    accessibility_declared_on: Mapped[date | None]
    accessibility_failures: Mapped[str] = mapped_column(LongText, default="")
    accessibility_derogations: Mapped[str] = mapped_column(LongText, default="")
    accessibility_exemptions: Mapped[str] = mapped_column(LongText, default="")
    accessibility_scheme_url: Mapped[str] = mapped_column(default="")
    accessibility_plan_url: Mapped[str] = mapped_column(default="")
    accessibility_contact: Mapped[str] = mapped_column(LongText, default="")

    signup_variant: Mapped[str] = mapped_column(default="activation")
    email_change_allowed: Mapped[bool] = mapped_column(default=True)
    max_upload_mb: Mapped[int] = mapped_column(default=10)
    idle_minutes_family: Mapped[int] = mapped_column(default=60)
    idle_minutes_agent: Mapped[int] = mapped_column(default=60)
    pickup_minimum_age: Mapped[int] = mapped_column(default=18)
    tell_other_holder: Mapped[bool] = mapped_column(default=True)


class TownLogo(Base):
    """The logo, re-encoded by us. In its own table so that reading the settings never carries it."""

    __tablename__ = "commune_logo"
    __table_args__ = (CheckConstraint("id = 1", name="single"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, default=THE_ONLY_ROW)
    digest: Mapped[str]
    content: Mapped[bytes]


class Structure(Base):
    """A place that receives children: a school, the canteen, a leisure centre, a crèche, or a service of the town hall.

    ``kind`` is one of ``queries.STRUCTURE_KINDS``; ``levels`` lists the school levels it teaches (``PS`` … ``CM2``);
    ``capacity`` is a number of places, ``None`` when it is not limited.
    """

    __tablename__ = "structures"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    sort_key: Mapped[str] = mapped_column(index=True)
    kind: Mapped[str]
    levels: Mapped[list[str]]
    capacity: Mapped[int | None]
    address: Mapped[str] = mapped_column(LongText, default="")
    phone: Mapped[str] = mapped_column(default="")
    email: Mapped[str] = mapped_column(default="")
    opening_hours: Mapped[str] = mapped_column(LongText, default="")
    open: Mapped[bool] = mapped_column(default=True)
