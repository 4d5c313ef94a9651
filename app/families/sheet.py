"""Sheets as démarches know them: French field names, what they are in our rows, and what a form would change.

A change is what the family *wrote*: a field that still says what it said when her form was opened (``base``) is no
change, even when somebody else changed it meanwhile. What she did write is shown beside what the file says now.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.db import Json
from app.errors import NotFound
from app.families import fields
from app.families.consents import Health
from app.families.models import Adult, Child, ChildHealth, Household

Names = Mapping[str, tuple[str, str]]
"""The French name of a field → (kind of row, column)."""
Rows = Mapping[str, Any]
"""Kind of row → what has the columns as attributes."""

NAMES: Names = {
    "adresse_voie": ("household", "street"),
    "adresse_complement": ("household", "address_extra"),
    "adresse_code_postal": ("household", "postal_code"),
    "adresse_commune": ("household", "city"),
    "telephone_domicile": ("household", "phone"),
    "situation": ("household", "situation"),
    "caisse": ("household", "caisse"),
    "numero_caf": ("household", "caf_number"),
    "quotient_familial": ("household", "qf"),
    "civilite": ("adult", "civility"),
    "nom": ("adult", "last_name"),
    "prenom": ("adult", "first_name"),
    "date_naissance": ("adult", "birth_date"),
    "qualite": ("adult", "quality"),
    "telephone_portable": ("adult", "mobile"),
    "telephone_professionnel": ("adult", "work_phone"),
    "courriel": ("adult", "email"),
    "profession": ("adult", "profession"),
    "employeur": ("adult", "employer"),
    "accord_courriel": ("adult", "mail_consent"),
    "accord_sms": ("adult", "sms_consent"),
}

CHILD_NAMES: Names = {
    "enfant_prenom": ("child", "first_name"),
    "enfant_nom": ("child", "last_name"),
    "enfant_naissance": ("child", "birth_date"),
    "enfant_sexe": ("child", "sex"),
    "etablissement": ("child", "school_id"),
    "niveau": ("child", "level"),
    "regime": ("health", "diet"),
    "repas_precisions": ("health", "meal_note"),
    "allergies": ("health", "allergies"),
    "allergies_precisions": ("health", "allergy_note"),
    "pai": ("health", "pai"),
    "medecin_nom": ("health", "doctor_name"),
    "medecin_telephone": ("health", "doctor_phone"),
    "autorisation_image": ("authorisation", "image"),
    "autorisation_sortie_seul": ("authorisation", "sortie_seul"),
    "autorisation_hospitalisation": ("authorisation", "hospitalisation"),
    "autorisation_transport": ("authorisation", "transport"),
}

KEPT = frozenset({"nom", "prenom", "accord_courriel", "accord_sms"})
"""Never erased: they always have a value."""


def given(values: Mapping[str, Json], erasable: Collection[str] = (), names: Names = NAMES) -> dict[str, Json]:
    """The values that a form gives, by French name. An empty one is left out, unless ``erasable``."""
    found = {}
    for name in names:
        value = values.get(name)
        if value not in (None, "") or (name in erasable and name not in KEPT):
            found[name] = value if value != "" else None
    return found


def by_row(values: Mapping[str, Json], names: Names = NAMES) -> dict[str, dict[str, Json]]:
    """The same values under their kind of row, then their column."""
    found: dict[str, dict[str, Json]] = {}
    for name, value in values.items():
        kind, column = names[name]
        found.setdefault(kind, {})[column] = value
    return found


def written(
    session: Session,
    values: Mapping[str, Json],
    base: Mapping[str, Json] | None,
    erasable: Collection[str] = (),
    names: Names = NAMES,
) -> dict[str, Json]:
    """What the family wrote herself: ``given``, without what already stood in her form (``base``) when she opened it.
    Raises Refused (column)."""
    found = given(values, erasable, names)
    if base is None:
        return found
    return {
        name: value for name, value in found.items() if _clean(session, names[name], value) != plain(base.get(name))
    }


def household_row(session: Session, household_id: uuid.UUID) -> Household:
    """The row of a demande's own household. Raises NotFound."""
    found = session.scalars(select(Household).where(Household.id == household_id)).one_or_none()
    if found is None:
        raise NotFound("Ce foyer n’existe pas ou n’existe plus.")
    return found


def plain(value: Json) -> Json:
    """A value as JSON; nothing at all is ``None``."""
    if isinstance(value, date | uuid.UUID):
        return str(value)
    if isinstance(value, list | tuple):
        return list(value)
    return None if value == "" else value


def _clean(session: Session, place: tuple[str, str], value: Json) -> Json:
    kind, column = place
    return plain(fields.checked(session, kind, {column: value})[column])


def known(rows: Rows, names: Names = NAMES) -> dict[str, Json]:
    """What is known, as JSON under the French names; what is not is ``None``."""
    return {name: plain(getattr(rows[kind], column)) for name, (kind, column) in names.items()}


def comparison(
    session: Session,
    rows: Rows,
    wanted: Mapping[str, Json],
    names: Names = NAMES,
    child_id: uuid.UUID | None = None,
) -> list[dict[str, Json]]:
    """What these values would change: rows of ``champ``, ``libelle``, ``avant`` and ``apres`` (texts as people read
    them), ``fiche`` and ``fiche_id`` (the kind of row and which one, for ``told_now``). Raises Refused (column)."""
    found = []
    for name, value in wanted.items():
        kind, column = names[name]
        new = fields.checked(session, kind, {column: value})[column]
        old = getattr(rows[kind], column)
        if plain(new) != plain(old):
            texts = (fields.shown(session, kind, column, each) for each in (old, new))
            found.append(
                {
                    "champ": name,
                    "libelle": fields.FIELDS[kind][column].label,
                    **dict(zip(("avant", "apres"), texts, strict=True)),
                    "fiche": kind,
                    "fiche_id": str(child_id or rows[kind].id),
                }
            )
    return found


_MODELS: Mapping[str, type[Any]] = {"household": Household, "adult": Adult, "child": Child, "health": ChildHealth}


def told_now(session: Session, row: Mapping[str, Json]) -> str:
    """What the file says at this very moment of a line of ``comparison``; ``avant`` where nobody else writes."""
    kind = str(row.get("fiche", ""))
    names = NAMES if kind in ("household", "adult") else CHILD_NAMES
    if kind not in _MODELS or row["champ"] not in names or "fiche_id" not in row:
        return str(row["avant"])
    column = names[str(row["champ"])][1]
    found = session.get(_MODELS[kind], uuid.UUID(str(row["fiche_id"])))
    value = getattr(found, column) if found is not None else getattr(Health(), column, "")
    return fields.shown(session, kind, column, value)


def chosen(rows: Collection[Mapping[str, Json]], automatic: Collection[str]) -> set[str]:
    """The fields of a comparison that the commune accepts without an agent; a composite question (« adresse ») names
    all of its parts."""
    names = {str(row["champ"]) for row in rows}
    return {name for name in names if any(name == each or name.startswith(f"{each}_") for each in automatic)}


def qf_origin(household: Household, qf: int | None) -> dict[str, Json]:
    """Where a new « quotient familial » comes from: the family says so, this month (R-52)."""
    if qf == household.qf:
        return {}
    if qf is None:
        return {"qf_source": "", "qf_month": None}
    return {"qf_source": "declaration", "qf_month": clock.today().replace(day=1)}
