"""A node that fails half-way: nothing of the step stays, what was typed does, and administrators see where."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from app import clock, create_app
from app.cases import machinery
from app.cases.machinery import fire_due_timers
from app.cases.models import Answer, Draft
from app.cases.opening import open_case
from app.cases.operations import runtime
from app.cases.queries import Who
from app.db import Database
from app.engine.bundle import Bundle
from app.engine.models import Incident, Timer
from app.engine.steps import EngineFault
from app.outbox import MAX_ATTEMPTS, OutboxFact, emit
from app.policy import SYSTEM
from app.procedures.operations import publish
from app.procedures.queries import published
from tests.cases.making import SLUG, World, case_of, file_case, make_bundle, make_world, open_draft, open_task, sign_in
from tests.conftest import settings_for
from tests.engine.bpmn_builder import after, boundary, end, lane, process, start, user_task
from tests.reliability.counting import disagreements
from workers.treatment import treat_due

TYPED = {"motif": "0", "jour": "2030-01-07"}


def make_faulty_world(database: Database, node: str, script: str, **settings: str) -> World:
    """The usual démarche, whose ``node`` fails once its person has answered, unless ``script`` can be computed."""
    world = make_world(database)
    bundle = make_bundle()
    diagram = bundle.files["process.bpmn"].decode()
    marker = f"<spiffworkflow:postScript>{script}</spiffworkflow:postScript>"
    found = re.search(rf'<bpmn:userTask id="{node}"[^>]*>\s*<bpmn:extensionElements>', diagram)
    assert found is not None
    files = dict(bundle.files) | {"process.bpmn": diagram.replace(found[0], found[0] + marker, 1).encode()}
    if settings:
        lines = "\n".join(f"{name} = {value}" for name, value in settings.items())
        files["demarche.toml"] += f"\n[reglages]\n{lines}\n".encode()
    with database.transaction() as session:
        publish(session, SYSTEM, SLUG, Bundle(files), "")
    return world


@pytest.fixture
def client(database: Database, tmp_path: Path) -> FlaskClient:
    app = create_app(settings_for(str(database.engine.url), tmp_path), database)
    app.config["WTF_CSRF_ENABLED"] = False
    return app.test_client()


def incidents(database: Database) -> list[tuple[uuid.UUID, str, int]]:
    with database.transaction(read_only=True) as session:
        rows = session.scalars(select(Incident).where(Incident.resolved_at.is_(None)))
        return [(each.task_id, each.node, each.attempts) for each in rows]


def draft_values(database: Database, case_id: uuid.UUID, node: str) -> dict[str, object]:
    with database.transaction(read_only=True) as session:
        draft = session.get(Draft, (case_id, node))
        return dict(draft.values) if draft else {}


def answers(database: Database) -> int:
    with database.transaction(read_only=True) as session:
        return session.scalar(select(func.count()).select_from(Answer)) or 0


def test_a_family_whose_step_fails_keeps_its_draft_and_is_told_so(database: Database, client: FlaskClient) -> None:
    world = make_faulty_world(database, "saisir", "part = 10 / entier(motif)", verification="false")
    case_id = open_draft(database, world)
    task = open_task(database, case_id)
    sign_in(client, database, world.camille)
    step = f"/demandes/{case_id}/etapes/{task.id}"
    for attempt in (1, 2):
        page = client.post(f"{step}?page=1", data=TYPED)
        assert page.status_code == 500
        assert "Votre brouillon est gardé" in page.text
        assert f'href="/demandes/{case_id}"' in page.text
        assert incidents(database) == [(task.id, "saisir", attempt)]
        assert draft_values(database, case_id, "saisir")["motif"] == "0"
    assert answers(database) == 0
    assert case_of(database, case_id).status == "brouillon"
    assert client.post(f"{step}?page=1", data=TYPED | {"motif": "5"}).status_code == 302
    assert incidents(database) == []
    assert case_of(database, case_id).status == "en_attente"
    assert disagreements(database) == []


def test_an_agent_whose_decision_fails_changes_nothing_and_keeps_what_he_wrote(
    database: Database, client: FlaskClient
) -> None:
    world = make_faulty_world(database, "instruire", "part = 10 / (longueur(decision) - 7)")
    case_id = file_case(database, world)
    sign_in(client, database, world.nadia)
    assert client.post(f"/agent/demandes/{case_id}/etapes/{open_task(database, case_id).id}").status_code == 302
    task = open_task(database, case_id)
    typed = {"decision": "refuser", "decision_raison": "Arrivée trop tard."}
    page = client.post(f"/agent/demandes/{case_id}/etapes/{task.id}", data=typed)
    assert page.status_code == 500
    assert "ce que vous avez écrit est gardé" in page.text
    assert incidents(database) == [(task.id, "instruire", 1)]
    assert case_of(database, case_id).status == "traitement"
    assert answers(database) == 2  # the filing and the taking in charge
    assert "Arrivée trop tard." in client.get(f"/agent/demandes/{case_id}").text


def test_a_step_without_a_form_that_fails_is_noted_too(database: Database, client: FlaskClient) -> None:
    world = make_faulty_world(database, "prendre", "part = 10 / entier(motif)")
    case_id = file_case(database, world, motif="0")
    task = open_task(database, case_id)
    sign_in(client, database, world.nadia)
    page = client.post(f"/agent/demandes/{case_id}/etapes/{task.id}")
    assert page.status_code == 500
    assert "Rien n’a changé dans la demande" in page.text
    assert incidents(database) == [(task.id, "prendre", 1)]
    assert open_task(database, case_id).id == task.id


# -- nobody is there ---------------------------------------------------------------------------------------------------


def make_timed_world(database: Database) -> World:
    """A démarche whose first step ends by itself after an hour."""
    world = make_world(database)
    diagram = process(
        SLUG,
        lane(
            "Famille",
            start("debut"),
            user_task("attendre", name="Répondre", statut="brouillon", form="demande"),
            boundary("trop_tard", "attendre", after("'PT1H'")),
            end("fin", statut="clos"),
            end("fin_tard", statut="annule"),
        ),
        "debut -> attendre -> fin",
        "trop_tard -> fin_tard",
    )
    files = dict(make_bundle().files) | {"process.bpmn": diagram}
    del files["forms/decision.json"]
    with database.transaction() as session:
        publish(session, SYSTEM, SLUG, Bundle(files), "")
    return world


def open_timed(database: Database, world: World, count: int) -> list[uuid.UUID]:
    with database.transaction() as session:
        who = Who(world.actor(session, world.camille))
        return [open_case(session, who, published(session, SLUG))[0].id for _ in range(count)]


@pytest.mark.parametrize("error", [EngineFault("trop_tard", "essai"), RuntimeError("essai")])
def test_timers_that_cannot_fire_hold_up_nobody_and_become_incidents(
    database: Database, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    world = make_timed_world(database)
    now = clock.now()
    with clock.frozen(now) as time:
        poisoned = open_timed(database, world, 5)
        time.set(now + timedelta(minutes=1))
        (sound,) = open_timed(database, world, 1)
        time.set(now + timedelta(hours=2))
        real = runtime.fire_timers

        def fire(session, facts, instance):  # type: ignore[no-untyped-def]
            if facts.id in poisoned:
                raise error
            return real(session, facts, instance)

        monkeypatch.setattr(runtime, "fire_timers", fire)
        # a batch as small as the poison: without the incidents, nobody else would ever be looked at
        assert fire_due_timers(database, limit=5) == 0
        assert sorted(incidents(database)) == sorted((case_id, "trop_tard", 1) for case_id in poisoned)
        assert fire_due_timers(database, limit=5) == 1
        assert case_of(database, sound).status == "annule"
        monkeypatch.undo()
        with clock.frozen(now + timedelta(hours=2)), database.transaction() as session:
            machinery.retry_incidents(session, world.actor(session, world.administrator), poisoned[0])
        assert case_of(database, poisoned[0]).status == "annule"
        assert len(incidents(database)) == 4


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)  # SQLite has one writer at a time
def test_a_person_and_the_clock_on_the_same_case_do_not_lock_each_other_out(database: Database) -> None:
    world = make_timed_world(database)
    now = clock.now()
    with clock.frozen(now) as time:
        (case_id,) = open_timed(database, world, 1)
        time.set(now + timedelta(hours=2))
        with database.transaction() as person:
            machinery.open_case_rows(person, case_id, lock=True)
            # the clock does not wait for her, and holds nothing that she will need
            assert fire_due_timers(database) == 0
            person.execute(Timer.__table__.delete().where(Timer.case_id == case_id))
            person.rollback()
        assert fire_due_timers(database) == 1


def test_an_operation_given_up_becomes_an_incident_of_its_case(
    sqlite_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_up: list[tuple[uuid.UUID, uuid.UUID, str]] = []

    def give_up(session, facts, instance, task_id, cause):  # type: ignore[no-untyped-def]
        given_up.append((facts.id, task_id, cause))
        raise machinery.NotWaiting("noté")

    def fail(*_arguments: object) -> None:
        raise RuntimeError("le prestataire ne répond pas")

    world = make_world(sqlite_database)
    case_id = open_draft(sqlite_database, world)
    task_id = open_task(sqlite_database, case_id).id
    monkeypatch.setattr(runtime, "asked_operation", fail)
    monkeypatch.setattr(runtime, "give_up", give_up)
    settings = settings_for(str(sqlite_database.engine.url), tmp_path)
    now = clock.now()
    with clock.frozen(now) as time:
        with sqlite_database.transaction() as session:
            fact = emit(session, "engine.operation_asked", case_id=str(case_id), task_id=str(task_id))
        for attempt in range(MAX_ATTEMPTS):
            assert given_up == []
            time.set(now + timedelta(days=attempt))
            treat_due(sqlite_database, settings)
    with sqlite_database.transaction(read_only=True) as session:
        assert session.get_one(OutboxFact, fact).state == "failed"
    ((told_case, told_task, cause),) = given_up
    assert (told_case, told_task) == (case_id, task_id)
    assert cause.startswith("RuntimeError")
    assert "prestataire" not in cause
