"""What happens to demandes and démarches is journaled in words that the page of the journal has in French."""

from __future__ import annotations

import ast
import re

from app.cases.journal_words import ACTIONS
from tests.rules.source import sources

ROOMS = re.compile(r"(case|draft|incident|journal|migration|procedure|task)\.[a-z_]+")
WRITERS = ("record", "_moved")
OF_FAMILIES = {"case.message_annuler", "case.message_modifier"}
"""Written as « case.message_ » and the name of the message; those of the usual pattern have their words."""


def journaled() -> set[str]:
    """The literal actions that the product gives to what writes the journal."""
    found = set()
    for _name, text in sources():
        for call in ast.walk(ast.parse(text)):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in WRITERS:
                literals = (each.value for arg in call.args for each in ast.walk(arg) if isinstance(each, ast.Constant))
                found |= {each for each in literals if isinstance(each, str) and ROOMS.fullmatch(each)}
    return (found - {"case.message_"}) | OF_FAMILIES


def test_each_action_on_demandes_and_demarches_has_its_words_and_no_word_is_left_over() -> None:
    assert {"case.moved", "case.step_skipped", "migration.started", "incident.retried"} <= journaled()
    assert journaled() == set(ACTIONS)
