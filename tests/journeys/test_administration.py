"""An administrator changes a démarche without a developer, and keeps the house: people, places, incidents, journal."""

from __future__ import annotations

import re

from playwright.sync_api import Browser, expect

from tests.journeys.commune import Commune
from tests.journeys.deeds import stop_one
from tests.journeys.people import DESK, somebody


def test_people_places_and_settings_are_kept_by_the_administrator(commune: Commune, browser: Browser) -> None:
    with somebody(browser, commune.address, size=DESK) as admin:
        admin.become("administrateur")
        admin.go("/admin/roles")
        admin.follow("Nouveau rôle")
        admin.fill("Nom du rôle", "Accueil")
        admin.fill("Code", "accueil")
        admin.page.locator("input[name=permissions]").first.check()
        admin.press("Enregistrer le rôle")
        admin.go("/admin/roles")
        admin.sees("Accueil")
        admin.go("/admin/utilisateurs")
        admin.follow("Inviter un agent")
        admin.fill("Prénom", "Bérénice")
        admin.fill("Nom", "Tissot")
        admin.fill("Fonction", "Agente d’accueil")
        admin.fill("Adresse e-mail professionnelle", "berenice.tissot@example.org")
        admin.press("Envoyer l’invitation")
        admin.choose("Rôle", "Accueil")
        admin.page.get_by_role("button", name=re.compile("rôle", re.IGNORECASE)).first.click()
        admin.wait_until_she_sees("/admin/courriels", "berenice.tissot@example.org")
        admin.go("/admin/structures")
        admin.follow("Ajouter une structure")
        admin.fill("Nom", "Ludothèque La Marelle")
        admin.fill("Code", "LU")
        admin.press("Enregistrer")
        admin.go("/services")
        admin.sees("Ludothèque La Marelle")
        admin.go("/admin/reglages")
        admin.page.locator("main a[href*='/admin/reglages/']").first.click()
        expect(admin.page.get_by_role("button", name=re.compile("Enregistrer"))).to_be_visible()


def test_an_incident_is_run_again_and_the_journal_verified(commune: Commune, browser: Browser) -> None:
    stop_one(commune, "Le disque était plein.")
    with somebody(browser, commune.address, size=DESK) as admin:
        admin.become("administrateur")
        admin.go("/admin/incidents")
        admin.sees("Le disque était plein.")
        admin.press("Relancer")
        admin.sees("La demande a repris son cours")
        admin.sees("Aucun incident")
        admin.go("/admin/journal")
        admin.press("Vérifier la chaîne")
        admin.sees("Le journal est intact")
