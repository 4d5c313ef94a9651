"""R-79: no shipped form, type of piece or list asks for religion, nationality, social security number, the nature of a
handicap; a diet is never named by a religion."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from app.db import fold
from app.documents.piece_types import DEFAULT_TYPES
from app.families import fields, vocabulary
from tests.rules.source import ROOT

FORBIDDEN = (
    *("religion", "religieu", "culte", "confession", "bapteme", "musulman", "juif", "catholique", "opinion", "syndica"),
    *("halal", "casher", "kasher", "cacher", "nationalite", "citoyennete", "ethni", "race", "orientation sexuelle"),
    *("pays de naissance", "titre de sejour", "securite sociale", "carte vitale", "nir", "handicap", "diagnostic"),
    *("maladie chronique", "pathologie"),
)
#: A word among others, not a part of one: « nir » is in « fournir », « race » in « trace ».
_WORD = re.compile("|".join(rf"\b{re.escape(word)}" + ("" if len(word) > 5 else r"\b") for word in FORBIDDEN))
#: What asks; help texts may say « sans précision sur la maladie ».
ASKING = ("name", "label", "value", "title", "legend")


def forbidden_in(definition: Any) -> list[str]:
    """The texts of a form definition that ask for what may not be asked."""
    return [text for text in _texts(definition) if _WORD.search(fold(text).replace("_", " ").replace("-", " "))]


def _texts(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        for key, value in part.items():
            if key in ASKING and isinstance(value, str):
                yield value
            else:
                yield from _texts(value)
    elif isinstance(part, list):
        for one in part:
            yield from _texts(one)


def test_no_shipped_form_asks_for_it() -> None:
    forms = sorted((ROOT / "workflows").glob("*/forms/*.json"))
    assert len(forms) >= 8
    for path in forms:
        assert forbidden_in(json.loads(path.read_text(encoding="utf-8"))) == [], path


def test_no_type_of_piece_asks_for_it() -> None:
    for kind in DEFAULT_TYPES:
        assert forbidden_in({"name": kind.code, "label": kind.label}) == []


def test_no_list_or_column_of_families_holds_it() -> None:
    lists = [value for name, value in vars(vocabulary).items() if name.isupper() and hasattr(value, "items")]
    assert len(lists) > 4
    for one in lists:
        for code, label in one.items():
            assert forbidden_in({"name": str(code), "label": str(label)}) == [], (code, label)
    for table in (fields.HOUSEHOLD, fields.ADULT, fields.CHILD):
        assert forbidden_in([{"name": name} for name in table]) == []


@pytest.mark.parametrize(
    "asked",
    ["Religion de l’enfant", "Repas halal", "Numéro de sécurité sociale", "Nationalité", "NIR", "Nature du handicap"],
)
def test_what_may_not_be_asked_is_found_wherever_it_is_asked(asked: str) -> None:
    assert forbidden_in({"pages": [{"fields": [{"type": "text", "name": "x", "label": asked}]}]}) == [asked]
    assert forbidden_in({"pages": [{"fields": [{"options": [{"value": "a", "label": asked}]}]}]}) == [asked]
    assert forbidden_in({"label": "Fournir une trace écrite", "help": asked}) == []
