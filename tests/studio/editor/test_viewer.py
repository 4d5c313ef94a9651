"""Diagrams to read: counts, coverage and differences, in the picture and in words."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.axe import assert_accessible
from tests.studio.editor.conftest import Opening
from tests.studio.editor.harness import PROBLEMS, RICH

NODES = {
    "instruire": {
        "count": 12,
        "words": "12 demandes",
        "median": "2 j",
        "median_words": "durée médiane : 2 jours",
        "incidents": 1,
        "incident_words": "1 incident",
        "heat": 0.9,
        "url": "/p/page#element=instruire",
    },
    "prendre_en_charge": {"count": 3, "words": "3 demandes", "heat": 0.3},
    "disparue": {"count": 1, "words": "1 demande"},
}


def without(xml: str, element: str) -> str:
    """The same diagram less one boundary event and the flow that leaves it."""
    xml = re.sub(rf'\s*<bpmn:boundaryEvent id="{element}".*?</bpmn:boundaryEvent>', "", xml, flags=re.DOTALL)
    xml = re.sub(rf"\s*<bpmn:flowNodeRef>{element}</bpmn:flowNodeRef>", "", xml)
    xml = re.sub(r'\s*<bpmn:sequenceFlow id="flux_15"[^>]*/>', "", xml)
    xml = xml.replace("<bpmn:incoming>flux_15</bpmn:incoming>", "")
    for drawn in (
        rf'BPMNShape id="{element}_di".*?</bpmndi:BPMNShape>',
        r'BPMNEdge id="flux_15_di".*?</bpmndi:BPMNEdge>',
    ):
        xml = re.sub(rf"\s*<bpmndi:{drawn}", "", xml, flags=re.DOTALL)
    return xml


@pytest.fixture
def newer(absence: str) -> str:
    changed = without(absence, "renoncement").replace('name="Contrôler l’absence"', 'name="Vérifier l’absence"')
    changed = changed.replace('value="3 jours ouvrés"', 'value="P5D"').replace("== 'refuser'", "!= 'accepter'")
    changed = changed.replace(
        '<bpmn:serviceTask id="retirer" ',
        '<bpmn:manualTask id="appel" name="Appeler"/>\n<bpmn:serviceTask id="retirer" ',
    )
    shape = '<bpmndi:BPMNShape id="appel_di" bpmnElement="appel"><dc:Bounds x="955" y="500" width="120" height="80"/>'
    changed = changed.replace(
        '<bpmndi:BPMNShape id="fin_close_di"', shape + '</bpmndi:BPMNShape><bpmndi:BPMNShape id="fin_close_di"'
    )
    return changed.replace('<dc:Bounds x="275" y="100"', '<dc:Bounds x="285" y="100"')


def marked(page: Page, marker: str, which: int = 0) -> set[str]:
    found: list[str] = page.evaluate(
        """([marker, which]) => { const viewer = document.querySelector('[data-viewer]').studio.viewers[which];
          const canvas = viewer.get('canvas');
          return viewer.get('elementRegistry').filter((each) => !each.labelTarget && canvas.hasMarker(each.id, marker))
            .map((each) => each.id); }""",
        [marker, which],
    )
    return set(found)


def test_counts_and_medians_stand_beside_their_step_and_lead_to_their_list(opened: Opening, absence: str) -> None:
    page = opened("viewer", {"xml": absence, "label": "Absence, version 4", "nodes": NODES})
    expect(page.get_by_role("img", name="Absence, version 4")).to_be_visible()
    badge = page.get_by_role("link", name="Contrôler l’absence : 12 demandes, durée médiane : 2 jours, 1 incident")
    expect(badge).to_have_attribute("href", "/p/page#element=instruire")
    expect(badge).to_contain_text("12")
    assert marked(page, "studio-heat-4") == {"instruire"}
    page.get_by_text("Les mêmes chiffres en tableau").click()
    rows = page.locator("table tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.nth(1)).to_contain_text("12 demandes")


def test_what_no_scenario_meets_is_named(opened: Opening, absence: str) -> None:
    met = dict.fromkeys(re.findall(r"<bpmn:\w+(?:Task|Event|Gateway|Flow) id=\"(\w+)\"", absence), 2) | {
        "fin_refusee": 0,
        "flux_9": 0,
    }
    page = opened("viewer", {"xml": absence, "coverage": met})
    assert marked(page, "studio-uncovered") == {"fin_refusee", "flux_9"}
    assert "instruire" in marked(page, "studio-covered")
    expect(page.locator(".studio-legend")).to_contain_text(f"{len(met) - 2} éléments sur {len(met)}")
    expect(page.locator(".studio-legend").get_by_role("link", name="Absence refusée")).to_be_visible()
    tones = page.evaluate(
        "() => ['success', 'danger'].map("
        "(tone) => document.querySelectorAll(`.studio-badge[data-tone=${tone}] svg`).length)"
    )
    assert tones == [len([1 for name, count in met.items() if count and not name.startswith("flux")]), 1]


def test_differences_are_drawn_and_said(opened: Opening, absence: str, newer: str) -> None:
    page = opened("viewer", {"xml": newer, "before": absence})
    assert marked(page, "studio-added") == {"appel"}
    assert marked(page, "studio-changed") == {"instruire", "flux_9"}
    assert marked(page, "studio-removed", 1) == {"renoncement", "flux_15"}
    assert page.locator(".layer-studio-removed > *").count() >= 3  # the event, its name, its flow, and « Retiré »
    said = page.locator(".studio-legend").inner_text().replace("\u00a0", " ")
    assert "le nom : « Contrôler l’absence » devient « Vérifier l’absence »" in said
    assert "l’échéance : « 3 jours ouvrés » devient « 5 jours »" in said
    assert "la condition : « decision == 'refuser' » devient « decision != 'accepter' »" in said
    assert "La famille renonce (Événement sur le bord (message))" in said
    assert "Un élément a seulement changé de place." in said


def test_two_pictures_side_by_side_move_together(opened: Opening, absence: str, newer: str) -> None:
    page = opened("viewer", {"xml": newer, "before": absence})
    expect(page.get_by_text("Avant", exact=True)).to_be_hidden()
    page.get_by_role("button", name="Avant et après côte à côte").click()
    expect(page.get_by_text("Avant", exact=True)).to_be_visible()
    page.get_by_role("button", name="Agrandir").click()
    boxes = page.evaluate(
        "() => document.querySelector('[data-viewer]').studio.viewers.map((each) => each.get('canvas').viewbox())"
        ".map(({ x, y, scale }) => [Math.round(x), Math.round(y), Math.round(scale * 100)])"
    )
    assert boxes[0] == boxes[1]


def test_the_server_s_own_words_are_preferred(opened: Opening, absence: str, newer: str) -> None:
    changes = {"added": ["appel"], "removed": [], "changed": {"instruire": ["le contrôle est plus long"]}}
    page = opened("viewer", {"xml": newer, "before": absence, "changes": changes})
    expect(page.get_by_text("le contrôle est plus long")).to_be_visible()
    assert marked(page, "studio-changed") == {"instruire"}


def test_the_same_diagram_has_no_difference(opened: Opening) -> None:
    xml = RICH.read_text(encoding="utf-8")
    page = opened("viewer", {"xml": xml, "before": xml})
    expect(page.get_by_text("Le diagramme est le même.")).to_be_visible()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("'PT24H'", "'PT48H'", "le minuteur : « 24 heures » devient « 48 heures »"),
        ('value="declaration"', 'value="autre"', "le formulaire : « declaration » devient « autre »"),
        ('id="motif" type="str" value="', 'id="motif" type="str" value="rien or ', "le paramètre « motif »"),
        ("<spiffworkflow:calledDecisionId>tarif", "<spiffworkflow:calledDecisionId>prix", "la table de décision"),
        ('calledElement="contact"', 'calledElement="absence"', "la démarche appelée : « contact » devient « absence »"),
        ('errorCode="complet"', 'errorCode="plein"', "ce qu’il attend ou émet : « complet » devient « plein »"),
        ('<bpmn:inputDataItem id="un_enfant"', '<bpmn:inputDataItem id="frere"', "la répétition"),
        ('value="gestionnaire"', 'value="direction"', "le rôle : « gestionnaire » devient « direction »"),
        ("total = 3", "total = 5", "le calcul : "),
        ('cancelActivity="false"', 'cancelActivity="true"', "l’interruption : « sans interrompre » (retiré)"),
        ("<spiffworkflow:messageVariable>recu", "<spiffworkflow:messageVariable>vu", "la variable du message"),
    ],
)
def test_every_kind_of_change_is_said(opened: Opening, old: str, new: str, said: str) -> None:
    before = RICH.read_text(encoding="utf-8")
    assert old in before
    page = opened("viewer", {"xml": before.replace(old, new), "before": before})
    expect(page.locator(".studio-changes[data-tone=warning]")).to_contain_text(said)


@pytest.mark.parametrize("width", [390, 1280])
def test_viewers_are_accessible_and_fit(opened: Opening, absence: str, newer: str, width: int) -> None:
    data = {
        "xml": newer,
        "before": absence,
        "nodes": NODES,
        "coverage": {"instruire": 1, "fin_refusee": 0},
        "problems": PROBLEMS,
    }
    page = opened("viewer", data, width=width)
    page.get_by_text("Les mêmes chiffres en tableau").click()
    assert_accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    expect(page.locator(".bjs-powered-by").last).to_be_visible()
    page.get_by_role("button", name="Avant et après côte à côte").click()
    assert_accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
