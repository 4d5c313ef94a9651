"""The « coordonnées » of a family as démarches know them: French field names, and what they are in our rows."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.db import Json
from app.errors import NotFound
from app.families import fields
from app.families.models import Adult, Household

NAMES: Mapping[str, tuple[str, str]] = {
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

KEPT = frozenset({"nom", "prenom", "accord_courriel", "accord_sms"})
"""Never erased: they always have a value."""


def given(values: Mapping[str, Json], erasable: Collection[str] = ()) -> dict[tuple[str, str], Json]:
    """The values that a form gives, under (kind of row, column). An empty one is left out, unless ``erasable``."""
    found = {}
    for name, column in NAMES.items():
        value = values.get(name)
        if value not in (None, "") or (name in erasable and name not in KEPT):
            found[column] = value if value != "" else None
    return found


def household_row(session: Session, household_id: uuid.UUID) -> Household:
    """The row of a demande's own household. Raises NotFound."""
    found = session.scalars(select(Household).where(Household.id == household_id)).one_or_none()
    if found is None:
        raise NotFound("Ce foyer n’existe pas ou n’existe plus.")
    return found


def known(household: Household, adult: Adult) -> dict[str, Json]:
    """What is known, as JSON under the French names; what is not is ``None``."""
    rows = {"household": household, "adult": adult}
    values = {name: getattr(rows[kind], column) for name, (kind, column) in NAMES.items()}
    return {
        name: value.isoformat() if isinstance(value, date) else (None if value == "" else value)
        for name, value in values.items()
    }


def comparison(
    session: Session, household_id: uuid.UUID, adult: Adult, values: Mapping[str, Json]
) -> list[dict[str, Json]]:
    """What the values of a form would change: rows of ``champ``, ``libelle``, ``avant`` and ``apres`` (texts).

    ``values`` may hold ``effacables``, the names that an empty value erases. Raises Refused (field).
    """
    rows = {"household": household_row(session, household_id), "adult": adult}
    wanted = given(values, values.get("effacables") or ())
    found = []
    for name, (kind, column) in NAMES.items():
        if (kind, column) not in wanted:
            continue
        new = fields.checked(session, kind, {column: wanted[kind, column]})[column]
        old = getattr(rows[kind], column)
        if new != old:
            label = fields.FIELDS[kind][column].label
            texts = (fields.shown(session, kind, column, value) for value in (old, new))
            found.append({"champ": name, "libelle": label, **dict(zip(("avant", "apres"), texts, strict=True))})
    return found


def qf_origin(household: Household, qf: int | None) -> dict[str, Json]:
    """Where a new « quotient familial » comes from: the family says so, this month (R-52)."""
    if qf == household.qf:
        return {}
    if qf is None:
        return {"qf_source": "", "qf_month": None}
    return {"qf_source": "declaration", "qf_month": clock.today().replace(day=1)}
