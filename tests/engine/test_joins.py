"""A block of branches that a loop repeats, as many times as people ask."""

from typing import Any

import pytest
from SpiffWorkflow.bpmn import BpmnWorkflow
from SpiffWorkflow.spiff.parser import SpiffBpmnParser
from SpiffWorkflow.util.task import TaskState

from app.engine.joins import JOIN_PARSER_CLASSES
from tests.engine.bpmn_builder import Item, end, inclusive, parallel, process, start, user_task, xor


class JoinParser(SpiffBpmnParser):  # type: ignore[misc]  # SpiffWorkflow ships no annotations
    OVERRIDE_PARSER_CLASSES = {**SpiffBpmnParser.OVERRIDE_PARSER_CLASSES, **JOIN_PARSER_CLASSES}


BLOCKS: dict[str, tuple[Item, ...]] = {
    "parallel": (parallel("s"), parallel("j"), "s -> x -> j", "s -> y -> j"),
    "inclusive": (
        inclusive("s"),
        inclusive("j"),
        "s -> x if go",
        "s -> y if True",
        "s -> j default",
        "x -> j",
        "y -> j",
    ),
}


@pytest.mark.parametrize("block", BLOCKS.values(), ids=BLOCKS.keys())
@pytest.mark.parametrize("order", ["xy", "yx"])
def test_a_block_repeated_five_times_completes_and_keeps_the_last_answers(block: tuple[Item, ...], order: str) -> None:
    items = (start(), xor("r"), user_task("x"), user_task("y"), user_task("d"), xor("g"), end())
    workflow = make_workflow(*items, *block, "debut -> r -> s", "j -> d -> g", "g -> r if go", "g -> fin default")
    for turn in range(5):
        for name in order:
            answer(workflow, name, **{name: turn})
        answer(workflow, "d", go=turn < 4)
    assert workflow.is_completed()
    assert (workflow.data["x"], workflow.data["y"]) == (4, 4)


def test_a_join_inside_another_waits_for_the_branches_of_each_turn() -> None:
    items = (start(), xor("r"), user_task("x"), user_task("y"), user_task("z"), user_task("d"), xor("g"), end())
    inner = (parallel("s2"), parallel("j2"), "s -> s2 -> y -> j2 -> j", "s2 -> z -> j2")
    outer = (parallel("s"), parallel("j"), "debut -> r -> s -> x -> j -> d -> g", "g -> r if go", "g -> fin default")
    workflow = make_workflow(*items, *inner, *outer)
    for order in ("yzx", "yxz", "xyz", "zxy"):
        for name in order:
            assert open_tasks(workflow) == sorted(order[order.index(name) :])
            answer(workflow, name)
        assert open_tasks(workflow) == ["d"]
        answer(workflow, "d")


def test_an_inclusive_join_goes_on_when_a_branch_ends_elsewhere() -> None:
    block = (inclusive("s"), inclusive("j"), "s -> x if True", "s -> y if True", "x -> j", "y -> g", "g -> j if go")
    workflow = make_workflow(
        start(), user_task("x"), user_task("y"), user_task("d"), xor("g"), end(), end("z"), *block,
        "debut -> s", "g -> z default", "j -> d -> fin",
    )  # fmt: skip
    answer(workflow, "x")
    assert open_tasks(workflow) == ["y"]
    answer(workflow, "y", go=False)
    assert open_tasks(workflow) == ["d"]


def make_workflow(*items: Item) -> Any:
    parser = JoinParser()
    parser.add_bpmn_str(process("essai", *items))
    workflow = BpmnWorkflow(parser.get_spec("essai"), parser.get_subprocess_specs("essai"))
    workflow.get_next_task(spec_name="Start").set_data(go=True)
    workflow.do_engine_steps()
    return workflow


def open_tasks(workflow: Any) -> list[str]:
    return sorted(task.task_spec.name for task in workflow.get_tasks(state=TaskState.READY))


def answer(workflow: Any, name: str, **values: object) -> None:
    (task,) = [task for task in workflow.get_tasks(state=TaskState.READY) if task.task_spec.name == name]
    task.set_data(**values)
    task.run()
    workflow.do_engine_steps()
