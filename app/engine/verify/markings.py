"""What a scope of a process may hold at once: the answer that migration needs before it puts a demande somewhere.

The same exploration as `verify`, one scope at a time: what a sub-process does inside is its own business. A version is
published when a demande can be ended from each of these situations, so one that is put in any of them can be ended.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from app.engine.graph import Graph, Node
from app.engine.verify.exploration import explore
from app.engine.verify.net import Marking, Net, TooManyTokens

MAX_TRIED = 500
"""Ways to place the tokens of one scope that are looked at."""


@dataclass(frozen=True)
class Spot:
    """Where a token is: at a node, or (``source``) arrived at a join through the node before it."""

    node: str
    source: str = ""


@dataclass(frozen=True)
class Branches:
    """Paths of a parallel gateway that begin beside others: the nodes they begin with, those that the others hold."""

    gateway: str
    targets: tuple[str, ...]
    beside: frozenset[str]

    def within(self, prefix: str) -> "Branches":
        """The same where another process calls this one: its ids have a prefix there."""
        targets = tuple(f"{prefix}{target}" for target in self.targets)
        return Branches(f"{prefix}{self.gateway}", targets, frozenset(f"{prefix}{node}" for node in self.beside))


class Markings:
    """The situations of one process, by scope; ids are those of its own diagram. Explored when first asked for."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._scopes: dict[str, _Scope] = {}

    def sources(self, node: str) -> tuple[str, ...]:
        """The nodes before a join, in the order of its flows; nothing for what is not a join."""
        found = self.graph.nodes.get(node)
        if found is None or found.kind not in ("parallelGateway", "inclusiveGateway") or len(found.incoming) < 2:
            return ()
        return tuple(flow.source for flow in self.graph.incoming(node))

    def allow(self, scope: str, spots: Sequence[Spot]) -> bool:
        """Whether a demande may have these tokens, and no other, in this scope."""
        return self._scope(scope).holds(spots)

    def missing(self, scope: str, spots: Sequence[Spot]) -> Branches | None:
        """The branches of one gateway that would make an impossible situation possible, if they were begun too."""
        return self._scope(scope).completed(spots)

    def is_accompanied(self, node: str) -> bool:
        """Whether something else of its scope may be under way while a demande is at this node."""
        scope = self._scope(self.graph.nodes[node].scope)
        place = scope.net.active_place[node]
        return bool(self.sources(node)) or any(place in marking and len(marking) > 1 for marking in scope.met)

    def _scope(self, scope: str) -> "_Scope":
        if scope not in self._scopes:
            self._scopes[scope] = _Scope(_alone(self.graph, scope))
        return self._scopes[scope]


def _alone(graph: Graph, scope: str) -> Graph:
    """One scope as a process: the sub-processes in it end when they like, as what it calls does."""
    handlers = {node.id for node in graph.event_sub_processes(scope)}
    nodes = {}
    for node in graph.nodes.values():
        if node.scope != scope and node.scope not in handlers:
            continue
        if node.kind != "subProcess" or node.id in handlers:
            nodes[node.id] = node
        elif not node.by_event:
            nodes[node.id] = replace(node, kind="callActivity")
    flows = {flow.id: flow for flow in graph.flows.values() if flow.scope == scope or flow.scope in handlers}
    return Graph(scope, graph.name, nodes, flows, (), (), ())


class _Scope:
    def __init__(self, graph: Graph) -> None:
        self.net = net = Net(graph)
        inside = {node.id for node in graph.inside(graph.id)}
        self.own = {net.active_place[node] for node in inside}
        self.own |= {net.flow_place[flow.id] for flow in graph.flows.values() if flow.source in inside}
        try:
            explored = explore(net)
        except TooManyTokens:
            explored = None
        states = explored.states if explored else ()
        self.met = {self._seen(marking) for marking, _rank in states} | {()}

    def _seen(self, marking: Marking) -> Marking:
        return tuple(place for place in marking if place in self.own)

    def holds(self, spots: Sequence[Spot]) -> bool:
        return any(self._possible(places) for places in self._placed(spots))

    def _possible(self, places: Marking) -> bool:
        try:
            settled = self.net.settle(tuple(sorted(places)))
        except TooManyTokens:
            return False
        return bool(settled) and all(self._seen(marking) in self.met for marking in settled)

    def _placed(self, spots: Sequence[Spot]) -> Iterator[Marking]:
        """The places that these tokens may take: what never waits has its token on one of the flows before it."""
        ways = [self._places(spot) for spot in spots]
        for chosen in itertools.islice(itertools.product(*ways), MAX_TRIED):
            yield tuple(itertools.chain.from_iterable(chosen))

    def _places(self, spot: Spot) -> list[tuple[int, ...]]:
        net, node = self.net, self.net.graph.nodes.get(spot.node)
        if node is None:
            return []
        if spot.source:
            return [(place,) for place in net.incoming[node.id] if net.flow_at[place].source == spot.source]
        if not net.waits(node):
            return [(place,) for place in net.incoming[node.id]]
        inside = net.begun(node) if node.by_event else ()
        return [(net.active_place[node.id], *inside)]

    def completed(self, spots: Sequence[Spot]) -> Branches | None:
        """See Markings.missing."""
        held = {spot.source or spot.node for spot in spots}
        for gateway in self.net.graph.inside(self.net.graph.id):
            if gateway.kind != "parallelGateway" or len(gateway.outgoing) < 2:
                continue
            paths = self._paths(gateway)
            lacking = [flow for flow, path in paths.items() if not held & path]
            more = tuple(self.net.flow_place[flow] for flow in lacking)
            if 0 < len(lacking) < len(paths) and any(self._possible(places + more) for places in self._placed(spots)):
                targets = tuple(self.net.graph.flows[flow].target for flow in lacking)
                return Branches(gateway.id, targets, frozenset(held.intersection(frozenset().union(*paths.values()))))
        return None

    def _paths(self, gateway: Node) -> dict[str, frozenset[str]]:
        """For each flow of a fork, the nodes that are on its path only, and not after the paths have met."""
        reached = {flow: self._from(self.net.graph.flows[flow].target, gateway) for flow in gateway.outgoing}
        after = frozenset.intersection(*reached.values())
        return {flow: nodes - after for flow, nodes in reached.items()}

    def _from(self, start: str, gateway: Node) -> frozenset[str]:
        graph, seen, waiting = self.net.graph, {gateway.id}, [start]
        while waiting:
            if (node := waiting.pop()) not in seen:
                seen.add(node)
                waiting += [flow.target for flow in graph.outgoing(node)]
                waiting += [each.id for each in graph.boundaries(node)]
        return frozenset(seen)
