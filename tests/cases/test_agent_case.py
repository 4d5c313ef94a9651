"""The page of a demande for agents, and what they may do there: take, decide, ask, give back, assign."""

from __future__ import annotations

import json
import re
import threading
import uuid

import pytest
from markupsafe import escape
from sqlalchemy import select

from app import clock
from app.db import Database, new_id
from app.documents.models import Document, PieceType, Preview
from app.documents.piece_types import install_piece_types
from app.policy import SYSTEM
from app.procedures.operations import publish
from tests.cases.conftest import NewClient
from tests.cases.making import (
    HELP,
    SLUG,
    World,
    answer_family,
    case_of,
    closed_by,
    count_statements,
    file_case,
    make_bundle,
    make_world,
    open_draft,
    open_task,
    sign_in,
    step_url,
)

REFUSAL = {"decision": "refuser", "decision_raison": "Arrivée trop tard."}


def taken(database: Database, world: World, new_client: NewClient):
    """A demande in Nadia's hands, with her browser."""
    case_id = file_case(database, world)
    nadia = sign_in(new_client(), database, world.nadia)
    assert nadia.post(step_url(database, case_id)).status_code == 302
    return case_id, nadia


def test_an_agent_takes_charge_then_decides_and_the_family_is_told_so(database, new_client) -> None:
    world = make_world(database)
    case_id, nadia = taken(database, world, new_client)
    assert case_of(database, case_id).status == "traitement"
    assert open_task(database, case_id).assignee_id == world.nadia
    page = nadia.get(f"/agent/demandes/{case_id}").text
    assert "Léna est malade" in page
    assert "7 janvier 2030" in page.replace("\u00a0", " ")
    answer = nadia.post(step_url(database, case_id), data={"decision": "accepter"})
    assert answer.status_code == 302
    assert case_of(database, case_id).status == "clos"
    assert "La demande est terminée" in nadia.get(answer.location).text


def test_each_step_shows_the_help_that_its_diagram_gives(database, new_client) -> None:
    world = make_world(database)
    parent = sign_in(new_client(), database, world.camille)
    assert str(escape(HELP["famille"])) in parent.get(f"/demandes/nouvelle/{SLUG}").text
    case_id, agent = taken(database, world, new_client)
    assert str(escape(HELP["agent"])) in agent.get(f"/agent/demandes/{case_id}").text


def test_a_refusal_needs_a_reason_and_nothing_typed_is_lost(database, new_client) -> None:
    world = make_world(database)
    case_id, nadia = taken(database, world, new_client)
    page = nadia.post(step_url(database, case_id), data={"decision": "refuser"})
    assert page.status_code == 422
    assert "Il y a un problème" in page.text
    assert re.search(r'value="refuser"[^>]* checked', page.text)
    assert case_of(database, case_id).status == "traitement"
    assert nadia.post(step_url(database, case_id), data=REFUSAL).status_code == 302
    case = case_of(database, case_id)
    assert (case.status, case.reason) == ("refuse", "Arrivée trop tard.")


def test_the_second_of_two_agents_reads_who_was_faster(database, new_client) -> None:
    world = make_world(database)
    case_id = file_case(database, world)
    address = step_url(database, case_id)
    nadia, paul = (sign_in(new_client(), database, each) for each in (world.nadia, world.paul))
    assert nadia.post(address).status_code == 302
    late = paul.post(address)
    assert late.status_code == 409
    assert "Déjà traitée par Nadia Ferrand" in late.text
    assert f"/agent/demandes/{case_id}" in late.text


def test_two_agents_at_the_same_instant_one_wins_the_other_reads_who(database, new_client) -> None:
    world = make_world(database)
    case_id = file_case(database, world)
    task = open_task(database, case_id)
    address = step_url(database, case_id)
    clients = [sign_in(new_client(), database, each) for each in (world.nadia, world.paul)]
    answers = []
    together = threading.Barrier(2)

    def act(client) -> None:
        together.wait()
        answers.append(client.post(address))

    threads = [threading.Thread(target=act, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status_code for answer in answers) == [302, 409]
    late = next(answer for answer in answers if answer.status_code == 409)
    assert f"Déjà traitée par {closed_by(database, task.id)}" in late.text


def test_a_colleague_cannot_work_what_is_in_somebody_s_hands(database, new_client) -> None:
    world = make_world(database)
    case_id, _ = taken(database, world, new_client)
    paul = sign_in(new_client(), database, world.paul)
    page = paul.get(f"/agent/demandes/{case_id}").text
    assert "Entre les mains de Nadia Ferrand" in page
    assert 'name="decision"' not in page
    assert paul.post(step_url(database, case_id), data={"decision": "accepter"}).status_code == 409
    assert case_of(database, case_id).status == "traitement"


def test_a_task_given_back_can_be_taken_by_a_colleague(database, new_client) -> None:
    world = make_world(database)
    case_id, nadia = taken(database, world, new_client)
    paul = sign_in(new_client(), database, world.paul)
    assert paul.post(step_url(database, case_id, "/liberer")).status_code == 409
    assert nadia.post(step_url(database, case_id, "/liberer")).status_code == 302
    assert open_task(database, case_id).assignee_id is None
    assert paul.post(step_url(database, case_id, "/prendre")).status_code == 302
    assert open_task(database, case_id).assignee_id == world.paul
    assert nadia.post(step_url(database, case_id, "/prendre")).status_code == 409


def test_a_task_is_assigned_to_holders_of_its_role_only(database, new_client) -> None:
    world = make_world(database)
    case_id, nadia = taken(database, world, new_client)
    assert "Paul Girod" in nadia.get(step_url(database, case_id, "/attribuer")).text
    assert "Ada Compte" not in nadia.get(step_url(database, case_id, "/attribuer")).text
    address = step_url(database, case_id, "/attribuer")
    for wrong in (world.accountant, world.camille, "n’importe quoi"):
        assert nadia.post(address, data={"agent": str(wrong)}).status_code == 422
        assert open_task(database, case_id).assignee_id == world.nadia
    assert nadia.post(address, data={"agent": str(world.paul)}).status_code == 302
    assert open_task(database, case_id).assignee_id == world.paul
    assert nadia.post(address, data={"agent": ""}).status_code == 302
    assert open_task(database, case_id).assignee_id is None


def test_who_may_not_know_of_a_demande_gets_404_and_who_may_not_act_403(database, new_client) -> None:
    world = make_world(database, structure="code:LAC")
    case_id = file_case(database, world)
    address = step_url(database, case_id)
    statuses = {}
    for name in ("lake_agent", "hill_agent", "accountant", "administrator", "camille"):
        client = sign_in(new_client(), database, getattr(world, name))
        statuses[name] = (client.get(f"/agent/demandes/{case_id}").status_code, client.post(address).status_code)
        if name == "lake_agent":
            case_id = file_case(database, world)  # the agent of the school took the first one
            address = step_url(database, case_id)
    assert statuses == {
        "lake_agent": (200, 302),
        "hill_agent": (404, 404),
        "accountant": (200, 403),
        "administrator": (404, 404),
        "camille": (404, 404),
    }


def test_a_draft_and_the_family_s_own_steps_stay_the_family_s(database, new_client) -> None:
    world = make_world(database)
    draft = open_draft(database, world)
    nadia = sign_in(new_client(), database, world.nadia)
    assert nadia.get(f"/agent/demandes/{draft}").status_code == 404
    assert nadia.post(step_url(database, draft), data={"motif": "x"}).status_code == 404
    case_id, nadia = taken(database, world, new_client)
    asking = {"decision": "completer", "decision_champs": ["motif"], "decision_raison": "Précisez."}
    nadia.post(step_url(database, case_id), data=asking)
    assert "En attente de la famille" in nadia.get(f"/agent/demandes/{case_id}").text
    assert nadia.post(step_url(database, case_id), data={"motif": "x"}).status_code == 404


def test_a_step_of_another_demande_is_not_found(database, new_client) -> None:
    world = make_world(database)
    first, second = file_case(database, world), file_case(database, world)
    nadia = sign_in(new_client(), database, world.nadia)
    foreign = open_task(database, second).id
    assert nadia.post(f"/agent/demandes/{first}/etapes/{foreign}").status_code == 404
    assert case_of(database, second).status == "en_attente"


def test_after_a_correction_the_agent_sees_what_changed_and_a_blank_decision(database, new_client) -> None:
    world = make_world(database)
    case_id, nadia = taken(database, world, new_client)
    asking = {"decision": "completer", "decision_champs": ["motif"], "decision_raison": "Dites-nous <b>pourquoi</b>."}
    answer = nadia.post(step_url(database, case_id), data=asking)
    assert "prévenue de ce qu’elle doit compléter" in nadia.get(answer.location).text
    answer_family(database, world, case_id, motif="Rendez-vous <script>alert(1)</script>")
    page = nadia.get(f"/agent/demandes/{case_id}").text
    changes = page[page.index("Ce qui a changé") : page.index("Ce que la famille a envoyé")]
    assert "Léna est malade" in changes
    assert "Rendez-vous &lt;script&gt;" in changes
    assert "Quel jour" not in changes
    assert "<script>alert" not in page
    assert "<b>pourquoi" not in page
    assert not re.search(r'value="completer"[^>]* checked', page)


def test_what_is_typed_is_kept_until_the_step_is_sent(database, new_client) -> None:
    world = make_world(database)
    case_id, nadia = taken(database, world, new_client)
    saved = nadia.post(step_url(database, case_id, "/brouillon"), data={**REFUSAL, "decision": "n’importe"})
    assert saved.status_code == 200
    assert saved.json["saved_at"].startswith("à ")
    assert "Arrivée trop tard." in nadia.get(f"/agent/demandes/{case_id}").text
    paul = sign_in(new_client(), database, world.paul)
    assert paul.post(step_url(database, case_id, "/brouillon"), data=REFUSAL).status_code == 409


def test_the_page_shows_where_the_demande_is_in_its_process(database, new_client) -> None:
    world = make_world(database)
    case_id, nadia = taken(database, world, new_client)
    page = nadia.get(f"/agent/demandes/{case_id}").text
    words = page[page.index("Les étapes en texte") :]
    steps = dict(re.findall(r"<li[^>]*>(?:<strong>)?([^<]+?)(?:</strong>)? <.*?&nbsp;: ([^<]+)</li>", words))
    assert steps["Écrire la demande"] == "fait"
    assert steps["Prendre en charge"] == "fait"
    assert steps["Instruire"] == "en cours"
    assert steps["Compléter"] == "à venir"


@pytest.mark.parametrize("moment", ["to take", "to decide", "closed"])
def test_the_page_of_a_demande_costs_at_most_eight_statements(database, new_client, moment) -> None:
    world = make_world(database)
    if moment == "to take":
        case_id, nadia = file_case(database, world), sign_in(new_client(), database, world.nadia)
    else:
        case_id, nadia = taken(database, world, new_client)
    if moment == "closed":
        nadia.post(step_url(database, case_id), data={"decision": "accepter"})
    nadia.get(f"/agent/demandes/{case_id}")  # versions are parsed once per process
    assert count_statements(database, lambda: nadia.get(f"/agent/demandes/{case_id}")) <= 8


def add_piece(database: Database, case_id, state: str = "non_traite", **changes: object) -> uuid.UUID:
    with database.transaction() as session:
        install_piece_types(session, SYSTEM)
    with database.transaction() as session:
        given = {
            "id": new_id(),
            "key": str(new_id()),
            "piece_type": "justificatif-domicile",
            "case_id": case_id,
            "filename": "facture <b>eau</b>.pdf",
            "mime": "application/pdf",
            "size": 120_000,
            "pages": 1,
            "sha256": "0" * 64,
            "notes": [],
            "scan": "not_scanned",
            "state": state,
            "uploaded_at": clock.now(),
        }
        document = Document(**(given | changes))
        session.add(document)
        session.flush()
        for page in range(1, (document.preview_pages or 0) + 1):
            key = str(new_id())
            session.add(Preview(document_id=document.id, page=page, key=key, mime="image/png", width=900, height=1273))
        return document.id


def test_pieces_stand_beside_the_data_for_who_may_open_them(database, new_client) -> None:
    world = make_world(database)
    case_id = file_case(database, world)
    add_piece(database, case_id)
    add_piece(database, case_id, "brouillon")
    page = sign_in(new_client(), database, world.nadia).get(f"/agent/demandes/{case_id}").text
    assert page.count("facture &lt;b&gt;eau&lt;/b&gt;.pdf") == 1
    assert "120\u00a0ko" in page
    assert "/agent/pieces/" in page
    hidden = sign_in(new_client(), database, world.accountant).get(f"/agent/demandes/{case_id}").text
    assert "facture" not in hidden, "this role reads demandes, not pieces"


def test_one_piece_at_a_time_is_shown_beside_the_data(database, new_client) -> None:
    world = make_world(database)
    case_id = file_case(database, world)
    first = add_piece(database, case_id, preview_pages=2, pages=2)
    second = add_piece(database, case_id, filename="bail.pdf", preview_pages=1)
    office = add_piece(database, case_id, filename="lettre.odt", preview_pages=0)
    agent = sign_in(new_client(), database, world.nadia)

    def shown(query: str = "") -> str:
        return agent.get(f"/agent/demandes/{case_id}{query}").text

    page = shown()
    assert [f'src="/agent/pieces/{first}/apercu/{n}"' in page for n in (1, 2, 3)] == [True, True, False]
    assert f"/agent/pieces/{second}/apercu" not in page
    assert f'href="/agent/demandes/{case_id}?piece={second}#pieces"' in page
    assert f'src="/agent/pieces/{second}/apercu/1"' in shown(f"?piece={second}")
    assert "Aperçu impossible" in shown(f"?piece={office}")
    for mangled in (f"?piece={new_id()}", "?piece=x", "?piece="):
        assert f"/agent/pieces/{first}/apercu/1" in shown(mangled)


def test_a_sensitive_piece_is_shown_when_asked_for_only(database, new_client) -> None:
    world = make_world(database)
    case_id = file_case(database, world)
    with database.transaction() as session:
        install_piece_types(session, SYSTEM)
        code = session.scalars(select(PieceType.code).where(PieceType.sensitivity == "identite")).first()
    secret = add_piece(database, case_id, piece_type=code, preview_pages=1)
    agent = sign_in(new_client(), database, world.nadia)
    assert f"{secret}/apercu" not in agent.get(f"/agent/demandes/{case_id}").text
    assert f"{secret}/apercu/1" in agent.get(f"/agent/demandes/{case_id}?piece={secret}").text


CHECKING = {
    "title": "Décider",
    "pages": [
        {
            "title": "Décision",
            "fields": [
                {"type": "yes_no", "name": "appele", "label": "Famille appelée ?", "required": True},
                {"type": "text", "name": "reponse", "label": "Ce qu’elle a dit", "show_if": "appele == vrai"},
                {"type": "decision", "name": "decision", "label": "Votre décision"},
            ],
        }
    ],
}


def test_a_question_that_depends_on_an_answer_is_asked_of_the_agent_too(database, new_client) -> None:
    world = make_world(database)
    bundle = make_bundle(**{"forms/decision.json": json.dumps(CHECKING).encode()})
    with database.transaction() as session:
        publish(session, SYSTEM, SLUG, bundle, "")
    case_id, nadia = taken(database, world, new_client)
    page = nadia.get(f"/agent/demandes/{case_id}").text
    assert 'name="reponse"' not in page
    redrawn = nadia.post(f"{step_url(database, case_id)}/questions", data={"appele": "oui"})
    assert 'name="reponse"' in redrawn.text
    seen = re.search(r'name="questions_vues" value="([^"]*)"', page)
    assert seen is not None
    first = nadia.post(
        step_url(database, case_id), data={"appele": "oui", "decision": "accepter", "questions_vues": seen[1]}
    )
    assert first.status_code == 200, "without a script, the page comes again with its new question"
    assert 'name="reponse"' in first.text
    assert case_of(database, case_id).status == "traitement"
    seen = re.search(r'name="questions_vues" value="([^"]*)"', first.text)
    assert seen is not None
    answers = {"appele": "oui", "decision": "accepter", "reponse": "Oui", "questions_vues": seen[1]}
    assert nadia.post(step_url(database, case_id), data=answers).status_code == 302
    assert case_of(database, case_id).status == "clos"
