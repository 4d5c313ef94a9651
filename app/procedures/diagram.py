"""A process as it is drawn: the shapes and lines of the file's own diagram interchange (BPMN DI).

`diagram_svg` makes a picture of it; ``steps_in_words`` says the same to whoever does not see it.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from lxml import etree

from app.engine.bpmn_reader import read_graph
from app.engine.bundle import PROCESS
from app.engine.graph import HUMAN_TASKS, Graph, GraphRefused
from app.engine.xml import XmlRefused, load_xml

_DI = "{http://www.omg.org/spec/BPMN/20100524/DI}"
_DC = "{http://www.omg.org/spec/DD/20100524/DC}"
_DD = "{http://www.omg.org/spec/DD/20100524/DI}"
_BPMN = "{http://www.omg.org/spec/BPMN/20100524/MODEL}"

MAX_COORDINATE = 20_000.0
State = Literal["done", "current", "todo"]
STATE_WORDS: Mapping[State, str] = {"done": "fait", "current": "en cours", "todo": "à venir"}


@dataclass(frozen=True)
class Box:
    """A rectangle, in pixels of the drawing."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Shape:
    """A drawn element. `kind` is its BPMN tag; `event` what its event waits for or throws (« timer »…), or nothing."""

    id: str
    kind: str
    name: str
    box: Box
    label: Box | None = None
    event: str = ""
    interrupting: bool = True
    expanded: bool = False
    horizontal: bool = True


@dataclass(frozen=True)
class Line:
    """A drawn arrow."""

    id: str
    kind: str
    name: str
    points: tuple[tuple[float, float], ...]
    label: Box | None = None
    source: str = ""
    target: str = ""


@dataclass(frozen=True)
class Drawing:
    """What a file shows, large shapes first. `box` holds everything."""

    title: str
    shapes: tuple[Shape, ...]
    lines: tuple[Line, ...]
    box: Box


def _number(text: str | None) -> float:
    """A coordinate; what is no reasonable number is 0, so that a picture is always finite."""
    try:
        value = float(text or "0")
    except ValueError:
        return 0.0
    return max(-MAX_COORDINATE, min(MAX_COORDINATE, value)) if math.isfinite(value) else 0.0


def _box(parent: etree._Element | None) -> Box | None:
    bounds = parent.find(f"{_DC}Bounds") if parent is not None else None
    if bounds is None:
        return None
    x, y, width, height = (_number(bounds.get(name)) for name in ("x", "y", "width", "height"))
    return Box(x, y, abs(width), abs(height))


@lru_cache(maxsize=128)
def read_drawing(raw: bytes) -> Drawing | None:
    """The drawing of a process.bpmn; ``None`` when the file holds no diagram, or cannot be read."""
    try:
        root = load_xml(raw, f"le fichier {PROCESS}")
    except XmlRefused:
        return None
    elements = {element.get("id", ""): element for element in root.iter() if element.tag.startswith(_BPMN)}
    shapes, lines = [], []
    for drawn in root.iter(f"{_DI}BPMNShape", f"{_DI}BPMNEdge"):
        element = elements.get(drawn.get("bpmnElement") or "")
        if element is None:
            continue
        if drawn.tag == f"{_DI}BPMNShape":
            if (box := _box(drawn)) is not None:
                shapes.append(_shape(drawn, element, box))
        elif len(points := _points(drawn)) > 1:
            lines.append(_line(drawn, element, points))
    if not shapes:
        return None
    process = root.find(f"{_BPMN}process")
    title = (process.get("name") if process is not None else "") or "Processus"
    # pools and sub-processes are behind what they contain
    ordered = sorted(shapes, key=lambda shape: (shape.kind == "boundaryEvent", -shape.box.width * shape.box.height))
    return Drawing(title, tuple(ordered), tuple(lines), _around(ordered, lines))


def _shape(drawn: etree._Element, element: etree._Element, box: Box) -> Shape:
    tag = etree.QName(element).localname
    events = [etree.QName(child).localname for child in element if isinstance(child.tag, str)]
    event = next((name.removesuffix("EventDefinition") for name in events if name.endswith("EventDefinition")), "")
    return Shape(
        id=element.get("id") or "",
        kind=tag,
        name=element.get("name") or "",
        box=box,
        label=_box(drawn.find(f"{_DI}BPMNLabel")),
        event=event,
        interrupting=element.get("cancelActivity", "true") == "true"
        and element.get("isInterrupting", "true") == "true",
        expanded=drawn.get("isExpanded") == "true",
        horizontal=drawn.get("isHorizontal", "true") == "true",
    )


def _line(drawn: etree._Element, element: etree._Element, points: tuple[tuple[float, float], ...]) -> Line:
    return Line(
        id=element.get("id") or "",
        kind=etree.QName(element).localname,
        name=element.get("name") or "",
        points=points,
        label=_box(drawn.find(f"{_DI}BPMNLabel")),
        source=element.get("sourceRef") or "",
        target=element.get("targetRef") or "",
    )


def _points(drawn: etree._Element) -> tuple[tuple[float, float], ...]:
    return tuple((_number(point.get("x")), _number(point.get("y"))) for point in drawn.iterfind(f"{_DD}waypoint"))


def _around(shapes: Sequence[Shape], lines: Sequence[Line]) -> Box:
    labels = [*(shape.label for shape in shapes), *(line.label for line in lines)]
    boxes = [*(shape.box for shape in shapes), *(label for label in labels if label is not None)]
    boxes += [Box(x, y, 0, 0) for line in lines for x, y in line.points]
    left, top = min(box.x for box in boxes), min(box.y for box in boxes)
    right, bottom = max(box.x + box.width for box in boxes), max(box.y + box.height for box in boxes)
    # room for the names under events, and for what is written over a step
    return Box(left - 20, top - 48, right - left + 40, bottom - top + 88)


# -- the same in words -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class StepInWords:
    """One line of the text that stands for the picture."""

    id: str
    name: str
    lane: str
    state: State

    @property
    def state_words(self) -> str:
        return STATE_WORDS[self.state]


def steps_in_words(raw: bytes, done: Collection[str], current: Collection[str]) -> list[StepInWords]:
    """The people's steps and the ends of a process, in the order in which a demande meets them."""
    graph = _graph(raw)
    if graph is None:
        return []
    lanes = {lane.role: lane.name for lane in graph.lanes}
    return [
        StepInWords(node.id, node.name, lanes.get(node.lane, ""), state_of(node.id, done, current))
        for node in (graph.nodes[node_id] for node_id in _in_order(graph))
        if node.kind in HUMAN_TASKS or (node.kind == "endEvent" and node.status)
    ]


@dataclass(frozen=True)
class NodeInWords:
    """A drawn node. ``human`` says that somebody does it."""

    id: str
    name: str
    lane: str
    kind: str
    human: bool


def nodes_in_words(raw: bytes) -> list[NodeInWords]:
    """Every node of a process, in the order in which a demande meets them."""
    graph = _graph(raw)
    if graph is None:
        return []
    lanes = {lane.role: lane.name for lane in graph.lanes}
    found = (graph.nodes[node_id] for node_id in _in_order(graph))
    return [
        NodeInWords(node.id, node.name or node.id, lanes.get(node.lane, ""), node.kind, node.kind in HUMAN_TASKS)
        for node in found
    ]


@lru_cache(maxsize=128)
def _graph(raw: bytes) -> Graph | None:
    try:
        return read_graph(load_xml(raw, f"le fichier {PROCESS}"))
    except (XmlRefused, GraphRefused):
        return None


def state_of(node_id: str, done: Collection[str], current: Collection[str]) -> State:
    """A node that waits is current even when it was done before: the demande came back to it."""
    return "current" if node_id in current else "done" if node_id in done else "todo"


def _in_order(graph: Graph) -> list[str]:
    """Breadth first from the start; nodes that only an event reaches come where their activity stands."""
    waiting = [node.id for node in graph.starts(graph.id)]
    seen: dict[str, None] = {}
    while waiting:
        node_id = waiting.pop(0)
        if node_id in seen or node_id not in graph.nodes:
            continue
        seen[node_id] = None
        waiting += [flow.target for flow in graph.outgoing(node_id)]
        waiting += [start.id for start in graph.starts(node_id)]
        waiting += [event.id for event in graph.boundaries(node_id)]
    return [*seen, *(node_id for node_id in graph.nodes if node_id not in seen)]
