"""On SQLite, which has one writer, those who wait are served: nobody waits for as long as others go on writing."""

from __future__ import annotations

import threading
import time
import uuid

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from app.db import Database
from app.journal import record
from app.policy import SYSTEM

WRITERS, EACH, WORK = 12, 25, 0.01


def test_in_a_busy_minute_no_writer_is_left_waiting(sqlite_database: Database) -> None:
    waited: list[float] = []

    def write() -> None:
        for _ in range(EACH):
            began = time.monotonic()
            with sqlite_database.transaction() as session:
                session.execute(text("SELECT 1"))
                time.sleep(WORK)
                record(session, SYSTEM, "test.done", "test", uuid.uuid4())
            waited.append(time.monotonic() - began)

    writers = [threading.Thread(target=write) for _ in range(WRITERS)]
    began = time.monotonic()
    for each in writers:
        each.start()
    for each in writers:
        each.join()
    lasted = time.monotonic() - began
    assert len(waited) == WRITERS * EACH
    assert max(waited) < lasted / 2


def test_a_reader_waits_for_no_writer(sqlite_database: Database) -> None:
    with sqlite_database.transaction() as session:
        session.execute(text("SELECT 1"))
        found: list[object] = []

        def read() -> None:
            with sqlite_database.transaction(read_only=True) as reading:
                found.append(reading.scalar(text("SELECT 1")))

        reader = threading.Thread(target=read)
        reader.start()
        reader.join(timeout=5)
        assert found == [1]


def test_a_writer_that_fails_leaves_its_turn(sqlite_database: Database) -> None:
    def fail() -> None:
        with sqlite_database.transaction() as session:
            session.execute(text("SELECT nothing_like_that"))

    began = time.monotonic()
    for _ in range(2):
        with pytest.raises(OperationalError):
            fail()
    assert time.monotonic() - began < 1


def test_a_writer_inside_another_is_refused_at_once(sqlite_database: Database) -> None:
    with (
        sqlite_database.transaction(),
        pytest.raises(RuntimeError, match="inside another"),
        sqlite_database.transaction(),
    ):
        raise AssertionError("never here")
