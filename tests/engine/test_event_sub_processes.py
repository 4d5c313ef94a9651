"""Redrawn event sub-processes, run by SpiffWorkflow itself, saved and reloaded between steps."""

from typing import Any

import pytest
from SpiffWorkflow.bpmn import BpmnEvent, BpmnWorkflow
from SpiffWorkflow.bpmn.serializer import BpmnWorkflowSerializer
from SpiffWorkflow.spiff.parser import SpiffBpmnParser
from SpiffWorkflow.spiff.serializer.config import SPIFF_CONFIG
from SpiffWorkflow.spiff.specs.event_definitions import MessageEventDefinition
from SpiffWorkflow.util.task import TaskState

from app.engine.event_sub_processes import redraw_event_sub_processes
from app.engine.xml import load_xml
from tests.engine.bpmn_builder import (
    Item,
    after,
    end,
    error,
    event_sub_process,
    process,
    start,
    sub_process,
    user_task,
    xor,
)
from tests.engine.bpmn_builder import message as message_event

SERIALIZER = BpmnWorkflowSerializer(BpmnWorkflowSerializer.configure(SPIFF_CONFIG))


def make_workflow(*items: Item) -> Any:
    root = load_xml(process("essai", *items), "le fichier")
    redraw_event_sub_processes(root)
    parser = SpiffBpmnParser()
    parser.add_bpmn_xml(root)
    workflow = BpmnWorkflow(parser.get_spec("essai"), parser.get_subprocess_specs("essai"))
    return settled(workflow)


def settled(workflow: Any) -> Any:
    workflow.do_engine_steps()
    return SERIALIZER.deserialize_json(SERIALIZER.serialize_json(workflow))


def open_tasks(workflow: Any) -> list[str]:
    found = [task.task_spec.name for task in _all(workflow) if task.state == TaskState.READY and task.task_spec.manual]
    return sorted(found)


def _all(workflow: Any) -> list[Any]:
    return [task for each in (workflow, *workflow.subprocesses.values()) for task in each.tasks.values()]


def complete(workflow: Any, name: str) -> Any:
    (task,) = [task for task in _all(workflow) if task.task_spec.name == name and task.state == TaskState.READY]
    task.run()
    return settled(workflow)


def send(workflow: Any, name: str) -> Any:
    workflow.catch(BpmnEvent(MessageEventDefinition(name), payload={}))
    return settled(workflow)


def waits_for(workflow: Any) -> set[str]:
    return {task.task_spec.name for task in workflow.event_manager.tasks.values()}


def handler(*, interrupting: bool, id: str = "annulation") -> Item:
    begin = start(f"{id}_debut", message_event("annuler"), interrupting=interrupting)
    flows = f"{id}_debut -> {id}_constate -> {id}_fin"
    return event_sub_process(id, begin, user_task(f"{id}_constate"), end(f"{id}_fin"), flows)


def test_an_interrupting_handler_takes_the_place_of_the_case() -> None:
    workflow = make_workflow(start(), user_task("t"), end(), handler(interrupting=True), "debut -> t -> fin")
    assert waits_for(workflow) == {"annulation_debut"}
    workflow = send(workflow, "annuler")
    assert open_tasks(workflow) == ["annulation_constate"]
    assert complete(workflow, "annulation_constate").is_completed()


def test_a_non_interrupting_handler_runs_beside_the_case() -> None:
    workflow = make_workflow(start(), user_task("t"), end(), handler(interrupting=False), "debut -> t -> fin")
    workflow = send(workflow, "annuler")
    assert open_tasks(workflow) == ["annulation_constate", "t"]
    workflow = complete(workflow, "t")
    assert not workflow.is_completed()
    assert complete(workflow, "annulation_constate").is_completed()


@pytest.mark.parametrize("interrupting", [True, False])
def test_a_case_that_nobody_interrupts_ends_as_if_there_were_no_handler(interrupting: bool) -> None:
    workflow = make_workflow(start(), user_task("t"), end(), handler(interrupting=interrupting), "debut -> t -> fin")
    assert complete(workflow, "t").is_completed()


def test_a_timer_handler_does_not_keep_the_case_open() -> None:
    late = event_sub_process("retard", start("r", after("'P30D'")), end("rf"), "r -> rf")
    workflow = make_workflow(start(), user_task("t"), end(), late, "debut -> t -> fin")
    assert waits_for(workflow) == {"r"}
    assert complete(workflow, "t").is_completed()


def test_a_handler_inside_a_sub_process_interrupts_that_sub_process_only() -> None:
    block = sub_process("bloc", start("d"), user_task("a"), end("f"), handler(interrupting=True), "d -> a -> f")
    workflow = make_workflow(start(), block, user_task("apres"), end(), "debut -> bloc -> apres -> fin")
    workflow = complete(send(workflow, "annuler"), "annulation_constate")
    assert open_tasks(workflow) == ["apres"]
    assert complete(workflow, "apres").is_completed()


def test_an_error_thrown_in_the_case_reaches_its_handler() -> None:
    caught = event_sub_process(
        "echec", start("e", error("rate")), user_task("reparer"), end("ef"), "e -> reparer -> ef"
    )
    workflow = make_workflow(
        start(), user_task("t"), xor("x"), end("rate", error("rate")), end(), caught,
        "debut -> t -> x", "x -> rate if True", "x -> fin default",
    )  # fmt: skip
    workflow = complete(workflow, "t")
    assert open_tasks(workflow) == ["reparer"]


def test_a_diagram_without_handler_is_left_as_it_is() -> None:
    root = load_xml(process("essai", start(), user_task("t"), end(), "debut -> t -> fin"), "le fichier")
    before = [element.get("id") for element in root.iter()]
    redraw_event_sub_processes(root)
    assert [element.get("id") for element in root.iter()] == before
