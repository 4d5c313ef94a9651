"""Activities with their règlement, their age groups and their calendar, as bookings are judged by them."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from itertools import groupby
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from app.agenda.calendars import Calendar, Span, school_years
from app.agenda.capacity import places, ratio_of
from app.agenda.days import ActivityCard
from app.agenda.models import Activity, AgeGroup, Closure
from app.agenda.opening import Closed, Rhythm
from app.agenda.queries import ACTIVITY_COLUMNS
from app.agenda.regulation import Regulation, read_regulation
from app.families.consents import age_on
from app.kept import Kept
from app.town.queries import town_settings

LOOKED_BACK = timedelta(days=100)
"""How far before a day its limits may lie: closures from then on are read with it."""


@dataclass(frozen=True)
class Group:
    """An age group and its places, ``None`` when nothing bounds them (R-34)."""

    id: uuid.UUID
    label: str
    age_from: int
    age_to: int | None
    capacity: int | None

    def takes(self, age: int) -> bool:
        return self.age_from <= age and (self.age_to is None or age <= self.age_to)


@dataclass(frozen=True)
class Regulated:
    """An activity that may be booked on the portal."""

    card: ActivityCard
    regulation: Regulation
    groups: tuple[Group, ...]

    @property
    def id(self) -> uuid.UUID:
        return self.card.id

    def group_of(self, birth_date: date, day: date) -> Group | None:
        """The group of a child that day: ages are those of the day (R-34)."""
        age = age_on(birth_date, day)
        return next((group for group in self.groups if group.takes(age)), None)

    @cached_property
    def ages(self) -> str:
        """« de 3 à 11 ans », « à partir de 6 ans »."""
        first = min(group.age_from for group in self.groups)
        ends = [group.age_to for group in self.groups]
        last = None if None in ends else max(end for end in ends if end is not None)
        return f"à partir de {first}\u00a0ans" if last is None else f"de {first} à {last}\u00a0ans"


def _capacity(card: ActivityCard, regulation: Regulation, row: Row[*tuple[Any, ...]]) -> int | None:
    starts, ends = (int(text[:2]) + int(text[3:]) / 60 for text in (card.starts_at, card.ends_at))
    ratio = ratio_of(regulation.setting, ends - starts, pedt=regulation.pedt)
    return places(row.places, row.staff, ratio.from_six if row.age_from >= 6 else ratio.under_six)


def read_regulated(session: Session) -> tuple[Regulated, ...]:
    """Every open activity that is booked on the portal, in the order of the day. One statement."""
    rows = session.execute(
        select(
            *ACTIVITY_COLUMNS,
            Activity.rules,
            AgeGroup.id.label("group_id"),
            AgeGroup.label.label("group_label"),
            AgeGroup.age_from,
            AgeGroup.age_to,
            AgeGroup.places,
            AgeGroup.staff,
        )
        .join(AgeGroup, AgeGroup.activity_id == Activity.id)
        .where(Activity.open)
        .order_by(Activity.rank, Activity.starts_at, Activity.code, AgeGroup.age_from)
    )
    found = []
    for _, lines in groupby(rows, key=lambda row: row.id):
        group_rows = list(lines)
        head = group_rows[0]
        values = {column.key: getattr(head, column.key) for column in ACTIVITY_COLUMNS}
        card = ActivityCard(**{**values, "weekdays": tuple(head.weekdays)})
        regulation = read_regulation(head.rules)
        if regulation.acceptance == "none":
            continue
        groups = tuple(
            Group(row.group_id, row.group_label, row.age_from, row.age_to, _capacity(card, regulation, row))
            for row in group_rows
        )
        found.append(Regulated(card, regulation, groups))
    return tuple(found)


KEPT_REGULATED = Kept(read_regulated)
"""For pages that only show; what decides reads again under its locks."""


class Agenda:
    """One activity and its calendar: on which days it is held, and why it is not."""

    def __init__(self, activity: Regulated, zone: str, holidays: str, closed: Mapping[date, str]) -> None:
        regulation = activity.regulation
        openings: Sequence[Span] = regulation.openings or [year.span for year in school_years(zone)]
        self.activity = activity
        self.rhythm = Rhythm(regulation.times, frozenset(activity.card.weekdays), openings)
        self.calendar = Calendar(zone, holidays, frozenset(closed))
        self._words = closed

    def why_closed(self, day: date) -> Closed | None:
        """The first reason why it is not held; a day that the service closed says so in the service's words."""
        closed = self.rhythm.why_closed(day, self.calendar)
        return Closed("closed", self._words[day]) if closed is not None and closed.why == "closed" else closed


def agendas(session: Session, activities: Collection[Regulated], first: date, last: date) -> dict[uuid.UUID, Agenda]:
    """The agenda of each activity, good from ``first`` to ``last``. One statement, once the settings are known."""
    town = town_settings(session)
    rows = session.execute(
        select(Closure.structure_id, Closure.activity_id, Closure.first_day, Closure.last_day, Closure.words)
        .where(Closure.last_day >= first - LOOKED_BACK, Closure.first_day <= last, Closure.reopened_at.is_(None))
        .order_by(Closure.created_at)
    ).all()
    made = {}
    for activity in activities:
        closed = {}
        for row in rows:
            if row.structure_id in (None, activity.card.structure_id) and row.activity_id in (None, activity.id):
                begins, ends = max(row.first_day, first - LOOKED_BACK), min(row.last_day, last)
                for ordinal in range(begins.toordinal(), ends.toordinal() + 1):
                    closed[date.fromordinal(ordinal)] = row.words
        made[activity.id] = Agenda(activity, town.zone, town.holidays, closed)
    return made


def concerned(closure: Closure, activities: Collection[Regulated]) -> list[Regulated]:
    """The activities that a closure closes."""
    return [
        each
        for each in activities
        if closure.structure_id in (None, each.card.structure_id) and closure.activity_id in (None, each.id)
    ]
