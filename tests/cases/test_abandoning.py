"""Giving a draft up: deleted when it was never sent, cancelled and kept when it was taken back to be changed."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from app.agenda.models import Absence, AbsenceSlot
from app.cases.models import Answer, Case, Draft
from app.cases.operations import abandon, save_draft, send_message
from app.cases.queries import Who, draft_of, open_case_rows, open_tasks, their_case
from app.db import Database
from app.documents.models import Document
from app.engine.models import Instance, Task
from app.errors import Conflict
from app.journal import JournalEntry, verify_chain
from app.outbox import OutboxFact
from app.policy import SYSTEM
from app.procedures.operations import publish
from tests.cases.conftest import NewClient
from tests.cases.making import (
    SLUG,
    World,
    answer_family,
    case_of,
    file_case,
    make_bundle,
    make_world,
    open_draft,
    open_task,
    sign_in,
)
from tests.workflows.stage import on_stage

LINK = "Abandonner la demande"


def reopen(database: Database, world: World) -> uuid.UUID:
    """A demande sent by Camille, then taken back to be changed."""
    case_id = file_case(database, world)
    with database.transaction() as session:
        who = Who(world.actor(session, world.camille))
        send_message(session, who, their_case(session, who, case_id, lock=True), "modifier")
    return case_id


def type_something(database: Database, world: World, case_id: uuid.UUID) -> None:
    with database.transaction() as session:
        who = Who(world.actor(session, world.camille))
        [task] = open_tasks(session, case_id)
        save_draft(session, who, their_case(session, who, case_id, task.id, lock=True), {"motif": "Autre"}, page=0)


def facts(database: Database, case_id: uuid.UUID) -> list[tuple[str, str]]:
    """What was announced of a demande, in no order: the kind of fact, and the status it says."""
    with database.transaction(read_only=True) as session:
        rows = session.scalars(select(OutboxFact)).all()
    return [(row.kind, row.payload.get("status", "")) for row in rows if row.payload.get("case_id") == str(case_id)]


def deeds(database: Database, case_id: uuid.UUID) -> list[str]:
    """The actions that the journal keeps of a demande."""
    with database.transaction(read_only=True) as session:
        assert verify_chain(session).fault is None
        query = select(JournalEntry.action).where(JournalEntry.object_id == case_id).order_by(JournalEntry.seq)
        return list(session.scalars(query))


def left(database: Database, *models: type) -> list[int]:
    with database.transaction(read_only=True) as session:
        return [session.scalar(select(func.count()).select_from(model)) or 0 for model in models]


@pytest.fixture
def world(database: Database) -> World:
    return make_world(database)


@pytest.fixture
def camille(database: Database, world: World, new_client: NewClient) -> FlaskClient:
    return sign_in(new_client(), database, world.camille)


def test_a_demande_taken_back_is_cancelled_and_stays_in_the_list(
    database: Database, world: World, camille: FlaskClient
) -> None:
    case_id = reopen(database, world)
    type_something(database, world, case_id)
    step = camille.get(f"/demandes/{case_id}/etapes/{open_task(database, case_id).id}").text
    shown = camille.get(f"/demandes/{case_id}").text
    for page in (step, shown):
        assert LINK in page
        assert f"/demandes/{case_id}/abandonner" in page
    asked = camille.get(f"/demandes/{case_id}/abandonner").text
    assert "Vous avez déjà envoyé cette demande" in asked
    assert "avec le statut" in asked
    assert "sera effacé" not in asked
    done = camille.post(f"/demandes/{case_id}/abandonner")
    assert (done.status_code, done.location) == (302, f"/demandes/{case_id}")
    assert "Votre demande est annulée" in camille.get(done.location).text
    case = case_of(database, case_id)
    assert case.status == "annule"
    assert case.closed_at is not None
    assert facts(database, case_id).count(("case.status_changed", "annule")) == 1
    assert deeds(database, case_id)[-1] == "case.message_annuler"
    assert left(database, Case, Answer, Instance) == [1, 1, 1]
    with database.transaction(read_only=True) as session:
        assert open_tasks(session, case_id) == []
    assert case.reference in camille.get("/demandes?periode=passees").text
    assert LINK not in camille.get(f"/demandes/{case_id}").text


def test_a_draft_never_sent_is_deleted_and_never_cancelled(
    database: Database, world: World, camille: FlaskClient
) -> None:
    case_id = open_draft(database, world)
    type_something(database, world, case_id)
    shown = camille.get(f"/demandes/{case_id}").text
    assert LINK in shown
    assert f"/demandes/{case_id}/annuler" not in shown
    for what in ("annuler", "abandonner"):
        asked = camille.get(f"/demandes/{case_id}/{what}").text
        assert "sera effacé" in asked
        assert f'action="/demandes/{case_id}/abandonner"' in asked
    refused = camille.post(f"/demandes/{case_id}/annuler")
    assert refused.status_code == 409
    assert "pas encore été envoyée" in refused.text
    assert case_of(database, case_id).status == "brouillon"
    assert camille.post(f"/demandes/{case_id}/abandonner").status_code == 302
    assert left(database, Case, Draft, Instance, Task) == [0, 0, 0, 0]
    assert facts(database, case_id) == [("case.abandoned", "")]


def test_a_double_click_cancels_or_deletes_once(database: Database, world: World, camille: FlaskClient) -> None:
    case_id, draft = reopen(database, world), open_draft(database, world)
    assert [camille.post(f"/demandes/{case_id}/abandonner").status_code for _ in range(2)] == [302, 409]
    assert "déjà terminée" in camille.post(f"/demandes/{case_id}/abandonner").text
    assert deeds(database, case_id).count("case.message_annuler") == 1
    assert facts(database, case_id).count(("case.status_changed", "annule")) == 1
    assert [camille.post(f"/demandes/{draft}/abandonner").status_code for _ in range(2)] == [302, 404]


def test_nobody_gives_up_the_demande_of_somebody_else(database: Database, world: World, new_client: NewClient) -> None:
    bruno, nadia = (sign_in(new_client(), database, account) for account in (world.bruno, world.nadia))
    for case_id in (reopen(database, world), open_draft(database, world)):
        for browser in (bruno, nadia):
            assert browser.get(f"/demandes/{case_id}/abandonner").status_code == 404
            assert browser.post(f"/demandes/{case_id}/abandonner").status_code == 404
        visitor = new_client().post(f"/demandes/{case_id}/abandonner")
        assert "/connexion" in (visitor.location or "")
        assert case_of(database, case_id).status == "brouillon"


def test_what_another_tab_sent_again_is_not_given_up(database: Database, world: World, camille: FlaskClient) -> None:
    case_id = reopen(database, world)
    answer_family(database, world, case_id)
    assert LINK not in camille.get(f"/demandes/{case_id}").text
    late = camille.post(f"/demandes/{case_id}/abandonner")
    assert late.status_code == 409
    assert "vous pouvez l’annuler" in late.text
    assert case_of(database, case_id).status == "en_attente"


def test_a_demarche_that_draws_no_way_out_of_a_correction_offers_none(
    database: Database, world: World, camille: FlaskClient
) -> None:
    with database.transaction() as session:
        publish(session, SYSTEM, SLUG, make_bundle(give_up=False), "")
    case_id, draft = reopen(database, world), open_draft(database, world)
    assert LINK not in camille.get(f"/demandes/{case_id}").text
    assert LINK not in camille.get(f"/demandes/{case_id}/etapes/{open_task(database, case_id).id}").text
    assert camille.post(f"/demandes/{case_id}/abandonner").status_code == 409
    assert case_of(database, case_id).status == "brouillon"
    assert LINK in camille.get(f"/demandes/{draft}").text


def test_a_demande_taken_back_is_never_proposed_as_a_first_draft(database: Database, world: World) -> None:
    reopen(database, world)
    with database.transaction(read_only=True) as session:
        assert draft_of(session, Who(world.actor(session, world.camille)), SLUG) is None


def test_giving_up_a_corrected_absence_withdraws_it_and_tells_the_family(database: Database, tmp_path: Path) -> None:
    with on_stage(database, "absence", tmp_path) as demande:
        demande.open()
        demande.do(
            "saisir", enfant="@enfant", creneaux=["CANT", "SOIR1"], motif="maladie", cgu=True,
            dates_debut="2026-11-23", dates_fin="2026-11-23",
        )  # fmt: skip
        demande.send("modifier")
        assert left(database, AbsenceSlot) == [2]
        with database.transaction() as session:
            opened = open_case_rows(session, demande.player.case_id, lock=True)
            abandon(session, demande.player.filer, opened)
        with database.transaction(read_only=True) as session:
            absence = session.scalars(select(Absence)).one()
        assert (absence.case_id, absence.status) == (demande.player.case_id, "cancelled")
        assert left(database, AbsenceSlot) == [0]
        assert demande.status == "annule"
        demande.wait("PT1M")
        assert any("est de nouveau attendu" in mail for mail in demande.mails)
        with pytest.raises(Conflict), database.transaction() as session:
            abandon(session, demande.player.filer, open_case_rows(session, demande.player.case_id, lock=True))


def test_giving_up_a_corrected_envoi_takes_its_document_back(database: Database, tmp_path: Path) -> None:
    with on_stage(database, "justificatif", tmp_path) as demande:
        demande.open()
        demande.do("saisir", type_piece="vaccins", enfant="@enfant", piece=["@fichier"])
        demande.send("modifier")
        with database.transaction() as session:
            kept = {row.id for row in session.scalars(select(Document)) if row.case_id != demande.player.case_id}
            before = {row.id: row.state for row in session.scalars(select(Document))}
            abandon(session, demande.player.filer, open_case_rows(session, demande.player.case_id, lock=True))
        with database.transaction(read_only=True) as session:
            after = {row.id: row.state for row in session.scalars(select(Document))}
        assert {after[each] for each in after if each not in kept} == {"retire"}
        assert {each: after[each] for each in kept} == {each: before[each] for each in kept}
        assert demande.status == "annule"
