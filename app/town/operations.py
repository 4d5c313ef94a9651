"""What administrators change about the commune: settings, logo, structures."""

from __future__ import annotations

import hashlib
import io
import re
import uuid
from collections.abc import Collection, Mapping
from dataclasses import fields
from datetime import date

from PIL import Image
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from app import clock, journal
from app.db import Json, fold
from app.errors import NotFound, Refused
from app.policy import Actor, Permission, require, require_everywhere
from app.public_holidays import REGIMES
from app.town import queries
from app.town.models import THE_ONLY_ROW, Commune, Structure, TownLogo
from app.town.settings import SIGNUP_VARIANTS, ZONES, TownSettings

MAX_LOGO_BYTES = 2_000_000
MAX_LOGO_PIXELS = 20_000_000
LOGO_SIZE = (640, 240)
SHORT, LONG = 200, 20_000

_LONG_TEXTS = frozenset(
    {
        "legal_notice",
        "terms_of_use",
        "privacy_notice",
        "accessibility_failures",
        "accessibility_derogations",
        "accessibility_exemptions",
        "accessibility_contact",
        "address",
        "opening_hours",
        "host",
        "welcome",
        "dpo_address",
    }
)
_CHOICES: dict[str, Collection[str]] = {"zone": ZONES, "holidays": REGIMES, "signup_variant": SIGNUP_VARIANTS}
_BOUNDS: dict[str, tuple[int, int]] = {
    "max_upload_mb": (1, 50),
    "idle_minutes_family": (5, 240),
    "idle_minutes_agent": (5, 240),
    "pickup_minimum_age": (7, 18),
}
_PATTERNS: dict[str, tuple[re.Pattern[str], str]] = {
    "insee_code": (re.compile(r"(\d[\dAB]\d{3})?"), "Le code INSEE compte cinq caractères, par exemple 38001."),
    "postal_code": (re.compile(r"(\d{5})?"), "Le code postal compte cinq chiffres."),
    "siret": (re.compile(r"(\d{14})?"), "Le numéro SIRET compte quatorze chiffres."),
    "primary_colour": (re.compile(r"(#[0-9a-f]{6})?"), "Une couleur s’écrit comme #1d6561."),
    "accent_colour": (re.compile(r"(#[0-9a-f]{6})?"), "Une couleur s’écrit comme #1d6561."),
    "website": (re.compile(r"(https?://\S+)?"), "Une adresse de site commence par https://."),
    "accessibility_scheme_url": (re.compile(r"(https?://\S+)?"), "Une adresse de page commence par https://."),
    "accessibility_plan_url": (re.compile(r"(https?://\S+)?"), "Une adresse de page commence par https://."),
    "email": (re.compile(r"([^@\s]+@[^@\s]+\.[^@\s]+)?"), "Écrivez une adresse e-mail, comme nom@exemple.fr."),
    "dpo_email": (
        re.compile(r"([^@\s]+@[^@\s]+\.[^@\s]+)?"),
        "Écrivez une adresse e-mail, comme nom@exemple.fr.",
    ),
}


def _forget_after_commit(session: Session) -> None:
    event.listen(session, "after_commit", lambda _session: queries.forget_all(), once=True)


def _text(name: str, value: Json) -> str:
    if not isinstance(value, str):
        raise Refused("Un texte est attendu.", name)
    text = value.strip()
    if name.endswith("_colour"):
        text = text.lower()
    if len(text) > (limit := LONG if name in _LONG_TEXTS else SHORT):
        raise Refused(f"Ce texte est trop long\u00a0: {limit} caractères au plus.", name)
    if name in _CHOICES and text not in _CHOICES[name]:
        raise Refused("Choisissez une des réponses proposées.", name)
    if name in _PATTERNS and not _PATTERNS[name][0].fullmatch(text):
        raise Refused(_PATTERNS[name][1], name)
    if name == "name" and not text:
        raise Refused("Le nom de la commune est obligatoire.", name)
    return text


def _whole_number(name: str, value: Json) -> int:
    low, high = _BOUNDS[name]
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise Refused(f"Écrivez un nombre entre {low} et {high}.", name)
    return value


def _rate(name: str, value: Json) -> float | None:
    if value is None:
        return None
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value <= 100:
        raise Refused("Le taux de conformité est un pourcentage entre 0 et 100.", name)
    return float(value)


def _past_date(name: str, value: Json) -> date | None:
    if value is None:
        return None
    if not isinstance(value, date) or value > clock.today():
        raise Refused("Cette date ne peut pas être à venir.", name)
    return value


def _checked(name: str, value: Json) -> Json:
    match name:
        case "email_change_allowed" | "tell_other_holder":
            if not isinstance(value, bool):
                raise Refused("Répondez par oui ou par non.", name)
            return value
        case "accessibility_rate":
            return _rate(name, value)
        case "accessibility_audit_date" | "accessibility_declared_on":
            return _past_date(name, value)
        case _ if name in _BOUNDS:
            return _whole_number(name, value)
        case _:
            return _text(name, value)


_SETTABLE = frozenset(field.name for field in fields(TownSettings)) - {"logo_digest"}


def change_settings(session: Session, actor: Actor, changes: Mapping[str, Json]) -> TownSettings:
    """Changes the named fields of ``TownSettings`` and returns the whole.

    Raises Forbidden, or Refused naming the field whose value is wrong. The journal keeps field names only.
    """
    require_everywhere(actor, Permission.SETTINGS_MANAGE)
    if unknown := set(changes) - _SETTABLE:
        raise Refused(f"Réglage inconnu\u00a0: {', '.join(sorted(unknown))}.")
    checked = {name: _checked(name, value) for name, value in changes.items()}
    row = session.scalars(select(Commune).with_for_update()).one_or_none()
    if row is None:
        row = Commune(id=THE_ONLY_ROW, **{f.name: f.default for f in fields(TownSettings)})
        session.add(row)
    changed = sorted(name for name, value in checked.items() if getattr(row, name) != value)
    for name in changed:
        setattr(row, name, checked[name])
    session.flush()
    if changed:
        journal.record(session, actor, "town.settings_changed", "commune", None, fields=changed)
        _forget_after_commit(session)
    return TownSettings(**{f.name: getattr(row, f.name) for f in fields(TownSettings)})


def prepare_logo(content: bytes) -> bytes:
    """The picture as a PNG no larger than ``LOGO_SIZE``, drawn again from its pixels (nothing else survives).

    Call it before the transaction. Raises Refused for what is not a PNG or JPEG picture of reasonable size.
    """
    refusal = Refused("Ce logo n’a pas pu être lu. Envoyez une image PNG ou JPEG de moins de 2\u00a0Mo.", "logo")
    if len(content) > MAX_LOGO_BYTES:
        raise refusal
    try:
        with Image.open(io.BytesIO(content), formats=("PNG", "JPEG")) as picture:
            if picture.width * picture.height > MAX_LOGO_PIXELS:
                raise refusal
            drawn = picture.convert("RGBA")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise refusal from error
    drawn.thumbnail(LOGO_SIZE)
    out = io.BytesIO()
    drawn.save(out, "PNG", optimize=True)
    return out.getvalue()


def change_logo(session: Session, actor: Actor, png: bytes | None) -> None:
    """Replaces the logo by what ``prepare_logo`` returned, or removes it (``None``)."""
    require_everywhere(actor, Permission.SETTINGS_MANAGE)
    change_settings(session, actor, {})  # makes sure that the row exists
    commune = session.scalars(select(Commune).with_for_update()).one()
    kept = session.get(TownLogo, THE_ONLY_ROW)
    if png is None:
        commune.logo_digest = None
        if kept is not None:
            session.delete(kept)
    else:
        commune.logo_digest = digest = hashlib.sha256(png).hexdigest()[:16]
        if kept is None:
            session.add(TownLogo(id=THE_ONLY_ROW, digest=digest, content=png))
        else:
            kept.digest, kept.content = digest, png
    journal.record(session, actor, "town.logo_changed", "commune", None, removed=png is None)
    _forget_after_commit(session)


def _structure_values(session: Session, values: Mapping[str, Json], own_id: uuid.UUID | None) -> dict[str, Json]:
    code = str(values["code"]).strip().upper()
    name = str(values["name"]).strip()
    if not re.fullmatch(r"[A-Z0-9-]{1,12}", code):
        raise Refused("Le code compte de 1 à 12 lettres, chiffres ou tirets.", "code")
    taken = session.scalar(select(Structure.id).where(Structure.code == code))
    if taken is not None and taken != own_id:
        raise Refused("Une autre structure porte déjà ce code.", "code")
    if not name or len(name) > SHORT:
        raise Refused("Écrivez le nom de la structure, en 200 caractères au plus.", "name")
    if values["kind"] not in queries.STRUCTURE_KINDS:
        raise Refused("Choisissez une des réponses proposées.", "kind")
    levels = [str(level) for level in values.get("levels") or []]
    if unknown := [level for level in levels if level not in queries.SCHOOL_LEVELS]:
        raise Refused(f"Niveau inconnu\u00a0: {', '.join(unknown)}.", "levels")
    capacity = values.get("capacity")
    if capacity is not None and (not isinstance(capacity, int) or not 1 <= capacity <= 10_000):
        raise Refused("La capacité est un nombre de places entre 1 et 10\u00a0000.", "capacity")
    texts = {key: _text(key, values.get(key) or "") for key in ("address", "phone", "email", "opening_hours")}
    return {
        "code": code,
        "name": name,
        "sort_key": fold(name),
        "kind": values["kind"],
        "levels": [level for level in queries.SCHOOL_LEVELS if level in levels],
        "capacity": capacity,
        "open": bool(values.get("open", True)),
        **texts,
    }


def create_structure(session: Session, actor: Actor, **values: Json) -> Structure:
    """Adds a structure: ``code``, ``name``, ``kind``, and at will ``levels``, ``capacity``, ``address``, ``phone``,
    ``email``, ``opening_hours``, ``open``. Raises Forbidden or Refused (with the field)."""
    require_everywhere(actor, Permission.STRUCTURE_MANAGE)
    made = Structure(**_structure_values(session, values, None))
    session.add(made)
    session.flush()
    journal.record(session, actor, "town.structure_created", "structure", made.id, code=made.code)
    _forget_after_commit(session)
    return made


def change_structure(session: Session, actor: Actor, structure_id: uuid.UUID, **values: Json) -> Structure:
    """Replaces everything about a structure (same values as ``create_structure``). ``open=False`` closes it: nothing
    new can be asked of it, its history stays."""
    require(actor, Permission.STRUCTURE_MANAGE, structure_id)
    row = session.get(Structure, structure_id, with_for_update=True)
    if row is None:
        raise NotFound("Cette structure n’existe pas ou n’existe plus.")
    checked = _structure_values(session, values, structure_id)
    changed = sorted(name for name, value in checked.items() if getattr(row, name) != value)
    for name in changed:
        setattr(row, name, checked[name])
    session.flush()
    if changed:
        journal.record(session, actor, "town.structure_changed", "structure", structure_id, fields=changed)
        _forget_after_commit(session)
    return row
