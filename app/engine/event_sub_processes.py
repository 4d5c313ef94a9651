"""Event sub-processes redrawn as boundary events, which SpiffWorkflow runs as BPMN says.

SpiffWorkflow 3.2 starts an event sub-process beside the process and never interrupts anything, does not list it among
what the instance waits for, keeps the process open until a timer start has fired, and ignores those inside
sub-processes. So before it parses a diagram, each scope that holds event sub-processes is redrawn: its content moves
into a sub-process, on whose edge each event sub-process hangs by a boundary event with the same event.

    scope(content; on event → handler)  becomes  scope(start → body(content) → end; body's edge: event → handler → end)

Ids that people and rows refer to do not change: the boundary event takes the id of the handler's start event, nodes
keep theirs. As with any boundary event, the handler sees the data of the moment when the scope began.
"""

from lxml import etree

BODY = "__body"
"""Ends the id of the sub-process that holds the content of a scope with event sub-processes."""

BPMN = "{http://www.omg.org/spec/BPMN/20100524/MODEL}"

_STAYS = {
    f"{BPMN}{tag}"
    for tag in (
        "laneSet", "documentation", "extensionElements", "incoming", "outgoing", "multiInstanceLoopCharacteristics",
        "dataObject",
    )
}  # fmt: skip


def redraw_event_sub_processes(root: etree._Element) -> None:
    """Redraws, in place, every scope of a verified `definitions` element that holds event sub-processes."""
    scopes = [*root.iter(f"{BPMN}subProcess", f"{BPMN}process")]
    for scope in reversed(scopes):  # document order puts a scope before what it contains: redraw the inner ones first
        handlers = [child for child in scope if _is_handler(child)]
        if handlers:
            _redraw(scope, handlers)


def _is_handler(element: etree._Element) -> bool:
    return element.tag == f"{BPMN}subProcess" and element.get("triggeredByEvent") == "true"


def _redraw(scope: etree._Element, handlers: list[etree._Element]) -> None:
    identity = scope.get("id") or ""
    body = etree.Element(f"{BPMN}subProcess", id=f"{identity}{BODY}", name=scope.get("name") or identity)
    for child in list(scope):
        if child not in handlers and child.tag not in _STAYS:
            body.append(child)
    scope.append(body)
    _add(scope, "startEvent", f"{identity}__start")
    _add(scope, "endEvent", f"{identity}__end")
    _link(scope, f"{identity}__start", f"{identity}{BODY}")
    _link(scope, f"{identity}{BODY}", f"{identity}__end")
    for handler in handlers:
        _hang(scope, body, handler)


def _hang(scope: etree._Element, body: etree._Element, handler: etree._Element) -> None:
    start = handler.find(f"{BPMN}startEvent")
    assert start is not None  # verify refuses a handler without one
    event_id, handler_id = start.get("id") or "", handler.get("id") or ""
    boundary = _add(scope, "boundaryEvent", event_id)
    boundary.set("name", start.get("name") or event_id)
    boundary.set("attachedToRef", body.get("id") or "")
    boundary.set("cancelActivity", start.get("isInterrupting", "true"))
    for part in list(start):
        if part.tag.endswith("EventDefinition") or part.tag == f"{BPMN}extensionElements":
            boundary.append(part)
    del handler.attrib["triggeredByEvent"]
    start.set("id", f"{event_id}__plain")
    for flow in handler.iterfind(f"{BPMN}sequenceFlow"):
        if flow.get("sourceRef") == event_id:
            flow.set("sourceRef", f"{event_id}__plain")
    _link(scope, event_id, handler_id)
    _add(scope, "endEvent", f"{handler_id}__end")
    _link(scope, handler_id, f"{handler_id}__end")


def _add(scope: etree._Element, tag: str, identity: str) -> etree._Element:
    return etree.SubElement(scope, f"{BPMN}{tag}", id=identity)


def _link(scope: etree._Element, source: str, target: str) -> None:
    flow = _add(scope, "sequenceFlow", f"{source}__to__{target}")
    flow.set("sourceRef", source)
    flow.set("targetRef", target)
