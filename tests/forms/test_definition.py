"""A definition is refused as a whole, with every problem told in French, or is safe to use."""

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from forms import DefinitionError, field_choices, load_definition
from forms.definition import FIELD_KEYS, PRODUCES
from forms.fields import FIELD_CLASSES
from forms.loading import schema
from tests.forms.making import EXAMPLE, example, example_document, make_definition


def problems_of(raw: Any) -> list[Any]:
    with pytest.raises(DefinitionError) as refused:
        load_definition(raw)
    return list(refused.value.problems)


def field_problems(**field: Any) -> list[Any]:
    return problems_of({"title": "T", "pages": [{"title": "P", "fields": [field]}]})


def test_the_published_schema_is_a_valid_schema_and_accepts_the_example() -> None:
    Draft202012Validator.check_schema(schema())
    Draft202012Validator(schema()).validate(example_document())


def test_schema_fields_and_classes_speak_of_the_same_types_and_keys() -> None:
    field = schema()["$defs"]["field"]
    assert set(field["properties"]["type"]["enum"]) == set(FIELD_CLASSES) == set(PRODUCES)
    assert set(field["properties"]) == FIELD_KEYS
    for kind, field_class in FIELD_CLASSES.items():
        assert field_class.suffixes == tuple(PRODUCES[kind]), kind


def test_the_example_uses_every_type() -> None:
    used = {inner.type for spec in example().fields() for inner in (spec, *spec.fields)}
    assert used == set(PRODUCES)


def test_same_content_gives_the_same_hash_whatever_the_order_of_keys_and_the_spaces() -> None:
    document = example_document()
    reordered = json.dumps({key: document[key] for key in reversed(document)}, indent=7).encode()
    assert load_definition(reordered).hash == example().hash
    document["title"] = "Autre"
    assert load_definition(document).hash != example().hash
    assert load_definition(EXAMPLE) is load_definition(EXAMPLE)


def test_a_definition_tells_its_variables_expressions_and_references() -> None:
    definition = example()
    variables = definition.variables()
    assert variables["periode_debut"] == "date"
    assert variables["revenu"] == "money"
    assert variables["adresse_code_postal"] == "text"
    assert variables["decision_champs"] == "list"
    assert not any(name.startswith("_info") for name in variables)
    uses = {(use.path, use.purpose, tuple(use.names)) for use in definition.expressions()}
    assert ("pages[0].fields[7].show_if", "show_if", ("pai",)) in uses
    assert ("pages[3].show_if", "show_if", ("etape",)) in uses
    assert ("pages[2].fields[8].fields[3].show_if", "show_if", ("personne_mineure",)) in uses
    references = {(r.kind, r.value) for r in definition.references()}
    assert {("piece_type", "certificat_medical"), ("structure_kind", "ecole"), ("source", "children")} <= references


def test_what_an_agent_may_reopen_is_every_question() -> None:
    names = [choice.value for choice in field_choices(example())]
    assert "motif" in names
    assert "decision" not in names
    assert not any(name.startswith("_info") for name in names)


@pytest.mark.parametrize(
    ("raw", "part"),
    [
        (b"{", "pas du JSON valable (ligne 1, colonne 2)"),
        (b"\xff\xfe", "pas en UTF-8"),
        (b'{"title": "a", "title": "b"}', "écrite deux fois"),
        (b'{"title": NaN}', "n’est pas permise"),
        (b"[" * 100_000, "trop imbriqué"),
        (b'{"title": ' + b"9" * 5_000 + b"}", "démesuré"),
        (b" " * 200_001, "200\u00a0ko"),
        (b"[]", "On attend un objet"),
        (b"null", "On attend un objet"),
        ({"title": float("nan")}, "ne peut pas s’écrire en JSON"),
        ({"title": "\ud800"}, "ne peut pas s’écrire en JSON"),
        ({"pages": []}, "Il manque la clé « title »"),
        ({"title": "T", "pages": []}, "Cette liste est vide"),
        ({"title": "T", "pages": [], "couleur": 1}, "La clé « couleur » n’est pas permise"),
    ],
)
def test_what_is_not_a_form_is_refused(raw: Any, part: str) -> None:
    assert any(part in problem.message for problem in problems_of(raw)), problems_of(raw)


@pytest.mark.parametrize(
    ("field", "path", "part"),
    [
        ({"type": "photo", "name": "a", "label": "A"}, "pages[0].fields[0].type", "« photo » n’est pas connue"),
        ({"type": "text", "name": "a", "label": "A", "couleur": 1}, "pages[0].fields[0].couleur", "pas permise ici"),
        ({"type": "text", "name": "a", "label": "A", "options": []}, "pages[0].fields[0].options", "pas permise ici"),
        ({"type": "text", "name": "a"}, "pages[0].fields[0]", "Il manque la clé « label »"),
        ({"type": "text", "name": "A", "label": "A"}, "pages[0].fields[0].name", "« A » n’est pas permis"),
        ({"type": "text", "name": "é", "label": "A"}, "pages[0].fields[0].name", "n’est pas permis"),
        ({"type": "text", "name": "a\n", "label": "A"}, "pages[0].fields[0].name", "n’est pas permis"),
        ({"type": "text", "name": "a__b", "label": "A"}, "pages[0].fields[0].name", "n’est pas permis"),
        ({"type": "text", "name": "class", "label": "A"}, "pages[0].fields[0].name", "réservé"),
        ({"type": "text", "name": "csrf_token", "label": "A"}, "pages[0].fields[0].name", "réservé"),
        ({"type": "text", "name": "a", "label": "x" * 201}, "pages[0].fields[0].label", "trop long (201"),
        ({"type": "text", "name": "a", "label": "  "}, "pages[0].fields[0].label", "n’est pas permise"),
        (
            {"type": "text", "name": "a", "label": "A", "required": "oui"},
            "pages[0].fields[0].required",
            "true ou false",
        ),
        ({"type": "text", "name": "a", "label": "A", "max_length": 900}, "pages[0].fields[0].max_length", "500"),
        (
            {"type": "text", "name": "a", "label": "A", "min_length": 9, "max_length": 2},
            "pages[0].fields[0]",
            "dépasse",
        ),
        ({"type": "text", "name": "a", "label": "A", "show_if": "x =="}, "pages[0].fields[0].show_if", "mal écrite"),
        ({"type": "text", "name": "a", "label": "A", "show_if": "a == 1"}, "pages[0].fields[0].show_if", "pas encore"),
        ({"type": "text", "name": "a", "label": "A", "show_if": "(" * 400}, "pages[0].fields[0].show_if", "mal écrite"),
        ({"type": "integer", "name": "a", "label": "A", "min": 5, "max": 1}, "pages[0].fields[0]", "dépasse"),
        (
            {"type": "integer", "name": "a", "label": "A", "min": "aujourd_hui"},
            "pages[0].fields[0].min",
            "pas un nombre",
        ),
        ({"type": "date", "name": "a", "label": "A", "min": "2026-02-31"}, "pages[0].fields[0].min", "ne convient pas"),
        ({"type": "time", "name": "a", "label": "A", "min": "25:00"}, "pages[0].fields[0].min", "ne convient pas"),
        ({"type": "date", "name": "a", "label": "A", "max": 12}, "pages[0].fields[0].max", "ne convient pas"),
        ({"type": "piece", "name": "a", "label": "A"}, "pages[0].fields[0]", "Il manque la clé « piece_type »"),
        (
            {"type": "consent", "name": "a", "label": "A", "link": {"url": "//evil.example", "label": "L"}},
            "pages[0].fields[0].link.url",
            "sort du portail",
        ),
        (
            {"type": "consent", "name": "a", "label": "A", "link": {"url": "javascript:alert(1)", "label": "L"}},
            "pages[0].fields[0].link.url",
            "sort du portail",
        ),
        (
            {"type": "choice", "name": "a", "label": "A", "options": [{"value": "1", "label": "x"}] * 2},
            "pages[0].fields[0].options",
            "deux fois",
        ),
        (
            {
                "type": "group",
                "name": "a",
                "label": "A",
                "fields": [
                    {
                        "type": "group",
                        "name": "b",
                        "label": "B",
                        "fields": [{"type": "text", "name": "c", "label": "C"}],
                    }
                ],
            },
            "pages[0].fields[0].fields[0]",
            "groupe répété",
        ),
    ],
)
def test_a_bad_field_is_refused_where_it_stands(field: dict[str, Any], path: str, part: str) -> None:
    found = field_problems(**field)
    assert any(p.path == path and part in p.message and p.remedy for p in found), [str(p) for p in found]


def test_every_problem_is_told_at_once() -> None:
    found = problems_of(
        {"title": "T", "pages": [{"title": "P", "fields": [{"type": "x"}, {"type": "text", "name": "É"}]}]}
    )
    assert len(found) >= 3


def test_two_fields_may_not_write_the_same_name() -> None:
    with pytest.raises(DefinitionError, match="« adresse_voie » est déjà pris"):
        make_definition(
            {"type": "address", "name": "adresse", "label": "A"}, {"type": "text", "name": "adresse_voie", "label": "B"}
        )
    with pytest.raises(DefinitionError, match="déjà pris"):
        make_definition(
            {"type": "text", "name": "nom", "label": "A"},
            {"type": "group", "name": "g", "label": "G", "fields": [{"type": "text", "name": "nom", "label": "B"}]},
        )


def test_a_condition_reads_only_earlier_answers() -> None:
    first = {"type": "text", "name": "a", "label": "A", "show_if": "b == '1'"}
    second = {"type": "text", "name": "b", "label": "B"}
    with pytest.raises(DefinitionError, match="« b », dont la réponse n’est pas encore donnée"):
        make_definition(first, second)
    assert make_definition(second, first)
    with pytest.raises(DefinitionError, match="« b », dont"):
        make_definition(second, show_if="b == '1'")
    row = [{"type": "text", "name": "c", "label": "C", "show_if": "d"}, {"type": "text", "name": "d", "label": "D"}]
    with pytest.raises(DefinitionError, match="« d », dont"):
        make_definition({"type": "group", "name": "g", "label": "G", "fields": row})


def test_names_reserved_by_the_caller_are_refused() -> None:
    raw = {"title": "T", "pages": [{"title": "P", "fields": [{"type": "text", "name": "demandeur", "label": "D"}]}]}
    assert load_definition(raw)
    with pytest.raises(DefinitionError, match="réservé"):
        load_definition(raw, reserved={"demandeur"})


@pytest.mark.parametrize(
    "label",
    [
        "Votre religion",
        "Confession de l’enfant",
        "RELIGIEUX ?",
        "Repas halal",
        "Menu « Casher »",
        "kascher",
        "Nationalité",
        "N° de sécurité sociale",
        "Numéro de sécu",
        "NIR",
        "Nature du handicap",
        "Quel handicap ?",
        "Origine ethnique",
    ],
)
def test_forbidden_questions_cannot_be_asked(label: str) -> None:
    for field in (
        {"type": "text", "name": "a", "label": label},
        {"type": "text", "name": "a", "label": "A", "help": label},
        {"type": "choices", "name": "a", "label": "A", "options": [{"value": "x", "label": label}]},
        {"type": "group", "name": "g", "label": "G", "fields": [{"type": "text", "name": "a", "label": label}]},
    ):
        assert any("ne peut pas demander" in p.message for p in field_problems(**field)), field
    assert any(
        "ne peut pas demander" in p.message for p in field_problems(type="text", name="nationalite", label="Pays")
    )


@pytest.mark.parametrize(
    "label",
    [
        "Sans porc",
        "L’enfant a-t-il besoin d’un accueil adapté (handicap) ?",
        "Nom de la pratique sportive",
        "Cachet",
        "Attestation de sécurité sociale",
        "Venir en avance",
    ],
)
def test_allowed_questions_are_not_mistaken_for_forbidden_ones(label: str) -> None:
    assert make_definition({"type": "text", "name": "a", "label": label})
