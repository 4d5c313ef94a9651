"""What changes in the diagram: lanes, steps, what each says and does, and the ways between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields

from app.engine.bpmn_reader import read_graph
from app.engine.bundle import PROCESS
from app.engine.graph import EventDefinition, Flow, Graph, GraphRefused, Node
from app.engine.xml import XmlRefused, load_xml
from app.studio.changes.settings_file import STATUSES
from app.studio.changes.wording import Change, from_to, listed, quoted


@dataclass(frozen=True)
class _Kind:
    """How an element is called, and its gender in French: « l’étape … ajoutée », « le choix … ajouté »."""

    called: str
    feminine: bool = False

    def agreed(self, participle: str) -> str:
        return f"{participle}e" if self.feminine else participle


_STEP, _OPERATION = _Kind("l’étape", True), _Kind("l’opération", True)
_KINDS: Mapping[str, _Kind] = {
    "userTask": _STEP,
    "manualTask": _STEP,
    "serviceTask": _OPERATION,
    "scriptTask": _Kind("le calcul"),
    "businessRuleTask": _Kind("la règle de décision", True),
    "sendTask": _Kind("l’envoi"),
    "receiveTask": _Kind("l’attente", True),
    "callActivity": _Kind("l’appel d’une autre démarche"),
    "subProcess": _Kind("le sous-processus"),
    "exclusiveGateway": _Kind("le choix"),
    "inclusiveGateway": _Kind("l’embranchement"),
    "parallelGateway": _Kind("la séparation en parallèle", True),
    "eventBasedGateway": _Kind("l’attente du premier événement", True),
    "startEvent": _Kind("le début"),
    "endEvent": _Kind("la fin", True),
    "boundaryEvent": _Kind("l’événement"),
    "intermediateCatchEvent": _Kind("l’attente", True),
    "intermediateThrowEvent": _Kind("l’événement émis"),
}
_PROPERTIES: Mapping[str, str] = {
    "form": "le formulaire",
    "statut": "le statut montré à la famille",
    "echeance": "l’échéance",
    "champs": "la liste des champs rouverts",
    "aide": "le texte d’aide",
    "apercu": "l’aperçu montré avant l’envoi",
}
_ATTRIBUTES: Mapping[str, str] = {
    "script": "le calcul",
    "pre_script": "le calcul fait avant",
    "post_script": "le calcul fait après",
    "decision": "la table de décision",
    "called": "la démarche appelée",
    "variable": "la variable remplie",
    "attached_to": "l’étape surveillée",
    "interrupting": "l’interruption de l’étape",
    "by_event": "le déclenchement par un événement",
    "loop": "la répétition",
}
#: Told elsewhere (with the flows, or with the drawing), or derived.
_ELSEWHERE = {"id", "named", "incoming", "outgoing", "default", "scope"}


@dataclass(frozen=True)
class Marks:
    """The elements to mark on the two pictures: ids, and for those that change what does."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def marks(before: bytes, after: bytes) -> Marks:
    """What to mark; nothing when a diagram cannot be read."""
    old, new = _read(before), _read(after)
    if old is None or new is None:
        return Marks()
    changed: dict[str, list[str]] = {}
    for change in process_changes(before, after):
        if change.kind == "changed" and change.element in {*new.nodes, *new.flows}:
            changed.setdefault(change.element, []).append(change.sentence)
    one, other = {**old.nodes, **old.flows}, {**new.nodes, **new.flows}
    return Marks(
        tuple(each for each in other if each not in one),
        tuple(each for each in one if each not in other),
        {each: tuple(sentences) for each, sentences in changed.items()},
    )


def process_changes(before: bytes, after: bytes) -> Iterator[Change]:
    """The changes of the diagram; one that cannot be read is said to be so."""
    old, new = _read(before), _read(after)
    if old is None or new is None:
        said = "ne se lit plus" if new is None else "se lit de nouveau"
        yield Change("parcours", "changed", PROCESS, f"Le diagramme {said}.")
        return
    told = list(_graph(old, new))
    yield from told or [Change("parcours", "changed", PROCESS, "Seul le dessin du diagramme change.")]


def _read(raw: bytes) -> Graph | None:
    try:
        return read_graph(load_xml(raw, f"le fichier {PROCESS}"))
    except (XmlRefused, GraphRefused):
        return None


def _graph(old: Graph, new: Graph) -> Iterator[Change]:
    if old.id != new.id:
        yield _changed(PROCESS, f"L’identifiant du processus {from_to(old.id, new.id)}.")
    if old.name != new.name:
        yield _changed(PROCESS, f"Le nom du processus {from_to(old.name, new.name)}.")
    yield from _lanes(old, new)
    for node in new.nodes.values():
        if node.id not in old.nodes:
            yield Change(
                "parcours", "added", node.id, _sentence(node, f"{_kind(node).agreed('ajouté')}{_place(new, node)}")
            )
    for node in old.nodes.values():
        if node.id not in new.nodes:
            yield Change("parcours", "removed", node.id, f"{_subject(node)} a disparu.")
    for node in new.nodes.values():
        if node.id in old.nodes:
            yield from (_changed(node.id, said) for said in _node(old.nodes[node.id], node, old, new))
    yield from _flows(old, new)


def _changed(element: str, sentence: str) -> Change:
    return Change("parcours", "changed", element, sentence)


def _lanes(old: Graph, new: Graph) -> Iterator[Change]:
    before, after = {lane.role: lane for lane in old.lanes}, {lane.role: lane for lane in new.lanes}
    for role, lane in after.items():
        if role not in before:
            yield Change("parcours", "added", lane.id, f"Le couloir {quoted(lane.name)} est ajouté.")
        elif before[role].name != lane.name:
            yield _changed(lane.id, f"Le couloir {quoted(before[role].name)} s’appelle désormais {quoted(lane.name)}.")
    for role, lane in before.items():
        if role not in after:
            yield Change("parcours", "removed", lane.id, f"Le couloir {quoted(lane.name)} a disparu.")


# -- elements --------------------------------------------------------------------------------------------------------


def _kind(node: Node) -> _Kind:
    return _KINDS.get(node.kind, _Kind("l’élément"))


def _subject(node: Node) -> str:
    called = _kind(node).called
    return f"{called[:1].upper()}{called[1:]} {quoted(node.name)}"


def _sentence(node: Node, rest: str) -> str:
    return f"{_subject(node)} est {rest}."


def _place(graph: Graph, node: Node) -> str:
    """Where a new element stands: after which, on which, or inside which."""
    if node.attached_to in graph.nodes:
        return f" sur {quoted(graph.nodes[node.attached_to or ''].name)}"
    sources = [graph.nodes[flow.source].name for flow in graph.incoming(node.id) if flow.source in graph.nodes]
    after = f" après {listed(sources)}" if sources else ""
    lane = next((lane.name for lane in graph.lanes if lane.role == node.lane), "")
    return f"{after}, dans le couloir {quoted(lane)}" if lane and node.kind.endswith("Task") else after


def _node(old: Node, new: Node, before: Graph, after: Graph) -> Iterator[str]:
    subject, about = _subject(new), f"{_of(new)} {quoted(new.name)}"
    if old.name != new.name:
        yield f"{_subject(old)} s’appelle désormais {quoted(new.name)}."
    if old.kind != new.kind:
        yield f"{subject} remplace {_kind(old).called} de même identifiant."
    if old.lane != new.lane:
        lanes = [quoted(_lane(graph, node)) for graph, node in ((before, old), (after, new))]
        yield f"{subject} passe du couloir {lanes[0]} au couloir {lanes[1]}."
    for name in [*old.properties, *(each for each in new.properties if each not in old.properties)]:
        one: str | None = old.properties.get(name)
        other: str | None = new.properties.get(name)
        if one != other:
            if name == "statut":
                one, other = (STATUSES.get(each, each) if each else each for each in (one, other))
            word = _PROPERTIES.get(name, f"la propriété {quoted(name)}")
            yield f"{_capital(word)} {about} {from_to(one, other)}."
    yield from _operator(old, new, about)
    yield from _events(old, new, about)
    yield from _attributes(old, new, about, before, after)


def _of(node: Node) -> str:
    called = _kind(node).called
    return f"du {called[3:]}" if called.startswith("le ") else f"de {called}"


def _lane(graph: Graph, node: Node) -> str:
    return next((lane.name for lane in graph.lanes if lane.role == node.lane), node.lane or "aucun")


def _operator(old: Node, new: Node, about: str) -> Iterator[str]:
    one, other = old.operator, new.operator
    if one == other:
        return
    if one is None or other is None or one.name != other.name:
        yield (
            f"Ce que fait le portail à la place {about} {from_to(one and one.name, other and other.name)}."
            if (one is None or other is None)
            else f"L’opération appelée {about} passe de {quoted(one.name)} à {quoted(other.name)}."
        )
    names = {**(one.parameters if one else {}), **(other.parameters if other else {})}
    for name in names:
        was, now = (each.parameters.get(name) if each else None for each in (one, other))
        if was != now:
            yield f"Le paramètre {quoted(name)} {about} {from_to(was, now)}."
    results = [each.result_variable if each else None for each in (one, other)]
    if results[0] != results[1]:
        yield f"La variable qui reçoit le résultat {about} {from_to(*results)}."


_WAITED = {"message": "le message", "signal": "le signal", "error": "l’erreur", "escalation": "l’escalade"}


def _event(event: EventDefinition) -> str:
    if event.kind == "timer":
        return f"{event.timer or 'délai'} {event.expression or ''}".strip()
    return f"{_WAITED.get(event.kind, event.kind)} {event.name or event.code or ''}".strip()


def _events(old: Node, new: Node, about: str) -> Iterator[str]:
    if old.events == new.events:
        return
    if len(old.events) == len(new.events) == 1 and old.events[0].kind == new.events[0].kind == "timer":
        yield f"Le délai {about} {from_to(old.events[0].expression, new.events[0].expression)}."
        return
    one, other = (" et ".join(map(_event, node.events)) for node in (old, new))
    if one != other:
        yield f"L’événement attendu {about} {from_to(one, other)}."
    else:
        yield f"Le détail de l’événement {about} change."


def _attributes(old: Node, new: Node, about: str, before: Graph, after: Graph) -> Iterator[str]:
    told = {"name", "kind", "lane", "properties", "operator", "events"}
    for each in fields(Node):
        one, other = getattr(old, each.name), getattr(new, each.name)
        if each.name in told | _ELSEWHERE or one == other:
            continue
        word = _capital(_ATTRIBUTES.get(each.name, f"l’attribut {quoted(each.name)}"))
        if each.name == "attached_to":
            names = [
                graph.nodes[key].name if key in graph.nodes else "" for graph, key in ((before, one), (after, other))
            ]
            yield f"{word} par l’événement {quoted(new.name)} {from_to(*names)}."
        elif each.name in ("decision", "called", "variable", "interrupting"):
            yield f"{word} {about} {from_to(one, other)}."
        else:
            yield f"{word} {about} change."
    if old.scope != new.scope and old.scope in before.nodes | after.nodes.keys():
        yield f"{_subject(new)} change de sous-processus."


# -- ways between elements -------------------------------------------------------------------------------------------


def _flows(old: Graph, new: Graph) -> Iterator[Change]:
    """Ways matched by what they join: a tool that renumbers flows changes nothing for people."""
    before, after = _by_ends(old), _by_ends(new)
    for ends, flow in after.items():
        if ends in before:
            yield from _condition(old, new, before[ends], flow)
        elif all(end in old.nodes for end in ends[:2]):
            yield Change("parcours", "added", flow.id, f"{_way(new, flow)} est maintenant possible{_when(flow)}.")
    for ends, flow in before.items():
        if ends not in after and all(end in new.nodes for end in ends[:2]):
            yield Change("parcours", "removed", flow.id, f"{_way(old, flow)} n’est plus possible.")


def _by_ends(graph: Graph) -> dict[tuple[str, str, int], Flow]:
    """Flows by source, target, and their number among those that join the same two."""
    found: dict[tuple[str, str, int], Flow] = {}
    for flow in graph.flows.values():
        number = sum(1 for source, target, _ in found if (source, target) == (flow.source, flow.target))
        found[flow.source, flow.target, number] = flow
    return found


def _condition(before: Graph, after: Graph, old: Flow, new: Flow) -> Iterator[Change]:
    if old.condition != new.condition:
        said = f"demande maintenant {quoted(new.condition)}" if new.condition else "ne demande plus de condition"
        was = f" (avant : {quoted(old.condition)})" if old.condition else ""
        yield _changed(new.id, f"{_way(after, new)} {said}{was}.")
    names = ["" if flow.name == flow.id else flow.name for flow in (old, new)]
    if names[0] != names[1]:
        yield _changed(new.id, f"{_way(after, new)} : le nom du chemin {from_to(*names)}.")
    was_default, is_default = (
        graph.nodes[flow.source].default == flow.id if flow.source in graph.nodes else False
        for graph, flow in ((before, old), (after, new))
    )
    if was_default != is_default:
        said = "devient le chemin par défaut" if is_default else "n’est plus le chemin par défaut"
        yield _changed(new.id, f"{_way(after, new)} {said}.")


def _way(graph: Graph, flow: Flow) -> str:
    ends = [quoted(graph.nodes[end].name if end in graph.nodes else end) for end in (flow.source, flow.target)]
    return f"Aller de {ends[0]} à {ends[1]}"


def _when(flow: Flow) -> str:
    return f", si {quoted(flow.condition)}" if flow.condition else ""


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
