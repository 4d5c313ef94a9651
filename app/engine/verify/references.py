"""What the diagram refers to: forms, operations, decisions, procedures, messages, errors, timers."""

import ast
from collections.abc import Mapping

from app.engine.expressions import ExpressionError, compile_expression, is_variable_name
from app.engine.graph import HUMAN_TASKS, Graph, Node
from app.engine.verify.folder import Folder
from app.engine.verify.problems import Catalogue, OperationFacts, Report
from app.engine.verify.timers import check_timer


def check_references(graph: Graph, folder: Folder, catalogue: Catalogue, report: Report) -> None:
    """Reports every reference of the graph that leads nowhere, and forms that nothing refers to."""
    used: set[str] = set()
    for node in graph.nodes.values():
        if node.kind in HUMAN_TASKS:
            _check_form(node, folder, used, report)
            _check_overview(node, catalogue.operations, report)
        elif node.kind == "serviceTask":
            _check_service(node, catalogue.operations, report)
        elif node.kind == "businessRuleTask":
            _check_decision(node, folder, report)
        elif node.kind == "callActivity":
            _check_call(node, catalogue, report)
        _check_events(graph, node, catalogue.operations, report)
    for name in sorted(set(folder.forms) - used):
        report.warning(
            f"forms/{name}.json",
            "Aucune étape n’utilise ce formulaire.",
            "Supprimez-le, ou ajoutez à une étape la propriété « form ».",
        )


def _check_form(node: Node, folder: Folder, used: set[str], report: Report) -> None:
    name = node.properties.get("form")
    if name:
        used.add(name)
        if name not in folder.forms:
            report.error(
                node,
                f"Le formulaire « {name} » n’existe pas.",
                f"Ajoutez le fichier forms/{name}.json, ou corrigez la propriété « form ».",
            )
    elif node.kind == "userTask" and node.lane == "famille":
        report.warning(
            node,
            "La famille n’a rien à remplir à cette étape.",
            "Ajoutez la propriété « form », ou confiez l’étape à un agent.",
        )


def _check_overview(node: Node, operations: Mapping[str, OperationFacts], report: Report) -> None:
    """``apercu`` names what foresees the demande on the page that checks before sending."""
    name = node.properties.get("apercu")
    if name and (name not in operations or "apercu" not in operations[name].results):
        report.error(
            node,
            f"L’opération « {name} » ne donne pas d’aperçu.",
            "Choisissez une opération dont le résultat contient « apercu », ou retirez la propriété « apercu ».",
        )


# --- Operations ------------------------------------------------------------------------------------------------


def _check_service(node: Node, operations: Mapping[str, OperationFacts], report: Report) -> None:
    if node.operator is None or not node.operator.name:
        report.error(node, "Cette tâche de service n’appelle aucune opération.", "Choisissez une opération.")
        return
    operation = operations.get(node.operator.name)
    if operation is None:
        report.error(
            node,
            f"L’opération « {node.operator.name} » n’existe pas.",
            "Choisissez une opération du catalogue." + _nearest(node.operator.name, operations),
        )
        return
    variable = node.operator.result_variable
    if variable and not is_variable_name(variable):
        report.error(
            node,
            f"Le résultat ne peut pas être rangé sous le nom « {variable} ».",
            "Choisissez un nom en lettres minuscules sans accent.",
        )
    _check_parameters(node, operation, report)


def _nearest(name: str, operations: Mapping[str, OperationFacts]) -> str:
    room = name.split(".")[0]
    close = [known for known in sorted(operations) if known.split(".")[0] == room][:5]
    return f" Par exemple : {', '.join(close)}." if close else ""


def _check_parameters(node: Node, operation: OperationFacts, report: Report) -> None:
    assert node.operator is not None
    known = {parameter.name: parameter for parameter in operation.parameters}
    for name, written in node.operator.parameters.items():
        if name not in known:
            report.error(
                node,
                f"L’opération « {operation.label} » n’a pas de paramètre « {name} ».",
                f"Paramètres connus : {', '.join(known) or 'aucun'}.",
            )
        else:
            _check_literal(node, name, written, known[name].type, report)
    for parameter in known.values():
        if parameter.required and parameter.name not in node.operator.parameters:
            report.error(
                node,
                f"Le paramètre « {parameter.name} » de l’opération « {operation.label} » manque.",
                "Ajoutez-le, avec une variable ou une valeur.",
            )


_KINDS: Mapping[str, tuple[type, ...]] = {
    "texte": (str,),
    "date": (str,),
    "identifiant": (str,),
    "entier": (int,),
    "oui/non": (bool,),
    "liste de textes": (list,),
    "objet": (dict,),
}


def _check_literal(node: Node, name: str, written: str, kind: str, report: Report) -> None:
    """A parameter written as a constant must have the declared type; a variable is checked when it runs."""
    try:
        expression = compile_expression(written)
        value = None if expression.names else _constant(written)
    except ExpressionError:
        return  # reported with the other expressions
    allowed = _KINDS.get(kind)
    if value is None or allowed is None:
        return
    if not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed):
        report.error(
            node,
            f"Le paramètre « {name} » attend une valeur de type « {kind} ».",
            f"Remplacez « {written[:60]} », ou indiquez une variable.",
        )


def _constant(written: str) -> object:
    try:
        return ast.literal_eval(written.strip())
    except (ValueError, SyntaxError):
        return None


# --- Decisions, calls ------------------------------------------------------------------------------------------


def _check_decision(node: Node, folder: Folder, report: Report) -> None:
    if not node.decision:
        report.error(node, "Cette règle métier n’appelle aucune décision.", "Indiquez l’identifiant de la décision.")
    elif node.decision not in folder.decisions:
        report.error(
            node,
            f"La décision « {node.decision} » n’existe pas.",
            f"Décisions connues : {', '.join(sorted(folder.decisions)) or 'aucune'}.",
        )


def _check_call(node: Node, catalogue: Catalogue, report: Report) -> None:
    if not node.called:
        report.error(node, "Cette activité n’appelle aucune démarche.", "Indiquez la démarche à appeler.")
    elif node.called not in catalogue.procedures:
        report.error(
            node,
            f"La démarche appelée « {node.called} » n’est pas publiée.",
            "Publiez-la d’abord, ou corrigez son nom.",
        )


# --- Events ----------------------------------------------------------------------------------------------------

_WORDS = {"message": "message", "signal": "signal", "error": "erreur", "escalation": "escalade"}


def _check_events(graph: Graph, node: Node, operations: Mapping[str, OperationFacts], report: Report) -> None:
    if node.kind in ("sendTask", "receiveTask") and not any(event.kind == "message" for event in node.events):
        report.error(node, "Cette tâche n’a pas de message.", "Choisissez le message à envoyer ou à recevoir.")
    for event in node.events:
        if event.kind == "timer":
            check_timer(graph, node, event, report)
        elif event.kind in _WORDS and not event.resolved:
            report.error(
                node,
                f"Le genre « {_WORDS[event.kind]} » est choisi, mais aucun n’est désigné.",
                "Choisissez-en un dans la liste, ou créez-le.",
            )
        elif event.kind in ("message", "signal") and not event.name:
            report.error(node, f"Ce {_WORDS[event.kind]} n’a pas de nom.", "Donnez-lui un nom.")
        elif event.kind in ("error", "escalation") and event.name and not event.code:
            report.error(node, f"L’{_WORDS[event.kind]} « {event.name} » n’a pas de code.", "Donnez-lui un code.")
    if node.kind == "serviceTask" and node.operator and node.operator.name in operations:
        _check_codes(graph, node, operations[node.operator.name], report)


def _check_codes(graph: Graph, node: Node, operation: OperationFacts, report: Report) -> None:
    caught = [event for boundary in graph.boundaries(node.id) for event in boundary.events if event.kind == "error"]
    codes = {event.code for event in caught}
    for code in sorted(code for code in codes if code and code not in operation.errors):
        report.error(
            node,
            f"L’opération « {operation.label} » ne lève jamais l’erreur « {code} ».",
            f"Erreurs possibles : {', '.join(operation.errors) or 'aucune'}.",
        )
    if caught and not operation.errors and None in codes:
        report.error(
            node,
            f"L’opération « {operation.label} » ne lève jamais d’erreur.",
            "Retirez l’événement d’erreur posé sur cette étape.",
        )
    missing = sorted(set(operation.errors) - {code for code in codes if code})
    if missing and None not in codes:
        report.warning(
            node,
            f"L’erreur « {missing[0]} » de l’opération « {operation.label} » n’est pas rattrapée : "
            "elle ouvrirait un incident.",
            "Posez un événement d’erreur sur cette étape, ou acceptez l’incident.",
        )
