"""The pages of the studio: open, save, read again, publish, come back, import; by whom, and with what in them."""

from __future__ import annotations

import io
import json
import re
import zipfile
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from app.db import Database
from app.engine.bundle import Bundle
from app.policy import Actor
from app.procedures.models import Procedure, Version
from app.procedures.queries import published
from app.studio import drafts, shipped
from app.studio.checks import verify_draft
from app.studio.stories import play_draft
from app.studio.views.tables import EMPTY_TABLE
from tests.cases.making import SLUG, count_statements, file_case, make_bundle, sign_in
from tests.studio.making import Studio, make_studio

HERE = f"/admin/demarches/{SLUG}"
TABS = ("diagramme", "reglages", "reglages/depot", "reglages/instruction", "reglages/messages", "reglages/fichier")
OTHERS = ("reglages/messages/clos", "scenarios", "versions", "versions/1", "tables")
DRAFTS = ("publication", "verification", "brouillon/abandon")
HOSTILE = '<script>alert(1)</script>" onmouseover="alert(2) {{ 7*7 }} \' </textarea></script>'


def signed(new_client, database: Database, actor: Actor) -> FlaskClient:
    assert actor.id is not None
    return sign_in(new_client(), database, actor.id)


def open_draft(client: FlaskClient) -> None:
    assert client.post(f"{HERE}/brouillon").status_code == 303


def revision(database: Database, slug: str = SLUG) -> int:
    with database.transaction(read_only=True) as session:
        return drafts.the_draft(session, slug).revision


def verified(database: Database, slug: str = SLUG) -> None:
    """What the worker does after a save."""
    with database.transaction(read_only=True) as session:
        draft_id = drafts.the_draft(session, slug).id
    verify_draft(database, draft_id)


def save(client: FlaskClient, database: Database, **values: str):
    data = {"revision": str(revision(database)), **values}
    return client.post(f"{HERE}/diagramme", data=data, headers={"X-Requested-With": "fetch"})


def versions(database: Database) -> int:
    with database.transaction(read_only=True) as session:
        return session.scalar(select(func.count()).select_from(Version)) or 0


def publish_now(client: FlaskClient, database: Database, **changes: str):
    with database.transaction(read_only=True) as session:
        seen = published(session, SLUG).version_id
    data = {"revision": str(revision(database)), "version": str(seen), "note": "", **changes}
    return client.post(f"{HERE}/publication", data=data)


def test_every_page_opens_with_and_without_a_draft(database, new_client) -> None:
    studio = make_studio(database)
    iris, omar = signed(new_client, database, studio.iris), signed(new_client, database, studio.omar)
    for tab in (*TABS, *OTHERS):
        assert iris.get(f"{HERE}/{tab}").status_code == 200, tab
    for tab in DRAFTS:
        assert iris.get(f"{HERE}/{tab}").status_code == 404, tab
    open_draft(iris)
    for client in (iris, omar):
        for tab in (*TABS, *OTHERS, *DRAFTS):
            assert client.get(f"{HERE}/{tab}").status_code == 200, tab
    assert "Iris Morel a la main" in omar.get(f"{HERE}/diagramme").text
    assert "Vous avez la main" in iris.get(f"{HERE}/diagramme").text
    for address in ("/admin/demarches", "/admin/demarches/nouvelle", "/admin/demarches/importer"):
        assert iris.get(address).status_code == 200, address
    assert iris.get("/admin/demarches/inconnue/diagramme").status_code == 404


def test_only_administrators_of_demarches_come_in(database, new_client) -> None:
    studio = make_studio(database)
    for who in (studio.world.nadia, studio.world.camille, studio.world.accountant):
        client = sign_in(new_client(), database, who)
        for address in ("/admin/demarches", f"{HERE}/diagramme", "/admin/demarches/importer"):
            assert client.get(address).status_code == 404
        for address in (f"{HERE}/brouillon", f"{HERE}/ouverture", "/admin/demarches/nouvelle", f"{HERE}/diagramme"):
            assert client.post(address).status_code == 404


def test_a_diagram_is_saved_verified_and_its_problems_are_told(database, new_client) -> None:
    studio = make_studio(database)
    iris = signed(new_client, database, studio.iris)
    open_draft(iris)
    verified(database)
    assert iris.get(f"{HERE}/verification.json").json["problems"] == []
    wrong = make_bundle().files["process.bpmn"].decode().replace('name="Gestionnaire"', 'name="Astronaute"')
    answer = save(iris, database, xml=wrong)
    assert (answer.status_code, answer.json["revision"], answer.json["problems"]) == (200, 2, None)
    assert "decision" in {each["name"] for each in answer.json["catalogue"]["variables"]}
    assert "vérification en cours" in iris.get(f"{HERE}/diagramme").text
    verified(database)
    told = iris.get(f"{HERE}/verification.json").json
    assert told["revision"] == 2
    assert "Astronaute" in told["problems"][0]["message"]
    assert "Astronaute" in iris.get(f"{HERE}/verification").text
    assert "1\u00a0erreur" in iris.get(f"{HERE}/reglages").text
    refused = publish_now(iris, database)
    assert refused.status_code == 422
    assert "Astronaute" in refused.text
    assert versions(database) == 1


def test_verification_on_demand_needs_no_worker(database, new_client) -> None:
    studio = make_studio(database)
    iris = signed(new_client, database, studio.iris)
    open_draft(iris)
    done = iris.post(f"{HERE}/verification")
    assert done.status_code == 303
    assert "Aucune erreur" in iris.get(done.location).text


@pytest.mark.parametrize(
    "xml",
    ["", "pas du xml", '<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>', "<x>" + "y" * 2_500_000 + "</x>"],
    ids=["empty", "text", "entities", "huge"],
)
def test_a_diagram_that_nobody_may_store_is_refused_with_a_sentence(database, new_client, xml) -> None:
    studio = make_studio(database)
    iris = signed(new_client, database, studio.iris)
    open_draft(iris)
    answer = save(iris, database, xml=xml)
    assert answer.status_code in (413, 422)
    assert revision(database) == 1


def test_whoever_lost_the_draft_is_told_by_whom_and_when(database, new_client) -> None:
    studio = make_studio(database)
    iris, omar = signed(new_client, database, studio.iris), signed(new_client, database, studio.omar)
    open_draft(iris)
    xml = make_bundle(title="x").files["process.bpmn"].decode().replace("Instruire", "Étudier")
    stale = iris.post(f"{HERE}/diagramme", data={"revision": "9", "xml": xml}, headers={"X-Requested-With": "fetch"})
    assert (stale.status_code, stale.json["reason"]) == (409, "saved")
    assert omar.post(f"{HERE}/brouillon/prendre").status_code == 303
    lost = save(iris, database, xml=xml)
    assert (lost.status_code, lost.json["reason"], lost.json["by"]) == (409, "taken_over", "Omar Petit")
    there = iris.post(f"{HERE}/presence", data={"revision": "1"})
    assert there.json["taken_over_by"] == "Omar Petit"
    assert "Iris Morel" in omar.post(f"{HERE}/presence", data={"revision": "1"}).json["others"]
    page = iris.get(f"{HERE}/diagramme").text
    assert "Omar Petit a pris la main" in page
    assert "data-viewer" in page
    verified(database)
    assert publish_now(omar, database).status_code == 422, "the same files as the version in line"
    assert save(omar, database, xml=xml).status_code == 200
    verified(database)
    assert publish_now(omar, database).status_code == 303
    gone = iris.post(f"{HERE}/diagramme", data={"revision": "2", "xml": xml}, headers={"X-Requested-With": "fetch"})
    assert (gone.status_code, gone.json["reason"], gone.json["by"]) == (409, "published", "Omar Petit")


def test_settings_are_changed_and_published_with_what_they_change_told(database, new_client) -> None:
    studio = make_studio(database)
    iris = signed(new_client, database, studio.iris)
    open_draft(iris)
    form = {
        "revision": "1", "title": "Demande refaite", "summary": "Pour les tests.", "category": "contact",
        "position": "10", "duration": "", "delay": "", "service": "", "pieces": "Un RIB\n\nUne photo", "listed": "y",
    }  # fmt: skip
    assert iris.post(f"{HERE}/reglages/presentation", data=form).status_code == 303
    with database.transaction(read_only=True) as session:
        text = drafts.files_of(drafts.the_draft(session, SLUG))["demarche.toml"].decode()
    assert 'pieces = ["Un RIB", "Une photo"]' in text
    page = iris.get(f"{HERE}/publication").text
    for sentence in ("Le titre passe de", "La catégorie passe de", "La liste des pièces demandées est maintenant"):
        assert sentence in page
    verified(database)
    done = publish_now(iris, database, note="Titre plus <b>clair</b>.")
    page = iris.get(done.location).text
    assert "La version 2 est en ligne" in page
    assert "Titre plus &lt;b&gt;clair&lt;/b&gt;." in page
    with database.transaction(read_only=True) as session:
        assert published(session, SLUG).title == "Demande refaite"
        assert drafts.draft_of(session, SLUG) is None
    assert "Le titre passe de" in iris.get(f"{HERE}/versions/2").text


def test_an_unknown_variable_in_a_message_is_refused_and_what_was_typed_is_kept(database, new_client) -> None:
    studio = make_studio(database)
    iris = signed(new_client, database, studio.iris)
    open_draft(iris)
    address = f"{HERE}/reglages/messages/clos"
    given = {"revision": "1", "next_step": "Fini.", "subject": "Bonjour {prenom}", "body": "Votre {cantine} est prête."}
    page = iris.post(address, data=given)
    assert page.status_code == 422
    assert "{cantine} n’existe pas" in page.text
    assert "Votre {cantine} est prête." in page.text
    assert revision(database) == 1
    assert iris.post(address, data={**given, "body": "Votre demande {reference} est prête."}).status_code == 303
    assert iris.post(address, data={**given, "revision": "2", "body": ""}).status_code == 422
    assert revision(database) == 2


def test_wrong_settings_are_refused_on_their_field(database, new_client) -> None:
    studio = make_studio(database)
    iris = signed(new_client, database, studio.iris)
    open_draft(iris)
    form = {"revision": "1", "filers": "tous", "opens_on": "2026-09-01", "closes_on": "2026-08-01", "draft_days": "90"}
    page = iris.post(f"{HERE}/reglages/depot", data=form)
    assert page.status_code == 422
    assert "La fermeture vient avant l’ouverture" in page.text
    page = iris.post(f"{HERE}/reglages/depot", data={**form, "opens_on": "le premier", "draft_days": "mille"})
    assert "Écrivez une date qui existe" in page.text
    assert "Écrivez un nombre entier" in page.text
    page = iris.post(f"{HERE}/reglages/depot", data={**form, "closes_on": "", "filers": "foyers"})
    assert "demande un compte" in page.text, "reserved to households, without an account"
    assert revision(database) == 1


def test_settings_that_cannot_be_read_are_mended_as_a_file(database, new_client) -> None:
    studio = make_studio(database)
    iris = signed(new_client, database, studio.iris)
    open_draft(iris)
    assert iris.post(f"{HERE}/reglages/fichier", data={"revision": "1", "texte": "titre = "}).status_code == 303
    assert iris.get(f"{HERE}/reglages").location.endswith("/reglages/fichier")
    page = iris.get(f"{HERE}/reglages/fichier").text
    assert "ne se lit pas" in page
    for tab in ("diagramme", "publication", "verification"):
        assert iris.get(f"{HERE}/{tab}").status_code == 200
    good = make_bundle().files["demarche.toml"].decode()
    assert iris.post(f"{HERE}/reglages/fichier", data={"revision": "2", "texte": good}).status_code == 303
    assert iris.get(f"{HERE}/reglages").status_code == 200


def test_a_new_demarche_goes_from_nothing_to_the_catalogue(database, new_client) -> None:
    studio = make_studio(database)
    iris = signed(new_client, database, studio.iris)
    refused = iris.post(
        "/admin/demarches/nouvelle", data={"title": "Goûter", "slug": "Le Goûter", "category": "contact"}
    )
    assert refused.status_code == 422
    assert "minuscules sans accent" in refused.text
    made = iris.post("/admin/demarches/nouvelle", data={"title": "Goûter", "slug": "gouter", "category": "contact"})
    assert made.location == "/admin/demarches/gouter/diagramme"
    assert "gouter" not in new_client().get("/").text
    assert "Pas encore de version" in iris.get("/admin/demarches/gouter/versions").text
    verified(database, "gouter")
    assert "tout est nouveau" in iris.get("/admin/demarches/gouter/publication").text
    note = {"revision": "1", "version": "", "note": ""}
    assert iris.post("/admin/demarches/gouter/publication", data=note).status_code == 422, "its scenarios come first"
    assert iris.post("/admin/demarches/gouter/scenarios/jouer").status_code == 303
    with database.transaction(read_only=True) as session:
        draft_id = drafts.the_draft(session, "gouter").id
    play_draft(database, draft_id, 1)
    assert iris.post("/admin/demarches/gouter/publication", data=note).status_code == 303
    assert "Goûter" in new_client().get("/").text


def test_an_older_version_comes_back_as_a_new_one_with_a_note(database, new_client) -> None:
    studio = make_studio(database)
    iris = signed(new_client, database, studio.iris)
    open_draft(iris)
    other = make_bundle(title="Autre").files["demarche.toml"].decode()
    iris.post(f"{HERE}/reglages/fichier", data={"revision": "1", "texte": other})
    verified(database)
    assert publish_now(iris, database).status_code == 303
    assert iris.post(f"{HERE}/versions/1/retour", data={"note": " "}).status_code == 422
    assert iris.post(f"{HERE}/versions/1/retour", data={"note": "Trop d’erreurs."}).status_code == 303
    with database.transaction(read_only=True) as session:
        assert published(session, SLUG).bundle_hash == make_bundle().hash
    assert versions(database) == 3
    assert iris.post(f"{HERE}/versions/2/brouillon").status_code == 303
    with database.transaction(read_only=True) as session:
        assert drafts.the_draft(session, SLUG).title == "Autre"


def test_what_is_downloaded_is_what_was_published_byte_for_byte(database, new_client) -> None:
    studio = make_studio(database)
    iris = signed(new_client, database, studio.iris)
    answer = iris.get(f"{HERE}/versions/1/archive.zip")
    assert (answer.mimetype, answer.data) == ("application/zip", make_bundle().to_zip())
    open_draft(iris)
    assert iris.get(f"{HERE}/brouillon/archive.zip").data == answer.data
    sent = {"archive": (io.BytesIO(answer.data), "x.zip")}
    assert iris.post("/admin/demarches/importer", data=sent).status_code == 422, "a draft is not replaced in silence"
    sent = {"archive": (io.BytesIO(answer.data), "x.zip"), "replace": "y"}
    assert iris.post("/admin/demarches/importer", data=sent).status_code == 303
    assert iris.get(f"{HERE}/brouillon/archive.zip").data == answer.data
    assert iris.get(f"{HERE}/versions/9/archive.zip").status_code == 404


def test_a_closed_demarche_says_so_and_opens_again(database, new_client) -> None:
    studio = make_studio(database)
    iris = signed(new_client, database, studio.iris)
    assert "Fermée" in iris.get(iris.post(f"{HERE}/ouverture", data={"ouverte": "0"}).location).text
    assert "est ouverte" in iris.get(iris.post(f"{HERE}/ouverture", data={"ouverte": "1"}).location).text


def test_each_version_shows_the_demandes_that_run_on_it(database, new_client) -> None:
    studio = make_studio(database)
    file_case(database, studio.world)
    iris = signed(new_client, database, studio.iris)
    assert ">1</td>" in iris.get(f"{HERE}/versions").text
    assert count_statements(database, lambda: iris.get(f"{HERE}/versions")) <= 10
    assert count_statements(database, lambda: iris.get("/admin/demarches")) <= 10


def hostile_bundle() -> Bundle:
    """A démarche that says something nasty wherever a text is shown."""
    escaped = HOSTILE.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    files = dict(make_bundle().files)
    diagram = files["process.bpmn"].decode()
    for name in ("Instruire", "Écrire la demande"):
        diagram = diagram.replace(f'name="{name}"', f'name="{escaped}"')
    files["process.bpmn"] = diagram.encode()
    inside = HOSTILE.replace("\\", "\\\\").replace('"', '\\"')
    files["demarche.toml"] = (
        (
            f'titre = "{inside}"\nresume = "{inside}"\ncategorie = "quotidien"\nservice = "{inside}"\n'
            f'pieces = ["{inside}"]\n'
            f'[suite]\nclos = "{inside}"\n[notifications.clos]\nobjet = "{inside}"\ntexte = "{inside}"\n'
        )
        .replace("{{ 7*7 }}", "7*7")
        .encode()
    )
    files["forms/demande.json"] = files["forms/demande.json"].replace(b"Pour quelle raison ?", inside.encode())
    return Bundle(files)


def test_hostile_labels_stay_text_on_every_page(database, new_client) -> None:
    studio: Studio = make_studio(database)
    iris = signed(new_client, database, studio.iris)
    sent = {"archive": (io.BytesIO(hostile_bundle().to_zip()), "x.zip")}
    assert iris.post("/admin/demarches/importer", data=sent).status_code == 303
    verified(database)
    pages = [f"{HERE}/{tab}" for tab in (*TABS, *OTHERS, *DRAFTS)]
    check_harmless(iris, [*pages, "/admin/demarches"])
    assert publish_now(iris, database, note=HOSTILE).status_code == 303
    check_harmless(iris, [*(f"{HERE}/{tab}" for tab in (*TABS, *OTHERS)), f"{HERE}/versions/2", "/admin/demarches"])
    check_harmless(new_client(), ["/", f"/demarches/{SLUG}"])


def test_hostile_tables_and_releases_stay_text_too(database, new_client, monkeypatch) -> None:
    studio = make_studio(database)
    iris = signed(new_client, database, studio.iris)
    open_draft(iris)
    escaped = HOSTILE.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    table = EMPTY_TABLE.format(id="tarif").replace('name="tarif"', f'name="{escaped}"').replace("Si", escaped)
    with database.transaction() as session:
        drafts.save_files(session, studio.iris, SLUG, {"decisions/tarif.dmn": table.encode()}, 1)
    check_harmless(iris, [f"{HERE}/tables", f"{HERE}/tables/tarif", f"{HERE}/publication"])
    assert "alert(1)" in iris.get(f"{HERE}/tables/tarif").text
    monkeypatch.setattr(shipped, "SHIPPED", {SLUG: hostile_bundle()})
    check_harmless(iris, [f"{HERE}/nouvelle-livraison", "/admin/demarches"])
    assert "alert(1)" in iris.get(f"{HERE}/nouvelle-livraison").text


def check_harmless(client: FlaskClient, addresses: list[str]) -> None:
    for address in addresses:
        page = client.get(address)
        assert page.status_code == 200, address
        assert "<script>alert" not in page.text, address
        assert not re.search(r"<[^>]+\sonmouseover=\"", page.text), address
        assert "49" not in re.findall(r"onmouseover=\S+ (\S+)", page.text), address


def zip_of(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


ENTITIES = b'<?xml version="1.0"?><!DOCTYPE d [<!ENTITY a "aaaa">]><d>&a;</d>'


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"PK\x03\x04 not a zip",
        zip_of(**{"../../etc/passwd": b"x"}),
        zip_of(**{"process.bpmn": b"<x", "demarche.toml": b"titre = 1"}),
        zip_of(**{"process.bpmn": b"0" * 3_000_000, "demarche.toml": b""}),
        zip_of(**{f"forms/f{n}.json": b"0" * 2_000_000 for n in range(9)}),
        zip_of(**{"process.bpmn": ENTITIES, "demarche.toml": b""}),
        zip_of(**{**make_bundle().files, "decisions/x.dmn": ENTITIES}),
        zip_of(**{"process.bpmn": b"<a/>"}),
        b"x" * (9 * 1024 * 1024),
    ],
    ids=["nothing", "no zip", "path", "wrong", "heavy", "bomb", "entities", "dmn", "incomplete", "too big"],
)
def test_a_hostile_file_is_refused_with_a_sentence_and_keeps_nothing(database, new_client, raw) -> None:
    studio = make_studio(database)
    iris = signed(new_client, database, studio.iris)
    page = iris.post("/admin/demarches/importer", data={"archive": (io.BytesIO(raw), "a.zip")})
    page.request.environ["wsgi.input"].close()  # the test client spools large bodies in a file that it leaves open
    assert page.status_code == 422
    assert "Il y a un problème" in page.text
    with database.transaction(read_only=True) as session:
        assert drafts.draft_of(session, SLUG) is None


def test_a_tables_page_shows_and_changes_decisions(database, new_client) -> None:
    studio = make_studio(database)
    iris = signed(new_client, database, studio.iris)
    open_draft(iris)
    made = iris.post(f"{HERE}/tables", data={"revision": "1", "nom": "tarif"})
    assert made.status_code == 303
    page = iris.get(made.location).text
    assert "data-dmn" in page
    assert "resultat" in page
    assert iris.post(f"{HERE}/tables", data={"revision": "2", "nom": "../x"}).status_code == 422
    assert iris.get(f"{HERE}/tables/inconnue").status_code == 404
    file = iris.get(f"{HERE}/tables/tarif/fichier.dmn").data
    hostile = {"revision": "2", "xml": ENTITIES.decode()}
    assert iris.post(f"{HERE}/tables/tarif", data=hostile).status_code == 422
    changed = iris.post(f"{HERE}/tables/tarif", data={"revision": "2", "xml": file.decode().replace("Alors", "Donc")})
    assert changed.json["revision"] == 3
    assert iris.post(f"{HERE}/tables/tarif/suppression", data={"revision": "3"}).status_code == 303


def test_the_shipped_folder_is_never_empty() -> None:
    assert len(list((Path(__file__).parents[2] / "workflows").glob("*/process.bpmn"))) > 3


def test_closed_dates_are_told_in_the_list(database, new_client) -> None:
    studio = make_studio(database)
    with database.transaction() as session:
        from datetime import date

        row = session.scalars(select(Procedure).where(Procedure.slug == SLUG)).one()
        row.opens_on = date(2090, 5, 1)
    iris = signed(new_client, database, studio.iris)
    assert "Fermée" in iris.get("/admin/demarches").text
    assert "ouvre le 1er\u00a0mai 2090" in new_client().get(f"/demarches/{SLUG}").text


def test_a_step_leads_to_its_form_and_the_form_back_to_its_steps(database, new_client) -> None:
    studio = make_studio(database)
    iris = signed(new_client, database, studio.iris)
    open_draft(iris)
    page = iris.get(f"{HERE}/diagramme").text
    data = json.loads(re.findall(r'<script type="application/json">(.*?)</script>', page, re.S)[0])
    assert {each["name"]: each["url"] for each in data["catalogue"]["forms"]} == {
        name: f"{HERE}/formulaires/{name}" for name in ("decision", "demande")
    }
    for address in (f"{HERE}/formulaires/demande", f"{HERE}/formulaires"):
        for step in ("saisir", "completer"):
            assert f'href="{HERE}/diagramme#element={step}"' in iris.get(address).text
