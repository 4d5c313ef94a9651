"""demarche.toml, typed: what a démarche says of itself beside its diagram and its forms."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

from app.db import Json

CATEGORIES: Mapping[str, str] = {
    "compte": "Mon compte",
    "informations": "Mise à jour de mes informations",
    "pieces": "Mes pièces justificatives",
    "inscriptions": "Inscriptions",
    "quotidien": "Au quotidien",
    "contact": "Nous contacter",
}

Regime = Literal["SVA", "SVR", "AUCUN"]

#: Months after its end during which a demande is kept when its démarche does not say: as long as an account may sleep.
RETENTION_MONTHS = 24
RETENTION_BOUNDS = (3, 120)

#: What a notification may name, with the sentence the studio shows.
NOTIFICATION_VARIABLES: Mapping[str, str] = {
    "prenom": "le prénom de la personne",
    "reference": "la référence de la demande",
    "demarche": "le titre de la démarche",
    "statut": "le statut, en toutes lettres",
    "motif": "le motif écrit par l’agent",
    "service": "le nom du service",
    "lien": "l’adresse de la demande",
    "portail": "l’adresse du portail",
    "sujet": "ce que la demande concerne (le prénom de l’enfant…)",
}
#: Who may begin a demande, beside what ``account`` asks.
FILERS: Mapping[str, str] = {
    "tous": "Tout le monde",
    "foyers": "Les familles qui ont un foyer sur le portail",
    "guichet": "Les agents, au guichet, pour une famille",
}

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


class SettingsError(Exception):
    """demarche.toml is wrong; ``problems`` are sentences in French naming the line and the remedy."""

    def __init__(self, *problems: str) -> None:
        super().__init__(" ".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class Notification:
    """A message to the family when a status is reached: subject and body with ``{variables}``."""

    subject: str
    body: str


@dataclass(frozen=True)
class LegalRegime:
    """Silence after ``months``: acceptance (SVA), rejection (SVR) or nothing (AUCUN) — CRPA L231-1, R-02."""

    regime: Regime = "AUCUN"
    months: int = 2


@dataclass(frozen=True)
class ProcedureSettings:
    """The settings of one version.

    ``structure`` says which structure's agents receive the case: empty (any holder of the role), ``code:RS`` (that
    structure) or ``champ:NOM`` (the structure chosen in that field, or the school of the child chosen in it).
    ``subject`` names the fields whose human text is the subject of the case in lists; an entry may name several,
    separated by spaces, whose texts are then joined by a space (a first and a last name).
    ``opens_on`` and ``closes_on`` are the first and the last day (in Paris) on which a demande may be begun.
    ``retention_months`` after its end, a demande is erased; the version in line decides, for all of them.
    ``filers`` is a key of ``FILERS``. ``second_reader``: another administrator approves each publication.
    """

    title: str
    summary: str
    category: str
    position: int = 100
    account: bool = True
    listed: bool = True
    open: bool = True
    duration: str = ""
    delay: str = ""
    pieces: tuple[str, ...] = ()
    structure: str = ""
    subject: tuple[str, ...] = ()
    service: str = ""
    legal: LegalRegime = LegalRegime()
    next_steps: Mapping[str, str] = field(default_factory=dict)
    notifications: Mapping[str, Notification] = field(default_factory=dict)
    draft_days: int = 90
    retention_months: int = RETENTION_MONTHS
    opens_on: date | None = None
    closes_on: date | None = None
    filers: str = "tous"
    second_reader: bool = False
    settings: Mapping[str, Json] = field(default_factory=dict)


def fill(text: str, values: Mapping[str, str]) -> str:
    """``text`` with its ``{variables}`` replaced; unknown ones stay, verify refuses them."""
    return _PLACEHOLDER.sub(lambda m: values.get(m.group(1), m.group(0)), text)


def unknown_variables(text: str) -> list[str]:
    """The ``{names}`` of a notification that mean nothing."""
    return [name for name in dict.fromkeys(_PLACEHOLDER.findall(text)) if name not in NOTIFICATION_VARIABLES]


_KEYS: Mapping[str, tuple[str, type]] = {
    "titre": ("title", str),
    "resume": ("summary", str),
    "categorie": ("category", str),
    "ordre": ("position", int),
    "compte": ("account", bool),
    "catalogue": ("listed", bool),
    "ouverte": ("open", bool),
    "duree": ("duration", str),
    "delai": ("delay", str),
    "pieces": ("pieces", list),
    "structure": ("structure", str),
    "sujet": ("subject", list),
    "service": ("service", str),
    "brouillon_jours": ("draft_days", int),
    "conservation_mois": ("retention_months", int),
    "ouverture": ("opens_on", date),
    "fermeture": ("closes_on", date),
    "deposants": ("filers", str),
    "second_lecteur": ("second_reader", bool),
}
_SECTIONS = {"legal", "suite", "notifications", "reglages"}
_STATUSES = {"brouillon", "en_attente", "traitement", "clos", "refuse", "annule", "a_completer"}


def read_settings(raw: bytes) -> ProcedureSettings:
    """Parses demarche.toml. Raises SettingsError with every problem found."""
    try:
        data = tomllib.loads(raw.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"demarche.toml ne se lit pas : {error}. Corrigez cette ligne.") from error
    problems: list[str] = []
    values: dict[str, Any] = {}
    for key, value in data.items():
        if key in _SECTIONS:
            continue
        if key not in _KEYS:
            problems.append(f"demarche.toml : le réglage « {key} » n’existe pas ; retirez-le.")
            continue
        name, kind = _KEYS[key]
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)) or isinstance(value, datetime):
            problems.append(f"demarche.toml : « {key} » n’a pas la bonne forme ({_FRENCH[kind]} attendu).")
            continue
        values[name] = tuple(str(each) for each in value) if isinstance(value, list) else value
    problems += [f"demarche.toml : « {key} » manque." for key in ("titre", "resume", "categorie") if key not in data]
    if "category" in values and values["category"] not in CATEGORIES:
        problems.append(f"demarche.toml : la catégorie « {values['category']} » n’existe pas.")
    problems += _contradictions(values)
    values["legal"] = _legal(data.get("legal", {}), problems)
    values["notifications"] = _notifications(data.get("notifications", {}), problems)
    values["next_steps"] = {str(k): str(v) for k, v in dict(data.get("suite", {})).items()}
    values["settings"] = dict(data.get("reglages", {}))
    names = values["settings"].get("acceptation_automatique", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        problems.append("demarche.toml, [reglages] : « acceptation_automatique » est une liste de noms de questions.")
    if problems:
        raise SettingsError(*problems)
    return ProcedureSettings(**values)


def automatic(settings: ProcedureSettings) -> list[str]:
    """The questions whose answer is accepted without an agent, where the diagram asks for it."""
    return [str(name) for name in settings.settings.get("acceptation_automatique", ())]


def _contradictions(values: Mapping[str, Any]) -> list[str]:
    """What is well written and makes no sense."""
    problems = []
    if values.get("filers", "tous") not in FILERS:
        problems.append(f"demarche.toml : « deposants » doit être un de ces mots : {', '.join(FILERS)}.")
    if values.get("filers") == "foyers" and values.get("account") is False:
        problems.append("demarche.toml : réservée aux foyers, la démarche demande un compte : écrivez compte = true.")
    opens, closes = values.get("opens_on"), values.get("closes_on")
    if opens and closes and closes < opens:
        problems.append("demarche.toml : « fermeture » vient avant « ouverture » : corrigez l’une des deux dates.")
    if not 1 <= values.get("draft_days", 90) <= 3650:
        problems.append("demarche.toml : « brouillon_jours » est un nombre de jours entre 1 et 3650.")
    shortest, longest = RETENTION_BOUNDS
    if not shortest <= values.get("retention_months", RETENTION_MONTHS) <= longest:
        problems.append(f"demarche.toml : « conservation_mois » est un nombre de mois entre {shortest} et {longest}.")
    return problems


_FRENCH = {
    str: "un texte",
    int: "un nombre entier",
    bool: "true ou false",
    list: "une liste",
    date: "une date comme 2026-09-01",
}


def _legal(raw: Any, problems: list[str]) -> LegalRegime:
    regime, months = raw.get("regime", "AUCUN"), raw.get("mois", 2)
    if regime not in ("SVA", "SVR", "AUCUN"):
        problems.append(f"demarche.toml, [legal] : le régime « {regime} » n’existe pas (SVA, SVR ou AUCUN).")
        regime = "AUCUN"
    if not isinstance(months, int) or not 1 <= months <= 12:
        problems.append("demarche.toml, [legal] : « mois » doit être un nombre entier entre 1 et 12.")
        months = 2
    return LegalRegime(regime, months)


def _notifications(raw: Any, problems: list[str]) -> dict[str, Notification]:
    made: dict[str, Notification] = {}
    for status, value in raw.items():
        where = f"demarche.toml, [notifications.{status}]"
        if status not in _STATUSES:
            problems.append(f"{where} : ce statut n’existe pas.")
            continue
        subject, body = str(value.get("objet", "")), str(value.get("texte", ""))
        if not subject or not body:
            problems.append(f"{where} : « objet » et « texte » sont nécessaires.")
        for name in unknown_variables(subject + body):
            allowed = ", ".join(NOTIFICATION_VARIABLES)
            problems.append(f"{where} : la variable {{{name}}} n’existe pas. Variables permises : {allowed}.")
        made[status] = Notification(subject, body)
    return made
