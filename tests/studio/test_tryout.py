"""« Essayer »: both sides of a draft are played, replayed apart, and become a scenario."""

from __future__ import annotations

import json
import re

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.datastructures import MultiDict

from app.cases.models import Case
from app.db import Database
from app.engine.bundle import Bundle
from app.errors import Refused
from app.outbox import OutboxFact
from app.studio import drafts, stories, tryout
from app.studio.apart import material_of, run_apart
from app.studio.models import Tryout
from app.studio.tryout_forms import StepForms
from tests.rules.source import ROOT
from tests.studio.making import Studio, make_studio
from tests.studio.test_pages import revision, signed

HERE = "/admin/demarches/essai/scenarios/essai"
ABSENCE = "/admin/demarches/absence/scenarios/essai"
FIRST = {"enfant": "@enfant", "dates_debut": "2026-11-23", "dates_fin": "2026-11-24", "creneaux": ["CANT"]}


def test_a_try_out_plays_both_sides_and_becomes_a_scenario_that_passes(new_client, database) -> None:
    studio = make_studio(database)
    with database.transaction() as session:
        drafts.new_procedure(session, studio.iris, "essai", "Essai")
        before = session.scalar(select(func.count()).select_from(Case))
    client = signed(new_client, database, studio.iris)
    assert "Commencer l’essai" in client.get(HERE).text
    assert client.post(f"{HERE}/debut").status_code == 303
    page = client.get(HERE).text
    assert 'name="objet"' in page
    wrong = client.post(f"{HERE}/etape/saisir", data={"objet": ""})
    assert wrong.status_code == 422
    read = client.post(f"{HERE}/etape/saisir", data={"objet": "<b>Une place</b>"})
    assert "page=verification" in read.location
    assert "&lt;b&gt;Une place" in client.get(read.location).text
    assert acts_of(database) == []
    assert client.post(f"{HERE}/etape/saisir?page=verification").status_code == 303
    page = client.get(HERE).text
    assert "Courriel qui partirait" in page
    assert "<b>Une place</b>" not in page
    assert client.post(f"{HERE}/message", data={"message": "annuler"}).status_code == 303
    assert client.post(f"{HERE}/retour").status_code == 303
    assert acts_of(database) == ["saisir"]
    with database.transaction(read_only=True) as session:
        assert session.scalar(select(func.count()).select_from(Case)) == before, "nothing happened"
        assert not session.scalars(select(OutboxFact).where(OutboxFact.kind.like("case.%"))).all()
    saved = client.post(f"{HERE}/enregistrer", data={"title": "Une place", "revision": revision(database, "essai")})
    assert saved.headers["Location"].endswith("/recit/une-place")
    with database.transaction(read_only=True) as session:
        draft = drafts.the_draft(session, "essai")
        material = material_of(session, "essai", draft.archive)
        assert stories.paths_of(drafts.files_of(draft))[-1] == "scenarios/une-place.toml"
    told = run_apart(material, lambda _done, _total: None)
    assert {story["path"]: story["message"] for story in told["stories"]}["scenarios/une-place.toml"] == ""


def acts_of(database: Database) -> list[str]:
    with database.transaction(read_only=True) as session:
        found = session.scalars(select(Tryout)).one()
        return [act.get("do") or act.get("message") or act["advance"] for act in found.acts]


# -- « absence », page by page ---------------------------------------------------------------------------------------


#: A story is played in SQLite whatever the portal runs on: one kind of database is enough for these.
on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture
def absence(new_client, database) -> tuple[FlaskClient, Database, Studio]:
    """A try-out of the shipped « absence », begun."""
    studio = make_studio(database)
    with database.transaction() as session:
        bundle = Bundle.from_folder(ROOT / "workflows/absence")
        drafts.draft_from(session, studio.iris, "absence", "Absence", bundle, how="import")
    client = signed(new_client, database, studio.iris)
    assert client.post(f"{ABSENCE}/debut").status_code == 303
    return client, database, studio


def step(client: FlaskClient, node: str, page: str = "", **values: object):
    return client.post(f"{ABSENCE}/etape/{node}{f'?page={page}' if page else ''}", data=values)


def declare(client: FlaskClient, **more: object) -> None:
    """Both pages of the declaration, and the page that checks them."""
    assert step(client, "saisir", "1", **FIRST).status_code == 303
    answers = {"motif": "maladie", "piece_certificat__fichier": "certificat.pdf", "cgu": "oui", **more}
    assert "page=verification" in step(client, "saisir", "2", **answers).location
    assert step(client, "saisir", "verification").status_code == 303


@on_sqlite
def test_a_form_of_several_pages_goes_page_by_page_as_families_see_it(absence) -> None:
    client, database, _ = absence
    page = client.get(ABSENCE).text
    assert "Étape 1 sur 3" in page
    assert 'name="motif"' not in page
    wrong = step(client, "saisir", "1", **{**FIRST, "dates_debut": ""})
    assert wrong.status_code == 422
    assert 'value="2026-11-24"' in wrong.text or "24/11/2026" in wrong.text, "what was typed is kept"
    second = step(client, "saisir", "1", **FIRST)
    assert second.location.endswith("essai?etape=saisir&page=2#etape-saisir")
    page = client.get(second.location).text
    assert 'name="motif"' in page
    assert "Étape 2 sur 3" in page
    assert 'name="piece_certificat__fichier"' not in page, "asked of those who are ill only"
    seen = re.search(r'name="questions_vues" value="([^"]*)"', page)
    assert seen is not None
    asked = step(client, "saisir", "2", motif="maladie", cgu="oui", questions_vues=seen[1])
    assert asked.status_code == 200
    assert 'name="piece_certificat__fichier"' in asked.text, "the answer calls for another question"
    redrawn = client.post(f"{ABSENCE}/etape/saisir/questions?page=2", data={"motif": "autre"})
    assert 'name="precisions"' in redrawn.text
    assert 'name="piece_certificat__fichier"' not in redrawn.text
    back = client.get(f"{ABSENCE}?etape=saisir&page=1").text
    assert "2026-11-23" in back
    assert acts_of(database) == [], "nothing is played before the demande is sent"


@on_sqlite
def test_a_page_that_lies_is_caught_by_the_check(absence) -> None:
    client, database, _ = absence
    hasty = step(client, "saisir", "verification")
    assert hasty.status_code == 422
    assert "Quel enfant sera absent" in hasty.text
    assert acts_of(database) == []


@on_sqlite
def test_absence_is_declared_with_a_piece_taken_in_charge_and_decided(absence) -> None:
    client, database, _ = absence
    declare(client)
    page = client.get(ABSENCE).text
    assert "Courriel qui partirait\u00a0: Accusé" in page or "Courriel qui partirait : Accusé" in page
    assert "Ce que la famille a envoyé" in page
    assert "Lou Martin" in page
    assert "Prendre en charge" in page
    assert step(client, "prendre_en_charge").status_code == 303
    page = client.get(ABSENCE).text
    assert 'name="decision"' in page
    undecided = step(client, "instruire", decision="refuser")
    assert undecided.status_code == 422
    assert step(client, "instruire", decision="accepter").status_code == 303
    page = client.get(ABSENCE).text
    assert "est prise en compte" in page
    with database.transaction(read_only=True) as session:
        found = session.scalars(select(Tryout)).one()
        assert found.acts[0]["values"]["piece_certificat"] == ["@fichier"]
        assert found.acts[0]["values"]["enfant"] == "@enfant"
        assert found.sight["seen"][-1] | {"mails": 1} == {
            "refused": "", "status": "clos", "nodes": [], "mails": 1, "ended": True, "reason": "",
            "at": "2026-11-20T08:30:00+00:00",
        }  # fmt: skip
        assert [len(seen["mails"]) for seen in found.sight["seen"]] == [1, 1, 1]


@on_sqlite
def test_a_correction_shows_only_what_is_reopened_and_the_next_decision_is_blank(absence) -> None:
    client, database, _ = absence
    declare(client)
    step(client, "prendre_en_charge")
    asked = step(
        client, "instruire", decision="completer", decision_champs=["dates"], decision_raison="L’école est fermée."
    )
    assert asked.status_code == 303
    page = client.get(ABSENCE).text
    assert "L’école est fermée." in page
    assert 'name="dates_debut"' in page
    assert 'name="motif"' not in page
    assert "Le reste de votre demande ne change pas" in page
    assert step(client, "completer", dates_debut="2026-11-23", dates_fin="2026-11-23").status_code == 303
    page = client.get(ABSENCE).text
    assert "checked" not in re.findall(r'<input[^>]*name="decision"[^>]*>', page)[0]
    assert "L’école est fermée." not in re.findall(r"<textarea.*?</textarea>", page, re.S)[0]
    with database.transaction(read_only=True) as session:
        values = session.scalars(select(Tryout)).one().acts[-1]["values"]
        assert values == {"dates_fin": "2026-11-23"}, "what did not change is not said again"


@on_sqlite
def test_a_refusal_of_the_portal_loses_nothing_and_neither_does_taking_back(absence) -> None:
    client, database, _ = absence
    step(client, "saisir", "1", **{**FIRST, "dates_debut": "2026-11-20", "dates_fin": "2026-11-20"})
    step(client, "saisir", "2", motif="autre", precisions="Fête de famille", cgu="oui")
    client.post(f"{ABSENCE}/temps", data={"number": "6", "unit": "heures"})
    page = client.get(f"{ABSENCE}?etape=saisir&page=verification").text
    assert "Fête de famille" in page, "time moved on, what was typed stays"
    assert step(client, "saisir", "verification").status_code == 303
    page = client.get(ABSENCE).text
    assert "a déjà commencé" in page
    assert "Fête de famille" in page
    assert client.post(f"{ABSENCE}/retour").status_code == 303
    assert acts_of(database) == ["PT6H"]
    assert "Fête de famille" in client.get(f"{ABSENCE}?etape=saisir&page=2").text
    client.post(f"{ABSENCE}/debut")
    assert "Fête de famille" not in client.get(f"{ABSENCE}?etape=saisir&page=2").text


@on_sqlite
def test_what_is_typed_is_kept_as_it_is_typed_even_when_the_draft_changes_meanwhile(absence) -> None:
    client, database, studio = absence
    kept = client.post(f"{ABSENCE}/etape/saisir/brouillon?page=2", data={"motif": "autre", "precisions": "Une fête"})
    assert kept.status_code == 204
    assert "Une fête" in client.get(f"{ABSENCE}?etape=saisir&page=2").text
    with database.transaction() as session:
        drafts.save_files(session, studio.iris, "absence", {"scenarios/acceptee.toml": None}, 1)
    late = step(client, "saisir", "2", motif="autre", precisions="Une autre fête", cgu="oui")
    assert late.status_code == 303
    assert "rejouez les gestes" in client.get(ABSENCE).text
    assert client.post(f"{ABSENCE}/rejouer").status_code == 303
    assert "Une autre fête" in client.get(f"{ABSENCE}?etape=saisir&page=2").text


def test_an_answer_that_is_erased_is_erased_in_the_story() -> None:
    definition = {
        "title": "X",
        "pages": [{"title": "X", "fields": [{"type": "text", "name": "mot", "label": "Mot"}]}],
    }
    forms = StepForms({"forms/x.json": json.dumps(definition).encode()}, {"now": "2026-11-20T08:30:00+00:00"})
    here = {"node": "n", "form": "x", "known": {"mot": "avant"}, "only": None, "sources": {}, "family": True}
    assert forms.values(forms.form(here, None, MultiDict({"mot": ""})), here) == {"mot": ""}
    assert forms.values(forms.form(here, None, MultiDict({"mot": "avant"})), here) == {}


@pytest.mark.parametrize("number", ["0", "", "3; rm", "501", "1,5"])
@on_sqlite
def test_a_wrong_duration_is_told_beside_its_field(absence, number: str) -> None:
    client, database, _ = absence
    answer = client.post(f"{ABSENCE}/temps", data={"number": number, "unit": "jours"})
    assert answer.status_code == 422
    assert "nombre" in answer.text
    assert 'href="#number"' in answer.text
    assert f'value="{number}"' in answer.text
    assert "Côté parent" in answer.text
    assert client.post(f"{ABSENCE}/temps", data={"number": "2", "unit": "siècles"}).status_code == 422
    assert acts_of(database) == []


def test_a_try_out_is_bounded() -> None:
    with pytest.raises(Refused, match="40"):
        tryout.with_act([{}] * tryout.MAX_ACTS, {"message": "annuler"})
    assert tryout.in_words(tryout.duration(3, "jours")) == "3\u00a0jours"


def test_what_was_refused_is_expected_to_be() -> None:
    seen = {
        "refused": "n’est plus possible",
        "status": "traitement",
        "nodes": ["instruire"],
        "mails": [],
        "ended": False,
    }
    text = tryout.as_toml('Un "titre"', [{"message": "annuler", "label": "x"}], [seen])
    story = stories.checked(text, "recit")
    assert (story.title, story.acts[0].refused, story.acts[0].message) == (
        'Un "titre"',
        "n’est plus possible",
        "annuler",
    )
