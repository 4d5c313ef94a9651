"""What would become of a case in another version: safe, to map or blocked; and what it keeps when it goes there."""

from __future__ import annotations

import pytest

from app.db import Database
from app.engine.migration import Plan
from tests.engine.bpmn_builder import (
    after,
    boundary,
    catch,
    end,
    message,
    parallel,
    process,
    service,
    start,
    sub_process,
    user_task,
)  # fmt: skip
from tests.engine.versions import TwoVersions

FIRST = process(
    "p", start(), user_task("a"), boundary("retard", "a", after("'PT48H'")), boundary("stop", "a", message("annuler")),
    user_task("b"), end(), end("fin_stop"), "debut -> a -> b -> fin", "retard -> b", "stop -> fin_stop",
)  # fmt: skip
SECOND = process(
    "p", start(), user_task("a"), boundary("retard", "a", after("'PT1H'")),
    boundary("reprise", "a", message("modifier")), user_task("controle"),
    user_task("b"), end(), "debut -> a -> controle -> b -> fin", "retard -> b", "reprise -> a",
)  # fmt: skip


def test_a_case_keeps_its_task_its_data_and_its_due_instants_and_takes_the_new_events(database: Database) -> None:
    house = TwoVersions(database, FIRST, SECOND)
    house.start(x=1)
    task, (timer,) = house.tasks("a")[0].id, house.timers()
    assert house.plan() == Plan("safe", "a", "a")
    outcome = house.go("a")
    assert (outcome.opened, outcome.failures) == ({}, ())
    assert house.tasks("a")[0].id == task
    assert [(each.task_id, each.due_at) for each in house.timers()] == [(timer.task_id, timer.due_at)]
    assert house.awaited() == ["message modifier"]
    assert house.data("a") == {"x": 1}
    house.do("a", y=2)
    assert (house.open(), house.data("controle")) == (["controle"], {"x": 1, "y": 2})
    house.do("controle")
    assert house.do("b").ended


def test_a_step_that_is_gone_or_lacks_a_variable_is_to_map(sqlite_database: Database) -> None:
    house = TwoVersions(sqlite_database, SECOND, FIRST)
    house.start(x=1)
    house.do("a")
    assert (house.plan().result, house.plan().node) == ("map", "controle")
    assert house.plan(controle="b") == Plan("safe", "controle", "b")
    assert house.plan(controle="retard").result == "blocked"
    assert house.plan({"b": frozenset({"z"})}, controle="b").cause.endswith("z")
    house.go("b")
    assert house.do("b").ended


PARALLEL = process(
    "p", start(), parallel("o"), user_task("x"), user_task("y"), parallel("f"), user_task("b"), end(),
    "debut -> o -> x -> f -> b -> fin", "o -> y -> f",
)  # fmt: skip
INSIDE = process(
    "p", start(), sub_process("s", start("d"), user_task("b"), end("e"), "d -> b -> e"), end(), "debut -> s -> fin"
)  # fmt: skip
REPEATED = process("p", start(), user_task("b", times="2"), end(), "debut -> b -> fin")
SLOW = process("p", start(), service("b", "essai.lente", valeur="'x'"), end(), "debut -> b -> fin")
FAILS = process("p", start(), service("b", "essai.agir"), end(), "debut -> b -> fin")
PLAIN = process("p", start(), user_task("b"), end(), "debut -> b -> fin")
WAITS = process("p", start(), catch("b", after("'PT1H'")), end(), "debut -> b -> fin")


@pytest.mark.parametrize(
    ("first", "cause"), [(SLOW, "recommencez dans quelques minutes"), (FAILS, "incident")], ids=["slow", "fails"]
)
def test_what_is_stopped_or_under_way_is_blocked_when_its_step_does_not_go_on(
    sqlite_database: Database, first, cause
) -> None:
    house = TwoVersions(sqlite_database, first, PLAIN)
    house.world.behaviour = "panne"
    house.start()
    found = house.plan(b="b")
    assert (found.result, cause in found.cause) == ("blocked", True), found


@pytest.mark.parametrize(
    ("first", "node"), [(PARALLEL, "x"), (INSIDE, "s"), (REPEATED, "b")], ids=["parallel", "inside", "repeated"]
)
def test_what_stood_in_something_that_is_gone_is_to_map(sqlite_database: Database, first, node) -> None:
    house = TwoVersions(sqlite_database, first, PLAIN)
    house.start()
    assert (house.plan().result, house.plan().node) == ("map", node)
    mapping = {"x": "b", "y": "b"} if node == "x" else {node: "b"}
    assert house.plan(**mapping).result == "safe"


@pytest.mark.parametrize("second", [INSIDE, REPEATED, WAITS])
def test_a_step_that_changed_its_nature_or_level_is_to_map(sqlite_database: Database, second) -> None:
    house = TwoVersions(sqlite_database, PLAIN, second)
    house.start()
    assert house.plan().result == "map"


def test_a_wait_goes_on_until_the_instant_it_had(sqlite_database: Database) -> None:
    house = TwoVersions(sqlite_database, WAITS, WAITS.replace(b"PT1H", b"PT9H"))
    house.start()
    (before,) = house.timers()
    house.go("b")
    (now,) = house.timers()
    assert (now.due_at, now.task_id) == (before.due_at, before.task_id)
