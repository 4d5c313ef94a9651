"""An administrator changes démarches in the studio, in a real browser: nothing is published unread."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.journeys.audit import audit
from tests.journeys.commune import Commune
from tests.journeys.people import DESK, Somebody, somebody

HERE = "/admin/demarches/contact"


def start(admin: Somebody) -> None:
    """« Modifier »: the draft is hers."""
    admin.go(f"{HERE}/reglages")
    admin.press("Modifier")
    admin.sees("Vous avez la main")


def verified(admin: Somebody) -> None:
    """Whatever the worker is at, the draft is judged as it is."""
    admin.go(f"{HERE}/verification")
    admin.press("Vérifier maintenant")


def play(admin: Somebody) -> None:
    """The worker plays the scenarios; the page follows by itself."""
    admin.go(f"{HERE}/scenarios")
    admin.press("Jouer les scénarios")
    expect(admin.page.get_by_text("Joués sur le brouillon tel qu’il est")).to_be_visible(timeout=60_000)


def test_a_change_is_read_in_words_before_it_is_published(commune: Commune, browser: Browser, tmp_path: Path) -> None:
    with (
        somebody(browser, commune.address, size=DESK) as admin,
        somebody(browser, commune.address) as visitor,
    ):
        admin.become("administrateur")
        start(admin)
        admin.fill("Titre", "Poser une question à la mairie")
        admin.press("Enregistrer dans le brouillon")
        admin.sees("Les réglages sont enregistrés dans le brouillon")
        visitor.go("/")
        visitor.sees("Écrire à la mairie")
        admin.go(f"{HERE}/reglages/messages/clos")
        admin.expected = ["422"]
        admin.fill("Texte du courriel", "Bonjour {cantine}")
        admin.press("Enregistrer dans le brouillon")
        expect(admin.page.locator("[data-error-summary]")).to_be_focused()
        admin.sees("La variable {cantine} n’existe pas")
        verified(admin)
        admin.sees("Aucune erreur")
        admin.follow("Relire et publier")
        admin.sees("Les scénarios empêchent de publier")
        play(admin)
        admin.sees("Rien n’empêche de publier")
        admin.follow("Relire et publier")
        admin.sees("Le titre passe de")
        assert audit(admin.page, "studio-publication") == []
        admin.page.set_viewport_size({"width": DESK[0], "height": DESK[1]})
        admin.fill("Ce qui change", "Un titre plus clair")
        admin.press("Publier cette version")
        admin.sees("est en ligne")
        admin.sees("Un titre plus clair")
        visitor.go("/")
        visitor.follow("Poser une question à la mairie")
        visitor.follow("Commencer")
        expect(visitor.title).to_be_visible()
        admin.go(f"{HERE}/versions/1")
        admin.fill("Pourquoi revenir à cette version", "Les familles cherchaient l’ancien titre.")
        admin.press("Publier à nouveau la version 1")
        visitor.go("/")
        visitor.sees("Écrire à la mairie")


def test_a_faulty_draft_says_where_and_cannot_be_published(commune: Commune, browser: Browser, tmp_path: Path) -> None:
    with somebody(browser, commune.address, size=DESK) as admin:
        admin.become("administrateur")
        admin.go("/admin/demarches/justificatif/versions")
        href = admin.page.get_by_role("link", name=re.compile("Télécharger")).first.get_attribute("href")
        archive = admin.page.context.request.get(admin.address + str(href)).body()
        path = tmp_path / "demarche.zip"
        path.write_bytes(without(archive, "forms/verification.json"))
        admin.expected = ["422"]
        admin.go("/admin/demarches/importer")
        admin.page.get_by_label("Fichier").set_input_files({"name": "x.zip", "mimeType": "", "buffer": b"PK\x03\x04"})
        admin.press("Importer")
        admin.sees("n’est pas une archive zip lisible")
        admin.page.get_by_label("Fichier").set_input_files(path)
        admin.press("Importer")
        admin.sees("Rien n’est publié")
        admin.go("/admin/demarches/justificatif/verification")
        admin.press("Vérifier maintenant")
        admin.sees("à corriger avant de publier")
        assert audit(admin.page, "studio-verification") == []
        admin.go("/admin/demarches/justificatif/publication")
        assert admin.page.get_by_role("button", name="Publier cette version").count() == 0
        admin.follow("Abandonner le brouillon")
        admin.press("Oui, abandonner")
        admin.sees("Le brouillon est abandonné")


def without(archive: bytes, name: str) -> bytes:
    """The same archive but for one file."""
    held = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as before, zipfile.ZipFile(held, "w") as after:
        for path in before.namelist():
            if path != name:
                after.writestr(path, before.read(path))
    return held.getvalue()


def test_a_new_demarche_is_drawn_and_listed_for_administrators_only(commune: Commune, browser: Browser) -> None:
    with (
        somebody(browser, commune.address, size=DESK) as admin,
        somebody(browser, commune.address) as visitor,
    ):
        admin.become("administrateur")
        admin.go("/admin/demarches")
        admin.follow("Nouvelle démarche")
        admin.fill("Titre", "Goûter du mardi")
        admin.fill("Identifiant", "gouter-du-mardi")
        admin.press("Créer le brouillon")
        expect(admin.page.locator("[data-studio]")).to_be_visible()
        expect(admin.page.get_by_text("Instruire la demande").first).to_be_attached()
        for tab in ("diagramme", "reglages", "reglages/depot", "versions", "publication", "tables"):
            admin.go(f"/admin/demarches/gouter-du-mardi/{tab}")
            assert audit(admin.page, f"studio-{tab.replace('/', '-')}") == []
        admin.go("/admin/demarches")
        admin.sees("En préparation")
        visitor.go("/")
        assert visitor.page.get_by_text("Goûter du mardi").count() == 0


def test_without_javascript_the_diagram_is_a_picture_words_and_a_file(commune: Commune, browser: Browser) -> None:
    with somebody(browser, commune.address, size=DESK, javascript=False) as admin:
        admin.become("administrateur")
        admin.go("/admin/demarches/absence/diagramme")
        expect(admin.page.get_by_role("img", name=re.compile("Schéma"))).to_be_visible()
        admin.page.get_by_text("Les étapes en texte").click()
        admin.sees("Contrôler l’absence")
        admin.press("Modifier")
        admin.page.get_by_text("Le fichier du diagramme").click()
        raw = admin.page.context.request.get(f"{commune.address}/admin/demarches/absence/diagramme/process.bpmn").body()
        changed = raw.replace("Contrôler l’absence".encode(), "Examiner l’absence".encode())
        admin.page.get_by_label("Remplacer le diagramme").set_input_files(
            {"name": "process.bpmn", "mimeType": "application/xml", "buffer": changed}
        )
        admin.press("Remplacer")
        admin.sees("Le diagramme est remplacé")
        admin.go("/admin/demarches/absence/publication")
        admin.sees("s’appelle désormais")
        admin.follow("Abandonner le brouillon")
        admin.press("Oui, abandonner")
