"""A diagram opened and saved without a change says the same: to our engine, to other tools, and to the eye."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from lxml import etree

from app.engine.bpmn_reader import read_graph
from app.engine.xml import load_xml
from app.procedures.diagram import read_drawing
from tests.studio.editor.conftest import Opening, exported, select
from tests.studio.editor.harness import RICH, SHIPPED, studio_data

DIAGRAMS = [*SHIPPED, RICH]
# absent and written out mean the same (BPMN's own defaults)
DI = "http://www.omg.org/spec/BPMN/20100524/DI"
DEFAULTS = {("cancelActivity", "true"), ("isInterrupting", "true"), ("isSequential", "false")}


def _attributes(element: etree._Element) -> tuple[tuple[str, str], ...]:
    return tuple(
        sorted((str(name), str(value)) for name, value in element.attrib.items() if (name, value) not in DEFAULTS)
    )


def said(element: etree._Element) -> tuple[object, ...]:
    """An element and all it holds, children in any order, whitespace around texts aside."""
    inside = Counter(said(child) for child in element if isinstance(child.tag, str))
    # coordinates: 36 and 36.0 are the same place
    attributes = tuple((n, re.sub(r"^(-?\d+)\.0$", r"\1", v)) for n, v in _attributes(element))
    return (element.tag, attributes, (element.text or "").strip(), frozenset(inside.items()))


def _flat(xml: bytes) -> Counter[tuple[object, ...]]:
    """Every element that has an id or a text, so that a difference names itself."""
    return Counter(
        (element.tag, _attributes(element), (element.text or "").strip())
        for element in etree.fromstring(xml).iter()
        if isinstance(element.tag, str) and etree.QName(element).namespace != DI
    )


def _places(xml: bytes) -> tuple[object, ...]:
    """What is drawn where; the order of the file is not seen."""
    drawing = read_drawing(xml)
    assert drawing is not None
    return set(drawing.shapes), set(drawing.lines), drawing.box


@pytest.mark.parametrize("path", DIAGRAMS, ids=lambda path: path.parent.name)
def test_nothing_is_lost_when_a_diagram_is_opened_and_saved(opened: Opening, path: Path) -> None:
    before = path.read_bytes()
    page = opened("studio", studio_data(before.decode()))
    after = exported(page).encode()
    assert _flat(after) == _flat(before)
    assert said(etree.fromstring(after)) == said(etree.fromstring(before))
    assert read_graph(load_xml(after, "x")) == read_graph(load_xml(before, "x"))
    assert _places(after) == _places(before)


def test_looking_at_every_element_changes_nothing(opened: Opening) -> None:
    before = RICH.read_bytes()
    page = opened("studio", studio_data(before.decode()))
    identities = page.evaluate(
        "() => document.querySelector('[data-studio]').studio.editor.get('elementRegistry')"
        ".filter((each) => each.parent && !each.labelTarget).map((each) => each.id)"
    )
    assert len(identities) > 70
    for identity in identities:
        select(page, identity)
        assert page.locator(".studio-panel__title").inner_text() != "Le processus"
    assert _flat(exported(page).encode()) == _flat(before)
    assert not page.get_by_role("button", name="Annuler", exact=True).is_enabled()


def test_a_loss_would_be_seen() -> None:
    raw = RICH.read_bytes()
    assert _flat(raw) != _flat(raw.replace(b'value="enfant"', b'value="enfants"'))
    assert _flat(raw) != _flat(raw.replace(b"<bpmn:loopDataInputRef>enfants</bpmn:loopDataInputRef>", b""))
    assert read_graph(load_xml(raw, "x")) != read_graph(load_xml(raw.replace(b"'PT24H'", b"'PT25H'"), "x"))
