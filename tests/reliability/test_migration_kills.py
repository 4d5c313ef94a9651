"""SIGKILL to the process that migrates demandes, at every moment of one of them, then at random: each demande is wholly
in one version or in the other, the batch goes on where it was, and nothing is done twice."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import select, update

from app import clock
from app.cases.models import Case
from app.db import Database
from app.engine.models import Instance, Task
from app.journal import JournalEntry
from app.outbox import OutboxFact
from app.policy import SYSTEM
from app.procedures.models import Version
from app.procedures.operations import publish
from app.studio import migrating
from app.studio.models import CaseMigration, MigrationBatch
from tests.cases.making import SLUG, file_case
from tests.conftest import KEY
from tests.reliability import doomed
from tests.reliability.counting import disagreements, facts_waiting
from tests.reliability.doomed_background import MOMENTS
from tests.reliability.programs import Nursery, Program, wait_until
from tests.studio.making import make_studio
from tests.studio.test_migrating import RENAMED

CASES = 160
"""More than one fact takes, also after those that each life of the worker does."""
LIVES = (*(f"{moment} {number}" for number, moment in enumerate(MOMENTS[:-1], 5)), "share 1")
RANDOM_KILLS = 3


class Batch:
    """Demandes of version 1 to be taken to version 2 by a program that is killed."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database, self.doom = database, folder / "doom"
        self.doom.mkdir()
        studio = make_studio(database)
        self.cases = [file_case(database, studio.world) for _ in range(CASES)]
        with database.transaction() as session:
            target = publish(session, SYSTEM, SLUG, RENAMED, "")
            source = session.scalars(select(Version).where(Version.number == 1)).one()
            self.source, self.target = source, target
            session.execute(update(OutboxFact).values(state="done"))  # the mails of the filing are not the subject
            self.id = migrating.start(session, studio.iris, source, target).id

    def check(self) -> Counter[str]:
        """Every demande is wholly in one version, as its line says; gives how many are where."""
        assert not (wrong := disagreements(self.database)), "\n".join(wrong)
        with self.database.transaction(read_only=True) as session:
            lines = {line.case_id: line.outcome for line in session.scalars(select(CaseMigration))}
            told = Counter(
                session.scalars(select(JournalEntry.object_id).where(JournalEntry.action == "case.migrated"))
            )
            rows = session.execute(
                select(Case, Instance.bundle_hash, Task.title)
                .join(Instance, Instance.case_id == Case.id)
                .join(Task, (Task.case_id == Case.id) & Task.closed_at.is_(None))
            ).all()
        assert sorted(case.id for case, _, _ in rows) == sorted(self.cases) == sorted(lines)
        for case, running, title in rows:
            moved = lines[case.id] == "migrated"
            home = self.target if moved else self.source
            assert (case.version_id, case.bundle_hash, running) == (home.id, home.bundle_hash, home.bundle_hash)
            assert title == ("Recevoir" if moved else "Prendre en charge")
            assert told[case.id] == (1 if moved else 0), "said once, if it was done"
        return Counter(lines.values())

    def moved(self) -> int:
        with self.database.transaction(read_only=True) as session:
            return migrating.progress(session, self.id)["migrated"]

    def ended(self) -> bool:
        with self.database.transaction(read_only=True) as session:
            return session.get_one(MigrationBatch, self.id).ended_at is not None

    def let_the_minute_pass(self) -> None:
        """What the dead had in hand is due again, as it is after ``RESEND_AFTER``."""
        with self.database.transaction() as session:
            session.execute(update(OutboxFact).where(OutboxFact.state == "sent").values(due_at=clock.now()))


@contextmanager
def nursery(batch: Batch, folder: Path) -> Iterator[Program]:
    """The program, not started."""
    env = {name: value for name, value in os.environ.items() if not name.endswith("_URL")} | {
        "PORTAIL_MODE": "test",
        "SECRET_KEY": KEY,
        "DATABASE_URL": batch.database.engine.url.render_as_string(hide_password=False),
        "DATA_DIR": str(folder),
        "STORAGE_URL": f"file://{folder}/pieces",
        "PUBLIC_URL": "http://localhost",
        "DOOM_DIR": str(batch.doom),
    }
    born = Nursery(env, folder)
    program = Program("background", born)
    try:
        yield program
    finally:
        program.stop()
        born.stop()


def live(batch: Batch, program: Program) -> None:
    batch.let_the_minute_pass()
    program.start()


@pytest.mark.timeout(240)
def test_a_batch_whose_worker_is_killed_again_and_again_moves_each_demande_once(database, tmp_path) -> None:
    batch = Batch(database, tmp_path)
    moved = [0]
    with nursery(batch, tmp_path) as program:
        for step in LIVES:
            doomed.arm(batch.doom, "background", step)
            live(batch, program)
            assert program.wait_dead(60), f"never reached « {step} »: {program.log()[-2000:]}"
            found = batch.check()
            assert set(found) == {"pending", "migrated"}, (step, found)
            moved.append(found["migrated"])
        assert moved == sorted(set(moved)), "each life does some more"
        for _ in range(RANDOM_KILLS):
            if batch.ended():
                break
            live(batch, program)
            before = batch.moved()
            wait_until(lambda before=before: batch.moved() > before or batch.ended(), 30, "some more are moved")
            time.sleep(random.random() / 10)
            program.kill()
            batch.check()
        live(batch, program)
        wait_until(batch.ended, 60, "the batch ends")
        wait_until(lambda: not facts_waiting(database), 30, "nothing is left to be done")
    assert batch.check() == Counter({"migrated": CASES})
