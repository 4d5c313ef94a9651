"""A decision table changed in the browser is the one the engine then evaluates."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from lxml import etree
from playwright.sync_api import Page, expect

from app.engine.decisions import Decision, parse_decisions
from tests.engine.test_decisions import make_dmn
from tests.journeys.axe import assert_accessible
from tests.studio.editor.conftest import Opening
from tests.studio.editor.harness import Desk, studio_data
from tests.studio.editor.test_round_trip import said

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
RULES = [("< 400", "1"), ("[400..700[", "2"), (">= 700", "3")]


def opened_table(opened: Opening, raw: bytes, width: int = 1280) -> Page:
    return opened("dmn", studio_data(raw.decode(), file_name="tarif.dmn"), width=width)


def written(page: Page) -> str:
    xml: str = page.evaluate("() => document.querySelector('[data-dmn]').studio.table.write()")
    return xml


def decision(page: Page) -> Decision:
    return parse_decisions(written(page).encode())["tarif"]


def write(page: Page, label: str, text: str) -> None:
    field = page.get_by_label(label, exact=True)
    field.fill(text)
    field.press("Tab")


@pytest.mark.parametrize(
    "raw",
    [
        make_dmn(RULES),
        make_dmn(
            [('"A"', "1", "'x'")], outputs=("tranche", "mot"), policy="FIRST", default="0", input_values='"A","B"'
        ),
        make_dmn([("-", "1"), ("-", "2")], policy="COLLECT", aggregation="SUM", output_values="1,2"),
    ],
    ids=["plain", "rich", "sum"],
)
def test_nothing_is_lost(opened: Opening, raw: bytes) -> None:
    page = opened_table(opened, raw)
    assert said(etree.fromstring(written(page).encode())) == said(etree.fromstring(raw))


def test_rules_are_added_written_moved_and_removed(opened: Opening, desk: Desk) -> None:
    page = opened_table(opened, make_dmn(RULES))
    page.get_by_role("button", name="Ajouter une règle").click()
    expect(page.get_by_label("Règle 4, quotient")).to_be_focused()
    page.keyboard.type("null")
    page.keyboard.press("Tab")
    page.keyboard.type("9")
    page.keyboard.press("Tab")
    write(page, "Règle 3, quotient", "[700..900[")
    write(page, "Règle 1, remarque", "les plus modestes")
    page.get_by_role("button", name="Descendre la règle 1").click()
    page.get_by_role("button", name="Retirer la règle 4").click()
    table = decision(page)
    assert [rule.number for rule in table.rules] == [1, 2, 3]
    assert table.evaluate({"quotient": 500}, now=NOW) == {"tranche": 2}
    assert table.evaluate({"quotient": 899}, now=NOW) == {"tranche": 3}
    expect(page.get_by_label("Règle 2, remarque")).to_have_value("les plus modestes")
    expect(page.locator(".studio-status")).to_contain_text("Enregistré à 14 h 05")
    assert desk.saves[-1].replace("\r\n", "\n") == written(page)


def test_questions_answers_and_the_way_to_choose(opened: Opening) -> None:
    page = opened_table(opened, make_dmn(RULES))
    page.get_by_role("button", name="Ajouter une question").click()
    page.locator("#studio-expression-1").fill("age(naissance)")
    page.get_by_role("button", name="Ajouter une réponse").click()
    page.locator("#studio-variable-1").fill("Prix du repas")
    page.keyboard.press("Tab")
    page.get_by_label("Réponse donnée").select_option("FIRST")
    for line in (1, 2, 3):
        write(page, f"Règle {line}, age(naissance)", "< 6" if line == 1 else "-")
        write(page, f"Règle {line}, prix_du_repas", str(line * 100))
    table = decision(page)
    assert table.policy == "FIRST"
    answer = table.evaluate({"quotient": 100, "naissance": "2024-01-01"}, now=NOW)
    assert answer == {"tranche": 1, "prix_du_repas": 100}


def test_enter_goes_down_and_undo_comes_back(opened: Opening) -> None:
    page = opened_table(opened, make_dmn(RULES))
    cell = page.get_by_label("Règle 1, tranche")
    cell.fill("10")
    cell.press("Enter")
    expect(page.get_by_label("Règle 2, tranche")).to_be_focused()
    expect(page.get_by_role("button", name="Annuler")).to_be_enabled()
    page.get_by_role("button", name="Annuler").click()
    expect(cell).to_have_value("1")
    page.get_by_role("button", name="Rétablir").click()
    expect(cell).to_have_value("10")


@pytest.mark.parametrize("width", [390, 1280])
def test_the_table_is_accessible_and_fits(opened: Opening, width: int) -> None:
    page = opened_table(opened, make_dmn(RULES), width=width)
    page.evaluate("() => { for (const each of document.querySelectorAll('details')) each.open = true; }")
    assert_accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_file_without_a_table_says_so(opened: Opening) -> None:
    raw = make_dmn(RULES).replace(b"decisionTable", b"literalExpression")
    page = opened("dmn", studio_data(raw.decode()), ready=False)
    expect(page.get_by_role("alert")).to_be_visible()
