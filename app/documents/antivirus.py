"""The antivirus, when the municipality runs one: clamd, spoken to with its INSTREAM command (man clamd).

Own client because the known one is under the GPL 2. It says *clean* only on clamd's exact words: silence, an error or
anything unexpected is *unavailable*, and without an address nothing is scanned and nothing is called clean.
"""

from __future__ import annotations

import socket
import struct
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

_CHUNK = 64 * 1024
_LONGEST_REPLY = 4096
_DEFAULT_PORT = 3310


@dataclass(frozen=True)
class Verdict:
    """What is known of a file. ``detail``: the signature's name when infected, the reason when unavailable."""

    status: Literal["clean", "infected", "unavailable", "not_scanned"]
    detail: str = ""

    @property
    def is_clean(self) -> bool:
        """True only for a file that was scanned and found clean."""
        return self.status == "clean"


def scan(data: bytes, url: str, *, seconds: float = 30.0) -> Verdict:
    """Ask clamd about ``data``, within ``seconds`` in all. Never raises for a network reason.

    ``url`` is ``clamd://host:port``, ``clamd:///path/of/the/socket`` or empty (no antivirus → *not_scanned*); any
    other address raises ValueError, since it is a mistake in the settings. Give the bytes as they were received:
    cleaning may remove what a signature would recognise.
    """
    if not url:
        return Verdict("not_scanned")
    family, address = _address(url)
    deadline = time.monotonic() + seconds
    try:
        with socket.socket(family, socket.SOCK_STREAM) as connection:
            _wait(connection, deadline)
            connection.connect(address)
            # clamd hangs up on what is too large for it, after saying so: its words are still to be read.
            with suppress(BrokenPipeError, ConnectionResetError):
                _send(connection, data, deadline)
            reply = _receive(connection, deadline)
    except OSError as error:  # timeouts included
        return Verdict("unavailable", error.strerror or str(error) or type(error).__name__)
    return _verdict(reply)


def _address(url: str) -> tuple[socket.AddressFamily, str | tuple[str, int]]:
    parts = urlsplit(url)
    if parts.scheme == "clamd" and parts.hostname:
        host = parts.hostname
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return family, (host, parts.port or _DEFAULT_PORT)
    if parts.scheme == "clamd" and len(parts.path) > 1:
        return socket.AF_UNIX, parts.path
    raise ValueError(f"expected clamd://host:port or clamd:///path/of/socket, got {url!r}")


def _wait(connection: socket.socket, deadline: float) -> None:
    """Give the next operation what is left of the time, so that a server that drips bytes gains nothing."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("timed out")
    connection.settimeout(left)


def _send(connection: socket.socket, data: bytes, deadline: float) -> None:
    """The command, then the file in chunks behind their length (4 bytes, big-endian), then an empty chunk."""
    connection.sendall(b"zINSTREAM\x00")
    view = memoryview(data)
    for start in range(0, len(view), _CHUNK):
        chunk = view[start : start + _CHUNK]
        _wait(connection, deadline)
        connection.sendall(struct.pack(">I", len(chunk)))
        connection.sendall(chunk)
    connection.sendall(struct.pack(">I", 0))


def _receive(connection: socket.socket, deadline: float) -> str:
    reply = b""
    while b"\x00" not in reply and len(reply) < _LONGEST_REPLY:
        _wait(connection, deadline)
        part = connection.recv(1024)
        if not part:
            break
        reply += part
    return reply.partition(b"\x00")[0].decode("utf-8", "replace").strip()


def _verdict(reply: str) -> Verdict:
    if reply == "stream: OK":
        return Verdict("clean")
    if reply.startswith("stream: ") and reply.endswith(" FOUND"):
        return Verdict("infected", reply.removeprefix("stream: ").removesuffix(" FOUND"))
    return Verdict("unavailable", reply or "no answer")
