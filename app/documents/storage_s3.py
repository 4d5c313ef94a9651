"""An S3-compatible store (OVH, Scaleway, Garage, MinIO…), with four requests and the standard library.

The common client weighs 80 MB and a thousand services for these four. Signature: AWS Signature Version 4, checked
in the tests against the examples that AWS publishes.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import io
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import BinaryIO
from urllib.parse import parse_qs, quote, unquote, urlsplit

from app.documents.storage import FileMissing, StorageFull, StorageUnavailable, checked_key

_LARGEST_ANSWER = 64 * 1024 * 1024
_FULL_CODES = (b"QuotaExceeded", b"XMinioStorageFull", b"EntityTooLarge", b"InsufficientStorage")


@dataclass(frozen=True)
class Credentials:
    """An S3 key pair and the region it signs for. The secret never shows in a repr, hence not in a log."""

    access_key: str
    secret_key: str = field(repr=False)
    region: str


@dataclass(frozen=True)
class S3Storage:
    """Objects ``prefix + key`` of one bucket, addressed by path, which every compatible server accepts."""

    host: str
    port: int
    secure: bool
    bucket: str
    prefix: str
    credentials: Credentials
    seconds: float = 30.0

    def put(self, key: str, data: bytes) -> None:
        status, body = self._ask("PUT", key, data)
        if status == 507 or (status >= 400 and any(code in body for code in _FULL_CODES)):
            raise StorageFull from S3Error(status, body)
        _expect(status, body, {200, 201, 204})

    def open(self, key: str) -> BinaryIO:
        status, body = self._ask("GET", key)
        if status == 404:
            raise FileMissing(key)
        _expect(status, body, {200})
        return io.BytesIO(body)

    def delete(self, key: str) -> None:
        _expect(*self._ask("DELETE", key), {200, 204, 404})

    def exists(self, key: str) -> bool:
        status, body = self._ask("HEAD", key)
        _expect(status, body, {200, 404})
        return status == 200

    def _ask(self, method: str, key: str, data: bytes = b"") -> tuple[int, bytes]:
        """One signed request, on a connection of its own: threads share nothing, and uploads are rare."""
        path = "/" + quote(f"{self.bucket}/{self.prefix}{checked_key(key)}", safe="/-_.~")
        default = 443 if self.secure else 80
        host = self.host if self.port == default else f"{self.host}:{self.port}"
        headers = signed_headers(method, path, {"host": host}, data, self.credentials, _wall_clock())
        kind = http.client.HTTPSConnection if self.secure else http.client.HTTPConnection
        connection = kind(self.host, self.port, timeout=self.seconds)
        try:
            connection.request(method, path, body=data if method == "PUT" else None, headers=headers)
            with connection.getresponse() as answer:
                body = answer.read(_LARGEST_ANSWER + 1)
            if len(body) > _LARGEST_ANSWER:
                raise StorageUnavailable
            return answer.status, body
        except (OSError, http.client.HTTPException) as error:  # cut answers included
            raise StorageUnavailable from error
        finally:
            connection.close()


class S3Error(Exception):
    """What the store answered, for the administrator: the cause behind a StorageUnavailable or a StorageFull."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"HTTP {status}: {body[:500].decode('utf-8', 'replace')}")


def _expect(status: int, body: bytes, wanted: set[int]) -> None:
    """Redirects are refused too: following one would hand the signature to another host."""
    if status not in wanted:
        raise StorageUnavailable from S3Error(status, body)


def _wall_clock() -> datetime:
    """The real time, not the portal's clock: the store refuses a signature fifteen minutes off, even in a demo."""
    return datetime.fromtimestamp(time.time(), UTC)


def s3_from_url(url: str) -> S3Storage:
    """``s3://access:secret@host[:port]/bucket[/prefix/]?region=fr-par&tls=no`` as a storage.

    Special characters of the secret are percent-encoded. ``region`` defaults to us-east-1, ``tls`` to yes.
    Raises ValueError saying what is missing, without repeating the secret.
    """
    parts = urlsplit(url)
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    bucket, _, prefix = unquote(parts.path).strip("/").partition("/")
    for name, value in {
        "host": parts.hostname,
        "access key": parts.username,
        "secret": parts.password,
        "bucket": bucket,
    }.items():
        if not value:
            raise ValueError(f"STORAGE_URL: the {name} is missing; expected s3://key:secret@host/bucket")
    if options.get("tls", "yes") not in {"yes", "no"} or not set(options) <= {"tls", "region"}:
        raise ValueError("STORAGE_URL: the options of s3:// are region=… and tls=yes or tls=no")
    secure = options.get("tls", "yes") == "yes"
    return S3Storage(
        host=parts.hostname or "",
        port=parts.port or (443 if secure else 80),
        secure=secure,
        bucket=bucket,
        prefix=f"{prefix}/" if prefix else "",
        credentials=Credentials(
            unquote(parts.username or ""), unquote(parts.password or ""), options.get("region", "us-east-1")
        ),
    )


def signed_headers(
    method: str,
    path: str,
    headers: Mapping[str, str],
    payload: bytes,
    credentials: Credentials,
    instant: datetime,
) -> dict[str, str]:
    """``headers`` (lower-case names, « host » among them) completed and signed for an S3 request without a query.

    ``path`` is already percent-encoded; ``instant`` is aware. Source: « Authenticating Requests: Using the
    Authorization Header (AWS Signature Version 4) », Amazon S3 API reference.
    """
    moment = instant.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    digest = hashlib.sha256(payload).hexdigest()
    signed = {**headers, "x-amz-date": moment, "x-amz-content-sha256": digest}
    names = ";".join(sorted(signed))
    lines = "".join(f"{name}:{signed[name].strip()}\n" for name in sorted(signed))
    canonical = f"{method}\n{path}\n\n{lines}\n{names}\n{digest}"
    scope = f"{moment[:8]}/{credentials.region}/s3/aws4_request"
    to_sign = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    secret = f"AWS4{credentials.secret_key}".encode()
    for part in (moment[:8], credentials.region, "s3", "aws4_request"):
        secret = hmac.new(secret, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(secret, to_sign.encode(), hashlib.sha256).hexdigest()
    signed["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={credentials.access_key}/{scope},SignedHeaders={names},Signature={signature}"
    )
    return signed
