"""Each type of field: good, bad, empty, over-long and hostile answers."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forms.hygiene import DRAFT_LIMIT
from tests.forms.making import TODAY, make_definition, make_field_form, make_form, message, value

OPTIONS = [{"value": "a", "label": "A"}, {"value": "b", "label": "B"}, {"value": "c", "label": "C"}]

SCALARS: dict[str, dict[str, Any]] = {
    "text": {"type": "text"},
    "long_text": {"type": "long_text"},
    "integer": {"type": "integer"},
    "decimal": {"type": "decimal"},
    "money": {"type": "money"},
    "date": {"type": "date"},
    "time": {"type": "time"},
    "email": {"type": "email"},
    "phone": {"type": "phone"},
    "yes_no": {"type": "yes_no"},
    "choice": {"type": "choice", "options": OPTIONS},
    "consent": {"type": "consent"},
    "child": {"type": "child"},
    "adult": {"type": "adult"},
    "person": {"type": "person"},
    "structure": {"type": "structure", "structure_kind": "ecole"},
    "activity": {"type": "activity"},
}
LISTS: dict[str, dict[str, Any]] = {
    "choices": {"type": "choices", "options": OPTIONS},
    "children": {"type": "children"},
    "slots": {"type": "slots"},
    "piece": {"type": "piece", "piece_type": "certificat_medical"},
}

GOOD = [
    ("text", "  Éva\u00a0Müller ", "Éva\u00a0Müller"),
    ("text", "E\u0301va", "Éva"),
    ("text", "a\tb\r\nc", "a b c"),
    ("text", "<b>O'Brien</b> & fils; DROP TABLE --", "<b>O'Brien</b> & fils; DROP TABLE --"),
    ("text", "a\u200bb\u202ec\ufeff", "abc"),
    ("long_text", "un\r\n\r\ndeux  \ntrois\u2028quatre", "un\n\ndeux\ntrois\nquatre"),
    ("long_text", "👩\u200d👧 bravo", "👩\u200d👧 bravo"),
    ("integer", "3", 3),
    ("integer", "-3", -3),
    ("integer", "−3", -3),
    ("integer", "1 234", 1234),
    ("integer", "1\u202f234", 1234),
    ("integer", "007", 7),
    ("decimal", "12,5", "12.5"),
    ("decimal", "1 234,5", "1234.5"),
    ("decimal", "12.40", "12.40"),
    ("decimal", "-0,5", "-0.5"),
    ("decimal", "-0", "0"),
    ("money", "12,40", 1240),
    ("money", "12,4 €", 1240),
    ("money", "1 234,50\u00a0€", 123450),
    ("money", "0", 0),
    ("money", "7", 700),
    ("date", "14/09/2026", "2026-09-14"),
    ("date", "2026-09-14", "2026-09-14"),
    ("date", "1.9.2026", "2026-09-01"),
    ("date", "29/02/2024", "2024-02-29"),
    ("time", "8h30", "08:30"),
    ("time", "8 h 30", "08:30"),
    ("time", "8h", "08:00"),
    ("time", "08:30", "08:30"),
    ("time", "23:59:00", "23:59"),
    ("email", " Anne.Martin@Example.ORG ", "Anne.Martin@example.org"),
    ("phone", "06 12 34 56 78", "+33612345678"),
    ("phone", "06.12.34.56.78", "+33612345678"),
    ("phone", "+33 (0)6 12 34 56 78", "+33612345678"),
    ("phone", "06 39 98 12 34", "+33639981234"),
    ("phone", "+41 22 123 45 67", "+41221234567"),
    ("yes_no", "oui", True),
    ("yes_no", "non", False),
    ("choice", "b", "b"),
    ("consent", "oui", True),
    ("child", "enf-hugo", "enf-hugo"),
    ("adult", "adu-anne", "adu-anne"),
    ("person", "per-odette", "per-odette"),
    ("structure", "str-em", "str-em"),
    ("activity", "act-cant", "act-cant"),
    ("choices", ["c", "a"], ["a", "c"]),
    ("choices", ["a", "a", ""], ["a"]),
    ("children", ["enf-hugo", "enf-lena"], ["enf-lena", "enf-hugo"]),
    ("slots", ["matin", "midi"], ["matin", "midi"]),
    ("piece", ["doc-1"], ["doc-1"]),
]


@pytest.mark.parametrize(("kind", "typed", "expected"), GOOD)
def test_a_good_answer_becomes_its_json_value(kind: str, typed: Any, expected: Any) -> None:
    assert value({**SCALARS, **LISTS}[kind], {"x": typed}) == expected


BAD = [
    ("text", "a\0b", "caractère interdit"),
    ("text", "x" * 201, "trop longue\u00a0: 200\u00a0caractères au plus. Retirez-en 1."),
    ("text", "x" * 5_000_000, "trop longue"),
    ("text", "Z\u0301" * 100_000, "trop longue"),
    ("long_text", "x" * 2001, "2000\u00a0caractères au plus"),
    ("long_text", "\0", "caractère interdit"),
    ("integer", "trois", "nombre entier"),
    ("integer", "1,5", "nombre entier"),
    ("integer", "1e9", "nombre entier"),
    ("integer", "12 34", "nombre entier"),
    ("integer", "0x10", "nombre entier"),
    ("integer", "１２", "nombre entier"),
    ("integer", "NaN", "nombre entier"),
    ("integer", "9" * 16, "trop grand"),
    ("integer", "9" * 5000, "trop longue"),
    ("decimal", "1,234.5", "Écrivez un nombre"),
    ("decimal", "1,234", "Pas plus de 2 chiffres"),
    ("decimal", "Infinity", "Écrivez un nombre"),
    ("money", "12,405", "Pas plus de 2 chiffres"),
    ("money", "douze", "montant en euros"),
    ("money", "12 $", "montant en euros"),
    ("date", "31/02/2026", "n’existe pas dans le calendrier"),
    ("date", "29/02/2026", "n’existe pas dans le calendrier"),
    ("date", "14/09/26", "quatre chiffres"),
    ("date", "09/2026", "Écrivez une date"),
    ("date", "0001-01-01", "Vérifiez l’année"),
    ("date", "2026-09-14T00:00", "Écrivez une date"),
    ("date", "9" * 40, "trop longue"),
    ("time", "25:00", "n’existe pas"),
    ("time", "8", "Écrivez une heure"),
    ("time", "midi", "Écrivez une heure"),
    ("email", "anne", "adresse e-mail complète"),
    ("email", "anne@", "adresse e-mail complète"),
    ("email", "a@b@example.org", "adresse e-mail complète"),
    ("email", "anne@example.org\r\nBcc: x@example.org", "adresse e-mail complète"),
    ("email", "a" * 255 + "@example.org", "trop longue"),
    ("phone", "12", "numéro de téléphone"),
    ("phone", "06 12 34 56 7", "numéro de téléphone"),
    ("phone", "+33 0 12", "numéro de téléphone"),
    ("phone", "0612345678 poste 4", "numéro de téléphone"),
    ("phone", "javascript:alert(1)", "numéro de téléphone"),
    ("yes_no", "peut-être", "pas proposé"),
    ("yes_no", "true", "pas proposé"),
    ("choice", "z", "pas proposé"),
    ("choice", "<script>", "pas proposé"),
    ("consent", "non", "Cochez la case"),
    ("child", "enfant-d-autrui", "pas proposé"),
    ("child", "' OR 1=1 --", "pas proposé"),
    ("adult", "enf-lena", "pas proposé"),
    ("person", "adu-anne", "pas proposé"),
    ("structure", "act-cant", "pas proposé"),
    ("activity", "act-soir", "ne peut pas être choisi\u00a0: complet"),
    ("choices", ["a", "z"], "pas proposé"),
    ("children", ["enf-lena", "enfant-d-autrui"], "pas proposé"),
    ("slots", ["soir"], "hors délai"),
    ("slots", ["x" * 900], "trop longue"),
    ("piece", ["doc-d-autrui"], "pas proposé"),
]


@pytest.mark.parametrize(("kind", "typed", "part"), BAD)
def test_a_bad_answer_is_refused_with_its_reason_and_stores_nothing(kind: str, typed: Any, part: str) -> None:
    field = {**SCALARS, **LISTS}[kind]
    assert part in message(field, {"x": typed})
    form = make_field_form(field, {"x": typed})
    assert form.values()["x"] is None
    kept = form.partial()["x"]
    assert kept is None or isinstance(kept, list) or (0 < len(kept) <= DRAFT_LIMIT and "\0" not in kept)


@pytest.mark.parametrize("kind", sorted({**SCALARS, **LISTS}))
def test_an_empty_answer_is_null_and_refused_when_required(kind: str) -> None:
    field = {**SCALARS, **LISTS}[kind]
    for posted in ({}, {"x": ""}, {"x": " \u00a0\t"}):
        assert value(field, posted) in (None, [])
        assert message({**field, "required": True}, posted) != ""


@pytest.mark.parametrize("kind", sorted(SCALARS))
def test_several_answers_to_one_question_are_refused(kind: str) -> None:
    good = next(typed for name, typed, _ in GOOD if name == kind)
    assert message(SCALARS[kind], {"x": [good, good]}) == "Une seule réponse est attendue."


@pytest.mark.parametrize("kind", sorted({**SCALARS, **LISTS}))
def test_a_file_posted_instead_of_text_is_no_answer(kind: str) -> None:
    assert value({**SCALARS, **LISTS}[kind], {"x": [b"\x00\x01"]}) in (None, [])


def test_own_messages_replace_the_general_one() -> None:
    field = {"type": "text", "required": True, "required_message": "Dites-nous votre nom."}
    assert message(field, {}) == "Dites-nous votre nom."


# -- bounds ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "typed", "part"),
    [
        ({"type": "integer", "min": 1, "max": 15}, "0", "entre 1 et 15"),
        ({"type": "integer", "min": 1}, "0", "minimum est 1"),
        ({"type": "integer", "max": 1500}, "1501", "maximum est 1\u202f500"),
        ({"type": "decimal", "min": "0.5"}, "0,4", "minimum est 0,5"),
        ({"type": "money", "min": 500, "max": 10000}, "4,99", "montant entre 5,00\u00a0€ et 100,00\u00a0€"),
        ({"type": "date", "min": "aujourd_hui"}, "19/11/2026", "est passée"),
        ({"type": "date", "max": "aujourd_hui"}, "21/11/2026", "est à venir"),
        ({"type": "date", "min": "aujourd_hui + 2 jours"}, "21/11/2026", "à partir du 22/11/2026"),
        ({"type": "date", "max": "aujourd_hui - 16 ans"}, "21/11/2010", "jusqu’au 20/11/2010"),
        ({"type": "date", "min": "2026-09-01"}, "31/08/2026", "à partir du 01/09/2026"),
        ({"type": "time", "min": "07:30"}, "7h29", "à partir de 7\u00a0h\u00a030"),
        ({"type": "time", "max": "18:30"}, "18h31", "jusqu’à 18\u00a0h\u00a030"),
        ({"type": "text", "min_length": 3}, "ab", "trop courte"),
        ({"type": "choices", "options": OPTIONS, "max_count": 2}, ["a", "b", "c"], "Pas plus de 2"),
        ({"type": "choices", "options": OPTIONS, "min_count": 2}, ["a"], "au moins 2"),
    ],
)
def test_bounds_are_told(field: dict[str, Any], typed: Any, part: str) -> None:
    found = message(field, {"x": typed})
    assert part.lower() in found.lower(), found


def test_bounds_themselves_are_accepted() -> None:
    assert value({"type": "date", "min": "aujourd_hui", "max": "aujourd_hui"}, {"x": "20/11/2026"}) == "2026-11-20"
    assert value({"type": "integer", "min": 1, "max": 1}, {"x": "1"}) == 1
    assert value({"type": "time", "min": "07:30", "max": "07:30"}, {"x": "7h30"}) == "07:30"


def test_a_bound_may_be_an_expression_over_earlier_answers() -> None:
    definition = make_definition(
        {"type": "date", "name": "debut", "label": "Début"},
        {"type": "date", "name": "fin", "label": "Fin", "min": "debut"},
        {"type": "integer", "name": "parts", "label": "Parts", "max": "plafond * 2"},
    )
    posted = {"debut": "10/12/2026", "fin": "09/12/2026", "parts": "9"}
    form = make_form(definition, posted, values={"plafond": 4})
    assert not form.validate()
    assert [target for target, _ in form.errors] == ["champ-fin", "champ-parts"]
    assert make_form(definition, {"fin": "09/12/2026"}, values={"plafond": 4}).validate()


# -- round trips -------------------------------------------------------------------------------------------------------

_SAFE = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=40)
ROUND_TRIPS = {
    "integer": st.integers(-(10**12), 10**12),
    "money": st.integers(-(10**10), 10**10),
    "decimal": st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=2).map(
        lambda number: f"{abs(number) if number == 0 else number:f}"
    ),
    "date": st.dates(date(1900, 1, 1), date(2100, 12, 31)).map(date.isoformat),
    "time": st.times().map(lambda clock: clock.strftime("%H:%M")),
    "yes_no": st.booleans(),
    "phone": st.from_regex(r"\+33[1-9][0-9]{8}", fullmatch=True),
}


@pytest.mark.parametrize("kind", sorted(ROUND_TRIPS))
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_stored_value_shown_and_posted_again_is_the_same(kind: str, data: Any) -> None:
    stored = data.draw(ROUND_TRIPS[kind])
    shown = make_field_form({"type": kind}, values={"x": stored})
    assert shown.validate(), shown.errors
    assert shown.values() == {"x": stored}
    posted = {"x": shown["x"].typed["" if "" in shown["x"].typed else "x"]}
    assert value({"type": kind}, posted) == stored


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60))
def test_an_accepted_text_is_a_fixed_point_of_its_own_cleaning(text: str) -> None:
    form = make_field_form({"type": "text"}, {"x": text})
    if form.validate():
        first = form.values()["x"]
        assert value({"type": "text"}, {"x": first or ""}) == first


def test_the_clock_of_a_form_is_the_one_given() -> None:
    tomorrow = (TODAY + timedelta(days=1)).isoformat()
    field = {"type": "date", "max": "aujourd_hui"}
    assert message(field, {"x": tomorrow}) != ""
    assert message(field, {"x": tomorrow}, today=TODAY + timedelta(days=1)) == ""
