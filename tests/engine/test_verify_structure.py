"""What verify says of the drawing itself: the file, supported elements, links, lanes and statuses."""

import pytest

from app.engine.verify import verify
from tests.engine.bpmn_builder import (
    Item,
    after,
    boundary,
    call,
    catch,
    end,
    error,
    escalation,
    event_gateway,
    event_sub_process,
    every,
    inclusive,
    lane,
    manual_task,
    message,
    parallel,
    process,
    raw,
    receive,
    rule,
    script,
    send,
    service,
    signal,
    start,
    sub_process,
    task,
    terminate,
    throw,
    user_task,
    xor,
)
from tests.engine.test_decisions import make_dmn
from tests.engine.verify_folder import (
    CATALOGUE,
    errors_at,
    make_files,
    problems_of,
    said,
    shipped_pattern,
    simple,
    step,
    warnings_at,
)


def test_the_pattern_of_the_shipped_demarches_has_no_problem() -> None:
    assert problems_of(*shipped_pattern()) == []


def test_everything_supported_at_once_has_no_error() -> None:
    """One process with each supported element, drawn as it should be."""
    xml = process(
        "essai",
        lane(
            "agent",
            start("debut"),
            step("t1", "en_attente", form="nombre"),
            manual_task("t2", statut="traitement"),
            boundary("relance", "t2", after("'P2D'"), interrupting=False),
            boundary("cycle", "t2", every("'R3/PT1H'"), interrupting=False),
            boundary("retrait", "t2", signal("retrait")),
            script("calcul", "total = montant * 2"),
            rule("tarif", "tarif"),
            service("reserver", "place.reserver", result="place"),
            boundary("complet", "reserver", error("complet")),
            boundary("autre", "reserver", error("ferme")),
            xor("choix"), xor("retour"), parallel("separe"), parallel("joint"), inclusive("ouvre"), inclusive("ferme"),
            event_gateway("course"),
            catch("attend", message("reponse")),
            catch("delai", after('duree("24 heures")')),
            receive("recoit", message("avis")),
            send("envoie", message("depart")),
            throw("signale", signal("fait")),
            sub_process(
                "bloc",
                start("b1"), step("b2"), throw("b3", escalation("alerte")), end("b4", error("echec")), xor("b5"),
                end("b6"),
                "b1 -> b2 -> b3 -> b5", "b5 -> b4 if accord", "b5 -> b6 default",
            ),
            boundary("echec", "bloc", error("echec")),
            boundary("alerte", "bloc", escalation("alerte"), interrupting=False),
            user_task("chacun", statut="traitement", each=("enfants", "enfant"), sequential=True),
            call("appelle", "justificatif"),
            step("a1"), step("a2"), step("i1"), step("i2"),
            FIN, end("stop", terminate(), statut="refuse"),
            end("note"), end("note2"), end("note3", message("bilan")),
        ),
        event_sub_process("ann", start("an", message("annuler")), end("annulee", statut="annule"), "an -> annulee"),
        "debut -> t1 -> t2 -> calcul -> tarif -> reserver -> choix",
        "choix -> separe if montant > 0",
        "choix -> retour default",
        "separe -> a1 -> joint", "separe -> a2 -> joint", "joint -> retour", "retour -> ouvre",
        "ouvre -> i1 if montant > 3", "ouvre -> i2 if accord", "ouvre -> ferme default",
        "i1 -> ferme", "i2 -> ferme", "ferme -> course",
        "course -> attend -> recoit", "course -> delai -> recoit",
        "recoit -> envoie -> signale -> bloc -> chacun -> appelle -> fin",
        "complet -> stop", "autre -> stop", "retrait -> stop", "echec -> stop",
        "relance -> note", "cycle -> note2", "alerte -> note3",
        raw('<bpmn:textAnnotation id="x1"><bpmn:text>note</bpmn:text></bpmn:textAnnotation>'),
        raw('<bpmn:association id="x2" sourceRef="t1" targetRef="x1"/>'),
        raw('<bpmn:group id="x3"/><bpmn:dataObject id="x4"/><bpmn:dataObjectReference id="x5" dataObjectRef="x4"/>'),
    )  # fmt: skip
    files = make_files(xml) | {"decisions/tarif.dmn": make_dmn([("-", '"A"')], inputs=("montant",))}
    problems = verify(files, CATALOGUE)
    assert errors_at(problems) == set(), said(problems)


FIN = end("fin", statut="clos")

# --- The file --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"", "vide"),
        (b"bonjour", "XML"),
        (b'<!DOCTYPE a [<!ENTITY x "y">]><a/>', "DOCTYPE"),
        (b"<a>" + b"x" * 2_100_000 + b"</a>", "2 Mo"),
        (b"<html/>", "BPMN"),
        (process("p").replace(b'isExecutable="true"', b'isExecutable="false"'), "exécutable"),
        (
            process("p").replace(b"</bpmn:definitions>", b'<bpmn:process id="q"/></bpmn:definitions>'),
            "un seul processus",
        ),
    ],
)
def test_a_file_that_is_not_one_process_is_refused(data: bytes, word: str) -> None:
    problems = verify(make_files(data), CATALOGUE)
    assert errors_at(problems) == {"process.bpmn"}
    assert word in said(problems)


def test_a_missing_process_or_settings_file_is_refused() -> None:
    files = make_files(process("essai", *shipped_pattern()))
    assert errors_at(verify({}, CATALOGUE)) == {"process.bpmn", "demarche.toml"}
    del files["demarche.toml"]
    assert errors_at(verify(files, CATALOGUE)) == {"demarche.toml"}


@pytest.mark.parametrize("data", [b"a = ", b"\xff\xfe", b"a = [" * 500])
def test_settings_and_scenarios_must_be_toml(data: bytes) -> None:
    files = make_files(process("essai", *shipped_pattern())) | {"demarche.toml": data, "scenarios/un.toml": data}
    assert errors_at(verify(files, CATALOGUE)) == {"demarche.toml", "scenarios/un.toml"}


# --- Elements --------------------------------------------------------------------------------------------------

UNSUPPORTED: dict[str, tuple[Item, ...]] = {
    "passerelle complexe": (raw('<bpmn:complexGateway id="x" name="Tri"/>'),),
    "transaction": (raw('<bpmn:transaction id="x" name="Tri"/>'),),
    "ad hoc": (raw('<bpmn:adHocSubProcess id="x" name="Tri"/>'),),
    "une boucle": (raw('<bpmn:userTask id="x" name="Tri"><bpmn:standardLoopCharacteristics/></bpmn:userTask>'),),
    "un lien": (
        raw('<bpmn:intermediateCatchEvent id="x" name="Tri"><bpmn:linkEventDefinition/></bpmn:intermediateCatchEvent>'),
    ),
    "conditionnel": (
        raw(
            '<bpmn:intermediateCatchEvent id="x" name="Tri"><bpmn:conditionalEventDefinition/>'
            "</bpmn:intermediateCatchEvent>"
        ),
    ),
    "compens": (
        raw('<bpmn:intermediateThrowEvent id="x"><bpmn:compensateEventDefinition/></bpmn:intermediateThrowEvent>'),
    ),
    "d’annulation": (raw('<bpmn:endEvent id="x" name="Tri"><bpmn:cancelEventDefinition/></bpmn:endEvent>'),),
    "sans genre": (task("x"),),
    "callChoreography": (raw('<bpmn:callChoreography id="x" name="Tri"/>'),),
    "association de données": (
        raw('<bpmn:userTask id="x" name="Tri"><bpmn:dataInputAssociation id="d"/></bpmn:userTask>'),
    ),
    "ioSpecification": (raw('<bpmn:ioSpecification id="x"/>'),),
    "attend tous ses événements": (raw('<bpmn:eventBasedGateway id="x" eventGatewayType="Parallel"/>'),),
    "ouvre une demande": (raw('<bpmn:receiveTask id="x" instantiate="true"/>'),),
    "étape de compensation": (raw('<bpmn:scriptTask id="x" isForCompensation="true"/>'),),
    "attend plusieurs jetons": (raw('<bpmn:manualTask id="x" startQuantity="2"/>'),),
    "émet plusieurs jetons": (raw('<bpmn:manualTask id="x" completionQuantity="2"/>'),),
    "répétition qui lève": (
        raw('<bpmn:manualTask id="x"><bpmn:multiInstanceLoopCharacteristics behavior="One"/></bpmn:manualTask>'),
    ),
    "minuteur qui a deux valeurs": (
        raw(
            '<bpmn:intermediateCatchEvent id="x"><bpmn:timerEventDefinition>'
            "<bpmn:timeDate>'2027-01-01'</bpmn:timeDate><bpmn:timeDuration>'PT1H'</bpmn:timeDuration></bpmn:timerEventDefinition></bpmn:intermediateCatchEvent>"
        ),
    ),
    "une boucle, ce que": (
        raw('<bpmn:subProcess id="x" name="Tri"><bpmn:standardLoopCharacteristics/></bpmn:subProcess>'),
    ),
}


@pytest.mark.parametrize(("word", "items"), UNSUPPORTED.items(), ids=UNSUPPORTED.keys())
def test_an_element_that_is_not_supported_is_refused_by_name(word: str, items: tuple[Item, ...]) -> None:
    problems = problems_of(*simple(step("t"), flows="debut -> t -> fin"), *items)
    assert "x" in errors_at(problems)
    assert word in said([problem for problem in problems if problem.element_id == "x"])


OUTSIDE_INCOMPLETE = {
    "un message sans nom": '<bpmn:message id="x"/>',
    "un signal sans nom": '<bpmn:signal id="x"/>',
    "une erreur sans nom": '<bpmn:error id="x" errorCode="e"/>',
    "Deux éléments portent": '<bpmn:message id="x" name="m"/><bpmn:message id="x" name="m"/>',
    "dont la place": '<d:Shape xmlns:d="urn:d" bpmnElement="x"><c:Bounds x="loin" y="0" width="1" height="1" '
    'xmlns:c="http://www.omg.org/spec/DD/20100524/DC"/></d:Shape>',
}


@pytest.mark.parametrize(("word", "outside"), OUTSIDE_INCOMPLETE.items(), ids=OUTSIDE_INCOMPLETE.keys())
def test_what_the_parser_would_trip_on_is_refused_by_name(word: str, outside: str) -> None:
    problems = problems_of(*simple(step("t"), flows="debut -> t -> fin"), outside=outside)
    assert word in said([problem for problem in problems if problem.element_id == "x"])


def test_a_property_or_a_parameter_that_is_incomplete_is_refused_at_its_step() -> None:
    whole = process("essai", *shipped_pattern())
    assert errors_at(
        verify(make_files(whole.replace(b'name="statut" value="en_attente"', b'name="statut"')), CATALOGUE)
    ) >= {"prendre"}
    assert errors_at(verify(make_files(whole.replace(b'id="enfant" type="str"', b'id="enfant"')), CATALOGUE)) == {
        "ranger"
    }


@pytest.mark.parametrize(
    ("outside", "word"),
    [
        ('<bpmn:process id="x" isExecutable="false"><bpmn:startEvent id="s2"/></bpmn:process>', "second processus"),
        ('<bpmn:collaboration id="c"><bpmn:messageFlow id="x"/></bpmn:collaboration>', "flux de messages"),
        ('<bpmn:globalUserTask id="x"/>', "globalUserTask"),
        ('<bpmn:choreography id="x"/>', "choreography"),
    ],
)
def test_what_stands_beside_the_process_is_refused_by_name(outside: str, word: str) -> None:
    problems = problems_of(*simple(step("t"), flows="debut -> t -> fin"), outside=outside)
    assert "x" in errors_at(problems)
    assert word in said(problems)


def test_one_pool_around_the_process_is_tolerated() -> None:
    outside = '<bpmn:collaboration id="c"><bpmn:participant id="p" processRef="essai"/></bpmn:collaboration>'
    assert problems_of(*simple(step("t"), flows="debut -> t -> fin"), outside=outside) == []


MISPLACED = {
    "a signal at the end is silently dropped by the engine": (end("x", signal("s"), statut="clos"), "debut -> t -> x"),
    "a timer is not thrown": (throw("x", after("'PT1H'")), "debut -> t -> x -> fin"),
    "an error is not waited for in the middle": (catch("x", error("e")), "debut -> t -> x -> fin"),
    "a catch without event waits for nothing": (catch("x"), "debut -> t -> x -> fin"),
    "two events in one": (catch("x", message("a"), message("b")), "debut -> t -> x -> fin"),
    "an error on a human task": (boundary("x", "t", error("e")), "debut -> t -> fin", "x -> fin"),
    "an escalation on a human task": (boundary("x", "t", escalation("e")), "debut -> t -> fin", "x -> fin"),
    "a boundary event on nothing": (boundary("x", "absent", message("m")), "debut -> t -> fin", "x -> fin"),
    "a boundary event on a gateway": (boundary("x", "g", message("m")), xor("g"), "debut -> t -> g -> fin", "x -> fin"),
    "a boundary event without event": (boundary("x", "t"), "debut -> t -> fin", "x -> fin"),
    "an escalation on nothing that escalates": (boundary("x", "t", escalation("e")), "debut -> t -> fin", "x -> fin"),
}


@pytest.mark.parametrize("items", MISPLACED.values(), ids=MISPLACED.keys())
def test_an_event_that_cannot_work_where_it_is_drawn_is_refused(items: tuple[Item, ...]) -> None:
    assert "x" in errors_at(problems_of(lane("agent", start("debut"), step("t"), FIN), *items))  # type: ignore[arg-type]  # step is a node


def test_a_non_interrupting_error_is_refused() -> None:
    problems = problems_of(
        *simple(
            service("s", "place.reserver"),
            boundary("x", "s", error("complet"), interrupting=False),
            boundary("y", "s", error("ferme")),
            end("fin2", statut="clos"),
            end("fin3", statut="clos"),
            flows="debut -> s -> fin",
        ),
        "x -> fin2",
        "y -> fin3",
    )
    assert errors_at(problems) == {"x"}


# --- Links -----------------------------------------------------------------------------------------------------

DISCONNECTED = {
    "no start": ("essai", (step("t"), FIN, "t -> fin")),
    "two starts": (
        "essai",
        (start("d1"), start("d2"), step("t"), FIN, "d1 -> t -> fin", "d2 -> t"),
    ),
    "no end": ("essai", (start("debut"), step("t"), "debut -> t")),
    "a start that waits": (
        "debut",
        (start("debut", message("m")), step("t"), FIN, "debut -> t -> fin"),
    ),
    "a flow into the start": (
        "debut",
        (start("debut"), step("t"), xor("g"), FIN, "debut -> t -> g", "g -> fin default", "g -> debut if vrai"),
    ),
    "a flow out of an end": ("fin", (start("debut"), step("t"), FIN, "debut -> t -> fin -> t")),
    "a step that leads nowhere": (
        "u",
        (start("debut"), step("t"), step("u"), parallel("g"), FIN, "debut -> t -> g -> fin", "g -> u"),
    ),
    "an orphan": ("u", (start("debut"), step("t"), step("u"), FIN, "debut -> t -> fin", "u -> fin")),
    "two ways out of a step": (
        "t",
        (start("debut"), step("t"), step("u"), FIN, "debut -> t -> fin", "t -> u -> fin"),
    ),
    "a flow to nothing": ("flux_2", (start("debut"), step("t"), FIN, "debut -> t -> absent")),
    "a condition after a step": (
        "flux_2",
        (start("debut"), step("t"), FIN, "debut -> t", "t -> fin if vrai"),
    ),
    "twice the same id": (
        "t",
        (start("debut"), step("t"), step("t"), FIN, "debut -> t -> fin"),
    ),
    "a sub-process without start": (
        "bloc",
        (start("debut"), sub_process("bloc", end("f")), FIN, "debut -> bloc -> fin"),
    ),
    "a sub-process without end": (
        "bloc",
        (start("debut"), sub_process("bloc", start("d")), FIN, "debut -> bloc -> fin"),
    ),
    "a sub-process that starts by an event": (
        "d",
        (
            start("debut"), FIN, "debut -> bloc -> fin",
            sub_process("bloc", start("d", message("m")), end("f"), "d -> f"),
        ),
    ),
    "an event sub-process without event": (
        "d",
        (start("debut"), step("t"), FIN, "debut -> t -> fin", event_sub_process("e", start("d"), end("f"), "d -> f")),
    ),
    "a race with one runner": (
        "g",
        (start("debut"), event_gateway("g"), catch("c", message("m")), FIN, "debut -> g -> c -> fin"),
    ),
    "a race with a human task": (
        "t",
        (
            start("debut"), event_gateway("g"), catch("c", message("m")), step("t"), FIN,
            "debut -> g -> c -> fin", "g -> t -> fin",
        ),
    ),
    "a repetition over nothing": (
        "t",
        (
            start("debut"), FIN, "debut -> t -> fin",
            raw('<bpmn:userTask id="t"><bpmn:multiInstanceLoopCharacteristics/></bpmn:userTask>'),
        ),
    ),
    "a repetition over a list and a number": (
        "t",
        (
            start("debut"), FIN, "debut -> t -> fin",
            user_task("t", statut="traitement", each=("enfants", "e"), times="3"),
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("where", "items"), DISCONNECTED.values(), ids=DISCONNECTED.keys())
def test_a_drawing_that_does_not_hold_together_is_refused(where: str, items: tuple[Item, ...]) -> None:
    assert where in errors_at(problems_of(*items))


def test_a_flow_through_the_edge_of_a_sub_process_is_refused() -> None:
    items = simple(sub_process("bloc", start("d"), step("t"), end("f"), "d -> t -> f"), flows="debut -> bloc -> fin")
    assert "flux_3" in errors_at(problems_of(*items, "t -> fin"))


# --- People ----------------------------------------------------------------------------------------------------


def test_a_lane_must_be_a_role_of_the_commune() -> None:
    items = (lane("Jardinier", start("debut"), step("t"), FIN), "debut -> t -> fin")
    problems = problems_of(*items)  # type: ignore[arg-type]  # step is a node
    assert errors_at(problems) == {"lane_Jardinier"}
    assert "famille" in said(problems)


def test_a_human_task_outside_lanes_is_refused_even_in_a_sub_process() -> None:
    inner = sub_process("bloc", start("d"), step("t"), end("f"), "d -> t -> f")
    assert errors_at(problems_of(start("debut"), inner, FIN, "debut -> bloc -> fin")) == {"t"}
    assert problems_of(*simple(inner, flows="debut -> bloc -> fin")) == []


@pytest.mark.parametrize("status", ["", "clos", "en cours", "Traitement"])
def test_a_human_task_needs_a_status_of_a_living_case(status: str) -> None:
    assert errors_at(problems_of(*simple(step("t", status), flows="debut -> t -> fin"))) == {"t"}


@pytest.mark.parametrize("status", [None, "traitement", "fini"])
def test_an_end_needs_a_final_status(status: str | None) -> None:
    fin = end("fin") if status is None else end("fin", statut=status)
    assert errors_at(problems_of(lane("agent", start("debut"), step("t"), fin), "debut -> t -> fin")) == {"fin"}  # type: ignore[arg-type]  # step is a node


def test_a_task_without_a_name_is_noticed() -> None:
    problems = problems_of(*simple(user_task("t", name="", statut="traitement"), flows="debut -> t -> fin"))
    assert warnings_at(problems) == {"t"}


def test_problems_are_in_french_have_a_remedy_and_come_in_a_stable_order() -> None:
    items = (
        *simple(step("t", "x"), service("s", "inconnue"), flows="debut -> t -> s -> fin"),
        raw("<bpmn:complexGateway id='x'/>"),
    )
    problems = problems_of(*items)
    assert problems == problems_of(*items) == sorted(problems)
    assert len(problems) >= 3
    for problem in problems:
        assert problem.message[0].isupper()
        assert problem.message.endswith((".", "»"))
        assert problem.remedy.endswith((".", "?"))
