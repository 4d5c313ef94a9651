"""Every state a case can be in, and what may go wrong there: dead ends, circles, statuses that go back."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from app.engine.graph import Graph, Node
from app.engine.verify.net import Marking, Net, TooManyTokens
from app.engine.verify.problems import Report

MAX_STATES = 6_000
"""Settled states explored before a process is called too complex; a shipped démarche has a few dozen."""

STATUSES = ("brouillon", "en_attente", "traitement")
"""The statuses of a living case, in the order in which they may follow each other."""

FINAL_STATUSES = ("clos", "refuse", "annule")

State = tuple[Marking, int]
"""A settled marking, and the rank of the last status shown (-1 before any)."""


@dataclass
class Exploration:
    """The states found and the moves between them. ``shown``: place → the rank of the status it shows, its node."""

    net: Net
    shown: Mapping[int, tuple[int, Node]]
    states: set[State] = field(default_factory=set)
    before: dict[State, set[State]] = field(default_factory=dict)
    moving: set[State] = field(default_factory=set)
    final: set[State] = field(default_factory=set)
    regressions: set[tuple[str, str]] = field(default_factory=set)
    circles: set[str] = field(default_factory=set)


def check_tokens(graph: Graph, report: Report) -> None:
    """Explores the states of a structurally sound graph and reports what they show."""
    net = Net(graph)
    try:
        exploration = explore(net)
    except TooManyTokens as excess:
        report.error(
            excess.place,
            "Cette étape peut être lancée un nombre illimité de fois en même temps.",
            "Fermez chaque séparation par une jointure du même genre, et ne revenez pas en arrière depuis l’une "
            "des branches seulement.",
        )
        return
    if exploration is None:
        report.error(
            graph,
            f"Le processus est trop complexe pour être vérifié (plus de {MAX_STATES} situations possibles).",
            "Réduisez le nombre de branches parallèles, ou déplacez une partie dans une autre démarche appelée.",
        )
        return
    _report_unreached(graph, net, report)
    _report_dead_ends(exploration, report)
    _report_statuses(exploration, report)
    _report_ends(graph, net, report)


def explore(net: Net) -> Exploration | None:
    """Every state that the net can be in; None when there are too many. Raises TooManyTokens."""
    found = Exploration(net, _shown(net))
    waiting: deque[State] = deque()

    def reach(marking: Marking, rank: int, origin: State | None, mover: str) -> None:
        settled = net.settle(marking)
        if not settled:
            found.circles.add(mover)
        for after in settled:
            state = (after, _next_rank(found, after, rank))
            if origin is not None:
                found.before.setdefault(state, set()).add(origin)
                found.moving.add(origin)
            if state not in found.states:
                found.states.add(state)
                (found.final.add if net.is_final(after) else waiting.append)(state)

    reach(net.initial(), -1, None, net.graph.starts(net.graph.id)[0].id)
    while waiting:
        if len(found.states) > MAX_STATES:
            return None
        state = waiting.popleft()
        marking, rank = state
        for move in net.moves(marking):
            reach(move.marking, _rank_after(move.node, rank), state, move.node.id)
    return found


def _rank_after(mover: Node, rank: int) -> int:
    """A message caught while the request still waits is the family taking it back: it may become a draft again."""
    taken_back = mover.event is not None and mover.event.kind == "message" and rank == STATUSES.index("en_attente")
    return 0 if taken_back else rank


def _active(net: Net, marking: Marking) -> list[Node]:
    return [net.node_at[place] for place in marking if place in net.node_at]


def _shown(net: Net) -> dict[int, tuple[int, Node]]:
    return {
        place: (STATUSES.index(node.status), node) for place, node in net.node_at.items() if node.status in STATUSES
    }


def _next_rank(found: Exploration, marking: Marking, rank: int) -> int:
    showing = [found.shown[place] for place in marking if place in found.shown]
    if not showing:
        return rank
    reached, node = max(showing, key=lambda pair: pair[0])
    if reached < rank:
        found.regressions.add((node.id, STATUSES[rank]))
    return reached


# --- What the states show --------------------------------------------------------------------------------------


def _report_unreached(graph: Graph, net: Net, report: Report) -> None:
    for node in graph.nodes.values():
        if node.id not in net.notes.visited:
            report.error(
                node,
                "Cette étape n’est jamais atteinte.",
                "Reliez-la au reste du processus, ou supprimez-la.",
            )


def _report_dead_ends(found: Exploration, report: Report) -> None:
    net, graph = found.net, found.net.graph
    stuck = [state for state in found.states if state not in found.moving and state not in found.final]
    for marking, _rank in stuck:
        for place in marking:
            if place < len(net.flow_at):
                _report_join(graph.nodes[net.flow_at[place].target], report)
    for mover in found.circles:
        report.error(
            mover,
            "Après cette étape, le processus peut tourner en rond sans jamais attendre personne.",
            "Ajoutez une sortie à la boucle, ou une étape qui attend quelqu’un.",
        )
    hopeless = found.states - _can_finish(found) - set(stuck)
    if hopeless and not stuck:
        for marking, _rank in hopeless:
            for node in _active(net, marking):
                report.error(
                    node,
                    "À partir de cette étape, la demande peut ne plus jamais se terminer.",
                    "Ajoutez un chemin qui mène à un événement de fin.",
                )


def _report_join(join: Node, report: Report) -> None:
    if join.kind == "parallelGateway":
        report.error(
            join,
            "Cette jointure peut attendre pour toujours une branche qui n’arrivera pas : la demande resterait bloquée.",
            "Refermez ici les branches d’une même séparation parallèle, ou utilisez une jointure exclusive.",
        )
    else:
        report.error(
            join,
            "La demande peut rester bloquée devant cette étape.",
            "Vérifiez que toutes les branches qui y mènent peuvent arriver.",
        )


def _can_finish(found: Exploration) -> set[State]:
    able = set(found.final)
    waiting = list(found.final)
    while waiting:
        for earlier in found.before.get(waiting.pop(), ()):
            if earlier not in able:
                able.add(earlier)
                waiting.append(earlier)
    return able


def _report_statuses(found: Exploration, report: Report) -> None:
    for node, earlier in found.regressions:
        status = found.net.graph.nodes[node].status
        report.error(
            node,
            f"Le statut reviendrait en arrière : « {status} » après « {earlier} ».",
            f"Donnez à cette étape le statut « {earlier} », ou passez par un message reçu pendant « en_attente ».",
        )


def _report_ends(graph: Graph, net: Net, report: Report) -> None:
    notes = net.notes
    for node in graph.nodes.values():
        if node.id in notes.completing and node.status not in FINAL_STATUSES:
            report.error(
                node,
                "Cette fin termine la demande sans lui donner de statut final."
                if not node.status
                else f"Le statut « {node.status} » ne convient pas à une fin.",
                "Ajoutez la propriété « statut » : clos, refuse ou annule.",
            )
        if node.id in notes.ends_among_others and node.status:
            report.warning(
                node,
                "Cette fin peut être atteinte alors que d’autres branches sont encore actives.",
                "Réunissez les branches avant la fin, ou utilisez une fin qui arrête tout.",
            )
        if node.id in notes.twice:
            report.warning(
                node,
                "Cette étape peut être active deux fois en même temps.",
                "Refermez les branches parallèles par une jointure avant cette étape.",
            )
        if node.id in notes.uncaught:
            _report_uncaught(node, report)


def _report_uncaught(node: Node, report: Report) -> None:
    assert node.event is not None
    if node.event.kind == "error":
        report.error(
            node,
            f"L’erreur « {node.event.code or node.event.name} » n’est rattrapée par personne.",
            "Posez un événement d’erreur du même code sur le sous-processus qui la contient.",
        )
    else:
        report.warning(
            node,
            f"L’escalade « {node.event.code or node.event.name} » n’est rattrapée par personne.",
            "Posez un événement d’escalade du même code sur le sous-processus qui la contient.",
        )
