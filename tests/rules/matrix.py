"""Reads ``access_matrix.txt``: one line a route, one column a persona."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.rules.cast import PERSONAS

MATRIX = Path(__file__).parent / "access_matrix.txt"
#: What a cell may say, and what it means.
WORDS = {
    "200": "the page",
    "go": "done: to the next page",
    "in": "to the sign-in page",
    "2nd": "to the second factor",
    "403": "visible, but this action is not theirs",
    "404": "does not exist for them",
    "409": "the state does not allow it",
    "410": "the link has ended",
    "422": "theirs to do: an empty form is refused",
}


@dataclass(frozen=True)
class Line:
    """A route with a method, about one object (``variant``), and what each persona gets."""

    method: str
    rule: str
    variant: str
    cells: dict[str, str]

    @property
    def key(self) -> tuple[str, str, str]:
        return self.method, self.rule, self.variant


class BadMatrix(Exception):
    """The file cannot be read; the message names the line."""


def read_matrix(text: str | None = None) -> Sequence[Line]:
    """The lines of the file. Raises BadMatrix for an unknown persona or word, a missing cell, a line said twice."""
    rows = (MATRIX.read_text(encoding="utf-8") if text is None else text).splitlines()
    rows = [row for row in rows if row.strip() and not row.startswith("#")]
    header = rows[0].split()
    if tuple(header) != PERSONAS:
        raise BadMatrix(f"the columns are {' '.join(PERSONAS)}, not {' '.join(header)}")
    lines: dict[tuple[str, str, str], Line] = {}
    for row in rows[1:]:
        line = _line(row)
        if line.key in lines:
            raise BadMatrix(f"said twice: {row}")
        lines[line.key] = line
    return list(lines.values())


def _line(row: str) -> Line:
    asked, _, told = row.partition(" | ")
    method, _, rule = asked.strip().partition(" ")
    rule, _, variant = rule.strip().partition(" @")
    cells = told.split()
    if len(cells) != len(PERSONAS):
        raise BadMatrix(f"{len(cells)} cells for {len(PERSONAS)} personas: {row}")
    if unknown := set(cells) - set(WORDS):
        raise BadMatrix(f"unknown word {sorted(unknown)[0]}: {row}")
    return Line(method, rule.strip(), variant, dict(zip(PERSONAS, cells, strict=True)))
