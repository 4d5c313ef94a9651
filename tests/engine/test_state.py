"""The stored state: small, exact, and without what nobody will ask for again."""

import json
import zlib

import pytest

from app.db import Database
from app.engine import state
from app.engine.state import StateError, require_json
from tests.bench.engine import state_cost
from tests.engine.bpmn_builder import (
    boundary,
    call,
    end,
    message,
    parallel,
    process,
    start,
    sub_process,
    user_task,
)
from tests.engine.house import House


def test_a_case_of_two_tasks_fits_in_less_than_a_kilobyte() -> None:
    assert state_cost(3)["bytes"] < 500


def test_saving_what_was_loaded_gives_the_same_state(sqlite_database: Database) -> None:
    inside = sub_process("sp", start("d"), user_task("a"), end("f"), "d -> a -> f", each=("enfants", "enfant"))
    xml = process(
        "p", start(), parallel("g"), inside, boundary("m", "sp", message("stop")), user_task("b"), parallel("j"), end(),
        "debut -> g -> sp -> j", "g -> b -> j", "j -> fin", "m -> j",
    )  # fmt: skip
    house = House(sqlite_database, xml)
    house.start(enfants=["Léna", "Tom"], n={"a": [1]})
    house.do("a", note=1)
    workflow, definition, instance = house.workflow()
    again = state.load(state.save(workflow), state.SERIALIZER, definition)
    assert state.save(again) == state.save(workflow) == instance.state


def test_the_state_holds_neither_the_spec_nor_a_closed_sub_process(sqlite_database: Database) -> None:
    inside = sub_process("sp", start("d"), user_task("a", name="Un nom de tâche"), end("f"), "d -> a -> f")
    house = House(sqlite_database, process("p", start(), inside, user_task("b"), end(), "debut -> sp -> b -> fin"))
    house.start()
    during = json.loads(zlib.decompress(house.workflow()[2].state))
    house.do("a")
    after = json.loads(zlib.decompress(house.workflow()[2].state))
    assert (len(during["s"]), len(after["s"])) == (2, 1)
    assert "Un nom de tâche" not in json.dumps(after, ensure_ascii=False)
    assert "a" in after["v"]
    assert "a" in house.visited()


def test_two_tasks_never_share_what_one_of_them_may_change(sqlite_database: Database) -> None:
    xml = process(
        "p",
        start(),
        parallel("g"),
        user_task("a"),
        user_task("b"),
        end(),
        "debut -> g",
        "g -> a -> fin",
        "g -> b -> fin",
    )
    house = House(sqlite_database, xml)
    house.start(liste=[{"x": [1]}])
    workflow, _, _ = house.workflow()
    found = [task for task in workflow.tasks.values() if task.data]
    assert len(found) > 2
    found[0].data["liste"][0]["x"].append(2)
    assert all(task.data["liste"] == [{"x": [1]}] for task in found[1:])


def test_a_state_that_names_what_the_version_does_not_have_is_refused(sqlite_database: Database) -> None:
    house = House(sqlite_database, process("p", start(), user_task("a"), end(), "debut -> a -> fin"))
    house.start()
    _, _, instance = house.workflow()
    house.files = {"process.bpmn": process("p", start(), user_task("z"), end(), "debut -> z -> fin")}
    with pytest.raises(StateError), sqlite_database.transaction(read_only=True) as session:
        state.load(instance.state, instance.serializer, house._runtime().definition(session, "h"))


def test_json_is_told_from_what_only_looks_like_it() -> None:
    require_json({"a": [1, 1.5, "x", None, True, {"b": []}]}, "données")
    with pytest.raises(StateError, match=r"données\.a\[1\]"):
        require_json({"a": [1, {2}]}, "données")


def test_a_state_inside_a_call_names_the_called_version(sqlite_database: Database) -> None:
    callee = {"process.bpmn": process("p", start(), user_task("a"), end(), "debut -> a -> fin")}
    caller = process("p", start(), call("appel", "autre"), end(), "debut -> appel -> fin")
    house = House(sqlite_database, caller, callees={"autre": callee})
    house.start()
    workflow, definition, _ = house.workflow()
    assert state.save(state.load(state.save(workflow), state.SERIALIZER, definition)) == state.save(workflow)
    assert house.open() == ["autre:a"]
