"""Rows of the agenda: activities of the structures, and absences day by day."""

from __future__ import annotations

import uuid
from datetime import date, datetime

from sqlalchemy import JSON, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, LongText, new_id


class Activity(Base):
    """Something a structure does at given hours: canteen, morning, evening, Wednesday…

    ``weekdays`` are ISO days (1 = Monday … 7 = Sunday); ``starts_at`` and ``ends_at`` are Paris hours, ``HH:MM``.
    """

    __tablename__ = "activities"
    __table_args__ = (Index("ix_activities_structure_id_rank", "structure_id", "rank"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    code: Mapped[str] = mapped_column(unique=True)
    label: Mapped[str]
    structure_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("structures.id"))
    weekdays: Mapped[list[int]] = mapped_column(JSON)
    starts_at: Mapped[str]
    ends_at: Mapped[str]
    rank: Mapped[int]
    open: Mapped[bool] = mapped_column(default=True)


class Absence(Base):
    """An absence as it was declared (R8). One per case: a case sent again replaces what it said before.

    ``slots`` are the codes of the activities concerned; ``status`` is ``declared`` or ``cancelled``.
    """

    __tablename__ = "absences"
    __table_args__ = (Index("ix_absences_child_id_from_date", "child_id", "from_date"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    child_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("children.id"))
    case_id: Mapped[uuid.UUID] = mapped_column(unique=True)
    from_date: Mapped[date]
    to_date: Mapped[date]
    slots: Mapped[list[str]]
    reason: Mapped[str]
    reason_text: Mapped[str] = mapped_column(LongText, default="")
    status: Mapped[str]
    declared_at: Mapped[datetime]
    declared_by: Mapped[uuid.UUID | None]
    declared_by_label: Mapped[str]
    updated_at: Mapped[datetime]


class AbsenceSlot(Base):
    """One activity on one day of an absence: what the staff's list reads. Gone when the absence is cancelled.

    ``child_id`` is the child as declared when the row was written: a demande corrected to another child leaves the
    services that had started as they were.
    """

    __tablename__ = "absence_slots"
    __table_args__ = (Index("ix_absence_slots_day_structure_id", "day", "structure_id"),)

    absence_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("absences.id"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    activity_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("activities.id"), primary_key=True, index=True)
    child_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("children.id"), index=True)
    structure_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("structures.id"))
    noted_at: Mapped[datetime]
