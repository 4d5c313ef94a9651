"""Benchmark 1: a case of two human tasks, each step loaded and saved in its own transaction, beside its floor.

The floor is SpiffWorkflow alone (its own parser, elements and conversion of the state, without the spec) doing the same
steps, and as many bare commits of a row of 4 kB on the same database. Both are milliseconds a case.
"""

from __future__ import annotations

import io
import json
import time
import uuid
import zlib
from collections.abc import Callable
from typing import Any
from uuid import UUID

from SpiffWorkflow.bpmn import BpmnWorkflow
from SpiffWorkflow.bpmn.serializer.default.workflow import BpmnWorkflowConverter, WorkflowConverter
from SpiffWorkflow.bpmn.serializer.workflow import BpmnWorkflowSerializer
from SpiffWorkflow.spiff.parser.process import SpiffBpmnParser
from SpiffWorkflow.spiff.serializer.config import SPIFF_CONFIG
from SpiffWorkflow.util.task import TaskState
from sqlalchemy import text

from app.db import Database, new_id
from app.engine import state
from app.engine.models import Instance
from app.engine.operations import CaseFacts, Registry
from app.engine.runtime import Runtime
from app.engine.specs import parse
from app.engine.steps import ScriptEngine, complete, run
from app.policy import Actor
from tests.bench.measuring import Measure
from tests.bench.rounds import best_of
from tests.engine.bpmn_builder import end, lane, process, start, user_task

XML = process(
    "banc",
    lane(
        "agent",
        start("debut"),
        user_task("prendre", statut="en_attente"),
        user_task("instruire", statut="traitement"),
        end("fin", statut="clos"),
    ),
    "debut -> prendre -> instruire -> fin",
)
ANSWERS: tuple[dict[str, Any], ...] = ({"motif": "Léna est malade", "jour": "2026-11-23"}, {"decision": "accepter"})
STEPS = 1 + len(ANSWERS)
AGENT = Actor("agent", uuid.UUID(int=1), "Alice Martin")
BAR = 2.5


class _Converter(BpmnWorkflowConverter):  # type: ignore[misc]  # SpiffWorkflow ships no annotations
    """SpiffWorkflow's own conversion of tasks and data, without the specs."""

    def to_dict(self, workflow: Any) -> dict[str, Any]:
        content: dict[str, Any] = WorkflowConverter.to_dict(self, workflow)
        content["subprocesses"] = self.mapping_to_dict(workflow.subprocesses)
        return content

    def restore(self, content: dict[str, Any], spec: Any, others: Any) -> BpmnWorkflow:
        workflow = BpmnWorkflow(spec, others, deserializing=True)
        workflow.tasks = self.mapping_from_dict(content["tasks"], UUID, workflow=workflow)
        workflow.task_tree = workflow.tasks[UUID(content["root"])]
        self.set_default_attributes(workflow, content)
        self.subprocesses_from_dict(content["subprocesses"], workflow)
        return workflow


def spiffworkflow(n: int) -> float:
    """SpiffWorkflow alone, with load and dump of the state: milliseconds a case."""
    parser = SpiffBpmnParser()
    parser.add_bpmn_io(io.BytesIO(XML))
    spec, others = parser.get_spec("banc"), parser.get_subprocess_specs("banc")
    converter = _Converter(BpmnWorkflow, BpmnWorkflowSerializer.configure(SPIFF_CONFIG))

    def dump(workflow: BpmnWorkflow) -> bytes:
        return zlib.compress(json.dumps(converter.to_dict(workflow)).encode(), 1)

    def case() -> None:
        workflow = BpmnWorkflow(spec, others)
        workflow.do_engine_steps()
        stored = dump(workflow)
        for values in ANSWERS:
            workflow = converter.restore(json.loads(zlib.decompress(stored)), spec, others)
            task = workflow.get_next_task(state=TaskState.READY, manual=True)
            task.data.update(values)
            task.run()
            workflow.do_engine_steps()
            stored = dump(workflow)
        assert workflow.is_completed()

    return _per_case(case, n)


def commits(database: Database, n: int) -> float:
    """As many bare commits of a row of 4 kB as a case has steps: milliseconds a case."""
    row = b"\x00" * 4096
    kind = "BYTEA" if database.engine.dialect.name == "postgresql" else "BLOB"
    insert = text("INSERT INTO bench_rows (content) VALUES (:content)")
    with database.engine.begin() as connection:
        connection.execute(text(f"CREATE TABLE IF NOT EXISTS bench_rows (content {kind})"))

    def case() -> None:
        for _ in range(STEPS):
            with database.engine.begin() as connection:
                connection.execute(insert, {"content": row})

    try:
        return _per_case(case, n)
    finally:
        with database.engine.begin() as connection:
            connection.execute(text("DROP TABLE bench_rows"))


def floor(database: Database, n: int) -> float:
    """What nothing of ours can go below: milliseconds a case."""
    return spiffworkflow(n) + commits(database, n)


def cases(database: Database, n: int) -> float:
    """The engine of the portal on ``database``, whose tables exist: milliseconds a case."""
    runtime = Runtime(Registry(), lambda _session: lambda _hash: ({"process.bpmn": XML}, {}))

    def case() -> None:
        facts = CaseFacts(
            new_id(), "26-BANC-MARK", "banc", "Banc d’essai", "Léna Martin", search=("lena martin", "martin lena")
        )
        with database.transaction() as session:
            outcome = runtime.start(session, AGENT, facts, "banc", {"demande_id": str(facts.id)})
        for values in ANSWERS:
            (task_id,) = outcome.opened
            with database.transaction() as session:
                instance = session.get_one(Instance, facts.id, with_for_update=True)
                outcome = runtime.complete(session, AGENT, facts, instance, task_id, values)
        assert outcome.ended

    return _per_case(case, n)


def compare(database: Database, n: int = 300, rounds: int = 3) -> dict[str, float]:
    """The floor, the engine and their ratio, the best of several rounds taken in turn: other work on the machine only
    adds time."""
    lowest, ours = best_of(rounds, lambda: floor(database, n), lambda: cases(database, n))
    return {"floor": lowest, "engine": ours, "ratio": ours / lowest}


def measure(database: Database, kind: str, n: int) -> list[Measure]:
    """The lines of the report: cases a second, judged beside the floor of the same rounds (on PostgreSQL)."""
    found = compare(database, n)
    cost = state_cost(n)
    return [
        Measure(f"engine, floor ({kind})", round(found["floor"], 2), "ms/case"),
        Measure(
            f"engine, start + two tasks ({kind})",
            round(1000 / found["engine"], 1),
            "cases/s",
            round(found["ratio"], 2),
            BAR if kind == "postgresql" else None,
        ),
        Measure(f"engine, state ({kind})", cost["bytes"], "bytes"),
        Measure(f"engine, save and load ({kind})", round(cost["save"] + cost["load"], 3), "ms"),
    ]


def state_cost(n: int = 500) -> dict[str, float]:
    """Bytes of the state of a case that waits at its second task, and milliseconds to save and load it."""
    definition = parse("banc", {"process.bpmn": XML}, {})
    workflow = BpmnWorkflow(definition.spec, definition.subprocess_specs)
    facts = CaseFacts(new_id(), "26-BANC-MARK", "banc", "Banc d’essai", "")
    workflow.script_engine = ScriptEngine(definition, Registry(), None, AGENT, facts)  # type: ignore[arg-type]  # no service
    run(workflow, definition)
    task = workflow.get_next_task(state=TaskState.READY, manual=True)
    task.data.update(ANSWERS[0])
    task.task_spec._run(task)
    complete(task)
    run(workflow, definition)
    stored = state.save(workflow)
    save = _per_case(lambda: state.save(workflow), n)
    load = _per_case(lambda: state.load(stored, state.SERIALIZER, definition), n)
    return {"bytes": len(stored), "raw": len(zlib.decompress(stored)), "save": save, "load": load}


def _per_case(case: Callable[[], object], n: int) -> float:
    for _ in range(max(n // 10, 3)):
        case()
    begin = time.perf_counter()
    for _ in range(n):
        case()
    return (time.perf_counter() - begin) / n * 1000
