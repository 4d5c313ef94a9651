"""Where the answers of a question are read: other conditions, the diagram, tables, settings, scenarios."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from app.db import Json
from app.engine.bundle import SETTINGS
from app.engine.graph import Graph, Node
from app.procedures.settings import SettingsError, read_settings
from app.studio.editor_data import decisions, graph_of
from app.studio.form_editing import EXPRESSIONS, Document, Place, questions, read
from forms.conditions import names_in

_PURPOSES: Mapping[str, str] = {
    "show_if": "condition d’affichage",
    "required_if": "condition d’obligation",
    "default": "réponse proposée",
    "min": "limite",
    "max": "limite",
}


@dataclass(frozen=True, order=True)
class Use:
    """One place that reads an answer: ``where`` (« Diagramme », a form…), ``what`` says which element and for what."""

    where: str
    what: str


@dataclass(frozen=True)
class Step:
    """A step of the diagram: its element, and its name."""

    id: str
    name: str


def steps_using(files: Mapping[str, bytes], form: str) -> list[Step]:
    """The steps of the diagram that show this form."""
    graph = graph_of(files)
    nodes = graph.nodes.values() if graph is not None else ()
    return [Step(node.id, node.name) for node in nodes if node.properties.get("form") == form]


def uses_of(files: Mapping[str, bytes], form: str, place: Place, names: Collection[str]) -> list[Use]:
    """Every place that reads one of these names, but the question or the page at ``place`` of ``form`` itself."""
    wanted = frozenset(names)
    if not wanted:
        return []
    found = [*_in_forms(files, form, place, wanted), *_in_tables(files, wanted), *_in_settings(files, wanted)]
    graph = graph_of(files)
    if graph is not None:
        found += _in_graph(graph, wanted)
    found += _in_scenarios(files, wanted)
    return list(dict.fromkeys(found))


def _in_forms(files: Mapping[str, bytes], form: str, place: Place, wanted: frozenset[str]) -> Iterator[Use]:
    for path, raw in sorted(files.items()):
        document = read(raw) if path.startswith("forms/") else None
        if document is None:
            continue
        own = path == f"forms/{form}.json"
        where = "Ce formulaire" if own else f"Formulaire « {document.get('title', path)} »"
        holders: list[tuple[Place, Document]] = [((n,), page) for n, page in enumerate(document["pages"])]
        for here, holder in (*holders, *questions(document)):
            if own and here[: len(place)] == place:
                continue
            label = holder.get("label") or holder.get("title") or holder.get("text") or ""
            for key in EXPRESSIONS:
                text = holder.get(key)
                if isinstance(text, str) and names_in(text) & wanted:
                    yield Use(where, f"« {str(label)[:80]} » : {_PURPOSES[key]} ({text})")


def _in_graph(graph: Graph, wanted: frozenset[str]) -> Iterator[Use]:
    for flow in graph.flows.values():
        if flow.condition and names_in(flow.condition) & wanted:
            source = graph.nodes[flow.source].name if flow.source in graph.nodes else flow.source
            yield Use("Diagramme", f"Après « {source} » : condition d’une flèche ({flow.condition})")
    for node in graph.nodes.values():
        for what, text in _node_texts(node):
            if names_in(text) & wanted:
                yield Use("Diagramme", f"« {node.name} » : {what}")


def _node_texts(node: Node) -> Iterator[tuple[str, str]]:
    if node.operator is not None:
        for name, text in node.operator.parameters.items():
            yield f"paramètre « {name} » ({text})", text
    for script in (node.script, node.pre_script, node.post_script):
        for line in (script or "").splitlines():
            name, _, text = line.partition("=")
            yield f"calcul ({line.strip()})", text
            yield f"calcul qui écrit « {name.strip()} »", name
    for event in node.events:
        for told in (event.expression, event.payload, event.variable):
            if told:
                yield f"minuteur ou message ({told})", told
    if node.loop is not None:
        for told in (node.loop.cardinality, node.loop.collection, node.loop.completion):
            if told:
                yield f"répétition ({told})", told
    for key in ("champs", "echeance"):
        if node.properties.get(key):
            yield f"propriété « {key} »", node.properties[key]


def _in_tables(files: Mapping[str, bytes], wanted: frozenset[str]) -> Iterator[Use]:
    for table in decisions(files).values():
        where = f"Table « {table.name} »"
        for column in table.inputs:
            if names_in(column.expression.text) & wanted:
                yield Use(where, f"Colonne « {column.label} » ({column.expression.text})")
        for rule in table.rules:
            for result in rule.results:
                if result is not None and names_in(result.text) & wanted:
                    yield Use(where, f"Règle {rule.number} : résultat ({result.text})")


def _in_settings(files: Mapping[str, bytes], wanted: frozenset[str]) -> Iterator[Use]:
    try:
        settings = read_settings(files[SETTINGS])
    except (KeyError, SettingsError):
        return
    if settings.structure.removeprefix("champ:") in wanted and settings.structure.startswith("champ:"):
        yield Use("Réglages", "Structure qui reçoit les demandes")
    if any(name in wanted for entry in settings.subject for name in entry.split()):
        yield Use("Réglages", "Sujet de la demande dans les listes")


def _in_scenarios(files: Mapping[str, bytes], wanted: frozenset[str]) -> Iterator[Use]:
    for path, raw in sorted(files.items()):
        if not path.startswith("scenarios/"):
            continue
        try:
            story: Json = tomllib.loads(raw.decode("utf-8"))
        except (UnicodeDecodeError, tomllib.TOMLDecodeError):
            continue
        if wanted & frozenset(_answered(story)):
            yield Use("Scénarios", f"« {story.get('titre') or path} » y répond")


def _answered(found: Json) -> Iterator[str]:
    """The names that a scenario answers, in its steps at any depth."""
    if isinstance(found, dict):
        values = found.get("valeurs")
        if isinstance(values, dict):
            yield from values
        for each in found.values():
            yield from _answered(each)
    elif isinstance(found, list):
        for each in found:
            yield from _answered(each)
