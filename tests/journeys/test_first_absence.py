"""« Done when » of the foundation: from signing up to an absence that an agent has closed, as a parent lives it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.journeys.audit import audit
from tests.journeys.commune import Commune, build_commune, open_commune
from tests.journeys.deeds import declare_an_absence, monday
from tests.journeys.people import DESK, Somebody, photograph, somebody
from tests.services import fresh_postgresql

PASSWORD = "lanterne pois chiche velours"


@pytest.fixture(params=["sqlite", "postgresql"])
def commune(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Commune]:
    if request.param == "sqlite":
        shutil.copytree(request.getfixturevalue("built"), tmp_path / "valbrise")
        with open_commune(f"sqlite:///{tmp_path}/valbrise/portail.db", tmp_path / "valbrise") as served:
            yield served
        return
    with fresh_postgresql() as url:
        build_commune(url, tmp_path)
        with open_commune(url, tmp_path) as served:
            yield served


def sign_up(parent: Somebody) -> None:
    parent.go("/")
    parent.follow("Créer mon compte")
    parent.fill("Prénom", "Élodie")
    parent.fill("Nom", "Garnier")
    parent.fill("Adresse e-mail", "elodie.garnier@example.org")
    parent.press("Continuer")
    parent.fill("Numéro et voie", "4 rue du Lavoir")
    parent.fill("Code postal", "99870")
    parent.fill("Commune", "Valbrise")
    parent.tick("J’accepte")
    parent.press("Continuer")
    expect(parent.title).to_have_text("Vérifiez votre demande")
    parent.press("Créer mon compte")
    parent.sees("24 heures")


def link_in_the_outbox(admin: Somebody) -> str:
    """The activation link, as the administrator of the demonstration reads it."""
    admin.become("administrateur")
    admin.wait_until_she_sees("/admin/courriels", "elodie.garnier@example.org")
    row = admin.page.get_by_role("row").filter(has_text="elodie.garnier@example.org")
    row.get_by_role("link").first.click()
    link = admin.page.locator("main a[href*='/compte/activation/']").first.get_attribute("href")
    assert link is not None
    return link


def open_the_account(parent: Somebody, link: str) -> None:
    parent.go(link)
    assert audit(parent.page, "activation") == []
    parent.press("Confirmer mon adresse")
    expect(parent.title).to_have_text("Choisir mon mot de passe")
    parent.fill("Nouveau mot de passe", PASSWORD)
    parent.fill("Le même mot de passe", PASSWORD)
    parent.press("Enregistrer mon mot de passe")
    if "/connexion" in parent.page.url:
        parent.fill("Adresse e-mail", "Elodie.GARNIER@example.org")
        parent.fill("Mot de passe", PASSWORD)
        parent.press("Se connecter")


def add_a_child(parent: Somebody, folder: Path) -> None:
    parent.go("/tableau-de-bord")
    parent.follow("Ajouter un enfant")
    parent.fill("Prénom de l’enfant", "Basile")
    parent.fill("Nom de l’enfant", "Garnier")
    parent.fill("Date de naissance", "2019-05-04")
    parent.tick("Garçon")
    parent.press("Continuer")
    parent.press("Continuer")
    parent.tick("Mère")
    parent.tick("Avec l’autre parent")
    parent.fill("Nom de l’autre parent", "Marchal")  # asked at once: the answer above calls for it
    parent.page.keyboard.press("Tab")
    parent.fill("Prénom de l’autre parent", "Hugo")
    parent.press("Continuer")
    parent.page.locator("input[type=file]").set_input_files(photograph(folder, "livret.jpg", "Livret de famille"))
    parent.tick("Je certifie")
    parent.press("Continuer")
    expect(parent.title).to_have_text("Vérifiez votre demande")
    parent.press("Enregistrer la demande")
    parent.sees("Votre demande est enregistrée")


def accept(agent: Somebody, family: str, *, take: str | None) -> None:
    """The agent finds the task by the family's name, takes it in charge and says yes."""
    agent.go("/agent/taches")
    agent.fill("Famille, enfant ou référence", family)
    agent.press("Filtrer")
    agent.page.locator("main table a").first.click()
    if take:
        agent.press(take)
    agent.tick("Accepter")
    agent.press("Enregistrer la décision")


def test_a_new_parent_declares_an_absence_and_is_told_that_it_is_closed(
    commune: Commune, browser: Browser, tmp_path: Path
) -> None:
    here = commune.address
    with (
        somebody(browser, here) as parent,
        somebody(browser, here, size=DESK) as agent,
        somebody(browser, here, size=DESK) as admin,
    ):
        sign_up(parent)
        open_the_account(parent, link_in_the_outbox(admin))
        agent.become("gestionnaire")
        add_a_child(parent, tmp_path)
        accept(agent, "Garnier", take="Prendre en charge")
        parent.go("/tableau-de-bord")
        parent.follow("Déclarer une absence pour Basile")
        expect(parent.page.get_by_label("Basile")).to_be_checked()
        absence = declare_an_absence(parent, "Basile", monday(), photo=photograph(tmp_path))
        parent.sees("En attente")
        accept(agent, "Garnier", take="Prendre en charge")
        parent.go(absence)
        parent.sees("L’absence est prise en compte")
        expect(parent.page.locator(".page-head .tag")).to_have_text("Clos")
        parent.wait_until_she_sees("/messages", "prise en compte")
        mail = re.compile(r"Absence\s: .*Basile.* – prise en compte")
        admin.wait_until_she_sees("/admin/courriels?destinataire=elodie.garnier@example.org", "prise en compte")
        expect(admin.page.get_by_role("row").filter(has_text=mail)).to_have_count(1)
