"""The cycle of two people through the web server: form page, submission, agent's page, decision (issue 2, §8.2)."""

from __future__ import annotations

import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import event

from app import create_app
from app.config import Settings
from app.db import Database
from app.demo.build import build
from app.engine.bundle import Bundle
from app.policy import SYSTEM
from app.procedures.operations import publish
from tests.bench.measuring import Measure, percentiles
from tests.bench.rounds import best_of
from tests.services import free_port

BENCH = Path(__file__).parent / "banc"
ROUNDS = 15
LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)
TOKEN = re.compile(rb'name="csrf_token"[^>]*value="([^"]+)"')
STEP = re.compile(rb'action="(/demandes/[0-9a-f-]+/etapes/[0-9a-f-]+[^"]*)"')
DECISION = re.compile(rb'action="(/agent/demandes/[0-9a-f-]+/etapes/[0-9a-f-]+)"')
ANSWERS = {
    "objet": "Essai",
    "jour": "2026-11-23",
    "motif": "a",
    "courriel": "essai@example.org",
    "texte": "Bonjour, ceci est un essai de quelques mots.",
}


def prepare(database: Database) -> None:
    """Valbrise, and the two-step démarche of the measure."""
    build(database)
    with database.transaction() as session:
        publish(session, SYSTEM, "banc", Bundle.from_folder(BENCH), "Mesure")


class Browser:
    """A client that keeps its connection and its cookie, on a bare socket.

    ``seconds`` is the time the last answer took, from the first byte sent to the last received: the server's.
    """

    def __init__(self, port: int) -> None:
        self.port, self.cookie, self.seconds = port, "", 0.0
        self.connect()

    def connect(self) -> None:
        """Opens the connection; again after a rest, which the server may have used to close it."""
        self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, method: str, path: str, form: Mapping[str, str] | None = None) -> tuple[int, bytes, str]:
        lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", "Accept: text/html"]
        if self.cookie:
            lines.append(f"Cookie: {self.cookie}")
        body = b""
        if form is not None:
            body = urllib.parse.urlencode(form).encode()
            lines += ["Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(body)}"]
        sent = "\r\n".join([*lines, "", ""]).encode() + body
        start = time.perf_counter()
        self.socket.sendall(sent)
        answer = self._received()
        self.seconds = time.perf_counter() - start
        head, _, content = answer.partition(b"\r\n\r\n")
        found = {
            name.lower(): value
            for name, _, value in (line.partition(": ") for line in head.decode("latin-1").split("\r\n")[1:])
        }
        if cookie := found.get("set-cookie"):
            self.cookie = cookie.split(";", 1)[0]
        return int(head[9:12]), content, found.get("location", "")

    def _received(self) -> bytes:
        """A whole answer, to its last byte."""
        data, whole = b"", 0
        while not whole or len(data) < whole:
            data += (more := self.socket.recv(65536))
            assert more, "the server closed the connection"
            if not whole and (end := data.find(b"\r\n\r\n")) >= 0:
                length = LENGTH.search(data, 0, end + 2)
                whole = end + 4 + (int(length[1]) if length else 0)
        return data

    def sign_in(self, persona: str) -> None:
        _, page, _ = self.ask("GET", "/connexion")
        status, _, _ = self.ask("POST", f"/connexion/demonstration/{persona}", {"csrf_token": _found(TOKEN, page)})
        assert status in (302, 303), status


def _found(pattern: re.Pattern[bytes], page: bytes) -> str:
    match = pattern.search(page)
    assert match is not None, page[-600:]
    return match.group(1).decode().replace("&amp;", "&")


def cycle(parent: Browser, agent: Browser) -> list[float]:
    """One demande, from the form to the decision. Returns the seconds of each of its four requests."""
    times: list[float] = []

    def timed(
        browser: Browser, method: str, path: str, form: Mapping[str, str] | None = None
    ) -> tuple[int, bytes, str]:
        answer = browser.ask(method, path, form)
        times.append(browser.seconds)
        return answer

    status, page, _ = timed(parent, "GET", "/demandes/nouvelle/banc?autre=1")
    assert status == 200, (status, page[-500:])
    status, page, where = timed(parent, "POST", _found(STEP, page), {"csrf_token": _found(TOKEN, page), **ANSWERS})
    assert status == 302, (status, page[-500:])
    case = where.split("/")[2].split("?")[0]
    status, page, _ = timed(agent, "GET", f"/agent/demandes/{case}")
    assert status == 200, (status, page[-500:])
    form = {"csrf_token": _found(TOKEN, page), "decision": "accepter"}
    status, page, _ = timed(agent, "POST", _found(DECISION, page), form)
    assert status in (302, 303), (status, page[-500:])
    return times


@contextmanager
def served(settings: Settings) -> Iterator[int]:
    """One web process on this database, the production server with one worker."""
    port = free_port()
    env = {
        **os.environ,
        "PORTAIL_MODE": "demonstration",
        "SECRET_KEY": settings.secret_key,
        "DATABASE_URL": settings.database_url,
        "DATA_DIR": str(settings.data_dir),
        "PORT": str(port),
    }
    process = subprocess.Popen([sys.executable, "-m", "workers.web", "--workers", "1"], env=env)
    try:
        for _ in range(200):
            try:
                Browser(port).ask("GET", "/sante")
                break
            except OSError:
                time.sleep(0.1)
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def measure(settings: Settings, kind: str, floor: Callable[[], float], count: int = 300) -> list[Measure]:
    """Cycles through a real server, in turn with the engine's floor: the best median of each is compared."""
    times: list[float] = []

    def cycles() -> float:
        parent.connect()
        agent.connect()
        totals = [sum(cycle(parent, agent)) * 1000 for _ in range(count // ROUNDS)]
        times.extend(totals)
        return statistics.median(totals)

    with served(settings) as port:
        parent, agent = Browser(port), Browser(port)
        parent.sign_in("julie-fontaine")
        agent.sign_in("gestionnaire")
        for _ in range(15):
            cycle(parent, agent)
        floor_ms, p50 = best_of(ROUNDS, floor, cycles)
    bar = 5.0 if kind == "postgresql" else None
    return [
        Measure(f"http.{kind}.floor", round(floor_ms, 2), "ms"),
        Measure(f"http.{kind}.cycle_p50", round(p50, 2), "ms", round(p50 / floor_ms, 2), bar),
        Measure(f"http.{kind}.cycle_p95", round(percentiles(times)[1], 2), "ms"),
        Measure(f"http.{kind}.cycles", round(1000 / statistics.mean(times), 1), "cycles/s"),
    ]


def statements(settings: Settings, database: Database, kind: str) -> list[Measure]:
    """SQL statements of each request of the cycle, transaction control left out."""
    app = create_app(settings, database)
    counted: list[str] = []

    def note(*args: object) -> None:
        text = str(args[2])
        if not text.startswith(("BEGIN", "COMMIT", "ROLLBACK")):
            counted.append(text)

    def ask(client: object, method: str, path: str, **form: str) -> tuple[int, bytes]:
        counted.clear()
        answer = client.open(path, method=method, data=form or None)  # type: ignore[attr-defined]  # a test client
        return len(counted), answer.data if method == "GET" else (answer.headers.get("Location") or "").encode()

    parent, agent = app.test_client(), app.test_client()
    for client, persona in ((parent, "julie-fontaine"), (agent, "gestionnaire")):
        token = _found(TOKEN, client.get("/connexion").data)
        client.post(f"/connexion/demonstration/{persona}", data={"csrf_token": token})
    event.listen(database.engine, "before_cursor_execute", note)
    for _ in range(2):  # the first time fills the caches
        opened, page = ask(parent, "GET", "/demandes/nouvelle/banc?autre=1")
        step = _found(STEP, page)
        shown, _ = ask(parent, "GET", step.split("?")[0])
        sent, where = ask(parent, "POST", step, csrf_token=_found(TOKEN, page), **ANSWERS)
        seen, page = ask(agent, "GET", "/agent/demandes/" + where.decode().split("/")[2].split("?")[0])
        decided, _ = ask(agent, "POST", _found(DECISION, page), csrf_token=_found(TOKEN, page), decision="accepter")
    event.remove(database.engine, "before_cursor_execute", note)
    bars = {
        "open": (opened, None),
        "page": (shown, 8),
        "submission": (sent, 14),
        "agent_page": (seen, 8),
        "decision": (decided, 14),
    }
    return [Measure(f"sql.{kind}.{name}", value, "statements", bar=bar) for name, (value, bar) in bars.items()]
