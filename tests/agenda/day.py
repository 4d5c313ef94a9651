"""Inès' school day: canteen, morning and evening; Wednesday at the leisure centre."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date

from sqlalchemy.orm import Session

from app.agenda.operations import Declaration, Recorded, record_absence, save_activity
from app.families.models import Child
from app.policy import SYSTEM, Actor
from app.town.models import Structure
from tests.families.people import Separated, make_separated, make_structure

FRIDAY = date(2026, 11, 20)
MONDAY = date(2026, 11, 23)
SCHOOL_DAYS = (1, 2, 4, 5)


@dataclass
class Day:
    family: Separated
    canteen: Structure
    leisure: Structure

    @property
    def child(self) -> Child:
        return self.family.child

    def declare(
        self,
        session: Session,
        case_id: uuid.UUID | None = None,
        *,
        actor: Actor | None = None,
        child: Child | None = None,
        first: date = FRIDAY,
        last: date = MONDAY,
        slots: tuple[str, ...] = ("CANT", "SOIR1"),
        reason: str = "maladie",
        text: str = "",
    ) -> Recorded:
        declared = Declaration((child or self.child).id, first, last, slots, reason, text)
        who = actor or self.family.actor(self.family.mother)
        return record_absence(session, who, case_id or uuid.uuid4(), declared)


def make_day(session: Session) -> Day:
    canteen = make_structure(session, "RS", "Restaurant scolaire", kind="restauration")
    leisure = make_structure(session, "AL", "La Clairière", kind="alsh")
    for rank, (code, label, place, days, hours) in enumerate(
        (
            ("MATIN", "Accueil du matin", leisure, SCHOOL_DAYS, ("07:30", "08:35")),
            ("CANT", "Cantine", canteen, SCHOOL_DAYS, ("11:45", "13:35")),
            ("SOIR1", "Accueil du soir, première heure", leisure, SCHOOL_DAYS, ("16:30", "17:30")),
            ("MERC_J", "Mercredi, journée", leisure, (3,), ("07:30", "18:30")),
        )
    ):
        save_activity(
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
    return Day(make_separated(session), canteen, leisure)
