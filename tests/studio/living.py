"""Demandes that people and time move at random, through the operations and without the web."""

from __future__ import annotations

import random
import uuid
from collections.abc import Mapping

from sqlalchemy import select

from app import clock
from app.cases.machinery import fire_due_timers, fire_timers_of
from app.cases.models import Case
from app.cases.opening import open_case
from app.cases.operations import submit
from app.cases.queries import Who, agents_case, open_tasks, their_case
from app.cases.steps import step_page
from app.db import Database, Json
from app.engine.models import Task, Timer
from app.policy import FAMILY_LANE
from app.procedures.queries import published
from tests.cases.making import SLUG
from tests.studio.making import Studio

MOST_ACTS = 80
"""No version that these tests draw takes more to be ended."""


class Life:
    """Camille files and answers, Nadia does the rest, and days pass."""

    def __init__(self, database: Database, studio: Studio, time: clock.FrozenClock) -> None:
        self.database, self.time = database, time
        with database.transaction(read_only=True) as session:
            self.camille = Who(studio.world.actor(session, studio.world.camille))
        self.nadia = Who(studio.nadia)

    def spread(self, draw: random.Random, count: int, acts: int) -> list[uuid.UUID]:
        """Demandes all over the démarche: half of them saw days pass, the others wait for days that have not come."""
        cases = [self._begin(draw, acts, days_pass=number < count // 2) for number in range(count)]
        self._tick()
        return cases

    def _begin(self, draw: random.Random, acts: int, *, days_pass: bool) -> uuid.UUID:
        while True:
            with self.database.transaction() as session:
                case_id = open_case(session, self.camille, published(session, SLUG))[0].id
            for _ in range(draw.randint(0, acts)):
                self.act(case_id, draw, days_pass=days_pass)
            if not self.ended(case_id):
                return case_id

    def act(self, case_id: uuid.UUID, draw: random.Random, *, willing: bool = False, days_pass: bool = True) -> bool:
        """Somebody does a step that waits, or three days pass; ``False`` when there is nothing to do.

        ``willing``: all are in a hurry to say yes.
        """
        with self.database.transaction() as session:
            tasks = sorted(open_tasks(session, case_id), key=lambda task: (task.node, str(task.id)))
            due = days_pass and session.scalar(select(Timer.task_id).where(Timer.case_id == case_id).limit(1))
            if due and (not tasks or (not willing and draw.random() < 0.2)):
                self.time.advance(days=3, hours=2)  # three days of Paris may have an hour more
                assert fire_timers_of(session, case_id) is not None
                return True
            if not tasks:
                return False
            task = draw.choice(tasks)
            if task.lane == FAMILY_LANE:
                who, opened = self.camille, their_case(session, self.camille, case_id, task.id, lock=True)
            else:
                who, opened = self.nadia, agents_case(session, self.nadia.actor, case_id, task.id, lock=True)
            values = answers(task, draw, willing=willing)
            told = step_page(session, who, opened).told(values) if task.form else []
            submit(session, who, opened, values, told)
            return True

    def _tick(self) -> None:
        """The clock lets everything fire that came due while others were at work."""
        while fire_due_timers(self.database):
            pass

    def ended(self, case_id: uuid.UUID) -> bool:
        with self.database.transaction(read_only=True) as session:
            return session.get_one(Case, case_id).closed_at is not None

    def end(self, case_id: uuid.UUID, draw: random.Random) -> None:
        """Takes a demande to its end. Raises AssertionError when that does not come."""
        acts = 0
        while self.act(case_id, draw, willing=True):
            acts += 1
            assert acts < MOST_ACTS, case_id
        assert self.ended(case_id), f"{case_id} waits for nothing and is not ended"


def answers(task: Task, draw: random.Random, *, willing: bool) -> Mapping[str, Json]:
    """What somebody sends at this step."""
    if task.form == "demande":
        return {"motif": draw.choice(("Fièvre", "Voyage")), "jour": "2030-01-07"}
    if task.form != "decision":
        return {}
    if willing or draw.random() < 0.5:
        return {"decision": "accepter"}
    return {"decision": "completer", "decision_champs": ["motif"], "decision_raison": "Précisez."}
