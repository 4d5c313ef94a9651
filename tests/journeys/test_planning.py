"""A family plans its month, on a phone, without JavaScript or without a mouse; an agent closes a day."""

from __future__ import annotations

from datetime import timedelta

import pytest
from playwright.sync_api import Browser, Locator

from app import clock
from tests.journeys.audit import audit
from tests.journeys.commune import Commune
from tests.journeys.people import PHONE, Somebody, somebody


def free(parent: Somebody) -> Locator:
    """The boxes of days with a place."""
    return parent.page.locator("label.slot[data-kind=free] input:not(:checked)")


def a_page_with_days(parent: Somebody, view: str = "") -> str:
    """A month of the planning with days to book: the next one, or one soon after, beyond the holidays."""
    first = clock.today().replace(day=1)
    for months in range(1, 6):
        path = f"/planning?vue={view}&mois={clock.months_after(first, months):%Y-%m}"
        parent.go(path)
        if free(parent).count() > 3:
            return path
    raise AssertionError("no day to book in five months")


@pytest.mark.parametrize("view", ["mois", "liste"])
def test_a_month_is_booked_then_given_back_without_javascript(commune: Commune, browser: Browser, view: str) -> None:
    with somebody(browser, commune.address, size=PHONE, javascript=False) as parent:
        parent.become("julie-fontaine")
        a_page_with_days(parent, view)
        keys = [free(parent).nth(number).get_attribute("value") for number in (0, 2)]
        for key in keys:
            parent.page.locator(f'input[name=jours][value="{key}"]').check()
        parent.press("Enregistrer les changements")
        parent.sees("(2)")
        parent.sees("Tout est enregistré")
        parent.follow("Revenir au planning")
        for key in keys:
            box = parent.page.locator(f'input[name=jours][value="{key}"]')
            assert box.is_checked()
            box.uncheck()
        parent.press("Enregistrer les changements")
        parent.sees("Annulé, sans frais (2)")


def test_a_day_is_booked_with_the_keyboard_alone(commune: Commune, browser: Browser) -> None:
    with somebody(browser, commune.address, size=PHONE) as parent:
        parent.become("julie-fontaine")
        a_page_with_days(parent)
        keyboard, page = parent.page.keyboard, parent.page
        for _ in range(200):
            keyboard.press("Tab")
            if page.evaluate("document.activeElement.closest('[data-kind=free]') !== null"):
                break
        keyboard.press("Space")
        assert page.evaluate("document.activeElement.checked")
        for _ in range(200):
            keyboard.press("Tab")
            if page.evaluate("document.activeElement.matches('.planning-form button')"):
                break
        keyboard.press("Enter")
        parent.sees("Tout est enregistré")
        parent.sees("Réservé (1)")


def enter(parent: Somebody, action: str) -> None:
    """The morning of every day of six weeks, for all the children."""
    parent.go("/planning/saisie-groupee")
    for name in ("children", "weekdays"):
        for box in parent.page.locator(f"input[name={name}]").all():
            box.check()
    parent.tick(action)
    parent.tick("Accueil du matin")
    first = clock.today() + timedelta(days=35)
    parent.fill("Premier jour", first.isoformat())
    parent.fill("Dernier jour", (first + timedelta(days=42)).isoformat())
    parent.press("Voir ce qui est possible")


def test_the_same_week_is_entered_for_all_the_children_then_taken_away(commune: Commune, browser: Browser) -> None:
    with somebody(browser, commune.address, size=PHONE, javascript=False) as parent:
        parent.become("julie-fontaine")
        enter(parent, "Réserver des jours")
        parent.sees("Prix total des jours réservés")
        parent.press("Modifier la saisie")
        assert parent.page.locator("input[name=children]:not(:checked)").count() == 0
        parent.press("Voir ce qui est possible")
        parent.press("Enregistrer")
        parent.sees("Réservé (")
        enter(parent, "Annuler des jours réservés")
        parent.sees("Sera annulé, sans frais")
        parent.press("Enregistrer")
        parent.sees("Annulé, sans frais")


def test_the_pages_of_bookings_are_whole_for_everybody(commune: Commune, browser: Browser) -> None:
    with somebody(browser, commune.address) as parent:
        parent.become("julie-fontaine")
        month = a_page_with_days(parent)
        for path in (month, month.replace("vue=", "vue=liste"), "/planning?vue=semaine", "/planning/calendrier"):
            parent.go(path)
            assert audit(parent.page, "planning") == []
        enter(parent, "Réserver des jours")
        assert audit(parent.page, "apercu") == []
        parent.press("Enregistrer")
        assert audit(parent.page, "saisie") == []
        parent.go("/planning/calendrier")
        parent.press("Créer mon lien")
        parent.sees("il ne sera plus affiché")
        assert audit(parent.page, "lien") == []


def test_an_agent_sees_who_is_affected_before_a_day_closes(commune: Commune, browser: Browser) -> None:
    with somebody(browser, commune.address) as agent:
        agent.become("gestionnaire")
        agent.go("/agent/reservations/fermetures")
        day = (clock.today() + timedelta(days=20)).isoformat()
        agent.choose("Que fermez-vous", "Toute la commune")
        agent.fill("Premier jour", day)
        agent.fill("Dernier jour", day)
        agent.choose("Pourquoi", "Intempéries")
        agent.press("Voir qui est concerné")
        agent.sees("Rien n’est encore fermé")
        assert audit(agent.page, "fermer") == []
        agent.press("Fermer et prévenir les familles")
        agent.sees("Les jours sont fermés")
        agent.page.locator("tr", has_text="Intempéries").get_by_role("button").click()
        agent.sees("ouverts de nouveau")
