"""What administrators see of the démarches: versions, and the demandes that run on each."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.engine.models import Instance
from app.procedures.models import Procedure, Version
from app.procedures.settings import CATEGORIES, FILERS, ProcedureSettings
from forms.french import date_text

REGIMES: Mapping[str, str] = {
    "SVA": "le silence vaut acceptation",
    "SVR": "le silence vaut rejet",
    "AUCUN": "le silence ne décide rien",
}


@dataclass(frozen=True)
class Line:
    """A démarche in the list. ``number`` is the version in line, ``None`` when it has none."""

    procedure: Procedure
    number: int | None
    running: int

    @property
    def category(self) -> str:
        return CATEGORIES.get(self.procedure.category, self.procedure.category)


def running_by_hash(session: Session, hashes: Sequence[str] | None = None) -> dict[str, int]:
    """How many instances run on each version's files, drafts included; those without any are left out."""
    query = select(Instance.bundle_hash, func.count()).where(Instance.ended_at.is_(None)).group_by(Instance.bundle_hash)
    if hashes is not None:
        query = query.where(Instance.bundle_hash.in_(hashes))
    return {row[0]: row[1] for row in session.execute(query)}


def lines(session: Session) -> list[Line]:
    """Every démarche with its current version and its demandes in progress, on any of its versions."""
    running = running_by_hash(session)
    numbers: dict[uuid.UUID, int] = {}
    counts: dict[uuid.UUID, dict[str, int]] = {}
    for version_id, procedure_id, number, bundle_hash in session.execute(
        select(Version.id, Version.procedure_id, Version.number, Version.bundle_hash)
    ):
        numbers[version_id] = number
        # two versions may have the same files: count their demandes once
        counts.setdefault(procedure_id, {})[bundle_hash] = running.get(bundle_hash, 0)
    return [
        Line(each, numbers.get(each.version_id) if each.version_id else None, sum(counts.get(each.id, {}).values()))
        for each in session.scalars(select(Procedure).order_by(Procedure.position, Procedure.title))
    ]


def told(settings: ProcedureSettings) -> list[tuple[str, str]]:
    """The settings of a version as (label, text) pairs."""
    legal = REGIMES[settings.legal.regime]
    if settings.legal.regime != "AUCUN":
        legal += f", au bout de {settings.legal.months} mois"
    found = [
        ("Catégorie", CATEGORIES.get(settings.category, settings.category)),
        ("Compte nécessaire", "oui" if settings.account else "non"),
        ("Dans le catalogue", "oui" if settings.listed else "non"),
        ("Durée annoncée", settings.duration),
        ("Délai annoncé", settings.delay),
        ("Pièces demandées", ", ".join(settings.pieces)),
        ("Service", settings.service),
        ("Règle légale", legal),
        ("Ouverte aux familles", _window(settings)),
        ("Qui peut déposer", FILERS.get(settings.filers, settings.filers)),
        ("Publication", "avec l’accord d’une seconde personne" if settings.second_reader else ""),
        ("Brouillons gardés", f"{settings.draft_days}\u00a0jours"),
        ("Demandes terminées gardées", f"{settings.retention_months}\u00a0mois"),
        ("Messages à la famille", ", ".join(sorted(settings.notifications))),
    ]
    return [(label, text) for label, text in found if text]


def _window(settings: ProcedureSettings) -> str:
    """« du … au … », with the days that are said."""
    parts = [
        f"{word} {date_text(day, weekday=False)}"
        for word, day in (("à partir du", settings.opens_on), ("jusqu’au", settings.closes_on))
        if day is not None
    ]
    return " ".join(parts)
