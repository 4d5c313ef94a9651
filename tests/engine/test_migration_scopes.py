"""Cases taken to another version while they are in parallel branches, sub-processes, repetitions, calls or events."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app import clock
from app.db import Database
from app.engine.moving import ABANDON
from tests.engine.bpmn_builder import (
    Item,
    after,
    boundary,
    call,
    catch,
    end,
    event_gateway,
    event_sub_process,
    every,
    message,
    parallel,
    process,
    service,
    start,
    sub_process,
    user_task,
)  # fmt: skip
from tests.engine.versions import TwoVersions, bring_back, take


def two(database: Database, first: bytes, second: bytes) -> TwoVersions:
    return TwoVersions(database, first, second)


def fork(*middle: Item, opens: str = "o", closes: str = "f") -> bytes:
    return process(
        "p", start(), parallel(opens), user_task("x"), parallel(closes), user_task("b"), end(), *middle,
        f"debut -> {opens} -> x -> {closes} -> b -> fin",
    )  # fmt: skip


FORK = fork(user_task("y"), "o -> y -> f")


def test_branches_keep_their_tasks_and_what_has_arrived(database: Database) -> None:
    house = two(database, FORK, fork(user_task("y"), user_task("z"), "o -> y -> z -> f"))
    house.start(n=1)
    house.do("y", y=2)
    task = house.tasks("x")[0].id
    assert house.plan().result == "safe"
    before = take(house)
    assert house.tasks("x")[0].id == task
    assert house.open() == ["x"], "what had been done is not asked again"
    bring_back(house, before)
    assert house.tasks("x")[0].id == task
    take(house)
    house.do("x", x=3)
    assert house.data("b") == {"n": 1, "y": 2, "x": 3}
    assert house.do("b").ended


def test_a_step_that_is_gone_from_a_branch_is_chosen_again_in_it_or_given_up(sqlite_database: Database) -> None:
    house = two(sqlite_database, FORK, fork(user_task("v"), user_task("w"), "o -> v -> w -> f"))
    house.start()
    assert (house.plan().result, house.plan().node) == ("map", "y")
    found = house.plan(y="b")
    assert (found.result, found.node, "autre chemin" in found.cause) == ("map", "x", True), (
        "x and b never wait together"
    )
    assert set(house.plan(y=ABANDON).target.split(", ")) == {"x", "v"}, "the path that the version has begins"
    assert house.plan(y="b", x="w").result == "blocked", "b comes after both"
    assert house.plan(y="f").result == "safe"
    take(house, y="w")
    assert house.open() == ["w", "x"]
    house.do("w")
    house.do("x")
    assert house.do("b").ended


def test_a_branch_that_is_gone_may_be_given_up(sqlite_database: Database) -> None:
    plain = process("p", start(), user_task("x"), user_task("b"), end(), "debut -> x -> b -> fin")
    house = two(sqlite_database, FORK, plain)
    house.start()
    assert house.plan().node == "y"
    take(house, y=ABANDON)
    assert house.open() == ["x"]
    house.do("x")
    assert house.do("b").ended


def test_a_branch_that_is_new_begins_beside_the_others(sqlite_database: Database) -> None:
    wider = fork(user_task("y"), user_task("w"), "o -> y -> f", "o -> w -> f")
    house = two(sqlite_database, FORK, wider)
    house.start(n=1)
    house.do("y", y=1)
    assert set(house.plan().target.split(", ")) == {"x", "f", "w"}
    take(house)
    assert (house.open(), house.data("w")) == (["w", "x"], {"n": 1})
    house.do("w", w=2)
    house.do("x")
    assert house.data("b") == {"n": 1, "y": 1, "w": 2}


def test_a_control_added_beside_the_step_begins_too(sqlite_database: Database) -> None:
    plain = process("p", start(), user_task("x"), user_task("b"), end(), "debut -> x -> b -> fin")
    house = two(sqlite_database, plain, FORK)
    house.start()
    take(house)
    assert house.open() == ["x", "y"]
    house.do("x")
    house.do("y")
    assert house.do("b").ended


def test_several_steps_may_go_on_as_one(sqlite_database: Database) -> None:
    one = process("p", start(), user_task("z"), user_task("b"), end(), "debut -> z -> b -> fin")
    house = two(sqlite_database, FORK, one)
    house.start(n=1)
    house.do("y", y=2)
    assert house.plan(x="z").node == "f", "what has arrived at the join must go somewhere too"
    take(house, x="z", f="z")
    assert (house.open(), house.data("z")) == (["z"], {"n": 1, "y": 2})
    house.do("z")
    assert house.do("b").ended


def test_a_join_drawn_anew_keeps_what_has_arrived(sqlite_database: Database) -> None:
    house = two(sqlite_database, FORK, fork(user_task("y"), "o2 -> y -> f2", opens="o2", closes="f2"))
    house.start()
    house.do("y", y=2)
    take(house)
    house.do("x")
    assert house.data("b") == {"y": 2}


def test_what_an_arrived_branch_should_have_brought_is_asked_for(sqlite_database: Database) -> None:
    house = two(sqlite_database, FORK, FORK)
    house.start()
    house.do("y", y=2)
    with house.database.transaction(read_only=True) as session:
        graph = house.runtime.definition(session, "h2").drawing_of("f")[0].graph
    flow = next(each.id for each in graph.incoming("f") if each.source == "y")
    assert house.plan({flow: frozenset({"tel"})}).cause.endswith("tel")
    assert house.plan({flow: frozenset({"y"})}).result == "safe"


# -- sub-processes ---------------------------------------------------------------------------------------------------


def inside(*items: Item, edge: Item | None = None, **how) -> bytes:
    more = [edge] if edge is not None else []
    return process(
        "p", start(), sub_process("s", *items, **how), *more, user_task("b"), end(), "debut -> s -> b -> fin",
        *(["retard -> b"] if edge is not None else []),
    )  # fmt: skip


A_THEN_C = (start("d"), user_task("a"), user_task("c"), end("e"), "d -> a -> c -> e")


def test_inside_a_sub_process_steps_go_on_or_are_chosen_there(database: Database) -> None:
    renamed = (start("d"), user_task("a2"), user_task("c"), end("e"), "d -> a2 -> c -> e")
    house = two(database, inside(*A_THEN_C), inside(*renamed, edge=boundary("retard", "s", after("'PT2H'"))))
    house.start(n=1)
    assert (house.plan().result, house.plan().node) == ("map", "a")
    assert "niveau" in house.plan(a="b").cause
    house.do("a", a=1)
    task = house.tasks("c")[0].id
    before = take(house)
    assert (house.tasks("c")[0].id, [each.node for each in house.timers()]) == (task, ["retard"])
    bring_back(house, before)
    assert house.timers() == []
    take(house)
    house.do("c")
    assert (house.data("b"), house.timers()) == ({"n": 1, "a": 1}, [])
    assert house.do("b").ended


def test_a_sub_process_that_is_gone_leaves_what_it_had_gathered(sqlite_database: Database) -> None:
    flat = process("p", start(), user_task("c"), user_task("b"), end(), "debut -> c -> b -> fin")
    house = two(sqlite_database, inside(*A_THEN_C), flat)
    house.start()
    house.do("a", a=1)
    assert house.plan().node == "s"
    take(house, s="c")
    assert house.data("c") == {"a": 1}


# -- repetitions -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sequential", [False, True])
def test_a_repetition_keeps_its_instances_and_what_they_gave(database: Database, sequential: bool) -> None:
    def drawn(*more: Item, then: str = "b") -> bytes:
        task = user_task("noter", each=("enfants", "enfant"), sequential=sequential, collect=("notes", "note"))
        return process("p", start(), task, user_task("b"), end(), *more, f"debut -> noter -> {then} -> fin")

    house = two(database, drawn(), drawn(user_task("c"), then="c -> b"))
    house.start(enfants=["Léna", "Tom", "Zoé"])
    house.do("noter", note=1)
    left = [task.id for task in house.tasks("noter")]
    before = take(house)
    assert [task.id for task in house.tasks("noter")] == left
    bring_back(house, before)
    take(house)
    house.do("noter", note=2)
    house.do("noter", note=3)
    assert sorted(house.data("c")["notes"]) == [1, 2, 3]
    house.do("c")
    assert house.do("b").ended


def test_a_repetition_of_other_data_is_to_map(sqlite_database: Database) -> None:
    def drawn(output: str) -> bytes:
        task = user_task("noter", each=("enfants", "enfant"), collect=(output, "note"))
        return process("p", start(), task, end(), "debut -> noter -> fin")

    house = two(sqlite_database, drawn("notes"), drawn("avis"))
    house.start(enfants=["Léna"])
    assert "répétée" in house.plan().cause
    take(house, noter="noter")
    house.do("noter", note=1)
    assert house.ended


@pytest.mark.parametrize("sequential", [False, True])
def test_each_sub_process_of_a_repetition_goes_on_where_it_was(database: Database, sequential: bool) -> None:
    how = {"each": ("enfants", "enfant"), "sequential": sequential}
    more = (start("d"), user_task("a"), user_task("k"), user_task("c"), end("e"), "d -> a -> k -> c -> e")
    house = two(database, inside(*A_THEN_C, **how), inside(*more, **how))
    house.start(enfants=["Léna", "Tom"])
    house.do("a")
    ids = {task.id for node in house.open() for task in house.tasks(node)}
    before = take(house)
    assert {task.id for node in house.open() for task in house.tasks(node)} == ids
    bring_back(house, before)
    take(house)
    while "b" not in house.open():
        house.do(house.open()[0])
    assert house.do("b").ended


# -- called démarches ------------------------------------------------------------------------------------------------


def test_a_called_demarche_goes_on_in_the_version_that_the_new_one_calls(sqlite_database: Database) -> None:
    def callee(*more: Item, flows: str) -> dict[str, bytes]:
        return {"process.bpmn": process("autre", start(), user_task("u"), *more, end(), flows)}

    caller = process("p", start(), call("c", "autre"), user_task("b"), end(), "debut -> c -> b -> fin")
    house = TwoVersions(
        sqlite_database, caller, caller,
        callees={"autre": callee(flows="debut -> u -> fin")},
        second_callees={"autre": callee(user_task("v"), flows="debut -> u -> v -> fin")},
    )  # fmt: skip
    house.start(n=1)
    task = house.tasks("autre:u")[0].id
    before = take(house)
    assert house.tasks("autre:u")[0].id == task
    bring_back(house, before)
    take(house)
    house.do("autre:u", u=2)
    house.do("autre:v")
    assert house.data("b") == {"n": 1, "u": 2}


def test_a_call_of_another_demarche_is_to_map(sqlite_database: Database) -> None:
    def caller(slug: str) -> bytes:
        return process("p", start(), call("c", slug), user_task("b"), end(), "debut -> c -> b -> fin")

    step = process("autre", start(), user_task("u"), end(), "debut -> u -> fin")
    called = {slug: {"process.bpmn": step} for slug in ("autre", "tierce")}
    house = TwoVersions(sqlite_database, caller("autre"), caller("tierce"), callees=called)
    house.start()
    assert "autre démarche" in house.plan().cause
    take(house, c="c")
    assert house.open() == ["tierce:u"]


# -- events ----------------------------------------------------------------------------------------------------------


def handled(*more: Item) -> bytes:
    handler = event_sub_process(
        "esp", start("appel", message("appel"), interrupting=False), user_task("h"), end("fh"), "appel -> h -> fh"
    )
    return process("p", start(), user_task("a"), user_task("b"), end(), handler, *more, "debut -> a -> b -> fin")


def test_an_event_sub_process_goes_on_beside_the_case(database: Database) -> None:
    house = two(database, handled(), handled())
    house.start(n=1)
    house.send("appel")
    tasks = {node: house.tasks(node)[0].id for node in ("a", "h")}
    before = take(house)
    assert {node: house.tasks(node)[0].id for node in ("a", "h")} == tasks
    bring_back(house, before)
    take(house)
    house.do("a")
    house.do("h")
    house.send("appel")
    house.do("b")
    assert house.do("h").ended


def test_event_sub_processes_may_be_added_and_taken_away(sqlite_database: Database) -> None:
    plain = process("p", start(), user_task("a"), user_task("b"), end(), "debut -> a -> b -> fin")
    house = two(sqlite_database, plain, handled())
    house.start()
    before = take(house)
    assert (house.open(), house.awaited()) == (["a"], ["message appel"])
    bring_back(house, before)
    assert house.awaited() == []
    house = two(sqlite_database, handled(), plain)
    house.start()
    house.send("appel")
    assert house.plan().node == "esp"
    assert "à côté" in house.plan(esp="b").cause
    take(house, esp=ABANDON)
    assert (house.open(), house.awaited()) == (["a"], [])
    house.do("a")
    assert house.do("b").ended


def test_a_reminder_that_went_is_not_sent_again_and_cycles_count_on(sqlite_database: Database) -> None:
    def drawn(title: str) -> bytes:
        return process(
            "p", start(), user_task("a", name=title), boundary("rappel", "a", after("'PT1H'"), interrupting=False),
            boundary("cycle", "a", every("'R3/PT2H'"), interrupting=False), user_task("r"), user_task("q"), end("fr"),
            end("fq"), end(), "debut -> a -> fin", "rappel -> r -> fr", "cycle -> q -> fq",
        )  # fmt: skip

    with clock.frozen(clock.now()) as time:
        house = two(sqlite_database, drawn("A"), drawn("Autre titre"))
        house.start()
        time.advance(hours=2, minutes=30)
        house.tick()
        (due,) = house.timers()
        take(house)
        assert (house.open(), [(each.node, each.due_at) for each in house.timers()]) == (
            ["a", "q", "r"], [("cycle", due.due_at)],
        )  # fmt: skip
        time.advance(hours=9)
        house.tick()
        assert house.open() == ["a", "q", "q", "q", "r"]
        for node in ("q", "q", "q", "r"):
            house.do(node)
        assert house.do("a").ended


def test_a_race_keeps_its_instants_and_takes_the_new_events(sqlite_database: Database) -> None:
    def drawn(*events: tuple[str, object]) -> bytes:
        catches = [catch(name, event) for name, event in events]
        flows = [f"g -> {name} -> t_{name} -> f_{name}" for name, _ in events]
        rest = [item for name, _ in events for item in (user_task(f"t_{name}"), end(f"f_{name}"))]
        return process("p", start(), event_gateway("g"), *catches, *rest, "debut -> g", *flows)

    with clock.frozen(clock.now()) as time:
        first = after("'PT1H'")
        old = drawn(("court", first), ("m", message("m")))
        house = two(sqlite_database, old, drawn(("court", first), ("n", message("n"))))
        house.start()
        time.advance(minutes=30)
        (timer,) = house.timers()
        take(house)
        assert [(each.due_at, each.task_id) for each in house.timers()] == [(timer.due_at, timer.task_id)]
        assert house.awaited() == ["message n"]
        house = two(sqlite_database, old, drawn(("long", after("'PT5H'")), ("m", message("m"))))
        house.start()
        take(house)
        assert [each.due_at for each in house.timers()] == [clock.now() + timedelta(hours=5)]


# -- operations and incidents ----------------------------------------------------------------------------------------


def test_an_operation_under_way_gives_its_result_to_the_new_version(database: Database) -> None:
    def drawn(*more: Item, then: str) -> bytes:
        return process("p", start(), service("s", "essai.lente", {"valeur": "'x'"}, result="r"), *more, end(), then)

    house = two(database, drawn(then="debut -> s -> fin"), drawn(user_task("c"), then="debut -> s -> c -> fin"))
    house.start()
    (asked,) = house.asked()
    take(house)
    assert house.asked() == [asked], "it is not asked twice"
    house.resume(asked, {"fait": True})
    assert house.data("c")["r"] == {"fait": True}


def test_an_incident_is_mended_by_the_version_that_corrects_it(database: Database) -> None:
    def drawn(value: str) -> bytes:
        return process(
            "p", start(), parallel("o"), user_task("x"), service("s", "essai.rendre", {"valeur": value}, result="r"),
            parallel("f"), end(), "debut -> o -> x -> f -> fin", "o -> s -> f",
        )  # fmt: skip

    house = two(database, drawn("inconnue"), drawn("'connu'"))
    house.start()
    assert [each.node for each in house.incidents()] == ["s"]
    take(house)
    assert (house.incidents(), house.world.calls, house.open()) == ([], ["rendre connu"], ["x"])
    assert house.do("x").ended
