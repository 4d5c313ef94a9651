"""Passwords: the rules of R-70, and argon2id bounded in memory."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from zxcvbn import zxcvbn

from app.accounts.common_passwords import COMMON_PASSWORDS, FRENCH_WORDS
from app.db import fold

MIN_LENGTH = 12
MAX_BYTES = 512
MIN_SCORE = 3
# beside names and addresses, a password needs that many letters or digits of its own
UNRELATED = 8
# zxcvbn takes time that grows faster than the length; what it thinks of the first characters is enough
SCORED_LENGTH = 64
# each hash takes 64 MiB and 0.16 s: more at once would exhaust a small server without going any faster
CONCURRENT_HASHES = 4
WAIT_SECONDS = 8.0

RULES = (
    "Douze caractères au moins\u00a0: une phrase de quelques mots convient très bien.",
    "Pas de mot de passe courant, ni votre nom, ni votre adresse.",
    "Des majuscules, des chiffres ou des signes si vous voulez\u00a0: rien n’est imposé.",
)

_hasher = PasswordHasher()
_slots = BoundedSemaphore(CONCURRENT_HASHES)


class Busy(Exception):
    """Too many people sign in at this very moment; the person tries again in a few seconds (503)."""


def _normal(password: str) -> str:
    """The same password from every keyboard: « é » typed as one or two code points."""
    return unicodedata.normalize("NFKC", password)


def _bytes(password: str) -> bytes:
    return _normal(password).encode("utf-8", "surrogatepass")


def too_long(password: str) -> bool:
    """True above 512 bytes: refused before any work is done on it."""
    return len(password) > MAX_BYTES or len(password.encode("utf-8", "surrogatepass")) > MAX_BYTES


def _is_common(folded: str) -> bool:
    bare = "".join(c for c in folded if c.isalnum())
    letters = bare.strip("0123456789")
    halves = {bare[: len(bare) // 2], bare[len(bare) // 2 :]}
    return bool({bare, letters} & COMMON_PASSWORDS) or (len(halves) == 1 and bool(halves & COMMON_PASSWORDS))


def check_password(password: str, personal_words: Iterable[str] = ()) -> list[str]:
    """The rules that ``password`` does not meet, in French; empty when it is good.

    ``personal_words`` are names and addresses that must not make its strength. No composition is imposed: length and
    guessability decide (CNIL 2022-100, R-70).
    """
    if too_long(password):
        return [f"Ce mot de passe est trop long\u00a0: {MAX_BYTES} octets au plus."]
    text = _normal(password)
    if len(text) < MIN_LENGTH:
        return [f"Il faut au moins {MIN_LENGTH} caractères\u00a0; il y en a {len(text)}."]
    if _is_common(fold(text)):
        return ["Ce mot de passe est un des plus utilisés en France\u00a0: choisissez-en un autre."]
    words = sorted({piece for word in personal_words for piece in _pieces(word)}, key=len, reverse=True)
    if _is_mostly(fold(text), words):
        return ["Ce mot de passe contient surtout votre nom ou votre adresse\u00a0: choisissez d’autres mots."]
    scored = zxcvbn(text[:SCORED_LENGTH], user_inputs=[*words, *FRENCH_WORDS])
    if scored["score"] < MIN_SCORE:
        return ["Ce mot de passe se devine trop vite\u00a0: ajoutez un ou deux mots sans rapport entre eux."]
    return []


def _is_mostly(folded: str, words: list[str]) -> bool:
    """True when little is left once the personal words are taken out: « MarieDurand1985 »."""
    rest = folded
    for word in words:
        rest = rest.replace(word, "")
    return rest != folded and len("".join(c for c in rest if c.isalnum())) < UNRELATED


def _pieces(word: str) -> Iterator[str]:
    """« marie.durand@example.org » → itself, its local part, and each name in it; « Durand-Leroy » likewise."""
    folded = fold(word)
    local = folded.partition("@")[0]
    for piece in {folded, local, *re.split(r"[\W_]+", local)}:
        if len(piece) >= 3:
            yield piece


@contextmanager
def _slot() -> Iterator[None]:
    if not _slots.acquire(timeout=WAIT_SECONDS):
        raise Busy
    try:
        yield
    finally:
        _slots.release()


def hash_password(password: str) -> str:
    """The argon2id hash to store. Takes 0.16 s: never inside a transaction. Raises Busy."""
    with _slot():
        return _hasher.hash(_bytes(password))


@cache
def _nobody() -> str:
    return _hasher.hash("the hash that unknown accounts are compared with")


def verify(password_hash: str | None, password: str) -> bool:
    """True when ``password`` is the one. Takes the same time for ``None`` (no such account). Raises Busy."""
    if too_long(password):
        password = ""
    with _slot():
        try:
            # asked for in both cases: the first attempt of a process must not tell a stranger from an account either
            nobody = _nobody()
            return _hasher.verify(password_hash or nobody, _bytes(password)) and password_hash is not None
        except (VerificationError, InvalidHashError):
            return False


def is_outdated(password_hash: str) -> bool:
    """True when it was made with weaker parameters than today's: hash again at the next sign-in."""
    return _hasher.check_needs_rehash(password_hash)
