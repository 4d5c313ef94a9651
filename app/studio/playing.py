"""The process of its own in which stories are played: ``python -m app.studio.playing <folder>``.

The folder holds ``order.json`` ({do: run | try, acts, story, rest, roles, seconds, memory}), ``bundle.zip`` and the
démarches it calls, ``callees/NN-slug.zip`` in the order of their publication; ``answer.json`` is written there.
Progress is said on the standard output, one line « done total » a story. Time is frozen here, for the whole process;
nothing outside the folder is touched.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import signal
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from app import rooms
from app.cases.scenarios import Report, run_scenarios
from app.db import Json
from app.engine.bpmn_reader import read_graph
from app.engine.bundle import PROCESS, Bundle
from app.engine.xml import load_xml
from app.procedures.operations import NotPublishable
from app.studio.replay import replay

NOT_PUBLISHABLE = "La démarche a encore des erreurs : corrigez-les, puis recommencez."


def main(folder: Path) -> int:
    """Obeys the order of this folder; the exit status is 0 when an answer was written."""
    order = json.loads((folder / "order.json").read_text(encoding="utf-8"))
    bind(order["seconds"], order["memory"])
    logging.getLogger("spiff").setLevel(logging.WARNING)  # it notes each task it touches
    rooms.load()
    bundle = Bundle.from_zip((folder / "bundle.zip").read_bytes())
    callees = {
        path.stem.partition("-")[2]: Bundle.from_zip(path.read_bytes())
        for path in sorted((folder / "callees").glob("*.zip"))
    }
    answer = _obey(order, bundle, callees)
    (folder / "answer.json").write_text(json.dumps(answer, ensure_ascii=False), encoding="utf-8")
    return 0


def bind(seconds: int, memory: int) -> None:
    """What this process may cost (seconds of the processor, bytes); the kernel sees to it, also when whoever started it
    is gone."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(seconds * 3)
    for kind, ceiling in (
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, 256 * 1024 * 1024),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (ceiling, ceiling))


def _obey(order: Mapping[str, Json], bundle: Bundle, callees: Mapping[str, Bundle]) -> Mapping[str, Json]:
    try:
        if order["do"] == "try":
            return replay(bundle, callees, order["roles"], order["acts"], story=order["story"], rest=order["rest"])
        return _told(bundle, run_scenarios(bundle, callees, roles=order["roles"], progress=_say))
    except NotPublishable as refusal:
        causes = [f"{each.element_name} : {each.message}" for each in refusal.problems if each.severity == "error"]
        return {"error": " ".join([NOT_PUBLISHABLE, *causes[:3]])}


def _say(done: int, total: int) -> None:
    sys.stdout.write(f"{done} {total}\n")
    sys.stdout.flush()


def _told(bundle: Bundle, report: Report) -> Mapping[str, Json]:
    """The report as it is stored with the draft (``Draft.scenario_report``)."""
    graph = read_graph(load_xml(bundle.files[PROCESS], PROCESS))
    met = Counter(node for story in report.stories for node in story.met)
    return {
        "stories": [
            {"path": story.file, "title": story.title, "passed": not story.problem, "message": story.problem}
            for story in report.stories
        ],
        "coverage": {node: met[node] for node in graph.nodes},
        "uncovered": dict(report.uncovered),
    }


def run(arguments: Sequence[str]) -> int:
    """The command line."""
    if len(arguments) != 1:
        sys.stderr.write("python -m app.studio.playing <folder>\n")
        return 2
    return main(Path(arguments[0]))


if __name__ == "__main__":
    status = run(sys.argv[1:])
    sys.stdout.flush()
    # the answer is written: nothing that a story left open may hold the process back
    os._exit(status)
