"""Called processes beside their caller: their ids get a prefix, for two démarches often name their steps alike."""

from __future__ import annotations

from lxml import etree

BPMN = "{http://www.omg.org/spec/BPMN/20100524/MODEL}"
SPIFF = "{http://spiffworkflow.org/bpmn/schema/1.0/core}"

_REFERENCES = (
    "id", "sourceRef", "targetRef", "attachedToRef", "default", "messageRef", "signalRef", "errorRef",
    "escalationRef", "processRef", "bpmnElement",
)  # fmt: skip
_REFERENCE_TEXTS = {f"{BPMN}{tag}" for tag in ("incoming", "outgoing", "flowNodeRef")}
_VARIABLES = {f"{BPMN}inputDataItem", f"{BPMN}outputDataItem"}  # their ids are names of variables


def separate(root: etree._Element, slug: str, main: str) -> None:
    """Prefixes every id of a called process with ``slug:``, in place; its process (``main``) takes ``slug`` itself,
    which is how a call activity names it."""
    ids = {element.get("id") for element in root.iter(f"{BPMN}*") if element.tag not in _VARIABLES}
    ids.discard(None)
    renamed = {str(each): slug if each == main else f"{slug}:{each}" for each in ids}
    for element in root.iter():
        if not isinstance(element.tag, str) or element.tag.startswith(SPIFF) or element.tag in _VARIABLES:
            continue
        for attribute in _REFERENCES:
            value = element.get(attribute)
            if value in renamed and (attribute != "id" or element.tag.startswith(BPMN)):
                element.set(attribute, renamed[str(value)])
        if element.tag in _REFERENCE_TEXTS and (element.text or "").strip() in renamed:
            element.text = renamed[(element.text or "").strip()]
    for reference in root.iter(f"{SPIFF}calledDecisionId"):
        reference.text = f"{slug}:{(reference.text or '').strip()}"
