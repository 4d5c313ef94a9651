"""What families ask of the planning, and what becomes of each wish."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date
from typing import Literal

Result = Literal["booked", "requested", "waiting", "cancelled", "cancel_requested", "kept", "unchanged", "refused"]
Key = tuple[uuid.UUID, uuid.UUID, date]
"""Child, activity, day."""
AT_ONCE = 3000
"""Wishes of one gesture: a school year of five children in four services."""


@dataclass(frozen=True)
class Wish:
    """One child, one activity, one day: to be there (``add``), or not. Nothing else is believed of a post."""

    child_id: uuid.UUID
    activity_id: uuid.UUID
    day: date
    add: bool

    @property
    def key(self) -> Key:
        return self.child_id, self.activity_id, self.day


@dataclass(frozen=True)
class Outcome:
    """What became of a wish. ``words`` say why a refusal, and what can be done; ``rank`` is that of a waiting list;
    ``cents`` what the day costs, ``None`` for what costs nothing. *kept*: a cancellation that is taken back."""

    wish: Wish
    result: Result
    words: str = ""
    rank: int | None = None
    cents: int | None = None
