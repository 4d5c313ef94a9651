"""What forms offer of the agenda: activities, as single choices or as the slots of an absence."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from app.agenda.queries import activities
from app.sources import Filer, provides
from app.town.queries import structure_names
from forms import Choice


@provides("slots")
def slots(session: Session, _filer: Filer) -> Sequence[Choice]:
    """The services of a day, in the order of the day; the value is the activity's code."""
    return [Choice(a.code, a.label, a.hours) for a in activities(session)]


@provides("activities")
def activity_choices(session: Session, _filer: Filer) -> Sequence[Choice]:
    """The same activities, each with the structure that holds it."""
    names = structure_names(session)
    return [Choice(a.code, a.label, names.get(a.structure_id, "")) for a in activities(session)]
