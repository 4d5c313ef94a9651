"""Where an exception happened, fit for a log: its text may hold what a person typed, its frames hold code only."""

from __future__ import annotations

import traceback


def frames_of(error: BaseException) -> str:
    """The frames of an exception and of its causes, outermost first, each with its kind and never its text (R-78)."""
    parts: list[str] = []
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        frames = "".join(traceback.format_tb(current.__traceback__))
        parts.append(f"{frames}{type(current).__module__}.{type(current).__qualname__}")
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return "\ncaused\n".join(reversed(parts))
