"""The session of an administrator ends while she works in the studio: she is told so, and loses nothing."""

from __future__ import annotations

from playwright.sync_api import Browser, expect
from sqlalchemy import delete

from app.accounts.models import LoginSession
from tests.journeys.audit import audit
from tests.journeys.commune import Commune
from tests.journeys.people import DESK, Somebody, somebody

HERE = "/admin/demarches/justificatif"


def sign_in_beside(admin: Somebody) -> None:
    """In another tab of the same browser, as the page offers it; then back to this one."""
    with admin.page.context.expect_page() as opened:
        admin.page.get_by_role("link", name="econnect").first.click()
    beside = opened.value
    beside.locator('form[action$="/administrateur"] button').click()
    beside.wait_for_url(lambda url: "/connexion" not in url)
    beside.close()
    admin.page.bring_to_front()


def end_sessions(commune: Commune) -> None:
    with commune.database.transaction() as session:
        session.execute(delete(LoginSession))


def test_settings_typed_when_the_session_had_ended_are_saved(commune: Commune, browser: Browser) -> None:
    with somebody(browser, commune.address, size=DESK) as admin:
        admin.become("administrateur")
        admin.go(f"{HERE}/reglages")
        admin.press("Modifier")
        admin.expected = ["401", "400"]
        admin.fill("Résumé", "Un résumé, longuement pesé.")
        end_sessions(commune)
        admin.press("Enregistrer dans le brouillon")
        expect(admin.title).to_have_text("Votre session a pris fin")
        assert audit(admin.page, "session-finie") == []
        sign_in_beside(admin)
        admin.press("Envoyer ce que j’ai saisi")
        expect(admin.title).to_have_text("Cette page était ouverte depuis trop longtemps")
        admin.press("Envoyer ce que j’ai saisi")
        admin.sees("Les réglages sont enregistrés")
        expect(admin.page.get_by_label("Résumé")).to_have_value("Un résumé, longuement pesé.")


def test_a_diagram_changed_when_the_session_had_ended_is_saved(commune: Commune, browser: Browser) -> None:
    with somebody(browser, commune.address, size=DESK) as admin:
        admin.become("administrateur")
        admin.go(f"{HERE}/diagramme")
        if admin.page.get_by_role("button", name="Modifier", exact=True).count():
            admin.press("Modifier")
        admin.page.wait_for_function("() => document.querySelector('[data-studio]')?.studio")
        admin.expected = ["401", "400"]
        end_sessions(commune)
        name = admin.page.get_by_label("Nom du processus")
        name.fill("Donner une pièce")
        name.press("Enter")
        line = admin.page.locator(".studio-status")
        expect(line).to_contain_text("Votre session a pris fin", timeout=10_000)
        sign_in_beside(admin)
        admin.page.evaluate("() => window.dispatchEvent(new Event('focus'))")
        expect(line).to_contain_text("Enregistré", timeout=10_000)
        admin.go(f"{HERE}/diagramme")
        expect(admin.page.get_by_label("Nom du processus")).to_have_value("Donner une pièce")
