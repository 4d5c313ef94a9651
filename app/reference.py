"""What the author of a démarche may write, told by the code itself: operations, functions, types of fields.

``python -m app.cli reference`` prints it as Markdown; ``docs/reference.md`` is that text, and a test compares them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from app.engine.expression_functions import FUNCTIONS
from app.engine.operations import OperationSpec, registry
from app.engine.verify.problems import INITIAL_VARIABLES
from app.procedures.settings import CATEGORIES, NOTIFICATION_VARIABLES
from forms.definition import PRODUCES

SCHEMA = Path(__file__).resolve().parents[1] / "forms" / "form.schema.json"
_EVERYWHERE = ("name", "type", "label", "help", "required", "required_message", "show_if", "required_if")

_HEAD = """\
# Reference for authors of démarches

Written by `python -m app.cli reference > docs/reference.md`: do not edit by hand.
How to use it: [add-a-demarche.md](add-a-demarche.md).
"""


def reference() -> str:
    """The whole reference, as Markdown. The rooms must be loaded: they register the operations."""
    parts = [
        _HEAD,
        "## Operations of service tasks\n\n" + "\n\n".join(map(_operation, registry.specs().values())),
        "## Functions of expressions\n\n" + _table(("function", "what it gives"), _functions()),
        "## Types of fields\n\n"
        + f"Every type also takes {', '.join(f'`{key}`' for key in _EVERYWHERE)}, unless said otherwise.\n\n"
        + _table(("type", "variables it writes", "own keys", "does not take"), _field_types()),
        "## Words of `demarche.toml`\n\n"
        + _table(("`categorie`", "heading of the catalogue"), ((f"`{k}`", v) for k, v in CATEGORIES.items()))
        + "\n\n"
        + _table(("in a notification", "becomes"), ((f"`{{{k}}}`", v) for k, v in NOTIFICATION_VARIABLES.items())),
        "## Variables known from the start\n\n" + ", ".join(f"`{name}`" for name in sorted(INITIAL_VARIABLES)) + ".",
    ]
    return "\n".join(f"{part.rstrip()}\n" for part in parts)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _operation(spec: OperationSpec[Any]) -> str:
    kind = " Runs in a worker, outside the step." if spec.asynchronous else ""
    results = f" Gives back {_names(spec.results)}." if spec.results else ""
    errors = f" May raise the BPMN error {_names(spec.errors)}." if spec.errors else ""
    title = f"### `{spec.name}`\n\n{spec.label}.{kind}{results}{errors}"
    rows = [(f"`{p.name}`", p.type, "yes" if p.required else "", p.doc) for p in spec.parameters]
    return f"{title}\n\n{_table(('parameter', 'type', 'needed', 'meaning'), rows)}" if rows else title


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _functions() -> Iterator[tuple[str, str]]:
    for function in FUNCTIONS.values():
        yield f"`{function.usage}`", function.doc


def _field_types() -> Iterator[tuple[str, str, str, str]]:
    allowed = _allowed_keys()
    for kind, suffixes in PRODUCES.items():
        writes = ", ".join(f"`name{suffix}` ({value})" for suffix, value in suffixes.items()) or "nothing"
        own = [key for key in allowed[kind] if key not in _EVERYWHERE]
        missing = [key for key in _EVERYWHERE if key not in allowed[kind]]
        yield f"`{kind}`", writes, _names(own), _names(missing)


def _allowed_keys() -> Mapping[str, Sequence[str]]:
    """The keys that the schema lets each type of field have."""
    rules = json.loads(SCHEMA.read_text(encoding="utf-8"))["$defs"]["field"]["allOf"]
    return {rule["if"]["properties"]["type"]["const"]: rule["then"]["propertyNames"]["enum"] for rule in rules}
