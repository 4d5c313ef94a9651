"""Conditions of questions: written from a field, an operator and a value; told in words when they are simple."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from app.errors import Refused
from app.studio.form_editing import Document, Place, questions
from forms.definition import PRODUCES
from forms.hygiene import BadInput
from forms.parsing import parse_cents, parse_date, parse_decimal, parse_time

#: operator → how it is offered
OPERATORS: Mapping[str, str] = {
    "est": "est",
    "differe": "n’est pas",
    "rempli": "est rempli",
    "vide": "n’est pas rempli",
    "contient": "contient",
    "plus": "est plus grand (ou plus tard) que",
    "moins": "est plus petit (ou plus tôt) que",
}
_SIGNS: Mapping[str, str] = {"est": "==", "differe": "!=", "plus": ">", "moins": "<"}
_BOOLEANS: Mapping[str, str] = {"oui": "vrai", "non": "faux", "vrai": "vrai", "faux": "faux"}
_PARTS: Mapping[str, str] = {
    "_debut": "début",
    "_fin": "fin",
    "_voie": "voie",
    "_complement": "complément",
    "_code_postal": "code postal",
    "_commune": "commune",
    "_motif": "motif",
    "_raison": "message",
    "_base_legale": "base légale",
    "_champs": "champs à corriger",
}


@dataclass(frozen=True)
class Answer:
    """Something that a condition may read: its name, label, kind of value, and possible answers (value → label)."""

    name: str
    label: str
    kind: str
    choices: Mapping[str, str]


def answers_before(document: Document, place: Place) -> list[Answer]:
    """What is answered before this page or question, in the order of the form: a condition may read nothing else."""
    found: list[Answer] = []
    for here, spec in questions(document):
        same_rows = len(here) == 3 and len(place) == 3 and here[:2] == place[:2]
        if here < place and here != place[: len(here)] and (len(here) == 2 or same_rows):
            found += _answers(spec)
    return found


def _answers(spec: Document) -> Iterator[Answer]:
    label = str(spec.get("label") or spec.get("name", ""))
    choices = {each.get("value", ""): each.get("label", "") for each in spec.get("options", [])}
    if spec["type"] == "decision":
        choices = {"accepter": "Accepter", "completer": "Demander de compléter", "refuser": "Refuser"}
    for suffix, kind in PRODUCES[spec["type"]].items():
        words = f"{label} ({_PARTS[suffix]})" if suffix in _PARTS else label
        if spec.get("name"):
            yield Answer(spec["name"] + suffix, words, kind, choices if not suffix else {})


def written(answer: Answer, operator: str, value: str) -> str:
    """The expression. Raises Refused for an operator or a value that does not go with the answer."""
    value = value.strip()
    if operator == "rempli":
        return f"non_vide({answer.name})"
    if operator == "vide":
        return f"vide({answer.name})"
    if operator not in OPERATORS:
        raise Refused("Choisissez un des opérateurs proposés.")
    if answer.kind in ("list", "rows") and operator != "contient":
        raise Refused(
            "Cette question a plusieurs réponses : utilisez « contient », « est rempli » ou « n’est pas rempli »."
        )
    literal = _literal(answer, value)
    if operator == "contient":
        return f"{literal} in {answer.name}"
    if operator in ("plus", "moins") and answer.kind not in ("integer", "decimal", "money", "date", "time"):
        raise Refused("« Plus grand » et « plus petit » ne vont qu’avec un nombre, une somme, une date ou une heure.")
    comparison = f"{answer.name} {_SIGNS[operator]} {literal}"
    # nothing is not comparable: an empty answer makes the condition false
    return f"non_vide({answer.name}) and {comparison}" if operator in ("plus", "moins") else comparison


def _literal(answer: Answer, value: str) -> str:
    if not value:
        raise Refused("Écrivez la valeur à comparer.")
    try:
        if answer.kind == "boolean":
            if value.lower() not in _BOOLEANS:
                raise Refused("Écrivez oui ou non.")
            return _BOOLEANS[value.lower()]
        if answer.kind == "money":
            return str(parse_cents(value))
        if answer.kind in ("integer", "decimal"):
            return str(parse_decimal(value, 6 if answer.kind == "decimal" else 0))
        if answer.kind == "date":
            return f"'{parse_date(value)}'"
        if answer.kind == "time":
            return f"'{parse_time(value)}'"
    except BadInput as error:
        raise Refused(str(error)) from error
    if answer.choices:
        found = [
            code for code, label in answer.choices.items() if value.casefold() in (code.casefold(), label.casefold())
        ]
        if not found:
            raise Refused(f"Réponses possibles : {', '.join(answer.choices.values())}.")
        value = found[0]
    return repr(value)


# -- in words --------------------------------------------------------------------------------------------------------

_WORDS: Mapping[type[ast.cmpop], str] = {
    ast.Eq: "est",
    ast.NotEq: "n’est pas",
    ast.Gt: "est plus grand que",
    ast.Lt: "est plus petit que",
    ast.GtE: "est au moins",
    ast.LtE: "est au plus",
}


def in_words(expression: str, document: Document) -> str:
    """« « Motif » est « Maladie » » for the simple conditions; the expression itself for the others."""
    known = {answer.name: answer for _, spec in questions(document) for answer in _answers(spec)}
    try:
        told = _told(ast.parse(expression.strip(), mode="eval").body, known)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        told = None
    return told or expression


def _told(node: ast.expr, known: Mapping[str, Answer]) -> str | None:
    if isinstance(node, ast.BoolOp):
        parts = [_told(each, known) for each in node.values]
        joint = " et " if isinstance(node.op, ast.And) else " ou "
        simple = all(not isinstance(each, ast.BoolOp) for each in node.values)
        return joint.join(part for part in parts if part) if simple and all(parts) else None
    if isinstance(node, ast.Call):
        return _told_call(node, known)
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        return _told_comparison(node.left, node.ops[0], node.comparators[0], known)
    return None


def _told_call(node: ast.Call, known: Mapping[str, Answer]) -> str | None:
    said = {"vide": "n’est pas rempli", "non_vide": "est rempli"}
    if not isinstance(node.func, ast.Name) or node.func.id not in said or len(node.args) != 1:
        return None
    answer = _answer(node.args[0], known)
    return f"« {answer.label} » {said[node.func.id]}" if answer else None


def _told_comparison(left: ast.expr, sign: ast.cmpop, right: ast.expr, known: Mapping[str, Answer]) -> str | None:
    if isinstance(sign, ast.In) and isinstance(left, ast.Constant):
        answer = _answer(right, known)
        return f"« {answer.label} » contient {_value(left, answer)}" if answer else None
    answer, words = _answer(left, known), _WORDS.get(type(sign))
    value = _value(right, answer) if answer else None
    return f"« {answer.label} » {words} {value}" if answer and words and value else None


def _answer(node: ast.expr, known: Mapping[str, Answer]) -> Answer | None:
    return known.get(node.id) if isinstance(node, ast.Name) else None


def _value(node: ast.expr, answer: Answer) -> str | None:
    if isinstance(node, ast.Name) and node.id in ("vrai", "faux"):
        return "oui" if node.id == "vrai" else "non"
    if not isinstance(node, ast.Constant):
        return None
    if isinstance(node.value, bool):
        return "oui" if node.value else "non"
    if answer.kind == "money" and isinstance(node.value, int):
        return f"{node.value // 100},{node.value % 100:02d}\u00a0€"
    return f"« {answer.choices.get(str(node.value), node.value)} »"
