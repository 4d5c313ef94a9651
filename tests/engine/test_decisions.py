"""Decision tables: what each cell means, each hit policy, and everything that is refused by name."""

from datetime import UTC, datetime
from xml.sax.saxutils import escape, quoteattr

import pytest

from app.engine.decisions import Decision, DecisionError, parse_decisions
from app.engine.expressions import ExpressionError
from app.engine.unary_tests import parse_cell

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DMN = "https://www.omg.org/spec/DMN/20191111/MODEL/"


def make_dmn(
    rules: list[tuple[str, ...]],
    *,
    inputs: tuple[str, ...] = ("quotient",),
    outputs: tuple[str, ...] = ("tranche",),
    policy: str | None = None,
    aggregation: str | None = None,
    input_values: str | None = None,
    output_values: str | None = None,
    default: str | None = None,
    inside: str = "",
    beside: str = "",
) -> bytes:
    """A .dmn file with one table `tarif`; each rule is its input cells then its output cells."""
    allowed = f"<inputValues><text>{escape(input_values)}</text></inputValues>" if input_values else ""
    results = f"<outputValues><text>{escape(output_values)}</text></outputValues>" if output_values else ""
    results += f"<defaultOutputEntry><text>{escape(default)}</text></defaultOutputEntry>" if default else ""
    columns = "".join(
        f'<input id="i{n}"><inputExpression id="e{n}"><text>{escape(name)}</text></inputExpression>{allowed}</input>'
        for n, name in enumerate(inputs)
    )
    columns += "".join(f'<output id="o{n}" name={quoteattr(name)}>{results}</output>' for n, name in enumerate(outputs))
    lines = ""
    for rule in rules:
        lines += "<rule>"
        for position, cell in enumerate(rule):
            tag = "inputEntry" if position < len(inputs) else "outputEntry"
            lines += f"<{tag}><text>{escape(cell)}</text></{tag}>"
        lines += "</rule>"
    attributes = f' hitPolicy="{policy}"' if policy else ""
    attributes += f' aggregation="{aggregation}"' if aggregation else ""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><definitions xmlns="{DMN}" id="d" name="d" namespace="n">{beside}'
        f'<decision id="tarif" name="Tarif">{inside}<decisionTable id="t"{attributes}>{columns}{lines}'
        "</decisionTable></decision></definitions>"
    ).encode()


def make_decision(rules: list[tuple[str, ...]], **options: object) -> Decision:
    return parse_decisions(make_dmn(rules, **options))["tarif"]  # type: ignore[arg-type]  # options of make_dmn


CELLS = [
    ("-", "n’importe quoi", True),
    ("", None, True),
    ("12", 12, True),
    ("12", 12.0, True),
    ("12", "12", False),
    ("1", True, False),
    ("0.1", 0.1, True),
    ("-3", -3, True),
    (".5", 0.5, True),
    ('"lundi"', "lundi", True),
    ('"lundi"', "Lundi", False),
    ('"a, b"', "a, b", True),
    ('"lundi","mardi"', "mardi", True),
    ("1,2 , 3", 3, True),
    ("1,2,3", 4, False),
    ('not("a")', "b", True),
    ('not("a")', "a", False),
    ('not("a","b")', "b", False),
    ("not(< 3)", 5, True),
    ("not([1..3])", 2, False),
    ("< 10", 9.99, True),
    ("< 10", 10, False),
    ("<= 10", 10, True),
    (">3", 3, False),
    (">= 3", 3, True),
    (">= 3", None, False),
    ("[400..700[", 400, True),
    ("[400..700[", 700, False),
    ("[400..700]", 700, True),
    ("]1..5]", 1, False),
    ("]1..5]", 5, True),
    ("(1..5)", 5, False),
    ("[ -2.5 .. -1 ]", -2, True),
    ("[0.1..0.3]", 0.3, True),
    ("<1,>5", 6, True),
    ("[1..2],[5..6]", 5, True),
    ("true", True, True),
    ("true", False, False),
    ("faux", False, True),
    ("null", None, True),
    ("null", 0, False),
    ('date("2026-09-01")', "2026-09-01", True),
    ('< date("2026-09-01")', "2026-08-31", True),
    ('[date("2026-09-01")..date("2027-07-05")]', "2027-07-05T10:00:00+02:00", True),
    ('["a".."m"]', "f", True),
]


@pytest.mark.parametrize(("cell", "value", "expected"), CELLS, ids=[f"{cell} / {value}" for cell, value, _ in CELLS])
def test_a_cell_means_what_dmn_says(cell: str, value: object, expected: bool) -> None:
    assert parse_cell(cell)(value) is expected  # type: ignore[arg-type]  # JSON values


@pytest.mark.parametrize(
    "cell",
    [
        "lundi", "=12", "!= 3", "quotient", "a.b", "[1..", "1..2", "[1..2", "[1;2]", "< ", "<>3", "not(", "not()",
        "not 3", '"a', "'a'", "__import__('os')", "< true", "[true..false]", '[1.."a"]', "[5..1]", "1 2", "1,,2", ",1",
        'date("hier")', 'date("2026-02-30")', "date(2026)", "duration(\"P1D\")", "? > 3", "> 3 and < 5", "1e9",
        "1" * 600, "\x00", "[[1..2]]", "-1-", "--",
    ],
)  # fmt: skip
def test_a_cell_that_is_not_understood_is_refused(cell: str) -> None:
    with pytest.raises(ExpressionError) as refusal:
        parse_cell(cell)
    assert "." in refusal.value.message


def test_a_text_where_a_number_is_compared_is_an_error_not_a_silent_no() -> None:
    decision = make_decision([("< 400", '"A"'), (">= 400", '"B"')])
    with pytest.raises(DecisionError, match="nombre"):
        decision.evaluate({"quotient": "trois cents"}, now=NOW)


TARIFF = [("< 400", '"A"', "120"), ("[400..700[", '"B"', "250"), (">= 700", '"C"', "400")]


@pytest.mark.parametrize(("quotient", "band"), [(399.99, "A"), (400, "B"), (699.99, "B"), (700, "C"), (10_000, "C")])
def test_a_tariff_answers_at_its_bounds(quotient: float, band: str) -> None:
    decision = make_decision(TARIFF, outputs=("tranche", "prix"))
    answer = decision.evaluate({"quotient": quotient}, now=NOW)
    assert answer == {"tranche": band, "prix": {"A": 120, "B": 250, "C": 400}[band]}
    assert decision.warnings() == []


def test_inputs_and_outputs_are_expressions_of_our_language() -> None:
    decision = make_decision(
        [("< 6", "true", "montant * 2"), (">= 6", "-", "montant")],
        inputs=("age(naissance)", "resident"),
        outputs=("prix",),
    )
    assert decision.names == {"naissance", "resident", "montant"}
    data = {"naissance": "2022-01-01", "resident": True, "montant": 15}
    assert decision.evaluate(data, now=NOW) == {"prix": 30}  # type: ignore[arg-type]  # a literal is narrower than Json


def test_booleans_and_empty_results_are_spelled_as_in_dmn() -> None:
    decision = make_decision([("1", "true"), ("2", "null"), ("3", "")])
    assert [decision.evaluate({"quotient": n}, now=NOW) for n in (1, 2, 3)] == [
        {"tranche": True},
        {"tranche": None},
        {"tranche": None},
    ]


def test_unique_refuses_two_rules_that_fit_and_says_which() -> None:
    decision = make_decision([("< 5", '"A"'), ("< 9", '"B"')])
    with pytest.raises(DecisionError, match="1 et 2"):
        decision.evaluate({"quotient": 3}, now=NOW)


def test_first_takes_the_first_rule_that_fits() -> None:
    decision = make_decision([("< 5", '"A"'), ("< 9", '"B"')], policy="FIRST")
    assert decision.evaluate({"quotient": 3}, now=NOW) == {"tranche": "A"}


def test_any_accepts_equal_answers_and_refuses_different_ones() -> None:
    decision = make_decision([("< 5", '"A"'), ("< 9", '"A"'), ("< 2", '"B"')], policy="ANY")
    assert decision.evaluate({"quotient": 3}, now=NOW) == {"tranche": "A"}
    with pytest.raises(DecisionError, match="différemment"):
        decision.evaluate({"quotient": 1}, now=NOW)


COLLECTED = [("< 5", "0.1"), ("< 9", "0.2"), ("< 2", "4")]


@pytest.mark.parametrize(
    ("aggregation", "quotient", "expected"),
    [
        (None, 3, [0.1, 0.2]),
        (None, 50, []),
        ("SUM", 3, {"tranche": 0.3}),
        ("SUM", 50, {"tranche": 0}),
        ("MIN", 1, {"tranche": 0.1}),
        ("MAX", 1, {"tranche": 4}),
        ("MAX", 50, {"tranche": None}),
        ("COUNT", 1, {"tranche": 3}),
    ],
)
def test_collect_lists_or_adds_up(aggregation: str | None, quotient: int, expected: object) -> None:
    decision = make_decision(COLLECTED, policy="COLLECT", aggregation=aggregation)
    assert decision.evaluate({"quotient": quotient}, now=NOW) == expected
    assert decision.lists is (aggregation is None)


def test_collect_with_several_outputs_lists_groups() -> None:
    decision = make_decision(TARIFF, outputs=("tranche", "prix"), policy="COLLECT")
    assert decision.evaluate({"quotient": 1}, now=NOW) == [{"tranche": "A", "prix": 120}]


def test_a_sum_of_texts_is_an_error() -> None:
    decision = make_decision([("-", '"A"')], policy="COLLECT", aggregation="SUM")
    with pytest.raises(DecisionError, match="nombres"):
        decision.evaluate({"quotient": 1}, now=NOW)


def test_no_rule_that_fits_is_an_error_unless_there_is_a_default() -> None:
    with pytest.raises(DecisionError, match="aucune règle"):
        make_decision([("< 5", '"A"')]).evaluate({"quotient": 7}, now=NOW)
    assert make_decision([("< 5", '"A"')], default='"Z"').evaluate({"quotient": 7}, now=NOW) == {"tranche": "Z"}


def test_predefined_values_are_enforced_on_both_sides() -> None:
    decision = make_decision([("-", "reponse")], input_values='"a","b"', output_values='"x","y"')
    assert decision.evaluate({"quotient": "a", "reponse": "x"}, now=NOW) == {"tranche": "x"}
    with pytest.raises(DecisionError, match="valeurs prévues"):
        decision.evaluate({"quotient": "c", "reponse": "x"}, now=NOW)
    with pytest.raises(DecisionError, match="résultat prévu"):
        decision.evaluate({"quotient": "a", "reponse": "z"}, now=NOW)


def test_an_unknown_variable_is_named() -> None:
    with pytest.raises(DecisionError, match="quotient"):
        make_decision(TARIFF, outputs=("a", "b")).evaluate({}, now=NOW)


@pytest.mark.parametrize(
    ("rules", "word"),
    [
        ([("< 400", '"A"'), ("> 400", '"B"')], "quotient = 400"),
        ([("[400..700[", '"B"'), (">= 700", '"C"')], "quotient = 399"),
        ([("< 400", '"A"'), ("[401..700]", '"B"'), ("> 700", '"C"')], "quotient = 400"),
        ([("<= 400", '"A"'), (">= 400", '"B"')], "1 et 2"),
    ],
)
def test_a_hole_or_an_overlap_is_noticed_before_publication(rules: list[tuple[str, ...]], word: str) -> None:
    (warning,) = make_decision(rules).warnings()
    assert word in warning


def test_holes_are_looked_for_over_several_columns() -> None:
    rules = [("< 400", "true", '"A"'), (">= 400", "true", '"B"'), (">= 400", "false", '"C"')]
    (warning,) = make_decision(rules, inputs=("quotient", "resident")).warnings()
    assert "resident = faux" in warning


def test_texts_without_a_rule_for_the_others_are_a_hole_unless_the_values_are_predefined() -> None:
    rules = [('"a"', "1"), ('not("a","b")', "2"), ('"b"', "3")]
    assert make_decision(rules).warnings() == []
    assert len(make_decision([('"a"', "1"), ('"b"', "3")]).warnings()) == 1
    assert make_decision([('"a"', "1"), ('"b"', "3")], input_values='"a","b"').warnings() == []


REFUSED = {
    "not xml": (b"bonjour", "XML"),
    "doctype": (b"<!DOCTYPE a><a/>", "DOCTYPE"),
    "bpmn": (b'<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"/>', "DMN"),
    "no decision": (f'<definitions xmlns="{DMN}"/>'.encode(), "aucune décision"),
    "no table": (f'<definitions xmlns="{DMN}"><decision id="a" name="A"/></definitions>'.encode(), "table"),
    "literal expression": (make_dmn(TARIFF, inside="<literalExpression/>"), "literalExpression"),
    "context": (make_dmn(TARIFF, inside="<context/>"), "context"),
    "function": (make_dmn(TARIFF, beside='<businessKnowledgeModel id="k" name="Calcul"/>'), "Calcul"),
    "service": (make_dmn(TARIFF, beside='<decisionService id="k" name="S"/>'), "decisionService"),
    "knowledge": (make_dmn(TARIFF, inside="<knowledgeRequirement/>"), "knowledgeRequirement"),
    "chained": (
        make_dmn(TARIFF, inside='<informationRequirement><requiredDecision href="#b"/></informationRequirement>'),
        "autre décision",
    ),
    "policy": (make_dmn(TARIFF, policy="RULE ORDER", outputs=("a", "b")), "RULE ORDER"),
    "priority": (make_dmn(TARIFF, policy="PRIORITY", outputs=("a", "b")), "PRIORITY"),
    "aggregation without collect": (make_dmn([("-", "1")], policy="FIRST", aggregation="SUM"), "COLLECT"),
    "aggregation over two outputs": (
        make_dmn(TARIFF, policy="COLLECT", aggregation="SUM", outputs=("a", "b")),
        "une seule colonne",
    ),
    "cell": (make_dmn([("lundi", '"A"')]), "règle 1"),
    "output attack": (make_dmn([("-", "__import__('os')")]), "__import__"),
    "input attack": (make_dmn([("-", "1")], inputs=("().__class__",)), "point"),
    "input empty": (make_dmn([("-", "1")], inputs=("",)), "variable"),
    "output name": (make_dmn([("-", "1")], outputs=("__class__",)), "__class__"),
    "output accent": (make_dmn([("-", "1")], outputs=("Décision finale",)), "Décision finale"),
    "twice the same output": (make_dmn([("-", "1", "2")], outputs=("a", "a")), "même nom"),
    "no rule": (make_dmn([]), "règles"),
    "short rule": (make_dmn([("-",)]), "règle 1"),
    "too many rules": (make_dmn([("1", "1")] * 501), "500"),
}


@pytest.mark.parametrize(("xml", "word"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_not_supported_is_refused_by_name(xml: bytes, word: str) -> None:
    with pytest.raises(DecisionError) as refusal:
        parse_decisions(xml)
    assert word in refusal.value.message


def test_documentation_and_input_data_are_tolerated() -> None:
    inside = (
        "<description>Pour la cantine</description>"
        '<informationRequirement><requiredInput href="#i"/></informationRequirement>'
    )
    xml = make_dmn([("-", "1")], inside=inside, beside='<inputData id="i" name="quotient"/>')
    assert parse_decisions(xml)["tarif"].evaluate({"quotient": 1}, now=NOW) == {"tranche": 1}


def test_two_tables_of_one_file_must_have_different_ids() -> None:
    xml = make_dmn([("-", "1")]).decode()
    start, stop = xml.index("<decision "), xml.index("</definitions>")
    with pytest.raises(DecisionError, match="tarif"):
        parse_decisions((xml[:stop] + xml[start:stop] + "</definitions>").encode())
