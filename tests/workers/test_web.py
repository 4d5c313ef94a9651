"""The web server of production, as a real process: what it refuses, outlives and finishes."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from app import schema
from app.composition import open_database
from app.config import settings_from
from tests.services import free_port

KEY = "k" * 40


@contextmanager
def web(folder: Path, *arguments: str, **env: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The server over an empty portal in ``folder``; gone at the end, with its children."""
    port = free_port()
    settings = {"PORTAIL_MODE": "test", "SECRET_KEY": KEY, "DATA_DIR": str(folder), "PORT": str(port), **env}
    database = open_database(settings_from({**settings, "PORTAIL_MODE": "test"}))
    schema.upgrade(database)
    database.dispose()
    process = subprocess.Popen(
        [sys.executable, "-m", "workers.web", *arguments],
        env={name: value for name, value in os.environ.items() if not name.endswith("_URL")} | settings,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process, port
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=10)


def asked(port: int, path: str, method: str = "GET", timeout: float = 20) -> int | None:
    """The status of an answer; ``None`` when there is none."""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        line.request(method, path)
        with line.getresponse() as answer:
            return answer.status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        line.close()


def until_well(port: int, seconds: float = 40) -> None:
    end = time.monotonic() + seconds
    while asked(port, "/sante") != 200:
        assert time.monotonic() < end, "the server does not answer"
        time.sleep(0.05)


def test_a_process_that_dies_is_replaced(tmp_path: Path) -> None:
    with web(tmp_path) as (process, port):
        until_well(port)
        (worker,) = psutil.Process(process.pid).children()
        worker.kill()
        worker.wait(10)
        until_well(port)
        (other,) = psutil.Process(process.pid).children()
        assert other.pid != worker.pid


def test_a_request_in_hand_is_answered_before_the_end(tmp_path: Path) -> None:
    with web(tmp_path) as (process, port):
        until_well(port)
        with socket.create_connection(("127.0.0.1", port), timeout=20) as line:
            body = b"identifiant=a&mot_de_passe=b"
            head = f"POST /connexion HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n"
            line.sendall(head.encode() + b"Content-Type: application/x-www-form-urlencoded\r\n\r\n" + body[:5])
            time.sleep(0.3)
            process.send_signal(signal.SIGTERM)
            time.sleep(0.3)
            line.sendall(body[5:])
            assert line.recv(100).startswith(b"HTTP/1.1 400 ")  # no forgery token: answered by the portal
        process.wait(20)


def test_a_body_of_unknown_length_is_bounded_too(tmp_path: Path) -> None:
    with web(tmp_path) as (_process, port):
        until_well(port)
        line = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        line.putrequest("POST", "/connexion")
        line.putheader("Transfer-Encoding", "chunked")
        line.putheader("Content-Type", "application/x-www-form-urlencoded")
        line.endheaders()
        block = b"x" * 65536
        try:
            for _ in range(64):  # four megabytes where two are the most
                line.send(b"%x\r\n%s\r\n" % (len(block), block))
            line.send(b"0\r\n\r\n")
            with line.getresponse() as answer:
                assert answer.status in (400, 413)  # what is read of it holds no forgery token
        except (BrokenPipeError, ConnectionResetError):
            pass  # cut off while it was still talking
        finally:
            line.close()
        assert asked(port, "/sante") == 200


def test_headers_that_do_not_end_hold_nobody_up(tmp_path: Path) -> None:
    with web(tmp_path, "--threads", "1") as (_process, port):
        until_well(port)
        slow = [socket.create_connection(("127.0.0.1", port), timeout=20) for _ in range(20)]
        for line in slow:
            line.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n")
        assert asked(port, "/sante", timeout=5) == 200
        for line in slow:
            line.close()


def test_production_without_a_key_does_not_start(tmp_path: Path) -> None:
    env = {**os.environ, "PORTAIL_MODE": "production", "SECRET_KEY": "", "DATA_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "workers.web"], env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("SECRET_KEY: ")


@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_a_page_is_answered_whole(tmp_path: Path, method: str) -> None:
    with web(tmp_path) as (_process, port):
        until_well(port)
        line = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        line.request(method, "/connexion")
        with line.getresponse() as answer:
            said, body = int(answer.headers["Content-Length"]), answer.read()
        assert answer.status == 200
        assert len(body) == (said if method == "GET" else 0)
        assert "nosniff" in answer.headers["X-Content-Type-Options"]
        line.close()
