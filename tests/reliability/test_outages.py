"""The queue goes away, then the worker: requests go on, and the mails follow when they are back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import update

from app import clock
from app.outbox import RESEND_AFTER, OutboxFact
from tests.reliability.browser import Browser, case_of, fill_absence, open_absence, send, work
from tests.reliability.counting import announced, disagreements, facts_waiting, mail_faults
from tests.reliability.programs import Town, running_town, wait_until
from tests.reliability.storm import school_days

GONE_FOR = 6.0
"""Seconds. Longer than what the clock and the worker wait between two tries, shorter than the suite can bear."""


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    with running_town(tmp_path) as running:
        yield running


def file_and_decide(town: Town, days: list[str]) -> tuple[dict[str, str], set[int], float]:
    """Demandes from their first page to their decision: their status, the answers' codes, the slowest request."""
    parent, agent = Browser(town.port), Browser(town.port)
    parent.sign_in("julie-fontaine")
    agent.sign_in("gestionnaire")
    cases: dict[str, str] = {}
    slowest = 0.0
    for day in days:
        began = time.monotonic()
        step = open_absence(parent)
        fill_absence(parent, step, day)
        assert send(parent, step).status == 302
        work(agent, case_of(step), {})
        work(agent, case_of(step), {"decision": "accepter"})
        cases[case_of(step)] = "clos"
        slowest = max(slowest, time.monotonic() - began)
    for browser in (parent, agent):
        browser.close()
    return cases, {*parent.seen, *agent.seen}, slowest


def let_a_minute_pass(town: Town) -> None:
    """What the queue lost is handed over again a minute later."""
    with town.database.transaction() as session:
        passed = clock.now() - RESEND_AFTER
        session.execute(update(OutboxFact).where(OutboxFact.state == "sent").values(due_at=passed))


@pytest.mark.timeout(170)
def test_requests_go_on_without_the_queue_then_without_a_worker_and_mails_follow(town: Town) -> None:
    days = school_days(40)
    wait_until(lambda: not facts_waiting(town.database), 40, "the mails of the demonstration")
    before = len(town.sink.mails)

    town.redis.stop()
    began, cases, number = time.monotonic(), {}, 0
    while time.monotonic() - began < GONE_FOR:
        filed, seen, slowest = file_and_decide(town, days[number : number + 2])
        assert seen <= {200, 302, 303}
        assert slowest < 10  # nobody waits for the queue: a cycle is nine requests
        cases |= filed
        number += 2
    assert len(town.sink.mails) == before
    assert facts_waiting(town.database).total() >= 3 * len(cases)
    town.redis.start()
    let_a_minute_pass(town)
    wait_until(lambda: not facts_waiting(town.database), 60, "mails after the queue came back")

    town.programs["worker"].stop()
    before = len(town.sink.mails)
    filed, seen, _ = file_and_decide(town, days[number : number + 3])
    assert seen <= {200, 302, 303}
    assert len(town.sink.mails) == before
    cases |= filed
    town.programs["worker"].start()
    wait_until(lambda: not facts_waiting(town.database), 60, "mails after the worker came back")

    assert announced(town.database, cases) == []
    assert mail_faults(town.database, town.sink.mails) == []
    assert disagreements(town.database) == []
    assert all(program.alive for program in town.programs.values())
