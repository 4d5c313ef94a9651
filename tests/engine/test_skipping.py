"""What a failure stops: tried again with all that follows it, or taken as done, wherever it stands."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app import clock
from app.db import Database
from app.engine.steps import CannotSkip
from tests.engine.bpmn_builder import (
    Item,
    after,
    boundary,
    catch,
    end,
    every,
    parallel,
    process,
    service,
    start,
    sub_process,
    user_task,
    xor,
)  # fmt: skip
from tests.engine.house import AGENT, House


def skip(house: House):
    with house.step() as (session, instance):
        return house.runtime.skip(session, AGENT, house.facts, instance)


def stopped(database: Database, *items: Item, **data: object) -> House:
    house = House(database, process("p", *items))
    house.world.behaviour = "panne"
    house.start(**data)
    return house


def test_what_could_not_start_has_all_that_follows_it_once_it_does(database: Database) -> None:
    """A wait whose duration is wrong on Saturday and right on Monday: nothing followed it any more."""
    wait = catch("n", after("'PT1H' if aujourdhui() > '2026-11-22' else 'rien'"))
    with clock.frozen(datetime(2026, 11, 21, 9, tzinfo=UTC)) as time:
        house = stopped(database, start(), wait, user_task("b"), end(), "debut -> n -> b -> fin")
        assert [each.node for each in house.incidents()] == ["n"]
        time.advance(days=2)
        house.retry()
        assert (house.incidents(), [each.node for each in house.timers()]) == ([], ["n"])
        time.advance(hours=2)
        house.tick()
        assert house.do("b").ended


def test_a_failed_path_is_passed_and_the_other_goes_on(database: Database) -> None:
    house = stopped(
        database, start(), parallel("o"), user_task("x"), service("s", "essai.agir"), user_task("y"), parallel("f"),
        user_task("b"), end(), "debut -> o -> x -> f -> b -> fin", "o -> s -> y -> f",
    )  # fmt: skip
    task = house.tasks("x")[0].id
    outcome = skip(house)
    assert outcome.visited[0] == "s"
    assert (house.incidents(), house.open(), house.tasks("x")[0].id) == ([], ["x", "y"], task)
    house.do("x", x=1)
    house.do("y", y=2)
    assert house.data("b") == {"x": 1, "y": 2}
    assert house.do("b").ended


def test_what_failed_inside_a_sub_process_is_passed_there(database: Database) -> None:
    inside = sub_process("sp", start("d"), user_task("a"), service("s", "essai.agir"), user_task("c"), end("e"),
                         "d -> a -> s -> c -> e")  # fmt: skip
    house = stopped(database, start(), inside, user_task("b"), end(), "debut -> sp -> b -> fin")
    house.do("a", a=1)
    skip(house)
    assert house.open() == ["c"]
    house.do("c")
    assert house.data("b") == {"a": 1}


@pytest.mark.parametrize("sequential", [False, True])
def test_what_failed_in_a_repetition_is_passed_for_its_instances(sqlite_database: Database, sequential: bool) -> None:
    task = service("s", "essai.agir", each=("enfants", "enfant"), sequential=sequential)
    house = stopped(
        sqlite_database, start(), task, user_task("b"), end(), "debut -> s -> b -> fin", enfants=["Léna", "Tom"]
    )
    for _ in range(2):
        if house.incidents():
            skip(house)
    assert (house.incidents(), house.open()) == ([], ["b"])


def test_a_repetition_that_cannot_begin_is_passed_with_no_result(sqlite_database: Database) -> None:
    task = user_task("n", each=("enfants", "enfant"), collect=("notes", "note"))
    house = stopped(sqlite_database, start(), task, user_task("b"), end(), "debut -> n -> b -> fin", enfants="aucune")
    assert [each.node for each in house.incidents()] == ["n"]
    skip(house)
    assert house.data("b") == {"enfants": "aucune", "notes": []}
    assert house.do("b").ended


def test_an_event_that_cannot_be_waited_for_will_not_come(sqlite_database: Database) -> None:
    house = stopped(
        sqlite_database, start(), user_task("a"), boundary("r", "a", every("'rien'"), interrupting=False),
        user_task("q"), end("fq"), end(), "debut -> a -> fin", "r -> q -> fq",
    )  # fmt: skip
    assert [each.node for each in house.incidents()] == ["r"]
    skip(house)
    assert (house.incidents(), house.open(), house.timers()) == ([], ["a"], [])
    assert house.do("a").ended


def test_a_choice_is_not_passed_and_nothing_to_pass_is_said(sqlite_database: Database) -> None:
    house = stopped(
        sqlite_database, start(), xor("x"), user_task("b"), end(), "debut -> x", "x -> b if n > 5", "x -> fin if n < 0",
        "b -> fin", n=3,
    )  # fmt: skip
    with pytest.raises(CannotSkip, match="choisir un chemin"):
        skip(house)
    plain = House(sqlite_database, process("p", start(), user_task("b"), end(), "debut -> b -> fin"))
    plain.start()
    with pytest.raises(CannotSkip, match="rien n’y est arrêté"):
        skip(plain)
