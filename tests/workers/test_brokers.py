"""The queue is disposable: emptied, stopped, or its workers killed, every fact is done and every mail arrives."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import redis
from dramatiq import Broker, Worker
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from sqlalchemy import update

from app import clock
from app.outbox import OutboxFact, emit
from tests.services import NAMES, free_port, require_or_skip, required
from tests.workers import trade
from tests.workers.sink import Sink
from tests.workers.trade import House
from workers.actors import declare, enqueuing
from workers.broker import make_broker
from workers.clock import Clock

NOON = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)


class OwnRedis:
    """A Redis of this test alone: emptied and stopped without harming anybody."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which("redis-server")
        if program is None:
            reason = f"no {NAMES['redis']} server program to start one apart"
            if "redis" in required():
                pytest.fail(reason, pytrace=False)
            pytest.skip(reason)
        self._program = program
        self._folder = folder
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.client = redis.Redis.from_url(self.url)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        arguments = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen(
            [self._program, *arguments], cwd=self._folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_until(self.answers)

    def answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.ConnectionError:
            return False

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[OwnRedis]:
    require_or_skip("redis")
    server = OwnRedis(tmp_path)
    server.start()
    yield server
    server.client.close()
    server.stop()


def wait_until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


@contextmanager
def working(broker: Broker) -> Iterator[None]:
    worker = Worker(broker, worker_timeout=100, worker_threads=4)
    worker.start()
    try:
        yield
    finally:
        worker.stop(5_000)


def all_done(house: House) -> bool:
    return set(house.states().values()) == {"done"}


def on_broker(house: House, url: str, sink: Sink) -> House:
    return House(house.database, replace(house.settings, broker_url=url, mail_url=sink.url))


def test_a_redis_emptied_while_facts_are_in_flight_loses_nothing(
    postgresql_house: House, own_redis: OwnRedis, sink: Sink
) -> None:
    house = on_broker(postgresql_house, own_redis.url, sink)
    broker = make_broker(house.settings)
    declare(broker, house.database, house.settings)
    made = Clock(house.database, house.settings, enqueuing(broker), chores={})
    with clock.frozen(NOON) as now:
        facts = [house.emit("test.letter", to=f"parent{n}@example.org") for n in range(20)]
        assert made.relay() == 20
        own_redis.client.flushall()
        with working(broker):
            time.sleep(0.5)
            assert sink.mails == []
            assert made.relay() == 0
            now.advance(seconds=61)
            assert made.relay() == 20
            wait_until(lambda: all_done(house))
    assert Counter(sink.message_ids) == Counter(f"<{fact.hex}.0@127.0.0.1>" for fact in facts)


def test_without_redis_requests_go_on_and_everything_follows_when_it_is_back(
    postgresql_house: House, own_redis: OwnRedis, sink: Sink
) -> None:
    house = on_broker(postgresql_house, own_redis.url, sink)
    broker = make_broker(house.settings)
    declare(broker, house.database, house.settings)
    made = Clock(house.database, house.settings, enqueuing(broker), chores={})
    with working(broker):
        house.emit("test.letter", to="before@example.org")
        made.relay()
        wait_until(lambda: all_done(house))
        own_redis.stop()
        began = time.monotonic()
        for n in range(10):
            house.emit("test.letter", to=f"parent{n}@example.org")
        assert time.monotonic() - began < 2
        assert made.relay() == 0
        assert Counter(house.states().values()) == {"done": 1, "pending": 10}
        own_redis.start()
        assert made.relay() == 10
        wait_until(lambda: all_done(house))
    assert len(sink.mails) == len(set(sink.message_ids)) == 11


def test_every_fact_is_done_once_through_rabbitmq(postgresql_house: House, sink: Sink) -> None:
    house = on_broker(postgresql_house, require_or_skip("rabbitmq"), sink)
    broker = make_broker(house.settings)
    assert isinstance(broker, RabbitmqBroker)
    queue = f"portail-test-{uuid.uuid4().hex[:8]}"
    declare(broker, house.database, house.settings, queue=queue)
    made = Clock(house.database, house.settings, enqueuing(broker, queue), chores={})
    facts = [house.emit("test.both") for _ in range(30)]
    try:
        with working(broker):
            assert made.relay() == 30
            wait_until(lambda: all_done(house))
            # a message that stays in the queue and comes again finds the work done
            assert made.relay() == 0
    finally:
        for name in (queue, f"{queue}.DQ", f"{queue}.XQ"):
            broker.channel.queue_delete(name)
        broker.close()
    assert sorted(trade.done, key=str) == sorted(facts, key=str)
    assert Counter(sink.message_ids) == Counter(f"<{fact.hex}.0@127.0.0.1>" for fact in facts)


@contextmanager
def worker_process(house: House) -> Iterator[subprocess.Popen[bytes]]:
    env = {
        **os.environ,
        "PORTAIL_MODE": "test",
        "DATA_DIR": str(house.settings.data_dir),
        "DATABASE_URL": house.settings.database_url,
        "BROKER_URL": house.settings.broker_url,
        "MAIL_URL": house.settings.mail_url,
    }
    command = [sys.executable, "-m", "dramatiq", "tests.workers.process", "--processes", "1", "--threads", "2"]
    # a session of its own: the processes it forks are killed with it, and nobody else
    process = subprocess.Popen(
        command, env=env, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        kill_all(process)


def kill_all(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait(10)


def test_a_worker_killed_between_sending_and_noting_sends_again_under_the_same_message_id(
    postgresql_house: House, own_redis: OwnRedis, sink: Sink
) -> None:
    house = on_broker(postgresql_house, own_redis.url, sink)
    made = Clock(house.database, house.settings, enqueuing(make_broker(house.settings)), chores={})
    with worker_process(house) as first:
        # the server has the mail, its answer never reaches the worker
        sink.on_mail = lambda: kill_all(first)
        fact = house.emit("test.letter", to="parent@example.org")
        made.relay()
        wait_until(lambda: len(sink.mails) == 1)
        wait_until(lambda: first.poll() is not None)
    assert house.fact(fact).state == "sent"
    assert [mail.state for mail in house.mails()] == ["to_send"]

    sink.on_mail = lambda: None
    with house.database.transaction() as session:  # a minute later
        session.execute(update(OutboxFact).values(due_at=clock.now()))
    with worker_process(house):
        assert made.relay() == 1
        wait_until(lambda: house.fact(fact).state == "done")
    assert sink.message_ids == [f"<{fact.hex}.0@127.0.0.1>"] * 2
    assert [(mail.state, mail.attempts) for mail in house.mails()] == [("sent", 1)]


def test_workers_killed_again_and_again_lose_no_mail(postgresql_house: House, own_redis: OwnRedis, sink: Sink) -> None:
    house = on_broker(postgresql_house, own_redis.url, sink)
    made = Clock(house.database, house.settings, enqueuing(make_broker(house.settings)), chores={})
    with house.database.transaction() as session:
        facts = [emit(session, "test.letter", to=f"parent{n}@example.org") for n in range(200)]
    for killed_after in (40, 90, 150, 200):
        with house.database.transaction() as session:
            session.execute(update(OutboxFact).where(OutboxFact.state == "sent").values(due_at=clock.now()))
        with worker_process(house) as process:
            made.relay()
            wait_until(lambda limit=killed_after: len(sink.mails) >= limit or all_done(house), 60)  # type: ignore[misc]  # bound now
            if killed_after == 200:
                with house.database.transaction() as session:
                    session.execute(update(OutboxFact).where(OutboxFact.state == "sent").values(due_at=clock.now()))
                made.relay()
                wait_until(lambda: all_done(house), 60)
            else:
                kill_all(process)
    counts = Counter(sink.message_ids)
    assert set(counts) == {f"<{fact.hex}.0@127.0.0.1>" for fact in facts}
    assert {mail.state for mail in house.mails()} == {"sent"}
    assert len(house.mails()) == 200
    # at most what two threads had in hand at each of three kills was sent twice
    assert sum(counts.values()) <= 200 + 3 * 2
