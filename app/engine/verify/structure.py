"""What is drawn: only supported elements, properly connected.

Later checks walk the graph and may rely on what is proved here, so they run only when this module finds no error.
"""

from app.engine.graph import ACTIVITIES, HUMAN_TASKS, Flow, Graph, Node, Unknown
from app.engine.verify.problems import Report

_INSTEAD = {
    "process": ("un second processus", "Gardez un seul processus, et appelez l’autre par une activité appelée"),
    "messageFlow": ("un flux de messages entre deux processus", "Supprimez-le et utilisez des événements « message »"),
    "complexGateway": ("une passerelle complexe", "Utilisez une passerelle exclusive, parallèle ou inclusive"),
    "transaction": ("une transaction", "Utilisez un sous-processus avec un événement d’erreur"),
    "adHocSubProcess": ("un sous-processus ad hoc", "Reliez ses étapes dans un sous-processus ordinaire"),
    "standardLoopCharacteristics": ("une boucle", "Dessinez le retour en arrière avec une passerelle exclusive"),
    "compensate": ("la compensation", "Dessinez les étapes qui annulent ce qui a été fait"),
    "link": ("un lien", "Reliez les deux étapes par un flux"),
    "conditional": ("un événement conditionnel", "Utilisez une passerelle exclusive, ou un événement « message »"),
    "cancel": ("un événement d’annulation", "Utilisez un événement d’erreur"),
    "task": ("une tâche sans genre", "Choisissez son genre : utilisateur, manuelle, service, script…"),
    "dataInputAssociation": ("une association de données", "Supprimez la flèche entre la donnée et l’étape"),
    "eventGatewayType": ("une passerelle qui attend tous ses événements", "Utilisez une passerelle parallèle"),
    "instantiate": ("un élément qui ouvre une demande à la réception d’un message", "Décochez « instancier »"),
    "isForCompensation": ("une étape de compensation", "Dessinez les étapes qui annulent ce qui a été fait"),
    "startQuantity": ("une étape qui attend plusieurs jetons", "Placez une passerelle parallèle devant l’étape"),
    "completionQuantity": ("une étape qui émet plusieurs jetons", "Placez une passerelle parallèle après l’étape"),
    "parallelMultiple": ("un événement qui en attend plusieurs", "Dessinez un événement par attente"),
    "behavior": ("une répétition qui lève des événements", "Laissez son comportement par défaut"),
    "complexBehaviorDefinition": ("une répétition qui lève des événements", "Laissez son comportement par défaut"),
    "timers": ("un minuteur qui a deux valeurs", "Gardez une date, une durée ou un cycle"),
    "messageUnnamed": ("un message sans nom ou sans identifiant", "Donnez un nom au message"),
    "signalUnnamed": ("un signal sans nom ou sans identifiant", "Donnez un nom au signal"),
    "errorUnnamed": ("une erreur sans nom ou sans identifiant", "Donnez un nom à l’erreur"),
    "escalationUnnamed": ("une escalade sans nom ou sans identifiant", "Donnez un nom à l’escalade"),
    "property": ("une propriété sans nom ou sans valeur", "Complétez-la, ou supprimez-la"),
    "parameter": ("un paramètre incomplet", "Indiquez son nom, son type et sa valeur, ou supprimez-le"),
    "Bounds": ("un élément dont la place sur le dessin ne se lit pas", "Déplacez-le dans l’éditeur, puis enregistrez"),
    "dataOutputAssociation": ("une association de données", "Supprimez la flèche entre l’étape et la donnée"),
}  # fmt: skip

_ALLOWED_EVENTS = {
    "startEvent": {"timer", "message", "signal", "error", "escalation"},
    "endEvent": {"message", "error", "escalation", "terminate"},
    "intermediateCatchEvent": {"timer", "message", "signal"},
    "intermediateThrowEvent": {"message", "signal", "escalation"},
    "boundaryEvent": {"timer", "message", "signal", "error", "escalation"},
}
_MUST_HAVE_EVENT = {"intermediateCatchEvent", "boundaryEvent"}
_EVENT_NAMES = {
    "timer": "minuteur", "message": "message", "signal": "signal", "error": "erreur", "escalation": "escalade",
    "terminate": "arrêt complet",
}  # fmt: skip


def check_structure(graph: Graph, report: Report) -> None:
    """Reports everything drawn that is not supported or not connected as it should be."""
    for unknown in graph.unknown:
        _refuse(unknown, unknown.tag, report)
    for identity in graph.duplicates:
        report.error(identity, "Deux éléments portent le même identifiant.", "Renommez l’un des deux.")
    for flow in graph.flows.values():
        _check_flow(graph, flow, report)
    for scope in (graph.id, *(node.id for node in graph.nodes.values() if node.kind == "subProcess")):
        _check_scope(graph, scope, report)
    for node in graph.nodes.values():
        _check_links(graph, node, report)
        _check_events(node, report)
        _check_kind(graph, node, report)


def check_supported(graph: Graph, report: Report) -> None:
    """Reports only the elements that the portal does not run at all, whatever surrounds them."""
    for unknown in graph.unknown:
        _refuse(unknown, unknown.tag, report)
    for node in graph.nodes.values():
        if node.kind == "task":
            _refuse(node, "task", report)
        for event in node.events:
            if event.kind not in _EVENT_NAMES:
                _refuse(node, event.kind, report)


def _refuse(where: Unknown | Node, tag: str, report: Report) -> None:
    what, remedy = _INSTEAD.get(tag, (f"un élément « {tag} »", "Supprimez-le, ou remplacez-le par un élément courant"))
    report.error(where, f"Le diagramme contient {what}, ce que le portail n’exécute pas.", f"{remedy}.")


def _check_flow(graph: Graph, flow: Flow, report: Report) -> None:
    if {flow.source, flow.target} & {unknown.id for unknown in graph.unknown}:
        return  # its end is already refused by name
    source, target = graph.nodes.get(flow.source), graph.nodes.get(flow.target)
    if source is None or target is None:
        report.error(flow, "Ce flux ne relie pas deux étapes.", "Supprimez-le et redessinez-le.")
        return
    if source.scope != target.scope or flow.scope != source.scope:
        report.error(
            flow,
            "Ce flux traverse le bord d’un sous-processus.",
            "Reliez le sous-processus lui-même, par son bord.",
        )
    if flow.condition and source.kind not in ("exclusiveGateway", "inclusiveGateway"):
        report.error(
            flow,
            f"Ce flux porte une condition, mais il ne part pas d’une passerelle (il part de « {source.name} »).",
            "Ajoutez une passerelle exclusive après cette étape, et posez-y la condition.",
        )


def _check_scope(graph: Graph, scope: str, report: Report) -> None:
    container: Graph | Node = graph.nodes.get(scope, graph)
    by_event = isinstance(container, Node) and container.by_event
    starts = graph.starts(scope)
    inside = "Ce sous-processus" if isinstance(container, Node) else "Le processus"
    if len(starts) != 1:
        report.error(
            container,
            f"{inside} doit avoir un seul début ; il en a {len(starts)}.",
            "Gardez un seul événement de début.",
        )
    if not any(node.kind == "endEvent" for node in graph.inside(scope)):
        report.error(container, f"{inside} n’a pas de fin.", "Ajoutez un événement de fin.")
    for start in starts:
        if by_event and not start.events:
            report.error(
                start,
                "Rien ne déclenche ce sous-processus événementiel.",
                "Choisissez un message, un minuteur ou un signal.",
            )
        if not by_event and start.events:
            report.error(
                start,
                "Une démarche commence quand quelqu’un l’ouvre, pas par un événement.",
                "Utilisez un début simple ; l’événement peut suivre.",
            )
    if isinstance(container, Node) and container.by_event and (container.loop or graph.boundaries(scope)):
        report.error(
            container,
            "Un sous-processus événementiel ne se répète pas et ne porte pas d’événement sur son bord.",
            "Retirez la répétition ou l’événement.",
        )


def _check_links(graph: Graph, node: Node, report: Report) -> None:
    if not node.id:
        report.error(node.kind, "Une étape n’a pas d’identifiant.", "Supprimez-la et redessinez-la.")
    starts = node.kind in ("startEvent", "boundaryEvent") or node.by_event
    ends = node.kind == "endEvent" or node.by_event
    if starts and node.incoming:
        report.error(node, "Aucun flux ne peut entrer ici.", "Reliez le flux à l’étape suivante.")
    if ends and node.outgoing:
        report.error(node, "Aucun flux ne peut sortir d’ici.", "Supprimez le flux, ou retirez la fin.")
    if not starts and not node.incoming:
        report.error(node, "Rien ne mène à cette étape.", "Reliez-la au reste du processus, ou supprimez-la.")
    if not ends and not node.outgoing:
        report.error(node, "Rien ne suit cette étape.", "Reliez-la à la suite, ou à un événement de fin.")
    if len(node.outgoing) > 1 and not node.kind.endswith("Gateway"):
        report.error(
            node,
            "Plusieurs flux sortent de cette étape.",
            "Ajoutez une passerelle (exclusive ou parallèle) pour dire comment choisir.",
        )
    if node.default and node.default not in node.outgoing:
        report.error(node, "Le flux par défaut n’existe pas.", "Choisissez à nouveau le flux par défaut.")
    if node.kind == "boundaryEvent":
        _check_boundary(graph, node, report)


def _check_boundary(graph: Graph, node: Node, report: Report) -> None:
    activity = graph.nodes.get(node.attached_to or "")
    if activity is None or activity.kind not in ACTIVITIES or activity.scope != node.scope:
        report.error(node, "Cet événement n’est posé sur aucune étape.", "Posez-le sur le bord d’une étape.")
        return
    kinds = {event.kind for event in node.events}
    if "error" in kinds and activity.kind not in ("serviceTask", "callActivity", "subProcess"):
        report.error(
            node,
            f"L’étape « {activity.name} » ne peut pas lever d’erreur.",
            "Posez l’événement sur une tâche de service ou un sous-processus.",
        )
    if "escalation" in kinds and activity.kind not in ("callActivity", "subProcess"):
        report.error(
            node,
            f"L’étape « {activity.name} » ne peut pas lever d’escalade.",
            "Posez l’événement sur un sous-processus.",
        )
    if "error" in kinds and not node.interrupting:
        report.error(node, "Une erreur interrompt toujours son étape.", "Rendez l’événement interruptif.")


def _check_events(node: Node, report: Report) -> None:
    allowed = _ALLOWED_EVENTS.get(node.kind)
    if allowed is None:
        return
    if len(node.events) > 1:
        report.error(node, "Cet événement en attend plusieurs à la fois.", "Dessinez un événement par attente.")
    if not node.events and node.kind in _MUST_HAVE_EVENT:
        report.error(node, "Cet événement n’attend rien.", "Choisissez un message, un minuteur ou un signal.")
    for event in node.events:
        if event.kind not in _EVENT_NAMES:
            _refuse(node, event.kind, report)
        elif event.kind not in allowed:
            report.error(
                node,
                f"Un événement « {_EVENT_NAMES[event.kind]} » n’est pas possible ici.",
                "Placez un événement intermédiaire juste avant, ou choisissez un autre genre.",
            )
    if node.kind == "startEvent" and not node.interrupting and any(e.kind == "error" for e in node.events):
        report.error(node, "Une erreur interrompt toujours ce qui est en cours.", "Rendez l’événement interruptif.")


def _check_kind(graph: Graph, node: Node, report: Report) -> None:
    if node.kind == "task":
        _refuse(node, "task", report)
    if node.kind in HUMAN_TASKS and not node.named:
        report.warning(node, "Cette étape n’a pas de nom : c’est pourtant ce que lit l’agent.", "Donnez-lui un nom.")
    if node.kind == "eventBasedGateway":
        _check_race(graph, node, report)
    if node.loop is not None:
        _check_loop(node, report)


def _check_race(graph: Graph, gateway: Node, report: Report) -> None:
    targets = [graph.nodes[flow.target] for flow in graph.outgoing(gateway.id) if flow.target in graph.nodes]
    if len(targets) < 2:
        report.error(gateway, "Cette passerelle n’attend qu’un événement.", "Reliez-la à deux événements au moins.")
    for target in targets:
        if target.kind not in ("intermediateCatchEvent", "receiveTask") or len(target.incoming) > 1:
            report.error(
                target,
                f"La passerelle « {gateway.name} » attend un événement ; cette étape n’en est pas un.",
                "Placez ici un événement intermédiaire (message, minuteur, signal) qui ne sert qu’à elle.",
            )
        elif graph.boundaries(target.id):
            report.error(
                target, "Une étape attendue par une passerelle n’a pas d’événement sur son bord.", "Retirez-le."
            )


def _check_loop(node: Node, report: Report) -> None:
    loop = node.loop
    assert loop is not None
    if node.kind not in ACTIVITIES:
        report.error(node, "Seule une étape ou un sous-processus se répète.", "Retirez la répétition.")
    if bool(loop.collection) == bool(loop.cardinality):
        report.error(
            node,
            "La répétition doit porter sur une liste, ou sur un nombre de fois, et pas sur les deux.",
            "Indiquez le nom d’une variable qui contient une liste, ou un nombre.",
        )
    if bool(loop.output) != bool(loop.output_item):
        report.error(
            node,
            "La répétition doit nommer à la fois la liste obtenue et la valeur à y ranger.",
            "Complétez les deux noms, ou retirez-les.",
        )
