"""Tasks and gateways, saved and reloaded between every step by a process that parses the version anew."""

import pytest

from app.db import Database
from app.engine.operations import BusinessError
from app.engine.runtime import NotWaiting
from tests.engine.bpmn_builder import (
    after,
    boundary,
    catch,
    end,
    error,
    event_gateway,
    inclusive,
    lane,
    manual_task,
    message,
    parallel,
    process,
    receive,
    rule,
    script,
    send,
    service,
    start,
    user_task,
    xor,
)
from tests.engine.house import House

DMN = b"""<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="d" name="d" namespace="x">
  <decision id="tarif" name="Tarif"><decisionTable id="t" hitPolicy="FIRST">
    <input id="i"><inputExpression id="ie" typeRef="number"><text>quotient</text></inputExpression></input>
    <output id="o" name="prix" typeRef="number"/>
    <rule id="r1">
      <inputEntry id="a"><text>&lt; 500</text></inputEntry><outputEntry id="b"><text>1</text></outputEntry></rule>
    <rule id="r2"><inputEntry id="c"><text>-</text></inputEntry><outputEntry id="e"><text>4</text></outputEntry></rule>
  </decisionTable></decision>
</definitions>"""


def test_user_and_manual_tasks_follow_each_other(database: Database) -> None:
    house = House(
        database,
        process(
            "p",
            lane("agent", start(), user_task("a"), manual_task("b"), end("fin", statut="clos")),
            "debut -> a -> b -> fin",
        ),
    )
    assert {node.id for node in house.start(x=1).opened.values()} == {"a"}
    outcome = house.do("a", nom="Léna", age=6)
    assert (outcome.visited, outcome.ended) == (("a",), False)
    assert house.data("b") == {"x": 1, "nom": "Léna", "age": 6}
    outcome = house.do("b")
    assert (outcome.ended, outcome.status, house.open()) == (True, "clos", [])
    assert house.ended


def test_a_user_task_that_names_a_variable_keeps_its_values_together(sqlite_database: Database) -> None:
    xml = process("p", start(), user_task("a"), user_task("b"), end(), "debut -> a -> b -> fin")
    variable = b"<spiffworkflow:variableName>saisie</spiffworkflow:variableName>"
    named = b"<bpmn:extensionElements>" + variable + b"</bpmn:extensionElements>"
    house = House(
        sqlite_database, xml.replace(b'<bpmn:userTask id="a" name="a">', b'<bpmn:userTask id="a" name="a">' + named)
    )
    house.start()
    house.do("a", nom="Léna")
    assert house.data("b") == {"saisie": {"nom": "Léna"}}


def test_a_script_assigns_variables(sqlite_database: Database) -> None:
    house = House(
        sqlite_database,
        process(
            "p",
            start(),
            script("calcul", "total = prix * 2\nsuite = total + 1"),
            user_task("a"),
            end(),
            "debut -> calcul -> a -> fin",
        ),
    )
    house.start(prix=4)
    assert house.data("a") == {"prix": 4, "total": 8, "suite": 9}


def test_a_synchronous_service_leaves_its_result_under_its_variable(database: Database) -> None:
    house = House(
        database,
        process(
            "p",
            start(),
            user_task("a"),
            service("s", "essai.rendre", {"valeur": "nom"}, result="r"),
            user_task("b"),
            end(),
            "debut -> a -> s -> b -> fin",
        ),
    )
    house.start()
    house.do("a", nom="Léna")
    assert house.data("b")["r"] == {"valeur": "Léna"}
    assert house.world.calls == ["rendre Léna"]


def make_slow(database: Database) -> House:
    house = House(
        database,
        process(
            "p", start(), user_task("a"), service("s", "essai.lente", {"valeur": "'x'"}, result="r"),
            boundary("complet", "s", error("complet")), user_task("b"), user_task("attente"), end(),
            "debut -> a -> s -> b -> fin", "complet -> attente -> fin",
        ),
    )  # fmt: skip
    house.start()
    house.do("a")
    return house


def test_an_asynchronous_service_waits_for_its_result_and_takes_it_once(database: Database) -> None:
    house = make_slow(database)
    (task_id,) = house.asked()
    assert house.open() == []
    with house.step() as (session, instance):
        assert house.runtime.asked_operation(session, house.facts, instance, task_id) == (
            "essai.lente",
            {"valeur": "x"},
        )
    house.resume(task_id, {"fait": True})
    assert house.data("b")["r"] == {"fait": True}
    with pytest.raises(NotWaiting):
        house.resume(task_id, {"fait": False})
    assert house.data("b")["r"] == {"fait": True}


def test_an_asynchronous_service_may_end_in_its_error(database: Database) -> None:
    house = make_slow(database)
    (task_id,) = house.asked()
    house.resume(task_id, BusinessError("complet", "Plus de place"))
    assert house.open() == ["attente"]
    with pytest.raises(NotWaiting):
        house.resume(task_id, {"fait": True})
    assert house.do("attente").ended


def test_an_error_of_an_asynchronous_service_that_nothing_catches_is_an_incident(sqlite_database: Database) -> None:
    house = make_slow(sqlite_database)
    (task_id,) = house.asked()
    house.resume(task_id, BusinessError("inconnue", "Surprise"))
    (incident,) = house.incidents()
    assert (incident.node, "Surprise" in incident.cause) == ("s", True)
    house.retry()
    assert house.asked() == [task_id, task_id]
    house.resume(task_id, {"fait": True})
    assert (house.incidents(), house.open()) == ([], ["b"])


def test_an_operation_given_up_is_an_incident_and_can_be_asked_again(sqlite_database: Database) -> None:
    house = make_slow(sqlite_database)
    (task_id,) = house.asked()
    with house.step() as (session, instance):
        house.runtime.give_up(session, house.facts, instance, task_id, "le serveur ne répond pas")
    assert [incident.cause for incident in house.incidents()] == ["le serveur ne répond pas"]
    house.retry()
    assert (len(house.asked()), house.incidents()) == (2, [])


def test_a_business_rule_reads_its_table(sqlite_database: Database) -> None:
    house = House(
        sqlite_database,
        process("p", start(), rule("r", "tarif"), user_task("a"), end(), "debut -> r -> a -> fin"),
        decisions={"decisions/tarif.dmn": DMN},
    )
    house.start(quotient=300)
    assert house.data("a")["prix"] == 1


def test_a_receive_task_waits_for_its_message_and_keeps_what_it_carries(database: Database) -> None:
    xml = process("p", start(), receive("r", message("reponse")), user_task("a"), end(), "debut -> r -> a -> fin")
    house = House(database, xml)
    house.start()
    assert house.awaited() == ["message reponse"]
    with pytest.raises(NotWaiting):
        house.send("autre")
    house.send("reponse", {"oui": True})
    assert (house.open(), house.awaited()) == (["a"], [])
    with pytest.raises(NotWaiting):
        house.send("reponse")


def test_a_send_task_reaches_another_case_through_a_fact(sqlite_database: Database) -> None:
    house = House(
        sqlite_database,
        process("p", start(), user_task("a"), send("s", message("bonjour")), end(), "debut -> a -> s -> fin"),
    )
    house.start()
    assert house.do("a").ended
    (fact,) = house.facts_of("engine.event_thrown")
    assert (fact["event"], fact["name"]) == ("MessageEventDefinition", "bonjour")


# --- Gateways --------------------------------------------------------------------------------------------------


def test_an_exclusive_gateway_takes_the_first_true_way_or_the_default(sqlite_database: Database) -> None:
    xml = process(
        "p", start(), xor("x"), user_task("a"), user_task("b"), user_task("c"), xor("j"), end(),
        "debut -> x", "x -> a if n > 10", "x -> b if n > 5", "x -> c default",
        "a -> j", "b -> j", "c -> j", "j -> fin",
    )  # fmt: skip
    for n, node in ((20, "a"), (7, "b"), (1, "c")):
        house = House(sqlite_database, xml)
        house.start(n=n)
        assert house.open() == [node]
        assert house.do(node).ended


def test_a_parallel_gateway_waits_for_all_its_branches_in_any_order(database: Database) -> None:
    xml = process(
        "p", start(), parallel("f"), user_task("a"), user_task("b"), parallel("j"), user_task("c"), end(),
        "debut -> f -> a -> j", "f -> b -> j", "j -> c -> fin",
    )  # fmt: skip
    for first, second in (("a", "b"), ("b", "a")):
        house = House(database, xml)
        house.start()
        assert house.open() == ["a", "b"]
        house.do(first, **{first: 1})
        assert house.open() == [second]
        house.do(second, **{second: 2})
        assert house.data("c") == {first: 1, second: 2}
        assert house.do("c").ended


def test_a_parallel_region_in_a_loop_waits_again_each_time(sqlite_database: Database) -> None:
    house = House(
        sqlite_database,
        process(
            "p", start(), xor("m"), parallel("f"), user_task("a"), user_task("b"), parallel("j"), user_task("c"),
            xor("x"), end(),
            "debut -> m -> f -> a -> j", "f -> b -> j", "j -> c -> x", "x -> m if encore", "x -> fin default",
        ),
    )  # fmt: skip
    house.start()
    for turn in range(30):
        house.do("a" if turn % 2 else "b", tour=turn)
        assert len(house.open()) == 1
        house.do("b" if turn % 2 else "a")
        assert house.open() == ["c"]
        house.do("c", encore=turn < 29)
    assert house.ended


def test_an_inclusive_gateway_waits_for_the_branches_it_opened(database: Database) -> None:
    xml = process(
        "p", start(), inclusive("f"), user_task("a"), user_task("b"), user_task("d"), inclusive("j"), user_task("c"),
        end(),
        "debut -> f", "f -> a if x", "f -> b if y", "f -> d default", "a -> j", "b -> j", "d -> j", "j -> c -> fin",
    )  # fmt: skip
    for given, opened in (
        ({"x": True, "y": True}, ["a", "b"]),
        ({"x": True, "y": False}, ["a"]),
        ({"x": False, "y": False}, ["d"]),
    ):
        house = House(database, xml)
        house.start(**given)
        assert house.open() == opened
        for node in opened:
            assert "c" not in house.open()
            house.do(node)
        assert house.open() == ["c"]


def test_an_event_based_gateway_goes_the_way_of_the_first_event(database: Database) -> None:
    from datetime import UTC, datetime

    from app import clock

    xml = process(
        "p", start(), event_gateway("g"), catch("oui", message("oui")), catch("non", message("non")),
        catch("tard", after("'P2D'")), catch("plus_tard", after("'P5D'")), user_task("a"), user_task("b"),
        user_task("c"), user_task("d"), end(),
        "debut -> g", "g -> oui -> a -> fin", "g -> non -> b -> fin", "g -> tard -> c -> fin",
        "g -> plus_tard -> d -> fin",
    )  # fmt: skip
    with clock.frozen(datetime(2026, 11, 20, 8, tzinfo=UTC)) as time:
        for name, node in (("oui", "a"), ("non", "b")):
            house = House(database, xml)
            house.start()
            assert house.awaited() == ["message non", "message oui"]
            assert [timer.due_at for timer in house.timers()] == [datetime(2026, 11, 22, 8, tzinfo=UTC)]
            house.send(name)
            assert (house.open(), house.awaited(), house.timers()) == ([node], [], [])
        house = House(database, xml)
        house.start()
        time.advance(days=30)
        house.tick()
        assert house.open() == ["c"], "of two timers that are due, the earlier one wins"
        assert house.do("c").ended
