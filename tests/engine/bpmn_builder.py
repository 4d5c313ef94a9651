"""A small language for writing BPMN in tests: Python in, valid BPMN XML (with SpiffWorkflow's extensions) out.

    xml = process(
        "absence",
        lane(
            "famille",
            start("debut"),
            user_task("saisir", statut="brouillon", form="saisie"),
        ),
        lane(
            "agent",
            user_task("prendre", statut="en_attente"),
            boundary("rappel", "prendre", message("modifier")),
            user_task("instruire", statut="traitement", form="decision"),
            xor("choix"),
            service("ranger", "absence.enregistrer", {"enfant": "enfant_id"}, result="absence"),
            end("accepte", statut="clos"),
            end("refuse", statut="refuse"),
        ),
        "debut -> saisir -> prendre -> instruire -> choix",
        "choix -> ranger if decision == 'accepter'",
        "ranger -> accepte",
        "choix -> refuse default",
        "rappel -> saisir",
    )

Nodes take their id first; the name people read defaults to the id. Keyword arguments that are not named below become
`spiffworkflow:property` pairs (`statut=`, `form=`, `echeance=`…). Flows are strings: a chain `a -> b -> c`, whose last
arrow may end with ` if <expression>` or ` default`. Messages, signals, errors and escalations declare themselves.

Nodes        start end catch throw boundary · user_task manual_task service script rule send receive task
             xor parallel inclusive event_gateway · sub_process event_sub_process call
             raw (any XML, for what the product refuses or tolerates)
Events       message signal error escalation after (duration) on_date every (cycle) terminate: passed to an event node
Loops        each=("enfants", "enfant") or times="3" on an activity, sequential=True, collect=("notes", "note")
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import count, pairwise
from xml.sax.saxutils import escape, quoteattr

BPMN = "http://www.omg.org/spec/BPMN/20100524/MODEL"
SPIFF = "http://spiffworkflow.org/bpmn/schema/1.0/core"


@dataclass
class Event:
    """An event definition, and the root element it refers to (`message`, `signal`, `error`, `escalation`)."""

    tag: str
    root: str | None = None
    name: str = ""
    code: str | None = None
    body: str = ""
    attributes: dict[str, str] = field(default_factory=dict)

    def xml(self) -> str:
        attributes = dict(self.attributes)
        if self.root:
            attributes[f"{self.root}Ref"] = f"{self.root}_{_slug(self.name)}"
        return _tag(self.tag, attributes, self.body)

    def declaration(self) -> str:
        if not self.root:
            return ""
        attributes = {"id": f"{self.root}_{_slug(self.name)}", "name": self.name}
        if self.root in ("error", "escalation"):
            attributes[f"{self.root}Code"] = self.code or self.name
        return _tag(self.root, attributes)


@dataclass
class Node:
    tag: str
    id: str
    attributes: dict[str, str] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    extensions: str = ""
    body: str = ""
    events: tuple[Event, ...] = ()
    inside: tuple["Item", ...] = ()


@dataclass
class Lane:
    name: str
    nodes: tuple[Node, ...]


@dataclass
class Raw:
    """XML put as it is in the process, for what the product refuses or merely tolerates."""

    xml: str


@dataclass
class Flow:
    source: str
    target: str
    condition: str | None = None
    default: bool = False
    id: str | None = None
    name: str | None = None


Item = Node | Lane | Raw | Flow | str


# --- Events ----------------------------------------------------------------------------------------------------


def message(name: str, variable: str | None = None) -> Event:
    body = f"<spiffworkflow:messageVariable>{escape(variable)}</spiffworkflow:messageVariable>" if variable else ""
    extension = f"<bpmn:extensionElements>{body}</bpmn:extensionElements>" if body else ""
    return Event("messageEventDefinition", "message", name, body=extension)


def signal(name: str) -> Event:
    return Event("signalEventDefinition", "signal", name)


def error(code: str) -> Event:
    return Event("errorEventDefinition", "error", code)


def escalation(code: str) -> Event:
    return Event("escalationEventDefinition", "escalation", code)


def terminate() -> Event:
    return Event("terminateEventDefinition")


def after(duration: str) -> Event:
    """A timer by duration; the text is an expression, as in BPMN: `'PT24H'` with its quotes, or `duree("24 h")`."""
    return Event("timerEventDefinition", body=f"<bpmn:timeDuration>{escape(duration)}</bpmn:timeDuration>")


def on_date(instant: str) -> Event:
    return Event("timerEventDefinition", body=f"<bpmn:timeDate>{escape(instant)}</bpmn:timeDate>")


def every(cycle: str) -> Event:
    return Event("timerEventDefinition", body=f"<bpmn:timeCycle>{escape(cycle)}</bpmn:timeCycle>")


def _event_node(
    tag: str, id: str, events: Iterable[Event], attributes: dict[str, str], properties: dict[str, str]
) -> Node:
    return Node(tag, id, attributes, properties, events=tuple(events))


def start(id: str = "debut", *events: Event, interrupting: bool = True) -> Node:
    attributes = {} if interrupting else {"isInterrupting": "false"}
    return _event_node("startEvent", id, events, attributes, {})


def end(id: str = "fin", *events: Event, name: str | None = None, **properties: str) -> Node:
    return _event_node("endEvent", id, events, {"name": name or id}, properties)


def catch(id: str, *events: Event) -> Node:
    return _event_node("intermediateCatchEvent", id, events, {}, {})


def throw(id: str, *events: Event) -> Node:
    return _event_node("intermediateThrowEvent", id, events, {}, {})


def boundary(id: str, on: str, *events: Event, interrupting: bool = True) -> Node:
    attributes = {"attachedToRef": on, "cancelActivity": "true" if interrupting else "false"}
    return _event_node("boundaryEvent", id, events, attributes, {})


# --- Activities and gateways -----------------------------------------------------------------------------------


def _activity(
    tag: str,
    id: str,
    properties: dict[str, str] | None = None,
    *,
    name: str | None = None,
    attributes: dict[str, str] | None = None,
    extensions: str = "",
    body: str = "",
    each: tuple[str, str] | None = None,
    times: str | None = None,
    sequential: bool = False,
    collect: tuple[str, str] | None = None,
    inside: tuple[Item, ...] = (),
) -> Node:
    loop = _loop(each, times, sequential, collect) if each or times else ""
    return Node(
        tag,
        id,
        {"name": id if name is None else name, **(attributes or {})},
        properties or {},
        extensions,
        body + loop,
        inside=inside,
    )


def _loop(each: tuple[str, str] | None, times: str | None, sequential: bool, collect: tuple[str, str] | None) -> str:
    parts = []
    if times:
        parts.append(f"<bpmn:loopCardinality>{escape(times)}</bpmn:loopCardinality>")
    if each:
        parts.append(f"<bpmn:loopDataInputRef>{escape(each[0])}</bpmn:loopDataInputRef>")
    if collect:
        parts.append(f"<bpmn:loopDataOutputRef>{escape(collect[0])}</bpmn:loopDataOutputRef>")
    if each:
        parts.append(_tag("inputDataItem", {"id": each[1], "name": each[1]}))
    if collect:
        parts.append(_tag("outputDataItem", {"id": collect[1], "name": collect[1]}))
    attributes = {"isSequential": "true"} if sequential else {}
    return _tag("multiInstanceLoopCharacteristics", attributes, "".join(parts))


def user_task(id: str, *, name: str | None = None, each: tuple[str, str] | None = None, times: str | None = None,
              sequential: bool = False, collect: tuple[str, str] | None = None, **properties: str) -> Node:  # fmt: skip
    return _activity(
        "userTask", id, properties, name=name, each=each, times=times, sequential=sequential, collect=collect
    )


def manual_task(id: str, *, name: str | None = None, **properties: str) -> Node:
    return _activity("manualTask", id, properties, name=name)


def task(id: str) -> Node:
    return _activity("task", id)


def service(
    id: str,
    operation: str,
    parameters: Mapping[str, str] | None = None,
    *,
    result: str | None = None,
    each: tuple[str, str] | None = None,
    sequential: bool = False,
    types: Mapping[str, str] | None = None,
    **properties: str,
) -> Node:
    """`parameters` maps each parameter to an expression: `{"enfant": "enfant_id", "motif": "'maladie'"}`."""
    inner = "".join(
        f"<spiffworkflow:parameter id={quoteattr(key)} type={quoteattr((types or {}).get(key, 'str'))} "
        f"value={quoteattr(value)}/>"
        for key, value in (parameters or {}).items()
    )
    variable = f" resultVariable={quoteattr(result)}" if result else ""
    operator = (
        f"<spiffworkflow:serviceTaskOperator id={quoteattr(operation)}{variable}>"
        f"<spiffworkflow:parameters>{inner}</spiffworkflow:parameters></spiffworkflow:serviceTaskOperator>"
    )
    return _activity("serviceTask", id, properties, extensions=operator, each=each, sequential=sequential)


def script(id: str, text: str) -> Node:
    return _activity("scriptTask", id, body=f"<bpmn:script>{escape(text)}</bpmn:script>")


def rule(id: str, decision: str, **properties: str) -> Node:
    called = f"<spiffworkflow:calledDecisionId>{escape(decision)}</spiffworkflow:calledDecisionId>"
    return _activity("businessRuleTask", id, properties, extensions=called)


def send(id: str, event: Event) -> Node:
    node = _activity("sendTask", id, attributes={"messageRef": f"message_{_slug(event.name)}"})
    node.events = (Event("", "message", event.name),)
    return node


def receive(id: str, event: Event, **properties: str) -> Node:
    node = _activity("receiveTask", id, properties, attributes={"messageRef": f"message_{_slug(event.name)}"})
    node.events = (Event("", "message", event.name),)
    return node


def call(id: str, process_id: str) -> Node:
    return _activity("callActivity", id, attributes={"calledElement": process_id})


def sub_process(
    id: str,
    *items: Item,
    each: tuple[str, str] | None = None,
    sequential: bool = False,
) -> Node:
    return _activity("subProcess", id, inside=items, each=each, sequential=sequential)


def event_sub_process(id: str, *items: Item) -> Node:
    return _activity("subProcess", id, attributes={"triggeredByEvent": "true"}, inside=items)


def xor(id: str) -> Node:
    return _activity("exclusiveGateway", id)


def parallel(id: str) -> Node:
    return _activity("parallelGateway", id)


def inclusive(id: str) -> Node:
    return _activity("inclusiveGateway", id)


def event_gateway(id: str) -> Node:
    return _activity("eventBasedGateway", id)


def raw(xml: str) -> Raw:
    return Raw(xml)


def lane(name: str, *nodes: Node) -> Lane:
    return Lane(name, nodes)


def flow(source: str, target: str, *, when: str | None = None, default: bool = False, id: str | None = None) -> Flow:
    """A flow whose condition the compact form cannot hold, or that needs its own id."""
    return Flow(source, target, when, default, id)


# --- Writing ---------------------------------------------------------------------------------------------------


def process(id: str, *items: Item, name: str | None = None, executable: bool = True, outside: str = "") -> bytes:
    """The BPMN document. `outside` is raw XML put beside the process (collaborations, second processes)."""
    writer = _Writer()
    body = writer.scope(items)
    attributes = {"id": id, "name": name or id, "isExecutable": "true" if executable else "false"}
    declarations = "".join(dict.fromkeys(writer.declarations))
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<bpmn:definitions xmlns:bpmn="{BPMN}" xmlns:spiffworkflow="{SPIFF}" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        f'id="definitions" targetNamespace="http://bpmn.io/schema/bpmn">{outside}'
        f"{_tag('process', attributes, body)}{declarations}</bpmn:definitions>"
    ).encode()


class _Writer:
    def __init__(self) -> None:
        self.declarations: list[str] = []
        self.numbers = count(1)

    def scope(self, items: Iterable[Item]) -> str:
        flat, lanes, flows, extra = _sorted(items)
        edges = [edge for item in flows for edge in self._edges(item)]
        defaults = {edge.source: edge.id for edge in edges if edge.default and edge.id}
        lane_set = "".join(
            _tag(
                "lane",
                {"id": f"lane_{_slug(one.name)}", "name": one.name},
                "".join(f"<bpmn:flowNodeRef>{node.id}</bpmn:flowNodeRef>" for node in one.nodes),
            )
            for one in lanes
        )
        head = _tag("laneSet", {"id": "lanes"}, lane_set) if lanes else ""
        nodes = "".join(self._node(node, edges, defaults) for node in flat)
        return head + nodes + "".join(self._flow(edge) for edge in edges) + "".join(extra)

    def _edges(self, item: Flow | str) -> list[Flow]:
        if isinstance(item, Flow):
            item.id = item.id or f"flux_{next(self.numbers)}"
            return [item]
        chain, _, condition = item.partition(" if ")
        default = chain.rstrip().endswith(" default")
        names = [part.strip() for part in chain.removesuffix(" default").split("->")]
        edges = [Flow(a, b, id=f"flux_{next(self.numbers)}") for a, b in pairwise(names)]
        edges[-1].condition = condition.strip() or None
        edges[-1].default = default
        return edges

    def _node(self, node: Node, edges: list[Flow], defaults: dict[str, str]) -> str:
        attributes = {"id": node.id, **node.attributes}
        if node.id in defaults:
            attributes["default"] = defaults[node.id]
        extensions = node.extensions
        if node.properties:
            pairs = "".join(
                f"<spiffworkflow:property name={quoteattr(key)} value={quoteattr(value)}/>"
                for key, value in node.properties.items()
            )
            extensions += f"<spiffworkflow:properties>{pairs}</spiffworkflow:properties>"
        body = f"<bpmn:extensionElements>{extensions}</bpmn:extensionElements>" if extensions else ""
        body += "".join(f"<bpmn:incoming>{edge.id}</bpmn:incoming>" for edge in edges if edge.target == node.id)
        body += "".join(f"<bpmn:outgoing>{edge.id}</bpmn:outgoing>" for edge in edges if edge.source == node.id)
        body += node.body
        for event in node.events:
            self.declarations.append(event.declaration())
            body += event.xml() if event.tag else ""
        if node.inside:
            body += self.scope(node.inside)
        return _tag(node.tag, attributes, body)

    def _flow(self, edge: Flow) -> str:
        attributes = {"id": str(edge.id), "sourceRef": edge.source, "targetRef": edge.target}
        if edge.name:
            attributes["name"] = edge.name
        condition = (
            f'<bpmn:conditionExpression xsi:type="bpmn:tFormalExpression">{escape(edge.condition)}'
            "</bpmn:conditionExpression>"
            if edge.condition
            else ""
        )
        return _tag("sequenceFlow", attributes, condition)


def _sorted(items: Iterable[Item]) -> tuple[list[Node], list[Lane], list[Flow | str], list[str]]:
    nodes: list[Node] = []
    lanes: list[Lane] = []
    flows: list[Flow | str] = []
    extra: list[str] = []
    for item in items:
        if isinstance(item, Lane):
            lanes.append(item)
            nodes.extend(item.nodes)
        elif isinstance(item, Node):
            nodes.append(item)
        elif isinstance(item, Raw):
            extra.append(item.xml)
        else:
            flows.append(item)
    return nodes, lanes, flows, extra


def _tag(name: str, attributes: Mapping[str, str], body: str = "") -> str:
    written = "".join(f" {key}={quoteattr(value)}" for key, value in attributes.items())
    return f"<bpmn:{name}{written}>{body}</bpmn:{name}>"


def _slug(name: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in name)
