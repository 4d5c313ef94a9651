"""Incidents and the journal, as administrators see them."""

from __future__ import annotations

import re

from sqlalchemy import select, update

from app import clock
from app.cases import oversight
from app.cases.oversight import Asked, journal_page
from app.db import Database
from app.journal import JournalEntry, record
from tests.cases.making import (
    World,
    add_incident,
    case_of,
    count_statements,
    file_case,
    make_world,
    open_task,
    sign_in,
)


def make_entries(database: Database, world: World, count: int) -> None:
    with database.transaction() as session:
        actor = world.actor(session, world.nadia)
        for number in range(count):
            record(session, actor, "case.read" if number % 2 else "family.read", "case", None, number=number)


def test_an_incident_is_shown_with_its_cause_and_can_be_run_again(database, new_client) -> None:
    world = make_world(database)
    case_id = file_case(database, world)
    add_incident(database, case_id)
    iris = sign_in(new_client(), database, world.administrator)
    page = iris.get("/admin/incidents").text
    assert "Ranger la pièce" in page
    assert "connexion &lt;refusée&gt;" in page
    assert "Camille Durand" not in page, "an administrator of the portal does not read families' demandes"
    assert iris.post(f"/admin/incidents/{case_id}/relancer").status_code == 302
    page = iris.get("/admin/incidents").text
    assert "La demande a repris son cours" in page
    assert "Aucun incident" in page
    assert case_of(database, case_id).status == "en_attente"


def test_running_again_a_demande_that_ended_says_so(database, new_client) -> None:
    world = make_world(database)
    case_id = file_case(database, world)
    add_incident(database, case_id)
    nadia = sign_in(new_client(), database, world.nadia)
    nadia.post(f"/agent/demandes/{case_id}/etapes/{open_task(database, case_id).id}")
    nadia.post(f"/agent/demandes/{case_id}/etapes/{open_task(database, case_id).id}", data={"decision": "accepter"})
    iris = sign_in(new_client(), database, world.administrator)
    answer = iris.post(f"/admin/incidents/{case_id}/relancer")
    assert "n’a pas abouti" in iris.get(answer.location).text


def test_incidents_and_journal_are_closed_to_others(database, new_client) -> None:
    world = make_world(database)
    case_id = file_case(database, world)
    for who in (world.nadia, world.camille):
        client = sign_in(new_client(), database, who)
        for address in ("/admin/incidents", "/admin/journal"):
            assert client.get(address).status_code == 404
        assert client.post(f"/admin/incidents/{case_id}/relancer").status_code == 404
        assert client.post("/admin/journal/verification").status_code == 404


def test_the_journal_says_nothing_in_python(database, new_client) -> None:
    world = make_world(database)
    with database.transaction() as session:
        record(
            session, world.actor(session, world.nadia), "case.read", "case", None, enfant=None, refait=True, vu=False
        )
    iris = sign_in(new_client(), database, world.administrator)
    page = re.sub(r"<[^>]+>", "", iris.get("/admin/journal?action=case.read").text).replace("&nbsp;", " ")
    assert "enfant : aucun" in page
    assert "refait : oui" in page
    assert "vu : non" in page


def test_the_journal_tells_what_happens_to_demandes_in_french(database, new_client) -> None:
    world = make_world(database)
    with database.transaction() as session:
        actor = world.actor(session, world.nadia)
        record(session, actor, "case.moved", "case", None, left=["prendre", "voir"], node="instruire", reason="Absent")
        record(session, actor, "migration.started", "procedure", None, **{"from": 1, "to": 2})
    iris = sign_in(new_client(), database, world.administrator)
    page = re.sub(r"<[^>]+>", "", iris.get("/admin/journal").text).replace("&nbsp;", " ")
    for words in ("Demande envoyée à une autre étape", "étape quittée : prendre, voir", "raison : Absent",
                  "Migration de demandes lancée", "de la version : 1", "vers la version : 2"):  # fmt: skip
        assert words in page, words
    assert "case.moved" not in page
    assert "Migrations" in page
    assert "Migration de demandes lancée" in iris.get("/admin/journal?action=migration.").text


def test_the_journal_is_read_from_its_end_page_by_page_without_gaps(database) -> None:
    world = make_world(database)
    make_entries(database, world, 3 * oversight.PAGE)
    seen: list[int] = []
    before = None
    with database.transaction(read_only=True) as session:
        while True:
            shown = journal_page(session, Asked(), before)
            seen += [entry.seq for entry in shown.entries]
            before = shown.before
            if before is None:
                break
        last = session.scalars(select(JournalEntry.seq).order_by(JournalEntry.seq.desc()).limit(1)).one()
    assert seen == list(range(last, 0, -1))


def test_the_journal_is_searched_by_person_action_object_and_day(database) -> None:
    world = make_world(database)
    case_id = file_case(database, world)
    make_entries(database, world, 10)
    reference = case_of(database, case_id).reference
    with database.transaction(read_only=True) as session:

        def actions(**asked) -> list[str]:
            return [entry.action for entry in journal_page(session, Asked(**asked)).entries]

        assert set(actions(actor="Nadia.Ferrand@example.org")) == {"case.read", "family.read"}
        assert set(actions(action="case.read")) == {"case.read"}
        assert set(actions(action="case.")) == {"case.read", "case.opened", "case.step_done"}
        assert actions(about=reference.lower())[-1] == "case.opened"
        assert actions(about=str(case_id)) == actions(about=reference)
        assert actions(actor="camille.durand@example.org", action="case.opened") == ["case.opened"]
        assert actions(since=clock.today(), until=clock.today())
        assert actions(until=clock.today().replace(year=2020)) == []
        assert journal_page(session, Asked(actor="personne@example.org")).unknown == "personne@example.org"
        assert journal_page(session, Asked(about="26-XXXX-XXXX")).unknown == "26-XXXX-XXXX"


def test_the_chain_is_verified_and_a_changed_line_is_found(database, new_client) -> None:
    world = make_world(database)
    make_entries(database, world, 5)
    iris = sign_in(new_client(), database, world.administrator)
    assert "Le journal est intact" in iris.post("/admin/journal/verification").text
    with database.transaction() as session:
        session.execute(update(JournalEntry).where(JournalEntry.seq == 3).values(action="case.forged"))
    page = iris.post("/admin/journal/verification").text
    assert "Le journal a été altéré" in page
    assert re.search(r"entrée\s3", page)


def test_hostile_searches_of_the_journal_give_a_page(database, new_client) -> None:
    world = make_world(database)
    iris = sign_in(new_client(), database, world.administrator)
    for query in (
        "acteur=%00", "acteur=<script>alert(1)</script>", "action=%25", "action='", "objet=%00@", "du=2026-02-31",
        "du=0001-01-01", "au=9999-12-31", "avant=-1", "avant=99999999999999999999", "avant=x", "objet=" + "a" * 999,
    ):  # fmt: skip
        answer = iris.get(f"/admin/journal?{query}")
        assert answer.status_code == (400 if "%00" in query else 200), query  # a NUL stops at the door
        assert "<script>alert" not in answer.text
    assert count_statements(database, lambda: iris.get("/admin/journal?action=case.")) <= 8
