"""The types of pieces: those a new commune starts with, and how long each one holds (R-09).

Nothing here asks for religion, nationality, a social security number or the nature of a handicap (R-79).
"""

from __future__ import annotations

import calendar
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from app.clock import months_after
from app.db import fold
from app.documents.models import PieceType
from app.journal import record
from app.policy import Actor, Permission, require

#: A file whose form names no type that we know; it is never asked for.
OTHER = "autre"

SENSITIVITIES: Mapping[str, str] = {
    "": "Ordinaire",
    "identite": "Pièce d’identité ou état civil",
    "justice": "Décision de justice",
    "sante": "Santé",
}
SCOPES: Mapping[str, str] = {"household": "Foyer", "child": "Enfant", "adult": "Adulte"}


@dataclass(frozen=True)
class DefaultType:
    """A type as shipped; see ``models.PieceType`` for the words."""

    code: str
    label: str
    help: str
    scope: str
    validity: str = "none"
    validity_months: int | None = None
    validity_end: str | None = None
    shared_by_siblings: bool = False
    sensitivity: str = ""
    expected: bool = False


DEFAULT_TYPES: tuple[DefaultType, ...] = (
    DefaultType(
        "justificatif-domicile",
        "Justificatif de domicile",
        "Une facture d’énergie, d’eau ou de téléphone fixe, une quittance de loyer ou un avis d’impôt, de moins de "
        "trois mois. Si vous êtes hébergé, ajoutez l’attestation de la personne qui vous héberge.",
        "household",
        "months",
        validity_months=12,
        expected=True,
    ),
    DefaultType(
        "quotient-familial",
        "Attestation de quotient familial",
        "L’attestation de paiement de la CAF ou de la MSA, de moins de trois mois, où figure votre quotient.",
        "household",
        "fixed",
        validity_end="01-31",
        expected=True,
    ),
    DefaultType(
        "assurance",
        "Attestation d’assurance scolaire",
        "Responsabilité civile et individuelle accident, pour l’année scolaire. Une seule attestation suffit si elle "
        "nomme tous vos enfants.",
        "child",
        "school_year",
        shared_by_siblings=True,
        expected=True,
    ),
    DefaultType(
        "vaccins",
        "Vaccinations à jour",
        "La page des vaccinations du carnet de santé, ou une attestation du médecin.",
        "child",
        "months",
        validity_months=12,
        sensitivity="sante",
        expected=True,
    ),
    DefaultType(
        "certificat-medical",
        "Certificat médical",
        "Le certificat du médecin, sans précision sur la maladie.",
        "child",
        "months",
        validity_months=12,
        sensitivity="sante",
    ),
    DefaultType(
        "identite",
        "Pièce d’identité",
        "Carte d’identité, passeport ou autre titre d’identité en cours de validité, recto et verso.",
        "adult",
        sensitivity="identite",
    ),
    DefaultType(
        "livret-famille",
        "Livret de famille",
        "Les pages des parents et de chaque enfant, ou un extrait d’acte de naissance.",
        "household",
        sensitivity="identite",
    ),
    DefaultType(
        "jugement",
        "Jugement ou convention sur l’autorité parentale",
        "Les pages qui fixent l’exercice de l’autorité parentale et la résidence de l’enfant suffisent.",
        "child",
        shared_by_siblings=True,
        sensitivity="justice",
    ),
    DefaultType("photo", "Photo d’identité de l’enfant", "Une photo récente, de face.", "child", "school_year"),
    DefaultType("rib", "Relevé d’identité bancaire", "Le RIB du compte à débiter, à votre nom.", "household"),
    DefaultType(
        "attestation-employeur",
        "Attestation d’employeur",
        "Une attestation de moins de trois mois, ou un justificatif de formation ou de recherche d’emploi.",
        "household",
        "months",
        validity_months=12,
    ),
    DefaultType(OTHER, "Autre document", "Un document que le service vous a demandé.", "household"),
)


def install_piece_types(session: Session, actor: Actor) -> int:
    """Adds the shipped types that are missing and returns how many; what the commune changed stays as it is."""
    require(actor, Permission.SETTINGS_MANAGE)
    known = set(session.scalars(select(PieceType.code)))
    missing = [one for one in DEFAULT_TYPES if one.code not in known]
    if missing:
        rows = [{**asdict(one), "sort_key": fold(one.label), "active": True} for one in missing]
        session.execute(insert(PieceType), rows)
        record(session, actor, "piece_type.installed", "piece_type", None, codes=[one.code for one in missing])
    return len(missing)


def default_end(kind: PieceType, reviewed_on: date) -> date | None:
    """The last day on which a piece reviewed that day holds, by the rule of its type; ``None``: it never ends."""
    match kind.validity:
        case "months":
            return months_after(reviewed_on, kind.validity_months or 12)
        case "fixed":
            return _next(reviewed_on, kind.validity_end or "12-31")
        case "school_year":
            return _next(reviewed_on, "08-31")
        case _:
            return None


def _next(day: date, month_day: str) -> date:
    """The first « MM-DD » strictly after ``day``; 29 February falls on the 28th of other years."""
    month, wanted = (int(part) for part in month_day.split("-"))
    for year in (day.year, day.year + 1):
        found = date(year, month, min(wanted, calendar.monthrange(year, month)[1]))
        if found > day:
            return found
    raise AssertionError("a year holds every day once")
