"""A BPMN process as a small immutable graph: what verify, the diagram and the studio look at.

`bpmn_reader` makes it from XML. The runtime does not use it: it runs SpiffWorkflow's own specs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

HUMAN_TASKS = ("userTask", "manualTask")
TASKS = (*HUMAN_TASKS, "serviceTask", "scriptTask", "businessRuleTask", "sendTask", "receiveTask", "task")
ACTIVITIES = (*TASKS, "subProcess", "callActivity")
GATEWAYS = ("exclusiveGateway", "parallelGateway", "inclusiveGateway", "eventBasedGateway")
EVENTS = ("startEvent", "endEvent", "intermediateCatchEvent", "intermediateThrowEvent", "boundaryEvent")
NODES = (*ACTIVITIES, *GATEWAYS, *EVENTS)


class GraphRefused(Exception):
    """The document holds no single executable process; `message` is a French sentence with its remedy."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True)
class EventDefinition:
    """What an event waits for or throws. `kind` is timer, message, signal, error, escalation, terminate, or the BPMN
    name of one we do not run. `name` and `code` are those of the referred root element; `resolved` tells whether the
    reference leads somewhere. A timer has a `timer` (date, duration, cycle) and its `expression`."""

    kind: str
    name: str = ""
    code: str | None = None
    resolved: bool = True
    timer: str | None = None
    expression: str | None = None
    variable: str | None = None
    payload: str | None = None


@dataclass(frozen=True)
class Loop:
    """Multi-instance characteristics; `item` and `output_item` are variable names."""

    sequential: bool
    cardinality: str | None
    collection: str | None
    item: str | None
    output: str | None
    output_item: str | None
    completion: str | None


@dataclass(frozen=True)
class Operator:
    """What a service task calls: parameter name → expression, and the variable that receives the results."""

    name: str
    parameters: Mapping[str, str]
    result_variable: str | None


@dataclass(frozen=True)
class Node:
    """A drawn element. `kind` is its BPMN tag, `scope` the id of what contains it, `lane` a role ("" outside lanes)."""

    id: str
    name: str
    kind: str
    scope: str
    lane: str
    named: bool
    properties: Mapping[str, str] = field(default_factory=dict)
    events: tuple[EventDefinition, ...] = ()
    attached_to: str | None = None
    interrupting: bool = True
    by_event: bool = False
    loop: Loop | None = None
    operator: Operator | None = None
    script: str | None = None
    pre_script: str | None = None
    post_script: str | None = None
    decision: str | None = None
    called: str | None = None
    variable: str | None = None
    default: str | None = None
    incoming: tuple[str, ...] = ()
    outgoing: tuple[str, ...] = ()

    @property
    def status(self) -> str | None:
        """The status shown to the family while the node is active, or for ever after an end."""
        return self.properties.get("statut")

    @property
    def event(self) -> EventDefinition | None:
        """The only event definition, or None for a plain event."""
        return self.events[0] if self.events else None


@dataclass(frozen=True)
class Flow:
    """A sequence flow, its condition an expression or None."""

    id: str
    name: str
    source: str
    target: str
    condition: str | None
    scope: str


@dataclass(frozen=True)
class Lane:
    """A lane and its role."""

    id: str
    name: str
    role: str


@dataclass(frozen=True)
class Unknown:
    """An element the model does not know: verify refuses it."""

    id: str
    name: str
    tag: str


@dataclass(frozen=True)
class Graph:
    """One executable process. `id` is also the id of its outermost scope. Nodes and flows keep the file's order."""

    id: str
    name: str
    nodes: Mapping[str, Node]
    flows: Mapping[str, Flow]
    lanes: tuple[Lane, ...]
    unknown: tuple[Unknown, ...]
    duplicates: tuple[str, ...]

    @cached_property
    def _by_scope(self) -> Mapping[str, tuple[Node, ...]]:
        found: dict[str, list[Node]] = {self.id: []}
        for node in self.nodes.values():
            found.setdefault(node.scope, []).append(node)
        return {scope: tuple(nodes) for scope, nodes in found.items()}

    @cached_property
    def _boundaries(self) -> Mapping[str, tuple[Node, ...]]:
        found: dict[str, list[Node]] = {}
        for node in self.nodes.values():
            if node.kind == "boundaryEvent" and node.attached_to:
                found.setdefault(node.attached_to, []).append(node)
        return {activity: tuple(nodes) for activity, nodes in found.items()}

    def inside(self, scope: str) -> tuple[Node, ...]:
        """The nodes directly in the process or sub-process `scope`."""
        return self._by_scope.get(scope, ())

    def starts(self, scope: str) -> tuple[Node, ...]:
        """The start events directly in `scope`."""
        return tuple(node for node in self.inside(scope) if node.kind == "startEvent")

    def event_sub_processes(self, scope: str) -> tuple[Node, ...]:
        """The event sub-processes directly in `scope`."""
        return tuple(node for node in self.inside(scope) if node.by_event)

    def boundaries(self, activity: str) -> tuple[Node, ...]:
        """The boundary events attached to an activity."""
        return self._boundaries.get(activity, ())

    def outgoing(self, node: str) -> tuple[Flow, ...]:
        """The flows that leave a node, in the file's order."""
        return tuple(self.flows[flow] for flow in self.nodes[node].outgoing)

    def incoming(self, node: str) -> tuple[Flow, ...]:
        """The flows that reach a node."""
        return tuple(self.flows[flow] for flow in self.nodes[node].incoming)
