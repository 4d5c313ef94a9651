"""``make bench``: every measure of the product, as a table and as ``build/bench.json``. Exit 1 when a bar is not met.

``python -m tests.bench engine http`` runs some of them; ``--quick`` makes them small (no million).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.bench import agenda, engine, http, inbox, startup, studio, timers
from tests.bench.measuring import Measure, databases

KINDS = ("sqlite", "postgresql")
QUICK_SIZES = (1_000, 20_000)
REPORT = Path("build/bench.json")


def _engine(quick: bool) -> list[Measure]:
    found: list[Measure] = []
    for kind in KINDS:
        with databases(kind) as (_, database):
            found += engine.measure(database, kind, 60 if quick else 400)
    return found


def _http(quick: bool) -> list[Measure]:
    found: list[Measure] = []
    for kind in KINDS:
        with databases(kind) as (settings, database):
            http.prepare(database)
            found += http.statements(settings, database, kind)
            n = 30 if quick else 200
            found += http.measure(settings, kind, partial(engine.floor, database, n), n)
    return found


def _inbox(quick: bool) -> list[Measure]:
    found: list[Measure] = []
    for kind in KINDS:
        with databases(kind) as (settings, database):
            found += inbox.measure(settings, database, kind, QUICK_SIZES if quick else inbox.SIZES)
    return found


def _timers(quick: bool) -> list[Measure]:
    found: list[Measure] = []
    for kind in KINDS:
        with databases(kind) as (_, database):
            found += timers.measure(database, kind, 5_000 if quick else 100_000)
    return found


def _studio(quick: bool) -> list[Measure]:
    found: list[Measure] = []
    for kind in KINDS:
        with databases(kind) as (_, database):
            found += studio.measure(database, kind, 3 if quick else studio.SAMPLES)
    return found


def _agenda(quick: bool) -> list[Measure]:
    found: list[Measure] = []
    for kind, parents in (("postgresql", 300), ("sqlite", 50)):
        with databases(kind) as (settings, database):
            found += agenda.rush(settings, database, kind, 60 if quick else parents, 8 if quick else 40)
        with databases(kind) as (_, database):
            found += agenda.school_year(database, kind)
    with databases("postgresql") as (_, few), databases("postgresql") as (_, many):
        found += agenda.growth(few, many, agenda.QUICK_SIZES if quick else agenda.SIZES)
    return found


PARTS: dict[str, Callable[[bool], list[Measure]]] = {
    "agenda": _agenda,
    "engine": _engine,
    "http": _http,
    "inbox": _inbox,
    "timers": _timers,
    "studio": _studio,
    "startup": lambda _quick: startup.measure(),
}


def _line(measure: Measure) -> str:
    ratio = f"× {measure.ratio}" if measure.ratio is not None else ""
    bar = f"≤ {measure.bar}" if measure.bar is not None else ""
    verdict = "" if measure.bar is None else "ok" if measure.ok else "MISSED"
    return f"{measure.name:<42}{measure.value:>12} {measure.unit:<12}{ratio:<10}{bar:<10}{verdict}"


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="tests.bench")
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], default=[])
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args(argv)
    measures: list[Measure] = []
    for name in asked.parts or PARTS:
        for measure in PARTS[name](asked.quick):
            print(_line(measure), flush=True)
            measures.append(measure)
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps([m.row() for m in measures], indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0 if all(measure.ok for measure in measures) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
