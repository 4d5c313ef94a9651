"""A step put between two others: the flow goes through it, what lies beyond makes room, one step back undoes it all."""

from __future__ import annotations

from itertools import combinations

from playwright.sync_api import Page, expect

from app.engine.bpmn_reader import read_graph
from app.engine.graph import Graph
from app.engine.xml import load_xml
from app.procedures.diagram import Box, read_drawing
from tests.studio.editor.conftest import Opening, exported, select
from tests.studio.editor.harness import RICH, studio_data


def graph(page: Page) -> Graph:
    return read_graph(load_xml(exported(page).encode(), "x"))


def drawn(page: Page) -> tuple[dict[str, Box], dict[str, object]]:
    """Where every shape and every arrow is; labels are measured again by the editor."""
    drawing = read_drawing(exported(page).encode())
    assert drawing is not None
    return {each.id: each.box for each in drawing.shapes}, {each.id: each.points for each in drawing.lines}


def overlapping(page: Page) -> list[tuple[str, str]]:
    """Activities drawn over each other."""
    boxes, kinds = drawn(page)[0], graph(page).nodes
    steps = [(name, box) for name, box in boxes.items() if name in kinds and kinds[name].kind.endswith("Task")]
    return [
        (one, other)
        for (one, left), (other, right) in combinations(steps, 2)
        if left.x < right.x + right.width
        and right.x < left.x + left.width
        and left.y < right.y + right.height
        and right.y < left.y + left.height
    ]


def test_a_step_is_inserted_in_a_flow_with_the_mouse(studio: Page) -> None:
    nodes, before = graph(studio).nodes, drawn(studio)
    assert overlapping(studio) == []
    select(studio, "flux_4")
    pad = studio.get_by_role("toolbar", name="Actions sur l’élément")
    pad.get_by_role("button", name="Insérer ici : Étape d’une personne").click()
    expect(studio.locator(".studio-panel__title")).to_have_text("Étape d’une personne")
    after = graph(studio)
    added = next(node for node in after.nodes.values() if node.kind == "userTask" and not node.named)
    assert [flow.source for flow in after.incoming(added.id)] == ["prendre_en_charge"]
    assert [flow.target for flow in after.outgoing(added.id)] == ["instruire"]
    assert added.lane == "gestionnaire"
    assert overlapping(studio) == []
    assert set(after.nodes) == {*nodes, added.id}
    studio.get_by_role("button", name="Annuler").click()
    assert graph(studio).nodes == nodes
    assert drawn(studio) == before


def test_a_step_is_inserted_in_a_flow_that_goes_down_with_the_keyboard(studio: Page) -> None:
    flow = next(flow.id for flow in graph(studio).outgoing("enregistrer_complement"))
    select(studio, flow)
    studio.evaluate("() => document.querySelector('[data-studio]').studio.editor.get('canvas').focus()")
    studio.keyboard.press("a")
    studio.keyboard.type("calcul")
    studio.keyboard.press("Enter")
    after = graph(studio)
    added = next(node for node in after.nodes.values() if node.kind == "scriptTask")
    assert [each.source for each in after.incoming(added.id)] == ["enregistrer_complement"]
    assert [each.target for each in after.outgoing(added.id)] == ["instruire"]
    assert overlapping(studio) == []


def test_only_what_may_stand_between_two_steps_is_offered(opened: Opening) -> None:
    page = opened("studio", studio_data(RICH.read_text(encoding="utf-8")))
    offered = page.evaluate(
        """() => { const { editor } = document.querySelector('[data-studio]').studio; const said = {};
          editor.get('elementRegistry').forEach((each) => {
            if (!each.parent || each.labelTarget) return;
            editor.get('menus').open('studio-insert', each);
            if (!editor.get('popupMenu').isOpen()) return;
            const entries = [...document.querySelectorAll('.djs-popup [data-id]')];
            said[each.id] = [each.type, ...entries.map((one) => one.dataset.id)];
            editor.get('popupMenu').close();
          });
          return said; }"""
    )
    assert {kinds[0] for kinds in offered.values()} == {"bpmn:SequenceFlow"}
    entries = {entry for kinds in offered.values() for entry in kinds[1:]}
    assert entries >= {"userTask", "serviceTask", "timer", "subProcess"}
    assert not any(entry.startswith("end") for entry in entries)
