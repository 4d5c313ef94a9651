"""The portal as it runs in production: web, worker and clock apart, PostgreSQL, Redis, a mail server."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis

from app.composition import open_database
from app.db import Base, Database
from app.demo.build import build
from tests.conftest import KEY, settings_for
from tests.reliability.browser import Browser, Gone
from tests.services import NAMES, free_port, fresh_postgresql, require_or_skip, required
from tests.workers.sink import Sink

ROOT = Path(__file__).resolve().parents[2]


def wait_until(condition: Callable[[], object], seconds: float, what: str) -> None:
    """Waits for ``condition``; fails saying ``what`` did not happen."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what}: not within {seconds:.0f} s"
        time.sleep(0.05)


class Nursery:
    """Where programs are born: see ``nursery``."""

    def __init__(self, env: dict[str, str], folder: Path) -> None:
        self.folder = folder
        with (folder / "nursery.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.reliability.nursery"],
                env=env,
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self._lock = threading.Lock()
        assert self._answer() == "ready"

    def _answer(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        assert line, (self.folder / "nursery.log").read_text()[-2000:]
        return line

    def start(self, program: str, arguments: Sequence[str], *, cold: bool) -> int:
        """Starts a program; its process number, which is also its group's."""
        asked = {"program": program, "arguments": arguments, "cold": cold, "log": str(self.folder / f"{program}.log")}
        with self._lock:
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps(asked) + "\n")
            self._process.stdin.flush()
            return int(self._answer())

    def stop(self) -> None:
        self._process.kill()
        self._process.communicate(timeout=10)


class Program:
    """A process group that can be killed and started again. ``cold``: from a new interpreter each time."""

    def __init__(self, name: str, nursery: Nursery, arguments: Sequence[str] = (), *, cold: bool = False) -> None:
        self.name = name
        self.kills = 0
        self._nursery, self._arguments, self._cold = nursery, list(arguments), cold
        self._pid = 0

    def start(self) -> None:
        assert not self.alive
        self._pid = self._nursery.start(self.name, self._arguments, cold=self._cold)

    @property
    def alive(self) -> bool:
        return self._pid != 0 and psutil.pid_exists(self._pid)

    def wait_dead(self, seconds: float) -> bool:
        """Whether it died within ``seconds``; what it left behind is removed."""
        end = time.monotonic() + seconds
        while self.alive:
            if time.monotonic() > end:
                return False
            time.sleep(0.02)
        self._signal(signal.SIGKILL)  # children of a master that is gone
        self._pid = 0
        self.kills += 1
        return True

    def kill(self) -> None:
        """SIGKILL to the whole group: nothing can be tidied up."""
        if self.alive:
            self._signal(signal.SIGKILL)
            assert self.wait_dead(10)

    def stop(self) -> None:
        """Asks it to end, and kills what has not ended after a few seconds."""
        self._signal(signal.SIGTERM)
        end = time.monotonic() + 8
        while self.alive and time.monotonic() < end:
            time.sleep(0.02)
        self._signal(signal.SIGKILL)
        self._pid = 0

    def _signal(self, number: signal.Signals) -> None:
        if self._pid:
            with suppress(ProcessLookupError):
                os.killpg(self._pid, number)

    def log(self) -> str:
        path = self._nursery.folder / f"{self.name}.log"
        return path.read_text(errors="replace") if path.exists() else ""


class RedisServer:
    """A Redis of this test alone, which may go and come back (empty)."""

    def __init__(self, folder: Path) -> None:
        require_or_skip("redis")
        program = shutil.which("redis-server")
        if program is None:
            reason = f"no {NAMES['redis']} server program to start one apart"
            if "redis" in required():
                pytest.fail(reason, pytrace=False)
            pytest.skip(reason)
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._folder = folder
        self._command = [program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            self._command, cwd=self._folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        client: Any = redis.Redis.from_url(self.url, socket_connect_timeout=1)

        def answers() -> bool:
            try:
                return bool(client.ping())
            except redis.RedisError:
                return False

        wait_until(answers, 10, "Redis answers")
        client.close()

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None


class Town:
    """Everything that runs, and ways to look at it."""

    def __init__(self, database: Database, folder: Path, broker: RedisServer, sink: Sink, *, cold: bool) -> None:
        self.database, self.folder, self.redis, self.sink = database, folder, broker, sink
        self.port = free_port()
        self.doom = folder / "doom"
        self.doom.mkdir()
        url = database.engine.url.render_as_string(hide_password=False)
        self.env = {name: value for name, value in os.environ.items() if not name.endswith("_URL")} | {
            "PORTAIL_MODE": "demonstration",
            "SECRET_KEY": KEY,
            "DATABASE_URL": url,
            "BROKER_URL": broker.url,
            "MAIL_URL": sink.url,
            "DATA_DIR": str(folder / "data"),
            "PORT": str(self.port),
            "DOOM_DIR": str(self.doom),
        }
        worker = ["--processes", "1", "--threads", "4", "--skip-logging"]
        #: seconds for something to happen that needs another program, which may be starting
        self.patience = 120 if cold else 30
        self.nursery = Nursery(self.env, folder)
        self.programs = {
            "web": Program("web", self.nursery, [], cold=cold),
            "worker": Program("worker", self.nursery, [*worker, "tests.reliability.doomed_worker"], cold=cold),
            "clock": Program("clock", self.nursery, cold=cold),
        }

    def wait_web(self, seconds: float = 90) -> None:
        def answers() -> bool:
            assert self.programs["web"].alive, self.programs["web"].log()[-2000:]
            browser = Browser(self.port)
            try:
                return browser.ask("GET", "/connexion").status == 200
            except Gone:
                return False
            finally:
                browser.close()

        wait_until(answers, seconds, "the web server answers")


@contextmanager
def running_town(folder: Path, *, cold: bool = False) -> Iterator[Town]:
    """Valbrise on a fresh PostgreSQL database with its three processes; everything is gone at the end.

    ``cold``: programs start as they are deployed, which is slower than from the nursery.
    """
    with ExitStack() as stack:
        broker = RedisServer(folder)
        url = stack.enter_context(fresh_postgresql())
        broker.start()
        stack.callback(broker.stop)
        sink = stack.enter_context(Sink())
        database = open_database(settings_for(url, folder))
        stack.callback(database.dispose)
        Base.metadata.create_all(database.engine)
        build(database)
        town = Town(database, folder, broker, sink, cold=cold)
        stack.callback(town.nursery.stop)
        for program in town.programs.values():
            stack.callback(program.stop)
            program.start()
        town.wait_web()
        yield town
