"""An administrator watches the demandes in progress of a démarche and mends those that are stuck, in a real browser."""

from __future__ import annotations

import re

from playwright.sync_api import Browser

from app.engine.bundle import Bundle
from app.policy import SYSTEM
from app.procedures.operations import publish
from app.procedures.queries import content_of, published
from tests.journeys.audit import audit
from tests.journeys.commune import Commune
from tests.journeys.deeds import stop_one
from tests.journeys.people import DESK, somebody

HERE = "/admin/demarches/absence/dossiers"


def test_she_sees_where_demandes_are_and_runs_again_those_that_stopped(commune: Commune, browser: Browser) -> None:
    reference = stop_one(commune, "Le planning ne répond pas.")
    with somebody(browser, commune.address, size=DESK) as admin:
        admin.become("administrateur")
        admin.go("/admin/demarches/absence/diagramme")
        admin.follow("Dossiers en cours")
        admin.sees("Temps médian")
        assert audit(admin.page, "running") == []
        admin.follow("Voir les demandes arrêtées")
        admin.sees("Le planning ne répond pas.")
        assert audit(admin.page, "running-list") == []
        admin.page.get_by_label(reference).check()
        admin.press("Relancer")
        admin.sees("Reparties")
        admin.sees("Aucune demande")


def test_she_sends_a_demande_to_another_step_and_says_why(commune: Commune, browser: Browser) -> None:
    with somebody(browser, commune.address, size=DESK) as admin:
        admin.become("administrateur")
        admin.go(f"{HERE}/liste?etape=prendre_en_charge")
        assert audit(admin.page, "running-move") == []
        admin.page.get_by_role("checkbox").first.check()
        admin.page.get_by_label("Étape où reprendre", exact=True).select_option(label="Contrôler l’absence")
        admin.fill("Raison", "Prise en charge par téléphone")
        admin.press("Déplacer")
        admin.sees("Déplacées")


def publish_renamed(commune: Commune) -> None:
    """A second version of « absence », where a step is called otherwise and another has another identifier."""
    with commune.database.transaction() as session:
        files = dict(content_of(session, published(session, "absence").bundle_hash).files)
        diagram = files["process.bpmn"].replace(b'"instruire"', b'"controler"').replace(b">instruire<", b">controler<")
        publish(session, SYSTEM, "absence", Bundle({**files, "process.bpmn": diagram}), "")


def test_she_migrates_the_demandes_of_the_version_before(commune: Commune, browser: Browser) -> None:
    publish_renamed(commune)
    with somebody(browser, commune.address, size=DESK) as admin:
        admin.become("administrateur")
        admin.go(f"{HERE}?version=1")
        admin.follow("Migrer vers la version 2")
        admin.sees("Essai à blanc")
        assert audit(admin.page, "migration-try") == []
        admin.page.get_by_label("reprendre à").select_option(label="Contrôler l’absence")
        admin.press("Choisir cette étape")
        admin.sees("Votre choix est gardé")
        admin.page.get_by_role("button", name=re.compile("Migrer ")).click()
        admin.sees("Terminée")
        admin.sees("Défaire cette migration")
        assert audit(admin.page, "migration-done") == []
