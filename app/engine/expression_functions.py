"""The functions an expression may call: the whole vocabulary of administrators besides operators.

Each function receives `now` first (an aware instant given by the caller, never the machine's clock), then the values
the author wrote. Dates travel as ISO strings (`2026-09-01`), instants as ISO strings with an offset: engine data holds
JSON scalars only, and ISO strings of one kind compare correctly by plain string order.

A function refuses a bad value by raising `FunctionRefusal` with a French sentence; `expressions` adds the context.
"""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from zoneinfo import ZoneInfo

from app.public_holidays import public_holidays

type_names = {bool: "oui/non", int: "nombre", float: "nombre", str: "texte", list: "liste", dict: "groupe"}

PARIS = ZoneInfo("Europe/Paris")

MAX_NUMBER = 10**15
"""Largest absolute value of a number: well inside what JSON readers keep exactly (2**53)."""

MAX_TEXT = 100_000
"""Longest text, in characters, that an expression may read or make."""

MAX_ITEMS = 10_000
"""Longest list that an expression may read or make."""

_MAX_DAYS = 36_525
_MAX_WORKING_DAYS = 3_660


class FunctionRefusal(Exception):
    """A value the function cannot work with; the message is a French sentence."""


@dataclass(frozen=True)
class Function:
    """A callable of the language: `call(now, *values)`, its French one-line `doc`, and how it is written."""

    name: str
    call: Callable[..., object]
    doc: str

    @property
    def signature(self) -> inspect.Signature:
        """The parameters an author writes, that is without `now`."""
        full = inspect.signature(self.call)
        return full.replace(parameters=list(full.parameters.values())[1:])

    @property
    def usage(self) -> str:
        """How the function is written, for messages and documentation: `age(date_naissance, le=…)`."""
        parts = []
        for parameter in self.signature.parameters.values():
            if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
                parts.append(f"{parameter.name}, …")
            else:
                optional = parameter.default is not inspect.Parameter.empty
                parts.append(f"{parameter.name}=…" if optional else parameter.name)
        return f"{self.name}({', '.join(parts)})"


_registered: dict[str, Function] = {}


def _documented(doc: str, name: str | None = None) -> Callable[[Callable[..., object]], Callable[..., object]]:
    def register(call: Callable[..., object]) -> Callable[..., object]:
        spelled = name or call.__name__
        _registered[spelled] = Function(spelled, call, doc)
        return call

    return register


def kind_of(value: object) -> str:
    """The French name of a value's kind, for messages."""
    return "vide" if value is None else type_names.get(type(value), "valeur inconnue")


def _as_date(value: object) -> date:
    if value is None or value == "":
        raise FunctionRefusal("la date est vide")
    if not isinstance(value, str) or len(value) > 40:
        raise FunctionRefusal(f"une date est attendue, pas : {kind_of(value)}")
    try:
        if len(value) == 10:
            return date.fromisoformat(value)
        instant = datetime.fromisoformat(value)
    except ValueError:
        raise FunctionRefusal(f"« {value} » n’est pas une date (écrivez par exemple « 2026-09-01 »)") from None
    return (instant.astimezone(PARIS) if instant.tzinfo else instant).date()


def _as_number(value: object) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise FunctionRefusal(f"un nombre est attendu, pas : {kind_of(value)}")
    return value


def _as_whole(value: object, bound: int) -> int:
    number = _as_number(value)
    if not isinstance(number, int):
        raise FunctionRefusal("un nombre entier est attendu")
    if abs(number) > bound:
        raise FunctionRefusal(f"le nombre {number} est trop grand (au plus {bound})")
    return number


def _as_text(value: object) -> str:
    if not isinstance(value, str):
        raise FunctionRefusal(f"un texte est attendu, pas : {kind_of(value)}")
    return value


def _as_list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise FunctionRefusal(f"une liste est attendue, pas : {kind_of(value)}")
    if len(value) > MAX_ITEMS:
        raise FunctionRefusal(f"la liste est trop longue (au plus {MAX_ITEMS} éléments)")
    return value


def _number_from(text: str) -> int | float:
    """Reads `12`, `12,5` or `1 200,50` as a family writes them."""
    compact = re.sub(r"[\s\u00a0\u202f]", "", text).replace(",", ".")
    try:
        if len(compact) > 40 or not re.fullmatch(r"[+-]?\d+(\.\d+)?", compact, re.ASCII):
            raise InvalidOperation
        number = Decimal(compact)
    except InvalidOperation:
        raise FunctionRefusal(f"« {text[:40]} » n’est pas un nombre") from None
    return int(number) if number == number.to_integral_value() else float(number)


def _is_empty(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip()) or value == [] or value == {}


# --- Presence, texts and lists ---------------------------------------------------------------------------------


@_documented("Vrai si la valeur est absente, un texte blanc ou une liste sans élément.")
def vide(now: datetime, x: object) -> bool:  # noqa: ARG001 - every function receives the instant
    return _is_empty(x)


@_documented("Vrai si la valeur est renseignée.")
def non_vide(now: datetime, x: object) -> bool:  # noqa: ARG001
    return not _is_empty(x)


@_documented("Nombre de caractères d’un texte, ou d’éléments d’une liste ; 0 si la valeur est vide.")
def longueur(now: datetime, x: object) -> int:  # noqa: ARG001
    if x is None:
        return 0
    if isinstance(x, str | list | dict):
        return len(x)
    raise FunctionRefusal(f"un texte ou une liste est attendu, pas : {kind_of(x)}")


@_documented("Vrai si la liste contient x, ou si le texte contient le texte x.")
def contient(now: datetime, liste: object, x: object) -> bool:  # noqa: ARG001
    if liste is None:
        return False
    if isinstance(liste, str):
        return _as_text(x) in liste
    return x in _as_list(liste)


@_documented("Le texte en minuscules.")
def minuscules(now: datetime, x: object) -> str:  # noqa: ARG001
    return _as_text(x).lower()


@_documented("La valeur écrite comme un texte ; un texte vide si elle est absente.")
def texte(now: datetime, x: object) -> str:  # noqa: ARG001
    if x is None:
        return ""
    if isinstance(x, bool):
        return "oui" if x else "non"
    if isinstance(x, str | int | float):
        return str(x)
    raise FunctionRefusal(f"une liste ou un groupe ne s’écrit pas comme un texte : {kind_of(x)}")


@_documented('Les valeurs d’une colonne d’un groupe répété : valeurs(enfants, "prenom").')
def valeurs(now: datetime, liste: object, cle: object) -> list[object]:  # noqa: ARG001
    key = _as_text(cle)
    found = []
    for item in _as_list(liste):
        if not isinstance(item, dict):
            raise FunctionRefusal("une liste de groupes est attendue")
        found.append(item.get(key))
    return found


# --- Numbers ---------------------------------------------------------------------------------------------------


@_documented("Le nombre écrit dans un texte (« 12,5 » donne 12.5).")
def nombre(now: datetime, x: object) -> int | float:  # noqa: ARG001
    return _number_from(x) if isinstance(x, str) else _as_number(x)


@_documented("La partie entière d’un nombre, ou du nombre écrit dans un texte.")
def entier(now: datetime, x: object) -> int:  # noqa: ARG001
    return int(_number_from(x) if isinstance(x, str) else _as_number(x))


@_documented("Le nombre arrondi au plus proche (0,5 vers le haut), avec tant de décimales.")
def arrondi(now: datetime, x: object, decimales: object = 0) -> int | float:  # noqa: ARG001
    places = _as_whole(decimales, 6)
    step = Decimal(1).scaleb(-places)
    rounded = Decimal(str(_as_number(x))).quantize(step, rounding=ROUND_HALF_UP)
    return int(rounded) if places <= 0 else float(rounded)


@_documented("La valeur absolue d’un nombre.", name="abs")
def absolute(now: datetime, x: object) -> int | float:  # noqa: ARG001
    return abs(_as_number(x))


def _comparable(values: tuple[object, ...]) -> list[int | float] | list[str]:
    items = _as_list(values[0]) if len(values) == 1 else list(values)
    if not items:
        raise FunctionRefusal("il n’y a aucune valeur à comparer")
    if all(isinstance(item, str) for item in items):
        return [_as_text(item) for item in items]
    return [_as_number(item) for item in items]


@_documented("La plus petite des valeurs, ou d’une liste.", name="min")
def smallest(now: datetime, *valeurs: object) -> object:  # noqa: ARG001
    return min(_comparable(valeurs))


@_documented("La plus grande des valeurs, ou d’une liste.", name="max")
def largest(now: datetime, *valeurs: object) -> object:  # noqa: ARG001
    return max(_comparable(valeurs))


@_documented("La somme des nombres d’une liste ; 0 si elle est vide.")
def somme(now: datetime, liste: object) -> int | float:  # noqa: ARG001
    total: Decimal | int = sum(Decimal(str(_as_number(item))) for item in _as_list(liste))
    return int(total) if total == int(total) else float(total)


# --- Dates -----------------------------------------------------------------------------------------------------


@_documented("La date du jour, à Paris : « 2026-09-01 ».")
def aujourdhui(now: datetime) -> str:
    return now.astimezone(PARIS).date().isoformat()


@_documented("L’instant présent, à Paris : « 2026-09-01T08:30:00+02:00 ».")
def maintenant(now: datetime) -> str:
    return now.astimezone(PARIS).isoformat(timespec="seconds")


@_documented("L’âge en années révolues, aujourd’hui ou le jour donné.")
def age(now: datetime, date_naissance: object, le: object = None) -> int:
    born = _as_date(date_naissance)
    day = now.astimezone(PARIS).date() if le is None else _as_date(le)
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


@_documented("L’année d’une date.")
def annee(now: datetime, date: object) -> int:  # noqa: ARG001
    return _as_date(date).year


@_documented("Le nombre de jours de la date a à la date b (négatif si b est avant a).")
def jours_entre(now: datetime, a: object, b: object) -> int:  # noqa: ARG001
    return (_as_date(b) - _as_date(a)).days


@_documented("La date n jours plus tard (ou plus tôt si n est négatif).")
def plus_jours(now: datetime, date: object, n: object) -> str:  # noqa: ARG001
    return _shift(_as_date(date), _as_whole(n, _MAX_DAYS)).isoformat()


@_documented("La date n jours ouvrés plus tard : ni samedi, ni dimanche, ni jour férié.")
def plus_jours_ouvres(now: datetime, date: object, n: object) -> str:  # noqa: ARG001
    day = _as_date(date)
    left = _as_whole(n, _MAX_WORKING_DAYS)
    step = 1 if left >= 0 else -1
    while left:
        day = _shift(day, step)
        if day.weekday() < 5 and day not in public_holidays(day.year):
            left -= step
    return day.isoformat()


def _shift(day: date, days: int) -> date:
    try:
        return day + timedelta(days=days)
    except OverflowError:
        raise FunctionRefusal("la date obtenue est hors du calendrier") from None


_UNITS = {
    **dict.fromkeys(("minute", "minutes", "min"), ("T", "M")),
    **dict.fromkeys(("heure", "heures", "h"), ("T", "H")),
    **dict.fromkeys(("jour", "jours", "j"), ("", "D")),
    **dict.fromkeys(("semaine", "semaines"), ("", "W")),
    **dict.fromkeys(("mois",), ("", "M")),
    **dict.fromkeys(("an", "ans", "année", "années"), ("", "Y")),
}


@_documented('Une durée écrite en français, pour un minuteur : duree("24 heures") donne « PT24H ».')
def duree(now: datetime, x: object) -> str:  # noqa: ARG001
    written = _as_text(x)
    match = re.fullmatch(r"\s*(\d{1,5})[\s\u00a0\u202f]*(\w{1,10})\s*", written)
    unit = _UNITS.get(match[2].lower()) if match else None
    if match is None or unit is None:
        raise FunctionRefusal(f"« {written[:40]} » n’est pas une durée (écrivez par exemple « 24 heures »)")
    return f"P{unit[0]}{int(match[1])}{unit[1]}"


FUNCTIONS: Mapping[str, Function] = dict(sorted(_registered.items()))
"""Every function of the language, by the name an author writes."""
