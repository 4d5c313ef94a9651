"""The folded words under which agents find a family, and how what they type becomes such words."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable

from sqlalchemy import delete, insert
from sqlalchemy.orm import Session

from app.db import fold
from app.families.models import FamilyWord

MAX_TOKENS = 5
MAX_WORD = 80
SHORTEST = 2
LAST = "\U0010ffff"

_SPLIT = re.compile(r"[^0-9a-z]+")
_LIGATURES = str.maketrans({"œ": "oe", "æ": "ae", "ß": "ss"})


def name_words(*names: str) -> set[str]:
    """« L’Hôte-Durand » → l, hote, durand."""
    return {word[:MAX_WORD] for word in _SPLIT.split(fold(" ".join(names)).translate(_LIGATURES)) if word}


def phone_words(*numbers: str) -> set[str]:
    """The digits as French people write them: +33612345678 → 0612345678."""
    return {"0" + n[3:] if n.startswith("+33") else n.lstrip("+") for n in numbers if n}


def email_words(*addresses: str) -> set[str]:
    return {address.lower()[:MAX_WORD] for address in addresses if address}


def query_tokens(text: str) -> list[str]:
    """What an agent typed, as prefixes to look for; empty when it is too short to mean anything.

    A phone or file number typed with spaces is one token, an e-mail address another.
    """
    plain = fold(text[:200]).translate(_LIGATURES)
    digits = re.sub(r"[\s.\-/]", "", plain)
    if re.fullmatch(r"\+?\d{4,}", digits):
        return [_national(digits)]
    tokens: list[str] = []
    for piece in plain.split():
        if "@" in piece:
            tokens.append(piece[:MAX_WORD])
        else:
            tokens.extend(word[:MAX_WORD] for word in _SPLIT.split(piece) if word)
    tokens = list(dict.fromkeys(tokens))[:MAX_TOKENS]
    return tokens if any(len(token) >= SHORTEST for token in tokens) else []


def _national(digits: str) -> str:
    for prefix in ("+33", "0033"):
        if digits.startswith(prefix):
            return "0" + digits.removeprefix(prefix)
    return digits.lstrip("+")


def replace_words(
    session: Session, subject_id: uuid.UUID, households: Iterable[uuid.UUID], words: Iterable[str]
) -> None:
    """Makes ``words`` the words of this subject in these households, instead of what they were."""
    session.flush()
    session.execute(delete(FamilyWord).where(FamilyWord.subject_id == subject_id))
    rows = [
        {"word": word, "household_id": household, "subject_id": subject_id}
        for household in set(households)
        for word in sorted(set(words))
    ]
    if rows:
        session.execute(insert(FamilyWord), rows)
