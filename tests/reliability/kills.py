"""The proof by killing: people at work, programs that die, then the count. Short by default, long in the soak."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select, update

from app import clock
from app.accounts.models import Account
from app.cases.models import Case
from app.cases.opening import open_case
from app.cases.queries import Who
from app.engine.bundle import Bundle
from app.outbox import RESEND_AFTER, OutboxFact
from app.policy import SYSTEM, Actor
from app.procedures.operations import publish
from app.procedures.queries import published
from tests.cases.making import REQUEST_FORM
from tests.engine.bpmn_builder import after, boundary, end, lane, process, start, user_task
from tests.reliability import doomed
from tests.reliability.counting import announced, disagreements, facts_waiting, mail_faults
from tests.reliability.programs import Town, running_town, wait_until
from tests.reliability.storm import Reaper, Storm

TIMED = "minuteur"


@dataclass(frozen=True)
class Plan:
    """How long and how hard: demandes at least, steps at which each program is killed, kills at random of each."""

    cases: int
    web: tuple[str, ...] = doomed.WEB
    worker: tuple[str, ...] = doomed.WORKER
    clock: tuple[str, ...] = doomed.CLOCK
    random_kills: int = 0
    seconds: float = 90
    cold: bool = False


#: What every run of the suite can afford: the steps where the most is at stake.
SHORT = Plan(
    cases=20,
    web=("submit.run", "submit.committed", "decide.written", "decide.committed"),
    worker=("started", "kept", "sent"),
    clock=("claimed", "timer.run"),
)
LONG = Plan(cases=200, random_kills=8, seconds=600, cold=True)


def prove(folder: Path, plan: Plan) -> dict[str, float]:
    """Runs the plan and asserts that nothing was lost, half-done, or said under two Message-IDs. Returns figures."""
    began = time.monotonic()
    with running_town(folder, cold=plan.cold) as town:
        _publish_timed(town)
        storm = Storm(town, at_least=plan.cases)
        reapers = [
            Reaper(town, "web", plan.web, random_kills=plan.random_kills, pause=2),
            Reaper(town, "worker", plan.worker, random_kills=plan.random_kills, pause=3),
            Reaper(
                town, "clock", plan.clock, random_kills=plan.random_kills, pause=4, prepare=lambda: _open_timed(town)
            ),
        ]
        storm.start()
        for each in reapers:
            each.start()
        end = time.monotonic() + plan.seconds
        while any(each.is_alive() for each in reapers):
            for each in reapers:
                assert not each.failure, f"{each.name}, {each.step}: {each.failure}"
            assert not storm.failures, "\n".join(storm.failures)
            assert time.monotonic() < end, [f"{each.name}: {each.step}" for each in reapers if each.is_alive()]
            time.sleep(0.1)
        storm.enough()
        storm.wait(plan.seconds)
        for each in reapers:
            assert not each.failure, f"{each.name}: {each.failure}"
            assert not each.missed, f"{each.name}: {each.missed} never reached"
        _drain(town)
        _assert_whole(town, storm)
        return {
            "cases": len(storm.ended),
            "kills": sum(program.kills for program in town.programs.values()),
            "mails": len(town.sink.mails),
            "doubles": len(town.sink.mails) - len(set(town.sink.message_ids)),
            "seconds": round(time.monotonic() - began, 1),
        }


def _drain(town: Town) -> None:
    """Lets the minute pass after which facts in the hands of the dead are handed over again; all must then be done."""
    with town.database.transaction() as session:
        passed = clock.now() - RESEND_AFTER
        session.execute(update(OutboxFact).where(OutboxFact.state == "sent").values(due_at=passed))
    wait_until(lambda: not facts_waiting(town.database), 60, f"outbox drained ({facts_waiting(town.database)})")
    wait_until(lambda: not _timed_waiting(town), 20, "timers fired")
    wait_until(lambda: not facts_waiting(town.database), 30, "outbox drained after the timers")


def _assert_whole(town: Town, storm: Storm) -> None:
    wrong = disagreements(town.database)
    assert not wrong, "\n".join(wrong)
    with town.database.transaction(read_only=True) as session:
        stored = {str(case.id): case.status for case in session.scalars(select(Case))}
    lost = {case: stored.get(case) for case, status in storm.ended.items() if stored.get(case) != status}
    assert not lost, f"their people saw otherwise: {lost}"
    wrong = announced(town.database, storm.ended) + mail_faults(town.database, town.sink.mails)
    assert not wrong, "\n".join(wrong)
    assert storm.statuses <= {200, 302, 303, 409, 503}, storm.statuses


# -- timers to be fired while the clock dies ---------------------------------------------------------------------------


def _publish_timed(town: Town) -> None:
    """A démarche whose first step ends by itself after a second."""
    diagram = process(
        TIMED,
        lane(
            "Famille",
            start("debut"),
            user_task("attendre", name="Répondre vite", statut="brouillon", form="demande"),
            boundary("trop_tard", "attendre", after("'PT1S'")),
            end("fin", statut="clos"),
            end("fin_tard", statut="annule"),
        ),
        "debut -> attendre -> fin",
        "trop_tard -> fin_tard",
    )
    bundle = Bundle(
        {
            "process.bpmn": diagram,
            "demarche.toml": b'titre = "Minuteur"\nresume = "Pour les tests."\ncategorie = "quotidien"\n',
            "forms/demande.json": json.dumps(REQUEST_FORM).encode(),
        }
    )
    with town.database.transaction() as session:
        publish(session, SYSTEM, TIMED, bundle, "")


def _open_timed(town: Town, count: int = 3) -> None:
    with town.database.transaction() as session:
        account = session.scalars(select(Account).where(Account.persona == "julie-fontaine")).one()
        who = Who(Actor("parent", account.id, "Julie Fontaine"))
        for _ in range(count):
            open_case(session, who, published(session, TIMED))


def _timed_waiting(town: Town) -> bool:
    with town.database.transaction(read_only=True) as session:
        query = select(Case.id).where(Case.slug == TIMED, Case.status != "annule").limit(1)
        return session.scalar(query) is not None
