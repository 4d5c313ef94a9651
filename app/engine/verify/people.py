"""Who does what, and what the family is told: lanes are roles, human tasks and ends carry a status."""

from collections.abc import Collection

from app.engine.graph import HUMAN_TASKS, Graph, Node
from app.engine.verify.exploration import FINAL_STATUSES, STATUSES
from app.engine.verify.problems import OWN_LANES, Catalogue, Report


def check_people(graph: Graph, catalogue: Catalogue, report: Report) -> None:
    """Reports lanes without a role or whose role may do nothing, human tasks without a lane, and statuses that do not
    exist."""
    for node in graph.nodes.values():
        _check_status(node, report)
    _check_lanes(graph, catalogue.roles, report)
    _check_workers(graph, catalogue.idle_roles, report)


def _check_status(node: Node, report: Report) -> None:
    status = node.status
    if node.kind in HUMAN_TASKS and status not in STATUSES:
        message = "Cette étape ne dit pas le statut montré à la famille." if not status else None
        report.error(
            node,
            message or f"Le statut « {status} » n’existe pas pour une étape.",
            "Ajoutez la propriété « statut » : brouillon, en_attente ou traitement.",
        )
    elif node.kind == "endEvent" and status and status not in FINAL_STATUSES:
        report.error(node, f"Le statut « {status} » ne convient pas à une fin.", "Choisissez clos, refuse ou annule.")
    elif node.kind not in (*HUMAN_TASKS, "endEvent") and status and status not in STATUSES:
        report.error(node, f"Le statut « {status} » n’existe pas.", "Choisissez brouillon, en_attente ou traitement.")


def _check_workers(graph: Graph, idle: Collection[str], report: Report) -> None:
    busy = {node.lane for node in graph.nodes.values() if node.kind in HUMAN_TASKS}
    for lane in graph.lanes:
        if lane.role in idle and lane.role in busy:
            report.warning(
                lane,
                f"Le rôle du couloir « {lane.name} » ne permet pas de traiter des tâches : ses étapes attendraient "
                "sans fin.",
                "Donnez-lui ce droit dans « Rôles », ou choisissez un autre couloir.",
            )


def _check_lanes(graph: Graph, roles: Collection[str], report: Report) -> None:
    known = set(roles) | OWN_LANES
    for lane in graph.lanes:
        if lane.role not in known:
            report.error(
                lane,
                f"Le couloir « {lane.name} » ne correspond à aucun rôle de la commune.",
                f"Renommez-le, ou ajoutez-lui la propriété « role ». Rôles connus : {', '.join(sorted(known))}.",
            )
    for node in graph.nodes.values():
        if node.kind in HUMAN_TASKS and not node.lane:
            report.error(
                node,
                "Personne n’est chargé de cette étape : elle n’est dans aucun couloir.",
                "Placez-la dans un couloir.",
            )
