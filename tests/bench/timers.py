"""A tick of the clock among many timers of which few are due (issue 2, §8.4)."""

from __future__ import annotations

import time
import uuid
from datetime import timedelta

from sqlalchemy import Table, delete, insert, text

from app import clock
from app.cases.machinery import fire_due_timers
from app.cases.opening import open_case
from app.cases.queries import Who
from app.db import Database, new_id
from app.demo.build import build
from app.engine.bundle import Bundle
from app.engine.models import Timer
from app.policy import SYSTEM, Actor
from app.procedures.operations import publish
from app.procedures.queries import published
from tests.bench.http import BENCH
from tests.bench.measuring import Measure
from tests.engine.bpmn_builder import after, catch, end, lane, process, start, user_task

DUE = 100
TIMERS: Table = Timer.__table__  # type: ignore[assignment]  # a Table, typed FromClause


def prepare(database: Database) -> None:
    """Valbrise, and a démarche that waits a month before it asks for anything."""
    build(database)
    drawn = process(
        "attente",
        lane(
            "Famille",
            start("debut"),
            catch("un_mois", after("'P30D'")),
            user_task("saisir", statut="brouillon", form="demande"),
        ),
        lane("Gestionnaire", user_task("decider", statut="en_attente", form="decision"), end("fin", statut="clos")),
        "debut -> un_mois -> saisir -> decider -> fin",
    )
    files = dict(Bundle.from_folder(BENCH).files)
    files |= {"process.bpmn": drawn, "demarche.toml": b"compte = false\n" + files["demarche.toml"]}
    with database.transaction() as session:
        publish(session, SYSTEM, "attente", Bundle(files), "Mesure")


def _wait(database: Database, count: int) -> None:
    """Opens ``count`` real cases that wait for their timer."""
    for _ in range(count):
        with database.transaction() as session:
            open_case(session, Who(Actor("visitor", None, "Mesure"), "0" * 64), published(session, "attente"))


def _fill(database: Database, count: int) -> None:
    """Adds timers that are not due: rows only, for a tick that looked at more would be measured by them too."""
    later = clock.now() + timedelta(days=90)
    rows = [
        {"task_id": new_id(), "case_id": uuid.uuid4(), "node": "loin", "due_at": later + timedelta(seconds=number)}
        for number in range(count)
    ]
    with database.transaction() as session:
        session.execute(delete(TIMERS).where(TIMERS.c.node == "loin"))
        for begin in range(0, count, 10_000):
            session.execute(insert(TIMERS), rows[begin : begin + 10_000])
    with database.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("ANALYZE"))


def tick(database: Database, total: int, due: int = DUE) -> float:
    """Milliseconds of one tick among ``total`` timers of which ``due`` have come."""
    _wait(database, due)
    _fill(database, total - due)
    with clock.frozen(clock.now() + timedelta(days=31)):
        start_at = time.perf_counter()
        moved = fire_due_timers(database, limit=due)
        spent = (time.perf_counter() - start_at) * 1000
    assert moved == due, moved
    return spent


def measure(database: Database, kind: str, many: int = 100_000, few: int = 1_000) -> list[Measure]:
    """The tick among many against the tick among few, the best of three of each, in turn."""
    prepare(database)
    tick(database, few)  # the first fills the caches
    pairs = [(tick(database, few), tick(database, many)) for _ in range(3)]
    small, large = (min(column) for column in zip(*pairs, strict=True))
    return [
        Measure(f"timers.{kind}.tick.{few}", round(small, 1), "ms"),
        Measure(f"timers.{kind}.tick.{many}", round(large, 1), "ms", round(large / small, 2), 2.0),
    ]
