"""The antivirus client: against a server that checks every byte of the protocol, and against a real clamd."""

from __future__ import annotations

import hashlib
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.documents.antivirus import Verdict, scan
from app.documents.intake import inspect
from tests.documents.samples import EICAR, make_odt, make_pdf
from tests.services import require_or_skip

pytestmark = pytest.mark.enable_socket

Answer = Callable[[socket.socket, bytes], None]


def read_exactly(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = connection.recv(count - len(data))
        assert part, "the client hung up in the middle of a frame"
        data += part
    return data


def read_stream(connection: socket.socket) -> bytes:
    """What the client sent, once the framing has been found exact."""
    assert read_exactly(connection, 10) == b"zINSTREAM\x00"
    data = b""
    while length := struct.unpack(">I", read_exactly(connection, 4))[0]:
        assert length <= 1024 * 1024
        data += read_exactly(connection, length)
    return data


@contextmanager
def clamd_like(answer: Answer, *, path: Path | None = None, reads: bool = True) -> Iterator[tuple[str, list[bytes]]]:
    """A server that reads one stream and answers; gives its address and what it received."""
    received: list[bytes] = []
    server = socket.socket(socket.AF_UNIX if path else socket.AF_INET)
    server.bind(str(path) if path else ("127.0.0.1", 0))
    server.listen(1)
    server.settimeout(10)

    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            connection.settimeout(10)
            data = read_stream(connection) if reads else b""
            received.append(data)
            answer(connection, data)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield (f"clamd://{path}" if path else f"clamd://127.0.0.1:{server.getsockname()[1]}"), received
    finally:
        thread.join(10)
        server.close()


def saying(words: bytes) -> Answer:
    return lambda connection, _: connection.sendall(words)


def test_a_clean_file_is_clean_and_arrives_whole() -> None:
    data = bytes(range(256)) * 1000
    with clamd_like(saying(b"stream: OK\x00")) as (url, received):
        verdict = scan(data, url)
    assert verdict == Verdict("clean")
    assert verdict.is_clean
    assert received == [data]


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 300_000])
def test_files_of_any_size_are_framed_exactly(size: int) -> None:
    with clamd_like(saying(b"stream: OK\x00")) as (url, received):
        assert scan(bytes(size), url).is_clean
    assert len(received[0]) == size


def test_an_infected_file_is_named() -> None:
    with clamd_like(saying(b"stream: Win.Test.EICAR_HDB-1 FOUND\x00")) as (url, _):
        assert scan(EICAR, url) == Verdict("infected", "Win.Test.EICAR_HDB-1")


def test_a_socket_file_works_like_a_port(tmp_path: Path) -> None:
    with clamd_like(saying(b"stream: OK\x00"), path=tmp_path / "clamd.ctl") as (url, received):
        assert scan(b"x", url).is_clean
    assert received == [b"x"]


def test_an_answer_in_pieces_is_put_together() -> None:
    def dripping(connection: socket.socket, _: bytes) -> None:
        for byte in b"stream: OK\x00":
            connection.sendall(bytes([byte]))
            time.sleep(0.005)

    with clamd_like(dripping) as (url, _):
        assert scan(b"x", url).is_clean


@pytest.mark.parametrize(
    "words",
    [
        b"",
        b"\x00",
        b"OK\x00",
        b"stream: OKAY\x00",
        b"stream: OK FOUND maybe\x00",
        b"INSTREAM size limit exceeded. ERROR\x00",
        b"UNKNOWN COMMAND\x00",
        b"HTTP/1.1 200 OK\r\n\r\nstream: OK",
        b"\xff\xfe\x00",
        b"x" * 100_000,
    ],
)
def test_any_other_answer_is_unavailable_never_clean(words: bytes) -> None:
    with clamd_like(saying(words)) as (url, _):
        verdict = scan(b"x", url)
    assert verdict.status == "unavailable"
    assert verdict.detail
    assert len(verdict.detail) < 6000


def test_a_file_too_large_for_clamd_is_unavailable_with_its_reason() -> None:
    def hanging_up(connection: socket.socket, _: bytes) -> None:
        connection.recv(1000)
        connection.sendall(b"INSTREAM size limit exceeded. ERROR\x00")

    with clamd_like(hanging_up, reads=False) as (url, _):
        assert scan(bytes(30_000_000), url).status == "unavailable"


def test_a_silent_server_is_given_up_on_in_time() -> None:
    with clamd_like(lambda connection, _: time.sleep(1.5)) as (url, _):
        started = time.monotonic()
        verdict = scan(b"x", url, seconds=0.3)
    assert verdict == Verdict("unavailable", "timed out")
    assert time.monotonic() - started < 5


def test_a_server_that_drips_for_ever_is_given_up_on_in_time() -> None:
    def dripping(connection: socket.socket, _: bytes) -> None:
        for _turn in range(40):
            try:
                connection.sendall(b"a")
            except OSError:
                return
            time.sleep(0.05)

    with clamd_like(dripping) as (url, _):
        started = time.monotonic()
        assert scan(b"x", url, seconds=0.3).status == "unavailable"
        assert time.monotonic() - started < 1.5


def test_nobody_there_is_unavailable(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert scan(b"x", f"clamd://127.0.0.1:{port}").status == "unavailable"
    assert scan(b"x", f"clamd://{tmp_path}/nobody").status == "unavailable"


def test_no_address_means_not_scanned_and_not_clean() -> None:
    verdict = scan(EICAR, "")
    assert verdict == Verdict("not_scanned")
    assert not verdict.is_clean


@pytest.mark.parametrize("url", ["http://127.0.0.1:3310", "127.0.0.1:3310", "clamd://", "clamd:///", "clamav"])
def test_a_mistaken_address_is_said_loudly(url: str) -> None:
    with pytest.raises(ValueError, match="clamd://"):
        scan(b"x", url)


@pytest.fixture(scope="module")
def real_clamd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A clamd of our own whose whole database is the test virus's hash."""
    program = require_or_skip("clamd")
    folder = tmp_path_factory.mktemp("clamd")
    database = folder / "db"
    database.mkdir()
    (database / "test.hdb").write_text(f"{hashlib.md5(EICAR).hexdigest()}:{len(EICAR)}:Eicar-Test\n")
    address = folder / "clamd.ctl"
    (folder / "clamd.conf").write_text(
        f"Foreground yes\nDatabaseDirectory {database}\nLocalSocket {address}\n"
        f"StreamMaxLength 1M\nLogFile {folder}/log\n"
    )
    process = subprocess.Popen(
        [program, f"--config-file={folder}/clamd.conf"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(200):
            if address.exists() or process.poll() is not None:
                break
            time.sleep(0.1)
        if not address.exists():
            pytest.fail(f"clamd did not start: {(folder / 'log').read_text() if (folder / 'log').exists() else ''}")
        yield f"clamd://{address}"
    finally:
        process.terminate()
        process.wait(20)


def test_a_real_clamd_finds_the_test_virus_and_nothing_else(real_clamd: str) -> None:
    assert scan(EICAR, real_clamd) == Verdict("infected", "Eicar-Test.UNOFFICIAL")
    assert scan(make_pdf(), real_clamd).is_clean


def test_a_real_clamd_finds_the_test_virus_inside_a_document_that_the_door_lets_in(real_clamd: str) -> None:
    document = make_odt(extra={"Pictures/note.txt": EICAR})
    assert scan(document, real_clamd).status == "infected"
    assert scan(inspect(document, "a.odt").data, real_clamd).status == "infected"


def test_a_real_clamd_that_refuses_the_size_is_unavailable_with_its_words(real_clamd: str) -> None:
    verdict = scan(bytes(3_000_000), real_clamd)
    assert verdict.status == "unavailable"
