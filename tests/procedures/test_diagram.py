"""The picture of a process: well-formed, complete, harmless, and told in words too."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import etree

from app.engine.bpmn_reader import read_graph
from app.engine.xml import load_xml
from app.procedures.diagram import read_drawing, steps_in_words
from app.procedures.diagram_svg import picture
from tests.cases.making import make_bundle

SHIPPED = sorted((Path(__file__).parents[2] / "workflows").glob("*/process.bpmn"))
SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = '<script>alert(1)</script>" onload="x" \' & {title} {0} ]]>'


def drawn(raw: bytes, done=(), current=()) -> etree._Element:
    drawing = read_drawing(raw)
    assert drawing is not None
    return etree.fromstring(str(picture(drawing, done, current)))


def with_shape(name: str, *, x: str = "100", waypoint: str = "10") -> bytes:
    """One named step drawn by an untrusted tool."""
    escaped = name.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    return (
        '<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL" '
        'xmlns:bpmndi="http://www.omg.org/spec/BPMN/20100524/DI" xmlns:dc="http://www.omg.org/spec/DD/20100524/DC" '
        'xmlns:di="http://www.omg.org/spec/DD/20100524/DI">'
        f'<bpmn:process id="p" name="{escaped}" isExecutable="true"><bpmn:startEvent id="s"/>'
        f'<bpmn:userTask id="u" name="{escaped}"/><bpmn:sequenceFlow id="f" name="{escaped}" sourceRef="s" '
        'targetRef="u"/></bpmn:process><bpmndi:BPMNDiagram><bpmndi:BPMNPlane bpmnElement="p">'
        f'<bpmndi:BPMNShape bpmnElement="u"><dc:Bounds x="{x}" y="80" width="100" height="80"/></bpmndi:BPMNShape>'
        '<bpmndi:BPMNShape bpmnElement="s"><dc:Bounds x="0" y="100" width="36" height="36"/></bpmndi:BPMNShape>'
        f'<bpmndi:BPMNEdge bpmnElement="f"><di:waypoint x="{waypoint}" y="118"/><di:waypoint x="100" y="118"/>'
        "</bpmndi:BPMNEdge></bpmndi:BPMNPlane></bpmndi:BPMNDiagram></bpmn:definitions>"
    ).encode()


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.parent.name)
def test_every_shipped_process_is_drawn_whole(path: Path) -> None:
    raw = path.read_bytes()
    graph = read_graph(load_xml(raw, "process"))
    titles = [title.text or "" for title in drawn(raw).iter(f"{SVG}title")]
    for node in graph.nodes.values():
        assert any(title.startswith(f"{node.name} (") for title in titles) or not node.named, node.name
    assert len(drawn(raw).findall(f"{SVG}polyline")) >= len(graph.flows)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.parent.name)
def test_nothing_in_the_picture_needs_an_inline_style_or_script(path: Path) -> None:
    for element in drawn(path.read_bytes()).iter():
        assert etree.QName(element).localname not in ("style", "script", "foreignObject", "image", "a")
        assert not [name for name in element.attrib if name == "style" or name.startswith("on")]


def test_hostile_names_stay_text() -> None:
    svg = drawn(with_shape(HOSTILE))
    assert not list(svg.iter(f"{SVG}script"))
    assert HOSTILE in (svg.findtext(f"{SVG}title") or "")
    assert any(HOSTILE in (title.text or "") for title in svg.iter(f"{SVG}title"))
    assert not [name for element in svg.iter() for name in element.attrib if name.startswith("on")]


@pytest.mark.parametrize("number", ["NaN", "inf", "-1e308", "1e999", "12px", "", "９"])
def test_senseless_coordinates_give_a_finite_picture(number: str) -> None:
    svg = drawn(with_shape("Étape", x=number, waypoint=number))
    width, height = float(svg.get("width", "nan")), float(svg.get("height", "nan"))
    assert 0 < width < 100_000
    assert 0 < height < 100_000
    places = [element.get(name, "") for element in svg.iter() for name in ("x", "y", "cx", "d", "points", "viewBox")]
    assert not [place for place in places if "nan" in place or "inf" in place]


def test_a_very_long_name_is_cut_in_the_drawing_and_whole_in_its_title() -> None:
    name = "Vérifier le dossier " * 30
    svg = drawn(with_shape(name))
    texts = ["".join(text.itertext()) for text in svg.iter(f"{SVG}tspan")]
    assert max(map(len, texts)) < 30
    assert any(name.strip() in (title.text or "") for title in svg.iter(f"{SVG}title"))


def test_the_step_in_hand_and_the_steps_done_are_told_without_colours() -> None:
    svg = drawn(with_shape("Instruire"), done={"s"}, current={"u"})
    assert "▶ en cours" in "".join(svg.itertext())
    assert svg.findtext(f"{SVG}desc", "").startswith("En cours : Instruire.")
    titles = [title.text for title in svg.iter(f"{SVG}title")]
    assert "Instruire (étape d’une personne, en cours)" in titles
    assert "début (début, fait)" in titles


def test_a_step_done_before_is_in_hand_when_the_demande_came_back() -> None:
    svg = drawn(with_shape("Instruire"), done={"s", "u"}, current={"u"})
    assert "Instruire (étape d’une personne, en cours)" in [title.text for title in svg.iter(f"{SVG}title")]


def test_a_process_without_a_drawing_is_told_in_words_only() -> None:
    raw = make_bundle().files["process.bpmn"]
    assert read_drawing(raw) is None
    told = steps_in_words(raw, {"saisir", "prendre"}, {"instruire"})
    assert [(step.name, step.lane, step.state) for step in told][:3] == [
        ("Écrire la demande", "Famille", "done"),
        ("Prendre en charge", "Gestionnaire", "done"),
        ("Instruire", "Gestionnaire", "current"),
    ]
    assert {step.id for step in told} >= {"fin_close", "fin_refusee", "fin_annulee", "completer"}


@pytest.mark.parametrize("raw", [b"", b"<x", b"<!DOCTYPE a><a/>", b"<a/>", b"\xff\xfe"])
def test_what_is_no_process_gives_no_picture_and_no_words(raw: bytes) -> None:
    assert read_drawing(raw) is None
    assert steps_in_words(raw, (), ()) == []
