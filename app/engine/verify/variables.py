"""Every expression of the diagram is readable, and reads only variables that are known where it stands."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from app.engine.expressions import Expression, ExpressionError, compile_expression, compile_script, is_variable_name
from app.engine.graph import HUMAN_TASKS, Graph, Node
from app.engine.verify.conditions import counter_example
from app.engine.verify.dataflow import ANYTHING, Dataflow, Known, Produced
from app.engine.verify.folder import Folder
from app.engine.verify.problems import INITIAL_VARIABLES, Catalogue, Report


@dataclass(frozen=True)
class Use:
    """Variables read at one place; `where` completes « … lit la variable »."""

    where: str
    names: frozenset[str]
    known: Known


def check_variables(graph: Graph, folder: Folder, catalogue: Catalogue, report: Report) -> None:
    """Checks expressions, scripts, conditions and what they read."""
    produced = {node.id: _produced(node, folder, catalogue) for node in graph.nodes.values()}
    flow = Dataflow(graph, produced, INITIAL_VARIABLES)
    for node in graph.nodes.values():
        for use in _uses(graph, node, flow, folder, report):
            _check_use(node, use, report)
    for node in graph.nodes.values():
        if node.kind in ("exclusiveGateway", "inclusiveGateway") and len(node.outgoing) > 1:
            _check_gateway(graph, node, folder, report)


def known_at(graph: Graph, folder: Folder, catalogue: Catalogue) -> Mapping[str, frozenset[str]]:
    """Node → the variables that may be known when it begins; what a called démarche leaves is not listed."""
    produced = {node.id: _produced(node, folder, catalogue) for node in graph.nodes.values()}
    flow = Dataflow(graph, produced, INITIAL_VARIABLES)
    return {
        node.id: (flow.before(node).certainly | flow.before(node).perhaps) - {ANYTHING} for node in graph.nodes.values()
    }


def needed_at(graph: Graph, folder: Folder, catalogue: Catalogue) -> Mapping[str, frozenset[str]]:
    """Node or flow → the variables that are certain there and that something reads from there on."""
    produced = {node.id: _produced(node, folder, catalogue) for node in graph.nodes.values()}
    flow = Dataflow(graph, produced, INITIAL_VARIABLES)
    read = {
        node.id: frozenset[str]().union(*(use.names for use in _uses(graph, node, flow, folder, Report())))
        for node in graph.nodes.values()
    }
    following = {node: frozenset[str]().union(*(read[each] for each in _from(graph, node))) for node in graph.nodes}
    found = {node.id: flow.before(node).certainly & following[node.id] for node in graph.nodes.values()}
    for each in graph.flows.values():
        found[each.id] = flow.after(graph.nodes[each.source]).certainly & following[each.target]
    return found


def _from(graph: Graph, start: str) -> set[str]:
    """A node and all that a case may meet after it, beyond the end of its sub-process too."""
    found, waiting = set(), [start]
    while waiting:
        if (node := waiting.pop()) not in found:
            found.add(node)
            waiting += [flow.target for flow in graph.outgoing(node)]
            waiting += [each.id for each in (*graph.boundaries(node), *graph.inside(node))]
            container = graph.nodes.get(graph.nodes[node].scope)
            if container is not None:
                waiting += [flow.target for flow in graph.outgoing(container.id)]
                waiting += [each.id for each in graph.boundaries(container.id)]
    return found


def _check_use(node: Node, use: Use, report: Report) -> None:
    for name in sorted(use.names - use.known.certainly):
        if name not in use.known.perhaps and ANYTHING not in use.known.perhaps:
            report.error(
                node,
                f"{use.where} lit la variable « {name} », que rien ne renseigne avant cette étape.",
                "Corrigez son nom, ou renseignez-la plus tôt par un formulaire, un script ou une opération.",
            )
        else:
            report.warning(
                node,
                f"{use.where} lit la variable « {name} », qui n’est pas renseignée sur tous les chemins.",
                "Renseignez-la sur chaque chemin, par exemple dans un script au début.",
            )


# --- What nodes assign -----------------------------------------------------------------------------------------


def _produced(node: Node, folder: Folder, catalogue: Catalogue) -> Produced:
    names: set[str] = set()
    if node.kind in HUMAN_TASKS:
        facts = folder.forms.get(node.properties.get("form", ""))
        names |= {node.variable} if node.variable else set(facts.variables if facts else ())
    elif node.kind == "serviceTask" and node.operator and node.operator.result_variable:
        operation = catalogue.operations.get(node.operator.name)
        names |= {node.operator.result_variable} if operation is None or operation.results else set()
    elif node.kind == "businessRuleTask" and node.decision in folder.decisions:
        decision = folder.decisions[node.decision]
        names |= {decision.id.replace("-", "_")} if decision.lists else {output.name for output in decision.outputs}
    elif node.kind == "callActivity":
        return Produced(perhaps=frozenset({ANYTHING}))
    names |= {event.variable for event in node.events if event.variable}
    for text in (node.pre_script, node.script, node.post_script):
        names |= set(_assigned(text))
    return Produced(frozenset(names))


def _assigned(text: str | None) -> Collection[str]:
    try:
        return compile_script(text).assigned if text else ()
    except ExpressionError:
        return ()


# --- What they read --------------------------------------------------------------------------------------------


class _Reader:
    """Compiles the texts of one node, reporting those that are refused."""

    def __init__(self, node: Node, report: Report) -> None:
        self.node = node
        self.report = report

    def expression(self, where: str, text: str | None, known: Known) -> Iterator[Use]:
        if text:
            compiled = self.compile(where, text)
            if compiled is not None:
                yield Use(where, compiled.names, known)

    def compile(self, where: str, text: str) -> Expression | None:
        try:
            return compile_expression(text)
        except ExpressionError as error:
            self._refuse(where, error)
            return None

    def script(self, where: str, text: str | None, known: Known) -> Iterator[Use]:
        if text is None:
            return
        try:
            yield Use(where, compile_script(text).names, known)
        except ExpressionError as error:
            self._refuse(where, error)

    def _refuse(self, where: str, error: ExpressionError) -> None:
        self.report.error(self.node, f"{where} est refusé : {error.message}", "Corrigez l’expression.")


def _uses(graph: Graph, node: Node, flow: Dataflow, folder: Folder, report: Report) -> Iterator[Use]:
    reader = _Reader(node, report)
    before, during = flow.before(node), flow.during(node)
    yield from reader.script("Le script avant l’étape", node.pre_script, during)
    if node.kind == "scriptTask":
        yield from reader.script("Le script", node.script or "", during.plus(_assigned(node.pre_script)))
    yield from reader.script("Le script après l’étape", node.post_script, during.plus(flow.produced[node.id].certainly))
    if node.operator is not None:
        for name, text in node.operator.parameters.items():
            yield from reader.expression(
                f"Le paramètre « {name} »", text or " ", during.plus(_assigned(node.pre_script))
            )
    for outgoing in graph.outgoing(node.id):
        yield from reader.expression(f"La condition du flux « {outgoing.name} »", outgoing.condition, before)
    for event in node.events:
        yield from reader.expression("Le minuteur", event.expression, during)
        yield from reader.expression("Le contenu du message", event.payload, during)
    yield from _loop_uses(node, reader, flow)
    if node.kind == "businessRuleTask" and node.decision in folder.decisions:
        yield Use("La décision", folder.decisions[node.decision].names, during)
    if node.kind in HUMAN_TASKS:
        yield from _form_uses(node, reader, during, folder)


def _loop_uses(node: Node, reader: _Reader, flow: Dataflow) -> Iterator[Use]:
    if node.loop is None:
        return
    before = flow.before(node)
    yield from reader.expression("Le nombre de répétitions", node.loop.cardinality, before)
    collection = node.loop.collection
    if collection:
        if is_variable_name(collection):
            yield Use("La répétition", frozenset({collection}), before)
        else:
            reader.report.error(
                node,
                f"La répétition porte sur « {collection} », qui n’est pas le nom d’une variable.",
                "Indiquez une variable qui contient une liste.",
            )
    for name in (node.loop.item, node.loop.output_item):
        if name and name in before.perhaps:
            reader.report.error(
                node,
                f"La répétition nomme « {name} » une variable qui existe déjà.",
                "Choisissez un nom qui ne sert pas ailleurs.",
            )
    inside = flow.during(node).plus(perhaps={ANYTHING})
    yield from reader.expression("La condition d’arrêt de la répétition", node.loop.completion, inside)


def _form_uses(node: Node, reader: _Reader, known: Known, folder: Folder) -> Iterator[Use]:
    name = node.properties.get("form", "")
    facts = folder.forms.get(name)
    if facts is None:
        return
    for where, text in facts.expressions:
        yield from reader.expression(f"Le formulaire « {name} » ({where})", text, known.plus(facts.variables))


# --- Gateways --------------------------------------------------------------------------------------------------


def _check_gateway(graph: Graph, gateway: Node, folder: Folder, report: Report) -> None:
    conditions: list[Expression] = []
    for flow in graph.outgoing(gateway.id):
        if flow.id == gateway.default:
            if flow.condition:
                report.warning(flow, "La condition du flux par défaut ne sert à rien.", "Supprimez-la.")
            continue
        if not flow.condition:
            report.error(
                flow,
                f"Ce flux part de la passerelle « {gateway.name} » sans condition.",
                "Écrivez sa condition, ou faites-en le flux par défaut.",
            )
            return
        try:
            conditions.append(compile_expression(flow.condition))
        except ExpressionError:
            return  # already reported
    if gateway.default is None:
        _check_exhaustive(gateway, conditions, _choices(graph, folder), report)


def _choices(graph: Graph, folder: Folder) -> Mapping[str, Collection[str]]:
    """The values forms allow, for variables that one form only fills."""
    named = {node.properties.get("form", "") for node in graph.nodes.values() if node.kind in HUMAN_TASKS}
    forms = [folder.forms[name] for name in sorted(named & folder.forms.keys())]
    filled = Counter(variable for facts in forms for variable in facts.variables)
    found: dict[str, Collection[str]] = {}
    for facts in forms:
        found |= {name: values for name, values in facts.choices.items() if values and filled[name] == 1}
    return found


def _check_exhaustive(
    gateway: Node, conditions: list[Expression], choices: Mapping[str, Collection[str]], report: Report
) -> None:
    example = counter_example(conditions, choices)
    if example is None:
        return
    if example:
        report.error(
            gateway,
            f"Aucun chemin ne convient quand {example} : la demande resterait bloquée.",
            "Ajoutez un flux par défaut, ou une condition pour ce cas.",
        )
    else:
        report.warning(
            gateway,
            "Rien ne prouve qu’une des conditions sera toujours vraie.",
            "Ajoutez un flux par défaut.",
        )
