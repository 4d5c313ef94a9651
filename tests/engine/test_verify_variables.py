"""What verify says of expressions, variables, gateways and everything the diagram refers to."""

import json

import pytest

from app.engine.verify import INITIAL_VARIABLES, verify
from tests.engine.bpmn_builder import (
    Event,
    Item,
    after,
    boundary,
    call,
    catch,
    end,
    error,
    event_sub_process,
    every,
    flow,
    inclusive,
    lane,
    message,
    on_date,
    parallel,
    process,
    raw,
    receive,
    rule,
    script,
    send,
    service,
    start,
    sub_process,
    user_task,
    xor,
)
from tests.engine.test_decisions import make_dmn
from tests.engine.verify_folder import (
    CATALOGUE,
    FORMS,
    errors_at,
    make_files,
    problems_of,
    said,
    simple,
    step,
    warnings_at,
)

# --- Expressions -----------------------------------------------------------------------------------------------

ATTACKS = ["__import__('os').system('id')", "demarche.__class__", "2 ** 10 ** 10", "[x for x in demarche]", "eval('1')"]


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_is_refused_wherever_an_expression_may_stand(attack: str) -> None:
    places: dict[str, tuple[Item, ...]] = {
        "c": (
            *simple(xor("c"), end("z", statut="clos"), flows=f"debut -> c -> fin if {attack}"),
            "c -> z default",
        ),
        "s": simple(script("s", f"a = {attack}"), flows="debut -> s -> fin"),
        "p": simple(service("p", "absence.enregistrer", {"enfant": attack}), flows="debut -> p -> fin"),
        "d": simple(catch("d", after(attack)), flows="debut -> d -> fin"),
        "e": simple(catch("e", on_date(attack)), flows="debut -> e -> fin"),
        "n": simple(user_task("n", statut="traitement", times=attack), flows="debut -> n -> fin"),
    }
    for where, items in places.items():
        problems = problems_of(*items)
        assert errors_at(problems) == {where}, said(problems)
        assert "refusé" in said(problems)


@pytest.mark.parametrize("tag", ["preScript", "postScript"])
def test_scripts_around_a_step_are_checked_too(tag: str) -> None:
    xml = process("essai", *simple(step("t"), flows="debut -> t -> fin"))
    attack = f"<bpmn:extensionElements><spiffworkflow:{tag}>import os</spiffworkflow:{tag}>".encode()
    problems = verify(make_files(xml.replace(b"<bpmn:extensionElements>", attack, 1)), CATALOGUE)
    assert errors_at(problems) == {"t"}


def test_a_form_s_expressions_are_checked_with_its_own_variables() -> None:
    def problems_with(expression: str) -> str:
        facts = {"variables": {"motif": "text"}, "expressions": [["affichage de precision", expression]]}
        return said(problems_of(*simple(step("t", form="f"), flows="debut -> t -> fin"), forms={"f": facts}))

    assert problems_with("motif == 'autre' and demarche == 'x'") == ""
    assert "« affichage" not in problems_with("motif")
    assert "« absente »" in problems_with("absente == 1")
    assert "refusé" in problems_with("motif.upper()")


# --- Variables -------------------------------------------------------------------------------------------------


def test_the_initial_variables_are_known_from_the_start() -> None:
    lines = "\n".join(f"copie_{name} = {name}" for name in sorted(INITIAL_VARIABLES))
    assert problems_of(*simple(script("s", lines), flows="debut -> s -> fin")) == []


def test_a_variable_that_nothing_fills_is_an_error_at_the_element_that_reads_it() -> None:
    problems = problems_of(*simple(script("s", "a = absente"), flows="debut -> s -> fin"))
    assert errors_at(problems) == {"s"}
    assert "« absente »" in said(problems)


def test_a_variable_filled_later_only_is_an_error() -> None:
    items = simple(script("s", "a = montant"), step("t", form="nombre"), flows="debut -> s -> t -> fin")
    assert errors_at(problems_of(*items)) == {"s"}


def test_a_variable_filled_on_one_path_only_is_a_warning() -> None:
    items = simple(
        step("n", form="decision"), xor("x"), step("t", form="nombre"), script("s", "a = montant"),
        flows="debut -> n -> x -> t -> s -> fin",
    )  # fmt: skip
    items = (*items[:1], "debut -> n -> x", "x -> t if decision == 'accepter'", "x -> s default", "t -> s -> fin")
    problems = problems_of(*items)
    assert errors_at(problems) == set()
    assert warnings_at(problems) == {"s"}


def test_parallel_branches_all_count_at_their_join() -> None:
    items = simple(
        parallel("p"), step("a", form="nombre"), step("b", form="saisie"), parallel("j"),
        script("s", "x = montant\ny = motif"), flows="debut -> p -> a -> j -> s -> fin",
    )  # fmt: skip
    assert problems_of(*items, "p -> b -> j") == []


def test_inclusive_branches_may_not_have_run_at_their_join() -> None:
    items = simple(
        step("n", form="decision"), inclusive("p"), step("a", form="nombre"), step("b"), inclusive("j"),
        script("s", "x = montant"), flows="debut -> n -> p",
    )  # fmt: skip
    flows = ("p -> a if decision == 'accepter'", "p -> b default", "a -> j", "b -> j", "j -> s -> fin")
    assert warnings_at(problems_of(*items, *flows)) == {"s"}


def test_an_interrupted_step_has_not_filled_its_form() -> None:
    items = simple(
        step("t", form="nombre"), boundary("m", "t", message("m")), script("s", "a = montant"),
        end("z", statut="annule"), flows="debut -> t -> fin",
    )  # fmt: skip
    assert errors_at(problems_of(*items, "m -> s -> z")) == {"s"}


def test_what_follows_an_interrupted_sub_process_knows_only_what_it_started_with() -> None:
    block = sub_process("bloc", start("d"), step("t", form="nombre"), step("u"), end("f"), "d -> t -> u -> f")
    items = simple(
        block, boundary("m", "bloc", message("m")), script("s", "a = montant"), script("r", "a = montant"),
        end("z", statut="annule"), flows="debut -> bloc -> r -> fin",
    )  # fmt: skip
    assert errors_at(problems_of(*items, "m -> s -> z")) == {"s"}


def test_an_event_sub_process_knows_only_what_the_case_started_with() -> None:
    handler = event_sub_process(
        "e",
        start("a", message("m")),
        script("s", "x = montant\ny = demarche"),
        end("z", statut="annule"),
        "a -> s -> z",
    )
    problems = problems_of(*simple(step("t", form="nombre"), flows="debut -> t -> fin"), handler)
    assert errors_at(problems) == {"s"}
    assert "« montant »" in said(problems)
    assert "« demarche »" not in said(problems)


def test_a_loop_reads_what_the_first_turn_does_not_know_yet() -> None:
    items = simple(xor("x"), script("s", "total = total + 1"), step("t"), flows="debut -> s -> x")
    problems = problems_of(*items, "x -> t if total < 3", "t -> s", "x -> fin default")
    assert warnings_at(problems) == {"s"}


def test_the_element_of_a_repetition_is_known_inside_it_only() -> None:
    items = simple(
        step("n", form="nombre"),
        service("s", "absence.enregistrer", {"enfant": "enfant['id']"}, each=("enfants", "enfant")),
        script("apres", "a = enfant"),
        flows="debut -> n -> s -> apres -> fin",
    )
    assert errors_at(problems_of(*items)) == {"apres"}


def test_the_results_of_a_repetition_are_known_after_it() -> None:
    items = simple(
        step("n", form="nombre"),
        user_task("m", statut="traitement", each=("enfants", "enfant"), collect=("avis", "motif"), form="saisie"),
        script("s", "a = longueur(avis)"),
        script("t", "b = enfant_id"),
        flows="debut -> n -> m -> s -> t -> fin",
    )
    assert errors_at(problems_of(*items)) == {"t"}


@pytest.mark.parametrize(
    ("each", "word"),
    [(("absents", "e"), "« absents »"), (("enfants[0]", "e"), "variable"), (("enfants", "montant"), "existe déjà")],
)
def test_a_repetition_needs_a_known_list_and_a_new_name(each: tuple[str, str], word: str) -> None:
    items = simple(
        step("n", form="nombre"), user_task("t", statut="traitement", each=each), flows="debut -> n -> t -> fin"
    )
    problems = problems_of(*items)
    assert errors_at(problems) == {"t"}
    assert word in said(problems)


def test_a_called_procedure_brings_back_variables_we_cannot_know() -> None:
    items = simple(call("c", "justificatif"), script("s", "a = inconnue"), flows="debut -> c -> s -> fin")
    problems = problems_of(*items)
    assert errors_at(problems) == set()
    assert warnings_at(problems) == {"s"}


def test_a_message_s_content_fills_its_variable() -> None:
    items = simple(
        catch("m", message("reponse", variable="reponse")), script("s", "a = reponse"), flows="debut -> m -> s -> fin"
    )
    assert problems_of(*items) == []


# --- Gateways --------------------------------------------------------------------------------------------------

EXHAUSTIVE = [
    ("montant > 3", "montant <= 3"),
    ("montant == 3", "montant != 3"),
    ("montant < 3", "montant in [3, 4]", "montant > 4", "montant > 3 and montant < 4"),
    ("accord", "not accord"),
    ("accord == vrai", "accord == faux"),
    ("decision == 'accepter'", "decision == 'completer'", "decision == 'refuser'"),
    ("decision in ['accepter', 'completer']", "decision == 'refuser'"),
    ("accord and montant > 3", "accord and montant <= 3", "not accord"),
]


def make_gateway(*conditions: str) -> tuple[Item, ...]:
    ends = [end(f"z{n}", statut="clos") for n in range(len(conditions))]
    flows = [flow("g", f"z{n}", when=condition) for n, condition in enumerate(conditions)]
    head = lane("agent", start("debut"), step("n", form="nombre"), step("d", form="decision"), xor("g"), *ends)  # type: ignore[arg-type]  # step is a node
    return (head, "debut -> n -> d -> g", *flows)


@pytest.mark.parametrize("conditions", EXHAUSTIVE, ids=[" | ".join(c) for c in EXHAUSTIVE])
def test_conditions_that_cover_every_case_need_no_default(conditions: tuple[str, ...]) -> None:
    assert problems_of(*make_gateway(*conditions)) == []


INCOMPLETE = [
    (("montant > 3", "montant < 3"), "montant = 3"),
    (("montant > 3", "montant < 2"), "montant = 2"),
    (("decision == 'accepter'", "decision == 'refuser'"), "decision = « completer »"),
    (("accord and montant > 3", "not accord"), "accord = vrai"),
    (("motif == 'a'", "motif == 'b'"), "une autre valeur"),
]


@pytest.mark.parametrize(("conditions", "example"), INCOMPLETE, ids=[e for _, e in INCOMPLETE])
def test_a_missing_case_is_shown_by_an_example(conditions: tuple[str, ...], example: str) -> None:
    items = make_gateway(*conditions)
    problems = problems_of(*items)
    errors = [problem for problem in problems if problem.severity == "error"]
    assert "g" in errors_at(errors)
    assert example in said(problems)


def test_conditions_that_cannot_be_compared_are_only_noticed() -> None:
    problems = problems_of(*make_gateway("longueur(enfants) > 1", "longueur(enfants) <= 1"))
    assert errors_at(problems) == set()
    assert warnings_at(problems) == {"g"}


def test_a_flow_without_condition_beside_others_is_refused() -> None:
    items = simple(step("n", form="nombre"), xor("g"), end("z", statut="clos"), flows="debut -> n -> g -> fin")
    assert errors_at(problems_of(*items, "g -> z if montant > 1")) == {"flux_3"}


def test_a_condition_on_the_default_flow_is_useless() -> None:
    items = simple(step("n", form="nombre"), xor("g"), end("z", statut="clos"), flows="debut -> n -> g")
    problems = problems_of(
        *items, "g -> fin if montant > 1", flow("g", "z", when="montant > 3", default=True, id="defaut")
    )
    assert errors_at(problems) == set()
    assert warnings_at(problems) == {"defaut"}


# --- References ------------------------------------------------------------------------------------------------


def test_a_form_must_exist_parse_and_be_used() -> None:
    items = simple(step("t", form="absent"), flows="debut -> t -> fin")
    assert errors_at(problems_of(*items)) == {"t"}
    unused = verify(make_files(process("essai", *items), {"absent": {}, "oublie": {}}), CATALOGUE)
    assert (errors_at(unused), warnings_at(unused)) == (set(), {"forms/oublie.json"})
    broken = make_files(process("essai", *items)) | {"forms/absent.json": b"{"}
    assert errors_at(verify(broken, CATALOGUE)) == {"forms/absent.json"}


def test_a_family_step_with_nothing_to_fill_is_noticed() -> None:
    items = (lane("famille", start("debut"), step("t", "brouillon"), end("fin", statut="clos")), "debut -> t -> fin")
    assert warnings_at(problems_of(*items)) == {"t"}  # type: ignore[arg-type]  # step is a node


SERVICES = [
    ("inconnue", {}, "n’existe pas"),
    ("absence.supprimer", {}, "absence.enregistrer"),
    ("absence.enregistrer", {}, "« enfant »"),
    ("absence.enregistrer", {"enfant": "demande_id", "autre": "1"}, "« autre »"),
    ("absence.enregistrer", {"enfant": "3"}, "identifiant"),
    ("absence.enregistrer", {"enfant": "demande_id", "jours": "'trois'"}, "entier"),
    ("absence.enregistrer", {"enfant": "demande_id", "jours": "True"}, "entier"),
    ("absence.enregistrer", {"enfant": "demande_id", "jours": "3.5"}, "entier"),
    ("absence.enregistrer", {"enfant": ""}, "refusé"),
    ("mail.envoyer", {"urgent": "1"}, "oui/non"),
    ("", {}, "aucune opération"),
]


@pytest.mark.parametrize(("operation", "parameters", "word"), SERVICES)
def test_a_service_calls_a_known_operation_with_its_parameters(
    operation: str, parameters: dict[str, str], word: str
) -> None:
    problems = problems_of(*simple(service("s", operation, parameters), flows="debut -> s -> fin"))
    assert errors_at(problems) == {"s"}
    assert word in said(problems)


def test_a_service_s_result_is_known_under_its_variable_only() -> None:
    items = simple(
        service("s", "absence.enregistrer", {"enfant": "demande_id", "jours": "3"}, result="absence"),
        script("t", "a = absence['absence_id']"), script("u", "b = absence_id"), flows="debut -> s -> t -> u -> fin",
    )  # fmt: skip
    assert errors_at(problems_of(*items)) == {"u"}


@pytest.mark.parametrize("name", ["__class__", "été", "a b", "vrai"])
def test_a_result_needs_a_plain_name(name: str) -> None:
    items = simple(
        service("s", "absence.enregistrer", {"enfant": "demande_id"}, result=name), flows="debut -> s -> fin"
    )
    assert errors_at(problems_of(*items)) == {"s"}


def test_a_service_task_without_operator_is_refused() -> None:
    items = simple(flows="debut -> s -> fin")
    xml = process("essai", *items, raw('<bpmn:serviceTask id="s"/>'))
    assert "s" in errors_at(verify(make_files(xml), CATALOGUE))


def test_business_errors_are_caught_by_their_codes() -> None:
    def problems_with(*codes: str) -> list[object]:
        catches = [boundary(f"c{n}", "s", error(code)) for n, code in enumerate(codes)]
        ends = [end(f"z{n}", statut="refuse") for n in range(len(codes))]
        items = simple(service("s", "place.reserver", result="place"), *catches, *ends, flows="debut -> s -> fin")
        return list(problems_of(*items, *(f"c{n} -> z{n}" for n in range(len(codes)))))

    assert problems_with("complet", "ferme") == []
    assert warnings_at(problems_with("complet")) == {"s"}  # type: ignore[arg-type]  # problems
    assert errors_at(problems_with("complet", "ferme", "autre")) == {"s"}  # type: ignore[arg-type]  # problems


def test_an_error_of_an_operation_that_raises_none_is_refused() -> None:
    anything = Event("errorEventDefinition")
    items = simple(
        service("s", "mail.envoyer"), boundary("c", "s", anything), end("z", statut="clos"), flows="debut -> s -> fin"
    )
    assert errors_at(problems_of(*items, "c -> z")) == {"s"}


def test_a_decision_must_exist_and_read_known_variables() -> None:
    items = simple(
        step("n", form="nombre"), rule("r", "tarif"), script("s", "a = tranche"), flows="debut -> n -> r -> s -> fin"
    )
    xml = process("essai", *items)
    good = make_files(xml) | {"decisions/t.dmn": make_dmn([("< 3", '"A"'), (">= 3", '"B"')], inputs=("montant",))}
    assert verify(good, CATALOGUE) == []
    assert "r" in errors_at(verify(make_files(xml), CATALOGUE))
    hole = good | {"decisions/t.dmn": make_dmn([("< 3", '"A"'), ("> 3", '"B"')], inputs=("montant",))}
    assert warnings_at(verify(hole, CATALOGUE)) == {"decisions/t.dmn"}
    unknown = good | {"decisions/t.dmn": make_dmn([("-", '"A"')], inputs=("quotient",))}
    assert errors_at(verify(unknown, CATALOGUE)) == {"r"}
    broken = good | {"decisions/t.dmn": b"<a/>"}
    assert {"r", "decisions/t.dmn"} <= errors_at(verify(broken, CATALOGUE))
    assert errors_at(verify(good | {"decisions/u.dmn": good["decisions/t.dmn"]}, CATALOGUE)) == {"decisions/u.dmn"}


def test_a_business_rule_without_decision_is_refused() -> None:
    xml = process("essai", *simple(rule("r", ""), flows="debut -> r -> fin"))
    assert errors_at(verify(make_files(xml), CATALOGUE)) == {"r"}


@pytest.mark.parametrize("called", ["absente", ""])
def test_a_called_procedure_must_be_published(called: str) -> None:
    assert errors_at(problems_of(*simple(call("c", called), flows="debut -> c -> fin"))) == {"c"}


def test_events_must_refer_to_something_that_has_a_name() -> None:
    for event in (Event("messageEventDefinition"), Event("signalEventDefinition"), message("")):
        assert errors_at(problems_of(*simple(catch("c", event), flows="debut -> c -> fin"))) == {"c"}
    for node in (send("c", message("")), receive("c", message(""))):
        assert errors_at(problems_of(*simple(node, flows="debut -> c -> fin"))) == {"c"}
    xml = process("essai", *simple(catch("c", message("m")), flows="debut -> c -> fin"))
    lost = xml.replace(b'<bpmn:message id="message_m" name="m"></bpmn:message>', b"")
    assert errors_at(verify(make_files(lost), CATALOGUE)) == {"c"}


# --- Timers ----------------------------------------------------------------------------------------------------

GOOD_TIMERS = [
    *map(after, ["'PT24H'", "'P1M'", "'P2W'", "'P1DT12H30M'", 'duree("24 heures")', "'P' + '1D'"]),
    *map(on_date, ["'2026-12-24T08:00'", "'2026-12-24'", "plus_jours(aujourdhui(), 3)", "'P3D'"]),
]

BAD_DURATIONS = [
    "", "PT24H", "P1D", "'24 heures'", "'P'", "'PT'", "'P1H'", "'-P1D'", "24", "'PT1.5H'", "absente", "duree('demain')",
]  # fmt: skip
BAD_TIMERS = [
    *map(after, BAD_DURATIONS),
    *map(on_date, ["2026-12-24", "'24/12/2026'", "'2026-02-30'", "vrai"]),
    *map(after, ["'P9999Y'"]),
    *map(on_date, ["'0001-01-01'", "'9999-12-31T23:59'"]),
    *map(every, ["'R3/PT1H'", "R3/PT1H"]),
    Event("timerEventDefinition"),
]


@pytest.mark.parametrize("timer", GOOD_TIMERS, ids=[t.body for t in GOOD_TIMERS])
def test_a_timer_that_can_be_read_is_accepted(timer: Event) -> None:
    assert problems_of(*simple(catch("c", timer), flows="debut -> c -> fin")) == []


@pytest.mark.parametrize("timer", BAD_TIMERS, ids=[t.body for t in BAD_TIMERS])
def test_a_timer_that_cannot_be_read_is_refused(timer: Event) -> None:
    assert errors_at(problems_of(*simple(catch("c", timer), flows="debut -> c -> fin"))) == {"c"}


@pytest.mark.parametrize(
    ("cycle", "accepted"),
    [
        ("'R3/PT1H'", True), ("'R/P1D'", True), ("'R5/2026-11-20T08:00/P1D'", True), ("'R3/PT0S'", False),
        ("'PT1H'", False), ("'R3/'", False), ("'R3/hier/P1D'", False), ("'3/PT1H'", False),
    ],
)  # fmt: skip
def test_a_cycle_beats_beside_its_step(cycle: str, accepted: bool) -> None:
    items = simple(
        step("t"), boundary("c", "t", every(cycle), interrupting=False), service("m", "mail.envoyer"), end("z"),
        flows="debut -> t -> fin",
    )  # fmt: skip
    assert errors_at(problems_of(*items, "c -> m -> z")) == (set() if accepted else {"c"})


def test_a_bare_duration_is_answered_with_its_quoted_form() -> None:
    assert "guillemets" in said(problems_of(*simple(catch("c", after("PT24H")), flows="debut -> c -> fin")))


# --- Robustness ------------------------------------------------------------------------------------------------


def test_verify_never_raises_on_damaged_diagrams() -> None:
    """Each start of the file, and each file with one tag or attribute changed, gets an answer."""
    xml = process("essai", *simple(step("t", form="nombre"), xor("g"), step("u"), flows="debut -> t -> g"),
                  "g -> u if montant > 1", "g -> fin default", "u -> fin")  # fmt: skip
    files = {f"forms/{name}.json": json.dumps(facts).encode() for name, facts in FORMS.items()} | {"demarche.toml": b""}
    words = sorted(set(xml.replace(b"<", b" ").replace(b">", b" ").replace(b"=", b" ").replace(b'"', b" ").split()))
    for word in words:
        for other in (b"", b"x", b"bpmn:endEvent", b"t"):
            verify(files | {"process.bpmn": xml.replace(word, other, 1)}, CATALOGUE)
            verify(files | {"process.bpmn": xml.replace(word, other)}, CATALOGUE)
    for length in range(0, len(xml), 40):
        assert errors_at(verify(files | {"process.bpmn": xml[:length]}, CATALOGUE))
