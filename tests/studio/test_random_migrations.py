"""Whatever valid edit is published, each running demande is migrated or blocked, none is lost, all can be ended."""

from __future__ import annotations

import random
import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from app import clock
from app.cases.models import Case
from app.cases.operations import runtime
from app.cases.queries import open_tasks
from app.db import Database
from app.engine.migration import choices
from app.engine.models import Instance, Timer
from app.engine.moving import ABANDON
from app.errors import Refused
from app.journal import JournalEntry, verify_chain
from app.policy import SYSTEM
from app.procedures.models import Version
from app.procedures.operations import publish
from app.studio import migrating
from app.studio.models import CaseMigration
from tests.cases.making import SLUG
from tests.studio.living import Life
from tests.studio.making import Studio, make_studio, undo
from tests.studio.random_versions import BEFORE, random_version

ACTS = 12
"""Enough for some to be asked for more, or to be near their end."""


BEGINS = datetime(2026, 11, 20, 9, tzinfo=UTC)


@pytest.fixture
def time() -> Iterator[clock.FrozenClock]:
    with clock.frozen(BEGINS) as frozen:
        yield frozen


class Migration:
    """``count`` demandes all over the rich démarche, and a version that a seed drew from it."""

    def __init__(self, database: Database, time: clock.FrozenClock, seed: int, count: int) -> None:
        self.database, self.draw = database, random.Random(seed)
        self.studio: Studio = make_studio(database)
        self.life = Life(database, self.studio, time)
        with database.transaction() as session:
            self.source: Version = publish(session, SYSTEM, SLUG, BEFORE.bundle(), "")
        self.cases = self.life.spread(self.draw, count, ACTS)
        with database.transaction() as session:
            self.target: Version = publish(session, SYSTEM, SLUG, random_version(seed), "")

    def planned(self) -> dict[uuid.UUID, migrating.Planned]:
        with self.database.transaction(read_only=True) as session:
            return {each.case_id: each for each in migrating.dry_run(session, self.source, self.target)}

    def choose(self) -> None:
        """Another step for about half of those that are gone."""
        with self.database.transaction() as session:
            old, new = (runtime.definition(session, each.bundle_hash) for each in (self.source, self.target))
            for node in sorted({each.plan.node for each in self.planned().values() if each.plan.result == "map"}):
                if self.draw.random() < 0.5:
                    steps = [
                        step for step in choices(old, new, node) if step == ABANDON or "Task" in new.nodes[step].kind
                    ]
                    step = self.draw.choice(sorted(steps) or [""])
                    migrating.choose(session, self.studio.iris, self.source, self.target, node, step)

    def start(self) -> uuid.UUID:
        with self.database.transaction() as session:
            return migrating.start(session, self.studio.iris, self.source, self.target).id

    def outcomes(self, batch: uuid.UUID) -> dict[uuid.UUID, str]:
        with self.database.transaction(read_only=True) as session:
            rows = session.scalars(select(CaseMigration).where(CaseMigration.batch_id == batch))
            return {row.case_id: row.outcome for row in rows}

    def places(self) -> dict[uuid.UUID, tuple[uuid.UUID, str, list[str], list[str]]]:
        """Where each demande is: version, status, steps that wait for people, timers."""
        with self.database.transaction(read_only=True) as session:
            found = {}
            for case in session.scalars(select(Case).where(Case.id.in_(self.cases))):
                steps = sorted(task.node for task in open_tasks(session, case.id))
                timers = select(Timer.node, Timer.due_at).where(Timer.case_id == case.id)
                due = sorted(f"{row.node} {row.due_at}" for row in session.execute(timers))
                found[case.id] = (case.version_id, case.status, steps, due)
            return found

    def recorded(self, action: str) -> Counter[uuid.UUID | None]:
        with self.database.transaction(read_only=True) as session:
            return Counter(session.scalars(select(JournalEntry.object_id).where(JournalEntry.action == action)))

    def end_all(self) -> None:
        """Everybody goes on, in whatever version: all are ended, none by being given up."""
        for case_id in self.cases:
            self.life.end(case_id, self.draw)
        assert {status for _, status, _, _ in self.places().values()} == {"clos"}
        with self.database.transaction(read_only=True) as session:
            assert verify_chain(session).fault is None


def run(database: Database, batch: uuid.UUID, limit: int = migrating.AT_ONCE) -> None:
    """What workers do, until there is nothing left."""
    while True:
        migrating.migrate_pending(database, batch, limit)
        with database.transaction(read_only=True) as session:
            if not migrating.progress(session, batch)["pending"]:
                return


def prove(database: Database, seed: int, count: int) -> Counter[str]:
    """Migrates ``count`` demandes to the version of ``seed``; gives how many the dry run said of each kind."""
    with clock.frozen(BEGINS) as time:
        return _prove(Migration(database, time, seed, count))


def _prove(it: Migration) -> Counter[str]:
    database = it.database
    first = Counter(each.plan.result for each in it.planned().values())
    it.choose()
    planned, before = it.planned(), it.places()
    batch = it.start()
    run(database, batch)
    found, after = it.outcomes(batch), it.places()
    assert set(found) == set(it.cases) == set(planned), "none is lost, none is there twice"
    for case_id, outcome in found.items():
        assert outcome == ("migrated" if planned[case_id].plan.result == "safe" else "blocked")
        if outcome == "blocked":
            assert after[case_id] == before[case_id], "left as it was"
        else:
            assert after[case_id][0] == it.target.id
    with database.transaction(read_only=True) as session:
        homes = {
            row.case_id: row.bundle_hash for row in session.execute(select(Instance.case_id, Instance.bundle_hash))
        }
    for case_id, (version_id, _, _, _) in after.items():
        home = it.target if version_id == it.target.id else it.source
        assert homes[case_id] == home.bundle_hash, "the engine runs it in the version that its row says"
    moved = {case_id for case_id, outcome in found.items() if outcome == "migrated"}
    assert it.recorded("case.migrated") == Counter(moved)
    it.end_all()
    return first


@pytest.mark.parametrize("seed", [1, 4, 5, 7])
def test_each_demande_is_migrated_or_blocked_and_can_be_ended(database, seed) -> None:
    prove(database, seed, 15)


@pytest.mark.timeout(300)
def test_many_demandes_of_all_kinds_are_migrated_or_blocked_and_can_be_ended(sqlite_database) -> None:
    """A hundred and twenty: five hundred take three thousand acts to file and five thousand to end, half a minute of a
    core that is free, minutes on a busy machine. They are in ``tests/soak``, on both databases."""
    told = prove(sqlite_database, 1, 120)
    assert told["safe"] > 60
    assert told["map"] > 3
    assert not told["blocked"], "branches, sub-processes and repetitions go on, or somebody is asked"


def test_taking_a_batch_back_brings_every_demande_back_where_it_was(database, time) -> None:
    it = Migration(database, time, 1, 30)
    it.choose()
    before = it.places()
    batch = it.start()
    run(database, batch)
    moved = [case_id for case_id, outcome in it.outcomes(batch).items() if outcome == "migrated"]
    assert len(moved) > 8
    back, kept = undo(database, it.studio.iris, batch)
    assert (back, kept) == (len(moved), [])
    assert it.places() == before
    assert it.outcomes(batch) == {case_id: "reverted" if case_id in moved else "blocked" for case_id in it.cases}
    with pytest.raises(Refused):  # nothing is left to take back
        undo(database, it.studio.iris, batch)
    it.end_all()


def test_a_batch_run_by_two_workers_and_again_migrates_nobody_twice(database, time) -> None:
    it = Migration(database, time, 1, 30)
    batch = it.start()
    faults: list[BaseException] = []

    def work() -> None:
        try:
            run(database, batch, limit=4)
        except BaseException as fault:
            faults.append(fault)

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert not faults
    found, after = it.outcomes(batch), it.places()
    migrating.migrate_pending(database, batch)
    again = it.start()
    run(database, again)
    assert set(it.outcomes(again)) == {case_id for case_id, outcome in found.items() if outcome == "blocked"}
    assert (it.outcomes(batch), it.places()) == (found, after)
    moved = {case_id for case_id, outcome in found.items() if outcome == "migrated"}
    assert it.recorded("case.migrated") == Counter(moved)
    it.end_all()
