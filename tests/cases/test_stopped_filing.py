"""A demande that is sent while what comes next fails: it is sent all the same, and nothing of it is lost."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from app import clock
from app.cases.chores import forget_drafts
from app.cases.machinery import retry_incidents
from app.cases.models import Answer, Case
from app.cases.operations import abandon
from app.cases.queries import Who, may_abandon, their_case
from app.db import Database
from app.engine.bundle import Bundle
from app.errors import Conflict
from app.outbox import OutboxFact
from app.policy import SYSTEM
from app.procedures.operations import publish
from tests.cases.making import SLUG, World, case_of, file_case, make_bundle, make_world, open_task, sign_in
from tests.conftest import settings_for
from tests.engine.bpmn_builder import end, lane, process, script, start, user_task

MENDED = "2026-11-25"
DIAGRAM = process(
    SLUG,
    lane("Famille", start("debut"), user_task("saisir", name="Écrire", statut="brouillon", form="demande")),
    lane(
        "Gestionnaire",
        script("calcul", f"n = 1 / (1 if aujourdhui() >= '{MENDED}' else 0)"),
        user_task("prendre", name="Prendre en charge", statut="en_attente"),
        end("fin", statut="clos"),
    ),
    "debut -> saisir -> calcul -> prendre -> fin",
)


@pytest.fixture
def time() -> Iterator[clock.FrozenClock]:
    with clock.frozen(datetime(2026, 11, 20, 9, tzinfo=UTC)) as frozen:
        yield frozen


@pytest.fixture
def stopped(database: Database, time: clock.FrozenClock) -> tuple[World, uuid.UUID]:
    world = make_world(database)
    with database.transaction() as session:
        publish(session, SYSTEM, SLUG, Bundle({**make_bundle().files, "process.bpmn": DIAGRAM}), "")
    return world, file_case(database, world)


def told(database: Database) -> list[str]:
    """The facts that the family hears of, in their order."""
    with database.transaction(read_only=True) as session:
        kinds = session.scalars(select(OutboxFact.kind).order_by(OutboxFact.created_at, OutboxFact.id))
        return [kind for kind in kinds if kind.startswith("case.")]


def test_it_is_sent_and_acknowledged_though_the_next_step_failed(database, stopped, new_client) -> None:
    world, case_id = stopped
    case = case_of(database, case_id)
    assert (case.status, case.submitted_at) == ("en_attente", clock.now())
    assert told(database) == ["case.submitted"]
    with database.transaction(read_only=True) as session:
        assert session.scalars(select(Answer.receipt).where(Answer.case_id == case_id)).one() is not None
    camille = sign_in(new_client(), database, world.camille)
    page = camille.get(f"/demandes/{case_id}?envoi=1").text
    assert "Votre demande est enregistrée" in page
    assert "Un incident technique la retarde" in page
    for untrue in ("pas encore envoyé", "Abandonner la demande", "Vous pouvez encore la modifier"):
        assert untrue not in page
    assert "Pas encore envoyée" not in camille.get("/demandes").text


def test_nobody_and_no_night_deletes_it(database, stopped, time, tmp_path: Path) -> None:
    world, case_id = stopped
    with database.transaction() as session:
        who = Who(world.actor(session, world.camille))
        opened = their_case(session, who, case_id, lock=True)
        assert not may_abandon(session, opened.case)
        with pytest.raises(Conflict):
            abandon(session, who, opened)
    time.advance(days=400)
    forget_drafts(database, settings_for("sqlite://", tmp_path))
    assert case_of(database, case_id).reference


def test_it_goes_on_once_the_cause_is_mended_and_is_acknowledged_once(database, stopped, time) -> None:
    world, case_id = stopped
    sent_at = case_of(database, case_id).submitted_at
    time.advance(days=5)
    with database.transaction() as session:
        retry_incidents(session, world.actor(session, world.administrator), case_id)
    assert open_task(database, case_id).node == "prendre"
    with database.transaction(read_only=True) as session:
        case = session.get_one(Case, case_id)
        assert (case.status, case.submitted_at) == ("en_attente", sent_at)
    assert told(database) == ["case.submitted"]
