"""An administrator changes a form of a démarche in a real browser; what she changes is told before it is published."""

from __future__ import annotations

import re

from playwright.sync_api import Browser, expect

from tests.journeys.audit import audit
from tests.journeys.commune import Commune
from tests.journeys.people import DESK, Somebody, somebody

HERE = "/admin/demarches/absence"
FORM = f"{HERE}/formulaires/declaration"


def add_telephone(admin: Somebody) -> None:
    """« Ajouter une question » on the page of the reason."""
    admin.page.locator("#place-1").get_by_text("Ajouter une question à").click()
    form = admin.page.locator("#place-1 > details form")
    form.get_by_label("Question").fill("Téléphone")
    form.get_by_label("Type de réponse").select_option("phone")
    form.get_by_role("button", name="Ajouter la question").click()
    expect(admin.page.locator("#q--label")).to_have_value("Téléphone")


def test_a_question_is_added_moved_made_conditional_and_told(commune: Commune, browser: Browser) -> None:
    with somebody(browser, commune.address, size=DESK) as admin:
        admin.become("administrateur")
        admin.go(f"{HERE}/formulaires")
        admin.press("Modifier")
        admin.sees("Vous avez la main")
        assert audit(admin.page, "formulaires") == []
        admin.page.set_viewport_size({"width": DESK[0], "height": DESK[1]})
        admin.follow("Déclarer l’absence d’un enfant")
        add_telephone(admin)
        preview = admin.page.locator("#p--apercu")
        admin.page.locator("#q--label").fill("Téléphone où vous joindre")
        expect(preview).to_contain_text("Téléphone où vous joindre")
        admin.page.locator("#q--label").fill("Téléphone")
        expect(preview.locator("[data-field=telephone]")).to_contain_text("Téléphone (facultatif)")
        admin.page.get_by_text("Écrire une condition sans connaître le langage").click()
        admin.choose("Réponse à", "Pourquoi sera-t-il absent ?")
        admin.page.get_by_label("Valeur").fill("Maladie")
        admin.press("Écrire la condition")
        expect(admin.page.locator("#q--show_if")).to_have_value("motif == 'maladie'")
        expect(preview).to_contain_text("Affichée seulement si « Pourquoi sera-t-il absent ? » est « Maladie »")
        assert audit(admin.page, "formulaire-question") == []
        admin.page.set_viewport_size({"width": DESK[0], "height": DESK[1]})
        admin.page.get_by_role("button", name="Enregistrer dans le brouillon").click()
        admin.sees("C’est enregistré dans le brouillon")
        row = admin.page.locator(".form-row", has_text="telephone")
        row.get_by_role("button", name="Monter").click()
        expect(admin.page.locator("#place-1-3")).to_contain_text("telephone")
        admin.page.get_by_label("Téléphone", exact=True).first.check()
        frame = admin.page.locator(".form-preview__form").bounding_box()
        assert frame is not None
        assert frame["width"] <= 390
        assert audit(admin.page, "formulaire") == []
        admin.go(f"{HERE}/verification")
        admin.press("Vérifier maintenant")
        admin.follow("Relire et publier")
        admin.sees(re.compile(r"propose en plus «?\s?Téléphone"))
        admin.sees("motif == 'maladie'")


def test_a_type_is_changed_and_faults_are_said_at_their_field(commune: Commune, browser: Browser) -> None:
    with somebody(browser, commune.address, size=DESK) as admin:
        admin.become("administrateur")
        admin.expected = ["422"]
        admin.go("/admin/demarches/contact/formulaires/message")
        admin.press("Modifier")
        admin.page.get_by_text("Ajouter une question").first.click()
        form = admin.page.locator("#place-0 > details form")
        form.get_by_label("Question").fill("Quand vous rappeler ?")
        form.get_by_role("button", name="Ajouter la question").click()
        admin.page.locator("#q--type").select_option("choice")
        expect(admin.page.get_by_label("Réponses proposées")).to_be_visible()
        admin.page.get_by_label("Réponses proposées").fill("matin = Le matin\nmatin = Le soir")
        admin.page.get_by_role("button", name="Enregistrer dans le brouillon").click()
        expect(admin.page.locator("[data-error-summary]")).to_be_focused()
        admin.sees("« matin » est proposée deux fois")
        expect(admin.page.get_by_label("Réponses proposées")).to_have_value("matin = Le matin\nmatin = Le soir")
        assert audit(admin.page, "formulaire-erreur") == []
        admin.page.set_viewport_size({"width": DESK[0], "height": DESK[1]})
        admin.page.get_by_role("link", name="Supprimer", exact=False).first.click()
        assert audit(admin.page, "formulaire-suppression") == []


def test_it_works_without_a_script(commune: Commune, browser: Browser) -> None:
    with somebody(browser, commune.address, javascript=False) as admin:
        admin.become("administrateur")
        admin.go("/admin/demarches/justificatif/formulaires/depot")
        admin.press("Modifier")
        admin.page.get_by_text("Ajouter une question").first.click()
        form = admin.page.locator("#place-0 > details form")
        form.get_by_label("Question").fill("Un mot pour l’agent")
        form.get_by_label("Type de réponse").select_option("long_text")
        form.get_by_role("button", name="Ajouter la question").click()
        admin.page.locator("#q--type").select_option("text")
        admin.page.locator("#q--label").fill("Un mot")
        admin.press("Voir l’aperçu sans enregistrer")
        expect(admin.page.locator("#p--apercu")).to_contain_text("Un mot")
        admin.page.get_by_role("button", name="Enregistrer dans le brouillon").click()
        admin.sees("C’est enregistré dans le brouillon")
        admin.sees("Texte court")
