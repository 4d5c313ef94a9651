"""What verify proves by exploring every state: reachability, completion, joins, statuses, size."""

import time

import pytest

from app.engine.verify import verify
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
    inclusive,
    lane,
    message,
    parallel,
    process,
    script,
    service,
    start,
    sub_process,
    terminate,
    throw,
    xor,
)
from tests.engine.verify_folder import CATALOGUE, errors_at, make_files, problems_of, said, simple, step, warnings_at


def test_a_node_that_no_state_reaches_is_named() -> None:
    problems = problems_of(
        *simple(step("t"), parallel("joint"), step("u"), step("jamais"), flows="debut -> t -> fin"),
        "u -> joint -> jamais -> u",
    )
    assert errors_at(problems) == {"joint", "jamais", "u"}


def test_a_parallel_join_that_waits_for_an_exclusive_branch_is_a_deadlock() -> None:
    problems = problems_of(
        *simple(xor("choix"), step("a"), step("b"), parallel("joint"), flows="debut -> choix"),
        "choix -> a if vrai",
        "choix -> b default",
        "a -> joint",
        "b -> joint",
        "joint -> fin",
    )
    assert "joint" in errors_at(problems)
    assert "bloquée" in said(problems)


def test_a_parallel_split_closed_by_a_parallel_join_is_sound() -> None:
    items = simple(parallel("s"), step("a"), step("b"), step("c"), parallel("j"), flows="debut -> s -> a -> j -> fin")
    assert problems_of(*items, "s -> b -> j", "s -> c -> j") == []


def test_parallel_branches_that_meet_without_a_join_run_the_rest_twice() -> None:
    items = simple(parallel("s"), step("a"), step("b"), step("c"), flows="debut -> s -> a -> c -> fin")
    problems = problems_of(*items, "s -> b -> c")
    assert "c" in warnings_at(problems)
    assert "fin" in warnings_at(problems)


def test_a_branch_that_goes_back_out_of_a_parallel_block_is_refused() -> None:
    items = simple(parallel("s"), step("a"), step("b"), xor("g"), parallel("j"), flows="debut -> s -> a -> j -> fin")
    problems = problems_of(*items, "s -> b -> g", "g -> j default", "g -> s if vrai")
    assert errors_at(problems)


def test_a_circle_that_waits_for_nobody_is_refused() -> None:
    def circle(inside: Item) -> tuple[Item, ...]:
        return (*simple(step("t"), parallel("s"), inside, flows="debut -> t -> s -> fin"), "s -> dedans -> dedans")

    problems = problems_of(*circle(script("dedans", "a = 1")))
    assert "t" in errors_at(problems)
    assert "tourner en rond" in said(problems)
    assert "tourner en rond" not in said(problems_of(*circle(step("dedans"))))


def test_a_circle_with_a_way_out_is_sound() -> None:
    items = simple(step("n", form="nombre"), xor("g"), script("s", "montant = montant - 1"), flows="debut -> n -> g")
    assert problems_of(*items, "g -> s if montant > 0", "s -> g", "g -> fin default") == []


def test_a_loop_between_people_without_a_way_out_never_completes() -> None:
    items = simple(parallel("s"), step("t"), step("u"), flows="debut -> s -> t -> u -> t")
    problems = problems_of(*items, "s -> fin")
    assert {"t", "u"} <= errors_at(problems)
    assert "ne plus jamais se terminer" in said(problems)


def test_an_inclusive_gateway_waits_for_the_branches_that_were_opened_only() -> None:
    items = simple(
        step("n", form="nombre"), inclusive("o"), step("a"), step("b"), step("c"), inclusive("f"),
        flows="debut -> n -> o",
    )  # fmt: skip
    flows = (
        "o -> a if montant > 1",
        "o -> b if montant > 2",
        "o -> c default",
        "a -> f",
        "b -> f",
        "c -> f",
        "f -> fin",
    )
    assert problems_of(*items, *flows) == []


def test_inclusive_branches_closed_by_a_parallel_join_are_a_deadlock() -> None:
    items = simple(
        step("n", form="nombre"), inclusive("o"), step("a"), step("b"), parallel("f"), flows="debut -> n -> o"
    )
    assert "f" in errors_at(
        problems_of(*items, "o -> a if montant > 1", "o -> b default", "a -> f", "b -> f", "f -> fin")
    )


def test_an_event_gateway_takes_one_of_its_events() -> None:
    items = simple(
        event_gateway("g"), catch("m", message("oui")), catch("d", after("'P1D'")), step("a"),
        flows="debut -> g -> m -> a -> fin",
    )  # fmt: skip
    assert problems_of(*items, "g -> d -> fin") == []


def test_a_join_after_an_event_gateway_is_a_deadlock() -> None:
    items = simple(
        event_gateway("g"), catch("m", message("oui")), catch("d", after("'P1D'")), parallel("j"),
        flows="debut -> g -> m -> j -> fin",
    )  # fmt: skip
    assert "j" in errors_at(problems_of(*items, "g -> d -> j"))


# --- Boundary events and sub-processes -------------------------------------------------------------------------


def test_an_interrupting_event_takes_the_place_of_its_activity() -> None:
    items = simple(
        step("t"),
        boundary("trop_tard", "t", after("'P30D'")),
        end("expire", statut="annule"),
        flows="debut -> t -> fin",
    )
    assert problems_of(*items, "trop_tard -> expire") == []


def test_a_reminder_does_not_need_a_status_at_its_end() -> None:
    items = simple(
        step("t"), boundary("rappel", "t", after("'P3D'"), interrupting=False), service("m", "mail.envoyer"),
        end("rappelee"), flows="debut -> t -> fin",
    )  # fmt: skip
    assert problems_of(*items, "rappel -> m -> rappelee") == []


def test_a_reminder_that_waits_for_somebody_may_end_the_case_and_needs_a_status() -> None:
    items = simple(
        step("t"), boundary("rappel", "t", after("'P3D'"), interrupting=False), step("appeler"), end("rappelee"),
        flows="debut -> t -> fin",
    )  # fmt: skip
    problems = problems_of(*items, "rappel -> appeler -> rappelee")
    assert errors_at(problems) == {"rappelee"}
    assert "fin" in warnings_at(problems)


def test_an_event_that_interrupts_one_branch_of_a_join_is_a_deadlock() -> None:
    items = simple(
        parallel("s"), step("a"), step("b"), parallel("j"), boundary("x", "a", message("m")),
        end("perdue", statut="annule"), flows="debut -> s -> a -> j -> fin",
    )  # fmt: skip
    assert "j" in errors_at(problems_of(*items, "s -> b -> j", "x -> perdue"))


def test_a_sub_process_ends_when_all_its_tokens_have() -> None:
    inner = sub_process(
        "bloc",
        start("d"),
        parallel("s"),
        step("a"),
        step("b"),
        end("f1"),
        end("f2"),
        "d -> s -> a -> f1",
        "s -> b -> f2",
    )
    assert problems_of(*simple(inner, step("apres"), flows="debut -> bloc -> apres -> fin")) == []


def test_a_deadlock_inside_a_sub_process_is_found() -> None:
    inner = sub_process(
        "bloc", start("d"), xor("x"), step("a"), step("b"), parallel("j"), end("f"),
        "d -> x", "x -> a if vrai", "x -> b default", "a -> j", "b -> j", "j -> f",
    )  # fmt: skip
    assert "j" in errors_at(problems_of(*simple(inner, flows="debut -> bloc -> fin")))


def test_a_terminate_end_stops_its_own_scope_only() -> None:
    inner = sub_process(
        "bloc", start("d"), parallel("s"), step("a"), step("b"), end("f1", terminate()), end("f2"),
        "d -> s -> a -> f1", "s -> b -> f2",
    )  # fmt: skip
    assert problems_of(*simple(inner, step("apres"), flows="debut -> bloc -> apres -> fin")) == []


def test_an_error_end_is_caught_by_the_sub_process_that_contains_it() -> None:
    inner = sub_process("bloc", start("d"), step("a"), end("f", error("rate")), "d -> a -> f")
    caught = (inner, boundary("x", "bloc", error("rate")))
    problems = problems_of(*simple(*caught, end("fin2", statut="refuse"), flows="debut -> bloc -> fin"), "x -> fin2")
    assert errors_at(problems) == {"fin"}  # the sub-process never ends normally
    assert "jamais atteinte" in said(problems)


@pytest.mark.parametrize("caught", [None, "autre"])
def test_an_error_that_nothing_catches_is_refused(caught: str | None) -> None:
    items: tuple[Item, ...] = (
        sub_process(
            "bloc",
            start("d"),
            xor("x"),
            end("f", error("rate")),
            end("g"),
            "d -> x",
            "x -> f if vrai",
            "x -> g default",
        ),
    )
    flows: tuple[Item, ...] = ()
    if caught:
        items += (boundary("b", "bloc", error(caught)), end("fin2", statut="refuse"))
        flows = ("b -> fin2",)
    problems = problems_of(*simple(*items, flows="debut -> bloc -> fin"), *flows)
    assert "f" in errors_at(problems)


def test_an_escalation_without_catcher_is_only_noticed() -> None:
    inner = sub_process("bloc", start("d"), throw("t", escalation("alerte")), end("f"), "d -> t -> f")
    assert warnings_at(problems_of(*simple(inner, flows="debut -> bloc -> fin"))) == {"t"}


def test_an_event_sub_process_may_end_the_case_with_its_own_status() -> None:
    handler = event_sub_process(
        "annulation",
        start("a", message("annuler")),
        step("constater"),
        end("z", statut="annule"),
        "a -> constater -> z",
    )
    items = (lane("agent", start("debut"), step("t"), end("fin", statut="clos"), handler), "debut -> t -> fin")
    assert problems_of(*items) == []  # type: ignore[arg-type]  # step is a node


def test_an_event_sub_process_without_status_at_its_end_is_refused() -> None:
    handler = event_sub_process("annulation", start("a", message("annuler")), end("z"), "a -> z")
    assert errors_at(problems_of(*simple(step("t"), flows="debut -> t -> fin"), handler)) == {"z"}


def test_a_non_interrupting_event_sub_process_runs_beside_the_case() -> None:
    handler = event_sub_process(
        "note", start("a", message("info"), interrupting=False), service("m", "mail.envoyer"), end("z"), "a -> m -> z"
    )
    assert problems_of(*simple(step("t"), flows="debut -> t -> fin"), handler) == []


# --- Statuses --------------------------------------------------------------------------------------------------


def test_a_status_that_goes_back_is_refused() -> None:
    problems = problems_of(*simple(step("t"), step("u", "en_attente"), flows="debut -> t -> u -> fin"))
    assert errors_at(problems) == {"u"}
    assert "« en_attente » après « traitement »" in said(problems)


def test_a_request_may_be_taken_back_only_while_it_waits() -> None:
    def taken_back_during(status: str) -> set[str]:
        items = simple(
            step("saisir", "brouillon"), step("t", status), boundary("m", "t", message("modifier")),
            flows="debut -> saisir -> t -> fin",
        )  # fmt: skip
        return errors_at(problems_of(*items, "m -> saisir"))

    assert taken_back_during("en_attente") == set()
    assert taken_back_during("traitement") == {"saisir"}


def test_a_timer_does_not_make_a_draft_again() -> None:
    items = simple(
        step("saisir", "brouillon"), step("t", "en_attente"), boundary("m", "t", after("'P1D'")),
        flows="debut -> saisir -> t -> fin",
    )  # fmt: skip
    assert errors_at(problems_of(*items, "m -> saisir")) == {"saisir"}


# --- Size ------------------------------------------------------------------------------------------------------


def test_a_process_of_sixty_nodes_is_proved_in_less_than_300_milliseconds() -> None:
    nodes: list[Item] = []
    flows = ["debut -> n0"]
    for number in range(12):
        nodes += [step(f"n{number}"), xor(f"x{number}"), step(f"a{number}"), service(f"b{number}", "mail.envoyer")]
        nodes += [boundary(f"m{number}", f"a{number}", message(f"retour{number}"))]
        following = f"n{number + 1}" if number < 11 else "fin"
        flows += [f"n{number} -> x{number}", f"x{number} -> a{number} if vrai", f"x{number} -> b{number} default"]
        flows += [f"a{number} -> {following}", f"b{number} -> {following}", f"m{number} -> n{number}"]
    files = make_files(process("essai", *simple(*nodes, flows=flows[0]), *flows[1:]))
    assert verify(files, CATALOGUE) == []
    best = min(_seconds(files) for _ in range(3))
    assert best < 0.3


def _seconds(files: dict[str, bytes]) -> float:
    before = time.perf_counter()
    verify(files, CATALOGUE)
    return time.perf_counter() - before


def test_five_parallel_branches_of_three_steps_are_still_proved() -> None:
    nodes: list[Item] = [parallel("s"), parallel("j")]
    flows = [f"s -> t{b}0 -> t{b}1 -> t{b}2 -> j" for b in range(5)]
    nodes += [step(f"t{b}{n}") for b in range(5) for n in range(3)]
    assert problems_of(*simple(*nodes, flows="debut -> s"), *flows, "j -> fin") == []


def test_a_process_with_too_many_states_is_refused_in_bounded_time() -> None:
    nodes: list[Item] = [parallel("s"), parallel("j")]
    nodes += [step(f"t{b}{n}") for b in range(12) for n in range(3)]
    flows = [f"s -> t{b}0 -> t{b}1 -> t{b}2 -> j" for b in range(12)]
    before = time.process_time()
    problems = problems_of(*simple(*nodes, flows="debut -> s"), *flows, "j -> fin")
    assert time.process_time() - before < 10
    assert errors_at(problems) == {"essai"}
    assert "trop complexe" in said(problems)
