"""What the keyboard meets: the way past the header, a focus one can see, errors that lead to their field."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from tests.journeys.commune import Commune
from tests.journeys.people import DESK, PHONE, somebody

#: How the element that has the focus differs from itself without: an outline or a shadow, drawn.
RING = """() => {
  const drawn = (element) => [null, "::after"].some((part) => {
    const style = getComputedStyle(element, part);
    return (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2) || style.boxShadow !== "none";
  });
  const element = document.activeElement;
  return element === document.body ? null : [element.outerHTML.slice(0, 120), drawn(element)];
}"""


@pytest.mark.parametrize("size", [PHONE, DESK])
def test_the_first_key_offers_to_skip_the_header(commune: Commune, browser: Browser, size: tuple[int, int]) -> None:
    with somebody(browser, commune.address, size=size) as parent:
        parent.become("camille-moreau")
        parent.page.keyboard.press("Tab")
        skip = parent.page.locator(":focus")
        expect(skip).to_have_text("Aller au contenu")
        expect(skip).to_be_in_viewport()
        parent.page.keyboard.press("Enter")
        assert parent.page.evaluate("document.activeElement.id") == "contenu"


@pytest.mark.parametrize(
    ("persona", "path"),
    [
        (None, "/"),
        (None, "/connexion"),
        ("camille-moreau", "/tableau-de-bord"),
        ("camille-moreau", "/demandes"),
        ("gestionnaire", "/agent/taches"),
        ("administrateur", "/admin/reglages"),
    ],
)
def test_everything_that_takes_the_focus_shows_it(
    commune: Commune, browser: Browser, persona: str | None, path: str
) -> None:
    with somebody(browser, commune.address, size=DESK) as person:
        if persona:
            person.become(persona)
        person.go(path)
        seen = []
        for _ in range(40):
            person.page.keyboard.press("Tab")
            found = person.page.evaluate(RING)
            if found is None:
                break
            seen.append(found)
        assert len(seen) > 5
        assert [markup for markup, drawn in seen if not drawn] == []


def test_errors_take_the_focus_and_lead_to_their_field(commune: Commune, browser: Browser) -> None:
    with somebody(browser, commune.address) as parent:
        parent.become("camille-moreau")
        parent.expected = ["422"]
        parent.go("/demandes/nouvelle/absence?autre=1")
        parent.press("Continuer")
        expect(parent.page.locator("[data-error-summary]")).to_be_focused()
        assert parent.page.title().startswith("Erreur\u00a0: ") or parent.page.title().startswith("Erreur : ")
        parent.page.keyboard.press("Tab")
        target = parent.page.locator(":focus").get_attribute("href")
        parent.page.keyboard.press("Enter")
        assert target == "#" + str(parent.page.locator(":focus").get_attribute("id"))
        expect(parent.page.locator(":focus")).to_be_in_viewport()
        described = parent.page.locator("#champ-dates_debut").get_attribute("aria-describedby") or ""
        assert "erreur" in described
