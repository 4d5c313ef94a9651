"""What the town can state of a child's enrolments in a school year: only what is written, on the day it is asked."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from sqlalchemy import select

from app import clock
from app.agenda.calendars import SchoolYear, school_years
from app.agenda.models import Activity, Enrolment
from app.db import Json
from app.engine.operations import Call, registry
from app.errors import Refused
from app.families.pickup_tasks import filed_child
from app.families.rights import Action
from app.town.queries import structure_names, town_settings
from forms.french import date_text


@dataclass(frozen=True)
class StatementParams:
    enfant: uuid.UUID = field(metadata={"doc": "L’enfant"})


@registry.operation(
    "attestation.etablir", "Établir une attestation d’inscription", StatementParams, results=("document",)
)
def state(call: Call, params: StatementParams) -> Mapping[str, Json]:
    """``document`` holds the facts of this instant, which the PDF of the demande says ever after. Raises Refused for a
    child who is enrolled nowhere that year, and for one whom the filer may not speak for (R-20)."""
    child = filed_child(call, params.enfant, Action.BOOK)
    year = _year(town_settings(call.session).zone)
    first, last = year.span.first, (year.span.end or year.span.first) - timedelta(days=1)
    names = structure_names(call.session)
    rows = call.session.execute(
        select(Activity.label, Activity.structure_id, Enrolment.first_day, Enrolment.last_day)
        .join(Activity, Activity.id == Enrolment.activity_id)
        .where(
            Enrolment.child_id == child.id,
            Enrolment.state == "active",
            Enrolment.first_day <= last,
            Enrolment.last_day >= first,
        )
        .order_by(Activity.rank, Activity.code, Enrolment.first_day)
    )
    lines = [
        [row.label, f"{names.get(row.structure_id, '')}\n{_days(max(row.first_day, first), min(row.last_day, last))}"]
        for row in rows
    ]
    if child.school:
        lines.insert(0, ["École", child.schooling])
    if not lines:
        raise Refused(
            f"{child.first_name} n’a aucune inscription pour l’année {year.span.name}\u00a0: il n’y a rien à attester.",
            "enfant",
        )
    return {
        "document": {
            "nom": child.full_name,
            "naissance": date_text(child.birth_date, weekday=False),
            "annee": year.span.name,
            "lignes": [list(line) for line in dict.fromkeys(tuple(line) for line in lines)],
            "etablie_le": clock.now().isoformat(),
            "demandeur": call.actor.label,
        }
    }


def _year(zone: str) -> SchoolYear:
    """The school year of today; in summer the one that begins, when it is known, else the one that ended."""
    today, years = clock.today(), school_years(zone)
    current = next((each for each in years if today in each.span), None)
    return current or next((each for each in years if each.span.first > today), years[-1])


def _days(first: date, last: date) -> str:
    return f"du {date_text(first, weekday=False)} au {date_text(last, weekday=False)}"
