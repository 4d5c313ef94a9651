"""The embedded portal, as a real process: one command, quick to stop, nothing lost."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.composition import open_database
from app.config import settings_from
from app.db import Database
from app.outbox import OutboxFact, emit
from tests.services import free_port


@contextmanager
def portal_process(folder: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    env = {**os.environ, "PORTAIL_MODE": "test", "DATA_DIR": str(folder), "PORT": str(port)}
    env = {name: value for name, value in env.items() if name not in ("DATABASE_URL", "BROKER_URL", "MAIL_URL")}
    process = subprocess.Popen(
        [sys.executable, "-m", "workers.embedded"], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=10)


def wait_for_page(process: subprocess.Popen[str], url: str, seconds: float = 30) -> str:
    end = time.monotonic() + seconds
    while True:
        assert process.poll() is None, process.stderr.read() if process.stderr else ""
        try:
            with urllib.request.urlopen(url, timeout=20) as answer:
                page: str = answer.read().decode()
                return page
        except (urllib.error.URLError, OSError):
            assert time.monotonic() < end, "the portal does not answer"
            time.sleep(0.1)


def state_of(database: Database, fact_id: uuid.UUID) -> str:
    with database.transaction(read_only=True) as session:
        return session.get_one(OutboxFact, fact_id).state


def test_one_command_serves_delivers_and_stops_cleanly(tmp_path: Path) -> None:
    port = free_port()
    with portal_process(tmp_path, port) as process:
        assert "Portail famille" in wait_for_page(process, f"http://127.0.0.1:{port}/connexion")
        database = open_database(settings_from({"PORTAIL_MODE": "test", "DATA_DIR": str(tmp_path)}))
        with database.transaction() as session:
            fact = emit(session, "test.nobody")
        end = time.monotonic() + 5
        while state_of(database, fact) != "done":
            assert time.monotonic() < end
            time.sleep(0.05)
        database.dispose()
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=15)
        assert time.monotonic() - began < 8
    assert process.returncode == 0
    assert f"http://127.0.0.1:{port}" in out
    assert "Traceback" not in err


def test_a_port_already_taken_is_said_in_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with portal_process(tmp_path, port) as process:
            _out, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert f"PORT: 127.0.0.1:{port}" in err
    assert "Traceback" not in err


@pytest.mark.parametrize("module", ["workers.embedded", "workers.clock"])
def test_a_queue_that_does_not_fit_the_process_is_refused_by_name(module: str) -> None:
    wrong = {"workers.embedded": "redis://127.0.0.1:1/0", "workers.clock": "stub:"}[module]
    env = {**os.environ, "PORTAIL_MODE": "test", "SECRET_KEY": "k" * 40, "BROKER_URL": wrong}
    done = subprocess.run(
        [sys.executable, "-m", module], env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("BROKER_URL: ")
