"""A démarche begins with its first save: its first page writes nothing, and goes on working once something is kept."""

from __future__ import annotations

import io
import re
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import delete, func, select

from app import clock, create_app
from app.accounts.models import LoginSession
from app.cases.models import Case, Draft
from app.db import Base, Database
from app.engine.bundle import Bundle
from app.engine.models import Instance, Task
from app.policy import SYSTEM
from app.procedures.operations import publish
from app.procedures.queries import KEPT_PUBLISHED
from tests.cases.making import SLUG, World, make_bundle, make_world, sign_in
from tests.conftest import settings_for
from tests.engine.bpmn_builder import end, lane, process, service, start, user_task
from tests.reliability.counting import disagreements
from tests.rules.test_transactions import photo

NEW = f"/demandes/nouvelle/{SLUG}"
TYPED = {"motif": "Léna est malade", "jour": "2030-01-07"}


@pytest.fixture
def world(database: Database) -> World:
    return make_world(database)


@pytest.fixture
def camille(database: Database, world: World, tmp_path: Path) -> FlaskClient:
    return client_of(database, world.camille, tmp_path)


def client_of(database: Database, account_id: uuid.UUID | None, folder: Path) -> FlaskClient:
    app = create_app(settings_for(str(database.engine.url), folder), database)
    app.config["WTF_CSRF_ENABLED"] = False
    client = app.test_client()
    return sign_in(client, database, account_id) if account_id else client


def address(page: str, name: str = "action") -> str:
    found = re.search(rf'{name}="(/demandes/[0-9a-f-]+/etapes/[^"]+)"', page)
    assert found is not None, page
    return found[1].replace("&amp;", "&")


def rows(database: Database) -> dict[str, int]:
    with database.transaction(read_only=True) as session:
        return {
            table.name: session.scalar(select(func.count()).select_from(table)) or 0
            for table in Base.metadata.sorted_tables
        }


def cases(database: Database) -> list[Case]:
    with database.transaction(read_only=True) as session:
        return list(session.scalars(select(Case).order_by(Case.opened_at)))


def test_the_first_page_writes_nothing(database: Database, camille: FlaskClient) -> None:
    camille.get("/aide")
    before = rows(database)
    page = camille.get(NEW)
    assert page.status_code == 200
    assert "Pour quelle raison" in page.text
    assert "Abandonner la demande" not in page.text  # there is none yet
    assert rows(database) == before


def test_what_is_typed_there_opens_the_demande_that_the_page_named(database: Database, camille: FlaskClient) -> None:
    page = camille.get(NEW).text
    for _ in range(2):
        assert camille.post(address(page, "data-autosave"), data={"motif": "Léna"}).status_code == 200
    assert camille.post(address(page, "data-refresh"), data={"motif": "Léna"}).status_code == 200
    assert camille.post(address(page), data=TYPED).status_code == 302
    (case,) = cases(database)
    step = address(page)
    assert str(case.id) in step
    with database.transaction(read_only=True) as session:
        (task,) = session.scalars(select(Task))
        (draft,) = session.scalars(select(Draft))
    assert str(task.id) in step
    assert draft.values == TYPED
    sent = step.replace("page=1", "page=verification")
    assert camille.post(sent).status_code == 302
    assert camille.post(sent).status_code == 409
    assert [case.status for case in cases(database)] == ["en_attente"]
    assert disagreements(database) == []


def test_the_first_page_can_be_sent_for_later(database: Database, camille: FlaskClient) -> None:
    page = camille.get(NEW).text
    answer = camille.post(address(page), data={"motif": "Léna", "action": "plus_tard"})
    assert answer.status_code == 302
    again = camille.get(NEW)
    assert "Vous avez déjà un brouillon" in again.text
    assert len(cases(database)) == 1


def test_a_faulty_first_page_is_kept_and_shown_again(database: Database, camille: FlaskClient) -> None:
    page = camille.post(address(camille.get(NEW).text), data={"motif": "Léna"})
    assert page.status_code == 422
    assert 'value="Léna"' in page.text
    assert camille.post(address(page.text), data=TYPED).status_code == 302
    assert len(cases(database)) == 1


def test_a_file_may_be_the_first_thing_kept(database: Database, world: World, tmp_path: Path) -> None:
    bundle = make_bundle()
    form = bundle.files["forms/demande.json"].replace(
        b'"fields": [',
        b'"fields": [{"type": "piece", "name": "preuve", "label": "Preuve", "piece_type": "certificat-medical"},',
    )
    with database.transaction() as session:
        publish(session, SYSTEM, SLUG, Bundle({**bundle.files, "forms/demande.json": form}), "")
    KEPT_PUBLISHED.forget()
    camille = client_of(database, world.camille, tmp_path)
    data = {**TYPED, "preuve__fichier": (io.BytesIO(photo()), "preuve.jpg")}
    answer = camille.post(address(camille.get(NEW).text), data=data, content_type="multipart/form-data")
    assert answer.status_code == 302, answer.text
    assert len(camille.get(answer.headers["Location"]).text.split("preuve.jpg")) > 1


@pytest.mark.parametrize("change", ["other", "cut", "swapped"])
def test_nobody_makes_a_promise_up(change: str, database: Database, camille: FlaskClient) -> None:
    step, other = address(camille.get(NEW).text), address(camille.get(NEW).text)
    if change == "cut":
        step = step[:-3]
    elif change == "other":
        step = re.sub(r"/demandes/[0-9a-f-]+", f"/demandes/{uuid.uuid4()}", step)
    else:
        step = step.partition("ouverture=")[0] + "ouverture=" + other.partition("ouverture=")[2]
    assert camille.post(step, data=TYPED).status_code == 404
    assert cases(database) == []


def test_a_demande_opened_from_a_page_is_its_authors_only(
    database: Database, camille: FlaskClient, world: World, tmp_path: Path
) -> None:
    step = address(camille.get(NEW).text)
    assert camille.post(step, data=TYPED).status_code == 302
    bruno = client_of(database, world.bruno, tmp_path)
    assert bruno.post(step, data={**TYPED, "motif": "à lui"}).status_code == 404
    assert [case.owner_id for case in cases(database)] == [world.camille]


def test_a_page_of_before_a_publication_opens_its_own_version(database: Database, camille: FlaskClient) -> None:
    page = camille.get(NEW).text
    before = cases(database)
    with database.transaction() as session:
        publish(session, SYSTEM, SLUG, make_bundle(title="Demande changée"), "")
    KEPT_PUBLISHED.forget()
    assert camille.post(address(page), data=TYPED).status_code == 302
    (case,) = cases(database)
    with database.transaction(read_only=True) as session:
        assert session.get_one(Instance, case.id).bundle_hash == make_bundle().hash
    assert before == []


def test_a_demarche_that_closed_meanwhile_says_so(database: Database, world: World, tmp_path: Path) -> None:
    bundle = make_bundle()
    settings = bundle.files["demarche.toml"] + b"fermeture = 2026-09-30\n"
    with database.transaction() as session:
        publish(session, SYSTEM, SLUG, Bundle({**bundle.files, "demarche.toml": settings}), "")
    KEPT_PUBLISHED.forget()
    with clock.frozen(datetime(2026, 9, 30, 21, 50, tzinfo=UTC)):
        camille = client_of(database, world.camille, tmp_path)
        page = camille.get(NEW).text
    with clock.frozen(datetime(2026, 9, 30, 22, 5, tzinfo=UTC)):
        answer = camille.post(address(page), data=TYPED)
    assert answer.status_code == 409
    assert "fermée depuis le 30" in answer.text
    assert cases(database) == []


def test_a_session_that_ended_before_the_first_save_loses_nothing(
    database: Database, camille: FlaskClient, world: World
) -> None:
    page = camille.get(NEW).text
    with database.transaction() as session:
        session.execute(delete(LoginSession))
    saving = camille.post(address(page, "data-autosave"), data={"motif": "Léna"}, headers={"X-Requested-With": "fetch"})
    assert saving.status_code == 401
    sending = camille.post(address(page), data=TYPED)
    assert "/connexion" in sending.headers.get("Location", "") + sending.text
    sign_in(camille, database, world.camille)
    assert camille.post(address(page), data=TYPED).status_code == 302
    (case,) = cases(database)
    assert str(case.id) in address(page)


def acting_first() -> Bundle:
    """A démarche that does something before its first form."""
    bundle = make_bundle()
    diagram = process(
        SLUG,
        lane(
            "Famille",
            start("debut"),
            service("noter", "demande.motiver", {"motif": "'Bonjour'"}),
            user_task("saisir", name="Écrire la demande", statut="brouillon", form="demande"),
            end("fin", statut="clos"),
        ),
        "debut -> noter -> saisir -> fin",
    )
    return Bundle({**bundle.files, "process.bpmn": diagram})


def test_a_demarche_that_writes_first_begins_with_a_button(database: Database, world: World, tmp_path: Path) -> None:
    with database.transaction() as session:
        publish(session, SYSTEM, SLUG, acting_first(), "")
    KEPT_PUBLISHED.forget()
    camille = client_of(database, world.camille, tmp_path)
    page = camille.get(f"{NEW}?enfant=abc")
    assert page.status_code == 200
    assert "Commencer" in page.text
    assert cases(database) == []
    answer = camille.post(f"{NEW}?enfant=abc")
    (case,) = cases(database)
    assert answer.headers["Location"].startswith(f"/demandes/{case.id}/etapes/")
    assert "Pour quelle raison" in camille.get(answer.headers["Location"]).text


@pytest.mark.parametrize("who", ["visitor", "agent"])
def test_who_may_not_begin_is_told_as_before(who: str, database: Database, world: World, tmp_path: Path) -> None:
    client = client_of(database, world.nadia if who == "agent" else None, tmp_path)
    for answer in (client.get(NEW), client.post(NEW)):
        assert answer.status_code == (404 if who == "agent" else 303)
    assert cases(database) == []
