"""What a parent lives through: no script and no mouse, a draft that cannot be lost, a change of mind, a correction."""

from __future__ import annotations

import re
from datetime import date, timedelta
from pathlib import Path

from playwright.sync_api import Browser, expect
from sqlalchemy import delete

from app.accounts.models import LoginSession
from app.accounts.operations import account_named
from app.accounts.passwords import hash_password
from tests.journeys.commune import Commune
from tests.journeys.deeds import declare_an_absence, first_page, monday
from tests.journeys.people import DESK, Somebody, photograph, somebody

PASSWORD = "lanterne pois chiche velours"


# -- without a mouse, without a script -------------------------------------------------------------------------------


def reach(person: Somebody, selector: str) -> None:
    """Presses Tab until the element has the focus, as somebody does who cannot use a mouse."""
    target = person.page.locator(selector).first
    for _ in range(60):
        person.page.keyboard.press("Tab")
        if target.evaluate("element => element === document.activeElement"):
            return
    raise AssertionError(f"Tab never reaches {selector} on {person.page.url}")


def type_date(person: Somebody, selector: str, day: date) -> None:
    """Digits, in the order of the browser's own language."""
    for pattern in ("%m%d%Y", "%d%m%Y"):
        reach(person, selector)
        person.page.keyboard.type(day.strftime(pattern))
        if person.page.locator(selector).input_value() == day.isoformat():
            return
        person.page.locator("h1").evaluate("heading => { heading.tabIndex = -1; heading.focus(); }")
    raise AssertionError(f"no order of digits writes {day} in {selector}")


def test_an_absence_is_declared_by_keyboard_alone_without_javascript_on_a_phone(
    commune: Commune, browser: Browser, tmp_path: Path
) -> None:
    with somebody(browser, commune.address, javascript=False) as parent:
        keys = parent.page.keyboard
        parent.go("/connexion")
        reach(parent, 'form[action$="/camille-moreau"] button')
        keys.press("Enter")
        expect(parent.title).to_have_text("Bonjour Camille Moreau")
        reach(parent, "a:has-text('Déclarer une absence pour Inès')")
        keys.press("Enter")
        reach(parent, "[name=enfant]")
        keys.press("Space")
        type_date(parent, "[name$=_debut], [name*=du]", monday())
        type_date(parent, "[name$=_fin], [name*=au]:not([name*=creneaux])", monday())
        reach(parent, "[name=creneaux][value=CANT]")
        keys.press("Space")
        keys.press("Enter")
        reach(parent, "[name=motif]")
        keys.press("Space")
        reach(parent, "[name=cgu]")
        keys.press("Space")
        keys.press("Enter")
        parent.sees("Votre réponse amène une autre question")
        reach(parent, "input[type=file]")
        parent.page.locator("input[type=file]").set_input_files(photograph(tmp_path))
        keys.press("Tab")
        reach(parent, "main button:has-text('Continuer')")
        keys.press("Enter")
        expect(parent.title).to_have_text("Vérifiez votre demande")
        parent.sees("certificat.jpg")
        reach(parent, "main button:has-text('Enregistrer la demande')")
        keys.press("Enter")
        parent.sees("Votre demande est enregistrée")
        parent.sees("En attente")


# -- drafts ----------------------------------------------------------------------------------------------------------


def test_a_draft_is_saved_field_by_field_and_resumed_on_another_device(commune: Commune, browser: Browser) -> None:
    with somebody(browser, commune.address) as phone, somebody(browser, commune.address, size=DESK) as desk:
        for screen in (phone, desk):
            screen.become("julie-fontaine")
        phone.go("/demandes/nouvelle/absence")
        phone.tick("Hugo")
        phone.fill("Premier jour", monday(2).isoformat())
        phone.page.keyboard.press("Tab")
        expect(phone.page.locator("[data-draft-status]")).to_contain_text("Brouillon enregistré")
        phone.page.wait_for_load_state("networkidle")
        desk.go("/demandes/nouvelle/absence")
        expect(desk.title).to_have_text("Vous avez déjà un brouillon")
        desk.follow("Reprendre mon brouillon")
        expect(desk.page.get_by_label("Hugo")).to_be_checked()
        expect(desk.page.get_by_label("Premier jour")).to_have_value(monday(2).isoformat())
        desk.follow("Abandonner la demande")
        desk.press("Oui, effacer le brouillon")
        desk.sees("Le brouillon est effacé")


def test_a_session_that_dies_while_typing_is_opened_again_in_place(commune: Commune, browser: Browser) -> None:
    with somebody(browser, commune.address) as parent:
        parent.become("linh-nguyen")
        parent.go("/compte")
        email = parent.page.locator("main").inner_text()
        address = re.search(r"\S+@\S+", email)
        assert address is not None
        set_password(commune, address[0])
        parent.expected = ["401"]
        parent.go("/demandes/nouvelle/contact")
        parent.fill("Objet", "La kermesse")
        parent.page.keyboard.press("Tab")
        expect(parent.page.get_by_label("Votre message")).to_be_focused()
        expect(parent.page.locator("[data-draft-status]")).to_contain_text("Brouillon enregistré")
        with commune.database.transaction() as session:
            session.execute(delete(LoginSession))
        parent.fill("Votre message", "À quelle heure commence-t-elle ?")
        parent.page.keyboard.press("Tab")
        dialog = parent.page.get_by_role("dialog", name="Votre session a pris fin")
        expect(dialog).to_be_visible()
        dialog.get_by_label("Adresse e-mail").fill(address[0])
        dialog.get_by_label("Mot de passe").fill(PASSWORD)
        dialog.get_by_role("button", name="Se connecter").click()
        expect(dialog).to_be_hidden()
        expect(parent.page.get_by_label("Votre message")).to_have_value("À quelle heure commence-t-elle ?")
        expect(parent.page.locator("[data-draft-status]")).to_contain_text("Brouillon enregistré")
        parent.press("Continuer")
        expect(parent.title).to_have_text("Vérifiez votre demande")
        parent.sees("À quelle heure commence-t-elle ?")


def set_password(commune: Commune, email: str) -> None:
    """The people of the demonstration have no password of their own."""
    digest = hash_password(PASSWORD)
    with commune.database.transaction() as session:
        account = account_named(session, email)
        assert account is not None
        account.password_hash = digest


# -- a change of mind ------------------------------------------------------------------------------------------------


def test_a_demande_is_modified_then_cancelled_while_it_waits(commune: Commune, browser: Browser) -> None:
    with somebody(browser, commune.address) as parent:
        parent.become("antoine-lefort")
        absence = declare_an_absence(parent, "Inès", monday(3))
        parent.follow("Modifier")
        parent.press("Modifier ma demande")
        expect(parent.page.get_by_label("Premier jour")).to_have_value(monday(3).isoformat())
        parent.press("Continuer")
        parent.tick("Rendez-vous médical")
        parent.press("Continuer")
        parent.press("Enregistrer la demande")
        parent.sees("Rendez-vous médical")
        parent.go(absence)
        parent.follow("Annuler la demande")
        parent.press("Oui, annuler ma demande")
        parent.sees("votre enfant est de nouveau attendu")
        expect(parent.page.locator(".page-head .tag")).to_have_text("Annulé")
        assert parent.page.get_by_role("link", name="Modifier", exact=True).count() == 0


def test_two_tabs_send_the_same_form_once(commune: Commune, browser: Browser) -> None:
    with somebody(browser, commune.address) as parent:
        parent.become("aurelie-perrin")
        parent.go("/demandes/nouvelle/absence?autre=1")
        first_page(parent, "Noé", monday(4))
        parent.tick("Raison familiale")
        parent.tick("J’accepte")
        parent.press("Continuer")
        expect(parent.title).to_have_text("Vérifiez votre demande")
        second = parent.page.context.new_page()
        second.goto(parent.page.url)
        parent.press("Enregistrer la demande")
        parent.sees("Votre demande est enregistrée")
        second.get_by_role("button", name="Enregistrer la demande").click()
        expect(second.locator("h1")).to_have_text("Votre demande a avancé")
        expect(second.locator("main")).to_contain_text("rien n’a été enregistré une seconde fois")
        second.get_by_role("link", name="Voir où en est ma demande").click()
        expect(second.locator("main")).to_contain_text("En attente")


# -- a correction, a refusal -----------------------------------------------------------------------------------------


def in_charge(agent: Somebody, absence: str) -> None:
    """The agent opens the demande that the family just sent, and takes it."""
    agent.go(absence.replace("/demandes/", "/agent/demandes/"))
    agent.press("Prendre en charge")


def test_only_what_the_agent_asks_is_opened_again_and_he_sees_what_changed(commune: Commune, browser: Browser) -> None:
    with somebody(browser, commune.address) as parent, somebody(browser, commune.address, size=DESK) as agent:
        parent.become("marc-fontaine")
        agent.become("gestionnaire")
        absence = declare_an_absence(parent, "Léna", monday(5))
        in_charge(agent, absence)
        agent.tick("Demander un complément")
        agent.tick("Quand ?")
        agent.fill("Message à la famille", "L’école est fermée ce lundi : donnez le bon jour.")
        agent.press("Enregistrer la décision")
        parent.go("/tableau-de-bord")
        parent.follow("Compléter votre demande")
        parent.sees("donnez le bon jour")
        assert parent.page.locator("main form [name=enfant]").count() == 0
        tuesday = (monday(5) + timedelta(days=1)).isoformat()
        parent.fill("Premier jour", tuesday)
        parent.fill("Dernier jour", tuesday)
        parent.press("Continuer")
        parent.press("Enregistrer la demande")
        agent.go(absence.replace("/demandes/", "/agent/demandes/"))
        changed = agent.page.get_by_role("table", name=re.compile("Ce qui a changé"))
        expect(changed).to_contain_text("lundi")
        expect(changed).to_contain_text("mardi")


def test_a_refusal_gives_its_reason_and_what_to_do(commune: Commune, browser: Browser) -> None:
    with somebody(browser, commune.address) as parent, somebody(browser, commune.address, size=DESK) as agent:
        parent.become("marta-da-silva")
        agent.become("gestionnaire")
        parent.go("/demandes/nouvelle/absence?autre=1")
        child = parent.page.locator("[data-field=enfant] label").first.inner_text().split()[0]
        absence = declare_an_absence(parent, child, monday(6))
        in_charge(agent, absence)
        agent.tick("Refuser")
        agent.choose("Motif du refus", "Absence déjà déclarée")
        agent.fill("Message à la famille", "Cette absence est déjà notée depuis le 3.")
        agent.press("Enregistrer la décision")
        parent.go(absence)
        parent.sees("déjà notée depuis le 3")
        parent.sees("Vous n’êtes pas d’accord")
        expect(parent.page.locator(".page-head .tag")).to_have_text("Refusé")
        parent.wait_until_she_sees("/messages", "n’a pas pu être acceptée")
