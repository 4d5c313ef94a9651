"""Random valid edits of a rich démarche: steps and blocks added, removed, moved, renamed, made of another nature.

A seed gives the same again. Edits are not all harmless: many take away the very step where a demande waits.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from app.engine.bundle import Bundle
from tests.studio.blocks import Block, demarche


@dataclass(frozen=True)
class Drawn:
    """A version before it is drawn."""

    blocks: tuple[Block, ...]
    taking: str = "prendre"
    deciding: str = "instruire"
    completing: str = "completer"

    def bundle(self) -> Bundle:
        return demarche(self.blocks, taking=self.taking, deciding=self.deciding, completing=self.completing)


#: Where demandes are filed: a step, a choice, a sub-process, timers on an edge and in the way, branches, a repetition.
BEFORE = Drawn(
    (
        Block("control", "lire"),
        Block("choice", "tri"),
        Block("late", "avis"),
        Block("inside", "dossier"),
        Block("together", "visas"),
        Block("watched", "visite"),
        Block("pause", "recours"),
        Block("repeated", "relecture"),
    )
)
ADDED = ("control", "choice", "late", "watched", "pause", "together", "inside", "repeated")
#: What a step may become: the same name, of the same nature or not.
BECOMES = ("control", "by_hand", "late", "watched", "inside", "repeated", "pause")


def _add(drawn: Drawn, draw: random.Random) -> Drawn:
    blocks = list(drawn.blocks)
    blocks.insert(draw.randint(0, len(blocks)), Block(draw.choice(ADDED), f"ajout_{draw.randrange(10**6)}"))
    return replace(drawn, blocks=tuple(blocks))


def _remove(drawn: Drawn, draw: random.Random) -> Drawn:
    gone = draw.choice(drawn.blocks) if drawn.blocks else None
    return replace(drawn, blocks=tuple(block for block in drawn.blocks if block != gone))


def _move(drawn: Drawn, draw: random.Random) -> Drawn:
    return replace(drawn, blocks=tuple(draw.sample(drawn.blocks, len(drawn.blocks))))


def _change(drawn: Drawn, draw: random.Random, changed: Callable[[Block], Block]) -> Drawn:
    at = draw.randrange(max(1, len(drawn.blocks)))
    blocks = (changed(block) if number == at else block for number, block in enumerate(drawn.blocks))
    return replace(drawn, blocks=tuple(blocks))


def _rename(drawn: Drawn, draw: random.Random) -> Drawn:
    return _change(drawn, draw, lambda block: replace(block, name=f"{block.name}_bis"))


def _become(drawn: Drawn, draw: random.Random) -> Drawn:
    return _change(drawn, draw, lambda block: replace(block, kind=draw.choice(BECOMES)))


def _rename_the_usual(drawn: Drawn, draw: random.Random) -> Drawn:
    which = draw.choice(("taking", "deciding", "completing"))
    usual: Mapping[str, str] = {"taking": "accueillir", "deciding": "etudier", "completing": "corriger"}
    return Drawn(**{**vars(drawn), which: usual[which]})


EDITS = (_add, _add, _remove, _remove, _move, _rename, _become, _become, _rename_the_usual)


def random_version(seed: int) -> Bundle:
    """``BEFORE`` after a few edits, from one that nobody notices to many that leave little of it."""
    draw = random.Random(seed)
    drawn = BEFORE
    for _ in range(draw.randint(1, 6)):
        drawn = draw.choice(EDITS)(drawn, draw)
    return drawn.bundle()
