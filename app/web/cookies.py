"""The signed cookie of a browser and the tokens of its forms: Flask's, made with less work.

A browser sends the same cookie with each request: its signature is checked once. What is small is not compressed
(itsdangerous tries each time, for a hundred microseconds).
"""

from __future__ import annotations

import time
from typing import Any

from flask import Flask, current_app, session
from flask.sessions import SecureCookieSessionInterface
from flask_wtf.csrf import generate_csrf
from itsdangerous import SignatureExpired, URLSafeTimedSerializer
from itsdangerous.encoding import base64_encode

from app.kept import Recent

SIZE = 2000
"""Cookies and tokens kept, one of each for a person: some hundreds of bytes."""


class _AsWritten:
    """In place of JSON: the text itself."""

    dumps = loads = staticmethod(str)


class _Signed(URLSafeTimedSerializer):
    def dump_payload(self, obj: Any, *_args: Any, **_named: Any) -> bytes:
        return base64_encode(obj)


class Signing:
    """Reads and writes what this serializer does."""

    def __init__(self, made: URLSafeTimedSerializer) -> None:
        self._json = made.serializer
        self._signed = _Signed(
            made.secret_keys, salt=made.salt, serializer=_AsWritten, signer_kwargs=made.signer_kwargs
        )
        self._verified: Recent[str, tuple[str, float]] = Recent(SIZE)

    def dumps(self, content: Any) -> str:
        return str(self._signed.dumps(self._json.dumps(content)))

    def loads(self, cookie: str, max_age: int) -> Any:
        """What the cookie says. Raises BadSignature, or SignatureExpired after ``max_age`` seconds."""
        text, signed_at = self._verified.get(cookie, lambda: self._verify(cookie))
        if not 0 <= time.time() - signed_at < max_age + 1:
            raise SignatureExpired("the cookie is too old", payload=text)
        return self._json.loads(text)

    def _verify(self, cookie: str) -> tuple[str, float]:
        text, signed_at = self._signed.loads(cookie, return_timestamp=True)
        return text, signed_at.timestamp()


class Cookies(SecureCookieSessionInterface):
    """Flask's cookie; what signs it is made once for an application, not twice a request."""

    _signing: Any = None

    def get_signing_serializer(self, app: Flask) -> Any:
        if self._signing is None and (made := super().get_signing_serializer(app)) is not None:
            self._signing = Signing(made)
        return self._signing


_tokens: Recent[tuple[Any, str], str] = Recent(SIZE)


def forgery_token() -> str:
    """The token of this browser's forms. It works as long as the session: made once for each."""
    secret = session.get("csrf_token")
    if secret is None:
        return _made()
    return _tokens.get((current_app.secret_key, secret), _made)


def _made() -> str:
    return str(generate_csrf())
