"""A form's JSON, changed one page or one question at a time. Nothing here saves: the draft does.

A place is where a page or a question stands, counted from 0: ``(page,)``, ``(page, question)``, or ``(page, question,
inner question)`` for what a repeated group asks in each row. Every operation gives a new document and leaves the one
it was given. What cannot be done raises Refused; whether the result is a right form is said by ``problems_of``.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from io import StringIO
from itertools import pairwise
from tokenize import NAME, OP, TokenError, TokenInfo, generate_tokens

from app.db import Json, fold
from app.errors import Refused
from forms import DefinitionError, Problem, load_definition
from forms.conditions import is_well_formed
from forms.definition import PRODUCES

Document = dict[str, Json]
Place = tuple[int, ...]

EXPRESSIONS = ("show_if", "required_if", "default", "min", "max")
#: Keys whose values are texts wherever they stand.
_TEXTS = (
    "title", "help", "submit_label", "name", "label", "text", "value", "url", "show_if", "required_if", "default",
    "required_message", "piece_type", "structure_kind", "offer", "unit", "row_label", "tone", "display",
    "autocomplete",
)  # fmt: skip
_UNNAMED = "question"
_PLACE = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){0,2}")
_SITE = re.compile(r"pages\[(\d+)\](?:\.fields\[(\d+)\])?(?:\.fields\[(\d+)\])?")

#: What a new form may begin as: key → (label, pages).
TEMPLATES: Mapping[str, tuple[str, Sequence[Document]]] = {
    "demande": (
        "Une demande de la famille",
        [
            {
                "title": "Votre demande",
                "fields": [{"type": "long_text", "name": "demande", "label": "Votre demande", "required": True}],
            }
        ],
    ),
    "enfant": (
        "Une demande pour un enfant",
        [
            {
                "title": "L’enfant",
                "fields": [{"type": "child", "name": "enfant", "label": "Pour quel enfant ?", "required": True}],
            },
            {
                "title": "Votre demande",
                "fields": [{"type": "long_text", "name": "demande", "label": "Votre demande", "required": True}],
            },
        ],
    ),
    "decision": (
        "Une décision d’agent",
        [{"title": "Décision", "fields": [{"type": "decision", "name": "decision", "label": "Votre décision"}]}],
    ),
    "controle": (
        "Un contrôle d’agent, sans décision",
        [{"title": "Contrôle", "fields": [{"type": "long_text", "name": "observations", "label": "Observations"}]}],
    ),
}


# -- reading and writing ---------------------------------------------------------------------------------------------


def read(raw: bytes) -> Document | None:
    """The document of a file, wrong or right, if it has the outline of a form: pages that hold questions."""
    try:
        found = json.loads(raw.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and _is_outline(found) else None


def _is_outline(found: Document) -> bool:
    """Whether what the editor reads is of the kind it expects, so that the rest can be shown and mended."""
    pages = found.get("pages")
    if not _is_told(found) or not _all_objects(pages) or not pages:
        return False
    return all(_is_told(page) and _are_questions(page.get("fields")) for page in pages)


def _are_questions(found: Json) -> bool:
    return _all_objects(found) and all(_is_question(spec) for spec in found)


def _is_question(spec: Document) -> bool:
    kind = spec.get("type")
    if not isinstance(kind, str) or kind not in PRODUCES or not _is_told(spec):
        return False
    link = spec.get("link", {})
    listed = all(
        _all_objects(spec.get(key, [])) and all(_is_told(option) for option in spec.get(key, []))
        for key in ("options", "motives")
    )
    outcomes = spec.get("outcomes", [])
    told = isinstance(outcomes, list) and all(isinstance(each, str) for each in outcomes)
    return listed and told and isinstance(link, dict) and _is_told(link) and _are_questions(spec.get("fields", []))


def _is_told(holder: Document) -> bool:
    return all(isinstance(holder[key], str) for key in _TEXTS if key in holder)


def _all_objects(found: Json) -> bool:
    return isinstance(found, list) and all(isinstance(each, dict) for each in found)


def write(document: Document) -> bytes:
    """The file, laid out as the shipped ones are."""
    return (json.dumps(document, ensure_ascii=False, indent=2) + "\n").encode()


def problems_of(document: Document) -> list[Problem]:
    """What is wrong with the form; nothing when it is right."""
    try:
        load_definition(write(document))
    except DefinitionError as error:
        return list(error.problems)
    return []


def place_of(path: str) -> Place:
    """Where a problem stands, from its path; empty when it is the form's own."""
    found = _SITE.match(path)
    return tuple(int(number) for number in found.groups() if number is not None) if found else ()


def read_place(text: str) -> Place:
    """A place as addresses write it: ``0``, ``0.2``, ``0.2.1``. Raises Refused for anything else."""
    if not _PLACE.fullmatch(text):
        raise Refused("Cette question n’existe plus : rouvrez le formulaire.")
    return tuple(int(part) for part in text.split("."))


def told_place(place: Place) -> str:
    """The same, written."""
    return ".".join(str(part) for part in place)


# -- places ----------------------------------------------------------------------------------------------------------


def siblings(document: Document, place: Place) -> list[Document]:
    """The list that holds what stands at a place. Raises Refused when nothing does."""
    found: list[Document] = document["pages"]
    for number in place[:-1]:
        if number >= len(found):
            raise Refused("Cette question n’existe plus : rouvrez le formulaire.")
        found = found[number].setdefault("fields", [])
    return found


def at(document: Document, place: Place) -> Document:
    """The page or the question of a place. Raises Refused when there is none."""
    beside = siblings(document, place)
    if not place or place[-1] >= len(beside):
        raise Refused("Cette question n’existe plus : rouvrez le formulaire.")
    return beside[place[-1]]


def known_as(target: Document, place: Place) -> str:
    """How what stands at a place is known from one draft to the next: the name of a question, the title of a page."""
    return str(target.get("name" if len(place) > 1 else "title", "")) if place else ""


def found_again(document: Document, place: Place, name: str) -> Place | None:
    """Where what was at ``place`` under this name is now; nothing when it is gone."""
    if not place:
        return place
    pages: list[tuple[Place, Document]] = [((number,), page) for number, page in enumerate(document["pages"])]
    alike = [(here, each) for here, each in (*pages, *questions(document)) if len(here) == len(place)]
    same = [here for here, each in alike if known_as(each, here) == name]
    return place if place in same else same[0] if same and name else None


def questions(document: Document) -> Iterator[tuple[Place, Document]]:
    """Every question with its place, those of rows after their group."""
    for number, page in enumerate(document["pages"]):
        for position, spec in enumerate(page["fields"]):
            yield (number, position), spec
            for inner, cell in enumerate(spec.get("fields", [])):
                yield (number, position, inner), cell


def produced(spec: Document) -> frozenset[str]:
    """The names that a question writes."""
    name = spec.get("name", "")
    return frozenset(name + suffix for suffix in PRODUCES[spec["type"]]) if name else frozenset()


def taken(document: Document, but: Place = ()) -> frozenset[str]:
    """Every name written in the form, except by what stands at ``but``."""
    return frozenset(name for place, spec in questions(document) if place != but for name in produced(spec))


def name_for(label: str, used: frozenset[str]) -> str:
    """A name made of a label: « Téléphone du père ? » gives ``telephone_du_pere``, or the same with a number."""
    words = re.sub(r"[^a-z0-9]+", "_", fold(label)).strip("_")[:40].strip("_")
    if not words or not words[0].isalpha():
        words = f"{_UNNAMED}_{words}".strip("_")
    found, number = words, 1
    while any(name == found or name.startswith(f"{found}_") for name in used) or problem_with_name(found):
        number += 1
        found = f"{words}_{number}"
    return found


def problem_with_name(name: str) -> str:
    """Why a question cannot have this name; empty when it can."""
    probe = {"title": "x", "pages": [{"title": "x", "fields": [{"type": "text", "name": name, "label": "x"}]}]}
    found = problems_of(probe)
    return f"{found[0].message} {found[0].remedy}" if found else ""


# -- operations ------------------------------------------------------------------------------------------------------


def new_form(title: str, template: str) -> Document:
    """A form that is right as it is. Raises Refused for a template that does not exist."""
    if template not in TEMPLATES:
        raise Refused("Choisissez un des modèles proposés.", "modele")
    return {"title": title, "pages": copy.deepcopy(list(TEMPLATES[template][1]))}


def fresh_question(document: Document, kind: str, label: str) -> Document:
    """A question of this type that is right as it is, whatever it still has to be told."""
    if kind not in PRODUCES:
        raise Refused("Choisissez un des types de réponse proposés.", "type")
    made: Document = {"type": kind, "name": name_for(label, taken(document)), "label": label}
    if kind == "info":
        return {"type": kind, "text": label}
    if kind in ("choice", "choices"):
        made["options"] = [{"value": "choix_1", "label": "Choix 1"}, {"value": "choix_2", "label": "Choix 2"}]
    if kind == "piece":
        made["piece_type"] = "autre"
    if kind == "group":
        inner = name_for(f"{made['name']} nom", taken(document) | {made["name"]})
        made["fields"] = [{"type": "text", "name": inner, "label": "Nom"}]
    return made


def add_question(document: Document, into: Place, kind: str, label: str) -> tuple[Document, Place]:
    """Adds a question at the end of a page, or of a group's rows; gives the document and where it is."""
    after = copy.deepcopy(document)
    made = fresh_question(after, kind, label)
    beside = at(after, into).setdefault("fields", [])
    beside.append(made)
    return after, (*into, len(beside) - 1)


def add_page(document: Document, title: str) -> tuple[Document, Place]:
    """Adds a page at the end, with a text to replace: a page is never empty."""
    after = copy.deepcopy(document)
    words = {
        "type": "info",
        "text": "Cette page vient d’être ajoutée : ajoutez ses questions, puis supprimez ce texte.",
    }
    after["pages"].append({"title": title, "fields": [words]})
    return after, (len(after["pages"]) - 1,)


def can_move(document: Document, place: Place, by: int) -> bool:
    """Whether ``move`` would do something."""
    beside = siblings(document, place)
    if 0 <= place[-1] + by < len(beside):
        return True
    return len(place) == 2 and len(beside) > 1 and 0 <= place[0] + by < len(document["pages"])


def move(document: Document, place: Place, by: int) -> tuple[Document, Place]:
    """Moves a page or a question up (``-1``) or down (``1``); at the edge of its page a question enters the next."""
    at(document, place)
    if by not in (-1, 1) or not can_move(document, place, by):
        raise Refused("Il n’y a pas de place plus loin dans ce sens.")
    after = copy.deepcopy(document)
    beside, here = siblings(after, place), place[-1]
    if 0 <= here + by < len(beside):
        beside[here], beside[here + by] = beside[here + by], beside[here]
        return after, (*place[:-1], here + by)
    target = after["pages"][place[0] + by]["fields"]
    target.insert(len(target) if by < 0 else 0, beside.pop(here))
    return after, (place[0] + by, len(target) - 1 if by < 0 else 0)


def duplicate(document: Document, place: Place) -> tuple[Document, Place]:
    """A copy just after, with names of its own."""
    after = copy.deepcopy(document)
    made = copy.deepcopy(at(after, place))
    used = set(taken(after))
    if len(place) == 1:
        made["title"] = f"{made.get('title', '')} (copie)"[:200]
    own: dict[str, str] = {}
    for spec in _within(made, len(place)):
        if spec.get("name"):
            own[spec["name"]] = name_for(spec["name"], frozenset(used))
            for old in produced(spec):
                own[old] = own[spec["name"]] + old.removeprefix(spec["name"])
            spec["name"] = own[spec["name"]]
            used |= produced(spec)
    _rewrite(made, own)
    for spec in _within(made, len(place)):
        _rewrite(spec, own)
    siblings(after, place).insert(place[-1] + 1, made)
    return after, (*place[:-1], place[-1] + 1)


def remove(document: Document, place: Place) -> Document:
    """Without the page or the question. Raises Refused for the last of its kind: a page is never empty."""
    at(document, place)
    after = copy.deepcopy(document)
    beside = siblings(after, place)
    if len(beside) == 1:
        what = ("La seule page d’un formulaire", "La seule question d’une page", "La seule question d’un groupe")
        more = ("Supprimez le formulaire.", "Supprimez la page.", "Supprimez le groupe.")
        raise Refused(f"{what[len(place) - 1]} ne peut pas être supprimée. {more[len(place) - 1]}")
    beside.pop(place[-1])
    return after


def change(document: Document, place: Place, values: Mapping[str, Json]) -> Document:
    """With these values at a place, ``None`` for what is said no more; an empty place is the form itself. A new name is
    written in the conditions of this form too."""
    after = copy.deepcopy(document)
    target = at(after, place) if place else after
    before = copy.deepcopy(target)
    for key, value in values.items():
        if value is None:
            target.pop(key, None)
        else:
            target[key] = value
    old, new = before.get("name", ""), target.get("name", "")
    if len(place) > 1 and old and new and old != new and before["type"] == target["type"]:
        renamed = {name: new + name.removeprefix(old) for name in produced(before)}
        for holder in (*after["pages"], *(spec for _, spec in questions(after))):
            _rewrite(holder, renamed)
    return after


def _within(made: Document, depth: int) -> Iterator[Document]:
    """The questions of a copied page, or the copied question and those of its rows."""
    if depth > 1:
        yield made
    for spec in made.get("fields", []):
        yield from _within(spec, depth + 1)


def _rewrite(holder: Document, renamed: Mapping[str, str]) -> None:
    for key in EXPRESSIONS:
        if isinstance(holder.get(key), str):
            holder[key] = with_names(holder[key], renamed)


def with_names(expression: str, renamed: Mapping[str, str]) -> str:
    """The expression with other names; as it was when it cannot be read. Texts and called functions are left."""
    if not is_well_formed(expression):
        return expression
    try:
        tokens = list(generate_tokens(StringIO(expression).readline))
    except (TokenError, IndentationError, SyntaxError):
        return expression
    lines = expression.splitlines(keepends=True)
    found = [token for token, after in pairwise(tokens) if _is_variable(token, after, renamed)]
    for token in reversed(found):
        line, start, end = token.start[0] - 1, token.start[1], token.end[1]
        lines[line] = lines[line][:start] + renamed[token.string] + lines[line][end:]
    return "".join(lines)


def _is_variable(token: TokenInfo, after: TokenInfo, renamed: Mapping[str, str]) -> bool:
    called = after.type == OP and after.string == "("
    return token.type == NAME and token.string in renamed and not called
