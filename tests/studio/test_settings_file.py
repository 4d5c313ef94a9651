"""demarche.toml written back: what is asked changes, everything else stays as somebody wrote it."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import Refused
from app.studio.settings_file import rewritten

SHIPPED = sorted((Path(__file__).parents[2] / "workflows").glob("*/demarche.toml"))
CHANGES: dict[str, Any] = {
    "titre": 'Un « titre » "neuf" \\',
    "resume": "Sur\ndeux lignes",
    "ouverture": date(2026, 9, 1),
    "second_lecteur": True,
    "pieces": ["Un RIB", "Une photo"],
    "legal.regime": "SVA",
    "legal.mois": 4,
    "suite.brouillon": "Ligne\nautre",
    "notifications.en_attente.objet": "Bonjour {prenom}",
    "notifications.en_attente.texte": 'Trois """ et un \\ \n fin',
}
COMMENTED = b"""# La cantine
titre = "Cantine"  # le titre
resume = "R\xc3\xa9sum\xc3\xa9"
categorie = "quotidien"

# La loi
[legal]
regime = "SVR" # silence vaut rejet
mois = 2
"""


def found(raw: bytes, key: str) -> Any:
    part: Any = tomllib.loads(raw.decode())
    for name in key.split("."):
        part = part.get(name) if isinstance(part, dict) else None
    return part


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.parent.name)
def test_each_change_is_read_back_and_nothing_else_changes(path: Path) -> None:
    raw = path.read_bytes()
    assert rewritten(raw, {}) == raw
    made = rewritten(raw, CHANGES)
    for key, value in CHANGES.items():
        assert found(made, key) == value, key
    before, after = tomllib.loads(raw.decode()), tomllib.loads(made.decode())
    touched = {key.split(".")[0] for key in CHANGES}
    assert {k: v for k, v in before.items() if k not in touched} == {k: v for k, v in after.items() if k not in touched}
    assert rewritten(made, CHANGES) == made


def test_comments_and_order_are_kept() -> None:
    made = rewritten(COMMENTED, {"titre": "Midi", "legal.mois": 3, "ouverture": date(2026, 9, 1)}).decode()
    for kept in ("# La cantine", "# le titre", "# La loi", "# silence vaut rejet"):
        assert kept in made
    assert made.index("ouverture") < made.index("[legal]")


def test_nothing_removes_the_key_and_the_section_that_it_leaves_empty() -> None:
    raw = COMMENTED + b'\n[notifications.clos]\nobjet = "x"\ntexte = "y"\n'
    made = rewritten(raw, {"notifications.clos.objet": "", "notifications.clos.texte": "", "suite.clos": ""})
    assert "notifications" not in tomllib.loads(made.decode())
    assert "suite" not in tomllib.loads(made.decode())


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"categorie": "inconnue"}, "n’existe pas"),
        ({"notifications.clos.objet": "x", "notifications.clos.texte": "{cantine}"}, "cantine"),
        ({"ouverture": date(2026, 9, 1), "fermeture": date(2026, 8, 1)}, "vient avant"),
        ({"titre": ""}, "manque"),
        ({"deposants": "n’importe qui"}, "deposants"),
        ({"brouillon_jours": 0}, "brouillon_jours"),
        ({"conservation_mois": 2}, "conservation_mois » est un nombre de mois entre 3 et 120"),
        ({"conservation_mois": 121}, "conservation_mois"),
        ({"conservation_mois": "deux ans"}, "un nombre entier attendu"),
    ],
)
def test_what_would_be_wrong_is_refused_with_its_sentence(changes, sentence) -> None:
    with pytest.raises(Refused, match=sentence):
        rewritten(COMMENTED, changes)


def test_a_file_that_cannot_be_read_says_where_to_mend_it() -> None:
    with pytest.raises(Refused, match="ne se lit pas"):
        rewritten(b"titre = ", {"titre": "x"})


@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n\t"), min_size=1))
def test_any_text_is_written_so_that_it_is_read_back(text: str) -> None:
    assert found(rewritten(COMMENTED, {"titre": text, "suite.clos": text}), "titre") == text
    assert found(rewritten(COMMENTED, {"suite.clos": text}), "suite.clos") == text
