"""A process as places and tokens: the rules by which tokens move, without data.

A marking is a sorted tuple of places; a place is a flow holding a token, an activity that waits, or the mark that a
non-interrupting event has already fired once. Choices that depend on data, time or people are explored both ways.

Two kinds of moves. *Automatic* ones (gateways, scripts, ends…) run until none is left, as the engine does before it
saves; their order does not matter, except that merging inclusive gateways, terminating and throwing come last.
*Outside* ones (a person, a message, a timer, an operation's error) start from such a settled marking.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from app.engine.graph import Graph, Node

Marking = tuple[int, ...]

MAX_BRANCHES = 6
"""Branches of an inclusive gateway whose combinations are all explored."""

MAX_TOKENS = 3
"""Tokens on one place: more means that the process makes tokens without end."""

_WAITING = {"userTask", "manualTask", "receiveTask", "intermediateCatchEvent", "eventBasedGateway", "callActivity"}
_OUTSIDE = {"timer", "message", "signal"}
_CODED = {"error", "escalation"}


class TooManyTokens(Exception):
    """Tokens pile up on `place` (a node id): the process never stops making them."""

    def __init__(self, place: str) -> None:
        super().__init__(place)
        self.place = place


@dataclass
class Notes:
    """What was seen while tokens moved, by node id."""

    visited: set[str] = field(default_factory=set)
    completing: set[str] = field(default_factory=set)
    ends_among_others: set[str] = field(default_factory=set)
    twice: set[str] = field(default_factory=set)
    uncaught: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Move:
    """An outside move: the node that acts, and the marking it gives before automatic moves."""

    node: Node
    marking: Marking


class Net:
    """The moves of one graph. The graph must be sound in structure: every flow has its ends, every scope its start."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.notes = Notes()
        self.flow_place = {flow: number for number, flow in enumerate(graph.flows)}
        self.flow_at = list(graph.flows.values())
        first = len(self.flow_at)
        nodes = list(graph.nodes)
        self.active_place = {node: first + number for number, node in enumerate(nodes)}
        self.fired_place = {node: first + len(nodes) + number for number, node in enumerate(nodes)}
        self.node_at = {place: graph.nodes[node] for node, place in self.active_place.items()}
        self.first_fired = first + len(nodes)
        self.outgoing = {node: tuple(self.flow_place[f] for f in graph.nodes[node].outgoing) for node in nodes}
        self.incoming = {node: tuple(self.flow_place[f] for f in graph.nodes[node].incoming) for node in nodes}
        self.scope_places = {scope: self._places_of(scope) for scope in (graph.id, *self._sub_processes())}
        self.reaching = {node.id: self._reaching(node) for node in graph.nodes.values() if _merges(node)}
        self._sub_process_at = {place: node for place, node in self.node_at.items() if node.kind == "subProcess"}
        self._handlers = {scope: found for scope in self.scope_places if (found := graph.event_sub_processes(scope))}
        self._settled: dict[Marking, frozenset[Marking]] = {}

    def _sub_processes(self) -> Iterator[str]:
        return (node.id for node in self.graph.nodes.values() if node.kind == "subProcess")

    def _places_of(self, scope: str) -> frozenset[int]:
        places: set[int] = set()
        for node in self.graph.inside(scope):
            places |= {self.active_place[node.id], self.fired_place[node.id], *self.outgoing[node.id]}
            if node.kind == "subProcess":
                places |= self._places_of(node.id)
        return frozenset(places)

    def _reaching(self, gateway: Node) -> Mapping[int, frozenset[int]]:
        """For each incoming flow of a merging inclusive gateway, the places whose token may still reach that flow."""
        result: dict[int, frozenset[int]] = {}
        for flow in self.incoming[gateway.id]:
            found: set[int] = set()
            waiting = [self.flow_at[flow].source]
            seen: set[str] = {gateway.id}
            while waiting:
                node = self.graph.nodes[waiting.pop()]
                if node.id in seen:
                    continue
                seen.add(node.id)
                found |= {self.active_place[node.id], *self.incoming[node.id]}
                waiting.extend(self.flow_at[place].source for place in self.incoming[node.id])
                if node.kind == "boundaryEvent" and node.attached_to:
                    waiting.append(node.attached_to)
            result[flow] = frozenset(found)
        return result

    # --- Automatic moves ---------------------------------------------------------------------------------------

    def initial(self) -> Marking:
        """One token behind the start event."""
        (start,) = self.graph.starts(self.graph.id)
        self.notes.visited.add(start.id)
        return self._moved((), (), self.outgoing[start.id])

    def settle(self, marking: Marking) -> frozenset[Marking]:
        """Every marking in which automatic moves may leave this one; empty when they turn in a circle for ever.

        Branches that advance in any order meet in the same markings: each is followed once.
        """
        if (known := self._settled.get(marking)) is None:
            known = self._settled[marking] = frozenset(self._follow(marking))
        return known

    def _follow(self, marking: Marking) -> set[Marking]:
        settled: set[Marking] = set()
        seen = {marking}
        waiting = [marking]
        while waiting:
            current = waiting.pop()
            following = self._automatic(current)
            if following is None:
                settled.add(current)
                continue
            for marking_after in following:
                if marking_after not in seen:
                    seen.add(marking_after)
                    waiting.append(marking_after)
        return settled

    def is_final(self, marking: Marking) -> bool:
        """Whether no token is left."""
        return all(place >= self.first_fired for place in marking)

    def _moved(self, marking: Marking, taken: Iterable[int], put: Iterable[int]) -> Marking:
        tokens = list(marking)
        for place in taken:
            tokens.remove(place)
        for place in put:
            if tokens.count(place) >= MAX_TOKENS:
                node = self.flow_at[place].target if place < len(self.flow_at) else self.node_at[place].id
                raise TooManyTokens(node)
            tokens.append(place)
        return tuple(sorted(tokens))

    def _automatic(self, marking: Marking) -> list[Marking] | None:
        flows = sorted({place for place in marking if place < len(self.flow_at)})
        late: list[tuple[int, Node]] = []
        for place in flows:
            node = self.graph.nodes[self.flow_at[place].target]
            if _is_late(node):
                late.append((place, node))
                continue
            following = self._enter(node, place, marking)
            if following is not None:
                return following
        for place in marking if self._sub_process_at else ():
            activity = self._sub_process_at.get(place)
            if activity is not None and not self._occupied(activity.id, marking):
                return [self._leave(activity, marking)]
        for place, node in late:
            following = self._enter_late(node, place, marking)
            if following is not None:
                return following
        return None

    def _occupied(self, scope: str, marking: Marking) -> bool:
        inside = self.scope_places[scope]
        return any(place in inside and place < self.first_fired for place in marking)

    def _leave(self, activity: Node, marking: Marking) -> Marking:
        """The activity ends as it should: its marks go, a token leaves."""
        return self._moved(self._without(activity, marking), (), self.outgoing[activity.id])

    def _without(self, activity: Node, marking: Marking) -> Marking:
        """The marking once the activity, what it contains and the marks of its boundary events are gone."""
        gone = {self.fired_place[boundary.id] for boundary in self.graph.boundaries(activity.id)}
        gone |= self.scope_places.get(activity.id, frozenset())
        tokens = [place for place in marking if place not in gone]
        tokens.remove(self.active_place[activity.id])
        return tuple(tokens)

    def _enter(self, node: Node, place: int, marking: Marking) -> list[Marking] | None:
        kind = node.kind
        if kind == "parallelGateway":
            incoming = self.incoming[node.id]
            if any(flow not in marking for flow in incoming):
                return None
            self.notes.visited.add(node.id)
            return [self._moved(marking, incoming, self.outgoing[node.id])]
        self.notes.visited.add(node.id)
        if kind in ("exclusiveGateway", "inclusiveGateway"):
            return [self._moved(marking, (place,), chosen) for chosen in self._choices(node)]
        if kind == "endEvent" and node.event is None:
            return [self._end(node, place, marking)]
        if self.waits(node):
            active = self.active_place[node.id]
            if active in marking:
                self.notes.twice.add(node.id)
            return [self._moved(marking, (place,), (active, *self.begun(node)))]
        if node.event is not None and node.event.kind == "escalation":
            return self._throw(node, self._moved(marking, (place,), self.outgoing[node.id]))
        if kind == "endEvent":
            return [self._end(node, place, marking)]
        return [self._moved(marking, (place,), self.outgoing[node.id])]

    def waits(self, node: Node) -> bool:
        """Whether a token stops there until something comes from outside."""
        return node.kind in _WAITING or node.kind == "subProcess" or bool(self.graph.boundaries(node.id))

    def begun(self, node: Node) -> tuple[int, ...]:
        """Where the token of a sub-process that begins is."""
        if node.kind != "subProcess":
            return ()
        (start,) = self.graph.starts(node.id)
        self.notes.visited.add(start.id)
        return self.outgoing[start.id]

    def _choices(self, gateway: Node) -> Iterator[tuple[int, ...]]:
        flows = self.outgoing[gateway.id]
        if gateway.kind == "exclusiveGateway":
            return ((flow,) for flow in flows)
        default = self.flow_place.get(gateway.default or "")
        conditional = [flow for flow in flows if flow != default]
        sizes = range(1, len(conditional) + 1) if len(conditional) <= MAX_BRANCHES else (1, 2, len(conditional))
        combined = (chosen for size in sizes for chosen in itertools.combinations(conditional, size))
        return itertools.chain(combined, [(default,)] if default is not None else [])

    def _end(self, node: Node, place: int, marking: Marking) -> Marking:
        after = self._moved(marking, (place,), ())
        container = self.graph.nodes.get(node.scope)
        outermost = node.scope == self.graph.id or (
            container is not None and container.by_event and container.scope == self.graph.id
        )
        if outermost:
            ignored = self.active_place.get(node.scope)
            others = [other for other in after if other < self.first_fired and other != ignored]
            (self.notes.ends_among_others if others else self.notes.completing).add(node.id)
        return after

    # --- Moves that come last ----------------------------------------------------------------------------------

    def _enter_late(self, node: Node, place: int, marking: Marking) -> list[Marking] | None:
        if node.kind == "inclusiveGateway":
            return self._merge(node, marking)
        self.notes.visited.add(node.id)
        assert node.event is not None
        if node.event.kind == "terminate":
            return [self._terminate(node, marking)]
        return self._throw(node, self._moved(marking, (place,), ()))

    def _merge(self, gateway: Node, marking: Marking) -> list[Marking] | None:
        arrived = [flow for flow in self.incoming[gateway.id] if flow in marking]
        elsewhere = [place for place in marking if place not in self.incoming[gateway.id]]
        for flow, reaching in self.reaching[gateway.id].items():
            if flow not in arrived and any(place in reaching for place in elsewhere):
                return None
        self.notes.visited.add(gateway.id)
        return [self._moved(marking, arrived, chosen) for chosen in self._choices(gateway)]

    def _terminate(self, node: Node, marking: Marking) -> Marking:
        gone = self.scope_places[node.scope]
        container = self.graph.nodes.get(node.scope)
        if container is None or (container.by_event and container.scope == self.graph.id):
            self.notes.completing.add(node.id)
        return tuple(place for place in marking if place not in gone)

    def _throw(self, node: Node, marking: Marking) -> list[Marking]:
        """An error or an escalation climbs the scopes until something catches it."""
        assert node.event is not None
        kind, code = node.event.kind, node.event.code
        scope = node.scope
        while True:
            for handler in self.graph.event_sub_processes(scope):
                (start,) = self.graph.starts(handler.id)
                if _catches(start, kind, code):
                    return [self._trigger(handler, start, marking)]
            container = self.graph.nodes.get(scope)
            if container is None:
                break
            for boundary in self.graph.boundaries(container.id):
                if _catches(boundary, kind, code) and self.active_place[container.id] in marking:
                    return [self._fire(boundary, container, marking)]
            scope = container.scope
        self.notes.uncaught.add(node.id)
        return [marking]

    # --- Outside moves -----------------------------------------------------------------------------------------

    def moves(self, marking: Marking) -> Iterator[Move]:
        """What people, messages, timers and operations may do from a settled marking."""
        for place in sorted(set(marking)):
            node = self.node_at.get(place)
            if node is None:
                continue
            if node.kind == "eventBasedGateway":
                yield from self._races(node, marking)
            elif node.kind != "subProcess":
                yield Move(node, self._leave(node, marking))
            for boundary in self.graph.boundaries(node.id):
                if self._may_fire(boundary, node, marking):
                    yield Move(boundary, self._fire(boundary, node, marking))
        yield from self._interruptions(marking)

    def _races(self, gateway: Node, marking: Marking) -> Iterator[Move]:
        for flow in self.outgoing[gateway.id]:
            target = self.graph.nodes[self.flow_at[flow].target]
            self.notes.visited.add(target.id)
            yield Move(target, self._moved(marking, (self.active_place[gateway.id],), self.outgoing[target.id]))

    def _may_fire(self, boundary: Node, activity: Node, marking: Marking) -> bool:
        if self.fired_place[boundary.id] in marking:
            return False
        kinds = {event.kind for event in boundary.events}
        # errors and escalations of a sub-process are thrown by an event inside it; others come from what is called
        return bool(kinds & _OUTSIDE) or (bool(kinds & _CODED) and activity.kind != "subProcess")

    def _fire(self, boundary: Node, activity: Node, marking: Marking) -> Marking:
        self.notes.visited.add(boundary.id)
        if boundary.interrupting:
            return self._moved(self._without(activity, marking), (), self.outgoing[boundary.id])
        if self.fired_place[boundary.id] in marking:
            return marking
        return self._moved(marking, (), (self.fired_place[boundary.id], *self.outgoing[boundary.id]))

    def _interruptions(self, marking: Marking) -> Iterator[Move]:
        for scope, handlers in self._handlers.items():
            active = self.active_place.get(scope)
            if (active is not None and active not in marking) or not self._occupied(scope, marking):
                continue
            if any(self.active_place[h.id] in marking and self._start(h).interrupting for h in handlers):
                continue
            for handler in handlers:
                start = self._start(handler)
                fired = self.fired_place[handler.id] in marking
                if not fired and start.event is not None and start.event.kind in _OUTSIDE:
                    yield Move(start, self._trigger(handler, start, marking))

    def _start(self, handler: Node) -> Node:
        return self.graph.starts(handler.id)[0]

    def _trigger(self, handler: Node, start: Node, marking: Marking) -> Marking:
        if self.fired_place[handler.id] in marking or self.active_place[handler.id] in marking:
            return marking
        self.notes.visited |= {handler.id, start.id}
        put = (self.active_place[handler.id], *self.outgoing[start.id])
        if start.interrupting:
            gone = self.scope_places[handler.scope]
            return self._moved(tuple(place for place in marking if place not in gone), (), put)
        return self._moved(marking, (), (*put, self.fired_place[handler.id]))


def _merges(node: Node) -> bool:
    return node.kind == "inclusiveGateway" and len(node.incoming) > 1


def _is_late(node: Node) -> bool:
    ends = node.kind == "endEvent" and node.event is not None and node.event.kind in ("terminate", "error")
    return _merges(node) or ends


def _catches(catcher: Node, kind: str, code: str | None) -> bool:
    event = catcher.event
    return event is not None and event.kind == kind and event.code in (None, code)
