"""Golden cases: demandes as a release stored them, one for each step that waits and each way out of it.

A later release must load and finish them (design.md, invariant 10). They are never rewritten: each release adds its
folder, from the stories of the shipped démarches::

    python -m tests.workflows.golden_cases 0.2

``golden/<release>/<slug>.zip`` holds the démarche, ``golden/<release>/<slug>.<step>.<action>.json`` a demande: the
stored state, then what happened next, with what each operation answered. Replaying asks today's engine to read that
state and today's catalogue to take those parameters; the answers are the recorded ones, for they name rows that exist
no more.
"""

from __future__ import annotations

import base64
import json
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock, rooms
from app.cases import operations
from app.cases.scenarios import run_scenarios
from app.engine.bundle import Bundle
from app.engine.models import Instance, Subscription, Task, Timer
from app.engine.operations import BusinessError, Call, CaseFacts, OperationSpec, Registry, registry
from app.engine.runtime import Outcome, Runtime
from app.policy import Actor
from tests.workflows.stage import SLUGS, make_bundle

FOLDER = Path(__file__).parent / "golden"
AGENT = Actor("agent", None, "Un agent")


# -- recording -------------------------------------------------------------------------------------------------------


class Recorder:
    """Listens to the engine of this process while a story is played."""

    def __init__(self) -> None:
        self.runs: dict[uuid.UUID, list[dict[str, Any]]] = {}
        self.answers: list[list[Any]] = []

    def note(self, session: Session, instance: Instance, action: dict[str, Any], run: Any) -> Outcome:
        before = {
            "serializer": instance.serializer,
            "state": base64.b64encode(instance.state).decode(),
            "bundle": instance.bundle_hash,
            "waiting": waiting_nodes(session, instance.case_id),
        }
        self.answers = []
        outcome: Outcome = run()
        answers, self.answers = self.answers, []
        step = {"at": clock.now().isoformat(), **action, "answers": answers}
        done = {"before": before, "step": step, "status": outcome.status, "ended": outcome.ended}
        self.runs.setdefault(instance.case_id, []).append(done)
        return outcome

    def operation(self, spec: OperationSpec[Any]) -> OperationSpec[Any]:
        """The same operation, its answer noted."""

        def run(call: Call, params: Any) -> Any:
            try:
                result = spec.run(call, params)
            except BusinessError as error:
                self.answers.append([spec.name, {"error": [error.code, error.message]}])
                raise
            self.answers.append([spec.name, {"result": dict(result) if result is not None else None}])
            return result

        return replace(spec, run=run)


def waiting_nodes(session: Session, case_id: uuid.UUID) -> list[str]:
    """The steps that wait: people's, else those that wait for time or a message by themselves."""
    people = session.scalars(select(Task.node).where(Task.case_id == case_id, Task.closed_at.is_(None))).all()
    if people:
        return sorted(people)
    events = [session.scalars(select(row.node).where(row.case_id == case_id)).all() for row in (Timer, Subscription)]
    return sorted({node for nodes in events for node in nodes})


@contextmanager
def recording() -> Iterator[Recorder]:
    """Within it, everything the engine of the cases does is noted."""
    runtime, recorder = operations.runtime, Recorder()
    complete, send, fire = runtime.complete, runtime.send, runtime.fire_timers

    def noted_complete(session: Session, actor: Actor, facts: CaseFacts, instance: Instance, task: uuid.UUID,
                       values: Mapping[str, Any]) -> Outcome:  # fmt: skip
        row = session.get_one(Task, task)
        action = {"do": row.node, "task": str(task), "values": dict(values)}
        return recorder.note(session, instance, action, lambda: complete(session, actor, facts, instance, task, values))

    def noted_send(session: Session, actor: Actor, facts: CaseFacts, instance: Instance, name: str,
                   payload: Any = None) -> Outcome:  # fmt: skip
        run = lambda: send(session, actor, facts, instance, name, payload)  # noqa: E731  # one line, used once
        return recorder.note(session, instance, {"send": name}, run)

    def noted_fire(session: Session, facts: CaseFacts, instance: Instance) -> Outcome:
        return recorder.note(session, instance, {"fire": True}, lambda: fire(session, facts, instance))

    listened = Registry()
    for spec in registry.specs().values():
        listened.add(recorder.operation(spec))
    runtime.complete, runtime.send, runtime.fire_timers = noted_complete, noted_send, noted_fire  # type: ignore[method-assign, assignment]  # taken back below
    runtime.registry = listened
    try:
        yield recorder
    finally:
        del runtime.complete, runtime.send, runtime.fire_timers
        runtime.registry = registry


def write(release: str) -> int:
    """Writes the golden cases of the working copy; returns how many. Refuses to touch those of an earlier release."""
    folder = FOLDER / release
    folder.mkdir(parents=True)
    count = 0
    for slug in SLUGS:
        bundle = make_bundle(slug)
        (folder / f"{slug}.zip").write_bytes(bundle.to_zip())
        with recording() as recorder:
            report = run_scenarios(bundle)
        assert report.ok, report
        for name, golden in sorted(_goldens(slug, recorder).items()):
            (folder / f"{name}.json").write_text(json.dumps(golden, ensure_ascii=False, indent=1) + "\n")
            count += 1
    return count


def _goldens(slug: str, recorder: Recorder) -> dict[str, dict[str, Any]]:
    """The first demande found at each step for each action, of those that came to their end."""
    found: dict[str, dict[str, Any]] = {}
    for run in recorder.runs.values():
        if not run[-1]["ended"]:
            continue
        for number, done in enumerate(run):
            step = done["step"]
            action = "delai" if "fire" in step else step.get("send", "faire")
            name = ".".join([slug, "+".join(done["before"]["waiting"]), action])
            steps = [each["step"] for each in run[number:]]
            found.setdefault(name, {**done["before"], "status": run[-1]["status"], "steps": steps})
    return found


# -- replaying -------------------------------------------------------------------------------------------------------


def golden_files() -> list[Path]:
    """Those of every release."""
    return sorted(FOLDER.glob("*/*.json"))


class _Answers(Registry):
    """Today's catalogue: parameters are bound and checked by it, answers are the recorded ones, in their order."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[list[Any]] = []
        for spec in registry.specs().values():
            self.add(replace(spec, run=self._answer(spec)))

    def _answer(self, spec: OperationSpec[Any]) -> Any:
        def run(_call: Call, _params: Any) -> Any:
            name, answer = self.waiting.pop(0)
            assert name == spec.name, f"{spec.name} is called where {name} was"
            if "error" in answer:
                raise BusinessError(*answer["error"])
            if answer["result"] is not None:
                assert set(answer["result"]) <= set(spec.results), f"{spec.name} no longer promises {answer['result']}"
            return answer["result"]

        return run


def finish(session: Session, path: Path) -> Outcome:
    """Loads a golden case with today's code and plays what happened to it until its end."""
    golden = json.loads(path.read_text())
    bundle = Bundle.from_zip((path.parent / f"{path.name.split('.')[0]}.zip").read_bytes())
    assert bundle.hash == golden["bundle"]
    answers = _Answers()
    runtime = Runtime(answers, lambda _session: lambda _hash: (bundle.files, {}))
    facts = CaseFacts(uuid.uuid4(), "26-GOLD-CASE", "golden", "Un cas conservé", "")
    with clock.frozen(datetime.fromisoformat(golden["steps"][0]["at"])) as time:
        instance = Instance(
            case_id=facts.id,
            bundle_hash=golden["bundle"],
            serializer=golden["serializer"],
            state=base64.b64decode(golden["state"]),
            revision=1,
            troubled=False,
            started_at=clock.now(),
            ended_at=None,
        )
        session.add(instance)
        session.flush()
        tasks = {step["do"]: uuid.UUID(step["task"]) for step in golden["steps"][:1] if "do" in step}
        for step in golden["steps"]:
            time.set(datetime.fromisoformat(step["at"]))
            answers.waiting = list(step["answers"])
            outcome = _replay(runtime, session, facts, instance, step, tasks)
            assert not outcome.failures, outcome.failures
            assert not answers.waiting, f"no longer called: {answers.waiting}"
            tasks = {node.id: task_id for task_id, node in outcome.opened.items()}
    return outcome


def _replay(
    runtime: Runtime,
    session: Session,
    facts: CaseFacts,
    instance: Instance,
    step: Mapping[str, Any],
    tasks: Mapping[str, uuid.UUID],
) -> Outcome:
    if "do" in step:
        return runtime.complete(session, AGENT, facts, instance, tasks[step["do"]], step["values"])
    if "send" in step:
        return runtime.send(session, AGENT, facts, instance, step["send"])
    return runtime.fire_timers(session, facts, instance)


if __name__ == "__main__":
    rooms.load()
    print(f"{write(sys.argv[1])} cas conservés dans {FOLDER / sys.argv[1]}")
