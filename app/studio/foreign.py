"""Diagrams drawn with other BPMN tools: what they hold that the portal does not run, and what it takes to import one.

Only what every BPMN 2.0 file says is kept: settings of Camunda, Zeebe, Signavio and others are named, then left out.
"""

from __future__ import annotations

from dataclasses import dataclass

from lxml import etree

from app.engine.bpmn_reader import BPMN, SPIFF, read_graph
from app.engine.bundle import PROCESS
from app.engine.graph import GraphRefused
from app.engine.verify import Problem, unsupported
from app.engine.xml import XmlRefused, load_xml
from app.errors import Refused

_DI = "{http://www.omg.org/spec/BPMN/20100524/DI}"
_OURS = ("http://www.omg.org/spec/", "http://www.w3.org/", SPIFF.strip("{}"))
_TOOLS = {
    "camunda.org/schema/zeebe": "Zeebe",
    "camunda.org": "Camunda",
    "signavio": "Signavio",
    "activiti": "Activiti",
    "flowable": "Flowable",
    "omg.org/spec/BPMN/non-normative/color": "",
    "bpmn.io/schema/bpmn/biocolor": "",
}
"""What a namespace belongs to; nothing for colours, which change no course."""


@dataclass(frozen=True)
class Adapted:
    """A diagram as the portal keeps it, its title, and what was left out of it (warnings)."""

    xml: bytes
    title: str
    left_out: tuple[Problem, ...]


class Unsupported(Refused):
    """The diagram holds elements that the portal does not run; ``problems`` names each, with the remedy."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("Ce diagramme contient des éléments que le portail n’exécute pas.")
        self.problems = tuple(problems)


def title_of(raw: bytes) -> str:
    """The name of the process in a diagram, for the form that imports it; nothing when it has none."""
    try:
        root = load_xml(raw, "ce fichier")
    except XmlRefused:
        return ""
    named = [element.get("name") or "" for tag in ("process", "participant") for element in root.iter(f"{BPMN}{tag}")]
    return next((name for name in named if name), "")


def adapt(raw: bytes, slug: str, title: str) -> Adapted:
    """The same diagram, executable and identified by ``slug``, without other tools' settings.

    Raises Refused for what is no acceptable BPMN, Unsupported with every element the portal does not run.
    """
    try:
        root = load_xml(raw, "ce fichier")
        _make_executable(root)
        left_out = _leave_out(root)
        graph = read_graph(root)
    except (XmlRefused, GraphRefused) as refusal:
        raise Refused(refusal.message, "archive") from refusal
    if problems := unsupported(graph):
        raise Unsupported(problems)
    _rename(root, graph.id, slug, title)
    # the prefixes of standard names may be used inside attributes (« bpmn:tFormalExpression »)
    standard = [prefix for prefix, uri in root.nsmap.items() if prefix and _standard(f"{{{uri}}}")]
    etree.cleanup_namespaces(root, keep_ns_prefixes=standard)
    xml = etree.tostring(root, encoding="UTF-8", xml_declaration=True)
    return Adapted(xml, title, tuple(left_out))


def _make_executable(root: etree._Element) -> None:
    """Drawing tools leave « isExecutable » to false; the only process that holds something is the one to run."""
    processes = [element for element in root.iter(f"{BPMN}process") if len(element)]
    if len(processes) == 1:
        processes[0].set("isExecutable", "true")
        for empty in root.iter(f"{BPMN}process"):
            if not len(empty):
                empty.set("isExecutable", "false")


def _rename(root: etree._Element, old: str, slug: str, title: str) -> None:
    """The identifier of the process, wherever it is referred to. Raises Refused when something else has it."""
    for element in root.iter():
        if element.get("id") == slug and element.tag != f"{BPMN}process":
            raise Refused(
                f"Un élément du diagramme s’appelle déjà « {slug} » : choisissez un autre identifiant.", "slug"
            )
    for process in root.iter(f"{BPMN}process"):
        if process.get("id") == old:
            process.set("id", slug)
            process.set("name", title)
    for participant in root.iter(f"{BPMN}participant"):
        if participant.get("processRef") == old:
            participant.set("processRef", slug)
    for plane in root.iter(f"{_DI}BPMNPlane"):
        if plane.get("bpmnElement") == old:
            plane.set("bpmnElement", slug)


def _leave_out(root: etree._Element) -> list[Problem]:
    """Removes what other tools wrote, and says on which elements."""
    found: dict[tuple[str, str], Problem] = {}
    for element in list(root.iter()):
        if not _standard(element.tag):
            parent = element.getparent()
            if parent is not None and _standard(parent.tag):
                _note(found, _owner(parent), etree.QName(element).namespace or "")
                parent.remove(element)
            continue
        for name in list(element.attrib):
            text = str(name)
            if text.startswith("{") and not _standard(text):
                _note(found, _owner(element), text[1:].partition("}")[0])
                del element.attrib[name]
    return sorted(found.values())


def _standard(tag: object) -> bool:
    namespace = str(tag)[1:].partition("}")[0] if str(tag).startswith("{") else ""
    return not namespace or (namespace.startswith(_OURS) and "non-normative" not in namespace)


def _owner(element: etree._Element) -> etree._Element:
    """The drawn element that these settings are about."""
    while element.get("id") is None and (parent := element.getparent()) is not None:
        element = parent
    return element


def _note(found: dict[tuple[str, str], Problem], owner: etree._Element, namespace: str) -> None:
    tool = next((name for part, name in _TOOLS.items() if part in namespace), namespace[:80])
    if not tool:
        return
    identity = owner.get("id") or PROCESS
    name = owner.get("name") or identity
    message = f"Cet élément porte des réglages de {tool}, que le portail ne lit pas : ils sont laissés de côté."
    remedy = "Choisissez son formulaire, son opération ou sa condition dans l’éditeur."
    found[identity, tool] = Problem("warning", identity, name, message, remedy)
