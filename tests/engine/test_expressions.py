"""The expression language: what it computes, what it refuses, and that refusing is quick."""

import json
import time
import tracemalloc
from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.engine.expression_functions import FUNCTIONS, MAX_TEXT
from app.engine.expressions import ExpressionError, compile_expression, compile_script, evaluate

NOW = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)  # already 21 November in Paris

DATA = {
    "naissance": "2021-11-21",
    "decision": "accepter",
    "montant": 1250,
    "taux": 0.5,
    "accord": True,
    "vide_ici": None,
    "enfants": [{"prenom": "Léa", "age": 6}, {"prenom": "Tom", "age": 3}],
    "foyer": {"ville": "Valbrise", "numero": 7},
    "i": 1,
    "cle": "ville",
    "long": "x" * 90_000,
    "nombres": [1, 2, 3],
}


def value_of(text: str) -> object:
    return evaluate(text, DATA, now=NOW)


def refusal_of(text: str) -> str:
    with pytest.raises(ExpressionError) as refusal:
        value_of(text)
    return refusal.value.message


COMPUTED = [
    ("decision == 'accepter'", True),
    ("montant > 1000 and accord", True),
    ("montant * 2 + 1", 2501),
    ("montant / 4", 312.5),
    ("montant // 4 % 100", 12),
    ("-montant", -1250),
    ("not accord or faux", False),
    ("accord == vrai and vide_ici == rien", True),
    ("vide_ici is None", True),
    ("vide_ici is not None", False),
    ("'oui' if accord else 'non'", "oui"),
    ("1 < 2 < 3", True),
    ("decision in ['accepter', 'refuser']", True),
    ("decision not in ('accepter', 'refuser')", False),
    ("'cept' in decision", True),
    ("enfants[0]['prenom']", "Léa"),
    ("enfants[i]['age']", 3),
    ("enfants[-1]['age']", 3),
    ("foyer[cle]", "Valbrise"),
    ("'ville' in foyer", True),
    ("{'a': montant, 'b': [1, accord]}", {"a": 1250, "b": [1, True]}),
    ("'a' + 'b'", "ab"),
    ("[1] + nombres", [1, 1, 2, 3]),
    ("'2026-09-01' < '2026-10-01'", True),
    ("vide(vide_ici) and vide('  ') and vide([]) and not vide(0)", True),
    ("non_vide(decision)", True),
    ("longueur(enfants) + longueur(rien)", 2),
    ("contient(valeurs(enfants, 'prenom'), 'Tom')", True),
    ("somme(valeurs(enfants, 'age'))", 9),
    ("somme([0.1, 0.2])", 0.3),
    ("somme([])", 0),
    ("min(montant, 3)", 3),
    ("max(nombres)", 3),
    ("abs(-2)", 2),
    ("arrondi(2.5)", 3),
    ("arrondi(1.005, 2)", 1.01),
    ("texte(montant) + ' ' + texte(accord) + texte(rien)", "1250 oui"),
    ("nombre('1 200,50')", 1200.5),
    ("nombre('12')", 12),
    ("entier('12,9')", 12),
    ("minuscules('ÉTÉ')", "été"),
    ("aujourdhui()", "2026-11-21"),
    ("maintenant()", "2026-11-21T00:30:00+01:00"),
    ("age(naissance)", 5),
    ("age(naissance, '2026-11-20')", 4),
    ("age(naissance, le='2026-11-20')", 4),
    ("annee(naissance)", 2021),
    ("jours_entre('2026-02-28', '2026-03-01')", 1),
    ("plus_jours('2026-12-31', 1)", "2027-01-01"),
    ("plus_jours('2026-11-20T23:30:00+00:00', 0)", "2026-11-21"),
    ("plus_jours_ouvres('2026-12-24', 1)", "2026-12-28"),  # Christmas on Friday, then the week-end
    ("plus_jours_ouvres('2026-12-28', -1)", "2026-12-24"),
    ("duree('24 heures')", "PT24H"),
    ("duree('3 jours')", "P3D"),
    ("duree('1 mois')", "P1M"),
    ("duree('90 min')", "PT90M"),
]


@pytest.mark.parametrize(("text", "expected"), COMPUTED, ids=[text for text, _ in COMPUTED])
def test_an_expression_computes(text: str, expected: object) -> None:
    result = value_of(text)
    assert result == expected
    assert type(result) is type(expected)


ESCAPES = [
    "__import__('os')",
    "__import__('os').system('id')",
    "__builtins__",
    "().__class__",
    "().__class__.__bases__[0].__subclasses__()",
    "''.__class__.__mro__",
    "decision.upper()",
    "decision.format(1)",
    "'{0.__class__}'.format(1)",
    "foyer.ville",
    "foyer.get('ville')",
    "enfants.append(1)",
    "eval('1')",
    "exec('1')",
    "compile('1', '', 'eval')",
    "open('/etc/passwd')",
    "getattr(foyer, 'keys')",
    "globals()",
    "locals()",
    "vars()",
    "dir()",
    "type(1)",
    "print(1)",
    "input()",
    "breakpoint()",
    "help()",
    "str(1)",
    "int('1')",
    "range(10**9)",
    "list(nombres)",
    "map(abs, nombres)",
    "rand()",
    "randint(3)",
    "abs",
    "vide",
    "_private",
    "__name__",
    "lambda: 1",
    "(lambda: 1)()",
    "abs(lambda x: x)",
    "[x for x in nombres]",
    "{x for x in nombres}",
    "{x: 1 for x in nombres}",
    "(x for x in nombres)",
    "somme(x for x in nombres)",
    "f'{montant}'",
    "f'{foyer.__class__}'",
    "(x := 1)",
    "abs(*nombres)",
    "abs(**foyer)",
    "[*nombres]",
    "{**foyer}",
    "max(1, *nombres)",
    "10 ** 10 ** 10",
    "2 ** 2",
    "9 ** 9 ** 9 ** 9",
    "1 << 100000000",
    "1 >> 1",
    "1 | 2",
    "1 & 2",
    "1 ^ 2",
    "~1",
    "nombres @ nombres",
    "{1, 2}",
    "'a' * 10 ** 9",
    "'a' * 1000000000",
    "1000000000 * 'a'",
    "[0] * 1000000000",
    "nombres * montant",
    "'%999999999d' % 1",
    "'%s' % foyer",
    "long + long",
    "9999999999999999",
    "999999999999999 * 999999999999999",
    "1e999",
    "1e308 * 10",
    "1j",
    "b'octets'",
    "...",
    "nombres[0:2]",
    "nombres[::-1]",
    "nombres[montant - 1249]",
    "nombres[99999]",
    "nombres['a']",
    "nombres[vrai]",
    "decision[0]",
    "foyer['absent']",
    "foyer[nombres]",
    "{montant: 1}",
    "inconnue + 1",
    "nombres(1)",
    "abs(1)(2)",
    "abs()",
    "abs(1, 2)",
    "age(naissance, jour='2026-01-01')",
    "abs(now=1)",
    "arrondi(1, 99)",
    "plus_jours('2026-01-01', 999999999)",
    "plus_jours('9999-12-31', 1)",
    "plus_jours('0001-01-01', -1)",
    "plus_jours_ouvres('2026-01-01', 99999999)",
    "plus_jours('hier', 1)",
    "plus_jours('2026-02-30', 1)",
    "plus_jours('2026-W10-1', 1)" + "000000",
    "age(rien)",
    "nombre('1' + texte(montant) + 'e9999')",
    "nombre('" + "9" * 60 + "')",
    "duree('99999999 ans')",
    "duree('-1 jour')",
    "somme(['1'])",
    "min()",
    "min([])",
    "max(1, 'a')",
    "montant + 'a'",
    "vide_ici < 3",
    "accord + 1",
    "montant / 0",
    "montant % 0",
    "montant // 0",
    "'a' < 1",
    "1 in 2",
    "-decision",
    "montant = 3",
    "montant; 1",
    "import os",
    "del montant",
    "while True: pass",
    "def f(): pass",
    "await montant",
    "yield 1",
    "return 1",
    "1\n2",
    "",
    "   ",
    "(",
    "a b",
    "= 1",
    "'\\x41'",
    "1 +\\\n 2",
    "\x00",
    "montant\x00",
    "(" * 300 + "1" + ")" * 300,
    "-" * 900 + "1",
    "not " * 200 + "vrai",
    "[" * 90 + "]" * 90,
    "1" + "+1" * 400,
    "x" * 1001,
    "1" * 999,
    "[" + "[],".join([""] * 300) + "]",
]


@pytest.mark.parametrize("text", ESCAPES, ids=[repr(text[:50]) for text in ESCAPES])
def test_an_escape_is_refused_in_french_within_little_time_and_memory(text: str) -> None:
    tracemalloc.start()
    before = time.perf_counter()
    try:
        message = refusal_of(text)
        elapsed = time.perf_counter() - before
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert elapsed < 0.5
    assert peak < 3_000_000
    assert message[0].isupper()
    assert message.rstrip().endswith((".", ")", "»"))
    assert "Traceback" not in message
    assert "not defined" not in message


def test_a_refusal_names_the_remedy() -> None:
    assert 'a["b"]' in refusal_of("foyer.ville")
    assert "multiplication" in refusal_of("2 ** 8")
    assert "« inconnue »" in refusal_of("inconnue + 1").replace("\u00a0", " ")
    assert "age(date_naissance, le=…)" in refusal_of("age()")


def test_the_free_variables_of_an_expression_are_known_before_it_runs() -> None:
    expression = compile_expression("age(naissance, le=jour) < age and enfants[i]['x'] == vrai or None")
    assert expression.names == {"naissance", "jour", "age", "enfants", "i"}


def test_a_variable_may_bear_the_name_of_a_function() -> None:
    assert evaluate("age < 6 and abs(age) == 5", {"age": 5}, now=NOW) is True


def test_data_cannot_replace_a_constant_or_a_function() -> None:
    assert evaluate("vrai and abs(-1) == 1", {"vrai": False, "abs": 3}, now=NOW) is True


def test_data_that_is_not_json_is_refused() -> None:
    for intruder in (object(), date(2026, 1, 1), {1, 2}, (1, 2), float("nan"), 10**16, b"", print):
        with pytest.raises(ExpressionError):
            evaluate("x", {"x": intruder}, now=NOW)  # type: ignore[dict-item]  # hostile on purpose
        with pytest.raises(ExpressionError):
            evaluate("x", {"x": [{"y": intruder}]}, now=NOW)  # type: ignore[dict-item]  # same


def test_a_group_with_a_key_that_is_not_text_is_refused() -> None:
    with pytest.raises(ExpressionError):
        evaluate("x", {"x": {1: 2}}, now=NOW)  # type: ignore[dict-item]  # hostile on purpose


def test_data_nested_without_end_is_refused() -> None:
    endless: list[object] = []
    endless.append(endless)
    for text in ("x", "x == y", "x in [y]"):
        twin: list[object] = []
        twin.append(twin)
        with pytest.raises(ExpressionError):
            evaluate(text, {"x": endless, "y": twin}, now=NOW)  # type: ignore[dict-item]  # hostile on purpose


def test_the_result_does_not_share_the_lists_of_the_data() -> None:
    data = {"x": [{"y": [1]}]}
    result = evaluate("x", data, now=NOW)  # type: ignore[arg-type]  # a nested literal is narrower than Json
    result[0]["y"].append(2)  # type: ignore[index, call-overload, union-attr]  # the shape is written above
    assert data == {"x": [{"y": [1]}]}


def test_a_text_at_the_bound_is_accepted_and_one_over_is_refused() -> None:
    assert evaluate("longueur(x)", {"x": "a" * MAX_TEXT}, now=NOW) == MAX_TEXT
    with pytest.raises(ExpressionError):
        evaluate("longueur(x)", {"x": "a" * (MAX_TEXT + 1)}, now=NOW)


def test_every_function_is_documented_in_french_and_shows_how_it_is_written() -> None:
    for name, function in FUNCTIONS.items():
        assert function.usage.startswith(f"{name}(")
        assert "now" not in function.usage
        assert function.doc[0].isupper()
        assert function.doc.endswith(".")


@settings(max_examples=300, deadline=500)
@given(st.text(alphabet="abx01 ()[]{}'\"+-*/%<>=!,.:_&|~^@#\n\\", max_size=60))
def test_any_text_gives_json_or_a_french_refusal(text: str) -> None:
    try:
        result = evaluate(text, {"a": 1, "b": "x", "x": [1, {"a": 2}]}, now=NOW)
    except ExpressionError as error:
        assert str(error) == error.message  # noqa: PT017 - either outcome is right, an exception of another kind is not
    else:
        json.dumps(result, allow_nan=False)


def test_one_evaluation_takes_some_tens_of_microseconds_at_most() -> None:
    expression = compile_expression("age(naissance) < 6 and montant * 2 > 700 and decision in ['accepter', 'oui']")
    best = min(_seconds_for(expression, 500) for _ in range(5))
    assert best / 500 < 100e-6  # 12 µs on the reference machine; the bar leaves room for a busy one


def _seconds_for(expression: object, times: int) -> float:
    before = time.perf_counter()
    for _ in range(times):
        expression.evaluate(DATA, now=NOW)  # type: ignore[attr-defined]  # an Expression
    return time.perf_counter() - before


# --- Scripts ---------------------------------------------------------------------------------------------------


def test_a_script_assigns_in_order_and_leaves_its_data_alone() -> None:
    script = compile_script("# le reste à payer\nreste = montant - 50\n\nreste = reste * 2\nage = age(naissance)\n")
    data = dict(DATA)
    assert script.execute(data, now=NOW) == {"reste": 2400, "age": 5}
    assert data == DATA
    assert script.assigned == ("reste", "age")
    assert script.names == {"montant", "naissance"}


SCRIPT_ESCAPES = [
    "",
    "# rien",
    "montant",
    "montant == 3",
    "a, b = 1, 2",
    "a = b = 1",
    "a += 1",
    "a[0] = 1",
    "a.b = 1",
    "a: int = 1",
    "__builtins__ = 1",
    "_x = 1",
    "vrai = 1",
    "None = 1",
    "class = 1",
    "été = 1",
    "1a = 1",
    "a = ",
    "a = 1; b = 2",
    "import os",
    "for x in nombres: a = x",
    "if vrai:\n  a = 1",
    "a = __import__('os')",
    "a = 2 ** 99",
    "def f():\n  return 1",
    "x" * 101 + " = 1",
    "\n".join(f"a{n} = 1" for n in range(51)),
    "\n" * 300 + "a = 1",
    "a = 1 #" + "x" * 60_000,
]


@pytest.mark.parametrize("text", SCRIPT_ESCAPES, ids=[repr(text[:40]) for text in SCRIPT_ESCAPES])
def test_a_script_that_is_not_simple_assignments_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError) as refusal:
        compile_script(text)
    assert refusal.value.message[0].isupper()


def test_a_script_refusal_names_the_line() -> None:
    with pytest.raises(ExpressionError, match="Ligne 3"):
        compile_script("a = 1\n# b\nb = open('x')")


def test_a_long_chain_of_doubling_lines_stays_bounded() -> None:
    script = compile_script("\n".join(["a = 'x'"] + ["a = a + a"] * 49))
    with pytest.raises(ExpressionError, match="trop long"):
        script.execute({}, now=NOW)
