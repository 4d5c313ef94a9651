"""Which variables are known where: certainly (on every path) or perhaps (on one path at least).

Computed over the graph, not over the states: at a parallel join all branches have run, so what any of them assigned is
certain; everywhere else paths meet and only what all of them assigned is. What follows an event on the edge of an
activity, or starts an event sub-process, sees the data as they were when the activity began: so does SpiffWorkflow.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from app.engine.graph import Graph, Node

ANYTHING = "*"
"""Stands in `perhaps` for the unknown variables that a called procedure brings back."""


@dataclass(frozen=True)
class Known:
    """Variables known at one place."""

    certainly: frozenset[str]
    perhaps: frozenset[str]

    def plus(self, certainly: Iterable[str] = (), perhaps: Iterable[str] = ()) -> "Known":
        """The same, once more variables are assigned."""
        more = frozenset(certainly)
        return Known(self.certainly | more, self.perhaps | more | frozenset(perhaps))


@dataclass(frozen=True)
class Produced:
    """What a node assigns when it completes."""

    certainly: frozenset[str] = frozenset()
    perhaps: frozenset[str] = frozenset()


class Dataflow:
    """The fixed point over one structurally sound graph. `produced` says what each node assigns by itself."""

    def __init__(self, graph: Graph, produced: Mapping[str, Produced], initial: Iterable[str]) -> None:
        self.graph = graph
        self.produced = produced
        self.initial = Known(frozenset(initial), frozenset(initial))
        self._before: dict[str, Known | None] = dict.fromkeys(graph.nodes)
        changed = True
        while changed:
            changed = False
            for node in graph.nodes.values():
                known = self._entering(node)
                if known != self._before[node.id]:
                    self._before[node.id] = known
                    changed = True

    def before(self, node: Node) -> Known:
        """What is known when the node starts (for a boundary event: when its activity starts)."""
        return self._before[node.id] or Known(frozenset(), frozenset())

    def after(self, node: Node) -> Known:
        """What is known when the node is done."""
        return self._after(node) or Known(frozenset(), frozenset())

    def during(self, node: Node) -> Known:
        """What is known inside the node: the same, plus the current element of its repetition."""
        item = node.loop.item if node.loop else None
        return self.before(node).plus((item,) if item else ())

    def _entering(self, node: Node) -> Known | None:
        if node.kind == "startEvent":
            return self._scope_entry(node.scope)
        if node.kind == "boundaryEvent":
            return self._before[node.attached_to or ""]
        if node.by_event:
            return self._scope_entry(node.scope)
        arriving = [self._after(self.graph.nodes[flow.source]) for flow in self.graph.incoming(node.id)]
        return _met(arriving, together=node.kind == "parallelGateway")

    def _scope_entry(self, scope: str) -> Known | None:
        container = self.graph.nodes.get(scope)
        if container is None:
            return self.initial
        known = self._before[container.id]
        item = container.loop.item if container.loop else None
        return known and known.plus((item,) if item else ())

    def _assigned_inside(self, scope: str) -> frozenset[str]:
        found: frozenset[str] = frozenset()
        for node in self.graph.inside(scope):
            mine = self.produced.get(node.id, Produced())
            found |= mine.certainly | mine.perhaps | self._assigned_inside(node.id)
        return found

    def _after(self, node: Node) -> Known | None:
        known = self._before[node.id]
        if known is None:
            return None
        mine = self.produced.get(node.id, Produced())
        if node.kind == "subProcess" and node.loop is None:
            ends = [
                self._before[end.id]
                for end in self.graph.inside(node.id)
                if end.kind == "endEvent" and not (end.event and end.event.kind == "error")
            ]
            inside = _met(ends, together=False)
            return inside and inside.plus(mine.certainly, mine.perhaps)
        if node.loop is not None:
            return self._after_loop(node, known, mine)
        return known.plus(mine.certainly, mine.perhaps)

    def _after_loop(self, node: Node, known: Known, mine: Produced) -> Known:
        """A list may be empty, so a repeated activity assigns nothing for certain but the list of its results."""
        assert node.loop is not None
        if node.loop.output:
            return known.plus((node.loop.output,))
        return known.plus(perhaps=mine.certainly | mine.perhaps | self._assigned_inside(node.id))


def _met(arriving: Iterable[Known | None], *, together: bool) -> Known | None:
    reached = [known for known in arriving if known is not None]
    if not reached:
        return None
    certain = [known.certainly for known in reached]
    combined = frozenset().union(*certain) if together else certain[0].intersection(*certain[1:])
    return Known(combined, frozenset().union(*(known.perhaps for known in reached)))
