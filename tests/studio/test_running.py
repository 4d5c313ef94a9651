"""Demandes in progress as administrators of démarches see them: counts, times, lists, incidents, retries."""

from __future__ import annotations

import uuid
from datetime import timedelta

from sqlalchemy import select, update

from app import clock
from app.db import Database
from app.engine.models import Incident, Task
from app.journal import JournalEntry
from app.procedures.models import Version
from app.studio import running
from tests.cases.making import SLUG, case_of, count_statements, file_case, open_draft, open_task, sign_in
from tests.cases.test_admin_watch import add_incident
from tests.studio.making import Studio, make_studio

HERE = f"/admin/demarches/{SLUG}/dossiers"


def version_of(database: Database, number: int = 1) -> Version:
    with database.transaction(read_only=True) as session:
        return session.scalars(select(Version).where(Version.number == number)).one()


def counts(database: Database, number: int = 1) -> dict[str, tuple[int, int]]:
    with database.transaction(read_only=True) as session:
        found = running.counts(session, version_of(database, number))
    return {node: (each.waiting, each.incidents) for node, each in found.items() if each.waiting or each.incidents}


def take_charge(database: Database, new_client, studio: Studio, case_id: uuid.UUID) -> None:
    nadia = sign_in(new_client(), database, studio.world.nadia)
    assert nadia.post(f"/agent/demandes/{case_id}/etapes/{open_task(database, case_id).id}").status_code == 302


def test_counts_follow_demandes_from_step_to_step(database, new_client) -> None:
    studio = make_studio(database)
    open_draft(database, studio.world)
    first, second = file_case(database, studio.world), file_case(database, studio.world)
    waiting = {"modification": (2, 0), "annulation": (2, 0)}  # what hangs on the edge of a step waits too
    assert counts(database) == {"saisir": (1, 0), "renoncement": (1, 0), "prendre": (2, 0), **waiting}
    take_charge(database, new_client, studio, first)
    found = counts(database)
    assert (found["prendre"], found["instruire"]) == ((1, 0), (1, 0))
    add_incident(database, second)
    assert counts(database)["ranger"] == (0, 1)
    with database.transaction(read_only=True) as session:
        assert list(running.running_by_version(session, case_of(database, first).procedure_id).values()) == [3]


def test_median_times_are_those_of_recent_closed_steps(database) -> None:
    studio = make_studio(database)
    cases = [file_case(database, studio.world) for _ in range(4)]
    for case_id, hours, days_ago in zip(cases, (1, 2, 30, 500), (1, 2, 3, 120), strict=True):
        closed = clock.now() - timedelta(days=days_ago)
        with database.transaction() as session:
            done = update(Task).where(Task.case_id == case_id, Task.node == "saisir")
            session.execute(done.values(closed_at=closed, opened_at=closed - timedelta(hours=hours)))
    with database.transaction(read_only=True) as session:
        found = running.counts(session, version_of(database))["saisir"]
    assert (found.median, found.measured) == (timedelta(hours=2), 3), "the fourth is older than the window"
    assert running.lasting(timedelta(hours=2)) == "2\u00a0h"
    assert running.lasting(timedelta(days=2.5)) == "2,5\u00a0jours"
    assert running.lasting(timedelta(days=10)) == "10\u00a0jours"


def test_the_page_says_in_the_diagram_and_in_a_table_where_demandes_are(database, new_client) -> None:
    studio = make_studio(database)
    for _ in range(3):
        file_case(database, studio.world)
    iris = sign_in(new_client(), database, studio.world.administrator)
    page = iris.get(HERE).text
    assert "3\u00a0demandes en cours" in page
    assert f"{HERE}/liste?version=1&amp;etape=prendre" in page
    assert "Aucun incident" in page
    few = count_statements(database, lambda: iris.get(HERE))
    for _ in range(5):
        file_case(database, studio.world)
    assert count_statements(database, lambda: iris.get(HERE)) == few <= 12, "as many statements whatever is running"
    assert iris.get(f"{HERE}?version=9").status_code == 404


def test_the_list_shows_references_and_states_and_nothing_of_the_family(database, new_client) -> None:
    studio = make_studio(database)
    case_id = file_case(database, studio.world)
    iris = sign_in(new_client(), database, studio.world.administrator)
    for address in (f"{HERE}/liste", f"{HERE}/liste?etape=prendre", f"{HERE}/liste?version=1&page=7"):
        page = iris.get(address).text
        assert case_of(database, case_id).reference in page
        assert "Camille" not in page
        assert "Durand" not in page
        assert "malade" not in page
    assert case_of(database, case_id).reference not in iris.get(f"{HERE}/liste?etape=instruire").text


def test_incidents_are_retried_one_or_many_and_only_of_this_demarche(database, new_client) -> None:
    studio = make_studio(database)
    cases = [file_case(database, studio.world) for _ in range(3)]
    for case_id in cases:
        add_incident(database, case_id)
    iris = sign_in(new_client(), database, studio.world.administrator)
    page = iris.get(f"{HERE}/liste?etape=incidents").text
    assert page.count("connexion &lt;refusée&gt;") == 3
    sent = {"version": "1", "etape": "incidents", "demande": [*map(str, cases[:2]), str(uuid.uuid4()), "rien"]}
    page = iris.get(iris.post(f"{HERE}/relancer", data=sent).location).text
    assert "Reparties" in page
    with database.transaction(read_only=True) as session:
        left = session.scalars(select(Incident.case_id).where(Incident.resolved_at.is_(None))).all()
    assert left == cases[2:]
    assert "Cochez au moins une demande" in iris.get(iris.post(f"{HERE}/relancer", data={"version": "1"}).location).text


def test_others_know_nothing_of_it(database, new_client) -> None:
    studio = make_studio(database)
    for who in (studio.world.nadia, studio.world.camille, studio.world.accountant):
        client = sign_in(new_client(), database, who)
        assert client.get(HERE).status_code == 404
        assert client.get(f"{HERE}/liste").status_code == 404
        assert client.post(f"{HERE}/relancer").status_code == 404


def test_demandes_are_sent_to_a_step_with_a_reason_that_the_journal_keeps(database, new_client) -> None:
    studio = make_studio(database)
    cases = [file_case(database, studio.world) for _ in range(3)]
    iris = sign_in(new_client(), database, studio.world.administrator)
    assert '<option value="instruire">Instruire</option>' in iris.get(f"{HERE}/liste").text
    sent = {"version": "1", "demande": [*map(str, cases[:2])], "vers": "instruire", "raison": " Agent  absent. "}
    assert "Dites pourquoi" in iris.get(iris.post(f"{HERE}/deplacer", data={**sent, "raison": ""}).location).text
    assert "choisissez une étape" in iris.get(iris.post(f"{HERE}/deplacer", data={**sent, "vers": ""}).location).text
    refused = iris.get(iris.post(f"{HERE}/deplacer", data={**sent, "vers": "modification"}).location).text
    assert "on ne peut pas reprendre à cet endroit" in refused
    assert counts(database)["prendre"] == (3, 0)
    done = iris.get(iris.post(f"{HERE}/deplacer", data=sent).location).text
    assert "Déplacées" in done
    assert (counts(database)["prendre"], counts(database)["instruire"]) == ((1, 0), (2, 0))
    assert case_of(database, cases[0]).status == "traitement"
    with database.transaction(read_only=True) as session:
        entries = session.scalars(select(JournalEntry).where(JournalEntry.action == "case.moved")).all()
        assert [entry.object_id for entry in entries] == cases[:2]
        assert entries[0].details == {"left": ["prendre"], "node": "instruire", "reason": "Agent absent."}
        assert entries[0].actor_label == "Iris Morel"
    nadia = sign_in(new_client(), database, studio.world.nadia)
    nadia.post(f"/agent/demandes/{cases[0]}/etapes/{open_task(database, cases[0]).id}", data={"decision": "accepter"})
    assert case_of(database, cases[0]).status == "clos"
    assert nadia.post(f"{HERE}/deplacer", data=sent).status_code == 404
