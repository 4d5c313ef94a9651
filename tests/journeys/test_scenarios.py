"""An administrator tries « absence », keeps what she saw as a scenario, breaks the draft, and is held back."""

from __future__ import annotations

from playwright.sync_api import Browser, expect

from tests.journeys.audit import audit
from tests.journeys.commune import Commune
from tests.journeys.people import DESK, Somebody, somebody

HERE = "/admin/demarches/absence"
STORY = 'titre = "Envoyée puis annulée"\n\n[[etapes]]\nfaire = "une_etape_disparue"\n'


def play(admin: Somebody) -> None:
    admin.go(f"{HERE}/scenarios")
    admin.press("Jouer les scénarios")
    expect(admin.page.get_by_text("Joués sur le brouillon tel qu’il est")).to_be_visible(timeout=90_000)


def audited(admin: Somebody, name: str) -> None:
    assert audit(admin.page, name) == []
    admin.page.set_viewport_size({"width": DESK[0], "height": DESK[1]})


def test_a_draft_is_tried_kept_as_a_scenario_and_held_back_while_it_fails(commune: Commune, browser: Browser) -> None:
    with somebody(browser, commune.address, size=DESK) as admin:
        admin.page.set_default_timeout(40_000)
        admin.become("administrateur")
        admin.go(f"{HERE}/scenarios")
        admin.press("Modifier")
        admin.go(f"{HERE}/scenarios/essai")
        admin.press("Commencer l’essai")
        admin.sees("Côté parent")
        audited(admin, "studio-essai")
        admin.press("Annuler la demande")
        admin.sees("pas encore été envoyée")
        audited(admin, "studio-essai-refuse")
        admin.fill("Titre du scénario", "Annulée trop tôt")
        admin.press("Enregistrer comme scénario")
        admin.sees("Le scénario est enregistré")
        audited(admin, "studio-scenario")
        play(admin)
        admin.sees("Rien n’empêche de publier")
        audited(admin, "studio-scenarios")
        admin.follow("Annulée trop tôt")
        admin.fill("Texte du scénario", STORY)
        admin.press("Enregistrer dans le brouillon")
        play(admin)
        admin.sees("n’attend personne")
        admin.go(f"{HERE}/publication")
        admin.sees("Les scénarios empêchent de publier")
        admin.go(f"{HERE}/scenarios")
        admin.follow("Envoyée puis annulée")
        admin.page.get_by_text("Ce scénario n’a plus cours", exact=True).click()
        admin.fill("Pourquoi ce scénario n’a plus cours", "Cette étape n’existe plus.")
        admin.press("Écarter ce scénario")
        admin.go(f"{HERE}/publication")
        admin.sees("Des scénarios qui échouent sont écartés")
        audited(admin, "studio-publication-ecarte")
        admin.press("Publier cette version")
        admin.sees("est en ligne")
