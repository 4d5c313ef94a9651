"""Reading a form definition: every problem at once, each with its place, the reason and the remedy, in French."""

import hashlib
import json
from collections.abc import Collection, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from forms.checks import semantic_problems
from forms.definition import FIELD_KEYS, OUTCOMES, FieldDef, FormDefinition, Link, Option, PageDef
from forms.problems import DefinitionError, Problem, schema_problem

__all__ = ["MAX_BYTES", "DefinitionError", "Problem", "load_definition", "schema"]

MAX_BYTES = 200_000


@lru_cache(maxsize=1)
def schema() -> dict[str, Any]:
    """The published JSON Schema of a form definition."""
    text = (Path(__file__).parent / "form.schema.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def load_definition(raw: bytes | Mapping[str, Any], *, reserved: Collection[str] = ()) -> FormDefinition:
    """The checked definition, from the bytes of a JSON file or an already parsed object.

    `reserved` are names that fields may not take, besides Python's keywords and `aujourd_hui`. Same bytes give the same
    object. Raises `DefinitionError` holding every problem found.
    """
    content = raw if isinstance(raw, bytes) else _canonical(raw)
    return _load(content, frozenset(reserved))


@lru_cache(maxsize=512)
def _load(content: bytes, reserved: frozenset[str]) -> FormDefinition:
    document = _parsed(content)
    errors = sorted(_validator().iter_errors(document), key=lambda e: [str(p) for p in e.absolute_path])
    problems = list(dict.fromkeys(problem for error in errors for problem in schema_problem(error)))
    if problems:
        raise DefinitionError(problems)
    definition = _built(document)
    problems = semantic_problems(definition, reserved)
    if problems:
        raise DefinitionError(problems)
    return definition


@lru_cache(maxsize=1)
def _validator() -> Draft202012Validator:
    return Draft202012Validator(schema())


def _canonical(raw: Mapping[str, Any]) -> bytes:
    try:
        return json.dumps(raw, ensure_ascii=False, sort_keys=True, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError, UnicodeEncodeError) as error:
        raise DefinitionError(
            [
                Problem(
                    "$",
                    "Ce contenu ne peut pas s’écrire en JSON.",
                    "N’utilisez que du texte, des nombres et des listes.",
                )
            ]
        ) from error


class _Refused(ValueError):
    pass


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise _Refused(f"La clé « {next(k for k in keys if keys.count(k) > 1)} » est écrite deux fois.")
    return found


def _no_constant(name: str) -> None:
    raise _Refused(f"La valeur « {name} » n’est pas permise.")


def _parsed(content: bytes) -> Any:
    if len(content) > MAX_BYTES:
        size = f"Ce formulaire pèse {len(content) // 1000}\u00a0ko\u00a0; la limite est de {MAX_BYTES // 1000}\u00a0ko."
        raise DefinitionError([Problem("$", size, "Partagez-le en plusieurs formulaires.")])
    try:
        return json.loads(content.decode("utf-8-sig"), object_pairs_hook=_unique, parse_constant=_no_constant)
    except _Refused as error:
        raise DefinitionError([Problem("$", str(error), "Gardez-en une seule, avec une valeur simple.")]) from error
    except UnicodeDecodeError as error:
        raise DefinitionError([Problem("$", "Ce fichier n’est pas en UTF-8.", "Enregistrez-le en UTF-8.")]) from error
    except json.JSONDecodeError as error:
        where = f"ligne {error.lineno}, colonne {error.colno}"
        message = f"Ce fichier n’est pas du JSON valable ({where})."
        raise DefinitionError([Problem("$", message, "Vérifiez virgules, guillemets et accolades.")]) from error
    except (RecursionError, ValueError) as error:
        message = "Ce fichier JSON est trop imbriqué ou contient un nombre démesuré."
        raise DefinitionError([Problem("$", message, "Simplifiez-le.")]) from error


def _built(document: Mapping[str, Any]) -> FormDefinition:
    canonical = {key: value for key, value in document.items() if key != "$schema"}
    pages = tuple(_page(page, f"pages[{index}]") for index, page in enumerate(document["pages"]))
    specs = [spec for page in pages for spec in page.fields]
    uses = FormDefinition("", pages, "").expressions()
    return FormDefinition(
        title=document["title"],
        pages=pages,
        hash=hashlib.sha256(_canonical(canonical)).hexdigest(),
        help=document.get("help", ""),
        submit_label=document.get("submit_label", "Enregistrer la demande"),
        by_name={spec.name: spec for spec in specs},
        referenced=frozenset(name for use in uses for name in use.names),
    )


def _page(page: Mapping[str, Any], path: str) -> PageDef:
    fields = tuple(_field(raw, f"{path}.fields[{index}]") for index, raw in enumerate(page["fields"]))
    return PageDef(page["title"], page.get("help", ""), page.get("show_if", ""), fields, path)


# What a type means when its definition says nothing.
_DEFAULTS: dict[str, dict[str, Any]] = {
    "text": {"max_length": 200},
    "long_text": {"max_length": 2000, "rows": 5},
    "piece": {"max_count": 5},
    "group": {"max_rows": 10, "row_label": "Ligne"},
    "decision": {"outcomes": OUTCOMES, "required": True},
}


def _field(raw: Mapping[str, Any], path: str) -> FieldDef:
    known = {key: value for key, value in raw.items() if key in FIELD_KEYS}
    for key in ("options", "motives"):
        if key in known:
            known[key] = tuple(Option(**option) for option in known[key])
    if "link" in known:
        known["link"] = Link(**known["link"])
    if "outcomes" in known:
        known["outcomes"] = tuple(known["outcomes"])
    if "fields" in known:
        known["fields"] = tuple(_field(inner, f"{path}.fields[{i}]") for i, inner in enumerate(known["fields"]))
    if known["type"] == "info" and "name" not in known:
        # Information texts write nothing; a name that cannot be typed in a definition keeps them apart.
        known["name"] = "_info_" + "_".join(
            part for part in path.replace("]", "").replace("[", ".").split(".") if part.isdigit()
        )
    return FieldDef(path=path, **(_DEFAULTS.get(known["type"], {}) | known))
