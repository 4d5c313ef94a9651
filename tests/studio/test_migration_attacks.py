"""Migration under attack: races, versions published meanwhile, drafts under way, what is due, what cannot be read."""

from __future__ import annotations

import json
import re
import threading
import uuid
from datetime import UTC, datetime

import pytest
from sqlalchemy import select, update

from app import clock
from app.cases.models import Draft
from app.cases.operations import abandon
from app.cases.queries import Who, awaited_messages, their_case
from app.db import Database
from app.engine.bundle import Bundle
from app.engine.models import Instance
from app.errors import Conflict
from app.outbox import OutboxFact
from app.policy import SYSTEM
from app.procedures.models import Version
from app.procedures.operations import publish
from app.studio import migrating
from app.studio.models import CaseMigration, MigrationBatch
from tests.cases.making import (
    REQUEST_FORM,
    SLUG,
    answer_family,
    case_of,
    file_case,
    make_bundle,
    open_draft,
    open_task,
    sign_in,
    step_url,
)
from tests.engine.bpmn_builder import (
    Node,
    after,
    boundary,
    catch,
    end,
    event_gateway,
    lane,
    message,
    process,
    script,
    start,
    user_task,
    xor,
)
from tests.studio.making import Studio, make_studio, undo
from tests.studio.test_migrating import GONE, HERE, RENAMED, changed, dry, lines, migrate, publish_next

on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
WRITTEN_ELSEWHERE = changed(('"saisir"', '"ecrire"'), (">saisir<", ">ecrire<"))
MORNING = datetime(2026, 11, 20, 9, tzinfo=UTC)


def drawn(*nodes: Node, flows: tuple[str, ...] = (), then: str = "instruire", taking: str = "Prendre") -> Bundle:
    """saisir → prendre → ``then`` …, with these agents' nodes besides."""
    diagram = process(
        SLUG,
        lane("Famille", start(), user_task("saisir", name="Écrire", statut="brouillon", form="demande")),
        lane(
            "Gestionnaire",
            user_task("prendre", name=taking, statut="en_attente"),
            user_task("instruire", statut="traitement", form="decision"),
            xor("suite"),
            end("fin_close", statut="clos"),
            end("fin_refusee", statut="refuse"),
            *nodes,
        ),
        f"debut -> saisir -> prendre -> {then}",
        "instruire -> suite",
        "suite -> fin_close if decision == 'accepter'",
        "suite -> fin_refusee default",
        *flows,
    )
    return Bundle({**make_bundle().files, "process.bpmn": diagram})


def put_in_line(database: Database, bundle: Bundle) -> Version:
    with database.transaction() as session:
        return publish(session, SYSTEM, SLUG, bundle, "")


def choose(database: Database, studio: Studio, source: Version, target: Version, node: str, step: str) -> None:
    with database.transaction() as session:
        migrating.choose(session, studio.iris, source, target, node, step)


def told(database: Database) -> int:
    """How often families were told that their demande has a new state."""
    with database.transaction(read_only=True) as session:
        return list(session.scalars(select(OutboxFact.kind))).count("case.status_changed")


def take_charge(database: Database, new_client, studio: Studio, case_id: uuid.UUID) -> None:
    nadia = sign_in(new_client(), database, studio.world.nadia)
    assert nadia.post(step_url(database, case_id)).status_code == 302


# -- two at once, and versions meanwhile -----------------------------------------------------------------------------


def test_of_two_administrators_who_begin_at_once_one_is_told_to_wait(database) -> None:
    studio = make_studio(database)
    file_case(database, studio.world)
    source, target = publish_next(database, RENAMED)
    together, told_them = threading.Barrier(2), []

    def begin() -> None:
        together.wait()
        try:
            with database.transaction() as session:
                migrating.start(session, studio.iris, source, target)
        except Conflict as conflict:
            told_them.append(conflict.message)

    both = [threading.Thread(target=begin) for _ in range(2)]
    for each in both:
        each.start()
    for each in both:
        each.join()
    assert len(told_them) == 1
    assert "déjà en cours" in told_them[0]
    with database.transaction(read_only=True) as session:
        assert len(session.scalars(select(MigrationBatch.id)).all()) == 1


@on_sqlite
def test_what_was_tried_for_one_version_does_not_begin_for_another(database, new_client) -> None:
    studio = make_studio(database)
    file_case(database, studio.world)
    source, target = publish_next(database, RENAMED)
    iris = sign_in(new_client(), database, studio.world.administrator)
    page = iris.get(f"{HERE}/migration?version=1").text
    form = page.split(f'action="{HERE}/migration"')[1].split("</form>")[0]
    shown = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form))
    put_in_line(database, GONE)
    for address, asked in (("migration", {}), ("migration/choix", {"etape": "prendre", "vers": "accueillir"})):
        answer = iris.post(f"{HERE}/{address}", data=shown | asked)
        assert answer.status_code == 409
        assert "refaites-le" in answer.text
    with database.transaction() as session, pytest.raises(Conflict, match="refaites-le"):
        migrating.start(session, studio.iris, source, target)


def test_a_demande_that_cannot_be_read_does_not_keep_the_others(database) -> None:
    studio = make_studio(database)
    bad, good = file_case(database, studio.world), file_case(database, studio.world)
    source, target = publish_next(database, RENAMED)
    with database.transaction() as session:
        session.execute(update(Instance).where(Instance.case_id == bad).values(serializer="portail-0"))
    assert dry(database, source, target) == {bad: ("blocked", ""), good: ("safe", "prendre")}
    batch = migrate(database, studio, source, target)
    assert lines(database, batch) == {bad: "blocked", good: "migrated"}
    with database.transaction() as session:
        session.execute(update(Instance).where(Instance.case_id == good).values(serializer="portail-0"))
    (back, kept), reference = undo(database, studio.iris, batch), case_of(database, good).reference
    assert (back, [each for each, _ in kept]) == (0, [reference])


# -- what runs because of the migration ------------------------------------------------------------------------------


@on_sqlite
def test_a_demande_whose_timer_is_due_as_it_migrates_ends_for_everybody(database) -> None:
    def late(taking: str) -> Bundle:
        too_late = boundary("trop_tard", "prendre", after("'P3D'"))
        return drawn(too_late, end("fin_tard", statut="refuse"), flows=("trop_tard -> fin_tard",), taking=taking)

    studio = make_studio(database)
    with clock.frozen(MORNING) as time:
        source = put_in_line(database, late("Prendre"))
        case_id = file_case(database, studio.world)
        target, before = put_in_line(database, late("Recevoir")), told(database)
        time.advance(days=4)
        migrate(database, studio, source, target)
        now = case_of(database, case_id)
        assert (now.status, now.closed_at, now.updated_at) == ("refuse", clock.now(), clock.now())
    assert told(database) == before + 1


@on_sqlite
def test_a_family_is_told_when_the_new_version_mends_what_had_stopped(database, new_client) -> None:
    def counted(text: str) -> Bundle:
        return drawn(script("calcul", text), flows=("calcul -> instruire",), then="calcul")

    studio = make_studio(database)
    source = put_in_line(database, counted("note = 1 / (longueur(motif) - longueur(motif))"))
    case_id = file_case(database, studio.world)
    take_charge(database, new_client, studio, case_id)
    target, before = put_in_line(database, counted("note = 1")), told(database)
    assert case_of(database, case_id).status == "en_attente"
    migrate(database, studio, source, target)
    assert (case_of(database, case_id).status, open_task(database, case_id).node) == ("traitement", "instruire")
    assert told(database) == before + 1


def test_of_several_messages_that_one_step_waits_for_those_that_stay_are_still_awaited(database, new_client) -> None:
    def waiting(second: str) -> Bundle:
        nodes = (event_gateway("attente"), catch("un", message("premier")), catch("deux", message(second)))
        ways = ("attente -> un -> instruire", "attente -> deux -> instruire")
        return drawn(*nodes, flows=ways, then="attente")

    studio = make_studio(database)
    source = put_in_line(database, waiting("second"))
    case_id = file_case(database, studio.world)
    take_charge(database, new_client, studio, case_id)
    migrate(database, studio, source, put_in_line(database, waiting("autre")))
    with database.transaction(read_only=True) as session:
        assert awaited_messages(session, case_id) == {"premier", "autre"}


@on_sqlite
def test_an_agent_keeps_in_hand_the_step_that_takes_the_place_of_hers(database, new_client) -> None:
    studio = make_studio(database)
    taken, free = file_case(database, studio.world), file_case(database, studio.world)
    take_charge(database, new_client, studio, taken)
    source, target = publish_next(database, changed(('"instruire"', '"etudier"'), (">instruire<", ">etudier<")))
    choose(database, studio, source, target, "instruire", "etudier")
    choose(database, studio, source, target, "prendre", "etudier")
    batch = migrate(database, studio, source, target)
    assert (open_task(database, taken).node, open_task(database, taken).assignee_id) == ("etudier", studio.nadia.id)
    assert open_task(database, free).assignee_id is None
    assert undo(database, studio.iris, batch) == (2, [])
    assert (open_task(database, taken).node, open_task(database, taken).assignee_id) == ("instruire", studio.nadia.id)


# -- what a family had under way -------------------------------------------------------------------------------------


@on_sqlite
def test_a_demande_that_was_never_sent_does_not_reach_the_agents(database) -> None:
    studio = make_studio(database)
    case_id = open_draft(database, studio.world)
    source, target = publish_next(database, WRITTEN_ELSEWHERE)
    choose(database, studio, source, target, "saisir", "prendre")
    assert dry(database, source, target) == {case_id: ("blocked", "prendre")}
    batch = migrate(database, studio, source, target)
    assert lines(database, batch) == {case_id: "blocked"}
    choose(database, studio, source, target, "saisir", "ecrire")
    assert dry(database, source, target) == {case_id: ("safe", "ecrire")}


@on_sqlite
def test_what_a_parent_has_typed_follows_her_step_and_comes_back_with_it(database, new_client) -> None:
    studio = make_studio(database)
    case_id = open_draft(database, studio.world)
    camille = sign_in(new_client(), database, studio.world.camille)

    def here() -> str:
        return f"/demandes/{case_id}/etapes/{open_task(database, case_id).id}"

    old = here()
    assert camille.post(f"{old}/brouillon", data={"motif": "Elle tousse"}).status_code == 200
    source, target = publish_next(database, WRITTEN_ELSEWHERE)
    choose(database, studio, source, target, "saisir", "ecrire")
    batch = migrate(database, studio, source, target)
    assert "Elle tousse" in camille.get(here()).text
    assert camille.post(f"{old}/brouillon", data={"motif": "Encore"}).status_code == 409
    late = camille.post(old, data={"motif": "Encore", "jour": "2030-01-07"})
    assert late.status_code == 409
    assert "envoyée" not in late.text, "she has sent nothing"
    assert camille.get(old).location.endswith(f"/demandes/{case_id}")
    assert camille.post(f"{here()}/brouillon", data={"motif": "Elle a de la fièvre"}).status_code == 200
    assert undo(database, studio.iris, batch) == (1, [])
    assert "Elle a de la fièvre" in camille.get(here()).text
    answer_family(database, studio.world, case_id)
    assert case_of(database, case_id).status == "en_attente"


@on_sqlite
def test_what_an_agent_has_typed_and_what_the_family_types_stay_apart(database, new_client) -> None:
    studio = make_studio(database)
    case_id = file_case(database, studio.world)
    take_charge(database, new_client, studio, case_id)
    nadia = sign_in(new_client(), database, studio.world.nadia)
    typed = {"decision": "refuser", "decision_raison": "Doublon"}
    assert nadia.post(step_url(database, case_id, "/brouillon"), data=typed).status_code == 200
    source, target = publish_next(database, changed(('"instruire"', '"etudier"'), (">instruire<", ">etudier<")))
    choose(database, studio, source, target, "instruire", "saisir")
    batch = migrate(database, studio, source, target)
    assert open_task(database, case_id).node == "saisir"
    camille = sign_in(new_client(), database, studio.world.camille)
    here = f"/demandes/{case_id}/etapes/{open_task(database, case_id).id}/brouillon"
    assert camille.post(here, data={"motif": "Elle tousse"}).status_code == 200
    assert undo(database, studio.iris, batch) == (1, [])
    with database.transaction(read_only=True) as session:
        drafts = session.execute(select(Draft.node, Draft.values).where(Draft.case_id == case_id)).all()
    assert {node: "Doublon" in str(values) for node, values in drafts} == {"instruire": True, "saisir": False}


@on_sqlite
def test_a_correction_asked_on_a_field_that_has_another_name_opens_the_whole_form(database, new_client) -> None:
    studio = make_studio(database)
    case_id = file_case(database, studio.world)
    take_charge(database, new_client, studio, case_id)
    nadia = sign_in(new_client(), database, studio.world.nadia)
    asked = {"decision": "completer", "decision_champs": ["motif"], "decision_raison": "Précisez"}
    assert nadia.post(step_url(database, case_id), data=asked).status_code == 302
    form = json.dumps(REQUEST_FORM).replace('"motif"', '"raison"')
    source, target = publish_next(database, Bundle({**make_bundle().files, "forms/demande.json": form.encode()}))
    migrate(database, studio, source, target)
    camille = sign_in(new_client(), database, studio.world.camille)
    here = f"/demandes/{case_id}/etapes/{open_task(database, case_id).id}"
    assert 'name="raison"' in camille.get(here).text
    assert camille.post(here, data={"motif": "Fièvre", "jour": "2030-01-07"}).status_code == 422


def test_nothing_of_an_abandoned_draft_is_kept_by_its_migration(database) -> None:
    studio = make_studio(database)
    case_id = open_draft(database, studio.world)
    batch = migrate(database, studio, *publish_next(database, RENAMED))
    assert lines(database, batch) == {case_id: "migrated"}
    with database.transaction() as session:
        camille = Who(studio.world.actor(session, studio.world.camille))
        abandon(session, camille, their_case(session, camille, case_id, lock=True))
    with database.transaction(read_only=True) as session:
        assert session.scalars(select(CaseMigration.state)).all() == [None]
