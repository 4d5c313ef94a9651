"""Rows of families. Rights come from ``Guardianship`` alone, never from living in the same household (R-20)."""

from __future__ import annotations

import uuid
from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, LongText, new_id

# Ranges over words (« from dup to dup\uffff ») need byte order, which PostgreSQL only promises in this collation.
Word = String().with_variant(String(collation="C"), "postgresql")


class Household(Base):
    """A « foyer »: an address, a file number, and the adults who answer for it.

    ``number`` is the « N° famille » printed on letters: ten digits drawn at random, the last one a check digit.
    ``caisse`` is ``caf``, ``msa`` or empty. ``qf`` is the « quotient familial » in euros; 0 is a value, ``None`` means
    that it is not known (R-52). ``address_hidden`` keeps the address from everybody outside the household.
    """

    __tablename__ = "households"
    __table_args__ = (
        Index("ix_households_sort_key_id", "sort_key", "id"),
        Index("ix_households_created_at_id", "created_at", "id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    number: Mapped[str] = mapped_column(unique=True)
    label: Mapped[str]
    sort_key: Mapped[str]
    street: Mapped[str] = mapped_column(default="")
    address_extra: Mapped[str] = mapped_column(default="")
    postal_code: Mapped[str] = mapped_column(default="")
    city: Mapped[str] = mapped_column(default="")
    address_hidden: Mapped[bool] = mapped_column(default=False)
    phone: Mapped[str] = mapped_column(default="")
    situation: Mapped[str] = mapped_column(default="")
    caisse: Mapped[str] = mapped_column(default="")
    caf_number: Mapped[str] = mapped_column(default="")
    qf: Mapped[int | None]
    qf_source: Mapped[str] = mapped_column(default="")
    qf_month: Mapped[date | None]
    desk_only: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]


class Adult(Base):
    """A grown-up of a household, with or without an account.

    ``quality`` is what he or she is to the household (``vocabulary.QUALITIES``). The four address columns are filled
    when they differ from the household's. Consents to mail and SMS are a person's, not a household's.
    """

    __tablename__ = "adults"
    __table_args__ = (Index("ix_adults_sort_key", "sort_key"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    household_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("households.id"), index=True)
    account_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("accounts.id"), unique=True)
    rank: Mapped[int] = mapped_column(default=1)
    civility: Mapped[str] = mapped_column(default="")
    first_name: Mapped[str]
    last_name: Mapped[str]
    birth_name: Mapped[str] = mapped_column(default="")
    sort_key: Mapped[str]
    birth_date: Mapped[date | None]
    quality: Mapped[str] = mapped_column(default="")
    mobile: Mapped[str] = mapped_column(default="")
    work_phone: Mapped[str] = mapped_column(default="")
    email: Mapped[str] = mapped_column(default="", index=True)
    profession: Mapped[str] = mapped_column(default="")
    employer: Mapped[str] = mapped_column(default="")
    mail_consent: Mapped[bool] = mapped_column(default=True)
    sms_consent: Mapped[bool] = mapped_column(default=False)
    street: Mapped[str] = mapped_column(default="")
    address_extra: Mapped[str] = mapped_column(default="")
    postal_code: Mapped[str] = mapped_column(default="")
    city: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime]


class Child(Base):
    """A child. ``sort_key`` with ``birth_date`` is how doubles are noticed; ``sex`` is ``F``, ``M`` or unknown."""

    __tablename__ = "children"
    __table_args__ = (Index("ix_children_sort_key_birth_date", "sort_key", "birth_date"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    first_name: Mapped[str]
    last_name: Mapped[str]
    sort_key: Mapped[str]
    birth_date: Mapped[date]
    sex: Mapped[str] = mapped_column(default="")
    school_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("structures.id"), index=True)
    level: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime]


class HouseholdChild(Base):
    """A child lives in this household; children of separated parents live in two (F5)."""

    __tablename__ = "household_children"
    __table_args__ = (Index("ix_household_children_child_id", "child_id"),)

    household_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("households.id"), primary_key=True)
    child_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("children.id"), primary_key=True)
    since: Mapped[date]
    case_id: Mapped[uuid.UUID | None]


class ChildStructure(Base):
    """A structure that receives this child besides his school: its staff may open his family's file (R-73)."""

    __tablename__ = "child_structures"
    __table_args__ = (Index("ix_child_structures_structure_id", "structure_id"),)

    child_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("children.id"), primary_key=True)
    structure_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("structures.id"), primary_key=True)
    since: Mapped[date]


class Guardianship(Base):
    """The link between an adult and a child (R-20): quality, exercise of authority, what proves it, from when to when.

    ``authority`` is one of ``rights.Authority``. A judgment ends the current row (``until``, last day) and adds one.
    ``opposed_at``: this holder made an opposition known, the agreement of both is needed from then on (R-22).
    """

    __tablename__ = "guardianships"
    __table_args__ = (
        UniqueConstraint("child_id", "adult_id", "since"),
        Index("ix_guardianships_adult_id_child_id", "adult_id", "child_id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    child_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("children.id"))
    adult_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("adults.id"))
    quality: Mapped[str]
    authority: Mapped[str]
    source: Mapped[str] = mapped_column(LongText, default="")
    since: Mapped[date]
    until: Mapped[date | None]
    opposed_at: Mapped[datetime | None]
    case_id: Mapped[uuid.UUID | None]
    created_at: Mapped[datetime]


class ChildHealth(Base):
    """What the canteen must know. No religious word, no illness: codes of ``vocabulary`` and two notes (R-79, A3.3).

    In its own table so that no list reads it; each read by staff is noted in the journal (R-73).
    """

    __tablename__ = "child_health"

    child_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("children.id"), primary_key=True)
    diet: Mapped[str] = mapped_column(default="standard")
    allergies: Mapped[list[str]]
    allergy_note: Mapped[str] = mapped_column(LongText, default="")
    meal_note: Mapped[str] = mapped_column(LongText, default="")
    pai: Mapped[bool] = mapped_column(default=False)
    doctor_name: Mapped[str] = mapped_column(default="")
    doctor_phone: Mapped[str] = mapped_column(default="")
    updated_at: Mapped[datetime]


class Authorisation(Base):
    """What one adult said about one child: never changed, replaced by a newer row (``superseded_at``), R-23."""

    __tablename__ = "authorisations"
    __table_args__ = (
        Index(
            "uq_authorisations_current",
            "child_id",
            "kind",
            "adult_id",
            unique=True,
            sqlite_where=text("superseded_at IS NULL"),
            postgresql_where=text("superseded_at IS NULL"),
        ),
        Index("ix_authorisations_adult_id", "adult_id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    child_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("children.id"))
    adult_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("adults.id"))
    kind: Mapped[str]
    granted: Mapped[bool]
    case_id: Mapped[uuid.UUID | None]
    declared_at: Mapped[datetime]
    superseded_at: Mapped[datetime | None]


class ChildVaccination(Base):
    """A vaccination that was shown: one row a dose (``valence`` and ``given_on``), or one row for a certificate of the
    doctor, which covers everything (``valence`` empty, ``document_id``). Replaced together, never changed (F3)."""

    __tablename__ = "child_vaccinations"
    __table_args__ = (Index("ix_child_vaccinations_child_id", "child_id"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    child_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("children.id"))
    valence: Mapped[str] = mapped_column(default="")
    given_on: Mapped[date | None]
    document_id: Mapped[uuid.UUID | None]
    case_id: Mapped[uuid.UUID | None]
    declared_at: Mapped[datetime]
    superseded_at: Mapped[datetime | None]


class CustodyCalendar(Base):
    """With whom a child of two households is, from ``since`` to the next calendar (R-25). Never changed, replaced.

    ``kind`` is one of ``custody_calendars.KINDS``. ``first_household_id`` has the even weeks, or the days « A » of
    ``pattern``; the other household the odd weeks, or the days « B ». ``pattern`` is one letter a day from ``anchor``;
    ``changes_on`` the ISO weekday when the child changes home. ``source`` is the document that says so.
    """

    __tablename__ = "custody_calendars"
    __table_args__ = (
        Index(
            "uq_custody_calendars_current",
            "child_id",
            "since",
            unique=True,
            sqlite_where=text("superseded_at IS NULL"),
            postgresql_where=text("superseded_at IS NULL"),
        ),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    child_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("children.id"))
    since: Mapped[date]
    kind: Mapped[str]
    first_household_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("households.id"))
    second_household_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("households.id"))
    anchor: Mapped[date | None]
    pattern: Mapped[str] = mapped_column(default="")
    changes_on: Mapped[int] = mapped_column(default=1)
    source: Mapped[str] = mapped_column(LongText, default="")
    case_id: Mapped[uuid.UUID | None]
    declared_at: Mapped[datetime]
    superseded_at: Mapped[datetime | None]


class CustodyStay(Base):
    """Days that a calendar gives to one household whatever its rule says; the greatest ``rank`` wins."""

    __tablename__ = "custody_stays"
    __table_args__ = (Index("ix_custody_stays_calendar_id", "calendar_id"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    calendar_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("custody_calendars.id"))
    rank: Mapped[int]
    first: Mapped[date]
    last: Mapped[date]
    household_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("households.id"))


class PickupPerson(Base):
    """Somebody to whom a child may be handed, or must not be (``blocked``), R-24. Never changed, replaced.

    ``birth_date`` is only known for a minor. ``source`` is the court document without which nobody is blocked.
    ``adult_id`` is the holder of authority who named this person; ``None`` when staff did.
    """

    __tablename__ = "pickup_persons"
    __table_args__ = (
        Index(
            "ix_pickup_persons_current",
            "child_id",
            sqlite_where=text("superseded_at IS NULL"),
            postgresql_where=text("superseded_at IS NULL"),
        ),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    child_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("children.id"))
    blocked: Mapped[bool] = mapped_column(default=False)
    first_name: Mapped[str]
    last_name: Mapped[str]
    sort_key: Mapped[str]
    phone: Mapped[str] = mapped_column(default="")
    relation: Mapped[str] = mapped_column(default="")
    birth_date: Mapped[date | None]
    since: Mapped[date]
    until: Mapped[date | None]
    source: Mapped[str] = mapped_column(LongText, default="")
    adult_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("adults.id"))
    case_id: Mapped[uuid.UUID | None]
    declared_at: Mapped[datetime]
    superseded_at: Mapped[datetime | None]


class HouseholdChange(Base):
    """One field of a family changed: the values stay here, the journal only names the field (R-74).

    ``object_type`` is ``household``, ``adult`` or ``child``; ``old`` and ``new`` are texts as people read them.
    """

    __tablename__ = "household_changes"
    __table_args__ = (
        Index("ix_household_changes_household_id_at", "household_id", "at"),
        Index("ix_household_changes_object_id", "object_id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    household_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("households.id"))
    object_type: Mapped[str]
    object_id: Mapped[uuid.UUID]
    field: Mapped[str]
    old: Mapped[str] = mapped_column(LongText)
    new: Mapped[str] = mapped_column(LongText)
    case_id: Mapped[uuid.UUID | None]
    at: Mapped[datetime]
    by_id: Mapped[uuid.UUID | None]
    by_label: Mapped[str]


class FamilyWord(Base):
    """A folded word under which agents find a household: names, e-mail, phone digits, number.

    ``subject_id`` is the adult, child or household the word comes from, so that its words are replaced together.
    """

    __tablename__ = "family_words"
    __table_args__ = (
        Index("ix_family_words_subject_id", "subject_id"),
        Index("ix_family_words_household_id", "household_id", "word"),
    )

    word: Mapped[str] = mapped_column(Word, primary_key=True)
    household_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("households.id"), primary_key=True)
    subject_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
