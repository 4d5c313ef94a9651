"""Enrolling on a phone, without JavaScript: what it will give is read before it is sent, and the planning shows it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, expect

from tests.journeys.audit import audit
from tests.journeys.commune import Commune
from tests.journeys.deeds import monday
from tests.journeys.people import Somebody, somebody

Look = Callable[[str], None]


def choose_an_activity(parent: Somebody, child: str, activity: str, look: Look) -> None:
    parent.go("/demandes/nouvelle/inscription-periscolaire?autre=1")
    look("enfant")
    parent.tick(child)
    parent.press("Continuer")
    look("activite")
    parent.tick(activity)
    parent.press("Continuer")


def fill_a_week(parent: Somebody, *days: str) -> None:
    first = monday(3)
    parent.fill("Premier jour", first.isoformat())
    parent.fill("Dernier jour", (first + timedelta(days=40)).isoformat())
    parent.tick("Toutes les semaines")
    for day in ("Lundi", "Mardi", "Jeudi", "Vendredi"):
        if parent.page.get_by_label(day, exact=True).count():
            parent.page.get_by_label(day, exact=True).set_checked(day in days)
    parent.press("Continuer")
    parent.tick("J’ai lu le règlement")
    parent.press("Continuer")


@pytest.mark.parametrize("javascript", [True, False], ids=["with javascript", "without"])
def test_a_parent_enrols_and_sees_her_days_in_the_planning(
    commune: Commune, browser: Browser, *, javascript: bool
) -> None:
    child, activity = ("Léna", "Accueil du soir, avec goûter") if javascript else ("Léna", "Accueil du matin")
    with somebody(browser, commune.address, javascript=javascript) as parent:
        faults: list[str] = []

        def look(name: str) -> None:
            if javascript:  # axe waits for its own timers
                faults.extend(audit(parent.page, f"inscription-{name}"))

        parent.become("julie-fontaine")
        choose_an_activity(parent, child, activity, look)
        look("semaine")
        fill_a_week(parent, "Lundi", "Jeudi")
        expect(parent.title).to_have_text("Vérifiez votre demande")
        parent.sees("ce que donnera votre demande")
        parent.sees("Total")
        look("verification")
        parent.press("Enregistrer la demande")
        parent.sees("Votre demande est enregistrée")
        parent.sees("Léna est inscrit(e)")
        assert not faults, "\n".join(faults)
