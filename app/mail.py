"""What a fact says by mail: rooms register, for a kind of fact, the function that writes its mails.

Such a function is called by the worker in a read-only transaction and returns drafts; it sends nothing. It may be
called again for the same fact (after a crash): same fact, same number of drafts, same order.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.config import Settings
from app.db import Json

# one address, nothing around it: no list, no display name, no line break that would start another header
_ADDRESS = re.compile(r"[^\s@,;:<>()\[\]\"\\\x00-\x1f\x7f]{1,64}@[^\s@,;:<>()\[\]\"\\\x00-\x1f\x7f]{1,189}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")
MAX_SUBJECT = 250


@dataclass(frozen=True)
class MailDraft:
    """A plain-text mail to one address.

    ``sensitive`` bodies (those with a link that opens an account) are kept nowhere once they leave by SMTP. Raises
    ValueError for what is not one address, and for a subject that is empty, too long or on several lines.
    """

    to: str
    subject: str
    body: str
    sensitive: bool = False

    def __post_init__(self) -> None:
        if not _ADDRESS.fullmatch(self.to):
            raise ValueError("a mail goes to exactly one address")
        if not self.subject.strip() or len(self.subject) > MAX_SUBJECT or _CONTROL.search(self.subject):
            raise ValueError("the subject of a mail is one line")


Writer = Callable[[Session, Settings, dict[str, Json]], list[MailDraft]]

_writers: dict[str, Writer] = {}


def mails_for(*kinds: str) -> Callable[[Writer], Writer]:
    """Registers the decorated function as the one that writes the mails of these kinds of facts."""

    def register(writer: Writer) -> Writer:
        for kind in kinds:
            if kind in _writers:
                raise ValueError(f"two writers of mails for {kind}")
            _writers[kind] = writer
        return writer

    return register


def writer_of(kind: str) -> Writer | None:
    """Who writes the mails of a fact; ``None`` when it sends none."""
    return _writers.get(kind)
