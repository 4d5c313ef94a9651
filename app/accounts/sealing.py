"""What SECRET_KEY protects: links sent by mail, secrets at rest, and the keys that count attempts.

Each use derives its own key, so that none can be played in place of another.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import uuid

from cryptography.fernet import Fernet, InvalidToken


def _derived(secret_key: str, use: str) -> bytes:
    return hmac.digest(secret_key.encode(), f"portail:{use}".encode(), hashlib.sha256)


def _mac(secret_key: str, token_id: uuid.UUID, purpose: str) -> bytes:
    return hmac.digest(_derived(secret_key, "link"), f"{purpose}:{token_id.hex}".encode(), hashlib.sha256)


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def link_token(secret_key: str, token_id: uuid.UUID, purpose: str) -> str:
    """The raw token that goes into a link: the id and its seal, 64 URL-safe characters."""
    return _encoded(token_id.bytes + _mac(secret_key, token_id, purpose))


def token_id_in(secret_key: str, raw: str, purpose: str) -> uuid.UUID | None:
    """The id inside a raw token, or ``None`` when it was not sealed by us for this purpose."""
    if len(raw) != 64 or not raw.isascii():
        return None
    try:
        content = base64.b64decode(raw, altchars=b"-_", validate=True)
    except ValueError:
        return None
    token_id = uuid.UUID(bytes=content[:16])
    return token_id if hmac.compare_digest(content[16:], _mac(secret_key, token_id, purpose)) else None


def _fernet(secret_key: str) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(_derived(secret_key, "rest")))


def seal(secret_key: str, text: str) -> str:
    """``text`` encrypted and authenticated, for a column."""
    return _fernet(secret_key).encrypt(text.encode()).decode()


def unseal(secret_key: str, sealed: str) -> str | None:
    """The text again, or ``None`` when it was altered or sealed with another SECRET_KEY."""
    try:
        return _fernet(secret_key).decrypt(sealed.encode()).decode()
    except InvalidToken:
        return None


def counting_key(secret_key: str, scope: str, subject: str) -> str:
    """A key under which to count attempts about ``subject`` (an address, an account) without storing it."""
    return hmac.new(_derived(secret_key, "count"), f"{scope}:{subject}".encode(), hashlib.sha256).hexdigest()


def fingerprint(secret: str) -> str:
    """SHA-256 of a high-entropy secret (session token, recovery code), for comparison in the database."""
    return hashlib.sha256(secret.encode()).hexdigest()
