"""From BPMN XML to a `Graph`, read as SpiffWorkflow's parser reads it (extensions, loops, event definitions).

What the model does not know is listed in `Graph.unknown` rather than dropped, so that verify can refuse it by name.
"""

import re
from collections.abc import Iterator

from lxml import etree

from app.db import fold
from app.engine.graph import NODES, EventDefinition, Flow, Graph, GraphRefused, Lane, Loop, Node, Operator, Unknown

BPMN = "{http://www.omg.org/spec/BPMN/20100524/MODEL}"
SPIFF = "{http://spiffworkflow.org/bpmn/schema/1.0/core}"
_DRAWING = "{http://www.omg.org/spec/DD/20100524/DC}Bounds"

_DRAWN_ONLY = {
    "dataObject", "dataObjectReference", "dataStoreReference", "textAnnotation", "association", "group",
}  # fmt: skip
_READ_ELSEWHERE = {"sequenceFlow", "laneSet", "documentation", "extensionElements", "incoming", "outgoing"}
_NODE_PARTS = {
    "documentation", "extensionElements", "incoming", "outgoing", "script", "multiInstanceLoopCharacteristics",
}  # fmt: skip
_LOOP_PARTS = {
    "loopCardinality", "loopDataInputRef", "loopDataOutputRef", "inputDataItem", "outputDataItem",
    "completionCondition", "documentation", "extensionElements",
}  # fmt: skip
_ORDINARY = {
    "eventGatewayType": "Exclusive", "instantiate": "false", "isForCompensation": "false", "startQuantity": "1",
    "completionQuantity": "1", "parallelMultiple": "false",
}  # fmt: skip
"""Attributes of a node that change what it does, and the only value that we run."""
_ROOTS = {"message", "signal", "error", "escalation"}
_ROOT_PARTS = {*_ROOTS, "process", "collaboration", "category", "documentation", "extensionElements"}


def role_of(lane: etree._Element) -> str:
    """The role of a lane: its `role` property, else its name without accents or spaces (« Famille » → famille)."""
    written = _properties(lane).get("role")
    return written or fold(lane.get("name") or lane.get("id") or "").replace(" ", "-")


def read_graph(root: etree._Element) -> Graph:
    """The graph of the only executable process under a `definitions` element; GraphRefused when there is not one."""
    if root.tag != f"{BPMN}definitions":
        raise GraphRefused(
            "Le fichier process.bpmn n’est pas un diagramme BPMN. Exportez-le à nouveau depuis l’éditeur."
        )
    processes = [element for element in root if element.tag == f"{BPMN}process"]
    executable = [process for process in processes if process.get("isExecutable", "true") == "true"]
    if len(executable) != 1 or not executable[0].get("id"):
        raise GraphRefused(
            "Le diagramme doit contenir un seul processus exécutable, "
            f"mais il en contient {len(executable)}. Gardez un seul processus, coché « exécutable »."
        )
    return _Reader(root, executable[0], processes).read()


def _local(element: etree._Element) -> str:
    return etree.QName(element).localname


def _text(element: etree._Element, tag: str) -> str | None:
    child = element.find(f"{BPMN}{tag}")
    return child.text.strip() if child is not None and child.text and child.text.strip() else None


def _is_number(text: str | None) -> bool:
    return re.fullmatch(r"\s*[+-]?\d{1,9}(\.\d{0,30})?\s*", text or "", re.ASCII) is not None


def _properties(element: etree._Element) -> dict[str, str]:
    found = element.iterfind(f"{BPMN}extensionElements/{SPIFF}properties/{SPIFF}property")
    return {prop.get("name") or "": prop.get("value") or "" for prop in found}


def _extension(element: etree._Element, tag: str) -> str | None:
    child = element.find(f"{BPMN}extensionElements/{SPIFF}{tag}")
    return child.text.strip() if child is not None and child.text and child.text.strip() else None


class _Reader:
    def __init__(self, root: etree._Element, process: etree._Element, processes: list[etree._Element]) -> None:
        self.process = process
        self.processes = processes
        self.root = root
        self.declared = {
            element.get("id"): element for element in root if isinstance(element.tag, str) and _local(element) in _ROOTS
        }
        self.nodes: dict[str, Node] = {}
        self.flows: dict[str, Flow] = {}
        self.unknown: list[Unknown] = []
        self.duplicates: list[str] = []
        self.lanes: list[Lane] = []
        self.lane_of: dict[str, str] = {}
        self.incoming: dict[str, list[str]] = {}
        self.outgoing: dict[str, list[str]] = {}

    def read(self) -> Graph:
        for element in self.root:
            if element.tag.startswith(BPMN) and _local(element) not in _ROOT_PARTS:
                self._note_unknown(element)
        self._read_pools()
        self._note_incomplete()
        for lane in self.process.iter(f"{BPMN}lane"):
            self._read_lane(lane)
        process_id = self.process.get("id") or ""
        self._index_flows()
        self._read_scope(self.process, process_id, "")
        return Graph(
            process_id,
            self.process.get("name") or process_id,
            self.nodes,
            self.flows,
            tuple(self.lanes),
            tuple(self.unknown),
            tuple(self.duplicates),
        )

    def _note_unknown(self, element: etree._Element) -> None:
        """Under its own name, or that of the sub-process that holds it: what is nameless is found by its holder."""
        holder = element.getparent()
        inside = holder is not None and _local(holder) == "subProcess" and not element.get("id")
        named = holder if inside and holder is not None else element
        identity = named.get("id") or _local(element)
        self.unknown.append(Unknown(identity, named.get("name") or identity, _local(element)))

    def _note_incomplete(self) -> None:
        """What SpiffWorkflow's parser would trip on, which it says in English and without a name."""
        roots = [element for element in self.root if element.tag.startswith(BPMN) and _local(element) in _ROOTS]
        identities = [element.get("id") or "" for element in roots]
        self.duplicates += sorted({each for each in identities if each and identities.count(each) > 1})
        for element in roots:
            if not element.get("id") or element.get("name") is None:  # an empty name is said where it is used
                identity = element.get("id") or _local(element)
                self.unknown.append(Unknown(identity, element.get("name") or identity, f"{_local(element)}Unnamed"))
        for element in self.root.iter(f"{SPIFF}property", f"{SPIFF}parameter"):
            needed = ("name", "value") if element.tag == f"{SPIFF}property" else ("id", "type", "value")
            holder = next(
                (each for each in element.iterancestors() if each.tag.startswith(BPMN) and each.get("id")), None
            )
            if holder is not None and any(element.get(name) is None for name in needed):
                identity = holder.get("id") or ""
                self.unknown.append(Unknown(identity, holder.get("name") or identity, _local(element)))
        for bounds in self.root.iter(_DRAWING):
            if not all(_is_number(bounds.get(name)) for name in ("x", "y", "width", "height")):
                shape = bounds.getparent()
                drawn = (shape.get("bpmnElement") if shape is not None else None) or "process.bpmn"
                self.unknown.append(Unknown(drawn, drawn, "Bounds"))

    def _read_pools(self) -> None:
        for process in self.processes:
            if process is not self.process and len(process):
                self.unknown.append(
                    Unknown(process.get("id") or "", process.get("name") or process.get("id") or "", "process")
                )
        for flow in self.root.iter(f"{BPMN}messageFlow"):
            self._note_unknown(flow)

    def _read_lane(self, lane: etree._Element) -> None:
        role = role_of(lane)
        self.lanes.append(Lane(lane.get("id") or "", lane.get("name") or lane.get("id") or "", role))
        for reference in lane.iterfind(f"{BPMN}flowNodeRef"):
            self.lane_of[(reference.text or "").strip()] = role

    def _index_flows(self) -> None:
        for element in self.process.iter(f"{BPMN}sequenceFlow"):
            parent = element.getparent()
            assert parent is not None
            identity = element.get("id") or ""
            source, target = element.get("sourceRef") or "", element.get("targetRef") or ""
            if identity in self.flows:
                self.duplicates.append(identity)
                continue
            condition = _text(element, "conditionExpression")
            name = element.get("name") or identity
            self.flows[identity] = Flow(identity, name, source, target, condition, parent.get("id") or "")
            self.outgoing.setdefault(source, []).append(identity)
            self.incoming.setdefault(target, []).append(identity)

    def _read_scope(self, container: etree._Element, scope: str, lane: str) -> None:
        for element in container:
            if not element.tag.startswith(BPMN):
                continue  # another tool's extension
            tag = _local(element)
            if tag in NODES:
                node = self._read_node(element, scope, lane)
                if node.id in self.nodes or node.id in self.flows or node.id == self.process.get("id"):
                    self.duplicates.append(node.id)
                    continue
                self.nodes[node.id] = node
                if tag == "subProcess":
                    self._read_scope(element, node.id, node.lane)
            elif tag not in _DRAWN_ONLY | _READ_ELSEWHERE | {"multiInstanceLoopCharacteristics"}:
                self._note_unknown(element)

    def _read_node(self, element: etree._Element, scope: str, lane: str) -> Node:
        identity = element.get("id") or ""
        tag = _local(element)
        if tag != "subProcess":
            self._note_parts(element)
        self._note_particulars(element)
        return Node(
            id=identity,
            name=element.get("name") or identity,
            kind=tag,
            scope=scope,
            lane=self.lane_of.get(identity) or lane,
            named=bool(element.get("name")),
            properties=_properties(element),
            events=tuple(self._events(element)),
            attached_to=element.get("attachedToRef"),
            interrupting=element.get("isInterrupting" if tag == "startEvent" else "cancelActivity", "true") == "true",
            by_event=tag == "subProcess" and element.get("triggeredByEvent") == "true",
            loop=_loop(element),
            operator=_operator(element),
            script=_text(element, "script") if tag == "scriptTask" else None,
            pre_script=_extension(element, "preScript"),
            post_script=_extension(element, "postScript"),
            decision=_extension(element, "calledDecisionId") if tag == "businessRuleTask" else None,
            called=element.get("calledElement") if tag == "callActivity" else None,
            variable=_extension(element, "variableName") if tag == "userTask" else None,
            default=element.get("default"),
            incoming=tuple(self.incoming.get(identity, ())),
            outgoing=tuple(self.outgoing.get(identity, ())),
        )

    def _note_parts(self, element: etree._Element) -> None:
        """Anything inside a node that we would silently skip: standard loops, data associations, resources…"""
        for child in element:
            if not child.tag.startswith(BPMN):
                continue
            tag = _local(child)
            if tag not in _NODE_PARTS and not tag.endswith("EventDefinition"):
                identity = element.get("id") or ""
                self.unknown.append(Unknown(identity, element.get("name") or identity, tag))

    def _note_particulars(self, element: etree._Element) -> None:
        """Attributes and details of a loop or of a timer that we would not obey."""
        found = [name for name, usual in _ORDINARY.items() if element.get(name, usual) != usual]
        loop = element.find(f"{BPMN}multiInstanceLoopCharacteristics")
        if loop is not None:
            found += ["behavior"] if loop.get("behavior", "All") != "All" else []
            found += [_local(part) for part in loop if part.tag.startswith(BPMN) and _local(part) not in _LOOP_PARTS]
        for timer in element.iterfind(f"{BPMN}timerEventDefinition"):
            found += ["timers"] if len([part for part in timer if _local(part).startswith("time")]) > 1 else []
        identity = element.get("id") or ""
        self.unknown += [Unknown(identity, element.get("name") or identity, tag) for tag in found]

    def _events(self, element: etree._Element) -> Iterator[EventDefinition]:
        if _local(element) in ("sendTask", "receiveTask") and element.get("messageRef"):
            yield self._referring("message", element, element)
        for child in element:
            if child.tag.startswith(BPMN) and _local(child).endswith("EventDefinition"):
                kind = _local(child).removesuffix("EventDefinition")
                yield _timer(child) if kind == "timer" else self._referring(kind, child, child)

    def _referring(self, kind: str, holder: etree._Element, extended: etree._Element) -> EventDefinition:
        if kind not in _ROOTS:
            return EventDefinition(kind)
        reference = holder.get(f"{kind}Ref")
        declared = self.declared.get(reference) if reference else None
        if declared is None or _local(declared) != kind:
            # an error event without reference catches any error, as BPMN says
            return EventDefinition(kind, resolved=kind == "error" and not reference)
        source = extended if kind == "message" else declared
        prefix = ("messageVariable", "messagePayload") if kind == "message" else ("variableName", "payloadExpression")
        return EventDefinition(
            kind,
            name=declared.get("name") or "",
            code=declared.get(f"{kind}Code") or None,
            variable=_extension(source, prefix[0]),
            payload=_extension(source, prefix[1]),
        )


def _timer(element: etree._Element) -> EventDefinition:
    for tag, kind in (("timeDate", "date"), ("timeDuration", "duration"), ("timeCycle", "cycle")):
        if element.find(f"{BPMN}{tag}") is not None:
            return EventDefinition("timer", timer=kind, expression=_text(element, tag))
    return EventDefinition("timer")


def _loop(element: etree._Element) -> Loop | None:
    loop = element.find(f"{BPMN}multiInstanceLoopCharacteristics")
    if loop is None:
        return None
    item, output_item = loop.find(f"{BPMN}inputDataItem"), loop.find(f"{BPMN}outputDataItem")
    return Loop(
        sequential=loop.get("isSequential") == "true",
        cardinality=_text(loop, "loopCardinality"),
        collection=_text(loop, "loopDataInputRef"),
        item=item.get("id") if item is not None else None,
        output=_text(loop, "loopDataOutputRef"),
        output_item=output_item.get("id") if output_item is not None else None,
        completion=_text(loop, "completionCondition"),
    )


def _operator(element: etree._Element) -> Operator | None:
    operator = element.find(f"{BPMN}extensionElements/{SPIFF}serviceTaskOperator")
    if operator is None:
        return None
    parameters = {
        parameter.get("id") or "": parameter.get("value") or ""
        for parameter in operator.iter(f"{SPIFF}parameter")
        if parameter.get("value") is not None
    }
    return Operator(operator.get("id") or "", parameters, operator.get("resultVariable") or None)
