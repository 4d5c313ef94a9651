"""What the editor of diagrams proposes: roles, forms, operations, variables, messages, decisions, démarches.

The shapes are those of ``editor/CONTRACT.md``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.models import Role
from app.db import Json
from app.engine.bpmn_reader import read_graph
from app.engine.bundle import PROCESS
from app.engine.decisions import Decision, DecisionError, parse_decisions
from app.engine.expression_functions import FUNCTIONS
from app.engine.expressions import ExpressionError, compile_script
from app.engine.graph import Graph, GraphRefused, Node
from app.engine.operations import registry
from app.engine.verify import INITIAL_VARIABLES, known_at
from app.engine.xml import XmlRefused, load_xml
from app.policy import FAMILY_LANE, SYSTEM_LANE
from app.procedures.checking import catalogue as verification_catalogue
from app.procedures.models import Procedure
from forms import DefinitionError, FieldDef, FormDefinition, load_definition

Entry = dict[str, Json]
Kept = Mapping[str, str]

_LANES = {FAMILY_LANE: "La famille (qui fait la demande)", SYSTEM_LANE: "Le portail"}
_MESSAGES = {"annuler": "La famille annule sa demande", "modifier": "La famille veut modifier sa demande"}
_KINDS: Kept = {
    "text": "texte",
    "integer": "nombre",
    "decimal": "nombre",
    "money": "nombre",
    "boolean": "oui/non",
    "date": "date",
    "list": "liste",
    "rows": "liste",
}
_SUFFIXES: Kept = {"_debut": "début", "_fin": "fin", "_motif": "motif", "_raison": "explication"}
_OUTCOMES: Kept = {"accepter": "Accepter", "completer": "Demander de compléter", "refuser": "Refuser"}
_INITIAL: Kept = {
    "demande_id": "L’identifiant de la demande",
    "reference": "La référence de la demande",
    "demarche": "L’identifiant de la démarche",
    "usager_id": "La personne qui dépose",
    "foyer_id": "Son foyer",
    "canal": "Le canal (portail ou guichet)",
}


def catalogue(session: Session, slug: str, files: Mapping[str, bytes]) -> dict[str, Json]:
    """Everything the properties panel offers for these files. Never raises for what they contain."""
    return {
        "roles": _roles(session),
        "forms": [{"name": name, "title": title} for name, title in form_titles(files).items()],
        "operations": _operations(),
        **changing(session, files),
        "messages": [{"name": name, "label": label} for name, label in _MESSAGES.items()],
        "decisions": [{"id": each.id, "name": each.name} for each in decisions(files).values()],
        "procedures": [
            {"slug": row.slug, "title": row.title}
            for row in session.execute(
                select(Procedure.slug, Procedure.title)
                .where(Procedure.version_id.is_not(None), Procedure.slug != slug)
                .order_by(Procedure.title)
            )
        ],
        "functions": functions(),
    }


def functions() -> list[Entry]:
    """What an expression may call."""
    return [{"usage": each.usage, "doc": each.doc} for each in FUNCTIONS.values()]


def changing(session: Session, files: Mapping[str, bytes]) -> dict[str, Json]:
    """The part that a save may change: the variables, and where each is known."""
    graph = graph_of(files)
    return {"variables": list(_variables(graph, files)), "known": _known(session, graph, files)}


def graph_of(files: Mapping[str, bytes]) -> Graph | None:
    """The process as a graph; nothing when it cannot be read."""
    try:
        return read_graph(load_xml(files[PROCESS], f"le fichier {PROCESS}"))
    except (KeyError, XmlRefused, GraphRefused):
        return None


def form_definitions(files: Mapping[str, bytes]) -> dict[str, FormDefinition]:
    """The forms that can be read, by the name that the diagram calls them."""
    found = {}
    for path in sorted(files):
        if path.startswith("forms/"):
            try:
                found[path.removeprefix("forms/").removesuffix(".json")] = load_definition(files[path])
            except DefinitionError:
                continue
    return found


def form_titles(files: Mapping[str, bytes]) -> dict[str, str]:
    """Every form by its name; one that cannot be read has its name for title."""
    read = form_definitions(files)
    names = [path.removeprefix("forms/").removesuffix(".json") for path in sorted(files) if path.startswith("forms/")]
    return {name: read[name].title if name in read else name for name in names}


def decisions(files: Mapping[str, bytes]) -> dict[str, Decision]:
    """The decision tables that can be read, by id."""
    found: dict[str, Decision] = {}
    for path in sorted(files):
        if path.startswith("decisions/"):
            try:
                found |= parse_decisions(files[path], f"le fichier {path}")
            except DecisionError:
                continue
    return found


def _roles(session: Session) -> list[Entry]:
    rows = session.execute(select(Role.code, Role.label).order_by(Role.label))
    lanes = [{"code": code, "label": label} for code, label in _LANES.items()]
    return [*lanes, *({"code": row.code, "label": row.label} for row in rows)]


def _operations() -> list[Entry]:
    return [
        {
            "name": spec.name,
            "label": spec.label,
            "asynchronous": spec.asynchronous,
            "parameters": [
                {"name": each.name, "type": each.type, "required": each.required, "doc": each.doc}
                for each in spec.parameters
            ],
            "results": list(spec.results),
            "errors": list(spec.errors),
        }
        for spec in registry.specs().values()
    ]


def _known(session: Session, graph: Graph | None, files: Mapping[str, bytes]) -> Entry:
    """Node → the names known when it begins, certainly or on some paths."""
    if graph is None:
        return {}
    return {
        node: sorted(name for name in names if name.isidentifier())
        for node, names in known_at(graph, files, verification_catalogue(session)).items()
    }


# -- variables -------------------------------------------------------------------------------------------------------


def _variables(graph: Graph | None, files: Mapping[str, bytes]) -> Iterator[Entry]:
    """Every variable once, the first source that names it winning."""
    seen: set[str] = set()
    for entry in _all_variables(graph, files):
        if entry["name"] not in seen:
            seen.add(entry["name"])
            yield entry


def _all_variables(graph: Graph | None, files: Mapping[str, bytes]) -> Iterator[Entry]:
    for name, definition in form_definitions(files).items():
        source = f"Formulaire « {definition.title or name} »"
        for spec in definition.fields():
            yield from _of_field(spec, source)
    for node in graph.nodes.values() if graph is not None else ():
        yield from _of_node(node, files)
    for name in sorted(INITIAL_VARIABLES):
        yield _entry(name, _INITIAL.get(name, name), "texte", "Toujours connue")


def _of_field(spec: FieldDef, source: str) -> Iterator[Entry]:
    for name, kind in spec.produced().items():
        suffix = name.removeprefix(spec.name)
        label = f"{spec.label} ({_SUFFIXES.get(suffix, suffix.strip('_').replace('_', ' '))})" if suffix else spec.label
        choices = _choices(spec) if not suffix else {}
        yield _entry(name, label, "choix" if choices else _KINDS.get(kind, "texte"), source, choices)


def _choices(spec: FieldDef) -> Kept:
    if spec.type == "decision":
        return {value: _OUTCOMES.get(value, value) for value in spec.outcomes}
    return {option.value: option.label for option in spec.options} if spec.type == "choice" else {}


def _of_node(node: Node, files: Mapping[str, bytes]) -> Iterator[Entry]:
    source = f"Étape « {node.name} »"
    if node.operator and node.operator.result_variable:
        yield _entry(node.operator.result_variable, f"Résultat de « {node.name} »", "autre", source)
    for text in (node.pre_script, node.script, node.post_script):
        try:
            names = sorted(compile_script(text).assigned) if text else []
        except ExpressionError:
            continue
        for name in names:
            yield _entry(name, name, "autre", source)
    table = decisions(files).get(node.decision or "") if node.kind == "businessRuleTask" else None
    for output in table.outputs if table is not None else ():
        yield _entry(output.name, output.name, "autre", f"Décision « {table.name if table else ''} »")


def _entry(name: str, label: str, kind: str, source: str, choices: Kept | None = None) -> Entry:
    listed = [{"value": value, "label": text} for value, text in (choices or {}).items()]
    return {"name": name, "label": label, "type": kind, "source": source, "choices": listed}
