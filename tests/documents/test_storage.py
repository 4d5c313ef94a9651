"""Where bytes are kept: the disk, and an S3 store that checks signatures."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from app.documents.storage import (
    DiskStorage,
    FileMissing,
    Storage,
    StorageFull,
    StorageUnavailable,
    new_key,
    storage_from_url,
)
from app.documents.storage_s3 import Credentials, S3Storage, s3_from_url, signed_headers

pytestmark = pytest.mark.enable_socket


class Bucket(BaseHTTPRequestHandler):
    """An S3 store in memory. A request whose signature it cannot make again is refused, as the real ones do."""

    objects: dict[str, bytes]
    answers: list[tuple[int, bytes]]
    seen: list[str]
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *arguments: object) -> None:
        """Quiet: the tests' output is for failures."""

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.seen.append(f"{self.command} {self.path}")
        if self.answers:
            self._answer(*self.answers.pop(0))
            return
        moment = datetime.strptime(self.headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        late = abs((datetime.now(UTC) - moment).total_seconds()) > 900
        wanted = signed_headers(
            self.command,
            self.path,
            {"host": self.headers["host"]},
            body,
            Credentials("key", "secret", "fr-par"),
            moment,
        )
        if late or self.headers["authorization"] != wanted["authorization"]:
            self._answer(403, b"<Error><Code>SignatureDoesNotMatch</Code></Error>")
        elif self.headers["x-amz-content-sha256"] != hashlib.sha256(body).hexdigest():
            self._answer(400, b"<Error><Code>XAmzContentSHA256Mismatch</Code></Error>")
        elif self.command == "PUT":
            self.objects[self.path] = body
            self._answer(200, b"")
        elif self.command == "DELETE":
            self.objects.pop(self.path, None)
            self._answer(204, b"")
        elif self.path in self.objects:
            self._answer(200, self.objects[self.path])
        else:
            self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")

    do_GET = do_PUT = do_DELETE = do_HEAD = _serve

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        if status == 302:
            self.send_header("location", "http://127.0.0.1:1/elsewhere")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


@contextmanager
def s3_like(answers: list[tuple[int, bytes]] | None = None) -> Iterator[tuple[int, type[Bucket]]]:
    handler = type("Handler", (Bucket,), {"objects": {}, "answers": answers or [], "seen": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1], handler
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def s3_url(port: int, secret: str = "secret") -> str:
    return f"s3://key:{secret}@127.0.0.1:{port}/pieces/valbrise?region=fr-par&tls=no"


@pytest.fixture(params=["disk", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Storage]:
    if request.param == "disk":
        yield storage_from_url(f"file://{tmp_path}/dépôt%20un")
    else:
        with s3_like() as (port, _):
            yield storage_from_url(s3_url(port))


def test_what_is_put_is_read_back_then_forgotten(storage: Storage) -> None:
    key, data = new_key(), os.urandom(200_000)
    assert not storage.exists(key)
    storage.put(key, data)
    assert storage.exists(key)
    with storage.open(key) as file:
        assert file.read() == data
    storage.delete(key)
    assert not storage.exists(key)
    with pytest.raises(FileMissing):
        storage.open(key)


def test_empty_bytes_are_bytes(storage: Storage) -> None:
    key = new_key()
    storage.put(key, b"")
    with storage.open(key) as file:
        assert file.read() == b""


def test_putting_twice_and_deleting_twice_is_harmless(storage: Storage) -> None:
    key = new_key()
    storage.put(key, b"one")
    storage.put(key, b"two")
    with storage.open(key) as file:
        assert file.read() == b"two"
    storage.delete(key)
    storage.delete(key)


@pytest.mark.parametrize(
    "key", ["", "..", "../../etc/passwd", "/etc/passwd", "a" * 39, "A" * 40, "é" * 40, "a" * 40 + "\n", "0" * 38 + "/."]
)
def test_a_key_we_did_not_draw_reaches_no_path(storage: Storage, key: str) -> None:
    for act in (storage.open, storage.delete, storage.exists, lambda bad: storage.put(bad, b"x")):
        with pytest.raises(ValueError, match="not a storage key"):
            act(key)


def test_keys_do_not_repeat() -> None:
    assert len({new_key() for _ in range(1000)}) == 1000


def test_files_on_disk_are_for_us_alone_and_spread_over_folders(tmp_path: Path) -> None:
    storage, key = DiskStorage(tmp_path / "pieces"), new_key()
    storage.put(key, b"x")
    path = tmp_path / "pieces" / key[:2] / key[2:4] / key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [entry.name for entry in path.parent.iterdir()] == [key]


@pytest.mark.parametrize("step", ["write", "fsync", "replace"])
@pytest.mark.parametrize(("code", "error"), [(errno.ENOSPC, StorageFull), (errno.EIO, StorageUnavailable)])
def test_a_disk_that_fails_leaves_the_old_bytes_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, code: int, error: type[Exception]
) -> None:
    storage, key = DiskStorage(tmp_path), new_key()
    storage.put(key, b"before")

    def failing(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        if step == "write":
            patch.setattr("app.documents.storage._write_durably", failing)
        elif step == "fsync":
            patch.setattr(os, "fsync", failing)
        else:
            patch.setattr(Path, "replace", failing)
        with pytest.raises(error) as caught:
            storage.put(key, b"after")
    assert "conservée" in str(caught.value)
    with storage.open(key) as file:
        assert file.read() == b"before"
    assert len(list((tmp_path / key[:2] / key[2:4]).iterdir())) == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_disk_that_is_really_full_is_called_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.open

    def full(path: Path, flags: int, mode: int = 0o777) -> int:
        return real("/dev/full", os.O_WRONLY) if flags & os.O_CREAT else real(path, flags, mode)

    monkeypatch.setattr(os, "open", full)
    with pytest.raises(StorageFull, match="plus de place"):
        DiskStorage(tmp_path).put(new_key(), b"x")


def test_a_folder_we_may_not_write_in_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StorageUnavailable):
        DiskStorage(tmp_path / "file").put(new_key(), b"x")


def test_the_signature_is_the_one_amazon_publishes() -> None:
    # « Examples: Signature Calculations in AWS Signature Version 4 », Amazon S3 API reference; keys are theirs.
    credentials = Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "us-east-1")
    instant = datetime(2013, 5, 24, tzinfo=UTC)
    host = {"host": "examplebucket.s3.amazonaws.com"}
    reading = signed_headers("GET", "/test.txt", {**host, "range": "bytes=0-9"}, b"", credentials, instant)
    assert reading["authorization"].endswith("f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")
    writing = signed_headers(
        "PUT",
        "/test%24file.text",
        {**host, "date": "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY"},
        b"Welcome to Amazon S3.",
        credentials,
        instant,
    )
    assert writing["authorization"].endswith("98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd")


def test_the_bucket_sees_the_random_key_under_its_prefix_only() -> None:
    with s3_like() as (port, bucket):
        key = new_key()
        storage_from_url(s3_url(port)).put(key, b"x")
    assert bucket.seen == [f"PUT /pieces/valbrise/{key}"]


def test_a_wrong_secret_is_unavailable_and_stores_nothing() -> None:
    with s3_like() as (port, bucket), pytest.raises(StorageUnavailable) as caught:
        storage_from_url(s3_url(port, secret="wrong")).put(new_key(), b"x")
    assert "SignatureDoesNotMatch" in str(caught.value.__cause__)
    assert bucket.objects == {}


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (507, b"", StorageFull),
        (403, b"<Code>QuotaExceeded</Code>", StorageFull),
        (500, b"<Code>InternalError</Code>", StorageUnavailable),
        (503, b"<Code>SlowDown</Code>", StorageUnavailable),
        (302, b"", StorageUnavailable),
        (404, b"<Code>NoSuchBucket</Code>", StorageUnavailable),
    ],
)
def test_a_store_that_refuses_is_told_apart(status: int, body: bytes, error: type[Exception]) -> None:
    with s3_like([(status, body)]) as (port, _), pytest.raises(StorageUnavailable) as caught:
        storage_from_url(s3_url(port)).put(new_key(), b"x")
    assert type(caught.value) is error
    assert str(status) in str(caught.value.__cause__)


def test_a_store_that_is_gone_is_unavailable() -> None:
    storage = storage_from_url(s3_url(1))
    for act in (storage.open, storage.delete, storage.exists, lambda key: storage.put(key, b"x")):
        with pytest.raises(StorageUnavailable):
            act(new_key())


def test_the_secret_shows_neither_in_a_repr_nor_in_an_error() -> None:
    assert "s3cr3t" not in repr(s3_from_url("s3://key:s3cr3t@host/bucket"))
    with pytest.raises(ValueError, match="bucket") as caught:
        s3_from_url("s3://key:s3cr3t@host/")
    assert "s3cr3t" not in str(caught.value)


def test_the_address_gives_every_part() -> None:
    storage = s3_from_url("s3://k:a%2Fb%2B@s3.exemple.test/pieces/a/b?region=gra")
    expected = S3Storage("s3.exemple.test", 443, True, "pieces", "a/b/", Credentials("k", "a/b+", "gra"))
    assert storage == expected


@pytest.mark.parametrize(
    "url",
    [
        "",
        "file://",
        "file:///",
        "file://host/x",
        "ftp://x/y",
        "s3://host/bucket",
        "s3://k:s@h/b?tls=maybe",
        "s3://k:s@h/b?x=1",
    ],
)
def test_a_mistaken_address_is_said_loudly(url: str) -> None:
    with pytest.raises(ValueError, match="STORAGE_URL"):
        storage_from_url(url)
