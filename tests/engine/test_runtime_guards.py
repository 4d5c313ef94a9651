"""What the engine refuses, what it undoes, and what becomes an incident."""

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import pytest
from SpiffWorkflow.util.task import TaskState
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from app.db import Database
from app.engine.instances import forget
from app.engine.models import Incident, Instance, Task
from app.engine.operations import CaseFacts
from app.engine.runtime import NotWaiting
from app.engine.specs import Definition, parse
from app.engine.state import StateError
from app.engine.steps import EngineFault, all_tasks
from app.errors import Refused
from app.outbox import OutboxFact
from tests.engine.bpmn_builder import (
    Item,
    after,
    boundary,
    catch,
    end,
    error,
    event_gateway,
    event_sub_process,
    every,
    inclusive,
    lane,
    message,
    parallel,
    process,
    script,
    service,
    signal,
    start,
    sub_process,
    throw,
    user_task,
    xor,
)
from tests.engine.house import AGENT, House, make_facts


def make(database: Database, *items: Item) -> House:
    house = House(database, process("p", *items))
    house.start()
    return house


def make_agreement(database: Database) -> House:
    """saisir → decider, then a service that follows ``world.behaviour``, then relire."""
    return make(
        database,
        lane("famille", start(), user_task("saisir", statut="brouillon")),
        lane(
            "agent",
            user_task("decider", statut="traitement"),
            service("agir", "essai.agir", result="r"),
            user_task("relire", statut="traitement"),
            end("fin", statut="clos"),
        ),
        "debut -> saisir -> decider -> agir -> relire -> fin",
    )


# --- Whose turn it is ------------------------------------------------------------------------------------------


def test_no_task_but_a_ready_human_one_can_be_completed(sqlite_database: Database) -> None:
    house = make(
        sqlite_database, start(), parallel("f"), user_task("a"), catch("c", message("m")), parallel("j"),
        user_task("b"), end(), boundary("delai", "a", after("'P1D'")), "debut -> f -> a -> j", "f -> c -> j",
        "j -> b -> fin", "delai -> fin",
    )  # fmt: skip
    workflow, _, _ = house.workflow()
    (open_task,) = house.tasks("a")
    others = [task for task in all_tasks(workflow, TaskState.ANY_MASK) if task.id != open_task.id]
    states = {task.state for task in others}
    assert {TaskState.WAITING, TaskState.COMPLETED, TaskState.FUTURE} <= states
    for task in others:
        with pytest.raises(NotWaiting):
            house.complete(task.id)
    with pytest.raises(NotWaiting):
        house.complete(uuid.uuid4())
    house.complete(open_task.id)
    with pytest.raises(NotWaiting):
        house.complete(open_task.id)


def test_a_cancelled_task_and_an_ended_case_refuse_everything(sqlite_database: Database) -> None:
    house = make(
        sqlite_database,
        start(),
        user_task("a"),
        boundary("m", "a", message("stop")),
        end(),
        end("arret"),
        "debut -> a -> fin",
        "m -> arret",
    )
    (task,) = house.tasks("a")
    assert house.send("stop").ended
    for act in (lambda: house.complete(task.id), lambda: house.send("stop"), house.tick, house.retry):
        with pytest.raises(NotWaiting):
            act()


def test_one_of_twenty_people_who_complete_the_same_task_wins(database: Database) -> None:
    house = make_agreement(database)
    house.forgetful = False
    (task,) = house.tasks("saisir")

    def try_it(number: int) -> str:
        try:
            with database.transaction() as session:
                instance = house.instance(session)
                house.runtime.complete(session, AGENT, house.facts, instance, task.id, {"qui": number})
        except NotWaiting:
            return "late"
        return "won"

    with ThreadPoolExecutor(20) as pool:
        results = list(pool.map(try_it, range(20)))
    assert sorted(results) == ["late"] * 19 + ["won"]
    assert house.open() == ["decider"]


def test_a_caller_that_forgot_to_lock_cannot_overwrite_a_newer_step(sqlite_database: Database) -> None:
    house = make_agreement(sqlite_database)
    with sqlite_database.transaction(read_only=True) as session:
        stale = session.scalars(select(Instance)).one()
    house.do("saisir")
    with pytest.raises(NotWaiting), sqlite_database.transaction() as session:
        house.runtime.fire_timers(session, house.facts, stale)


def test_nor_on_a_database_where_the_write_waits(database: Database) -> None:
    house = make_agreement(database)
    with database.transaction(read_only=True) as session:
        stale = session.scalars(select(Instance)).one()
    house.do("saisir")
    revision = stale.revision + 1

    def step() -> None:
        with database.transaction() as session:
            house.runtime.fire_timers(session, house.facts, stale)

    with pytest.raises((NotWaiting, IntegrityError)):
        step()
    with database.transaction(read_only=True) as session:
        assert session.scalars(select(Instance)).one().revision == revision


def test_two_steps_in_one_transaction_see_each_other(sqlite_database: Database) -> None:
    house = make_agreement(sqlite_database)
    with house.step() as (session, instance):
        (task,) = house.tasks("saisir")
        outcome = house.runtime.complete(session, AGENT, house.facts, instance, task.id, {})
        (following,) = outcome.opened
        house.runtime.complete(session, AGENT, house.facts, instance, following, {})
    assert house.open() == ["relire"]


# --- State -----------------------------------------------------------------------------------------------------


def test_a_state_of_another_release_is_refused(sqlite_database: Database) -> None:
    house = make_agreement(sqlite_database)
    for change in ({"serializer": "spiff-9/1"}, {"serializer": "portail-1", "state": b"garbage"}):
        with sqlite_database.transaction() as session:
            session.execute(update(Instance).values(**change))
        with pytest.raises(StateError), sqlite_database.transaction() as session:
            house.runtime.fire_timers(session, house.facts, house.instance(session))


@pytest.mark.parametrize(
    "value", [date(2026, 1, 1), {1, 2}, b"x", float("nan"), float("inf"), {1: "a"}, {"a": [{"b": object()}]}, 1j]
)
def test_what_is_not_json_is_refused_before_anything_is_written(sqlite_database: Database, value: Any) -> None:
    house = make_agreement(sqlite_database)
    before = house.instance_revision = house.workflow()[2].revision
    with pytest.raises(StateError):
        house.do("saisir", x=value)
    with pytest.raises(StateError), sqlite_database.transaction() as session:
        house.runtime.start(session, AGENT, make_facts(), "h", {"x": value})
    assert (house.open(), house.workflow()[2].revision) == (["saisir"], before)
    with sqlite_database.transaction(read_only=True) as session:
        assert len(session.scalars(select(Instance)).all()) == 1


def test_values_keep_their_exact_type_through_the_state(sqlite_database: Database) -> None:
    house = make_agreement(sqlite_database)
    house.do("saisir", a=1, b=1.0, c=True, d=None, e="é", f=[1, [True]], g={"x": {"y": 0}}, name="n", clear="c")
    house.do("decider", a=True, b=1, c=1, f=[1, [1]], g={"x": {"y": False}})
    data = house.data("relire")
    assert data["a"] is True
    assert type(data["b"]) is int
    assert type(data["c"]) is int
    assert data["f"] == [1, [1]]
    assert type(data["f"][1][0]) is int
    assert data["g"]["x"]["y"] is False
    assert (data["d"], data["e"], data["clear"], data["name"]) == (None, "é", "c", "n")


# --- Failures --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("behaviour", ["panne", "pas json"])
def test_an_operation_that_fails_is_an_incident_and_the_step_of_the_person_stays(
    database: Database, behaviour: str
) -> None:
    house = make_agreement(database)
    house.do("saisir")
    house.world.behaviour = behaviour
    outcome = house.do("decider", avis="oui")
    assert (house.open(), outcome.ended, outcome.visited) == ([], False, ("decider",))
    (incident,) = house.incidents()
    assert (incident.node, incident.node_name, incident.attempts, incident.reference) == (
        "agir",
        "agir",
        1,
        "26-ABCD-EFGH",
    )
    assert ("le calcul a échoué" if behaviour == "panne" else "JSON") in incident.cause
    assert house.facts_of("essai.row") == house.facts_of("essai.trace") == [], "what it did is undone"
    assert len(house.facts_of("incident.opened")) == 1

    house.retry()
    assert ([each.attempts for each in house.incidents()], len(house.facts_of("incident.opened"))) == ([2], 1)
    house.world.behaviour = "ok"
    house.retry()
    assert (house.incidents(), house.open(), house.data("relire")["avis"]) == ([], ["relire"], "oui")
    assert len(house.facts_of("essai.row")) == len(house.facts_of("essai.trace")) == 1


def test_a_failed_node_is_left_alone_by_the_steps_of_others(sqlite_database: Database) -> None:
    house = make(
        sqlite_database, start(), parallel("f"), service("agir", "essai.agir"), user_task("a"), user_task("b"),
        parallel("j"), end(), "debut -> f -> a -> b -> j", "f -> agir -> j", "j -> fin",
    )  # fmt: skip
    house = House(sqlite_database, house.files["process.bpmn"])
    house.world.behaviour = "panne"
    house.start()
    house.do("a")
    assert house.world.calls == ["agir"]
    assert ([each.attempts for each in house.incidents()], house.open()) == ([1], ["b"])
    house.world.behaviour = "ok"
    house.retry()
    assert house.do("b").ended
    assert house.incidents() == []


def test_an_incident_goes_when_its_node_is_interrupted(sqlite_database: Database) -> None:
    house = make(
        sqlite_database, start(), user_task("a"), service("agir", "essai.agir"),
        boundary("m", "agir", message("stop")), user_task("b"), end(), "debut -> a -> agir -> fin", "m -> b -> fin",
    )  # fmt: skip
    house.world.behaviour = "panne"
    house.do("a")
    assert len(house.incidents()) == 1
    house.send("stop")
    assert (house.incidents(), house.open()) == ([], ["b"])


def test_a_refusal_cancels_the_whole_step(database: Database) -> None:
    house = make_agreement(database)
    house.do("saisir")
    house.world.behaviour = "refuse"
    with pytest.raises(Refused, match="plus de place"):
        house.do("decider", avis="oui")
    assert (house.open(), house.incidents()) == (["decider"], [])
    assert "avis" not in house.data("decider")


def test_a_refusal_that_nobody_is_there_to_read_is_an_incident(sqlite_database: Database) -> None:
    from datetime import UTC, datetime

    from app import clock

    with clock.frozen(datetime(2026, 11, 20, tzinfo=UTC)) as time:
        house = make(
            sqlite_database,
            start(),
            catch("t", after("'P1D'")),
            service("agir", "essai.agir"),
            user_task("a"),
            end(),
            "debut -> t -> agir -> a -> fin",
        )
        house.world.behaviour = "refuse"
        time.advance(days=1)
        house.tick()
        assert [incident.cause for incident in house.incidents()] == ["Il n’y a plus de place."]


def test_a_gateway_without_a_way_out_is_an_incident(sqlite_database: Database) -> None:
    for gateway in (xor("x"), inclusive("x")):
        house = make(
            sqlite_database,
            start(),
            user_task("a"),
            gateway,
            user_task("b"),
            end(),
            "debut -> a -> x",
            "x -> b if n > 5",
            "x -> fin if n < 0",
            "b -> fin",
        )
        house.do("a", n=3)
        (incident,) = house.incidents()
        assert incident.node == "x"
        assert "aucune" in incident.cause
        house.retry()
        assert [each.attempts for each in house.incidents()] == [2]


@pytest.mark.parametrize(
    "item",
    [
        script("n", "y = inconnue + 1"),
        service("n", "essai.rendre", {"valeur": "inconnue"}),
        service("n", "essai.inconnue"),
        catch("n", after("inconnue")),
        catch("n", after("'demain'")),
        user_task("n", each=("inconnue", "x")),
        throw("n", error("sans_fin")),
    ],
)
def test_what_cannot_run_or_start_is_an_incident_in_french_at_its_node(sqlite_database: Database, item: Any) -> None:
    if item.tag == "intermediateThrowEvent":
        item = end("n", error("sans_fin"))
        house = make(sqlite_database, start(), user_task("a"), item, "debut -> a -> n")
    else:
        house = make(sqlite_database, start(), user_task("a"), item, end(), "debut -> a -> n -> fin")
    outcome = house.do("a", reponse="gardée")
    (incident,) = house.incidents()
    assert (incident.node, outcome.failures[0].node, house.ended) == ("n", "n", False)
    assert any(word in incident.cause for word in ("variable", "opération", "durée", "liste", "erreur")), incident.cause
    house.retry()
    assert [each.attempts for each in house.incidents()] == [2]


def test_a_boundary_that_cannot_start_does_not_hold_its_activity(sqlite_database: Database) -> None:
    house = make(
        sqlite_database,
        start(),
        user_task("a"),
        boundary("t", "a", after("inconnue")),
        user_task("b"),
        end(),
        "debut -> a -> b -> fin",
        "t -> fin",
    )
    assert (house.open(), [each.node for each in house.incidents()]) == (["a"], ["t"])
    house.do("a")
    assert (house.open(), house.incidents()) == (["b"], [])
    assert house.do("b").ended


def test_a_diagram_that_turns_in_a_circle_is_stopped_and_can_still_be_read(sqlite_database: Database) -> None:
    house = make(
        sqlite_database,
        start(),
        user_task("a"),
        xor("m"),
        script("s", "n = 1"),
        xor("x"),
        end(),
        "debut -> a -> m -> s -> x",
        "x -> m if n == 1",
        "x -> fin default",
    )
    house.do("a")
    (incident,) = house.incidents()
    assert "tourne en rond" in incident.cause
    assert not house.ended
    assert len(house.workflow()[2].state) < 1000


def test_a_fault_half_way_undoes_the_step_and_is_recorded_on_the_persons_task(database: Database) -> None:
    xml = process("p", start(), user_task("a"), user_task("b"), end(), "debut -> a -> b -> fin")
    script = b"<spiffworkflow:postScript>x = nulle_part</spiffworkflow:postScript>"
    post = b"<bpmn:extensionElements>" + script + b"</bpmn:extensionElements>"
    house = House(database, xml.replace(b'<bpmn:userTask id="a" name="a">', b'<bpmn:userTask id="a" name="a">' + post))
    house.start()
    with pytest.raises(EngineFault) as caught:
        house.do("a")
    fault = caught.value
    (task,) = house.tasks("a")
    assert (fault.task_id, fault.facts) == (task.id, house.facts)
    for attempt in (1, 2):
        with database.transaction() as session:
            assert house.runtime.record_fault(session, house.facts, fault.task_id, fault)
        assert [(each.task_id, each.node, each.attempts) for each in house.incidents()] == [(task.id, "a", attempt)]
    house.do("a", nulle_part=1)
    assert (house.incidents(), house.open()) == ([], ["b"])


def test_a_fault_without_a_case_records_nothing(sqlite_database: Database) -> None:
    house = make_agreement(sqlite_database)
    with sqlite_database.transaction() as session:
        assert not house.runtime.record_fault(session, make_facts(), None, EngineFault("n", "cause"))
        assert session.scalars(select(Incident)).all() == []


def test_forgetting_a_draft_leaves_nothing(sqlite_database: Database) -> None:
    house = make_agreement(sqlite_database)
    with sqlite_database.transaction() as session:
        forget(session, house.facts.id)
    assert house.rows(Task) == house.rows(Instance) == []


# --- Shared definitions ----------------------------------------------------------------------------------------


def everything() -> bytes:
    """A process with everything that SpiffWorkflow might note in its specs while it runs."""
    return process(
        "p",
        start(),
        parallel("f"),
        user_task("noter", each=("enfants", "enfant"), collect=("notes", "note")),
        boundary("rappel", "noter", every("'R3/PT1H'"), interrupting=False),
        end("rappele"),
        sub_process(
            "sp", start("d"), user_task("b"), end("g"), "d -> b -> g", each=("enfants", "enfant"), sequential=True
        ),
        event_gateway("g1"),
        catch("oui", message("oui")),
        catch("tard", after("'P2D'")),
        xor("m"),
        event_sub_process(
            "esp", start("s", signal("alerte"), interrupting=False), user_task("c"), end("h"), "s -> c -> h"
        ),
        parallel("j"),
        inclusive("i"),
        user_task("fin_a"),
        user_task("fin_b"),
        inclusive("k"),
        end(),
        "debut -> f -> noter -> j",
        "f -> sp -> j",
        "f -> g1",
        "g1 -> oui -> m",
        "g1 -> tard -> m",
        "m -> j",
        "j -> i",
        "i -> fin_a if notes[0] > 0",
        "i -> fin_b default",
        "fin_a -> k",
        "fin_b -> k",
        "k -> fin",
        "rappel -> rappele",
    )


def play(house: House, facts: CaseFacts, number: int) -> list[Any]:
    """One case through ``everything``, with data of its own."""
    database, runtime = house.database, house.runtime

    def step(act: Any) -> Any:
        with database.transaction() as session:
            instance = session.scalars(select(Instance).where(Instance.case_id == facts.id).with_for_update()).one()
            return act(session, instance)

    def do(node: str, **values: Any) -> Any:
        with database.transaction(read_only=True) as session:
            query = (
                select(Task.id).where(Task.case_id == facts.id, Task.node == node, Task.closed_at.is_(None)).limit(1)
            )
            task_id = session.execute(query).scalar_one()
        return step(lambda session, instance: runtime.complete(session, AGENT, facts, instance, task_id, values))

    with database.transaction() as session:
        runtime.start(session, AGENT, facts, "h", {"enfants": [f"e{number}", f"f{number}"]})
    step(lambda session, instance: runtime.send(session, AGENT, facts, instance, "alerte"))
    do("noter", note=number)
    do("b")
    step(lambda session, instance: runtime.send(session, AGENT, facts, instance, "oui"))
    do("noter", note=number)
    do("c")
    do("b")
    outcome = do("fin_a" if number else "fin_b", numero=number)
    assert outcome.ended
    return [number]


def fingerprint(definition: Definition) -> str:
    """Everything the specs hold, to see whether running changes it."""
    seen: list[str] = []
    for spec in (definition.spec, *definition.subprocess_specs.values()):
        for name, task_spec in spec.task_specs.items():
            attributes = {
                key: repr(value)
                for key, value in vars(task_spec).items()
                if isinstance(value, str | int | float | bool | list | dict | tuple | type(None)) and key != "_wf_spec"
            }
            event = getattr(task_spec, "event_definition", None)
            subscribers = task_spec.completed_event.n_subscribers() if task_spec.completed_event.hard_subscribers else 0
            inner = (
                {key: repr(value) for key, value in vars(event).items() if key != "event_definitions"} if event else {}
            )
            seen.append(f"{spec.name}.{name}: {attributes} {inner} {type(event).__name__} {subscribers}")
    return "\n".join(sorted(seen))


def test_a_definition_is_shared_by_twenty_threads_and_never_changes(sqlite_database: Database) -> None:
    house = House(sqlite_database, everything(), forgetful=False)
    with sqlite_database.transaction(read_only=True) as session:
        definition = house.runtime.definition(session, "h")
    before = fingerprint(definition)
    everyone = [make_facts(reference=f"R-{number}") for number in range(40)]
    with ThreadPoolExecutor(20) as pool:
        assert [done[0] for done in pool.map(lambda n: play(house, everyone[n], n), range(40))] == list(range(40))
    assert fingerprint(definition) == before
    for number, facts in enumerate(everyone):
        house.facts = facts
        data = house.last_data()
        assert (data["notes"], data["enfants"]) == ([number, number], [f"e{number}", f"f{number}"])


def test_threads_that_want_the_same_version_at_once_get_one(sqlite_database: Database) -> None:
    house = make_agreement(sqlite_database)
    house.runtime = house._runtime()
    barrier, found = threading.Barrier(8), []

    def ask() -> None:
        barrier.wait()
        with sqlite_database.transaction(read_only=True) as session:
            found.append(house.runtime.definition(session, "h"))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(definition) for definition in found}) == 1


def test_the_cache_forgets_the_version_used_longest_ago() -> None:
    from app.engine.specs import SpecCache

    xml = process("p", start(), end(), "debut -> fin")
    asked: list[str] = []

    def load(name: str) -> Any:
        asked.append(name)
        return {"process.bpmn": xml}, {}

    cache = SpecCache(size=2)
    for name in ("a", "b", "a", "c", "a", "b"):
        cache.get(name, load)
    assert asked == ["a", "b", "c", "b"]
    assert parse("x", {"process.bpmn": xml}, {}).bundle_hash == "x"


def test_nothing_of_an_undone_step_reaches_the_outbox(sqlite_database: Database) -> None:
    house = make_agreement(sqlite_database)
    house.do("saisir")
    house.world.behaviour = "refuse"
    with pytest.raises(Refused):
        house.do("decider")
    with sqlite_database.transaction(read_only=True) as session:
        assert session.scalars(select(OutboxFact.kind)).all() == []
