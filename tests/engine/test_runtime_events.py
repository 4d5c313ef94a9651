"""Events, interrupting and not: timers, messages, signals, errors, escalations, terminate. Reloaded between steps."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from app import clock
from app.clock import FrozenClock
from app.db import Database
from app.engine.runtime import NotWaiting
from tests.engine.bpmn_builder import (
    Item,
    after,
    boundary,
    catch,
    end,
    error,
    escalation,
    event_gateway,
    event_sub_process,
    every,
    message,
    on_date,
    parallel,
    process,
    receive,
    service,
    signal,
    start,
    sub_process,
    terminate,
    throw,
    user_task,
)
from tests.engine.house import House

BEGIN = datetime(2026, 11, 20, 8, tzinfo=UTC)


@pytest.fixture
def time() -> Iterator[FrozenClock]:
    with clock.frozen(BEGIN) as frozen:
        yield frozen


def make(database: Database, *items: Item) -> House:
    return House(database, process("p", *items))


# --- Timers ----------------------------------------------------------------------------------------------------


def test_an_interrupting_timer_ends_its_activity_at_its_instant_and_not_before(
    database: Database, time: FrozenClock
) -> None:
    house = make(
        database, start(), user_task("a"), boundary("delai", "a", after("'PT24H'")), user_task("b"), end(),
        end("expire", statut="annule"), "debut -> a -> b -> fin", "delai -> expire",
    )  # fmt: skip
    house.start()
    time.advance(hours=23, minutes=59, seconds=59.999999)
    house.tick()
    assert house.open() == ["a"]
    time.advance(microseconds=1)
    outcome = house.tick()
    assert (outcome.ended, outcome.status, house.open()) == (True, "annule", [])


def test_a_timer_goes_with_its_activity(database: Database, time: FrozenClock) -> None:
    house = make(
        database, start(), user_task("a"), boundary("delai", "a", after("'PT24H'")), user_task("b"), end(),
        end("expire"), "debut -> a -> b -> fin", "delai -> expire",
    )  # fmt: skip
    house.start()
    house.do("a")
    assert house.timers() == []
    time.advance(days=2)
    house.tick()
    assert house.open() == ["b"]


def test_whoever_completes_before_the_tick_wins_over_a_timer_that_was_due(
    sqlite_database: Database, time: FrozenClock
) -> None:
    house = make(
        sqlite_database, start(), user_task("a"), boundary("delai", "a", after("'PT24H'")), user_task("b"),
        user_task("c"), end(), "debut -> a -> b -> fin", "delai -> c -> fin",
    )  # fmt: skip
    house.start()
    time.advance(days=2)
    house.do("a")
    assert house.open() == ["b"]


def test_a_non_interrupting_timer_adds_a_branch(database: Database, time: FrozenClock) -> None:
    house = make(
        database, start(), user_task("a"), boundary("rappel", "a", after("'P1D'"), interrupting=False),
        user_task("relancer"), end(), end("relance"), "debut -> a -> fin", "rappel -> relancer -> relance",
    )  # fmt: skip
    house.start()
    time.advance(days=1)
    house.tick()
    assert house.open() == ["a", "relancer"]
    time.advance(days=1)
    house.tick()
    assert house.open() == ["a", "relancer"]
    house.do("a")
    assert house.open() == ["relancer"], "the branch outlives the activity it hangs on"
    assert house.do("relancer").ended


@pytest.mark.parametrize("interrupting", [True, False])
@pytest.mark.parametrize("sequential", [True, False])
def test_a_repetition_may_follow_a_boundary_event_at_once(
    sqlite_database: Database, time: FrozenClock, interrupting: bool, sequential: bool
) -> None:
    house = make(
        sqlite_database, start(), user_task("a"), boundary("rappel", "a", after("'P1D'"), interrupting=interrupting),
        user_task("b", each=("liste", "x"), sequential=sequential), end(), end("relance"),
        "debut -> a -> fin", "rappel -> b -> relance",
    )  # fmt: skip
    house.start(liste=["u", "v"])
    time.advance(days=1)
    house.tick()
    assert house.incidents() == []
    assert house.open().count("b") == (1 if sequential else 2)
    house.do("b")
    house.do("b")
    assert house.ended or house.do("a").ended


def test_a_race_that_follows_a_boundary_event_may_be_won_at_once(sqlite_database: Database, time: FrozenClock) -> None:
    house = make(
        sqlite_database, start(), user_task("a"), boundary("note", "a", message("m"), interrupting=False),
        event_gateway("g"), catch("trop_tard", on_date("'2026-11-01T08:00'")), catch("reponse", message("n")),
        user_task("b"), user_task("c"), end(), end("fb"), end("fc"),
        "debut -> a -> fin", "note -> g -> trop_tard -> b -> fb", "g -> reponse -> c -> fc",
    )  # fmt: skip
    house.start()
    for turn in (1, 2):
        house.send("m")
        assert house.incidents() == []
        assert house.open() == ["a", *["b"] * turn]


def test_a_cycle_fires_as_many_times_as_it_says(database: Database, time: FrozenClock) -> None:
    house = make(
        database, start(), user_task("a"), boundary("rappel", "a", every("'R3/PT1H'"), interrupting=False),
        service("s", "essai.agir"), end(), end("relance"), "debut -> a -> fin", "rappel -> s -> relance",
    )  # fmt: skip
    house.start()
    for hour in range(1, 6):
        time.advance(minutes=59, seconds=59)
        house.tick()
        assert len(house.world.calls) == min(hour - 1, 3)
        time.advance(seconds=1)
        house.tick()
        assert len(house.world.calls) == min(hour, 3)
    assert house.timers() == []
    assert house.do("a").ended


def test_a_cycle_catches_up_after_a_stopped_clock(sqlite_database: Database, time: FrozenClock) -> None:
    house = make(
        sqlite_database, start(), user_task("a"), boundary("rappel", "a", every("'R3/PT1H'"), interrupting=False),
        user_task("r"), end(), end("relance"), "debut -> a -> fin", "rappel -> r -> relance",
    )  # fmt: skip
    house.start()
    time.advance(days=1)
    house.tick()
    assert house.open() == ["a", "r", "r", "r"]
    house.do("a")
    for left in (2, 1, 0):
        house.do("r")
        assert house.open() == ["r"] * left
    assert house.ended


def test_an_endless_cycle_fires_once_for_what_was_missed(sqlite_database: Database, time: FrozenClock) -> None:
    house = make(
        sqlite_database, start(), user_task("a"),
        boundary("rappel", "a", every("'R/2026-01-01T08:00/P1D'"), interrupting=False),
        service("s", "essai.agir"), end(), end("relance"), "debut -> a -> fin", "rappel -> s -> relance",
    )  # fmt: skip
    house.start()
    assert house.timers()[0].due_at == datetime(2026, 11, 21, 7, tzinfo=UTC), "what is past when it begins never was"
    time.advance(days=30)
    house.tick()
    assert len(house.world.calls) == 1
    assert house.timers()[0].due_at == datetime(2026, 12, 21, 7, tzinfo=UTC)


def test_an_intermediate_timer_waits_for_its_date(database: Database, time: FrozenClock) -> None:
    house = make(database, start(), catch("t", on_date("rentree")), user_task("a"), end(), "debut -> t -> a -> fin")
    house.start(rentree="2026-12-01T08:30")
    assert house.timers()[0].due_at == datetime(2026, 12, 1, 7, 30, tzinfo=UTC)
    time.set(datetime(2026, 12, 1, 7, 29, 59, tzinfo=UTC))
    house.tick()
    assert house.open() == []
    time.set(datetime(2026, 12, 1, 7, 30, tzinfo=UTC))
    house.tick()
    assert house.open() == ["a"]


def test_a_date_already_past_does_not_wait(sqlite_database: Database, time: FrozenClock) -> None:
    house = make(
        sqlite_database, start(), catch("t", on_date("'2026-01-01'")), user_task("a"), end(), "debut -> t -> a -> fin"
    )
    house.start()
    assert house.open() == ["a"]


@pytest.mark.parametrize("interrupting", [True, False])
def test_an_event_sub_process_starts_at_its_time(database: Database, time: FrozenClock, interrupting: bool) -> None:
    house = make(
        database, start(), user_task("a"), end(),
        event_sub_process(
            "relance", start("apres", after("'P2D'"), interrupting=interrupting), user_task("b"), end("fin_b"),
            "apres -> b -> fin_b",
        ),
        "debut -> a -> fin",
    )  # fmt: skip
    house.start()
    assert [timer.node for timer in house.timers()] == ["apres"]
    time.advance(days=2)
    house.tick()
    assert house.open() == (["b"] if interrupting else ["a", "b"])
    if not interrupting:
        house.do("a")
    assert house.do("b").ended


def test_an_event_sub_process_that_never_starts_does_not_hold_the_end_back(
    database: Database, time: FrozenClock
) -> None:
    house = make(
        database, start(), user_task("a"), end(statut="clos"),
        event_sub_process("relance", start("apres", after("'P2D'")), end("fin_b"), "apres -> fin_b"),
        "debut -> a -> fin",
    )  # fmt: skip
    house.start()
    outcome = house.do("a")
    assert (outcome.ended, outcome.status) == (True, "clos")


# --- Messages and signals --------------------------------------------------------------------------------------


def make_modifiable(database: Database, interrupting: bool) -> House:
    house = make(
        database, start(), user_task("a"), boundary("m", "a", message("precision", "recu"), interrupting=interrupting),
        user_task("b"), end(), end("fin_b"), "debut -> a -> fin", "m -> b -> fin_b",
    )  # fmt: skip
    house.start()
    return house


def test_an_interrupting_message_ends_its_activity(database: Database) -> None:
    house = make_modifiable(database, interrupting=True)
    house.send("precision", {"texte": "oui"})
    assert (house.open(), house.data("b")["recu"]) == (["b"], {"texte": "oui"})
    with pytest.raises(NotWaiting):
        house.send("precision")
    assert house.do("b").ended


def test_a_non_interrupting_message_may_come_again(database: Database) -> None:
    house = make_modifiable(database, interrupting=False)
    house.send("precision", {"n": 1})
    house.send("precision", {"n": 2})
    assert house.open() == ["a", "b", "b"]
    assert [house.data("b", number)["recu"] for number in (0, 1)] == [{"n": 1}, {"n": 2}]
    house.do("a")
    with pytest.raises(NotWaiting):
        house.send("precision")
    house.do("b")
    assert house.do("b").ended


def test_an_event_sub_process_catches_messages_in_a_sub_process_too(database: Database) -> None:
    house = make(
        database, start(), user_task("avant"),
        sub_process(
            "dossier", start("d"), user_task("a"), end("f"),
            event_sub_process(
                "abandon", start("m", message("abandonner")), user_task("b"), end("fin_b"), "m -> b -> fin_b"
            ),
            "d -> a -> f",
        ),
        user_task("apres"), end(), "debut -> avant -> dossier -> apres -> fin",
    )  # fmt: skip
    house.start()
    with pytest.raises(NotWaiting):
        house.send("abandonner")
    house.do("avant")
    house.send("abandonner")
    assert house.open() == ["b"]
    house.do("b")
    assert house.open() == ["apres"]


def test_a_message_thrown_is_caught_in_the_same_case(sqlite_database: Database) -> None:
    house = make(
        sqlite_database, start(), parallel("f"), receive("r", message("pret")), user_task("a"),
        throw("t", message("pret")), parallel("j"), end(), "debut -> f -> r -> j", "f -> a -> t -> j", "j -> fin",
    )  # fmt: skip
    house.start()
    assert house.do("a").ended
    assert house.facts_of("engine.event_thrown") == []


def test_a_signal_is_caught_here_and_told_elsewhere(database: Database) -> None:
    house = make(
        database, start(), parallel("f"), catch("c", signal("ouverture")), user_task("a"),
        throw("t", signal("ouverture")), parallel("j"), user_task("b"), end(),
        "debut -> f -> c -> j", "f -> a -> t -> j", "j -> b -> fin",
    )  # fmt: skip
    house.start()
    assert house.awaited() == ["signal ouverture"]
    house.do("a")
    assert house.open() == ["b"]
    (fact,) = house.facts_of("engine.event_thrown")
    assert (fact["event"], fact["name"], fact["case_id"]) == ("SignalEventDefinition", "ouverture", str(house.facts.id))


def test_a_signal_of_another_case_is_given_by_its_name(sqlite_database: Database) -> None:
    house = make(
        sqlite_database,
        start(),
        user_task("a"),
        boundary("s", "a", signal("fermeture")),
        user_task("b"),
        end(),
        "debut -> a -> fin",
        "s -> b -> fin",
    )
    house.start()
    house.send("fermeture")
    assert house.open() == ["b"]


# --- Errors, escalations, terminate ------------------------------------------------------------------------------


def test_an_error_of_an_operation_takes_the_way_that_is_drawn_and_leaves_no_trace(database: Database) -> None:
    house = make(
        database, start(), user_task("a"), service("s", "essai.agir"), boundary("plein", "s", error("complet")),
        user_task("b"), user_task("c"), end(), "debut -> a -> s -> b -> fin", "plein -> c -> fin",
    )  # fmt: skip
    house.start()
    house.world.behaviour = "complet"
    outcome = house.do("a")
    assert (house.open(), outcome.failures, house.incidents()) == (["c"], (), [])
    assert house.facts_of("essai.row") == house.facts_of("essai.trace") == []
    assert house.do("c").ended


def test_the_boundary_that_names_the_error_comes_before_one_that_catches_any(sqlite_database: Database) -> None:
    house = make(
        sqlite_database, start(), user_task("a"), service("s", "essai.agir"),
        boundary("toute", "s", error("autre")), boundary("plein", "s", error("complet")),
        user_task("b"), user_task("c"), end(), "debut -> a -> s -> fin", "toute -> b -> fin", "plein -> c -> fin",
    )  # fmt: skip
    house.start()
    house.world.behaviour = "complet"
    house.do("a")
    assert house.open() == ["c"]


def make_nested(database: Database, inner: tuple[Item, ...], *outer: Item) -> House:
    house = make(
        database, start(),
        sub_process(
            "dehors", start("d1"),
            sub_process("dedans", start("d2"), user_task("a"), *inner),
            *outer, user_task("suite"), end("f1"), "d1 -> dedans -> suite -> f1",
        ),
        boundary("loin", "dehors", error("grave")), user_task("secours"), user_task("apres"), end(),
        "debut -> dehors -> apres -> fin", "loin -> secours -> fin",
    )  # fmt: skip
    house.start()
    return house


def test_an_error_climbs_out_of_nested_sub_processes(database: Database) -> None:
    house = make_nested(database, (end("e", error("grave")), "d2 -> a -> e"))
    house.do("a")
    assert house.open() == ["secours"]
    assert house.do("secours").ended


def test_the_nearest_boundary_catches_the_error_alone(database: Database) -> None:
    house = make_nested(
        database, (end("e", error("grave")), "d2 -> a -> e"),
        boundary("pres", "dedans", error("grave")), user_task("ici"), "pres -> ici -> f1",
    )  # fmt: skip
    house.do("a")
    assert house.open() == ["ici"]
    house.do("ici")
    assert house.open() == ["apres"]


def test_an_error_does_not_reach_a_neighbour_that_catches_the_same(sqlite_database: Database) -> None:
    def branch(name: str) -> Item:
        return sub_process(
            f"sp_{name}",
            start(f"d_{name}"),
            user_task(name),
            end(f"e_{name}", error("grave")),
            f"d_{name} -> {name} -> e_{name}",
        )

    house = make(
        sqlite_database, start(), parallel("f"), branch("a"), branch("b"),
        boundary("ea", "sp_a", error("grave")), boundary("eb", "sp_b", error("grave")),
        user_task("ra"), user_task("rb"), end(),
        "debut -> f", "f -> sp_a -> fin", "f -> sp_b -> fin", "ea -> ra -> fin", "eb -> rb -> fin",
    )  # fmt: skip
    house.start()
    house.do("a")
    assert house.open() == ["b", "ra"]


def test_an_error_that_nothing_catches_is_an_incident_at_its_end_event(sqlite_database: Database) -> None:
    house = make(sqlite_database, start(), user_task("a"), end("e", error("grave")), "debut -> a -> e")
    house.start()
    house.do("a")
    (incident,) = house.incidents()
    assert (incident.node, house.ended) == ("e", False)


@pytest.mark.parametrize("interrupting", [True, False])
def test_an_escalation_tells_whoever_is_above(database: Database, interrupting: bool) -> None:
    house = make(
        database, start(),
        sub_process(
            "sp", start("d"), user_task("a"), throw("t", escalation("retard")), user_task("b"), end("f"),
            "d -> a -> t -> b -> f",
        ),
        boundary("esc", "sp", escalation("retard"), interrupting=interrupting), user_task("chef"), user_task("apres"),
        end(), end("fin_chef"), "debut -> sp -> apres -> fin", "esc -> chef -> fin_chef",
    )  # fmt: skip
    house.start()
    house.do("a")
    assert house.open() == (["chef"] if interrupting else ["b", "chef"])
    if not interrupting:
        house.do("b")
        house.do("apres")
    assert house.do("chef").ended


def test_an_escalation_that_nobody_catches_changes_nothing(sqlite_database: Database) -> None:
    house = make(
        sqlite_database,
        start(),
        user_task("a"),
        throw("t", escalation("retard")),
        user_task("b"),
        end(),
        "debut -> a -> t -> b -> fin",
    )
    house.start()
    house.do("a")
    assert (house.open(), house.incidents(), house.facts_of("engine.event_thrown")) == (["b"], [], [])


@pytest.mark.parametrize("kind", [error, escalation])
def test_an_event_sub_process_catches_what_is_thrown_in_its_scope(sqlite_database: Database, kind: object) -> None:
    event = kind("grave")  # type: ignore[operator]  # one of the builder's functions
    thrower = end("e", event)
    house = make(
        sqlite_database, start(), user_task("a"), thrower,
        event_sub_process("secours", start("s", event), user_task("b"), end("fin_b", statut="clos"), "s -> b -> fin_b"),
        "debut -> a -> e",
    )  # fmt: skip
    house.start()
    house.do("a")
    assert (house.open(), house.incidents()) == (["b"], [])
    assert house.do("b").status == "clos"


def test_terminate_ends_everything_in_its_scope(database: Database) -> None:
    house = make(
        database, start(), parallel("f"), user_task("a"), user_task("b"), end("stop", terminate(), statut="annule"),
        sub_process("sp", start("d"), user_task("c"), end("g"), "d -> c -> g"), end(),
        "debut -> f -> a -> stop", "f -> b -> fin", "f -> sp -> fin",
    )  # fmt: skip
    house.start()
    assert house.open() == ["a", "b", "c"]
    outcome = house.do("a")
    assert (outcome.ended, outcome.status, house.open()) == (True, "annule", [])
    assert house.facts_of("engine.event_thrown") == []


def test_terminate_in_a_sub_process_ends_only_that(sqlite_database: Database) -> None:
    house = make(
        sqlite_database, start(),
        sub_process(
            "sp", start("d"), parallel("f"), user_task("a"), user_task("b"), end("stop", terminate()), end("g"),
            "d -> f -> a -> stop", "f -> b -> g",
        ),
        user_task("apres"), end(), "debut -> sp -> apres -> fin",
    )  # fmt: skip
    house.start()
    house.do("a")
    assert house.open() == ["apres"]
