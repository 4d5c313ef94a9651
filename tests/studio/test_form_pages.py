"""The pages of the editor of forms, as a browser without JavaScript uses them: nothing typed is lost, nothing is
overwritten in silence, and what an answer serves elsewhere is told before it goes."""

from __future__ import annotations

import json
import re
from typing import Any

import lxml.html
import pytest
from flask.testing import FlaskClient

from app.db import Database
from app.policy import Actor
from app.studio import drafts
from tests.cases.making import SLUG, sign_in
from tests.studio.making import Studio, make_studio

TAB = f"/admin/demarches/{SLUG}/formulaires"
FORM = f"{TAB}/demande"
HOSTILE = '<script>alert(1)</script>" onmouseover="alert(2) {{ 7*7 }} \' </textarea></script>'


def signed(new_client: Any, database: Database, actor: Actor) -> FlaskClient:
    assert actor.id is not None
    return sign_in(new_client(), database, actor.id)


@pytest.fixture
def studio(database: Database) -> Studio:
    return make_studio(database)


@pytest.fixture
def iris(database: Database, new_client: Any, studio: Studio) -> FlaskClient:
    """The administrator who has the draft in hand."""
    client = signed(new_client, database, studio.iris)
    assert client.post(f"/admin/demarches/{SLUG}/brouillon").status_code == 303
    return client


def revision(database: Database) -> int:
    with database.transaction(read_only=True) as session:
        return drafts.the_draft(session, SLUG).revision


def files(database: Database) -> dict[str, bytes]:
    with database.transaction(read_only=True) as session:
        return drafts.files_of(drafts.the_draft(session, SLUG))


def document(database: Database, name: str = "demande") -> Any:
    return json.loads(files(database)[f"forms/{name}.json"])


def fields(database: Database, page: int = 0) -> list[Any]:
    return list(document(database)["pages"][page]["fields"])


def names(database: Database) -> list[str]:
    return [each["name"] for each in fields(database)]


def post(client: FlaskClient, database: Database, address: str, **values: str) -> Any:
    return client.post(address, data={"revision": str(revision(database)), **values})


def arrange(client: FlaskClient, database: Database, what: str, place: str = "", **values: str) -> Any:
    return post(client, database, f"{FORM}/ordre", faire=what, place=place, **values)


def save(client: FlaskClient, database: Database, place: str, **values: str) -> Any:
    typed = {f"q--{key}" if not key.startswith(("condition_", "confirme")) else key: v for key, v in values.items()}
    return post(client, database, FORM, place=place, **typed)


def test_every_page_opens_to_read_and_to_change(database, iris, new_client, studio) -> None:
    omar = signed(new_client, database, studio.omar)
    for address in (TAB, FORM, f"{FORM}?champ=0", f"{FORM}?champ=0.1", f"{FORM}?champ=formulaire", f"{TAB}/decision"):
        mine, read = iris.get(address), omar.get(address)
        assert (mine.status_code, read.status_code) == (200, 200), address
        assert "/ordre" not in read.text
    assert "Modifier la question" in iris.get(f"{FORM}?champ=0.1").text
    assert "Modifier la question" not in omar.get(f"{FORM}?champ=0.1").text
    assert iris.get(f"{FORM}?champ=0.9").status_code == 422
    assert iris.get(f"{FORM}?champ=x").status_code == 422
    assert iris.get(f"{TAB}/absente").status_code == 404
    assert iris.get(f"{FORM}/suppression?champ=0.1").status_code == 200


def test_a_question_is_added_moved_copied_and_removed(database, iris) -> None:
    added = arrange(iris, database, "ajouter", "0", question="Téléphone du père ?", type="phone")
    assert added.status_code == 303
    assert added.location.endswith("champ=0.2#question")
    assert names(database) == ["motif", "jour", "telephone_du_pere"]
    assert "Modifier la question" in iris.get(added.location).text
    assert arrange(iris, database, "monter", "0.2").location.endswith("#place-0-1")
    assert names(database) == ["motif", "telephone_du_pere", "jour"]
    arrange(iris, database, "descendre", "0.1")
    arrange(iris, database, "dupliquer", "0.0")
    assert names(database) == ["motif", "motif_2", "jour", "telephone_du_pere"]
    gone = post(iris, database, f"{FORM}/suppression", place="0.1")
    assert gone.status_code == 303
    assert names(database) == ["motif", "jour", "telephone_du_pere"]
    assert arrange(iris, database, "monter", "0.0").status_code == 422
    assert arrange(iris, database, "ajouter", "0", question="X", type="inconnu").status_code == 422


@pytest.mark.parametrize(
    "kind",
    [
        "text", "long_text", "integer", "decimal", "money", "date", "date_range", "time", "email", "phone", "address",
        "yes_no", "choice", "choices", "consent", "child", "children", "adult", "person", "structure", "activity",
        "slots", "piece", "group", "decision", "info",
    ],
)  # fmt: skip
def test_each_type_is_right_when_added_opens_and_is_saved_as_it_was(database, iris, kind) -> None:
    opened = arrange(iris, database, "ajouter", "0", question="Une question", type=kind).location
    before = fields(database)[-1]
    page = iris.get(opened)
    assert page.status_code == 200
    assert "À corriger" not in page.text
    assert "form-preview__form" in page.text
    [question] = lxml.html.fromstring(page.text).xpath("//*[@id='question']//form")
    answer = iris.post(FORM, data=dict(question.form_values()))
    assert answer.status_code == 303
    assert fields(database)[-1] == before


def test_everything_a_choice_says_is_written(database, iris) -> None:
    arrange(iris, database, "ajouter", "0", question="Formule", type="choice")
    saved = save(
        iris, database, "0.2", type="choice", name="formule", label="Quelle formule ?", help="Au choix", required="y",
        options="midi = Le midi\nLe soir\n", display="select", required_message="Choisissez.", default="'midi'",
    )  # fmt: skip
    assert saved.status_code == 303
    assert fields(database)[-1] == {
        "type": "choice", "name": "formule", "label": "Quelle formule ?", "help": "Au choix", "required": True,
        "options": [{"value": "midi", "label": "Le midi"}, {"value": "le_soir", "label": "Le soir"}],
        "display": "select", "required_message": "Choisissez.", "default": "'midi'",
    }  # fmt: skip
    assert "Le soir" in iris.get(FORM).text


def test_limits_are_typed_as_people_write_them(database, iris) -> None:
    arrange(iris, database, "ajouter", "0", question="Somme", type="money")
    save(iris, database, "0.2", type="money", name="somme", label="Somme", min="0", max="12,50")
    assert (fields(database)[-1]["min"], fields(database)[-1]["max"]) == (0, 1250)
    assert 'value="12,50"' in iris.get(f"{FORM}?champ=0.2").text
    save(iris, database, "0.1", type="date", name="jour", label="Jour", min="01/09/2026", max="aujourd_hui + 7 jours")
    assert (fields(database)[1]["min"], fields(database)[1]["max"]) == ("2026-09-01", "aujourd_hui + 7 jours")


def test_what_is_refused_is_said_at_the_field_and_kept(database, iris) -> None:
    before = document(database)
    refused = save(iris, database, "0.0", type="text", name="Mon Nom", label="Ma question", max_length="beaucoup")
    assert refused.status_code == 422
    assert re.search(r'aria-invalid="true"[^>]*name="q--name"', refused.text)
    assert "Écrivez un nombre entier, par exemple 3." in refused.text
    for typed in ("Mon Nom", "Ma question", "beaucoup"):
        assert f'value="{typed}"' in refused.text
    wrong = save(iris, database, "0.0", type="text", name="Mon Nom", label="Ma question")
    assert "n’est pas permis" in wrong.text
    late = save(iris, database, "0.0", type="text", name="motif", label="Motif", show_if="jour == '2026-01-01'")
    assert late.status_code == 422
    assert "n’est pas encore donnée" in late.text
    assert save(iris, database, "0.0", type="text", name="motif", label="").status_code == 422
    assert save(iris, database, "0", title="").status_code == 422
    assert save(iris, database, "formulaire", title="").status_code == 422
    assert document(database) == before


def test_a_subject_that_no_form_may_ask_about_is_refused(database, iris) -> None:
    refused = save(iris, database, "0.0", type="text", name="motif", label="Votre religion")
    assert refused.status_code == 422
    assert "règle CNIL" in refused.text


def test_a_condition_is_written_from_choices_and_stays_editable(database, iris) -> None:
    arrange(iris, database, "ajouter", "0", question="Raison", type="choice")
    save(iris, database, "0.2", type="choice", name="raison", label="Raison", options="a = Maladie\nb = Autre")
    arrange(iris, database, "ajouter", "0", question="Précisez", type="text")
    asked = {"condition_champ": "raison", "condition_operateur": "est", "condition_cible": "show_if"}
    base = {"type": "text", "name": "precisez", "label": "Précisez"}
    wrong = save(iris, database, "0.3", **base, **asked, condition_valeur="Vacances")
    assert wrong.status_code == 422
    assert "Réponses possibles : Maladie, Autre." in wrong.text
    assert 'value="Vacances"' in wrong.text
    typed = {f"q--{key}": value for key, value in base.items()}
    tried = post(iris, database, f"{FORM}/apercu", place="0.3", **typed, **asked, condition_valeur="Autre")
    assert tried.status_code == 200
    assert 'value="raison == &#39;b&#39;"' in tried.text
    assert "show_if" not in fields(database)[-1]
    assert save(iris, database, "0.3", **base, **asked, condition_valeur="Autre").status_code == 303
    assert fields(database)[-1]["show_if"] == "raison == 'b'"
    assert "Affichée seulement si « Raison » est « Autre »" in iris.get(FORM).text
    assert save(iris, database, "0.3", **base, show_if="non_vide(raison)").status_code == 303
    assert fields(database)[-1]["show_if"] == "non_vide(raison)"


def test_the_preview_follows_what_is_typed_and_saves_nothing(database, iris) -> None:
    before = revision(database)
    values = {"q--type": "text", "q--name": "motif", "q--label": "Une tout autre question"}
    tried = post(iris, database, f"{FORM}/apercu", place="0.0", **values)
    shown = tried.text.partition('id="p--apercu"')[2]
    assert "Une tout autre question" in shown
    assert "inert" in shown
    assert "<form" not in shown.partition("</section>")[0]
    other = post(iris, database, f"{FORM}/apercu", place="0.0", **{**values, "q--type": "choice"})
    assert 'name="q--options"' in other.text
    assert revision(database) == before


def test_a_name_that_serves_elsewhere_changes_only_when_confirmed(database, iris) -> None:
    arrange(iris, database, "ajouter", "0", question="Suite", type="text")
    save(iris, database, "0.2", type="text", name="suite_a_donner", label="Suite", show_if="non_vide(motif)")
    settings = files(database)["demarche.toml"] + b'sujet = ["motif"]\n'
    post(iris, database, f"/admin/demarches/{SLUG}/reglages/fichier", texte=settings.decode())
    asked = save(iris, database, "0.0", type="text", name="raison", label="Pour quelle raison ?")
    assert asked.status_code == 422
    assert "Sujet de la demande dans les listes" in asked.text
    assert 'value="raison"' in asked.text
    assert "motif" in names(database)
    done = save(iris, database, "0.0", type="text", name="raison", label="Pour quelle raison ?", confirme="oui")
    assert done.status_code == 303
    assert names(database)[0] == "raison"
    assert fields(database)[2]["show_if"] == "non_vide(raison)"


def test_removing_says_where_the_answer_serves(database, iris) -> None:
    asked = iris.get(f"{TAB}/decision/suppression?champ=0.0")
    assert "sert ailleurs" in asked.text
    assert "condition d’une flèche" in asked.text
    alone = iris.get(f"{FORM}/suppression?champ=0.1")
    assert "ne s’en sert" in alone.text
    assert post(iris, database, f"{TAB}/decision/suppression", place="0.0").status_code == 422


def test_forms_come_from_templates_and_go_when_no_step_shows_them(database, iris) -> None:
    for template in ("demande", "enfant", "decision", "controle"):
        made = post(iris, database, TAB, titre=f"Modèle {template}", modele=template)
        assert made.status_code == 303, template
        assert "À corriger" not in iris.get(made.location).text
    refused = post(iris, database, TAB, titre="", modele="demande")
    assert refused.status_code == 422
    assert post(iris, database, TAB, titre="Y", modele="z").status_code == 422
    renamed = post(iris, database, f"{TAB}/modele_enfant/nom", nom="enfant")
    assert renamed.location.endswith("/enfant")
    assert post(iris, database, f"{TAB}/enfant/nom", nom="demande").status_code == 422
    assert post(iris, database, f"{TAB}/enfant/nom", nom="../x").status_code == 422
    assert post(iris, database, f"{TAB}/enfant/suppression").status_code == 303
    assert "forms/enfant.json" not in files(database)
    assert post(iris, database, f"{FORM}/suppression").status_code == 422
    assert post(iris, database, f"{FORM}/nom", nom="autre").status_code == 422


def test_pages_and_words_are_changed(database, iris) -> None:
    assert arrange(iris, database, "page", titre="Contact").location.endswith("champ=1#question")
    assert save(iris, database, "1", title="Vous joindre", help="Si besoin").status_code == 303
    assert save(iris, database, "formulaire", title="La demande", submit_label="Envoyer").status_code == 303
    now = document(database)
    assert (now["title"], now["submit_label"]) == ("La demande", "Envoyer")
    assert (now["pages"][1]["title"], now["pages"][1]["help"]) == ("Vous joindre", "Si besoin")
    arrange(iris, database, "monter", "1")
    assert document(database)["pages"][0]["title"] == "Vous joindre"
    assert post(iris, database, f"{FORM}/suppression", place="0").status_code == 303
    assert len(document(database)["pages"]) == 1


def test_a_repeated_group_asks_its_own_questions(database, iris) -> None:
    arrange(iris, database, "ajouter", "0", question="Personnes autorisées", type="group")
    added = arrange(iris, database, "ajouter", "0.2", question="Téléphone", type="phone")
    assert added.location.endswith("champ=0.2.1#question")
    assert 'value="group"' not in iris.get(added.location).text.partition('id="question"')[2].partition("</select>")[0]
    arrange(iris, database, "monter", "0.2.1")
    group = fields(database)[2]
    assert [each["type"] for each in group["fields"]] == ["phone", "text"]
    save(iris, database, "0.2.0", type="phone", name="portable", label="Portable", required="y")
    assert fields(database)[2]["fields"][0]["name"] == "portable"
    save(iris, database, "0.2", type="group", name="personnes", label="Personnes", max_rows="3")
    assert next(each["name"] for each in fields(database)[2]["fields"]) == "portable"


def test_a_stale_save_and_a_lost_draft_are_told_and_change_nothing(database, iris, new_client, studio) -> None:
    stale = {"revision": str(revision(database)), "faire": "dupliquer", "place": "0.0"}
    assert iris.post(f"{FORM}/ordre", data=stale).status_code == 303
    again = iris.post(f"{FORM}/ordre", data=stale)
    assert again.status_code == 409
    assert "Iris Morel" in again.text
    omar = signed(new_client, database, studio.omar)
    assert save(omar, database, "0.0", type="text", name="motif", label="Volé").status_code == 409
    omar.post(f"/admin/demarches/{SLUG}/brouillon/prendre")
    lost = save(iris, database, "0.0", type="text", name="motif", label="Perdu")
    assert lost.status_code == 409
    assert "Omar Petit" in lost.text
    assert fields(database)[0]["label"] == "Pour quelle raison ?"


def test_hostile_words_stay_text(database, iris) -> None:
    arrange(iris, database, "ajouter", "0", question=HOSTILE, type="text")
    arrange(iris, database, "ajouter", "0", question="Choix", type="choice")
    options = f"a = {HOSTILE.replace('=', '-')}"
    assert save(iris, database, "0.3", type="choice", name="choix", label=HOSTILE, options=options).status_code == 303
    save(iris, database, "0", title=HOSTILE, help=HOSTILE)
    save(iris, database, "formulaire", title=HOSTILE, help=HOSTILE, submit_label=HOSTILE[:60])
    assert document(database)["title"] == HOSTILE
    tried = post(iris, database, f"{FORM}/apercu", **{"place": "0.2", "q--type": "text", "q--label": HOSTILE})
    refused = save(iris, database, "0.2", type="text", label=HOSTILE, name=HOSTILE, show_if=HOSTILE)
    assert refused.status_code == 422
    where = (TAB, FORM, f"{FORM}?champ=0.3", f"{FORM}?champ=0.2", f"{FORM}?champ=formulaire", f"{FORM}?champ=0")
    removals = (f"{FORM}/suppression?champ=0.3", f"{FORM}/suppression?champ=0", f"{FORM}/suppression")
    for text in [tried.text, refused.text, *(iris.get(each).text for each in (*where, *removals))]:
        assert "<script>alert" not in text
        assert "49" not in re.findall(r"alert\(2\) (\S+)", text)
        assert '" onmouseover="alert(2)' not in text
        assert "</textarea></script>" not in text


def test_a_file_that_is_no_form_is_mended_by_hand(database, iris, studio) -> None:
    good = files(database)["forms/demande.json"]
    with database.transaction() as session:
        now = drafts.the_draft(session, SLUG).revision
        drafts.save_files(session, studio.iris, SLUG, {"forms/demande.json": b'{"pages": [{"fields": [1]}]}'}, now)
    for broken in (f"{FORM}", f"{FORM}?champ=0.0"):
        assert "ne se lit pas" in iris.get(broken).text
    assert "Ne se lit pas" in iris.get(TAB).text
    wrong = post(iris, database, FORM, texte='{"pages": "rien"}')
    assert wrong.status_code == 422
    assert "rien" in wrong.text
    assert post(iris, database, FORM, texte=good.decode()).status_code == 303
    assert "Modifier" in iris.get(FORM).text
