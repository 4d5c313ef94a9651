"""The written reference is what the code accepts, today."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from app import cli
from app.engine.operations import registry
from app.reference import reference
from forms import load_definition

DOCS = Path(__file__).resolve().parents[1] / "docs"


def test_the_reference_of_the_documentation_is_up_to_date() -> None:
    written = (DOCS / "reference.md").read_text(encoding="utf-8")
    assert written == reference(), "python -m app.cli reference > docs/reference.md"


def test_every_operation_is_in_the_reference_with_its_parameters() -> None:
    text = reference()
    for name, spec in registry.specs().items():
        assert f"### `{name}`" in text
        assert all(f"| `{parameter.name}` |" in text for parameter in spec.parameters)


def test_a_key_that_the_reference_gives_to_a_type_is_accepted_by_the_reader_of_forms() -> None:
    line = next(line for line in reference().splitlines() if line.startswith("| `decimal` |"))
    assert all(f"`{key}`" in line for key in ("min", "max", "unit", "places"))
    field = {"type": "decimal", "name": "poids", "label": "Poids", "min": 0, "max": 9, "unit": "kg", "places": 3}
    form = {"title": "Un poids", "pages": [{"title": "Le poids", "fields": [field]}]}
    assert load_definition(json.dumps(form).encode()).variables() == {"poids": "decimal"}


def test_the_example_of_the_documentation_verifies_and_its_story_goes_as_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (DOCS / "add-a-demarche.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```(?:xml|toml|json)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    names = ["process.bpmn", "demarche.toml", "forms/rendez-vous.json", "forms/reponse.json", "scenarios/fixe.toml"]
    for name, content in zip(names, blocks, strict=True):
        path = tmp_path / "rendez-vous" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    assert cli.main(["verify", "--dossier", str(tmp_path)]) == 0, capsys.readouterr().out
