"""« Essayer » in a browser: « absence » is declared page by page with a piece, taken in charge, decided."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.journeys.audit import audit
from tests.journeys.commune import Commune
from tests.journeys.people import DESK, PHONE, Somebody, photograph, somebody

HERE = "/admin/demarches/absence/scenarios/essai"


def audited(admin: Somebody, name: str) -> None:
    assert audit(admin.page, f"studio-essai-{name}") == []
    admin.page.set_viewport_size({"width": DESK[0], "height": DESK[1]})


def begin(admin: Somebody) -> None:
    admin.page.set_default_timeout(40_000)
    admin.become("administrateur")
    admin.go("/admin/demarches/absence/scenarios")
    if admin.page.get_by_role("button", name="Modifier", exact=True).count():
        admin.press("Modifier")
    admin.go(HERE)
    again = admin.page.get_by_role("button", name="Recommencer")
    admin.press("Recommencer" if again.count() else "Commencer l’essai")
    admin.sees("Étape 1 sur 3")


def fill_the_first_page(admin: Somebody) -> None:
    admin.tick("Lou Martin")
    admin.page.locator("[name=dates_debut]").fill("2026-11-23")
    admin.page.locator("[name=dates_fin]").fill("2026-11-24")
    admin.tick("Restauration scolaire")
    admin.press("Continuer")
    admin.sees("Étape 2 sur 3")


def test_absence_is_tried_from_both_sides(commune: Commune, browser: Browser, tmp_path: Path) -> None:
    with somebody(browser, commune.address, size=DESK) as admin:
        begin(admin)
        audited(admin, "page-1")
        fill_the_first_page(admin)
        assert admin.page.locator("[name=piece_certificat__fichier]").count() == 0
        admin.tick("Maladie")
        admin.page.locator("[name=piece_certificat__fichier]").set_input_files(photograph(tmp_path))
        admin.tick("J’accepte")
        audited(admin, "page-2")
        admin.press("Continuer")
        admin.sees("Étape 3 sur 3")
        admin.sees("Votre fichier")
        audited(admin, "verification")
        admin.press("Enregistrer la demande")
        admin.sees("Accusé de réception")
        admin.page.get_by_text("Courriel qui partirait").first.click()
        admin.sees("Lou Martin")
        admin.press("Prendre en charge")
        admin.sees("Votre décision")
        admin.expected = ["422"]
        admin.fill("Combien", "zéro")
        admin.press("Avancer")
        expect(admin.page.locator("[data-error-summary]")).to_be_focused()
        admin.sees("Écrivez un nombre entier")
        audited(admin, "duree")
        admin.fill("Combien", "2")
        admin.press("Avancer")
        admin.sees("Le temps avance de 2")
        admin.sees("22 novembre 2026")
        admin.tick("Refuser la demande")
        admin.choose("Motif du refus", "Absence déjà déclarée")
        admin.fill("Message à la famille", "L’autre parent l’a déjà déclarée.")
        admin.press("Enregistrer la décision")
        admin.sees("non acceptée")
        audited(admin, "fini")
        admin.fill("Titre du scénario", "Refusée après deux jours")
        admin.press("Enregistrer comme scénario")
        admin.sees("Le scénario est enregistré")


def test_both_sides_stand_beside_each_other_on_a_desk_and_one_above_the_other_on_a_phone(
    commune: Commune, browser: Browser
) -> None:
    with somebody(browser, commune.address, size=DESK) as admin:
        begin(admin)
        for size, beside in ((DESK, True), (PHONE, False)):
            admin.page.set_viewport_size({"width": size[0], "height": size[1]})
            parent, agent = (admin.page.locator(f"section[aria-labelledby=cote-{who}]") for who in ("parent", "agent"))
            left, right = parent.bounding_box(), agent.bounding_box()
            assert left is not None
            assert right is not None
            assert (right["x"] >= left["x"] + left["width"]) == beside
            assert (right["y"] >= left["y"] + left["height"]) != beside


def test_it_works_without_a_script(commune: Commune, browser: Browser) -> None:
    with somebody(browser, commune.address, size=DESK, javascript=False) as admin:
        begin(admin)
        fill_the_first_page(admin)
        admin.tick("Autre raison")
        admin.tick("J’accepte")
        admin.press("Continuer")
        admin.fill("Précisez la raison", "Fête de famille")
        admin.press("Continuer")
        admin.sees("Fête de famille")
        admin.follow("Modifier «\u00a0Le motif\u00a0»")
        expect(admin.page.locator("[name=precisions]")).to_have_value("Fête de famille")
        admin.press("Continuer")
        admin.press("Enregistrer la demande")
        admin.sees("Prendre en charge")
