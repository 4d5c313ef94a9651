"""Random processes that hold everything a démarche may: branches, sub-processes, repetitions, calls, events, loops.

A process is a tree of blocks, drawn with the ids it has: an edit changes a block and leaves the others as they were. A
seed gives the same again.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count, pairwise

from app.engine.bpmn_reader import read_graph
from app.engine.verify.exploration import check_tokens
from app.engine.verify.problems import Report
from app.engine.verify.structure import check_structure
from app.engine.xml import load_xml
from tests.engine.bpmn_builder import (
    Item,
    after,
    boundary,
    call,
    catch,
    end,
    event_gateway,
    event_sub_process,
    inclusive,
    message,
    parallel,
    process,
    start,
    sub_process,
    user_task,
    xor,
)

CALLED = "autre"
LEAVES = ("step", "step", "step", "edged", "edged", "each", "wait", "race", "call")
HOLDERS = ("chain", "chain", "fork", "fork", "choice", "some", "scope", "scopes", "handled", "loop")


@dataclass
class Block:
    """``kind`` is one of ``LEAVES`` or ``HOLDERS``; ``traits`` what else was drawn of it."""

    kind: str
    id: str
    parts: list[Block] = field(default_factory=list)
    traits: dict[str, bool] = field(default_factory=dict)

    def walk(self) -> Iterator[Block]:
        yield self
        for part in self.parts:
            yield from part.walk()


class Drawer:
    """Draws blocks, and edits them."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.numbers = count(1)

    def _name(self, letter: str) -> str:
        return f"{letter}{next(self.numbers)}"

    def block(self, depth: int = 3) -> Block:
        """A block of at most this depth."""
        kind = self.draw.choice(HOLDERS if depth and self.draw.random() < 0.75 else LEAVES)
        if kind in LEAVES:
            return self.leaf(kind)
        size = self.draw.randint(2, 3) if kind in ("chain", "fork", "choice", "some") else 1
        parts = [self.block(depth - 1) for _ in range(size)]
        return Block(kind, self._name(kind[0]), parts, self._traits())

    def leaf(self, kind: str = "step") -> Block:
        return Block(kind, self._name("t"), traits=self._traits())

    def _traits(self) -> dict[str, bool]:
        return {name: self.draw.random() < 0.5 for name in ("interrupting", "sequential", "timed")}

    # -- edits -------------------------------------------------------------------------------------------------

    def inserted(self, root: Block) -> None:
        """Adds steps before or after some block, where a step may be."""
        for _ in range(self.draw.randint(1, 2)):
            place = self.draw.choice([each for each in root.walk() if each is not root] or [root])
            copy = Block(place.kind, place.id, place.parts, place.traits)
            both = [copy, self.leaf()]
            self.draw.shuffle(both)
            place.kind, place.id, place.parts = "chain", self._name("c"), both

    def edited(self, root: Block) -> None:
        """Changes some blocks: removed, renamed, replaced, wrapped, given other events, one more or fewer path."""
        for _ in range(self.draw.randint(1, 3)):
            place = self.draw.choice(list(root.walk()))
            getattr(self, self.draw.choice(("_renamed", "_replaced", "_wrapped", "_other_events", "_more", "_fewer")))(
                place
            )

    def _renamed(self, place: Block) -> None:
        place.id = self._name("n")

    def _replaced(self, place: Block) -> None:
        new = self.block(1)
        place.kind, place.id, place.parts, place.traits = new.kind, new.id, new.parts, new.traits

    def _wrapped(self, place: Block) -> None:
        copy = Block(place.kind, place.id, place.parts, place.traits)
        kind = self.draw.choice(("fork", "scope", "handled", "scopes"))
        place.parts = [copy, self.leaf()] if kind == "fork" else [copy]
        place.kind, place.id, place.traits = kind, self._name("w"), self._traits()

    def _other_events(self, place: Block) -> None:
        place.traits = self._traits()
        if place.kind in ("step", "edged"):
            place.kind = "edged" if place.kind == "step" else "step"
        elif place.kind in ("scope", "handled"):
            place.kind = "handled" if place.kind == "scope" else "scope"

    def _more(self, place: Block) -> None:
        if place.kind in ("fork", "choice", "some", "chain"):
            place.parts.insert(self.draw.randint(0, len(place.parts)), self.leaf())

    def _fewer(self, place: Block) -> None:
        if len(place.parts) > 1:
            place.parts.pop(self.draw.randrange(len(place.parts)))


# -- drawing ---------------------------------------------------------------------------------------------------------


def drawn(root: Block, *, handled: bool = False) -> bytes:
    """The BPMN of a block. ``handled``: an event sub-process of the whole process, too."""
    items, first, last = _items(root)
    inside: list[Item] = [start(), *items, end(statut="clos"), f"debut -> {first}", f"{last} -> fin"]
    if handled:
        inside.append(_handler("p", interrupting=False))
    return process("p", *inside)


def is_sound(xml: bytes) -> bool:
    """Whether verify would let a démarche be published with this drawing, statuses apart."""
    graph = read_graph(load_xml(xml, "process.bpmn"))
    report = Report(graph)
    check_structure(graph, report)
    if not report.has_errors:
        check_tokens(graph, report)
    return not [each for each in report.problems() if each.severity == "error" and "statut" not in each.message]


def callee() -> dict[str, bytes]:
    """What the calls call: a step, then two at once."""
    return {
        "process.bpmn": process(
            CALLED, start(), user_task("premier"), parallel("o"), user_task("x"), user_task("y"), parallel("f"), end(),
            "debut -> premier -> o -> x -> f -> fin", "o -> y -> f",
        )
    }  # fmt: skip


def _handler(name: str, *, interrupting: bool) -> Item:
    return event_sub_process(
        f"{name}_h", start(f"{name}_hs", message(f"appel_{name}"), interrupting=interrupting),
        user_task(f"{name}_ht"), end(f"{name}_hf"), f"{name}_hs -> {name}_ht -> {name}_hf",
    )  # fmt: skip


def _items(block: Block) -> tuple[list[Item], str, str]:
    """The elements of a block, the id of the first and that of the last."""
    return getattr(_Drawing, block.kind)(block)


def _nested(block: Block) -> list[Item]:
    items, first, last = _items(block)
    name = block.id
    return [start(f"{name}_d"), *items, end(f"{name}_z"), f"{name}_d -> {first}", f"{last} -> {name}_z"]


class _Drawing:
    """One function a kind of block."""

    @staticmethod
    def step(block: Block) -> tuple[list[Item], str, str]:
        return [user_task(block.id)], block.id, block.id

    @staticmethod
    def edged(block: Block) -> tuple[list[Item], str, str]:
        name, stops = block.id, block.traits["interrupting"]
        event = after("'PT5H'") if block.traits["timed"] else message(f"bord_{name}")
        side: list[Item] = [boundary(f"{name}_e", name, event, interrupting=stops), user_task(f"{name}_s")]
        if stops:
            gather = [xor(f"{name}_x"), f"{name} -> {name}_x", f"{name}_e -> {name}_s -> {name}_x"]
            return [user_task(name), *side, *gather], name, f"{name}_x"
        return [user_task(name), *side, end(f"{name}_f"), f"{name}_e -> {name}_s -> {name}_f"], name, name

    @staticmethod
    def each(block: Block) -> tuple[list[Item], str, str]:
        name, sequential = block.id, block.traits["sequential"]
        task = user_task(name, each=("liste", f"i_{name}"), sequential=sequential, collect=(f"l_{name}", f"r_{name}"))
        if not block.traits["timed"]:
            return [task], name, name
        late = boundary(f"{name}_e", name, after("'PT9H'"))
        return [task, late, xor(f"{name}_x"), f"{name} -> {name}_x", f"{name}_e -> {name}_x"], name, f"{name}_x"

    @staticmethod
    def wait(block: Block) -> tuple[list[Item], str, str]:
        event = after("'PT3H'") if block.traits["timed"] else message(f"attendu_{block.id}")
        return [catch(block.id, event)], block.id, block.id

    @staticmethod
    def race(block: Block) -> tuple[list[Item], str, str]:
        name = block.id
        first, second = catch(f"{name}_a", message(f"course_{name}")), catch(f"{name}_b", after("'PT4H'"))
        flows = [f"{name} -> {name}_a -> {name}_x", f"{name} -> {name}_b -> {name}_x"]
        return [event_gateway(name), first, second, xor(f"{name}_x"), *flows], name, f"{name}_x"

    @staticmethod
    def call(block: Block) -> tuple[list[Item], str, str]:
        return [call(block.id, CALLED)], block.id, block.id

    @staticmethod
    def chain(block: Block) -> tuple[list[Item], str, str]:
        drawn_parts = [_items(part) for part in block.parts]
        items = [item for each, _, _ in drawn_parts for item in each]
        links = [f"{one[2]} -> {two[1]}" for one, two in pairwise(drawn_parts)]
        return [*items, *links], drawn_parts[0][1], drawn_parts[-1][2]

    @staticmethod
    def fork(block: Block) -> tuple[list[Item], str, str]:
        return _paths(block, parallel, lambda _number: "")

    @staticmethod
    def some(block: Block) -> tuple[list[Item], str, str]:
        return _paths(block, inclusive, lambda number: f" if pris >= {number}" if number else " default")

    @staticmethod
    def choice(block: Block) -> tuple[list[Item], str, str]:
        return _paths(block, xor, lambda number: f" if pris == {number}" if number else " default")

    @staticmethod
    def scope(block: Block) -> tuple[list[Item], str, str]:
        return [sub_process(block.id, *_nested(block.parts[0]))], block.id, block.id

    @staticmethod
    def scopes(block: Block) -> tuple[list[Item], str, str]:
        each, sequential = ("liste", f"i_{block.id}"), block.traits["sequential"]
        inside = sub_process(block.id, *_nested(block.parts[0]), each=each, sequential=sequential)
        return [inside], block.id, block.id

    @staticmethod
    def handled(block: Block) -> tuple[list[Item], str, str]:
        handler = _handler(block.id, interrupting=block.traits["interrupting"])
        return [sub_process(block.id, *_nested(block.parts[0]), handler)], block.id, block.id

    @staticmethod
    def loop(block: Block) -> tuple[list[Item], str, str]:
        items, first, last = _items(block.parts[0])
        name = block.id
        gates = [xor(f"{name}_in"), user_task(f"{name}_q"), xor(f"{name}_out"), xor(f"{name}_x")]
        links = [
            f"{name}_in -> {first}", f"{last} -> {name}_q -> {name}_out", f"{name}_out -> {name}_in if encore",
            f"{name}_out -> {name}_x default",
        ]  # fmt: skip
        return [*items, *gates, *links], f"{name}_in", f"{name}_x"


def _paths(block, gateway, condition) -> tuple[list[Item], str, str]:
    opens, closes = f"{block.id}_o", f"{block.id}_f"
    items: list[Item] = [gateway(opens), gateway(closes)]
    for number, part in enumerate(block.parts):
        inner, first, last = _items(part)
        items += [*inner, f"{opens} -> {first}{condition(number)}", f"{last} -> {closes}"]
    return items, opens, closes
