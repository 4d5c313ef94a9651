"""Each setting changed on its page in the studio and published is what a family, then an agent, meets over HTTP."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from app import clock
from app.accounts.models import Role
from app.cases.chores import forget_drafts
from app.cases.erasing import erase_ended
from app.cases.models import Case
from app.db import Database
from app.engine.bundle import Bundle
from app.messages.mails import Mail
from app.policy import Permission
from app.procedures.queries import KEPT_PUBLISHED
from app.procedures.settings import automatic, read_settings
from app.studio import drafts
from tests.cases.ended import end_case
from tests.cases.making import ASKED, SLUG, file_case, make_bundle, sign_in, step_url
from tests.conftest import settings_for
from tests.studio.making import Studio, make_studio
from tests.studio.test_pages import HERE, publish_now, revision, signed, verified
from workers.treatment import treat_due

#: What families and agents are shown does not depend on the kind of database: other tests run on both.
pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
NOON = datetime(2026, 11, 20, 11, 0, tzinfo=UTC)
NEW = f"/demandes/nouvelle/{SLUG}"
PAGES = {
    "presentation": {
        "title": "Demande simple", "summary": "Pour les tests.", "category": "quotidien", "position": "100",
        "duration": "", "delay": "", "service": "", "pieces": "", "listed": "y",
    },
    "depot": {"account": "y", "filers": "tous", "opens_on": "", "closes_on": "", "open": "y", "draft_days": "90"},
    "instruction": {"structure": "", "subject": "", "regime": "AUCUN", "months": "2", "retention_months": "24"},
}  # fmt: skip


class Town:
    """A commune whose administrator changes one démarche."""

    def __init__(self, database: Database, new_client: Any, folder: Path) -> None:
        self.database, self.new_client, self.folder = database, new_client, folder
        self.studio: Studio = make_studio(database)
        self.iris = signed(new_client, database, self.studio.iris)

    def change(self, page: str, **values: str | None) -> None:
        """Saves one page of the settings (``None``: a box that is not ticked), and publishes."""
        self.iris.post(f"{HERE}/brouillon")
        given = {**PAGES[page], **values} if page in PAGES else values
        sent = {name: value for name, value in given.items() if value is not None}
        answer = self.iris.post(f"{HERE}/reglages/{page}", data={**sent, "revision": revision(self.database)})
        assert answer.status_code == 303, re.findall(r'ds-validation-message">.*?</p>', answer.text)
        self.publish()

    def publish(self) -> None:
        verified(self.database)
        assert publish_now(self.iris, self.database).status_code == 303
        KEPT_PUBLISHED.forget()

    @property
    def visitor(self) -> FlaskClient:
        client: FlaskClient = self.new_client()
        return client

    def person(self, account_id: uuid.UUID) -> FlaskClient:
        return sign_in(self.new_client(), self.database, account_id)

    @property
    def camille(self) -> FlaskClient:
        return self.person(self.studio.world.camille)

    def file(self) -> uuid.UUID:
        return file_case(self.database, self.studio.world)

    def mails(self) -> list[tuple[str, str]]:
        treat_due(self.database, settings_for(str(self.database.engine.url), self.folder))
        with self.database.transaction(read_only=True) as session:
            return [(mail.subject, mail.body) for mail in session.scalars(select(Mail).order_by(Mail.created_at))]


@pytest.fixture
def town(database: Database, new_client: Any, tmp_path: Path) -> Town:
    return Town(database, new_client, tmp_path)


def test_what_is_said_before_one_begins(town: Town) -> None:
    town.change(
        "presentation", title="Demande refaite", summary="Un résumé neuf.", category="contact", duration="7 minutes",
        delay="Sous 9 jours.", service="Service des tests", pieces="Un RIB\nUne photo récente",
    )  # fmt: skip
    home, page = town.visitor.get("/").text, town.visitor.get(f"/demarches/{SLUG}").text
    assert "Nous contacter" in home
    for words in ("Demande refaite", "Un résumé neuf."):
        assert words in home
        assert words in page
    for words in ("7 minutes", "Sous 9 jours.", "Service des tests", "Un RIB", "Une photo récente"):
        assert words in page


def test_a_demarche_leaves_the_catalogue_and_keeps_its_address(town: Town) -> None:
    assert "Demande simple" in town.visitor.get("/").text
    town.change("presentation", listed=None)
    assert "Demande simple" not in town.visitor.get("/").text
    assert town.camille.get(NEW).status_code == 200


def test_an_account_is_needed_or_is_not(town: Town) -> None:
    assert "Demande simple @" in re.sub(r"<[^>]+>|\s+", " ", town.visitor.get("/").text).replace("  ", " ")
    assert town.visitor.get(NEW).location.startswith("/connexion")
    town.change("depot", account=None)
    assert "Nécessaire" not in town.visitor.get(f"/demarches/{SLUG}").text
    assert 'name="motif"' in town.visitor.get(NEW).text


@pytest.mark.parametrize(
    ("filers", "words"), [("foyers", "dont le foyer est sur le portail"), ("guichet", "à l’accueil de la mairie")]
)
def test_whoever_may_not_file_is_told_so(town: Town, filers: str, words: str) -> None:
    assert town.camille.get(NEW).status_code == 200
    town.change("depot", filers=filers)
    refused = town.person(town.studio.world.bruno).get(NEW)
    assert refused.status_code == 403
    assert words in refused.text


def test_nothing_begins_outside_the_window(town: Town) -> None:
    with clock.frozen(NOON):
        town.change("depot", opens_on="2026-11-21", closes_on="2026-11-30")
        early = town.camille.get(NEW)
        assert early.status_code == 409
        assert "ouvre le 21\u00a0novembre 2026" in early.text
    with clock.frozen(NOON + timedelta(days=10)):
        assert town.camille.get(NEW).status_code == 200
        assert "Commencer" in town.camille.get(f"/demarches/{SLUG}").text
    with clock.frozen(NOON + timedelta(days=11)):
        late = town.person(town.studio.world.bruno)
        assert late.get(NEW).status_code == 409
        assert "Demande simple" not in late.get("/").text
        assert "fermée depuis le 30" in late.get(f"/demarches/{SLUG}").text


def test_a_draft_is_kept_as_long_as_is_said(town: Town) -> None:
    settings = settings_for(str(town.database.engine.url), town.folder)

    def count() -> int:
        with town.database.transaction(read_only=True) as session:
            return session.scalar(select(func.count()).select_from(Case)) or 0

    with clock.frozen(NOON) as time:
        town.change("depot", draft_days="12")
        camille = town.camille
        save = re.search(r'data-autosave="([^"]+)"', camille.get(NEW).text)
        assert save is not None
        assert camille.post(unescape(save[1]), data={"motif": "Léna"}).status_code == 200
        time.set(NOON + timedelta(days=11, hours=23))
        forget_drafts(town.database, settings)
        assert count() == 1
        time.set(NOON + timedelta(days=12, hours=1))
        forget_drafts(town.database, settings)
        assert count() == 0


def test_a_demande_that_ended_is_kept_as_long_as_is_said_whatever_its_version(town: Town) -> None:
    settings = settings_for(str(town.database.engine.url), town.folder)
    with clock.frozen(NOON) as time:
        case_id = end_case(town.database, town.studio.world)
        wrong = {**PAGES["instruction"], "retention_months": "2"}
        town.iris.post(f"{HERE}/brouillon")
        answer = town.iris.post(f"{HERE}/reglages/instruction", data={**wrong, "revision": revision(town.database)})
        assert answer.status_code == 422
        assert "Écrivez un nombre de mois entre 3 et 120." in answer.text
        sent = {**PAGES["instruction"], "retention_months": "6", "revision": revision(town.database)}
        assert town.iris.post(f"{HERE}/reglages/instruction", data=sent).status_code == 303
        verified(town.database)
        told = "Le nombre de mois pendant lesquels une demande terminée est gardée passe de"
        assert told in town.iris.get(f"{HERE}/publication").text
        town.publish()
        assert "vendredi 21\u00a0mai 2027" in town.camille.get(f"/demandes/{case_id}").text
        exported = town.iris.get(f"{HERE}/versions/2/archive.zip")
        assert b"conservation_mois = 6" in Bundle.from_zip(exported.data).files["demarche.toml"]
        time.set(datetime(2027, 5, 20, 12, tzinfo=UTC))
        erase_ended(town.database, settings)
        assert town.camille.get(f"/demandes/{case_id}").status_code == 200
        time.advance(days=1)
        erase_ended(town.database, settings)
        assert town.camille.get(f"/demandes/{case_id}").status_code == 404


def test_only_the_agents_of_the_structure_receive_it(town: Town) -> None:
    world = town.studio.world
    case_id = town.file()
    assert town.person(world.hill_agent).get(f"/agent/demandes/{case_id}").status_code == 200, "any holder of the role"
    town.change("instruction", structure="code:LAC")
    case_id = town.file()
    assert town.person(world.lake_agent).get(f"/agent/demandes/{case_id}").status_code == 200
    assert town.person(world.hill_agent).get(f"/agent/demandes/{case_id}").status_code == 404
    assert f"/agent/demandes/{case_id}" in town.person(world.lake_agent).get("/agent/taches").text


def test_the_subject_is_what_lists_show(town: Town) -> None:
    town.change("instruction", subject="motif")
    town.file()
    assert ASKED["motif"] in town.camille.get("/demandes").text
    assert ASKED["motif"] in town.person(town.studio.world.nadia).get("/agent/taches").text


@pytest.mark.parametrize(("regime", "word"), [("SVA", "acceptée"), ("SVR", "rejetée")])
def test_the_legal_rule_and_its_delay_are_told_to_both_sides(town: Town, regime: str, word: str) -> None:
    with clock.frozen(NOON):
        town.change("instruction", regime=regime, months="3")
        case_id = town.file()
        agent = town.person(town.studio.world.nadia).get(f"/agent/demandes/{case_id}").text
        assert "21 février 2027" in agent.replace("\u00a0", " ")
        assert word in agent
        town.iris.post(f"{HERE}/brouillon")
        subject, body = town.mails()[0]
        assert "Accusé de réception" in subject
        assert "21 février 2027" in body.replace("\u00a0", " ")


def test_the_words_of_a_status_are_on_the_page_and_in_the_mail(town: Town) -> None:
    town.change(
        "messages/traitement", next_step="Un agent s’en occupe, comptez 3 jours.", subject="{demarche} en cours",
        body="Bonjour {prenom},\n\nVotre demande {reference} avance : {lien}",
    )  # fmt: skip
    case_id = town.file()
    nadia = town.person(town.studio.world.nadia)
    assert nadia.post(step_url(town.database, case_id)).status_code == 302
    assert "comptez 3 jours" in town.camille.get(f"/demandes/{case_id}").text
    subject, body = town.mails()[-1]
    assert subject == "Demande simple en cours"
    assert body.startswith("Bonjour Camille,")
    assert f"/demandes/{case_id}" in body
    assert "{" not in body


def test_a_lane_is_a_role_and_one_that_may_do_nothing_is_told(town: Town) -> None:
    world = town.studio.world
    town.iris.post(f"{HERE}/brouillon")
    xml = make_bundle().files["process.bpmn"].decode().replace('name="Gestionnaire"', 'name="Comptabilité"')
    saved = town.iris.post(
        f"{HERE}/diagramme", data={"xml": xml, "revision": revision(town.database)}, headers={"X-Requested-With": "x"}
    )
    assert saved.status_code == 200
    told = town.iris.get(f"{HERE}/reglages/instruction").text
    assert "Comptabilité" in told
    assert "Aucun rôle de ce nom" not in told
    verified(town.database)
    page = town.iris.get(f"{HERE}/verification").text
    assert "ne permet pas de traiter des tâches" in page
    with town.database.transaction() as session:
        role = session.get_one(Role, "comptabilite")
        role.permissions = [*role.permissions, Permission.TASK_WORK]
    verified(town.database)
    assert "ne permet pas de traiter des tâches" not in town.iris.get(f"{HERE}/verification").text
    town.publish()
    case_id = town.file()
    assert town.person(world.nadia).post(step_url(town.database, case_id)).status_code in (403, 404)
    assert town.person(world.accountant).post(step_url(town.database, case_id)).status_code == 302


def test_the_subject_is_chosen_among_the_questions_of_the_family(town: Town) -> None:
    town.iris.post(f"{HERE}/brouillon")
    page = town.iris.get(f"{HERE}/reglages/instruction").text
    assert "<dt>motif</dt><dd>Pour quelle raison ?</dd>" in page
    assert "<dt>decision</dt>" not in page
    sent = {**PAGES["instruction"], "subject": "motif, prenom nom", "revision": revision(town.database)}
    refused = town.iris.post(f"{HERE}/reglages/instruction", data=sent)
    assert refused.status_code == 422
    for name in ("prenom", "nom"):
        assert f"Aucune question ne s’appelle «\u00a0{name}\u00a0»" in refused.text
    assert 'value="motif, prenom nom"' in refused.text, "nothing of what she typed is lost"
    town.change("instruction", subject="jour, motif")
    case_id = town.file()
    assert re.search(r"7\sjanvier\s2030, Léna est malade", town.camille.get(f"/demandes/{case_id}").text)


def test_the_questions_accepted_without_an_agent_are_chosen_where_the_diagram_asks_for_them(town: Town) -> None:
    town.iris.post(f"{HERE}/brouillon")
    assert "Questions acceptées d’office" not in town.iris.get(f"{HERE}/reglages/instruction").text
    xml = make_bundle().files["process.bpmn"].decode()
    xml = xml.replace("</bpmn:definitions>", "<!-- champs_automatiques --></bpmn:definitions>")
    form = {"xml": xml, "revision": revision(town.database)}
    assert town.iris.post(f"{HERE}/diagramme", data=form, headers={"X-Requested-With": "x"}).status_code == 200
    assert "Questions acceptées d’office" in town.iris.get(f"{HERE}/reglages/instruction").text
    sent = {**PAGES["instruction"], "automatic": "motif, nom", "revision": revision(town.database)}
    refused = town.iris.post(f"{HERE}/reglages/instruction", data=sent)
    assert refused.status_code == 422
    assert "Aucune question ne s’appelle «\u00a0nom\u00a0»" in refused.text
    assert 'value="motif, nom"' in refused.text, "nothing of what she typed is lost"
    sent |= {"automatic": "motif, jour", "revision": revision(town.database)}
    assert town.iris.post(f"{HERE}/reglages/instruction", data=sent).status_code == 303
    with town.database.transaction(read_only=True) as session:
        written = drafts.files_of(drafts.the_draft(session, SLUG))["demarche.toml"]
    assert automatic(read_settings(written)) == ["motif", "jour"]


def test_a_second_reader_is_asked_then_publishes(town: Town) -> None:
    town.iris.post(f"{HERE}/brouillon")
    sent = {**PAGES["instruction"], "second_reader": "y", "revision": revision(town.database)}
    assert town.iris.post(f"{HERE}/reglages/instruction", data=sent).status_code == 303
    verified(town.database)
    assert "Demander l’accord" in town.iris.get(f"{HERE}/publication").text
    assert publish_now(town.iris, town.database).status_code == 303
    with town.database.transaction(read_only=True) as session:
        draft = drafts.the_draft(session, SLUG)
        assert draft.approval_revision == draft.revision
        seen = {"revision": draft.revision, "version": str(draft.base_version_id)}
    assert town.iris.post(f"{HERE}/publication/accord", data=seen).status_code == 403
    omar = signed(town.new_client, town.database, town.studio.omar)
    assert "Donner mon accord et publier" in omar.get(f"{HERE}/publication").text
    assert omar.post(f"{HERE}/publication/accord", data=seen).status_code == 303
    assert "Version 2" in omar.get(f"{HERE}/versions").text or "version 2" in omar.get(f"{HERE}/versions").text
