"""The fields of a family that may be changed: how each is checked, and how its value reads in the history."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date

import phonenumbers
from sqlalchemy.orm import Session

from app import clock
from app.db import Json
from app.errors import Refused
from app.families import vocabulary
from app.town.models import Structure
from app.town.queries import SCHOOL_LEVELS, structure_names
from forms.french import phone_text

Check = Callable[[str, Json], Json]

MAX_QF = 99_999
OLDEST_CHILD = 26
"""Years: nobody older is a child of the portal, and a wrong century is caught."""

_EMAIL = re.compile(r"[^@\s<>\"']{1,64}@[^@\s<>\"']{1,180}\.[^@\s<>\"'.]{2,63}")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True)
class Field:
    """``label`` is the French name; ``check(field name, value)`` cleans or raises Refused."""

    label: str
    check: Check
    choices: Mapping[str, str] | None = None


def _text(value: Json, name: str, limit: int) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Refused("Un texte est attendu.", name)
    text = " ".join(_CONTROL.sub("", value).split())
    if len(text) > limit:
        raise Refused(f"Ce texte est trop long\u00a0: {limit} caractères au plus.", name)
    return text


def line(limit: int = 200) -> Check:
    """A line of text, may be empty."""
    return lambda name, value: _text(value, name, limit)


def note(name: str, value: Json) -> str:
    """Some lines of text, may be empty, 2 000 characters at most."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Refused("Un texte est attendu.", name)
    text = _CONTROL.sub("", value).strip()
    if len(text) > 2000:
        raise Refused("Ce texte est trop long\u00a0: 2\u202f000 caractères au plus.", name)
    return text


def person_name(name: str, value: Json) -> str:
    """A first or last name: obligatory, with a letter in it."""
    text = _text(value, name, 80)
    if not any(c.isalpha() for c in text):
        raise Refused("Écrivez un nom, avec au moins une lettre.", name)
    return text


def yes_no(name: str, value: Json) -> bool:
    if not isinstance(value, bool):
        raise Refused("Répondez par oui ou par non.", name)
    return value


def one_of(choices: Collection[str]) -> Check:
    """A code of a closed list."""

    def check(name: str, value: Json) -> str:
        code = value or ""
        if code not in choices:
            raise Refused("Choisissez une des réponses proposées.", name)
        return str(code)

    return check


def some_of(choices: Mapping[str, str]) -> Check:
    """Codes of a closed list, in its order, each once."""

    def check(name: str, value: Json) -> list[str]:
        wanted = list(value or ())
        if any(code not in choices for code in wanted):
            raise Refused("Choisissez une des réponses proposées.", name)
        return [code for code in choices if code in wanted]

    return check


def phone(name: str, value: Json) -> str:
    """A phone number in E.164, or empty. Numbers without a prefix are French."""
    text = _text(value, name, 40)
    if not text:
        return ""
    try:
        parsed = phonenumbers.parse(text, "FR")
    except phonenumbers.NumberParseException:
        parsed = None
    if parsed is None or not phonenumbers.is_possible_number(parsed):
        raise Refused("Écrivez un numéro de téléphone, par exemple 06 12 34 56 78.", name)
    return str(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164))


def email(name: str, value: Json) -> str:
    """An e-mail address in lower case, or empty."""
    text = _text(value, name, 254).lower()
    if text and not _EMAIL.fullmatch(text):
        raise Refused("Écrivez une adresse électronique, comme nom@exemple.fr.", name)
    return text


def birth_date(oldest: int) -> Check:
    """A day that is not to come, at most ``oldest`` years ago; ``None`` is kept."""

    def check(name: str, value: Json) -> date | None:
        if value is None:
            return None
        if not isinstance(value, date):
            raise Refused("Écrivez une date, par exemple 14/09/2019.", name)
        today = clock.today()
        if value > today:
            raise Refused("Cette date est à venir.", name)
        if today.year - value.year > oldest:
            raise Refused("Vérifiez l’année de naissance.", name)
        return value

    return check


def _childs_birth_date(name: str, value: Json) -> date:
    if value is None:
        raise Refused("Indiquez la date de naissance.", name)
    checked = birth_date(OLDEST_CHILD)(name, value)
    assert isinstance(checked, date)
    return checked


def _postal_code(name: str, value: Json) -> str:
    text = _text(value, name, 12)
    if text and not re.fullmatch(r"[0-9A-Za-z][0-9A-Za-z -]{2,11}", text):
        raise Refused("Écrivez un code postal, par exemple 38001.", name)
    return text


def _caf_number(name: str, value: Json) -> str:
    text = _text(value, name, 30).replace(" ", "").upper()
    if not re.fullmatch(r"[0-9A-Z]{0,15}", text):
        raise Refused("Un numéro d’allocataire ne compte que des chiffres et des lettres, quinze au plus.", name)
    return text


def _qf(name: str, value: Json) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_QF:
        raise Refused("Le quotient familial est un nombre entier d’euros, comme 640.", name)
    return value


def _month(name: str, value: Json) -> date | None:
    if value is None:
        return None
    if not isinstance(value, date) or value > clock.today():
        raise Refused("Indiquez un mois passé ou le mois en cours.", name)
    return value.replace(day=1)


def _school(name: str, value: Json) -> uuid.UUID | None:
    if value is None or isinstance(value, uuid.UUID):
        return value
    raise Refused("Choisissez une des écoles proposées.", name)


_ADDRESS: Mapping[str, Field] = {
    "street": Field("Adresse", line()),
    "address_extra": Field("Complément d’adresse", line()),
    "postal_code": Field("Code postal", _postal_code),
    "city": Field("Commune", line(100)),
}

HOUSEHOLD: Mapping[str, Field] = {
    "label": Field("Nom du foyer", person_name),
    **_ADDRESS,
    "address_hidden": Field("Adresse à ne pas communiquer", yes_no),
    "phone": Field("Téléphone du domicile", phone),
    "situation": Field("Situation familiale", one_of(vocabulary.SITUATIONS), vocabulary.SITUATIONS),
    "caisse": Field("Caisse", one_of(vocabulary.CAISSES), vocabulary.CAISSES),
    "caf_number": Field("Numéro d’allocataire", _caf_number),
    "qf": Field("Quotient familial", _qf),
    "qf_source": Field("Origine du quotient familial", one_of(vocabulary.QF_SOURCES), vocabulary.QF_SOURCES),
    "qf_month": Field("Mois du quotient familial", _month),
    "desk_only": Field("Famille sans internet", yes_no),
}

ADULT: Mapping[str, Field] = {
    "civility": Field("Civilité", one_of(vocabulary.CIVILITIES), vocabulary.CIVILITIES),
    "first_name": Field("Prénom", person_name),
    "last_name": Field("Nom", person_name),
    "birth_name": Field("Nom de naissance", line(80)),
    "birth_date": Field("Date de naissance", birth_date(120)),
    "quality": Field("Qualité", one_of({"", *vocabulary.QUALITIES}), vocabulary.QUALITIES),
    "mobile": Field("Téléphone portable", phone),
    "work_phone": Field("Téléphone professionnel", phone),
    "email": Field("Adresse électronique", email),
    "profession": Field("Profession", line(100)),
    "employer": Field("Employeur", line(150)),
    "mail_consent": Field("Accord pour les courriels", yes_no),
    "sms_consent": Field("Accord pour les SMS", yes_no),
    **_ADDRESS,
}

CHILD: Mapping[str, Field] = {
    "first_name": Field("Prénom", person_name),
    "last_name": Field("Nom", person_name),
    "birth_date": Field("Date de naissance", _childs_birth_date),
    "sex": Field("Sexe", one_of(vocabulary.SEXES), vocabulary.SEXES),
    "school_id": Field("Établissement", _school),
    "level": Field("Niveau", one_of({"", *SCHOOL_LEVELS})),
}

HEALTH: Mapping[str, Field] = {
    "diet": Field("Type de repas", one_of(vocabulary.DIETS), vocabulary.DIETS),
    "allergies": Field("Allergies", some_of(vocabulary.ALLERGENS), vocabulary.ALLERGENS),
    "allergy_note": Field("Précisions sur les allergies", note),
    "meal_note": Field("Recommandations pour les repas", note),
    "pai": Field("Projet d’accueil individualisé (PAI)", yes_no),
    "doctor_name": Field("Médecin traitant", line(100)),
    "doctor_phone": Field("Téléphone du médecin", phone),
}

AUTHORISATION: Mapping[str, Field] = {kind: Field(label, yes_no) for kind, label in vocabulary.AUTHORISATIONS.items()}

FIELDS: Mapping[str, Mapping[str, Field]] = {
    "household": HOUSEHOLD,
    "adult": ADULT,
    "child": CHILD,
    "health": HEALTH,
    "authorisation": AUTHORISATION,
}


def _is_school(session: Session, structure_id: uuid.UUID) -> bool:
    # the row, not the list kept in memory: the school may have been added in this very transaction
    row = session.get(Structure, structure_id)
    return row is not None and row.kind == "ecole"


def checked(session: Session, object_type: str, values: Mapping[str, Json]) -> dict[str, Json]:
    """The values cleaned. Raises Refused naming the field, or ValueError for a field that does not exist."""
    known = FIELDS[object_type]
    if unknown := set(values) - set(known):
        raise ValueError(f"unknown {object_type} field: {sorted(unknown)[0]}")
    cleaned = {name: known[name].check(name, value) for name, value in values.items()}
    school = cleaned.get("school_id")
    if school is not None and not _is_school(session, school):
        raise Refused("Choisissez une des écoles proposées.", "school_id")
    return cleaned


def shown(session: Session, object_type: str, name: str, value: Json) -> str:
    """A value as people read it in the history; empty when there is none."""
    field = FIELDS[object_type][name]
    if value is None or value == "":
        return ""
    if isinstance(value, list | tuple):
        return ", ".join((field.choices or {}).get(str(each), str(each)) for each in value)
    if field.choices is not None:
        return field.choices.get(str(value), str(value))
    if isinstance(value, bool):
        return "oui" if value else "non"
    if isinstance(value, date):
        return f"{value:%d/%m/%Y}"
    if isinstance(value, uuid.UUID):
        return structure_names(session).get(value, "")
    if field.check is phone:
        return phone_text(str(value))
    return str(value)
