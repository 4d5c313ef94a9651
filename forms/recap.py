"""Answers told to a person: recap page, case page, PDF."""

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import TypeAlias

from forms.definition import OUTCOMES, Choice, FieldDef, FormDefinition
from forms.fields.choices import labels_of
from forms.french import date_text, decimal_text, integer_text, money_text, phone_text, time_text
from forms.sources import Json, Sources, choices_for

Offered: TypeAlias = Callable[[FieldDef], tuple[Choice, ...]]

_OUTCOMES = dict(zip(OUTCOMES, ("Acceptée", "Complément demandé", "Refusée"), strict=True))


def summary(
    definition: FormDefinition, values: Mapping[str, Json], sources: Sources
) -> list[tuple[str, list[tuple[str, str, str]]]]:
    """(page title, [(label, text in French, field name)]) for each page that has an answer; blank answers are left out.

    `values` may be a draft's: an answer that was not understood is shown as typed. Long texts keep their line breaks.
    """

    def offered(spec: FieldDef) -> tuple[Choice, ...]:
        return choices_for(spec, sources, values)

    found = []
    for page in definition.pages:
        lines = [
            (spec.label, text, spec.name) for spec in page.fields for text in [told(spec, values, offered)] if text
        ]
        if lines:
            found.append((page.title, lines))
    return found


def told(spec: FieldDef, values: Mapping[str, Json], offered: Offered) -> str:
    """One field's answer in French; '' when blank. Never fails on odd stored values: they are shown as they are."""
    if spec.type == "info":
        return ""
    several = {name: values.get(name) for name in spec.produced()}
    if all(value is None or value == [] for value in several.values()):
        return ""
    match spec.type:
        case "date_range":
            return _period(*several.values())
        case "address":
            return _address(*several.values())
        case "decision":
            return _decision(spec, *several.values(), offered=offered)
        case "group":
            return _rows(spec, values.get(spec.name), offered)
    return _scalar(spec, values.get(spec.name), offered)


def _scalar(spec: FieldDef, value: Json, offered: Offered) -> str:
    match spec.type:
        case "yes_no" if isinstance(value, bool):
            return "Oui" if value else "Non"
        case "consent" if isinstance(value, bool):
            return "Accepté" if value else "Non accepté"
        case "choice" | "child" | "adult" | "person" | "structure" | "activity":
            return labels_of([str(value)], offered(spec))
        case "choices" | "children" | "slots" if isinstance(value, list):
            return labels_of([str(item) for item in value], offered(spec))
        case "piece" if isinstance(value, list):
            return _documents(value, spec, offered)
        case "integer" if type(value) is int:
            return _with_unit(integer_text(value), spec)
        case "decimal" if isinstance(value, str):
            return _with_unit(_decimal(value), spec)
        case "money" if type(value) is int:
            return money_text(value)
        case "date" if isinstance(value, str):
            return _day(value)
        case "time" if isinstance(value, str):
            return _clock(value)
        case "phone" if isinstance(value, str):
            return phone_text(value)
    return str(value)


def _with_unit(text: str, spec: FieldDef) -> str:
    return f"{text}\u00a0{spec.unit}" if spec.unit else text


def _decimal(value: str) -> str:
    try:
        return decimal_text(Decimal(value))
    except (InvalidOperation, ValueError):
        return value


def _day(value: Json) -> str:
    try:
        return date_text(date.fromisoformat(str(value)))
    except ValueError:
        return str(value)


def _clock(value: str) -> str:
    try:
        return time_text(value)
    except ValueError:
        return value


def _period(first: Json, last: Json) -> str:
    if first and first == last:
        return _day(first)
    parts = [f"du {_day(first)}" if first else "", f"au {_day(last)}" if last else ""]
    text = " ".join(part for part in parts if part)
    return text[:1].upper() + text[1:]


def _address(street: Json, extra: Json, postcode: Json, town: Json) -> str:
    place = " ".join(str(part) for part in (postcode, town) if part)
    return "\n".join(str(part) for part in (street, extra, place) if part)


def _documents(ids: list[Json], spec: FieldDef, offered: Offered) -> str:
    known = {choice.value: choice.label for choice in offered(spec)}
    named = [known[item] for item in ids if isinstance(item, str) and item in known]
    others = len(ids) - len(named)
    if others:
        named.append(f"{others}\u00a0{'document joint' if others == 1 else 'documents joints'}")
    return "\n".join(named)


def _decision(
    spec: FieldDef, outcome: Json, motive: Json, reason: Json, basis: Json, reopened: Json, *, offered: Offered
) -> str:
    motives = {option.value: option.label for option in spec.motives}
    lines = [_OUTCOMES.get(str(outcome), "")]
    if motive:
        lines.append(f"Motif\u00a0: {motives.get(str(motive), motive)}")
    if isinstance(reopened, list):
        fields = labels_of([str(name) for name in reopened], offered(spec))
        lines.append(f"À corriger\u00a0: {fields}")
    if basis:
        lines.append(f"Fondement\u00a0: {basis}")
    if reason:
        lines.append(str(reason))
    return "\n".join(line for line in lines if line)


def _rows(spec: FieldDef, rows: Json, offered: Offered) -> str:
    if not isinstance(rows, list):
        return str(rows)
    lines = []
    for position, row in enumerate((row for row in rows if isinstance(row, dict)), 1):
        cells = [(inner.label, told(inner, row, offered)) for inner in spec.fields]
        text = "\u00a0; ".join(f"{label}\u00a0: {cell}" for label, cell in cells if cell)
        if text:
            lines.append(f"{spec.row_label} {position} – {text}")
    return "\n".join(lines)
