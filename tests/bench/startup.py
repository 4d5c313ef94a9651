"""Cold start, memory of the embedded process, weight of the first page on a parent's phone (issue 2, §8.5)."""

from __future__ import annotations

import gzip
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import psutil

from tests.bench.measuring import Measure
from tests.services import free_port

ASSET = re.compile(r'(?:src|href)="(/(?:static|theme)[^"]+)"')
FONT = re.compile(r'url\("?(/static[^")]+)"?\)')


def _get(address: str) -> tuple[bytes, int]:
    """The content, and the bytes that travelled (gzip when the server offers it)."""
    request = urllib.request.Request(address, headers={"Accept-Encoding": "gzip"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        raw = answer.read()
        return (gzip.decompress(raw) if answer.headers.get("Content-Encoding") == "gzip" else raw), len(raw)


def first_page_bytes(root: str) -> int:
    """Bytes of the home page with everything it asks for. Raises AssertionError for another origin."""
    page, total = _get(f"{root}/")
    html = page.decode()
    assert not re.search(r'(?:src|href|action)="(?:https?:)?//', html), "another origin"
    assets = set(ASSET.findall(html))
    for address in sorted(assets):
        content, size = _get(root + address)
        total += size
        if address.endswith(".css"):
            for inner in set(FONT.findall(content.decode())) - assets:
                total += _get(root + inner)[1]
    return total


def _start(folder: Path) -> tuple[subprocess.Popen[bytes], int, float]:
    port = free_port()
    env = {**os.environ, "PORTAIL_MODE": "demonstration", "DATA_DIR": str(folder), "PORT": str(port)}
    env.pop("DATABASE_URL", None)
    begun = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "workers.embedded"], env=env, stdout=subprocess.DEVNULL)
    for _ in range(600):
        try:
            _get(f"http://127.0.0.1:{port}/")
            break
        except OSError:
            time.sleep(0.05)
    return process, port, time.perf_counter() - begun


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    process.wait(20)


def measure() -> list[Measure]:
    """Starts the embedded process twice: on nothing, then on what the first built."""
    with tempfile.TemporaryDirectory(prefix="portail-start-") as folder:
        process, _, first = _start(Path(folder))
        _stop(process)
        process, port, warm = _start(Path(folder))
        try:
            memory = psutil.Process(process.pid).memory_info().rss / 1_000_000
            weight = first_page_bytes(f"http://127.0.0.1:{port}")
        finally:
            _stop(process)
    return [
        Measure("start.first", round(first, 2), "s", bar=60),
        Measure("start.warm", round(warm, 2), "s", bar=5),
        Measure("start.memory", round(memory, 1), "MB"),
        Measure("page.first_bytes", weight, "bytes", bar=80_000),
    ]
