"""Whatever a case stands in, and however the diagram is changed: it goes on as it was, is asked about, or stays."""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import count

import pytest

from app import clock
from app.engine.moving import ABANDON, why_not_entered
from app.engine.specs import Definition, parse
from tests.engine.random_processes import CALLED, Block, Drawer, callee, drawn, is_sound
from tests.engine.walker import START, Walker


@dataclass
class Begun:
    """A case somewhere in a random process. ``handled``: the whole process has an event sub-process."""

    drawer: Drawer
    block: Block
    handled: bool
    case: Walker

    def redrawn(self) -> Definition | None:
        """The drawing as it is now; None when verify would refuse it."""
        return version(self.block, handled=self.handled)


def version(block: Block, *, handled: bool) -> Definition | None:
    xml = drawn(block, handled=handled)
    return parse("h", {"process.bpmn": xml}, {CALLED: callee()}) if is_sound(xml) else None


def begun(seed: int, time: clock.FrozenClock) -> Begun:
    for attempt in count():
        drawer = Drawer(1000 * seed + attempt)
        block, handled = drawer.block(), drawer.draw.random() < 0.3
        if (first := version(block, handled=handled)) is None:
            continue
        case = Walker(first, time, liste=[1, 2], pris=drawer.draw.randint(0, 2), encore=False)
        if not case.completed:
            case.wander(random.Random(seed), drawer.draw.randint(0, 12))
            return Begun(drawer, block, handled, case)
    raise AssertionError


def told(case: Walker) -> list[tuple[str, str, object]]:
    """What may happen, and what those who are asked know."""
    known = case.known()
    return [(act.kind, act.node, known.get(act.what, act.what)) for act in case.acts()]


def live_twice(seed: int) -> None:
    with clock.frozen(START) as time:
        found = begun(seed, time)
        case, same = found.case, found.redrawn()
        assert case.plan(same).result == "safe"
        twin = case.copy()
        twin.migrate(same)
        assert twin.picture() == case.picture(), "the same tasks, timers and messages, by id"
        assert twin.visited() == case.visited()
        draw = random.Random(seed)
        for _ in range(25):
            assert told(twin) == told(case)
            number, instant = draw.randrange(len(case.acts())), time.instant
            case.act(case.acts()[number], encore=False)
            time.set(instant)
            twin.act(twin.acts()[number], encore=False)
            assert twin.completed == case.completed
            if case.completed:
                assert case.last().items() <= twin.last().items(), "a long case forgets branches that ended long ago"
                return
            twin.migrate(same)


def add_steps(seed: int) -> None:
    with clock.frozen(START) as time:
        found = begun(seed, time)
        case, before = found.case, found.case.picture()
        found.drawer.inserted(found.block)
        if (new := found.redrawn()) is None:
            return
        assert case.plan(new).result == "safe", case.plan(new)
        case.migrate(new)
        now = case.picture()
        assert before.people.keys() <= now.people.keys()
        assert before.timers.items() <= now.timers.items()
        assert before.messages.keys() <= now.messages.keys()
        case.finish()


def chosen(case: Walker, new: Definition, draw: random.Random) -> dict[str, str]:
    """Steps chosen at random in the same scope, as long as somebody is asked."""
    mapping: dict[str, str] = {}
    while (plan := case.plan(new, **mapping)).result == "map":
        assert plan.cause
        assert plan.node not in mapping
        near = [node for node in new.nodes if new.home(node) == case.definition.home(plan.node)]
        steps = [node for node in near if not (why_not_entered(new, node) and why_not_entered(new, node, aside=True))]
        mapping[plan.node] = draw.choice([*steps, *steps, ABANDON])
    return mapping


def change(seed: int) -> str:
    with clock.frozen(START) as time:
        found = begun(seed, time)
        case, draw = found.case, found.drawer.draw
        found.drawer.edited(found.block)
        if draw.random() < 0.2:
            found.handled = not found.handled
        if (new := found.redrawn()) is None:
            return "refused by verify"
        old, saved, known, instant = case.definition, case.saved, told(case), time.instant
        mapping = chosen(case, new, draw)
        plan = case.plan(new, **mapping)
        if plan.result == "blocked":
            assert plan.cause
            return "blocked"
        passed, gathered = case.visited(), case.gathered()
        case.migrate(new, **mapping)
        back = case.copy()
        if not case.completed:
            assert passed & new.nodes.keys() <= case.visited()
            assert gathered <= case.gathered() or ABANDON in mapping.values()
            case.wander(random.Random(seed), 5)
        case.finish()
        if not back.completed:
            time.set(instant)
            back.revert(old, saved)
            assert told(back) == known
            back.finish()
        return "mapped" if mapping else "safe"


@pytest.mark.parametrize("seed", range(30))
def test_a_case_taken_to_the_same_drawing_lives_as_if_nothing_had_happened(seed: int) -> None:
    live_twice(seed)


@pytest.mark.parametrize("seed", range(30))
def test_steps_added_anywhere_ask_nothing_of_anybody(seed: int) -> None:
    add_steps(seed)


@pytest.mark.parametrize("part", range(6))
def test_whatever_is_changed_a_case_goes_on_or_stays_and_comes_back(part: int) -> None:
    outcomes = [change(seed) for seed in range(10 * part, 10 * part + 10)]
    assert {"safe", "mapped"} <= set(outcomes)
