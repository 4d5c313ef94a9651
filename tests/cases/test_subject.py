"""What lists say a demande is about: the answers that its démarche names, in its order."""

from __future__ import annotations

import pytest

from app.db import Database
from app.policy import SYSTEM
from app.procedures.operations import publish
from tests.cases.making import SLUG, case_of, file_case, make_bundle, make_world


def subject_told(database: Database, sujet: str, **values: str) -> str:
    """The subject of a demande whose demarche.toml says so."""
    settings = make_bundle().files["demarche.toml"].decode() + f"sujet = {sujet}\n"
    world = make_world(database)
    with database.transaction() as session:
        publish(session, SYSTEM, SLUG, make_bundle(**{"demarche.toml": settings.encode()}), "")
    return case_of(database, file_case(database, world, **values)).subject


@pytest.mark.parametrize(
    ("sujet", "subject"),
    [
        ("[]", ""),
        ('["motif"]', "Léna est malade"),
        ('["motif", "jour"]', "Léna est malade, lundi 7 janvier 2030"),
        ('["jour motif"]', "lundi 7 janvier 2030 Léna est malade"),
        ('["  jour   motif ", "motif"]', "lundi 7 janvier 2030 Léna est malade, Léna est malade"),
        ('["motif inconnu", "inconnu", "inconnu aussi", "", "jour"]', "Léna est malade, lundi 7 janvier 2030"),
    ],
)
def test_fields_of_one_entry_are_joined_by_a_space_and_entries_by_a_comma(
    database: Database, sujet: str, subject: str
) -> None:
    assert subject_told(database, sujet).replace("\u00a0", " ") == subject


def test_a_subject_without_end_is_cut(database: Database) -> None:
    assert len(subject_told(database, '["motif jour", "motif"]', motif="é" * 190)) == 200
