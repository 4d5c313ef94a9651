"""Demandes in progress as administrators of démarches see them: counts, times, lists, incidents, retries."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from lxml import etree
from sqlalchemy import select, update

from app import clock
from app.cases.queries import open_tasks
from app.db import Database
from app.engine.bundle import Bundle
from app.engine.models import Incident, Task
from app.journal import JournalEntry
from app.policy import SYSTEM
from app.procedures.models import Version
from app.procedures.operations import publish
from app.studio import running
from app.studio.views.running import Line
from tests.cases.making import (
    SLUG,
    add_incident,
    case_of,
    count_statements,
    file_case,
    make_bundle,
    open_draft,
    open_task,
    sign_in,
)
from tests.engine.bpmn_builder import end, lane, parallel, process, script, start, sub_process, user_task
from tests.studio.making import Studio, make_studio

SVG = "{http://www.w3.org/2000/svg}"
DI, DC = (f"http://www.omg.org/spec/{name}" for name in ("BPMN/20100524/DI", "DD/20100524/DC"))
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


def publish_drawn(database: Database) -> None:
    """The démarche with a picture: three steps in a row."""
    places = enumerate(("saisir", "prendre", "instruire"))
    shapes = "".join(
        f'<di:BPMNShape xmlns:di="{DI}" bpmnElement="{node}"><dc:Bounds xmlns:dc="{DC}" x="{x * 160}" y="80" '
        'width="100" height="80"/></di:BPMNShape>'
        for x, node in places
    )
    head, _, end_tag = make_bundle().files["process.bpmn"].decode().rpartition("</")
    with database.transaction() as session:
        raw = f"{head}{shapes}</{end_tag}".encode()
        publish(session, SYSTEM, SLUG, Bundle({**make_bundle().files, "process.bpmn": raw}), "")


def test_the_diagram_says_each_number_in_words_over_everything_else(database, new_client) -> None:
    studio = make_studio(database)
    publish_drawn(database)
    first, *_ = [file_case(database, studio.world) for _ in range(3)]
    add_incident(database, first, node="instruire", node_name="Instruire")
    page = sign_in(new_client(), database, studio.world.administrator).get(HERE).text
    svg = etree.fromstring(page[page.index("<svg xmlns=") :].partition("</svg>")[0] + "</svg>")
    assert svg.get("role") == "group", "the parts of an image are not reachable"
    titles = {each.get("id"): each.text for each in svg.iter(f"{SVG}title")}
    assert titles[svg.get("aria-labelledby").split()[0]] == "Schéma : demande-simple"
    drawn, *badges = [each for each in svg if each.tag in (f"{SVG}g", f"{SVG}a")]
    assert drawn.get("aria-hidden") == "true"
    assert len(list(drawn.iter(f"{SVG}rect"))) == 3, "every shape and line is drawn before the first number"
    assert {link.get("aria-label"): link.get("href") for link in badges if link.tag == f"{SVG}a"} == {
        "3\u00a0demandes à l’étape Prendre en charge": f"{HERE}/liste?version=2&etape=prendre",
        "1\u00a0incident à l’étape Instruire": f"{HERE}/liste?version=2&etape=incidents:instruire",
    }


def test_a_number_said_in_words_has_its_usual_time() -> None:
    line = Line("instruire", "Instruire", "", running.Count(3, 1, timedelta(days=2), 8))
    assert line.waiting_words == "3\u00a0demandes à l’étape Instruire, durée médiane 2\u00a0jours"


def test_a_list_holds_exactly_the_demandes_of_its_number(database, new_client) -> None:
    studio = make_studio(database)
    stopped, waiting = file_case(database, studio.world), file_case(database, studio.world)
    add_incident(database, stopped)
    add_incident(database, stopped, node="instruire", node_name="Instruire")
    iris = sign_in(new_client(), database, studio.world.administrator)
    references = [case_of(database, each).reference for each in (stopped, waiting)]

    def listed(step: str) -> list[bool]:
        page = iris.get(f"{HERE}/liste?etape={step}").text
        return [reference in page for reference in references]

    assert listed("prendre") == [True, True]
    assert listed("incidents") == listed("incidents:instruire") == [True, False]
    assert listed("instruire") == [False, False], "it is stopped there, it does not wait there"
    assert listed("incidents:saisir") == [False, False]
    assert (
        "Demandes arrêtées par un incident\u00a0: Instruire" in iris.get(f"{HERE}/liste?etape=incidents:instruire").text
    )


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


SOON = "2026-11-25"
BRANCHES = process(
    SLUG,
    lane("Famille", start("debut"), user_task("saisir", name="Écrire", statut="brouillon", form="demande")),
    lane(
        "Gestionnaire",
        parallel("ouvre"), user_task("lire", name="Lire", statut="en_attente"),
        sub_process("dedans", start("d"), script("calcul", f"n = 1 / (1 if aujourdhui() >= '{SOON}' else 0)"),
                    user_task("signer", name="Signer", statut="en_attente"), end("e"), "d -> calcul -> signer -> e"),
        parallel("ferme"), user_task("instruire", name="Instruire", statut="traitement"), end("fin", statut="clos"),
    ),
    "debut -> saisir -> ouvre -> lire -> ferme -> instruire -> fin", "ouvre -> dedans -> ferme",
)  # fmt: skip


@pytest.fixture
def time() -> Iterator[clock.FrozenClock]:
    with clock.frozen(datetime(2026, 11, 23, 9, tzinfo=UTC)) as frozen:
        yield frozen


def branching(database: Database, count: int) -> tuple[Studio, list[uuid.UUID]]:
    """Demandes with two paths; a script stops the one that is in a sub-process, until ``SOON``."""
    studio = make_studio(database)
    with database.transaction() as session:
        publish(session, SYSTEM, SLUG, Bundle({**make_bundle().files, "process.bpmn": BRANCHES}), "")
    return studio, [file_case(database, studio.world) for _ in range(count)]


def open_nodes(database: Database, case_id: uuid.UUID) -> list[str]:
    with database.transaction(read_only=True) as session:
        query = select(Task.node).where(Task.case_id == case_id, Task.closed_at.is_(None))
        return sorted(session.scalars(query))


def finish_branches(database: Database, new_client, studio: Studio, case_id: uuid.UUID) -> None:
    nadia = sign_in(new_client(), database, studio.world.nadia)
    while case_of(database, case_id).closed_at is None:
        with database.transaction(read_only=True) as session:
            task = open_tasks(session, case_id)[0]
        assert nadia.post(f"/agent/demandes/{case_id}/etapes/{task.id}").status_code == 302


def journal_of(database: Database, action: str) -> list[JournalEntry]:
    with database.transaction(read_only=True) as session:
        return list(session.scalars(select(JournalEntry).where(JournalEntry.action == action)))


def test_a_failed_path_inside_a_sub_process_is_retried_passed_or_sent_elsewhere(database, new_client, time) -> None:
    studio, cases = branching(database, 4)

    def ask(what: str, *chosen: uuid.UUID, **more: str) -> str:
        iris = sign_in(new_client(), database, studio.world.administrator)
        sent = {"version": "2", "etape": "incidents", "demande": [*map(str, chosen)], **more}
        return iris.get(iris.post(f"{HERE}/{what}", data=sent).location).text

    page = sign_in(new_client(), database, studio.world.administrator).get(f"{HERE}/liste?etape=incidents").text
    assert all(case_of(database, each).reference in page for each in cases)
    assert "Passer ce qui a échoué" in page
    assert "Dites pourquoi" in ask("passer", cases[0], raison=" ")
    assert "Cochez au moins une demande" in ask("passer", raison="Sans")
    assert "Passées" in ask("passer", *cases[:2], raison="Calcul  faux.")
    assert {tuple(open_nodes(database, each)) for each in cases[:2]} == {("lire", "signer")}
    assert "choisissez une étape" in ask("deplacer", cases[2], raison="R")
    assert "Déplacées" in ask("deplacer", cases[2], vers="signer", raison="Par un autre chemin")
    assert open_nodes(database, cases[2]) == ["lire", "signer"], "the other path has not moved"
    assert "rien n’y est arrêté" in ask("passer", cases[2], raison="Encore")
    time.advance(days=3)
    assert "Reparties" in ask("relancer", cases[3])
    assert open_nodes(database, cases[3]) == ["lire", "signer"]
    skipped = journal_of(database, "case.step_skipped")
    assert {entry.object_id for entry in skipped} == set(cases[:2])
    assert skipped[0].details == {"left": ["calcul"], "reason": "Calcul faux."}
    assert [entry.object_id for entry in journal_of(database, "case.moved")] == [cases[2]]
    assert [entry.object_id for entry in journal_of(database, "incident.retried")] == [cases[3]]
    for case_id in cases:
        finish_branches(database, new_client, studio, case_id)
        assert case_of(database, case_id).status == "clos"
    nadia = sign_in(new_client(), database, studio.world.nadia)
    assert nadia.post(f"{HERE}/passer").status_code == 404


def test_demandes_in_branches_are_sent_back_together_and_go_to_their_end(database, new_client, time) -> None:
    studio, cases = branching(database, 3)
    iris = sign_in(new_client(), database, studio.world.administrator)
    sent = {"version": "2", "demande": [*map(str, cases[:2])], "vers": "instruire", "raison": "Sans contrôle"}
    assert "Déplacées" in iris.get(iris.post(f"{HERE}/deplacer", data=sent).location).text
    assert [open_nodes(database, each) for each in cases] == [["instruire"], ["instruire"], ["lire"]]
    for case_id in cases[:2]:
        finish_branches(database, new_client, studio, case_id)
        assert case_of(database, case_id).status == "clos"
