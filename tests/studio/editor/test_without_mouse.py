"""The diagram by the keyboard alone, and in French only."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from app.engine.bpmn_reader import read_graph
from app.engine.graph import Graph
from app.engine.xml import load_xml
from tests.journeys.axe import assert_accessible
from tests.studio.editor.conftest import Opening, exported, select
from tests.studio.editor.harness import RICH, studio_data

# the words of the libraries' own texts, as they would show through
ENGLISH = re.compile(
    r"\b(add|append|activate|task|event|gateway|flow|create|tool|connect|change|delete|remove|boundary|intermediate|"
    r"throw|catch|start|end|message end|non-interrupting|expanded|collapsed|pool|participant|lane|sub-process|"
    r"toggle|open|close|search|loop|sequential|parallel|default|condition(al)?|group|text|search|result|results|found|"
    r"name|general|documentation|hand|lasso|space)\b",
    re.IGNORECASE,
)
# French words that are spelled as English ones, and what an administrator wrote herself
SHARED = re.compile(r"message|condition|signal|minimap|documentation", re.IGNORECASE)


def focus_canvas(page: Page) -> None:
    page.evaluate("() => document.querySelector('[data-studio]').studio.editor.get('canvas').focus()")


def graph(page: Page) -> Graph:
    return read_graph(load_xml(exported(page).encode(), "x"))


def title(page: Page, text: str) -> None:
    expect(page.locator(".studio-panel__title")).to_have_text(text)


def test_walking_from_step_to_step(studio: Page) -> None:
    focus_canvas(studio)
    studio.keyboard.press("PageDown")
    title(studio, "Début")
    studio.keyboard.press("PageDown")
    title(studio, "Déclarer l’absence")
    expect(studio.locator("p[role=status].visually-hidden")).to_have_text(
        "Déclarer l’absence, Étape d’une personne, Couloir Famille"
    )
    studio.keyboard.press("PageUp")
    title(studio, "Début")
    studio.keyboard.press("PageDown")
    studio.keyboard.press("Enter")
    expect(studio.get_by_label("Nom", exact=True)).to_be_focused()
    studio.keyboard.press("Escape")
    assert studio.evaluate("() => document.activeElement.tagName") == "svg"


def test_adding_connecting_and_removing_with_letters(studio: Page) -> None:
    select(studio, "instruire")
    focus_canvas(studio)
    studio.keyboard.press("a")
    studio.keyboard.type("calcul")
    studio.keyboard.press("Enter")
    title(studio, "Calcul")
    focus_canvas(studio)
    studio.keyboard.press("c")
    studio.keyboard.type("Décision")
    studio.keyboard.press("Enter")
    after = graph(studio)
    added = next(node for node in after.nodes.values() if node.kind == "scriptTask")
    assert added.incoming
    assert [flow.target for flow in after.outgoing(added.id)] == ["suite"]
    select(studio, added.id)
    focus_canvas(studio)
    studio.keyboard.press("r")
    studio.keyboard.type("Opération")
    studio.keyboard.press("Enter")
    assert graph(studio).nodes[added.id].kind == "serviceTask"
    focus_canvas(studio)
    studio.keyboard.press("b")
    expect(studio.locator(".djs-popup").get_by_role("option", name="Minuteur")).to_be_visible()
    studio.wait_for_timeout(150)  # a menu chooses its first entry once it is painted: nobody is faster than that
    studio.keyboard.press("ArrowDown")
    expect(studio.locator(".djs-popup").get_by_role("option", name="Message")).to_have_attribute(
        "aria-selected", "true"
    )
    studio.keyboard.press("Enter")
    assert [each.event and each.event.kind for each in graph(studio).boundaries(added.id)] == ["message"]
    select(studio, added.id)
    focus_canvas(studio)
    studio.keyboard.press("Delete")
    assert added.id not in graph(studio).nodes
    studio.keyboard.press("Control+z")
    assert added.id in graph(studio).nodes


def test_the_palette_and_the_pad_are_buttons(studio: Page) -> None:
    entry = studio.get_by_role("button", name="Ajouter : Étape d’une personne")
    entry.focus()
    studio.keyboard.press("Enter")
    title(studio, "Étape d’une personne")
    after = graph(studio)
    added = next(node for node in after.nodes.values() if not node.named and node.kind == "userTask")
    assert added.lane in ("famille", "gestionnaire")
    pad = studio.get_by_role("toolbar", name="Actions sur l’élément")
    pad.get_by_role("button", name="Ajouter ensuite : Fin").focus()
    studio.keyboard.press("Enter")
    assert [graph(studio).nodes[flow.target].kind for flow in graph(studio).outgoing(added.id)] == ["endEvent"]


def test_a_new_step_is_named_and_its_identifier_follows(studio: Page) -> None:
    studio.get_by_role("button", name="Ajouter un élément…").click()
    studio.keyboard.type("Étape d")
    studio.keyboard.press("Enter")
    field = studio.get_by_label("Nom", exact=True)
    field.fill("Prévenir l’école")
    field.press("Enter")
    assert "prevenir_l_ecole" in graph(studio).nodes
    field.fill("Prévenir la crèche")
    field.press("Enter")
    assert graph(studio).nodes["prevenir_l_ecole"].name == "Prévenir la crèche"  # scenarios may name it by now


def test_help_lists_the_keys(studio: Page) -> None:
    studio.get_by_role("button", name="Raccourcis du clavier").click()
    dialog = studio.get_by_role("dialog", name="Au clavier")
    expect(dialog).to_contain_text("Page suivante")
    assert_accessible(studio)
    studio.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(studio.get_by_role("button", name="Raccourcis du clavier")).to_be_focused()


# -- in French, and only what the engine runs ------------------------------------------------------------------------


def texts(page: Page) -> list[str]:
    """Every text, title and label of the studio, without what is written in the diagram."""
    found: list[str] = page.evaluate(
        """() => {
          const root = document.querySelector('[data-studio]');
          const said = [];
          for (const each of root.querySelectorAll('[title], [aria-label], [placeholder], [alt]'))
            for (const name of ['title', 'aria-label', 'placeholder', 'alt'])
              if (each.hasAttribute(name)) said.push(each.getAttribute(name));
          const elsewhere = 'script, .djs-visual, option, datalist, code, input, textarea, .studio-panel__title';
          const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
          while (walker.nextNode()) {
            const parent = walker.currentNode.parentElement;
            if (!parent.closest(elsewhere)) said.push(walker.currentNode.data);
          }
          return said.map((each) => each.trim()).filter(Boolean);
        }"""
    )
    return found


def test_no_english_word_shows_anywhere(opened: Opening) -> None:
    page = opened("studio", studio_data(RICH.read_text(encoding="utf-8")))
    page.get_by_role("button", name="Vue d’ensemble").click()
    seen: dict[str, str] = {}
    identities = page.evaluate(
        "() => document.querySelector('[data-studio]').studio.editor.get('elementRegistry')"
        ".filter((each) => each.parent && !each.labelTarget).map((each) => each.id)"
    )
    opened_menus = 0
    for identity in identities:
        select(page, identity)
        page.evaluate(
            "() => { for (const each of document.querySelectorAll('.studio-panel details')) each.open = true; }"
        )
        seen |= dict.fromkeys(texts(page), identity)
        for menu in ("bpmn-replace", "studio-append", "studio-edge", "studio-connect"):
            opened_menus += page.evaluate(
                """([id, menu]) => { const { editor } = document.querySelector('[data-studio]').studio;
                  editor.get('menus').open(menu, editor.get('elementRegistry').get(id));
                  return editor.get('popupMenu').isOpen() ? 1 : 0; }""",
                [identity, menu],
            )
            seen |= dict.fromkeys(texts(page), f"{identity} {menu}")
            page.evaluate("() => document.querySelector('[data-studio]').studio.editor.get('popupMenu').close()")
    assert opened_menus > 60
    assert len(seen) > 150
    english = {
        text: where for text, where in seen.items() if ENGLISH.search(SHARED.sub("", text)) and "bpmn.io" not in text
    }
    assert english == {}


def test_the_search_is_in_french(studio: Page) -> None:
    focus_canvas(studio)
    studio.keyboard.press("Control+f")
    expect(studio.get_by_label("Rechercher dans le diagramme")).to_be_focused()
    studio.keyboard.type("Contrôler")
    studio.keyboard.press("Enter")
    title(studio, "Contrôler l’absence")


def test_an_english_word_would_be_found(opened: Opening) -> None:
    assert ENGLISH.search("Append task")
    assert ENGLISH.search("Signal boundary event")
    assert not ENGLISH.search("Étape d’une personne")


def test_only_what_the_engine_runs_is_offered(opened: Opening) -> None:
    page = opened("studio", studio_data(RICH.read_text(encoding="utf-8")))
    offered = page.evaluate(
        """() => { const { editor } = document.querySelector('[data-studio]').studio;
          const provider = editor.get('replaceMenuProvider'); const said = {};
          const menus = (each) => [provider.getPopupMenuEntries(each), provider.getPopupMenuHeaderEntries(each)];
          editor.get('elementRegistry').forEach((each) => {
            if (each.parent && !each.labelTarget) said[each.id] = menus(each).flatMap(Object.keys);
          });
          return said; }"""
    )
    names = {name for entries in offered.values() for name in entries}
    assert names >= {
        "replace-with-user-task",
        "replace-with-parallel-gateway",
        "replace-with-timer-boundary",
        "toggle-parallel-mi",
    }
    unsupported = re.compile(
        r"conditional|link|compensation|cancel|complex|transaction|ad-hoc|collapsed|replace-with-task|toggle-loop|data-|pool"
    )
    assert [name for name in sorted(names) if unsupported.search(name)] == []
    # an error only where something raises one; no event at the start of a démarche; an end stays an end
    assert not any("error" in name for name in offered["bord_message"])
    assert "replace-with-error-boundary" in offered["bord_notification"]
    assert not any(name.endswith("-start") for name in offered["debut"])
    assert not any("signal-end" in name for name in offered["fin"])
    palette = page.evaluate(
        "() => Object.keys(document.querySelector('[data-studio]').studio.editor.get('palette').getEntries())"
    )
    assert not any(word in name for name in palette for word in ("data", "task-none"))
