"""A case put at another node of its version: where it may go, what it keeps, and that it can still be finished."""

from __future__ import annotations

import pytest

from app.db import Database
from app.engine.moving import CannotMove, why_closed
from tests.engine.bpmn_builder import (
    after,
    boundary,
    catch,
    end,
    lane,
    message,
    parallel,
    process,
    script,
    service,
    start,
    sub_process,
    user_task,
    xor,
)  # fmt: skip
from tests.engine.house import AGENT, House

USUAL = process(
    "p",
    lane(
        "famille",
        start(),
        user_task("saisir", statut="brouillon"),
    ),
    lane(
        "agent",
        user_task("prendre", statut="en_attente"),
        boundary("modification", "prendre", message("modifier")),
        boundary("retard", "prendre", after("'PT48H'")),
        user_task("instruire", statut="traitement"),
        end("fin", statut="clos"),
    ),
    "debut -> saisir -> prendre -> instruire -> fin",
    "modification -> saisir",
    "retard -> instruire",
)


def move(house: House, node: str):
    with house.step() as (session, instance):
        return house.runtime.move(session, AGENT, house.facts, instance, node)


def test_a_case_is_sent_back_with_what_it_knew_and_goes_to_its_end(database: Database) -> None:
    house = House(database, USUAL)
    house.start(x=1)
    house.do("saisir", motif="malade")
    house.do("prendre")
    assert house.open() == ["instruire"]
    outcome = move(house, "prendre")
    assert (outcome.status, house.open(), house.awaited(), len(house.timers())) == (
        "en_attente", ["prendre"], ["message modifier"], 1,
    )  # fmt: skip
    assert house.data("prendre") == {"x": 1, "motif": "malade"}
    assert {"saisir", "prendre"} <= house.visited()
    house.send("modifier")
    assert house.open() == ["saisir"]
    for node in ("saisir", "prendre"):
        house.do(node)
    assert house.do("instruire").ended


def test_a_step_is_skipped_with_its_events(database: Database) -> None:
    house = House(database, USUAL)
    house.start()
    house.do("saisir")
    outcome = move(house, "instruire")
    assert (outcome.status, house.open(), house.awaited(), house.timers()) == ("traitement", ["instruire"], [], [])
    assert house.do("instruire").ended


def test_a_case_moved_to_an_end_is_ended(sqlite_database: Database) -> None:
    house = House(sqlite_database, USUAL)
    house.start()
    outcome = move(house, "fin")
    assert (outcome.ended, outcome.status, house.ended) == (True, "clos", True)
    with pytest.raises(Exception, match="terminée"):
        move(house, "saisir")


def test_a_failed_operation_is_skipped_and_its_incident_closed(database: Database) -> None:
    xml = process(
        "p", start(), user_task("a"), service("agir", "essai.agir"), user_task("b"), end(),
        "debut -> a -> agir -> b -> fin",
    )  # fmt: skip
    house = House(database, xml)
    house.world.behaviour = "panne"
    house.start()
    house.do("a", nom="Léna")
    assert [incident.node for incident in house.incidents()] == ["agir"]
    assert move(house, "agir").failures, "begun again, it fails again"
    assert len(house.incidents()) == 1
    move(house, "b")
    assert (house.incidents(), house.data("b")) == ([], {"nom": "Léna"})
    assert house.do("b").ended


PARALLEL = process(
    "p",
    start(), user_task("avant"),
    parallel("ouvre"), user_task("x"), user_task("y"), parallel("ferme"), user_task("apres"),
    end(),
    "debut -> avant -> ouvre -> x -> ferme -> apres -> fin", "ouvre -> y -> ferme",
)  # fmt: skip


def test_a_case_is_not_put_on_one_of_several_paths_and_leaves_all_of_them_at_once(sqlite_database: Database) -> None:
    house = House(sqlite_database, PARALLEL)
    house.start()
    with pytest.raises(CannotMove, match="chemins parallèles"):
        move(house, "x")
    house.do("avant", a=1)
    house.do("x", x=2)
    task = house.tasks("y")[0].id
    move(house, "y")
    assert (house.open(), house.tasks("y")[0].id == task) == (["y"], False), (
        "begun again; the join holds the other path"
    )
    move(house, "apres")
    assert (house.open(), house.data("apres")) == (["apres"], {"a": 1, "x": 2})
    assert move(house, "avant").opened
    for node in ("avant", "x", "y", "apres"):
        house.do(node)
    assert house.ended


def test_a_failed_path_is_put_elsewhere_and_the_others_go_on(sqlite_database: Database) -> None:
    xml = process(
        "p", start(), parallel("o"), user_task("x"), user_task("avant"), service("s", "essai.agir"), user_task("apres"),
        parallel("f"), end(), "debut -> o -> x -> f -> fin", "o -> avant -> s -> apres -> f",
    )  # fmt: skip
    house = House(sqlite_database, xml)
    house.world.behaviour = "panne"
    house.start()
    house.do("avant", a=1)
    task = house.tasks("x")[0].id
    assert [each.node for each in house.incidents()] == ["s"]
    move(house, "apres")
    assert (house.incidents(), house.open(), house.tasks("x")[0].id) == ([], ["apres", "x"], task)
    assert house.data("apres") == {"a": 1}
    move(house, "avant")
    assert house.open() == ["avant", "x"]
    house.world.behaviour = "ok"
    for node in ("avant", "x", "apres"):
        house.do(node)
    assert house.ended


def test_a_node_inside_a_sub_process_is_entered_only_from_there_and_may_be_left(sqlite_database: Database) -> None:
    inner = sub_process("dedans", start("d"), user_task("i"), end("f"), "d -> i -> f")
    house = House(sqlite_database, process("p", start(), user_task("a"), inner, end(), "debut -> a -> dedans -> fin"))
    house.start(x=1)
    with pytest.raises(CannotMove, match="sous-processus"):
        move(house, "i")
    house.do("a", y=2)
    task = house.tasks("i")[0].id
    move(house, "i")
    assert (house.open(), house.tasks("i")[0].id == task) == (["i"], False)
    move(house, "a")
    assert (house.open(), house.data("a")) == (["a"], {"x": 1, "y": 2})
    house.do("a")
    assert house.do("i").ended


def test_what_an_event_begins_beside_the_case_is_not_entered(sqlite_database: Database) -> None:
    xml = process(
        "p", start(), user_task("a"), boundary("rappel", "a", after("'PT1H'"), interrupting=False),
        user_task("relance"), end("f"), end(), "debut -> a -> fin", "rappel -> relance -> f",
    )  # fmt: skip
    house = House(sqlite_database, xml)
    house.start()
    with pytest.raises(CannotMove, match="n’interrompt rien"):
        move(house, "relance")
    for node in ("rappel", "debut", "nulle_part"):
        with pytest.raises(CannotMove, match="endroit"):
            move(house, node)


def test_a_case_enters_gateways_scripts_and_waits(sqlite_database: Database) -> None:
    xml = process(
        "p", start(), user_task("a"), script("calcul", "n = 2"), xor("choix"), catch("pause", after("'PT1H'")),
        user_task("b"), end(), "debut -> a -> calcul -> choix",
        "choix -> pause if n == 2", "choix -> b default", "pause -> b -> fin",
    )  # fmt: skip
    house = House(sqlite_database, xml)
    house.start(n=1)
    move(house, "choix")
    assert house.open() == ["b"]
    move(house, "calcul")
    assert [timer.node for timer in house.timers()] == ["pause"]
    move(house, "b")
    assert house.timers() == []
    with house.step() as (session, _instance):
        definition = house.runtime.definition(session, "h")
    assert why_closed(definition, "b") == ""
