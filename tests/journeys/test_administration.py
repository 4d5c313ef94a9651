"""An administrator changes a démarche without a developer, and keeps the house: people, places, incidents, journal."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

from playwright.sync_api import Browser, expect
from sqlalchemy import select, update

from app import clock
from app.cases.models import Case
from app.db import new_id
from app.engine.models import Incident, Instance
from tests.journeys.audit import audit
from tests.journeys.commune import Commune
from tests.journeys.people import DESK, Somebody, somebody


def archive_of(admin: Somebody, slug: str) -> bytes:
    """The version in use, as « Télécharger » gives it."""
    admin.go(f"/admin/demarches/{slug}")
    href = admin.page.get_by_role("link", name=re.compile("Télécharger")).first.get_attribute("href")
    answer = admin.page.context.request.get(admin.address + str(href))
    assert answer.ok
    return answer.body()


def changed(archive: bytes, name: str, old: str, new: str) -> bytes:
    """The same archive where one file says something else."""
    held = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as before, zipfile.ZipFile(held, "w") as after:
        for path in before.namelist():
            text = before.read(path).decode()
            if path.endswith(name):
                assert old in text
                text = text.replace(old, new)
            after.writestr(path, text)
    return held.getvalue()


def upload(admin: Somebody, archive: bytes, folder: Path) -> None:
    path = folder / "demarche.zip"
    path.write_bytes(archive)
    admin.go("/admin/demarches/nouvelle-version")
    admin.page.get_by_label("Archive de la démarche").set_input_files(path)
    admin.press("Vérifier")


def test_a_faulty_version_is_refused_with_its_element_and_a_right_one_is_published(
    commune: Commune, browser: Browser, tmp_path: Path
) -> None:
    with (
        somebody(browser, commune.address, size=DESK) as admin,
        somebody(browser, commune.address) as visitor,
    ):
        admin.become("administrateur")
        archive = archive_of(admin, "contact")
        admin.expected = ["422"]
        upload(admin, b"not a zip", tmp_path)
        expect(admin.page.locator("[data-error-summary]")).to_be_focused()
        lost = changed(archive, "process.bpmn", 'name="form" value="message"', 'name="form" value="formulaire_perdu"')
        upload(admin, lost, tmp_path)
        admin.sees("à corriger avant de publier")
        admin.sees("formulaire_perdu")
        assert admin.page.get_by_role("button", name="Publier cette version").count() == 0
        upload(
            admin, changed(archive, "demarche.toml", "Écrire à la mairie", "Poser une question à la mairie"), tmp_path
        )
        admin.sees("Cette version peut être publiée")
        assert audit(admin.page, "admin-verification") == []
        admin.fill("Ce qui change", "Un titre plus clair")
        admin.press("Publier cette version")
        admin.go("/admin/demarches/contact")
        admin.sees("Un titre plus clair")
        visitor.go("/")
        visitor.follow("Poser une question à la mairie")
        visitor.follow("Commencer")
        expect(visitor.title).to_be_visible()


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
    with commune.database.transaction() as session:
        case = session.scalars(select(Case).where(Case.slug == "absence", Case.status == "en_attente")).first()
        assert case is not None
        session.execute(update(Instance).where(Instance.case_id == case.id).values(troubled=True))
        session.add(
            Incident(
                id=new_id(),
                case_id=case.id,
                task_id=new_id(),
                node="enregistrer",
                node_name="Noter l’absence",
                reference=case.reference,
                cause="Le disque était plein.",
                attempts=2,
                opened_at=clock.now(),
            )
        )
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
