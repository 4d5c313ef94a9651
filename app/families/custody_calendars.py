"""The custody calendars of children, as rows (R-25), and the one question the rooms above ask: whose day is it?"""

from __future__ import annotations

import re
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app import clock, journal
from app.db import new_id
from app.errors import Refused
from app.families import fields
from app.families.custody import Custody, Parity, Stay, Turn
from app.families.loading import load_child_row
from app.families.models import CustodyCalendar, CustodyStay, Household, HouseholdChild
from app.families.weeks import monday_of
from app.policy import Actor, Permission, require

#: How a judgment says it. ``ended``: from that day on, no calendar holds.
KINDS: Mapping[str, str] = {
    "turn": "Une semaine sur deux, ou un autre rythme qui revient",
    "parity": "Semaines paires et impaires",
    "dates": "Dates écrites dans la décision",
    "ended": "Plus de garde partagée",
}
WEEK_ABOUT = "A" * 7 + "B" * 7
LONGEST_PATTERN = 56
MOST_STAYS = 100


@dataclass(frozen=True)
class Given:
    """Days given to a household, both ends included."""

    first: date
    last: date
    household_id: uuid.UUID


@dataclass(frozen=True)
class Rhythm:
    """What is written of a calendar. ``first`` has the even weeks, or the days « A » of ``pattern``, one letter a day
    from ``anchor`` on; the other household has the rest. ``changes_on`` is the ISO weekday of the change (parity)."""

    kind: str
    first: uuid.UUID | None = None
    anchor: date | None = None
    pattern: str = WEEK_ABOUT
    changes_on: int = 1
    stays: tuple[Given, ...] = ()


def set_custody(
    session: Session,
    actor: Actor,
    child_id: uuid.UUID,
    rhythm: Rhythm,
    *,
    source: str,
    since: date | None = None,
    case_id: uuid.UUID | None = None,
) -> None:
    """From ``since`` (today) on, this calendar says with whom the child is. What was said of earlier days stays.

    ``source`` names the document that says so (judgment, agreement). Raises Forbidden, NotFound, Refused (field): the
    child does not live in two households, or the calendar makes no sense.
    """
    require(actor, Permission.FAMILY_WRITE)
    child = load_child_row(session, actor, child_id, lock=True)
    since = since or clock.today()
    source = fields.note("source", source)
    if not source:
        raise Refused("Indiquez le document qui fixe la garde (jugement, convention, accord écrit).", "source")
    first, second = _homes(session, child.id, rhythm)
    _judge(rhythm, {first, second})
    _replace(session, child.id, since)
    turn = rhythm.kind == "turn"
    row = CustodyCalendar(
        id=new_id(),
        child_id=child.id,
        since=since,
        kind=rhythm.kind,
        first_household_id=first,
        second_household_id=second,
        anchor=rhythm.anchor if turn else None,
        pattern=rhythm.pattern if turn else "",
        changes_on=rhythm.changes_on,
        source=source,
        case_id=case_id,
        declared_at=clock.now(),
    )
    session.add(row)
    session.flush()
    for rank, stay in enumerate(rhythm.stays):
        session.add(
            CustodyStay(
                id=new_id(),
                calendar_id=row.id,
                rank=rank,
                first=stay.first,
                last=stay.last,
                household_id=stay.household_id,
            )
        )
    session.flush()
    journal.record(session, actor, "child.custody_set", "child", child.id, kind=rhythm.kind)


def _homes(session: Session, child_id: uuid.UUID, rhythm: Rhythm) -> tuple[uuid.UUID, uuid.UUID]:
    """The two households of the child, that of ``rhythm.first`` before the other."""
    if rhythm.kind not in KINDS or rhythm.kind == "ended":
        raise Refused("Choisissez une des réponses proposées.", "kind")
    homes = session.scalars(
        select(HouseholdChild.household_id)
        .where(HouseholdChild.child_id == child_id)
        .order_by(HouseholdChild.since, HouseholdChild.household_id)
    ).all()
    if len(homes) != 2:
        raise Refused("Un calendrier de garde demande que l’enfant vive dans deux foyers.", "kind")
    first = rhythm.first or homes[0]
    if first not in homes:
        raise Refused("Choisissez un des deux foyers de l’enfant.", "first")
    return first, next(home for home in homes if home != first)


def _judge(rhythm: Rhythm, homes: Collection[uuid.UUID]) -> None:
    if rhythm.kind == "turn":
        if rhythm.anchor is None:
            raise Refused("Indiquez le premier jour du rythme.", "anchor")
        known = re.fullmatch(rf"[AB]{{1,{LONGEST_PATTERN}}}", rhythm.pattern)
        if known is None or len(set(rhythm.pattern)) < 2:
            raise Refused(f"Écrivez une lettre par jour, A ou B, {LONGEST_PATTERN} jours au plus.", "pattern")
    if not 1 <= rhythm.changes_on <= 7:
        raise Refused("Choisissez un jour de la semaine.", "changes_on")
    if rhythm.kind == "dates" and not rhythm.stays:
        raise Refused("Indiquez au moins une période.", "stays")
    if len(rhythm.stays) > MOST_STAYS:
        raise Refused(f"Indiquez {MOST_STAYS} périodes au plus.", "stays")
    for stay in rhythm.stays:
        if stay.last < stay.first:
            raise Refused("Une période se termine avant de commencer.", "stays")
        if stay.household_id not in homes:
            raise Refused("Choisissez un des deux foyers de l’enfant.", "stays")


def end_custody(session: Session, actor: Actor, child_id: uuid.UUID, since: date | None = None) -> None:
    """From ``since`` (today) on, no calendar holds any more. Nothing is written when none did."""
    require(actor, Permission.FAMILY_WRITE)
    child = load_child_row(session, actor, child_id, lock=True)
    since = since or clock.today()
    current = _in_order(session, [child.id]).get(child.id, [])
    if not any(row.kind != "ended" for row in current):
        return
    _replace(session, child.id, since)
    ended = CustodyCalendar(id=new_id(), child_id=child.id, since=since, kind="ended", declared_at=clock.now())
    session.add(ended)
    session.flush()
    journal.record(session, actor, "child.custody_ended", "child", child.id)


def _replace(session: Session, child_id: uuid.UUID, since: date) -> None:
    """The calendars that would only begin on that day or later never did."""
    session.execute(
        update(CustodyCalendar)
        .where(
            CustodyCalendar.child_id == child_id,
            CustodyCalendar.since >= since,
            CustodyCalendar.superseded_at.is_(None),
        )
        .values(superseded_at=clock.now())
    )


# -- whose day is it -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Homes:
    """Where a child is, day by day. ``only`` is his household when he has one; each calendar holds from its day to the
    next one's."""

    only: uuid.UUID | None
    calendars: Sequence[tuple[date, Custody[uuid.UUID]]]

    def on(self, day: date) -> uuid.UUID | None:
        """The household whose day it is: its adult books, pays, and lends his quotient familial (R-25, R-59). ``None``
        for a child of two households of whom nothing says so."""
        for since, custody in reversed(self.calendars):
            if since <= day:
                return custody.home(day) or self.only
        return self.only


def homes_of(session: Session, children: Collection[uuid.UUID]) -> dict[uuid.UUID, Homes]:
    """Where these children are, for any day of any period. Three statements for all."""
    households: dict[uuid.UUID, list[uuid.UUID]] = {child_id: [] for child_id in children}
    for child_id, household_id in session.execute(
        select(HouseholdChild.child_id, HouseholdChild.household_id).where(HouseholdChild.child_id.in_(children))
    ):
        households[child_id].append(household_id)
    rows = _in_order(session, children)
    stays: dict[uuid.UUID, list[Stay[uuid.UUID]]] = {row.id: [] for found in rows.values() for row in found}
    for stay in session.scalars(
        select(CustodyStay)
        .where(CustodyStay.calendar_id.in_(stays))
        .order_by(CustodyStay.calendar_id, CustodyStay.rank)
    ):
        stays[stay.calendar_id].append(Stay(stay.first, stay.last, stay.household_id))
    return {
        child_id: Homes(
            homes[0] if len(homes) == 1 else None,
            [(row.since, Custody(_rule(row), stays[row.id])) for row in rows.get(child_id, ())],
        )
        for child_id, homes in households.items()
    }


def custody_homes(session: Session, children: Collection[uuid.UUID]) -> dict[uuid.UUID, Homes]:
    """``homes_of`` for those of these children who have a custody calendar: for the others, nothing says whose day it
    is, and either parent books. One statement when none has."""
    query = select(CustodyCalendar.child_id).where(
        CustodyCalendar.child_id.in_(children), CustodyCalendar.superseded_at.is_(None)
    )
    kept = set(session.scalars(query))
    return homes_of(session, kept) if kept else {}


def home_of(session: Session, child_id: uuid.UUID, day: date) -> uuid.UUID | None:
    """``homes_of`` for one child and one day."""
    return homes_of(session, [child_id])[child_id].on(day)


def _rule(row: CustodyCalendar) -> Turn[uuid.UUID] | Parity[uuid.UUID] | None:
    if row.first_household_id is None or row.second_household_id is None or row.kind in ("dates", "ended"):
        return None
    if row.kind == "parity":
        return Parity(row.first_household_id, row.second_household_id, row.changes_on)
    assert row.anchor is not None  # a turn has its first day
    letters = {"A": row.first_household_id, "B": row.second_household_id}
    return Turn(row.anchor, [letters[letter] for letter in row.pattern])


def _in_order(session: Session, children: Collection[uuid.UUID]) -> dict[uuid.UUID, list[CustodyCalendar]]:
    found: dict[uuid.UUID, list[CustodyCalendar]] = {}
    for row in session.scalars(
        select(CustodyCalendar)
        .where(CustodyCalendar.child_id.in_(children), CustodyCalendar.superseded_at.is_(None))
        .order_by(CustodyCalendar.since)
    ):
        found.setdefault(row.child_id, []).append(row)
    return found


# -- what a page says of it ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Span:
    """Days that follow each other with one household; ``home`` is its name, empty when nothing says so."""

    first: date
    last: date
    home: str


@dataclass(frozen=True)
class CustodyCard:
    """The calendar in force: how it is written, the document, and the weeks to come."""

    kind: str
    source: str
    since: date
    declared_at: datetime
    spans: tuple[Span, ...]

    @property
    def kind_label(self) -> str:
        return KINDS[self.kind]


def custody_of(session: Session, child_id: uuid.UUID, weeks: int = 6) -> CustodyCard | None:
    """The calendar in force today and where the child is from this Monday, for whoever may know; ``None`` without."""
    today = clock.today()
    rows = [row for row in _in_order(session, [child_id]).get(child_id, []) if row.since <= today]
    if not rows or rows[-1].kind == "ended":
        return None
    homes = homes_of(session, [child_id])[child_id]
    labels = dict(_labels(session, child_id))
    monday = monday_of(today)
    spans: list[Span] = []
    for day in (monday + timedelta(days=n) for n in range(7 * weeks)):
        home = homes.on(day)
        label = labels.get(home, "") if home is not None else ""
        # a week of its own: « semaine du 23 novembre » reads better than a run of months
        if spans and spans[-1].home == label and day.isoweekday() != 1:
            spans[-1] = Span(spans[-1].first, day, label)
        else:
            spans.append(Span(day, day, label))
    row = rows[-1]
    return CustodyCard(row.kind, row.source, row.since, row.declared_at, tuple(spans))


def households_of_child(session: Session, actor: Actor, child_id: uuid.UUID) -> list[tuple[uuid.UUID, str]]:
    """The households of a child that this agent may know, for a form. Raises Forbidden, NotFound."""
    return _labels(session, load_child_row(session, actor, child_id).id)


def _labels(session: Session, child_id: uuid.UUID) -> list[tuple[uuid.UUID, str]]:
    rows = session.execute(
        select(Household.id, Household.label)
        .join(HouseholdChild, HouseholdChild.household_id == Household.id)
        .where(HouseholdChild.child_id == child_id)
        .order_by(HouseholdChild.since, Household.id)
    )
    return [(row.id, row.label) for row in rows]
