"""docs/add-a-demarche.md, walked: from nothing to a first demande closed, as somebody does it by hand.

With ``DOCS_IMAGES=docs/images`` in its environment, this test takes the pictures of that page again.
"""

from __future__ import annotations

import io
import os
import re
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, expect

from tests.journeys.audit import audit
from tests.journeys.commune import Commune
from tests.journeys.people import DESK, Somebody, somebody
from tests.rules.source import ROOT

FOLDER = os.environ.get("DOCS_IMAGES", "")
TITLE = "Demander un rendez-vous"
HERE = "/admin/demarches/demander-un-rendez-vous"
#: What somebody does by hand takes about this long: reading, pointing, typing.
SECONDS_A_CLICK, SECONDS_A_LETTER = 5, 0.3
TEN_MINUTES = 600


class Counted(Somebody):
    """Somebody whose clicks and letters are counted, as those of her hand would be."""

    clicks = 0
    letters = 0

    def press(self, name: str) -> None:
        self.clicks += 1
        super().press(name)

    def follow(self, name: str, *, exact: bool = True) -> None:
        self.clicks += 1
        super().follow(name, exact=exact)

    def fill(self, label: str, text: str) -> None:
        self.clicks += 1
        self.letters += len(text)
        super().fill(label, text)

    def tick(self, label: str) -> None:
        self.clicks += 1
        super().tick(label)

    def choose(self, label: str, option: str) -> None:
        self.clicks += 2
        super().choose(label, option)

    def tab(self, name: str) -> None:
        """One of the parts of the démarche."""
        self.clicks += 1
        self.page.get_by_role("navigation", name="Parties de la démarche").get_by_role("link", name=name).click()

    def open(self, text: str) -> None:
        """Unfolds something."""
        self.clicks += 1
        self.page.get_by_text(text, exact=True).first.click()


def picture(person: Somebody, name: str, *, whole: bool = False) -> None:
    """A picture for the documentation: what a window shows, small enough to be read in a page."""
    if not FOLDER:
        return
    person.page.wait_for_timeout(400)
    image = Image.open(io.BytesIO(person.page.screenshot(full_page=whole, caret="initial"))).convert("RGB")
    image.thumbnail((960, 4000), Image.Resampling.LANCZOS)
    image.save(Path(FOLDER) / f"{name}.webp", "WEBP", quality=72, method=6)


@pytest.mark.timeout(300)
def test_from_nothing_to_a_first_demande_closed(commune: Commune, browser: Browser) -> None:
    with (
        somebody(browser, commune.address, size=DESK, kind=Counted) as admin,
        somebody(browser, commune.address, size=DESK, kind=Counted) as parent,
        somebody(browser, commune.address, size=DESK, kind=Counted) as agent,
    ):
        for person, persona in ((admin, "administrateur"), (parent, "camille-moreau"), (agent, "gestionnaire")):
            person.page.set_default_timeout(40_000)
            person.become(persona)
        create(admin)
        draw(admin)
        ask(admin)
        settle(admin)
        attempt(admin)
        publish(admin)
        file(parent)
        close(agent)
        parent.go("/demandes")
        parent.sees("Clos")
        clicks = admin.clicks + parent.clicks + agent.clicks
        letters = admin.letters + parent.letters + agent.letters
        by_hand = clicks * SECONDS_A_CLICK + letters * SECONDS_A_LETTER
        print(f"{clicks} clicks, {letters} letters: about {by_hand / 60:.1f} minutes by hand")
        assert by_hand < TEN_MINUTES, f"{clicks} clicks, {letters} letters"


def create(admin: Counted) -> None:
    admin.go("/admin/demarches")
    admin.follow("Nouvelle démarche")
    admin.fill("Titre", TITLE)
    admin.fill("En une phrase", "Rencontrez le service enfance : proposez un jour.")
    admin.choose("Catégorie", "Nous contacter")
    picture(admin, "studio-nouvelle")
    admin.press("Créer le brouillon")
    admin.page.wait_for_url(f"**{HERE}/diagramme")
    admin.page.wait_for_function("() => document.querySelector('[data-studio]')?.studio")


def draw(admin: Counted) -> None:
    panel = admin.page.locator(".studio-panel")
    admin.clicks += 2
    panel.get_by_label("Aller à l’élément").select_option("instruire")
    for label, text in (("Nom", "Fixer le rendez-vous"), ("À faire sous", "3 jours ouvrés")):
        admin.clicks += 1
        admin.letters += len(text)
        field = panel.get_by_label(label, exact=True)
        field.fill(text)
        field.press("Enter")
    expect(admin.page.locator(".studio-status")).to_contain_text("Enregistré")
    picture(admin, "studio-diagramme")


def ask(admin: Counted) -> None:
    admin.tab("Formulaires")
    admin.follow(TITLE)
    admin.open("Ajouter une question")
    admin.page.get_by_label("Question", exact=True).fill("Quel jour vous convient ?")
    admin.letters += 25
    admin.page.get_by_label("Type de réponse").first.select_option("date")
    admin.clicks += 3
    admin.press("Ajouter la question")
    admin.fill("Aide", "Du lundi au vendredi.")
    picture(admin, "studio-formulaire")
    admin.press("Enregistrer dans le brouillon")
    admin.sees("C’est enregistré dans le brouillon")


def settle(admin: Counted) -> None:
    admin.tab("Réglages")
    admin.fill("Délai de réponse annoncé", "Réponse sous 3 jours ouvrés.")
    picture(admin, "studio-reglages")
    admin.press("Enregistrer dans le brouillon")
    admin.follow("Messages à la famille")
    admin.follow("Clos")
    admin.fill("Et ensuite", "Le rendez-vous est fixé : le jour est dans votre messagerie.")
    admin.press("Enregistrer dans le brouillon")
    admin.sees("Les réglages sont enregistrés")


def attempt(admin: Counted) -> None:
    admin.tab("Scénarios")
    admin.follow("Essayer")
    admin.press("Commencer l’essai")
    admin.fill("Que demandez-vous", "Parler de la cantine")
    admin.press("Continuer")
    admin.press("Enregistrer la demande")
    admin.press("Prendre en charge")
    admin.tick("Accepter la demande")
    picture(admin, "studio-essai")
    admin.page.locator("section[aria-labelledby=cote-agent] form button").last.click()
    admin.clicks += 1
    admin.sees("Clos")


def publish(admin: Counted) -> None:
    admin.tab("Scénarios")
    admin.press("Jouer les scénarios")
    expect(admin.page.get_by_text("Joués sur le brouillon tel qu’il est")).to_be_visible(timeout=90_000)
    picture(admin, "studio-scenarios")
    admin.page.set_viewport_size({"width": DESK[0], "height": DESK[1]})
    admin.follow("Relire et publier")
    admin.fill("Ce qui change", "Première version.")
    picture(admin, "studio-publication")
    assert audit(admin.page, "studio-premiere-publication") == []
    admin.page.set_viewport_size({"width": DESK[0], "height": DESK[1]})
    admin.press("Publier cette version")
    admin.sees("est en ligne")


def file(parent: Counted) -> None:
    parent.go("/")
    parent.follow(TITLE, exact=False)
    parent.follow("Commencer")
    parent.fill("Que demandez-vous", "La cantine de Jules")
    parent.fill("Quel jour vous convient", "2027-01-11")
    picture(parent, "famille-demande")
    parent.press("Continuer")
    parent.press("Enregistrer la demande")
    parent.sees("Demande")


def close(agent: Counted) -> None:
    agent.go("/agent/taches")
    agent.page.get_by_role("row").filter(has_text="La cantine de Jules").get_by_role("link").first.click()
    agent.clicks += 1
    agent.press("Prendre en charge")
    agent.tick("Accepter la demande")
    picture(agent, "agent-decision")
    agent.page.locator("section[aria-labelledby=etape] form button").last.click()
    agent.clicks += 1
    agent.sees("La demande est terminée")


def test_every_picture_of_the_page_is_there_and_small() -> None:
    page = ROOT / "docs" / "add-a-demarche.md"
    named = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", page.read_text(encoding="utf-8"))
    assert len(named) >= 8
    assert [name for name in named if (page.parent / name).stat().st_size > 60_000] == []
