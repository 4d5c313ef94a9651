"""Rows of the agenda: activities, enrolments and bookings, days that are closed, and absences day by day."""

from __future__ import annotations

import uuid
from datetime import date, datetime

from sqlalchemy import JSON, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Json, LongText, new_id


class Activity(Base):
    """Something a structure does at given hours: canteen, morning, evening, Wednesday…

    ``weekdays`` are ISO days (1 = Monday … 7 = Sunday); ``starts_at`` and ``ends_at`` are Paris hours, ``HH:MM``.
    ``rules`` is its règlement as ``regulation.Regulation`` reads it; empty for what is not booked on the portal.
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
    rules: Mapped[dict[str, Json]] = mapped_column(default=dict, server_default=text("'{}'"))


class AgeGroup(Base):
    """Children of an activity who share places: ages on the day, both included; ``age_to`` ``None`` for no end.

    ``places`` is what the room takes and ``staff`` the adults there; ``None`` for what bounds nothing (R-34).
    """

    __tablename__ = "age_groups"
    __table_args__ = (UniqueConstraint("activity_id", "code"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    activity_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("activities.id"))
    code: Mapped[str]
    label: Mapped[str]
    age_from: Mapped[int]
    age_to: Mapped[int | None]
    places: Mapped[int | None]
    staff: Mapped[int | None]


class Closure(Base):
    """Days, both included, when an activity is not held: of one activity, of a structure, or of the commune (R-38).

    ``kind`` is a code of ``vocabulary.CLOSURES``, ``words`` what families read. Opened again, the row stays.
    """

    __tablename__ = "closures"
    __table_args__ = (Index("ix_closures_last_day", "last_day"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    structure_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("structures.id"), index=True)
    activity_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("activities.id"), index=True)
    first_day: Mapped[date]
    last_day: Mapped[date]
    kind: Mapped[str]
    words: Mapped[str]
    created_at: Mapped[datetime]
    created_by: Mapped[uuid.UUID | None]
    reopened_at: Mapped[datetime | None]


class Enrolment(Base):
    """A child may be booked in an activity from one day to another, for the household that pays.

    ``pattern`` is the week that was asked for (``enrolments.pattern_of``); ``state`` is ``active`` or ``ended``.
    """

    __tablename__ = "enrolments"
    __table_args__ = (Index("ix_enrolments_child_id_activity_id", "child_id", "activity_id"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    child_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("children.id"))
    activity_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("activities.id"), index=True)
    household_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("households.id"), index=True)
    first_day: Mapped[date]
    last_day: Mapped[date]
    state: Mapped[str]
    pattern: Mapped[dict[str, Json]]
    case_id: Mapped[uuid.UUID | None]
    created_at: Mapped[datetime]
    created_by: Mapped[uuid.UUID | None]


class SessionDay(Base):
    """An activity, an age group and a day: the row that is locked before anything is decided about its places.

    Made when it is first needed. ``held`` is how many places are taken, written from a count of the bookings under
    the lock: planning pages read it, decisions count again. ``arrivals`` numbers who comes to the waiting list.
    """

    __tablename__ = "session_days"
    __table_args__ = (
        Index(
            "ix_session_days_waiting",
            "day",
            sqlite_where=text("waiting > 0"),
            postgresql_where=text("waiting > 0"),
        ),
    )

    activity_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("activities.id"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    group_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("age_groups.id"), primary_key=True, index=True)
    held: Mapped[int] = mapped_column(default=0)
    waiting: Mapped[int] = mapped_column(default=0)
    arrivals: Mapped[int] = mapped_column(default=0)


class Booking(Base):
    """A child in an activity on a day. ``state`` is a code of ``states``; the household is the one that pays.

    A row whose state ``states.OVER`` lists is history: another one may follow for the same child, activity and day.
    ``queue`` orders the waiting list (``SessionDay.arrivals``); ``version`` counts the changes, which ``BookingEvent``
    tells. ``answer`` is what an agent wrote to the family. ``cents`` is the price as it was computed.
    """

    __tablename__ = "bookings"
    __table_args__ = (
        Index("ix_bookings_child_id_day", "child_id", "day"),
        Index("ix_bookings_session", "activity_id", "day", "group_id", "state", "queue"),
        Index("ix_bookings_household_id_day", "household_id", "day"),
        Index(
            "uq_bookings_alive",
            "child_id",
            "activity_id",
            "day",
            unique=True,
            sqlite_where=text("state NOT IN ('cancelled', 'refused', 'closed', 'expired')"),
            postgresql_where=text("state NOT IN ('cancelled', 'refused', 'closed', 'expired')"),
        ),
        Index(
            "ix_bookings_to_answer",
            "activity_id",
            "day",
            sqlite_where=text("state IN ('requested', 'cancel_requested')"),
            postgresql_where=text("state IN ('requested', 'cancel_requested')"),
        ),
        Index(
            "ix_bookings_offered",
            "offered_until",
            sqlite_where=text("state = 'offered'"),
            postgresql_where=text("state = 'offered'"),
        ),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    child_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("children.id"))
    activity_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("activities.id"))
    group_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("age_groups.id"))
    day: Mapped[date]
    household_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("households.id"))
    state: Mapped[str]
    version: Mapped[int]
    queue: Mapped[int | None]
    offered_until: Mapped[datetime | None]
    cents: Mapped[int]
    answer: Mapped[str] = mapped_column(LongText, default="")
    asked_at: Mapped[datetime]
    asked_by: Mapped[uuid.UUID | None]


class BookingEvent(Base):
    """A change of state of a booking, never changed itself. ``act_id`` is shared by what one gesture did.

    ``reason`` is a code (``vocabulary``): no word that somebody typed, no name.
    """

    __tablename__ = "booking_events"
    __table_args__ = (Index("ix_booking_events_act_id", "act_id"),)

    booking_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bookings.id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    act_id: Mapped[uuid.UUID]
    from_state: Mapped[str]
    to_state: Mapped[str]
    at: Mapped[datetime]
    by_id: Mapped[uuid.UUID | None]
    reason: Mapped[str] = mapped_column(default="")


class AttendanceMark(Base):
    """What somebody noted at the door, once and for ever: a mark sent twice is the row that is there (R9).

    ``id`` is made by the tablet or by the page. ``kind`` is one of ``attendance.KINDS``; ``left_at`` a Paris hour,
    ``HH:MM``, and ``minutes`` how long after the end of the service. ``made_at`` is what the tablet says, never later
    than ``received_at``. ``outcome`` is one of ``attendance.OUTCOMES``; ``booking_id`` the booking that it is about.
    """

    __tablename__ = "attendance_marks"
    __table_args__ = (Index("ix_attendance_marks_activity_id_day", "activity_id", "day"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    activity_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("activities.id"))
    day: Mapped[date]
    child_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("children.id"), index=True)
    booking_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("bookings.id"), index=True)
    kind: Mapped[str]
    left_at: Mapped[str] = mapped_column(default="")
    minutes: Mapped[int] = mapped_column(default=0)
    outcome: Mapped[str]
    made_at: Mapped[datetime]
    received_at: Mapped[datetime]
    by_id: Mapped[uuid.UUID | None]


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


class CalendarFeed(Base):
    """The secret link by which a calendar reads the bookings of an adult's household; a new one takes its place.

    ``fingerprint`` is the SHA-256 of the secret, which is shown once and kept nowhere.
    """

    __tablename__ = "calendar_feeds"

    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime]
