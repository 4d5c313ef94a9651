"""Who holds a demande, what is said of it, and the administrators' page « Conservation »."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, select, update

from app import clock
from app.accounts.models import Role
from app.cases.erasing import erase_ended
from app.cases.models import Case
from app.db import Database
from app.journal import JournalEntry
from tests.cases.ended import NOON, end_case, entries
from tests.cases.making import SLUG, case_of, file_case, make_world, open_draft, sign_in
from tests.conftest import settings_for

PAGE = "/admin/conservation"


def text(answer) -> str:
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text).replace("&nbsp;", " ").replace("\u00a0", " "))


def here(case_id: uuid.UUID) -> str:
    return f"/agent/demandes/{case_id}/conservation"


def test_a_family_reads_until_when_her_demande_is_there(database, new_client) -> None:
    with clock.frozen(NOON):
        world = make_world(database)
        case_id, running = end_case(database, world), file_case(database, world)
        camille = sign_in(new_client(), database, world.camille)
        assert "Cette demande sera effacée le samedi 11 mars 2028" in text(camille.get(f"/demandes/{case_id}"))
        assert "effacée" not in text(camille.get(f"/demandes/{running}"))
        nadia = sign_in(new_client(), database, world.nadia)
        assert "Sera effacée le 11 mars 2028" in text(nadia.get(f"/agent/demandes/{case_id}"))
    with clock.frozen(NOON.replace(year=2029)):
        camille = sign_in(new_client(), database, world.camille)
        told = text(camille.get(f"/demandes/{case_id}"))
        assert "sera effacée le dimanche 11 mars 2029" in told, "never a day that is past"


def test_an_agent_holds_with_a_reason_and_lifts_with_another(database, new_client) -> None:
    world = make_world(database)
    case_id = end_case(database, world)
    nadia = sign_in(new_client(), database, world.nadia)
    assert nadia.post(here(case_id), data={"reason": "  "}).status_code == 422
    assert nadia.post(here(case_id), data={"reason": "Recours du 3 mars"}).status_code == 303
    page = text(nadia.get(f"/agent/demandes/{case_id}"))
    assert "Demande retenue" in page
    assert "Retenue par Nadia Ferrand" in page
    assert "Recours du 3 mars" in page
    camille = sign_in(new_client(), database, world.camille)
    told = text(camille.get(f"/demandes/{case_id}"))
    assert "elle ne sera pas effacée pour le moment" in told
    assert "Recours" not in told
    assert nadia.post(here(case_id), data={"reason": "Encore"}).status_code == 409
    assert nadia.post(f"{here(case_id)}/levee", data={"reason": ""}).status_code == 422
    assert nadia.post(f"{here(case_id)}/levee", data={"reason": "Recours rejeté"}).status_code == 303
    assert case_of(database, case_id).held_at is None
    assert nadia.post(f"{here(case_id)}/levee", data={"reason": "Encore"}).status_code == 409
    told = [(entry.actor_label, entry.details) for name in ("case.held", "case.hold_lifted")
            for entry in entries(database, name)]  # fmt: skip
    assert told == [
        ("Nadia Ferrand", {"reason": "Recours du 3 mars"}),
        ("Nadia Ferrand", {"reason": "Recours rejeté"}),
    ]


def test_a_running_demande_can_be_held_and_stays_so_when_it_ends(database, new_client) -> None:
    world = make_world(database)
    case_id = file_case(database, world)
    nadia = sign_in(new_client(), database, world.nadia)
    assert nadia.post(here(case_id), data={"reason": "Contrôle"}).status_code == 303
    for answers in ({}, {"decision": "accepter"}):
        page = nadia.get(f"/agent/demandes/{case_id}").text
        [step] = set(re.findall(rf'action="(/agent/demandes/{case_id}/etapes/[^"/]+)"', page))
        assert nadia.post(step, data=answers).status_code == 302
    case = case_of(database, case_id)
    assert (case.status, case.held_reason) == ("clos", "Contrôle")


@pytest.mark.parametrize("path", ["", "/levee"])
def test_who_may_not_hold_does_not(path: str, database, new_client) -> None:
    with database.transaction() as session:
        session.execute(delete(Role))
    world = make_world(database, structure="code:LAC")
    case_id, draft = file_case(database, world), open_draft(database, world)
    given = {"reason": "Recours"}
    for account, status in (
        (world.accountant, 403), (world.hill_agent, 404), (world.administrator, 404), (world.camille, 404),
    ):  # fmt: skip
        assert sign_in(new_client(), database, account).post(here(case_id) + path, data=given).status_code == status
    lise = sign_in(new_client(), database, world.lake_agent)
    assert lise.post(here(draft) + path, data=given).status_code == 404, "a draft is its author's"
    assert lise.post(here(case_id) + path, data=given).status_code == (409 if path else 303)


# -- the administrators' page ----------------------------------------------------------------------------------------


def test_the_dry_run_then_the_night_then_its_proof(database: Database, new_client, tmp_path: Path) -> None:
    with clock.frozen(NOON) as time:
        world = make_world(database)
        for _ in range(2):
            end_case(database, world)
        iris = sign_in(new_client(), database, world.administrator)
        page = text(iris.get(PAGE))
        assert "aucune demande ne sera effacée" in page
        assert "Aucune nuit n’a encore eu lieu" in page
        time.set(NOON.replace(year=2028))
        iris = sign_in(new_client(), database, world.administrator)
        page = text(iris.get(PAGE))
        assert "Le samedi 11 mars 2028, 2 demandes seront effacées" in page
        assert "Demande simple 24 mois 2 0" in page
        assert "Camille" not in page, "an administrator of the portal does not read families' demandes"
        time.advance(days=1)
        erase_ended(database, settings_for("sqlite://", tmp_path))
        iris = sign_in(new_client(), database, world.administrator)
        page = text(iris.get(PAGE))
        assert "2 demandes effacées" in page
        assert "Le journal le prouve : 2 lignes, autant que de demandes" in page
        assert "Demande effacée, sa durée de conservation finie" in text(iris.get("/admin/journal?action=case.erased"))
        told = text(iris.get("/admin/journal?action=case.erasures_proved"))
        assert f"par démarche : {SLUG} (2)" in told


def test_a_night_whose_count_is_wrong_is_told(database: Database, new_client, tmp_path: Path) -> None:
    with clock.frozen(NOON) as time:
        world = make_world(database)
        end_case(database, world)
        time.set(NOON.replace(year=2028) + timedelta(days=1))
        erase_ended(database, settings_for("sqlite://", tmp_path))
        with database.transaction() as session:
            forged = select(JournalEntry.seq).where(JournalEntry.action == "case.erased")
            session.execute(update(JournalEntry).where(JournalEntry.seq.in_(forged)).values(action="case.read"))
        page = text(sign_in(new_client(), database, world.administrator).get(PAGE))
    assert "Le compte de la nuit n’est pas juste" in page


def test_an_administrator_holds_by_reference_and_lifts(database, new_client) -> None:
    world = make_world(database)
    case_id, draft = end_case(database, world), open_draft(database, world)
    reference = case_of(database, case_id).reference
    iris = sign_in(new_client(), database, world.administrator)
    for wrong in ("26-XXXX-XXXX", case_of(database, draft).reference, ""):
        assert iris.post(PAGE, data={"reference": wrong, "reason": "Recours"}).status_code == 422
    assert iris.get(f"{PAGE}/{case_id}").status_code == 404
    assert iris.post(PAGE, data={"reference": f" {reference.lower()} ", "reason": "Recours"}).status_code == 303
    assert iris.post(PAGE, data={"reference": reference, "reason": "Recours"}).status_code == 422
    page = text(iris.get(PAGE))
    assert f"{reference} Demande simple Iris Morel" in page
    assert "Camille" not in page
    assert iris.get(f"{PAGE}/{case_id}").status_code == 200
    assert iris.post(f"{PAGE}/{case_id}", data={"reason": ""}).status_code == 422
    assert iris.post(f"{PAGE}/{case_id}", data={"reason": "Jugé"}).status_code == 303
    assert "Aucune demande n’est retenue" in text(iris.get(PAGE))
    with database.transaction(read_only=True) as session:
        assert session.scalars(select(Case.held_at).where(Case.held_at.is_not(None))).all() == []


def test_agents_do_not_see_the_page_and_who_only_reads_the_journal_holds_nothing(database, new_client) -> None:
    world = make_world(database)
    case_id = end_case(database, world)
    assert sign_in(new_client(), database, world.nadia).get(PAGE).status_code == 404
    with database.transaction() as session:
        role = session.get_one(Role, "administrateur")
        role.permissions = [each for each in role.permissions if each != "case:hold"]
    iris = sign_in(new_client(), database, world.administrator)
    assert "Retenir une demande" not in text(iris.get(PAGE))
    given = {"reference": case_of(database, case_id).reference, "reason": "Recours"}
    assert iris.post(PAGE, data=given).status_code == 403
    assert iris.post(f"{PAGE}/{case_id}", data=given).status_code == 403
