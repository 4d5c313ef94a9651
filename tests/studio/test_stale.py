"""A save that comes too late overwrites nothing and loses nothing: what was typed comes back beside what the draft
says, and can be written there."""

from __future__ import annotations

import json
import re
from typing import Any

import lxml.html
import pytest
from flask.testing import FlaskClient

from app.db import Database
from app.procedures.settings import read_settings
from app.studio import drafts
from tests.cases.making import SLUG, make_bundle
from tests.studio.making import Studio, make_studio
from tests.studio.test_pages import HERE, publish_now, revision, signed, verified

PRESENTATION = {
    "title": "Ma saisie", "summary": "Pour les tests.", "category": "quotidien", "position": "100", "duration": "",
    "delay": "", "service": "", "pieces": "", "listed": "y",
}  # fmt: skip


@pytest.fixture
def studio(database: Database) -> Studio:
    return make_studio(database)


@pytest.fixture
def iris(database: Database, new_client: Any, studio: Studio) -> FlaskClient:
    """Who has the draft in hand."""
    client = signed(new_client, database, studio.iris)
    assert client.post(f"{HERE}/brouillon").status_code == 303
    return client


def files(database: Database) -> dict[str, bytes]:
    with database.transaction(read_only=True) as session:
        return drafts.files_of(drafts.the_draft(session, SLUG))


def settings(database: Database):
    return read_settings(files(database)["demarche.toml"])


def resent(page: Any, action: str) -> dict[str, str]:
    """What the form of this address would send, as the page shows it."""
    tree = lxml.html.fromstring(page.text)
    here = [each for each in tree.forms if each.xpath(".//input[@name='revision']")]
    form = next(each for each in here if (each.action or "").endswith(action))
    return {name: value for name, value in form.form_values() if name != "csrf_token"}


def section(database: Database, client: FlaskClient, **values: str):
    return client.post(f"{HERE}/reglages/presentation", data={**PRESENTATION, **values})


def test_settings_typed_on_an_older_draft_come_back_beside_it_and_can_be_written_there(database, iris) -> None:
    assert section(database, iris, revision="1", title="Le titre d’une autre fenêtre").status_code == 303
    late = section(database, iris, revision="1", title="Ma <b>saisie</b>", pieces="Un RIB\nUne photo")
    assert late.status_code == 409
    assert settings(database).title == "Le titre d’une autre fenêtre", "nothing is overwritten"
    cells = [cell.text_content().strip() for cell in lxml.html.fromstring(late.text).xpath("//table//tbody//td")]
    assert cells == ["Le titre d’une autre fenêtre", "Ma <b>saisie</b>", "Rien", "Un RIBUne photo"]
    assert "Iris Morel" in late.text
    again = resent(late, "/reglages/presentation")
    assert again["revision"] == "2"
    assert again["title"] == "Ma <b>saisie</b>"
    assert iris.post(f"{HERE}/reglages/presentation", data=again).status_code == 303
    assert (settings(database).title, settings(database).pieces) == ("Ma <b>saisie</b>", ("Un RIB", "Une photo"))


def test_a_wrong_form_does_not_become_current_by_being_shown_again(database, iris) -> None:
    section(database, iris, revision="1", title="Autre fenêtre")
    wrong = section(database, iris, revision="1", title="")
    assert wrong.status_code == 409, "too late comes before wrong"
    wrong = section(database, iris, revision="2", title="")
    assert wrong.status_code == 422
    section(database, iris, revision="2", title="Encore une autre")
    again = {**resent(wrong, "/reglages/presentation"), "title": "Ma saisie"}
    assert again["revision"] == "2"
    assert iris.post(f"{HERE}/reglages/presentation", data=again).status_code == 409
    assert settings(database).title == "Encore une autre"


def test_whoever_lost_the_draft_takes_it_back_with_what_she_typed(database, iris, new_client, studio) -> None:
    omar = signed(new_client, database, studio.omar)
    omar.post(f"{HERE}/brouillon/prendre")
    late = section(database, iris, revision="1")
    assert late.status_code == 409
    assert "Omar Petit" in late.text
    assert "Prendre la main et enregistrer ma saisie" in late.text
    assert resent(late, "/reglages/presentation")["title"] == "Ma saisie"
    invalid = iris.post(
        f"{HERE}/reglages/presentation", data={**resent(late, "/reglages/presentation"), "position": "x"}
    )
    assert invalid.status_code == 422
    again = {**resent(invalid, "/reglages/presentation"), "position": "3"}
    assert iris.post(f"{HERE}/reglages/presentation", data=again).status_code == 303
    assert (settings(database).title, settings(database).position) == ("Ma saisie", 3)
    with database.transaction(read_only=True) as session:
        assert drafts.the_draft(session, SLUG).holder_label == "Iris Morel"
    assert "a pris la main" in omar.get(f"{HERE}/diagramme").text


def test_a_draft_published_meanwhile_is_opened_again_with_what_was_typed(database, iris, new_client, studio) -> None:
    omar = signed(new_client, database, studio.omar)
    omar.post(f"{HERE}/brouillon/prendre")
    section(database, omar, revision="1", title="Publié")
    verified(database)
    assert publish_now(omar, database).status_code == 303
    late = section(database, iris, revision="1")
    assert late.status_code == 409
    assert "publié ou abandonné" in late.text
    again = resent(late, "/reglages/presentation")
    assert iris.post(f"{HERE}/reglages/presentation", data=again).status_code == 303
    assert settings(database).title == "Ma saisie"


def test_a_message_and_the_file_itself_are_kept_too(database, iris) -> None:
    section(database, iris, revision="1", title="Autre")
    told = {"revision": "1", "next_step": "Ma suite", "subject": "", "body": ""}
    late = iris.post(f"{HERE}/reglages/messages/clos", data=told)
    assert late.status_code == 409
    assert iris.post(f"{HERE}/reglages/messages/clos", data=resent(late, "")).status_code == 303
    assert settings(database).next_steps["clos"] == "Ma suite"
    mine = make_bundle(title="Mon fichier").files["demarche.toml"].decode()
    late = iris.post(f"{HERE}/reglages/fichier", data={"revision": "1", "texte": mine})
    assert late.status_code == 409
    assert "Mon fichier" in late.text
    assert "Ma suite" in late.text, "what the draft says is there too"
    assert iris.post(f"{HERE}/reglages/fichier", data=resent(late, "/reglages/fichier")).status_code == 303
    assert settings(database).title == "Mon fichier"


# -- forms -----------------------------------------------------------------------------------------------------------

FORM = f"{HERE}/formulaires/demande"


def document(database: Database) -> Any:
    return json.loads(files(database)["forms/demande.json"])


def opened_question(client: FlaskClient, place: str) -> dict[str, str]:
    page = client.get(f"{FORM}?champ={place}")
    tree = lxml.html.fromstring(page.text)
    form = next(each for each in tree.forms if each.xpath(".//input[@name='nom_avant']"))
    return dict(form.form_values())


def test_a_question_that_moved_is_found_again_with_what_was_typed(database, iris) -> None:
    typed = {**opened_question(iris, "0.0"), "q--label": "Pourquoi <i>donc</i> ?"}
    assert iris.post(f"{FORM}/ordre", data={"revision": "1", "faire": "descendre", "place": "0.0"}).status_code == 303
    late = iris.post(FORM, data=typed)
    assert late.status_code == 409
    assert "Pour quelle raison ?" in late.text
    assert "Pourquoi &lt;i&gt;donc&lt;/i&gt; ?" in late.text
    again = _card(late)
    assert (again["place"], again["revision"]) == ("0.1", "2")
    assert iris.post(FORM, data=again).status_code == 303
    assert [each["label"] for each in document(database)["pages"][0]["fields"]] == [
        "Quel jour ?",
        "Pourquoi <i>donc</i> ?",
    ]


def _card(page: Any) -> dict[str, str]:
    tree = lxml.html.fromstring(page.text)
    form = next(each for each in tree.forms if each.xpath(".//input[@name='nom_avant']"))
    return dict(form.form_values())


def test_the_preview_of_an_older_form_does_not_make_it_current(database, iris) -> None:
    typed = {**opened_question(iris, "0.0"), "q--label": "Ma question"}
    section(database, iris, revision="1", title="Autre fenêtre")
    seen = iris.post(f"{FORM}/apercu", data=typed)
    assert seen.status_code == 200
    assert _card(seen)["revision"] == "1"
    assert iris.post(FORM, data=_card(seen)).status_code == 409


def test_what_was_typed_of_a_question_that_is_gone_can_be_copied(database, iris) -> None:
    typed = {**opened_question(iris, "0.0"), "q--label": "Ma question, longue à écrire"}
    assert iris.post(f"{FORM}/suppression", data={"revision": "1", "place": "0.0"}).status_code == 303
    late = iris.post(FORM, data=typed)
    assert late.status_code == 409
    assert "Ma question, longue à écrire" in late.text
    assert "n’y est plus" in late.text
    assert [each["name"] for each in document(database)["pages"][0]["fields"]] == ["jour"]


def test_a_button_pressed_too_late_says_so_and_gives_the_words_back(database, iris) -> None:
    asked = {"faire": "ajouter", "place": "0", "question": "Une question neuve", "type": "text"}
    assert iris.post(f"{FORM}/ordre", data={**asked, "revision": "1"}).status_code == 303
    late = iris.post(f"{FORM}/ordre", data={**asked, "revision": "1", "question": "Une autre <u>neuve</u>"})
    assert late.status_code == 409
    assert "Une autre &lt;u&gt;neuve&lt;/u&gt;" in late.text
    assert len(document(database)["pages"][0]["fields"]) == 3


def test_a_scenario_written_too_late_is_kept(database, iris) -> None:
    made = iris.post(f"{HERE}/scenarios", data={"title": "Essai", "revision": "1"})
    assert made.status_code == 303
    text = 'titre = "Le mien"\n\n[[etapes]]\nfaire = "saisir"\n'
    late = iris.post(f"{HERE}/scenarios/recit/essai", data={"text": text, "revision": "1"})
    assert late.status_code == 409
    assert "Le mien" in late.text
    assert iris.post(f"{HERE}/scenarios/recit/essai", data=resent(late, "/recit/essai")).status_code == 303
    assert b"Le mien" in files(database)["scenarios/essai.toml"]
    post = {"revision": str(revision(database))}
    assert iris.post(f"{HERE}/scenarios/recit/essai/suppression", data=post).status_code == 303
    gone = iris.post(f"{HERE}/scenarios/recit/essai", data={"text": text, "revision": "2"})
    assert gone.status_code == 409
    assert "Le mien" in gone.text


def test_publishing_what_was_not_read_shows_the_summary_again_with_the_note(database, iris) -> None:
    section(database, iris, revision="1", title="Autre")
    verified(database)
    late = publish_now(iris, database, revision="1", note="Ma note, à garder.")
    assert late.status_code == 409
    assert "Ma note, à garder." in late.text
    assert re.search(r"Le titre passe de", late.text)
    assert iris.post(f"{HERE}/publication", data=resent(late, "/publication")).status_code == 303
