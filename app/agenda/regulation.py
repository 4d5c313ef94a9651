"""The règlement of an activity: what its ``rules`` (JSON) say, read and checked (R-30…R-34, R-41)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, time
from typing import Any, Literal, get_args

from app.agenda.calendars import Span
from app.agenda.capacity import Setting
from app.agenda.deadlines import MODES, Deadline, Deadlines
from app.agenda.opening import Times
from app.agenda.prices import Tariff, read_tariff
from app.db import Json
from app.errors import Refused

Acceptance = Literal["none", "automatic", "agent"]
ACCEPTANCES: Mapping[Acceptance, str] = {
    "none": "Pas de réservation sur le portail",
    "automatic": "Acceptée aussitôt, s’il reste de la place",
    "agent": "Acceptée ou refusée par un agent",
}


@dataclass(frozen=True)
class AbsenceRule:
    """R-41: a proof within ``hours`` excuses from the first day, within ``days`` after ``waiting_days`` billed ones."""

    hours: int = 72
    days: int = 10
    waiting_days: int = 1


_EVE = Deadline("ouvres", 1, time(17))


@dataclass(frozen=True)
class Regulation:
    """``openings`` empty: the whole of the school year. ``pieces`` are codes of types of pieces; ``pieces_block``
    refuses a booking while one is missing (R10). ``late_cancel``: past its limit a cancellation is a request, which an
    agent answers. ``offer_hours``: how long a place that is offered waits for its answer (R-35). ``schools``:
    codes of the schools whose pupils it takes, all when empty. ``enrolment``: the days when families may enrol, always
    when ``None``."""

    acceptance: Acceptance = "none"
    times: Times = "scolaire"
    openings: tuple[Span, ...] = ()
    deadlines: Deadlines = field(default=Deadlines(_EVE, _EVE, _EVE))
    needs_enrolment: bool = True
    pieces: tuple[str, ...] = ()
    pieces_block: bool = False
    setting: Setting = "periscolaire"
    pedt: bool = False
    tariff: Tariff = field(default=Tariff())
    absence: AbsenceRule = AbsenceRule()
    late_cancel: bool = True
    offer_hours: int = 24
    schools: tuple[str, ...] = ()
    enrolment: Span | None = None


def read_regulation(rules: Mapping[str, Json]) -> Regulation:
    """The règlement that these rules say; what they leave out is as ``Regulation`` has it.

    Raises Refused, whose field is the key at fault.
    """
    if unknown := set(rules) - set(Regulation.__dataclass_fields__) - {"book", "change", "cancel"}:
        raise Refused(f"Le règlement ne connaît pas «\u00a0{sorted(unknown)[0][:40]}\u00a0».", "rules")
    found: dict[str, Any] = {}
    for key, known in (("acceptance", ACCEPTANCES), ("times", get_args(Times)), ("setting", get_args(Setting))):
        if key in rules:
            found[key] = _one_of(key, rules[key], known)
    for key in ("needs_enrolment", "pieces_block", "pedt", "late_cancel"):
        if key in rules:
            found[key] = _one_of(key, rules[key], (True, False))
    found["openings"] = tuple(_span(row) for row in rules.get("openings") or ())
    found["pieces"] = tuple(_text("pieces", code) for code in rules.get("pieces") or ())
    found["schools"] = tuple(_text("schools", code) for code in rules.get("schools") or ())
    if rules.get("enrolment"):
        found["enrolment"] = _span({"name": "Inscriptions", **rules["enrolment"]}, "enrolment")
    found["deadlines"] = Deadlines(*(_deadline(key, rules.get(key)) for key in ("book", "change", "cancel")))
    found["tariff"] = read_tariff(rules.get("tariff") or {})
    found["offer_hours"] = _count("offer_hours", rules.get("offer_hours", Regulation.offer_hours), 1, 240)
    absence = rules.get("absence") or {}
    found["absence"] = AbsenceRule(
        *(
            _count("absence", absence.get(key, getattr(AbsenceRule, key)), 0, 400)
            for key in AbsenceRule.__dataclass_fields__
        )
    )
    return Regulation(**found)


def _deadline(key: str, written: Json) -> Deadline:
    if written is None:
        return _EVE
    if not isinstance(written, Mapping) or set(written) - set(Deadline.__dataclass_fields__):
        raise Refused("Une limite dit son mode, un nombre et une heure.", key)
    try:
        at = time.fromisoformat(str(written.get("at", "00:00")))
    except ValueError as error:
        raise Refused("Écrivez une heure comme 08:30.", key) from error
    return Deadline(
        _one_of(key, written.get("mode"), MODES),
        _count(key, written.get("n", 1), 0, 400),
        at,
        _count(key, written.get("weekday", 4), 1, 7),
        skips_weekends=bool(written.get("skips_weekends", False)),
        skips_holidays=bool(written.get("skips_holidays", False)),
    )


def _span(row: Json, key: str = "openings") -> Span:
    """``first`` and ``last`` are written, both included; a span ends the day after."""
    try:
        first, last = date.fromisoformat(row["first"]), date.fromisoformat(row["last"])
        span = Span(_text(key, row["name"]), first, date.fromordinal(last.toordinal() + 1))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise Refused("Une période a un nom, un premier et un dernier jour.", key) from error
    if last < first:
        raise Refused("Une période finit après avoir commencé.", key)
    return span


def _one_of(key: str, value: Json, known: Any) -> Any:
    if not isinstance(value, (str, bool)) or value not in known:
        raise Refused("Choisissez une des réponses proposées.", key)
    return value


def _count(key: str, value: Json, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise Refused(f"Écrivez un nombre de {low} à {high}.", key)
    return value


def _text(key: str, value: Json) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > 100:
        raise Refused("Écrivez un texte de 100 caractères au plus.", key)
    return value.strip()
