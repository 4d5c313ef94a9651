"""Which vaccinations a child must have, by birth date. The rules are data: ``data/vaccinations.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

from app.clock import months_after

DATA = Path(__file__).parent / "data" / "vaccinations.toml"


@dataclass(frozen=True)
class Rule:
    """What is compulsory for children born from ``born_since`` to the next rule: codes of valences, and the text."""

    born_since: date
    valences: Sequence[str]
    source: str


@dataclass(frozen=True)
class Rules:
    """``labels`` names each valence in French; ``provisional_months`` is how long a child is taken meanwhile."""

    rules: Sequence[Rule]
    labels: Mapping[str, str]
    provisional_months: int


@cache
def rules() -> Rules:
    """The table, oldest births first."""
    with DATA.open("rb") as file:
        written = tomllib.load(file)
    found = [Rule(row["nes_depuis"], tuple(row["valences"]), row["source"]) for row in written["regle"]]
    return Rules(
        tuple(sorted(found, key=lambda rule: rule.born_since)),
        written["valence"],
        written["admission_provisoire_mois"],
    )


def compulsory(birth_date: date) -> Sequence[str]:
    """The valences to be shown for a child born that day: nothing else may be asked."""
    return next(rule.valences for rule in reversed(rules().rules) if rule.born_since <= birth_date)


def missing(birth_date: date, shown: Collection[str]) -> Sequence[str]:
    """The compulsory valences that were not shown, in the order of the table. ACWY protects from C too."""
    known = set(shown) | ({"meningocoque_c"} if "meningocoque_acwy" in shown else set())
    return tuple(valence for valence in compulsory(birth_date) if valence not in known)


def provisional_until(admitted: date) -> date:
    """The last day of a provisional admission: a child has that long to catch up."""
    return months_after(admitted, rules().provisional_months)
