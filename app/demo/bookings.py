"""The planning of Valbrise (domain.md, part C): règlements, enrolments, the bookings of these weeks, a full Wednesday.

Told on a clock that begins a month before, so that each family books in time, through the operations of the agenda.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import cycle
from typing import Any

from sqlalchemy.orm import Session

from app import clock
from app.agenda.activities import agendas, read_regulated
from app.agenda.answering import answer, bookings_to_answer
from app.agenda.booking import GroupEntry, save_wishes
from app.agenda.closing import close_days
from app.agenda.patterns import WeekPattern
from app.agenda.queries import activities
from app.agenda.regulating import GroupRule, enrol, regulate
from app.agenda.wishes import Wish
from app.db import Database
from app.demo.attendance import Door
from app.demo.families import FAMILIES, Made
from app.families.child_operations import add_child, link_adult
from app.families.operations import add_adult, create_household
from app.families.weeks import Weeks
from app.policy import SYSTEM, Actor

_BOTH = [GroupRule("moins6", "Moins de 6 ans", 3, 5, places=30), GroupRule("plus6", "6 ans et plus", 6, 12, places=42)]
_EVENING = {"mode": "ouvres", "n": 1, "at": "17:00"}
_WEEK = {"mode": "calendaires", "n": 7, "at": "12:00"}


def _three(limit: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"acceptance": "automatic", "book": limit, "change": limit, "cancel": limit, "pedt": True, **more}


def _rate(rate: str, floor: int, ceiling: int, outside: int) -> dict[str, Any]:
    return {"rate": rate, "floor": floor, "ceiling": ceiling, "outside": outside}


_CANTEEN_PRICES = ((0, 400, 100), (400, 700, 100), (700, 1000, 240), (1000, 1300, 330), (1300, 1700, 410))
REGULATIONS: Mapping[str, tuple[dict[str, Any], list[GroupRule]]] = {
    "CANT": (
        _three(
            {"mode": "ouvres", "n": 2, "at": "10:00"},
            tariff={
                "brackets": [
                    *({"from": low, "to": high, "cents": cents} for low, high, cents in _CANTEEN_PRICES),
                    {"from": 1700, "to": None, "cents": 490},
                ],
                "without_qf": 490,
                "outside": 560,
            },
            absence={"hours": 72, "days": 10, "waiting_days": 1},
        ),
        [GroupRule("tous", "Tous les enfants", 2, 12, places=170)],
    ),
    "MATIN": (_three(_EVENING, tariff=_rate("0.12", 60, 180, 220)), [GroupRule("tous", "Tous les enfants", 2, 12)]),
    "SOIR1": (_three(_EVENING, tariff=_rate("0.16", 80, 240, 300)), [GroupRule("tous", "Tous les enfants", 2, 12)]),
    "SOIR2": (_three(_EVENING, tariff=_rate("0.14", 70, 210, 260)), [GroupRule("tous", "Tous les enfants", 2, 12)]),
    "ETUDE": (
        _three(
            {"mode": "semaine_precedente", "n": 1, "weekday": 4, "at": "12:00"}, tariff={"flat": 190}, schools=["EE"]
        ),
        [GroupRule("grands", "CP au CM2", 5, 12)],
    ),
    "MERC_J": (_three(_WEEK, tariff=_rate("1.20", 600, 1950, 2400)), _BOTH),
    "MERC_MR": (_three(_WEEK, acceptance="agent", pieces=["assurance"], tariff=_rate("0.80", 400, 1300, 1600)), _BOTH),
    "VAC_J": (
        _three(
            {"mode": "francs_avant_periode", "n": 15},
            times="vacances",
            pieces=["vaccins"],
            setting="extrascolaire",
            openings=[
                {"name": name, "first": first, "last": last}
                for name, first, last in (
                    ("Toussaint", "2026-10-19", "2026-10-30"),
                    ("Hiver", "2027-02-22", "2027-03-05"),
                    ("Printemps", "2027-04-19", "2027-04-30"),
                    ("Été", "2027-07-05", "2027-07-30"),
                )
            ],
            tariff=_rate("1.20", 600, 1950, 2400),
        ),
        [
            GroupRule("moins6", "Moins de 6 ans", 3, 5, places=24),
            GroupRule("plus6", "6 ans et plus", 6, 12, places=36),
        ],
    ),
}
CLOSED = (date(2026, 12, 24), date(2026, 12, 31), date(2027, 5, 7))
ALL = frozenset({1, 2, 4, 5})


@dataclass(frozen=True)
class Habit:
    """What a family books each week for a child: activities, ISO weekdays, which weeks."""

    family: str
    child: str
    activities: tuple[str, ...]
    weekdays: frozenset[int] = ALL
    weeks: Weeks = Weeks()  # noqa: RUF009 - frozen, and the same for all


HABITS = (
    Habit("F01", "Léna", ("CANT",)),
    Habit("F01", "Hugo", ("CANT", "SOIR1")),
    Habit("F02", "Inès", ("CANT",), ALL, Weeks("even")),
    Habit("F02B", "Inès", ("CANT", "SOIR1", "SOIR2"), ALL, Weeks("odd")),
    Habit("F03", "Noé", ("MATIN", "CANT"), frozenset({1, 4})),
    Habit("F04", "Zoé", ("CANT",)),
    Habit("F05", "Tom", ("CANT", "ETUDE"), frozenset({1, 2, 4})),
    Habit("F06", "Maël", ("CANT",)),
    Habit("F07", "Sacha", ("CANT",), frozenset({2, 5})),
    Habit("F08", "Ava", ("CANT", "SOIR1")),
    Habit("F09", "Jade", ("CANT",)),
    Habit("F10", "Eliott", ("MATIN", "CANT", "SOIR1")),
    Habit("F11", "Nour", ("CANT",)),
    Habit("F12", "Adam", ("CANT",)),
)
WAITING = (("F01", "Hugo"), ("F06", "Maël"), ("F08", "Paul"))
"""Who comes after the last place of the full Wednesday, in this order."""
NEIGHBOURS = (
    *("Aubry", "Barre", "Colin", "Delmas", "Evrard", "Faivre", "Gillet", "Huet", "Imbert", "Jacquot"),
    *("Klein", "Lamy", "Maillard", "Navarro", "Olivier", "Pasquier", "Queval", "Renaud", "Sabatier", "Tessier"),
    *("Urbain", "Vallet", "Weber", "Yvon", "Zeller", "Antoine", "Bonnet", "Carlier", "Dumas", "Étienne"),
)
FIRST_NAMES = ("Alice", "Basile", "Capucine", "Diego", "Elsa", "Félix")


def regulate_activities(session: Session) -> None:
    """Gives each activity its règlement."""
    for card in activities(session):
        if card.code in REGULATIONS:
            rules, groups = REGULATIONS[card.code]
            regulate(session, SYSTEM, card.id, rules, groups)


class Bookings:
    """The acts of the planning, each in its transaction."""

    def __init__(self, database: Database, made: Made, agent: Actor) -> None:
        self.database, self.made, self.agent = database, made, agent
        with database.transaction(read_only=True) as session:
            self.ids = {card.code: card.id for card in activities(session)}

    def a_month_ago(self) -> None:
        """Everybody enrols and books; days of the commune are closed."""
        today = clock.today()
        self.door = Door(self.database, self.agent, today + timedelta(days=24))
        with self.database.transaction() as session:
            for day in CLOSED:
                if day >= today:
                    close_days(session, SYSTEM, first=day, last=day, kind="pont", words="Fermeture de la commune")
            for (family, child), codes in self._enrolments().items():
                self._enrol(session, self.made.households[family], self.made.children[child], codes)
        first, last = today + timedelta(days=16), today + timedelta(days=60)
        for habit in HABITS:
            entry = GroupEntry(
                [self.made.children[habit.child]],
                [self.ids[code] for code in habit.activities],
                first,
                last,
                WeekPattern(habit.weekdays, habit.weeks),
                add=True,
            )
            self._save(habit.family, entry.wishes())
        self._fill_wednesday(today + timedelta(days=41))

    def _enrolments(self) -> dict[tuple[str, str], tuple[str, ...]]:
        """What each child may be booked in: all there is where a visitor may be the parent, else what is booked."""
        found = {(habit.family, habit.child): habit.activities for habit in HABITS}
        seen = {each.code for each in FAMILIES if any(parent.persona for parent in each.parents)}
        return {key: tuple(REGULATIONS) if key[0] in seen else found[key] for key in [*found, *WAITING]}

    def three_days_ago(self) -> None:
        """A late cancellation that was answered: one day excused, one billed."""
        self.door.mark_until_yesterday()
        days = self._school_days(clock.today(), 2)
        self._save("F08", [Wish(self.made.children["Ava"], self.ids["CANT"], day, False) for day in days])
        with self.database.transaction() as session:
            lines = bookings_to_answer(session, self.agent)
            late = [line.id for line in lines if line.state == "cancel_requested"]
            if late:
                answer(session, self.agent, dict(zip(late, cycle(("excuse", "bill")), strict=False)))

    def this_morning(self) -> None:
        """A cancellation partly late: the nearest days wait for an answer, the others are cancelled. A request too."""
        self.door.mark_until_yesterday(finished=False)
        days = self._school_days(clock.today(), 5)
        self._save("F01", [Wish(self.made.children["Léna"], self.ids["CANT"], day, False) for day in days])
        later = clock.today() + timedelta(days=10)
        wednesday = later + timedelta(days=(3 - later.isoweekday()) % 7)
        self._save("F03", [Wish(self.made.children["Noé"], self.ids["MERC_MR"], wednesday, True)])

    def _fill_wednesday(self, after: date) -> None:
        with self.database.transaction() as session:
            wednesday = self._next_wednesday(session, after)
            if wednesday is None:
                return  # the school calendar that we have goes no further
            for number, name in enumerate(NEIGHBOURS):
                household, child = _neighbour(session, name, FIRST_NAMES[number % len(FIRST_NAMES)], wednesday)
                self._enrol(session, household, child, ("MERC_J",))
                wish = [Wish(child, self.ids["MERC_J"], wednesday, True)]
                save_wishes(session, SYSTEM, wish, household_id=household)
        for family, child_name in WAITING:
            self._save(family, [Wish(self.made.children[child_name], self.ids["MERC_J"], wednesday, True)])

    def _next_wednesday(self, session: Session, after: date) -> date | None:
        [activity] = [each for each in read_regulated(session) if each.id == self.ids["MERC_J"]]
        agenda = agendas(session, [activity], after, after + timedelta(days=90))[activity.id]
        return next(agenda.rhythm.open_days(after, after + timedelta(days=90), agenda.calendar), None)

    def _school_days(self, first: date, count: int) -> list[date]:
        """The next days of canteen, from ``first`` on."""
        with self.database.transaction(read_only=True) as session:
            [activity] = [each for each in read_regulated(session) if each.id == self.ids["CANT"]]
            last = first + timedelta(days=30)
            agenda = agendas(session, [activity], first, last)[activity.id]
            return list(agenda.rhythm.open_days(first, last, agenda.calendar))[:count]

    def _enrol(self, session: Session, household: uuid.UUID, child: uuid.UUID, codes: tuple[str, ...]) -> None:
        first = clock.today().replace(day=1)
        for code in codes:
            enrol(
                session,
                SYSTEM,
                child_id=child,
                activity_id=self.ids[code],
                household_id=household,
                first=first,
                last=first + timedelta(days=300),
            )

    def _save(self, family: str, wishes: list[Wish]) -> None:
        """The family itself does, or the town hall at the desk for one that has no account."""
        parents = next(each for each in FAMILIES if each.code == family).parents
        keys = (parents[0].persona, f"{parents[0].first_name} {parents[0].last_name}")
        account = next((self.made.accounts[key] for key in keys if key in self.made.accounts), None)
        actor = self.agent
        if account is not None:
            actor = Actor("parent", account.id, f"{account.first_name} {account.last_name}")
        with self.database.transaction() as session:
            save_wishes(session, actor, wishes, household_id=self.made.households[family])


def _neighbour(session: Session, name: str, first_name: str, wednesday: date) -> tuple[uuid.UUID, uuid.UUID]:
    """Another family of the commune, at the desk only, with a child of four."""
    household = create_household(
        session, SYSTEM, label=name, city="Valbrise", postal_code="99870", qf=900, caisse="caf", desk_only=True
    )
    session.flush()
    parent = add_adult(session, SYSTEM, household.id, first_name="Dominique", last_name=name, quality="mere")
    born = wednesday.replace(year=wednesday.year - 4, day=1)
    child = add_child(session, SYSTEM, household.id, first_name=first_name, last_name=name, birth_date=born)
    session.flush()
    link_adult(session, SYSTEM, child.id, parent.id, quality="mere", authority="joint", since=born)
    return household.id, child.id
