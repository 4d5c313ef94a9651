"""Who treats which outbox fact. Rooms register handlers at import; workers run them.

A handler runs outside any transaction and opens its own, short ones; network and files stay between them. It may run
twice for the same fact (a process died, or was slow): it starts with "already done? stop".
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.config import Settings
from app.db import Database, Json


@dataclass(frozen=True)
class Work:
    """What a handler is given: where to read and write, and which fact it treats."""

    database: Database
    settings: Settings
    fact_id: uuid.UUID


Handler = Callable[[Work, dict[str, Json]], None]

_handlers: dict[str, Handler] = {}


def handles(*kinds: str) -> Callable[[Handler], Handler]:
    """Registers the decorated function for these kinds of facts. One handler a kind."""

    def register(handler: Handler) -> Handler:
        for kind in kinds:
            if kind in _handlers:
                raise ValueError(f"two handlers for {kind}")
            _handlers[kind] = handler
        return handler

    return register


GivesUp = Callable[[Session, dict[str, Json], str], None]

_giving_up: dict[str, GivesUp] = {}


def when_given_up(kind: str) -> Callable[[GivesUp], GivesUp]:
    """Registers what is done, in the same transaction, when a fact of this kind will not be tried any more.

    The function is given the payload and the last cause, which holds no personal data.
    """

    def register(last_word: GivesUp) -> GivesUp:
        if kind in _giving_up:
            raise ValueError(f"two last words for {kind}")
        _giving_up[kind] = last_word
        return last_word

    return register


def last_word_of(kind: str) -> GivesUp | None:
    return _giving_up.get(kind)


def handler_of(kind: str) -> Handler | None:
    """The handler of a fact; ``None`` for a fact nobody needs to act on."""
    return _handlers.get(kind)
