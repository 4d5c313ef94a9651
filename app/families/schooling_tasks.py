"""What a démarche may ask about schooling: the level of a birth year, a school asked, a school given (art. L131-5 and
D131-3-1 of the Code de l’éducation)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from app import clock
from app.db import Json
from app.engine.operations import Call, registry
from app.errors import Refused
from app.families.child_operations import update_child
from app.families.child_tasks import OPPOSED
from app.families.mails import tell_others
from app.families.pickup_tasks import filed_child
from app.families.queries import agreement_needed
from app.families.rights import Action
from app.families.tasks import acting_for
from app.town.queries import structures

LEVELS = ("PS", "MS", "GS", "CP", "CE1", "CE2", "CM1", "CM2")
FIRST_AGE = 3
"""School begins in September of the year in which a child is three (art. L131-1)."""
WHENS: Mapping[str, str] = {"rentree": "à la prochaine rentrée", "en_cours": "dès maintenant"}


def _doc(text: str) -> Mapping[str, str]:
    return {"doc": text}


@dataclass(frozen=True)
class SchoolingParams:
    enfant: uuid.UUID = field(metadata=_doc("L’enfant"))
    quand: str = field(default="rentree", metadata=_doc("rentree (la prochaine) ou en_cours (l’année en cours)"))


@dataclass(frozen=True)
class RequestParams(SchoolingParams):
    demande: str = field(default="secteur", metadata=_doc("secteur, ou derogation"))
    ecole: uuid.UUID | None = field(default=None, metadata=_doc("L’école demandée par dérogation"))
    raison: str | None = field(default=None, metadata=_doc("La raison de la dérogation"))


@dataclass(frozen=True)
class PlaceParams:
    enfant: uuid.UUID = field(metadata=_doc("L’enfant"))
    ecole: uuid.UUID = field(metadata=_doc("L’école donnée"))
    niveau: str = field(metadata=_doc("Le niveau donné (PS … CM2)"))


def level_of(birth_date: date, autumn: int) -> str:
    """The level of a child born that day in the school year that begins in ``autumn``; empty before and after."""
    rank = autumn - birth_date.year - FIRST_AGE
    return LEVELS[rank] if 0 <= rank < len(LEVELS) else ""


def autumn_of(when: str, today: date) -> int:
    """The year of the September concerned: that of the school year under way, or the next one."""
    begun = today.year if today.month >= 9 else today.year - 1
    return begun + 1 if when == "rentree" else begun


@registry.operation(
    "scolarite.examiner",
    "Examiner une demande d’inscription à l’école",
    RequestParams,
    results=("niveau", "changements"),
)
def examine(call: Call, params: RequestParams) -> Mapping[str, Json]:
    """The level of his birth year, and what the agent's page shows: the school as it is, and as it is asked."""
    if params.quand not in WHENS:
        raise Refused("Choisissez une des réponses proposées.", "quand")
    child, autumn = filed_child(call, params.enfant, Action.MODIFY), autumn_of(params.quand, clock.today())
    level = level_of(child.birth_date, autumn)
    if not level:
        raise Refused(
            f"L’école va de la petite section au CM2\u00a0: à la rentrée {autumn}, {child.first_name} n’a pas l’âge "
            "d’y entrer, ou l’a passé. Pour une situation particulière, écrivez au service.",
            "enfant",
        )
    asked = "L’école de son secteur"
    if params.demande == "derogation":
        place = next((each for each in structures(call.session, kind="ecole") if each.id == params.ecole), None)
        if place is None:
            raise Refused("Choisissez l’école que vous demandez.", "ecole")
        if place.levels and level not in place.levels:
            levels = ", ".join(place.levels)
            raise Refused(f"{place.name} n’accueille pas les {level}\u00a0: ses niveaux sont {levels}.", "ecole")
        asked = f"{place.name}, par dérogation\u00a0: {(params.raison or '').strip()}"
    row: dict[str, Json] = {
        "champ": "etablissement",
        "libelle": f"École de {child.full_name}, {WHENS[params.quand]}",
        "avant": child.schooling,
        "apres": f"{asked}\n{level}, d’après son année de naissance",
    }
    if agreement_needed(call.session, child.id):
        row["avertissement"] = OPPOSED
    return {"niveau": level, "changements": [row]}


@registry.operation("scolarite.affecter", "Écrire l’école et le niveau d’un enfant", PlaceParams, results=("texte",))
def place(call: Call, params: PlaceParams) -> Mapping[str, Json]:
    """Writes what the town decided on the child's sheet, and tells the other parent (R-22)."""
    child = filed_child(call, params.enfant, Action.MODIFY)
    if agreement_needed(call.session, child.id):
        raise Refused(OPPOSED, "ecole_donnee")
    school = next((each for each in structures(call.session, kind="ecole") if each.id == params.ecole), None)
    if school is None:
        raise Refused("Choisissez une école.", "ecole_donnee")
    if params.niveau not in LEVELS or (school.levels and params.niveau not in school.levels):
        raise Refused(f"{school.name} n’a pas de classe de ce niveau.", "niveau_donne")
    values = {"school_id": school.id, "level": params.niveau}
    update_child(call.session, acting_for(call.actor), child.id, values, call.case.id)
    tell_others(call.session, child.id, call.case.owner_id, "sheet")
    contact = ", ".join(filter(None, (" ".join(school.address.split("\n")), school.phone)))
    return {
        "texte": f"{child.first_name} est inscrit(e) à {school.name}, en {params.niveau}.\n{contact}\n"
        "Prenez rendez-vous avec la directrice ou le directeur pour l’admission."
    }
