"""Valbrise as bookings see it: its canteen and its Wednesdays with their règlement, and families who book."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.agenda.booking import save_wishes
from app.agenda.models import Activity, AgeGroup, Booking, BookingEvent, SessionDay
from app.agenda.operations import save_activity
from app.agenda.regulating import GroupRule, regulate
from app.agenda.states import HOLDING
from app.agenda.wishes import Outcome, Wish
from app.families.models import Adult, Child, Household
from app.policy import SYSTEM, Actor
from app.town.models import Structure
from app.town.operations import change_settings
from tests.families.people import link, make_adult, make_child, make_household, make_structure

YEAR = {"name": "Année 2026-2027", "first": "2026-09-01", "last": "2027-07-02"}
CANTEEN = {"mode": "ouvres", "n": 2, "at": "10:00"}
WEEK_BEFORE = {"mode": "calendaires", "n": 7, "at": "12:00"}
BRACKETS = [
    {"from": 0, "to": 700, "cents": 100},
    {"from": 700, "to": 1000, "cents": 240},
    {"from": 1000, "to": None, "cents": 490},
]


def rules(deadline: dict[str, Any] = CANTEEN, **more: Any) -> dict[str, Any]:
    """A règlement whose three limits are the same."""
    return {
        "acceptance": "automatic",
        "openings": [YEAR],
        "book": deadline,
        "change": deadline,
        "cancel": deadline,
        "tariff": {"brackets": BRACKETS, "outside": 560},
        **more,
    }


@dataclass
class Valbrise:
    canteen: Structure
    leisure: Structure
    activities: dict[str, Activity]

    def id(self, code: str) -> uuid.UUID:
        return self.activities[code].id


def make_valbrise(session: Session) -> Valbrise:
    """The canteen (170 places) and Wednesdays: 3 to 5 years old (2 places), 6 to 11 (3 places)."""
    change_settings(session, SYSTEM, {"name": "Valbrise", "postal_code": "99870", "zone": "B"})
    canteen = make_structure(session, "RS", "Restaurant scolaire", kind="restauration")
    leisure = make_structure(session, "AL", "La Clairière", kind="alsh")
    activities = {}
    for rank, (code, label, place, days, hours) in enumerate(
        (
            ("CANT", "Restauration scolaire", canteen, (1, 2, 4, 5), ("11:45", "13:35")),
            ("SOIR1", "Accueil du soir", leisure, (1, 2, 4, 5), ("16:30", "17:30")),
            ("MERC_J", "Mercredi, journée", leisure, (3,), ("07:30", "18:30")),
        )
    ):
        activities[code] = save_activity(
            session,
            SYSTEM,
            code=code,
            label=label,
            structure_id=place.id,
            weekdays=days,
            starts_at=hours[0],
            ends_at=hours[1],
            rank=rank,
        )
    valbrise = Valbrise(canteen, leisure, activities)
    everybody = GroupRule("tous", "Tous", 2, 11, places=170)
    regulate(session, SYSTEM, valbrise.id("CANT"), rules(needs_enrolment=False), [everybody])
    set_wednesday(session, valbrise)
    return valbrise


def set_wednesday(session: Session, valbrise: Valbrise, small: int = 2, big: int = 3, **more: Any) -> None:
    groups = [
        GroupRule("moins6", "Moins de 6 ans", 3, 5, places=small),
        GroupRule("plus6", "6 ans et plus", 6, 11, places=big),
    ]
    told = rules(WEEK_BEFORE, **{"needs_enrolment": False, "offer_hours": 24, **more})
    regulate(session, SYSTEM, valbrise.id("MERC_J"), told, groups)


@dataclass
class Family:
    """One parent with an account, and her children."""

    household: Household
    parent: Adult
    children: list[Child]

    @property
    def actor(self) -> Actor:
        return Actor("parent", self.parent.account_id, f"{self.parent.first_name} {self.parent.last_name}")

    @property
    def child(self) -> Child:
        return self.children[0]


def make_family(
    session: Session, name: str = "Martin", born: Sequence[date] = (date(2019, 5, 12),), **values: Any
) -> Family:
    household = make_household(session, name, **{"postal_code": "99870", "city": "Valbrise", "qf": 640, **values})
    parent = make_adult(session, household, "Claire", name, account=True, email=f"{name.lower()}@example.org")
    children = [make_child(session, household, f"Enfant{n}", name, birth_date=each) for n, each in enumerate(born)]
    for child in children:
        link(session, child, parent, since=date(2020, 1, 1))
    return Family(household, parent, children)


def ask(
    session: Session, family: Family, activity: uuid.UUID, *days: date, add: bool = True, child: Child | None = None
) -> list[Outcome]:
    """Saves wishes of one child for these days."""
    child_id = (child or family.child).id
    return save_wishes(session, family.actor, [Wish(child_id, activity, day, add) for day in days])


def results(outcomes: Iterable[Outcome]) -> list[str]:
    return [outcome.result for outcome in outcomes]


def stored(session: Session, *criteria: Any) -> list[tuple[str, str]]:
    """(day, state) of the bookings, in order."""
    rows = session.execute(select(Booking.day, Booking.state).where(*criteria).order_by(Booking.day, Booking.version))
    return sorted((f"{row.day:%m-%d}", row.state) for row in rows)


def events(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(BookingEvent)) or 0


def is_sound(session: Session) -> bool:
    """No session above its places; what is counted is what there is; each booking has all its events."""
    for day in session.scalars(select(SessionDay).execution_options(populate_existing=True)):
        of_day = (Booking.activity_id == day.activity_id, Booking.day == day.day, Booking.group_id == day.group_id)
        held = session.scalar(select(func.count()).where(*of_day, Booking.state.in_(HOLDING))) or 0
        waiting = session.scalar(select(func.count()).where(*of_day, Booking.state == "waiting")) or 0
        places = session.get_one(AgeGroup, day.group_id).places
        if (day.held, day.waiting) != (held, waiting) or (places is not None and held > places):
            return False
    return (session.scalar(select(func.sum(Booking.version))) or 0) == events(session)
