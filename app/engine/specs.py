"""Published versions as SpiffWorkflow specs: parsed once per process, shared by all their instances."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from lxml import etree
from SpiffWorkflow.bpmn.specs.bpmn_process_spec import BpmnProcessSpec

from app.db import fold
from app.engine.bpmn_reader import read_graph
from app.engine.bundle import PROCESS
from app.engine.callees import BPMN, SPIFF, separate
from app.engine.decisions import Decision, parse_decisions
from app.engine.event_sub_processes import BODY, redraw_event_sub_processes
from app.engine.parser import PortalParser, prepare
from app.engine.verify.markings import Markings
from app.engine.xml import load_xml
from app.kept import Recent

CACHE_SIZE = 256
PARAMETER_PREFIX = "parametre:"


@dataclass(frozen=True)
class Node:
    """What the runtime needs of a drawn element: its French name, its lane (= role) and its properties."""

    id: str
    name: str
    kind: str
    lane: str
    properties: Mapping[str, str] = field(default_factory=dict)

    @property
    def status(self) -> str | None:
        """The status shown to the family while this node is active (or, for an end, for ever)."""
        return self.properties.get("statut")


@dataclass(frozen=True)
class Definition:
    """A parsed version. Shared between threads: never modified after parsing."""

    bundle_hash: str
    spec: BpmnProcessSpec
    subprocess_specs: Mapping[str, BpmnProcessSpec]
    nodes: Mapping[str, Node]
    decisions: Mapping[str, Decision]
    drawings: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def trees(self) -> Mapping[str, BpmnProcessSpec]:
        """What each scope is made of; that of a scope with event sub-processes is in two (see event_sub_processes)."""
        return {self.spec.name: self.spec, **self.subprocess_specs}

    def home(self, node: str) -> str | None:
        """The scope in which an element is drawn; None when nothing runs it."""
        return next((name.removesuffix(BODY) for name, tree in self.trees.items() if node in tree.task_specs), None)

    @cached_property
    def _markings(self) -> Mapping[str, Markings]:
        return {slug: Markings(read_graph(load_xml(raw, PROCESS))) for slug, raw in self.drawings.items()}

    def drawing_of(self, node: str) -> tuple[Markings, str]:
        """The process where an element is drawn, this one or one that it calls, and its id there."""
        slug, _, own = node.rpartition(":")
        return self._markings[slug], own

    def drawing_of_scope(self, scope: str) -> tuple[Markings, str]:
        """The same of a scope: a called process has its slug for id."""
        if scope in self.drawings:
            return self._markings[scope], self._markings[scope].graph.id
        return self.drawing_of(scope)


def lane_role(lane: etree._Element) -> str:
    """The role of a lane: its ``role`` property, else its name without accents or spaces (« Famille » → famille)."""
    for prop in lane.iter(f"{SPIFF}property"):
        if prop.get("name") == "role":
            return str(prop.get("value"))
    return fold(lane.get("name") or lane.get("id") or "").replace(" ", "-")


def _read_nodes(root: etree._Element) -> dict[str, Node]:
    lanes = {
        (ref.text or "").strip(): lane_role(lane)
        for lane in root.iter(f"{BPMN}lane")
        for ref in lane.findall(f"{BPMN}flowNodeRef")
    }
    nodes: dict[str, Node] = {}
    for process in root.iter(f"{BPMN}process"):
        for element in process.iter():
            node_id = element.get("id")
            if node_id is None or not isinstance(element.tag, str) or not element.tag.startswith(BPMN):
                continue
            extension = element.find(f"{BPMN}extensionElements")
            properties = {}
            if extension is not None:
                properties = {
                    str(p.get("name")): str(p.get("value", ""))
                    for p in extension.iterfind(f"{SPIFF}properties/{SPIFF}property")
                }
            nodes[node_id] = Node(
                id=node_id,
                name=element.get("name") or node_id,
                kind=element.tag.removeprefix(BPMN),
                lane=lanes.get(node_id) or _lane_of_parent(element, lanes),
                properties=properties,
            )
    return nodes


def _lane_of_parent(element: etree._Element, lanes: Mapping[str, str]) -> str:
    """Nodes of a sub-process work in the lane their sub-process stands in, unless they have their own property."""
    parent = element.getparent()
    while parent is not None:
        if (lane := lanes.get(parent.get("id") or "")) is not None:
            return lane
        parent = parent.getparent()
    return ""


def parse(bundle_hash: str, files: Mapping[str, bytes], callees: Mapping[str, Mapping[str, bytes]]) -> Definition:
    """Parses a verified version with the processes it calls (``callees``: slug → files).

    The ids of a called process, and of its decisions, get its slug before them (``justificatif:saisir``).
    """
    parser = PortalParser()
    nodes: dict[str, Node] = {}
    decisions: dict[str, Decision] = {}
    drawings: dict[str, bytes] = {}
    main = ""
    for slug, content in (*callees.items(), ("", files)):
        root = load_xml(content[PROCESS], PROCESS)
        drawings[slug] = content[PROCESS]
        main = next(p.get("id") or "" for p in root.iter(f"{BPMN}process") if p.get("isExecutable") != "false")
        if slug:
            separate(root, slug, main)
        nodes.update(_read_nodes(root))
        for parameter in root.iter(f"{SPIFF}parameter"):
            # SpiffWorkflow finds nodes by id among *all* elements: a parameter must not pass for the node of its name
            parameter.set("id", PARAMETER_PREFIX + str(parameter.get("id")))
        redraw_event_sub_processes(root)
        parser.add_bpmn_xml(root, filename=f"{slug}/{PROCESS}")
        for name, data in content.items():
            if name.startswith("decisions/"):
                read = parse_decisions(data)
                decisions.update({f"{slug}:{key}" if slug else key: decision for key, decision in read.items()})
    spec = parser.get_spec(main)
    subprocess_specs = parser.get_subprocess_specs(main)
    for each in (spec, *subprocess_specs.values()):
        prepare(each)
    return Definition(bundle_hash, spec, subprocess_specs, nodes, decisions, drawings)


Loader = Callable[[str], tuple[Mapping[str, bytes], Mapping[str, Mapping[str, bytes]]]]


class SpecCache:
    """The definitions of this process, by bundle hash; the least recently used leave first."""

    def __init__(self, size: int = CACHE_SIZE) -> None:
        self._definitions: Recent[str, Definition] = Recent(size)

    def get(self, bundle_hash: str, load: Loader) -> Definition:
        """The definition, parsed on first use from ``load(bundle_hash) -> (files, files of called processes)``."""
        return self._definitions.get(bundle_hash, lambda: parse(bundle_hash, *load(bundle_hash)))
