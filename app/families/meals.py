"""What the canteen reads of a child: codes of meals and allergies, never more (R-43). The caller journals it."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.families import vocabulary
from app.families.models import ChildHealth


@dataclass(frozen=True)
class Code:
    """What a sheet shows for a diet or an allergen: a few letters, a drawing of the sprite, and the whole word."""

    letters: str
    icon: str
    label: str


_DIETS: Mapping[str, tuple[str, str]] = {
    "standard": ("ST", "utensils"),
    "sans_porc": ("SP", "ban"),
    "sans_viande": ("SV", "beef"),
    "vegetarien": ("VG", "leaf"),
    "panier": ("PP", "shopping-basket"),
}
_ALLERGENS: Mapping[str, tuple[str, str]] = {
    "gluten": ("GLU", "wheat"),
    "crustaces": ("CRU", "shrimp"),
    "oeufs": ("ŒUF", "egg"),
    "poissons": ("POI", "fish"),
    "arachides": ("ARA", "nut"),
    "soja": ("SOJ", "bean"),
    "lait": ("LAI", "milk"),
    "fruits_a_coque": ("FAC", "nut"),
    "celeri": ("CÉL", "sprout"),
    "moutarde": ("MOU", "soup"),
    "sesame": ("SÉS", "wheat"),
    "sulfites": ("SUL", "wine"),
    "lupin": ("LUP", "flower"),
    "mollusques": ("MOL", "shell"),
    "medicament": ("MÉD", "pill"),
    "autre": ("AUT", "triangle-alert"),
}
DIETS: Mapping[str, Code] = {code: Code(*_DIETS[code], label) for code, label in vocabulary.DIETS.items()}
ALLERGENS: Mapping[str, Code] = {code: Code(*_ALLERGENS[code], label) for code, label in vocabulary.ALLERGENS.items()}


@dataclass(frozen=True)
class Meal:
    """The diet of a child, his allergies, and whether a PAI says what to do: not what it says."""

    diet: Code = DIETS["standard"]
    allergies: tuple[Code, ...] = ()
    pai: bool = False


def meals_of(session: Session, children: Collection[uuid.UUID]) -> dict[uuid.UUID, Meal]:
    """The codes of these children; a child of whom nothing is known eats what everybody does. One statement."""
    found = {child_id: Meal() for child_id in children}
    query = select(ChildHealth.child_id, ChildHealth.diet, ChildHealth.allergies, ChildHealth.pai)
    for row in session.execute(query.where(ChildHealth.child_id.in_(found))):
        allergies = tuple(ALLERGENS[code] for code in row.allergies if code in ALLERGENS)
        found[row.child_id] = Meal(DIETS.get(row.diet, DIETS["standard"]), allergies, row.pai)
    return found
