"""What a long scope forgets, and what it must not: the data of branches that ended while others went on."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from app.db import Database
from app.engine import history
from app.engine.history import LENGTH
from tests.engine.bpmn_builder import boundary, end, message, process, script, start, sub_process, user_task, xor
from tests.engine.house import AGENT, House

#: On each of two steps, an event that interrupts nothing begins a branch, which ends; then a step comes back often.
LONG = process(
    "p", start(), user_task("a"),
    sub_process(
        "s", start("d"), user_task("x"), boundary("rappel", "x", message("un"), interrupting=False),
        script("note", "premier = 1\nordre = 'premier'"), end("fin_note"),
        user_task("y"), boundary("relance", "y", message("deux"), interrupting=False),
        script("compte", "second = 2\nordre = 'second'"), end("fin_compte"),
        xor("encore"), end("e"),
        "d -> x -> y -> encore", "encore -> y if reprendre", "encore -> e default", "rappel -> note -> fin_note",
        "relance -> compte -> fin_compte",
    ),
    user_task("b"), end(), "debut -> a -> s -> b -> fin",
)  # fmt: skip


def tasks_inside(house: House) -> int:
    workflow, _, _ = house.workflow()
    return max(len(scope.tasks) for scope in workflow.subprocesses.values())


@pytest.mark.parametrize("turns", [0, 30])
def test_what_an_ended_branch_wrote_is_read_after_the_sub_process(database: Database, turns: int) -> None:
    house = House(database, LONG)
    house.start()
    house.do("a", reprendre=True)
    house.send("un")
    house.do("x")
    house.send("deux")
    for _ in range(turns):
        house.do("y", reprendre=True)
    assert tasks_inside(house) <= LENGTH + 20, "what has been passed is forgotten"
    house.do("y", reprendre=False)
    found = house.data("b")
    assert {name: found.get(name) for name in ("premier", "second", "ordre")} == {
        "premier": 1, "second": 2, "ordre": "second",
    }  # fmt: skip
    assert {"note", "compte"} <= house.visited()
    assert house.do("b").ended


def turned(database: Database, turns: Sequence[str]) -> House:
    """A case whose step « y » came back so often; each letter is a turn, « ! » one in which a branch ends."""
    house = House(database, LONG, forgetful=False)
    house.start()
    house.do("a", reprendre=True)
    house.send("un")
    house.do("x")
    for number, turn in enumerate(turns):
        if turn == "!":
            house.send("deux")
        house.do("y", reprendre=True, tour=number)
    return house


@pytest.mark.parametrize("turns", ["!", "...!", "!!!!!!!!!!!!", ".!.!.!.!........", "................"])
def test_forgetting_changes_nothing_of_what_is_known(sqlite_database: Database, turns: str, monkeypatch) -> None:
    found = []
    for length in (10_000, 5):
        monkeypatch.setattr(history, "LENGTH", length)
        house = turned(sqlite_database, turns)
        house.do("y", reprendre=False)
        found.append((house.data("b"), house.visited()))
    assert found[0] == found[1]
    assert found[0][0]["premier"] == 1


def test_a_loop_whose_every_turn_ends_a_branch_stays_small(sqlite_database: Database) -> None:
    house = turned(sqlite_database, "!" * 80)
    assert tasks_inside(house) <= LENGTH + 20
    house.do("y", reprendre=False)
    assert house.data("b")["premier"] == 1


def test_a_case_put_elsewhere_still_knows_it(sqlite_database: Database) -> None:
    house = turned(sqlite_database, "." * 30)
    with house.step() as (session, instance):
        house.runtime.move(session, AGENT, house.facts, instance, "b")
    assert house.data("b")["premier"] == 1
