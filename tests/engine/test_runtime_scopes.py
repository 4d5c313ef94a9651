"""Sub-processes, calls, repetitions and lanes, reloaded between every step by a process that parses anew."""

import pytest

from app.db import Database
from app.engine.models import Task
from tests.engine.bpmn_builder import (
    Item,
    Node,
    boundary,
    call,
    catch,
    end,
    error,
    escalation,
    event_gateway,
    event_sub_process,
    lane,
    message,
    parallel,
    process,
    receive,
    rule,
    script,
    service,
    start,
    sub_process,
    user_task,
    xor,
)
from tests.engine.house import House
from tests.engine.test_runtime_tasks import DMN


def make(database: Database, *items: Item) -> House:
    return House(database, process("p", *items))


def test_nested_sub_processes_give_their_data_back(database: Database) -> None:
    house = make(
        database, start(),
        sub_process(
            "dehors", start("d1"), user_task("x"),
            sub_process("dedans", start("d2"), user_task("a"), end("f2"), "d2 -> a -> f2"),
            end("f1"), "d1 -> x -> dedans -> f1",
        ),
        user_task("apres"), end(), "debut -> dehors -> apres -> fin",
    )  # fmt: skip
    house.start(n=1)
    house.do("x", x=2)
    assert house.data("a") == {"n": 1, "x": 2}
    house.do("a", a=3)
    assert house.data("apres") == {"n": 1, "x": 2, "a": 3}
    assert house.do("apres").ended
    assert {"dehors", "dedans", "a", "x"} <= house.visited()


def test_leaving_a_sub_process_closes_the_tasks_inside(database: Database) -> None:
    house = make(
        database, start(),
        sub_process(
            "dehors", start("d1"), sub_process("dedans", start("d2"), user_task("a"), end("f2"), "d2 -> a -> f2"),
            end("f1"), "d1 -> dedans -> f1",
        ),
        boundary("m", "dehors", message("stop")), user_task("b"), end(), "debut -> dehors -> fin", "m -> b -> fin",
    )  # fmt: skip
    house.start()
    house.send("stop")
    assert house.open() == ["b"]
    (closed,) = [task for task in house.rows(Task) if task.node == "a"]
    assert closed.closed_by == "Alice Martin"


def make_callee() -> dict[str, bytes]:
    """A démarche whose ids are those of its caller, as people draw them."""
    xml = process(
        "processus",
        lane("agent", start(), rule("r", "tarif"), user_task("saisir", statut="traitement", form="vue"),
             boundary("stop", "saisir", message("stop")), end(), end("arret")),
        "debut -> r -> saisir -> fin", "stop -> arret",
    )  # fmt: skip
    return {"process.bpmn": xml, "decisions/tarif.dmn": DMN}


def test_a_call_runs_another_version_whose_ids_may_be_the_same(database: Database) -> None:
    caller = process(
        "processus", lane("famille", start(), user_task("saisir", statut="brouillon", form="saisie"),
                          call("appel", "autre"), user_task("apres"), end()),
        "debut -> saisir -> appel -> apres -> fin",
    )  # fmt: skip
    house = House(
        database, caller, callees={"autre": make_callee()}, decisions={"decisions/tarif.dmn": DMN.replace(b"500", b"1")}
    )
    house.start(quotient=100)
    assert house.open() == ["saisir"]
    house.do("saisir")
    (task,) = house.tasks("autre:saisir")
    assert (task.lane, task.status, task.form) == ("agent", "traitement", "vue")
    assert house.data("autre:saisir")["prix"] == 1, "the decision of the called version, not the caller's of that name"
    house.do("autre:saisir", note=3)
    assert house.data("apres")["note"] == 3
    assert house.do("apres").ended


def test_a_call_may_be_interrupted_from_inside(sqlite_database: Database) -> None:
    caller = process("p", start(), call("appel", "autre"), user_task("apres"), end(), "debut -> appel -> apres -> fin")
    house = House(sqlite_database, caller, callees={"autre": make_callee()})
    house.start(quotient=900)
    house.send("stop")
    assert house.open() == ["apres"]


# --- Repetitions -----------------------------------------------------------------------------------------------


def repeated(node: Node, *more: Item) -> tuple[Item, ...]:
    return (start(), node, user_task("apres"), end(), *more, f"debut -> {node.id} -> apres -> fin")


@pytest.mark.parametrize("sequential", [False, True])
def test_a_user_task_is_repeated_over_a_list(database: Database, sequential: bool) -> None:
    task = user_task("noter", each=("enfants", "enfant"), sequential=sequential, collect=("notes", "note"))
    house = make(database, *repeated(task))
    house.start(enfants=["Léna", "Tom", "Zoé"])
    if sequential:
        for name in ("Léna", "Tom", "Zoé"):
            assert house.open() == ["noter"]
            assert house.data("noter")["enfant"] == name
            house.do("noter", note=name.upper())
    else:
        assert sorted(house.data("noter", n)["enfant"] for n in range(3)) == ["Léna", "Tom", "Zoé"]
        for name in ("Zoé", "Léna", "Tom"):
            number = next(n for n in range(len(house.open())) if house.data("noter", n)["enfant"] == name)
            house.do("noter", number, note=name.upper())
    assert house.data("apres") == {"enfants": ["Léna", "Tom", "Zoé"], "notes": ["LÉNA", "TOM", "ZOÉ"]}


@pytest.mark.parametrize("sequential", [False, True])
def test_a_user_task_is_repeated_a_number_of_times(sqlite_database: Database, sequential: bool) -> None:
    task = user_task("signer", times="n + 1", sequential=sequential, collect=("signatures", "signature"))
    house = make(sqlite_database, *repeated(task))
    house.start(n=1)
    assert house.open() == ["signer"] * (1 if sequential else 2)
    house.do("signer", signature="A")
    house.do("signer", signature="B")
    assert sorted(house.data("apres")["signatures"]) == ["A", "B"]


@pytest.mark.parametrize("sequential", [False, True])
@pytest.mark.parametrize("given", [{"enfants": []}, {"enfants": ["Léna"]}])
def test_an_empty_list_and_a_list_of_one_pass(
    sqlite_database: Database, sequential: bool, given: dict[str, object]
) -> None:
    task = user_task("noter", each=("enfants", "enfant"), sequential=sequential, collect=("notes", "note"))
    house = make(sqlite_database, *repeated(task))
    house.start(**given)
    if given["enfants"]:
        house.do("noter", note=1)
    assert house.data("apres")["notes"] == ([1] if given["enfants"] else [])


@pytest.mark.parametrize("sequential", [False, True])
def test_a_service_task_is_repeated(database: Database, sequential: bool) -> None:
    task = service(
        "s", "essai.rendre", {"valeur": "enfant"}, result="r", each=("enfants", "enfant"), sequential=sequential
    )
    house = make(database, *repeated(task))
    house.start(enfants=["Léna", "Tom"])
    assert house.world.calls == ["rendre Léna", "rendre Tom"]
    assert house.open() == ["apres"]
    assert "enfant" not in house.data("apres"), "the item stays inside"


@pytest.mark.parametrize("sequential", [False, True])
def test_a_sub_process_is_repeated(database: Database, sequential: bool) -> None:
    inside = sub_process(
        "sp", start("d"), user_task("a"), script("calcul", "vu = enfant + suffixe"), user_task("b"), end("f"),
        "d -> a -> calcul -> b -> f", each=("enfants", "enfant"), sequential=sequential,
    )  # fmt: skip
    house = make(database, *repeated(inside))
    house.start(enfants=["Léna", "Tom"])
    for _ in range(2):
        for node in ("a", "b"):
            for _ in range(1 if sequential else 2):
                if node in house.open():
                    house.do(node, suffixe="!")
    while "b" in house.open() or "a" in house.open():
        house.do(house.open()[0], suffixe="!")
    assert house.open() == ["apres"]
    assert house.do("apres").ended


@pytest.mark.parametrize("sequential", [False, True])
def test_a_repetition_in_a_loop_begins_afresh(sqlite_database: Database, sequential: bool) -> None:
    task = user_task("noter", each=("enfants", "enfant"), sequential=sequential, collect=("notes", "note"))
    house = make(
        sqlite_database, start(), xor("m"), task, user_task("voir"), xor("x"), end(),
        "debut -> m -> noter -> voir -> x", "x -> m if encore", "x -> fin default",
    )  # fmt: skip
    house.start(enfants=["Léna", "Tom"])
    for turn in range(3):
        house.do("noter", note=turn)
        house.do("noter", note=turn)
        assert house.data("voir")["notes"] == [turn, turn]
        house.do("voir", encore=turn < 2)
    assert house.ended


@pytest.mark.parametrize("sequential", [False, True])
def test_interrupting_a_repeated_sub_process_closes_every_instance(database: Database, sequential: bool) -> None:
    inside = sub_process(
        "sp", start("d"), user_task("a"), catch("c", message("pret")), end("f"), "d -> a -> c -> f",
        each=("enfants", "enfant"), sequential=sequential,
    )  # fmt: skip
    house = make(
        database, start(), inside, boundary("m", "sp", message("stop")), user_task("b"), user_task("apres"), end(),
        "debut -> sp -> apres -> fin", "m -> b -> fin",
    )  # fmt: skip
    house.start(enfants=["Léna", "Tom", "Zoé"])
    house.do("a")
    house.send("stop")
    assert (house.open(), house.awaited()) == (["b"], [])
    assert house.do("b").ended


def test_an_error_in_one_instance_leaves_the_whole_repetition(database: Database) -> None:
    inside = sub_process(
        "sp", start("d"), user_task("a"), xor("x"), end("f"), end("e", error("grave")),
        "d -> a -> x", "x -> e if mal", "x -> f default", each=("enfants", "enfant"),
    )  # fmt: skip
    house = make(
        database, start(), inside, boundary("err", "sp", error("grave")), user_task("b"), user_task("apres"), end(),
        "debut -> sp -> apres -> fin", "err -> b -> fin",
    )  # fmt: skip
    house.start(enfants=["Léna", "Tom", "Zoé"])
    house.do("a", mal=False)
    house.do("a", mal=True)
    assert house.open() == ["b"]


@pytest.mark.parametrize(
    "given", [{"enfants": "Léna"}, {"enfants": None}, {}, {"enfants": {"a": 1}}, {"enfants": list(range(501))}]
)
def test_what_cannot_be_repeated_is_an_incident_that_can_be_retried(
    sqlite_database: Database, given: dict[str, object]
) -> None:
    house = make(sqlite_database, *repeated(user_task("noter", each=("enfants", "enfant"))))
    house.start(**given)
    (incident,) = house.incidents()
    assert (incident.node, house.open()) == ("noter", [])
    house.retry()
    assert [each.attempts for each in house.incidents()] == [2]


def test_an_instance_that_leaves_no_result_undoes_the_step(sqlite_database: Database) -> None:
    from app.engine.steps import EngineFault

    house = make(sqlite_database, *repeated(user_task("noter", each=("enfants", "enfant"), collect=("notes", "note"))))
    house.start(enfants=["Léna"])
    with pytest.raises(EngineFault, match="note"):
        house.do("noter", autre=1)
    assert house.open() == ["noter"]
    house.do("noter", note=1)
    assert house.data("apres")["notes"] == [1]


def test_lanes_name_the_role_of_each_task_even_inside_sub_processes(sqlite_database: Database) -> None:
    house = make(
        sqlite_database,
        lane("Famille", start(), user_task("a")),
        lane("Agent", sub_process("sp", start("d"), user_task("b"), end("f"), "d -> b -> f"), end()),
        "debut -> a -> sp -> fin",
    )  # fmt: skip
    house.start()
    assert house.tasks("a")[0].lane == "famille"
    house.do("a")
    assert (house.tasks("b")[0].lane, house.tasks("b")[0].queue) == ("agent", "agent:*")


# --- Combinations that verify lets through ---------------------------------------------------------------------


def test_a_receive_task_may_win_a_race(sqlite_database: Database) -> None:
    house = make(
        sqlite_database, start(), event_gateway("g"), receive("r", message("oui")), catch("c", message("non")),
        user_task("a"), user_task("b"), end(), "debut -> g", "g -> r -> a -> fin", "g -> c -> b -> fin",
    )  # fmt: skip
    house.start()
    assert house.awaited() == ["message non", "message oui"]
    house.send("oui")
    assert house.open() == ["a"]


def test_a_boundary_on_a_receive_task_replaces_its_wait(sqlite_database: Database) -> None:
    house = make(
        sqlite_database,
        start(),
        receive("r", message("oui")),
        boundary("m", "r", message("non")),
        user_task("a"),
        user_task("b"),
        end(),
        "debut -> r -> a -> fin",
        "m -> b -> fin",
    )
    house.start()
    house.send("non")
    assert (house.open(), house.awaited()) == (["b"], [])


def test_a_boundary_on_a_repeated_task_closes_its_instances(sqlite_database: Database) -> None:
    task = user_task("noter", each=("enfants", "enfant"))
    house = make(
        sqlite_database,
        start(),
        task,
        boundary("m", "noter", message("stop")),
        user_task("b"),
        end(),
        "debut -> noter -> fin",
        "m -> b -> fin",
    )
    house.start(enfants=["Léna", "Tom"])
    house.do("noter")
    house.send("stop")
    assert house.open() == ["b"]


def test_ends_may_throw_messages_and_escalations(sqlite_database: Database) -> None:
    inside = sub_process("sp", start("d"), user_task("a"), end("f", escalation("retard")), "d -> a -> f")
    house = make(
        sqlite_database,
        start(),
        inside,
        boundary("e", "sp", escalation("retard"), interrupting=False),
        user_task("chef"),
        end("g"),
        end("fin", message("bonjour")),
        "debut -> sp -> fin",
        "e -> chef -> g",
    )
    house.start()
    house.do("a")
    assert house.open() == ["chef"]
    assert [fact["name"] for fact in house.facts_of("engine.event_thrown")] == ["bonjour"]
    assert house.do("chef").ended


def test_an_error_of_a_called_process_reaches_the_call(sqlite_database: Database) -> None:
    callee = process("autre", start(), user_task("a"), end("mal", error("grave")), "debut -> a -> mal")
    caller = process(
        "p",
        start(),
        call("appel", "autre"),
        boundary("e", "appel", error("grave")),
        user_task("b"),
        user_task("c"),
        end(),
        "debut -> appel -> b -> fin",
        "e -> c -> fin",
    )
    house = House(sqlite_database, caller, callees={"autre": {"process.bpmn": callee}})
    house.start()
    house.do("autre:a")
    assert house.open() == ["c"]


def test_a_called_process_may_hold_sub_processes_and_repetitions_named_as_its_callers(
    sqlite_database: Database,
) -> None:
    def drawn(id: str, *more: Item) -> bytes:
        inside = sub_process("sp", start("d"), user_task("a"), end("f"), "d -> a -> f", each=("enfants", "enfant"))
        chain = "debut -> sp -> fin" if not more else "debut -> sp -> appel -> fin"
        return process(id, start(), inside, *more, end(), chain)

    house = House(sqlite_database, drawn("p", call("appel", "autre")), callees={"autre": {"process.bpmn": drawn("p")}})
    house.start(enfants=["Léna", "Tom"])
    house.do("a")
    house.do("a")
    assert house.open() == ["autre:a", "autre:a"]
    house.do("autre:a")
    assert house.do("autre:a").ended


def test_a_repetition_may_end_as_soon_as_its_condition_is_true(sqlite_database: Database) -> None:
    xml = process("p", *repeated(user_task("noter", each=("enfants", "enfant"), collect=("notes", "note"))))
    until = b"<bpmn:completionCondition>note &gt; 5</bpmn:completionCondition></bpmn:multiInstanceLoopCharacteristics>"
    house = House(sqlite_database, xml.replace(b"</bpmn:multiInstanceLoopCharacteristics>", until))
    house.start(enfants=["Léna", "Tom", "Zoé"])
    house.do("noter", note=1)
    house.do("noter", note=9)
    assert (house.open(), house.data("apres")["notes"].count(9)) == (["apres"], 1)


def test_an_event_sub_process_interrupts_its_own_instance_of_a_repetition(sqlite_database: Database) -> None:
    inside = sub_process(
        "sp", start("d"), user_task("a"), end("f"),
        event_sub_process("esp", start("s", error("grave")), user_task("h"), end("fh"), "s -> h -> fh"),
        xor("x"), end("e", error("grave")), "d -> a -> x", "x -> e if mal", "x -> f default",
        each=("enfants", "enfant"),
    )  # fmt: skip
    house = make(sqlite_database, *repeated(inside))
    house.start(enfants=["Léna", "Tom"])
    house.do("a", mal=True)
    assert house.open() == ["a", "h"]
    house.do("a", mal=False)
    house.do("h")
    assert house.open() == ["apres"]


def test_a_parallel_join_may_be_reached_by_boundaries(sqlite_database: Database) -> None:
    house = make(
        sqlite_database, start(), parallel("f"), user_task("a"), boundary("m", "a", message("stop")), user_task("b"),
        xor("x"), parallel("j"), user_task("c"), end(), "debut -> f", "f -> a -> x", "m -> x", "x -> j", "f -> b -> j",
        "j -> c -> fin",
    )  # fmt: skip
    house.start()
    house.send("stop")
    house.do("b")
    assert house.open() == ["c"]
