"""The registry: typed, documented parameters; what a diagram gives is checked before anything runs."""

import uuid
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pytest

from app.engine.operations import Call, ParameterError, Registry

CHILD = uuid.UUID(int=5)


@dataclass(frozen=True)
class Absence:
    enfant: uuid.UUID = field(metadata={"doc": "L’enfant"})
    jour: date = field(metadata={"doc": "Le jour"})
    repas: bool
    nombre: int
    motif: str | None
    details: dict[str, Any] = field(default_factory=dict)
    jours: list[str] = field(default_factory=list)
    urgent: bool = False


def make_registry() -> Registry:
    registry = Registry()

    @registry.operation("absence.enregistrer", "Enregistrer", Absence, results=("id",), errors=("tard",))
    def record(call: Call, params: Absence) -> dict[str, Any]:
        return {"id": str(params.enfant)}

    return registry


GIVEN = {"enfant": str(CHILD), "jour": "2026-11-23", "repas": True, "nombre": 2, "motif": None}


def test_parameters_describe_themselves() -> None:
    described = {
        each.name: (each.type, each.required, each.doc) for each in make_registry()["absence.enregistrer"].parameters
    }
    assert described["enfant"] == ("identifiant", True, "L’enfant")
    assert described["jour"][0] == "date"
    assert described["urgent"] == ("oui/non", False, "")
    assert described["jours"][0] == "liste de textes"


def test_values_become_typed_parameters() -> None:
    bound = make_registry()["absence.enregistrer"].bind(GIVEN | {"jours": ["a"], "details": {"x": 1}})
    assert bound == Absence(CHILD, date(2026, 11, 23), True, 2, None, {"x": 1}, ["a"])


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"inconnu": 1}, "inconnu"),
        ({"enfant": None}, "manque"),
        ({"enfant": "5"}, "identifiant"),
        ({"jour": "23/11/2026"}, "date"),
        ({"jour": 20261123}, "date"),
        ({"repas": 1}, "oui/non"),
        ({"nombre": True}, "entier"),
        ({"nombre": "2"}, "entier"),
        ({"nombre": 2.0}, "entier"),
        ({"motif": 3}, "texte"),
        ({"details": []}, "objet"),
        ({"jours": "a"}, "liste"),
        ({"jours": [1]}, "liste"),
    ],
)
def test_a_value_that_does_not_fit_is_named(changes: dict[str, Any], word: str) -> None:
    with pytest.raises(ParameterError, match=word):
        make_registry()["absence.enregistrer"].bind(GIVEN | changes)


def test_a_missing_optional_value_takes_its_default() -> None:
    bound = make_registry()["absence.enregistrer"].bind(GIVEN | {"urgent": None})
    assert (bound.urgent, bound.jours) == (False, [])


def test_names_are_unique_and_unknown_ones_are_told() -> None:
    registry = make_registry()
    with pytest.raises(ValueError):
        registry.add(registry["absence.enregistrer"])
    with pytest.raises(ParameterError, match="aucune opération"):
        registry["aucune.operation"]
    assert ("absence.enregistrer" in registry, "x" in registry, list(registry.specs())) == (
        True, False, ["absence.enregistrer"],
    )  # fmt: skip


def test_a_parameter_of_a_type_that_json_does_not_have_fails_at_registration() -> None:
    @dataclass(frozen=True)
    class Bad:
        quoi: complex

    with pytest.raises(KeyError):
        Registry().operation("x.y", "X", Bad)(lambda call, params: None)
