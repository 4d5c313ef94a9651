"""The turns of those who write to a database that has one writer."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

BUSY_SECONDS = 15
"""How long a writer of SQLite waits for the one before."""


class Turns:
    """One writer of this process after the other. SQLite only lets those who wait try again, each at its own moment: in
    a busy minute the unlucky one waited as long as others wrote, and failed after fifteen seconds.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._writer = 0  # a thread

    @contextmanager
    def taken(self) -> Iterator[None]:
        me = threading.get_ident()
        if self._writer == me:
            raise RuntimeError("a writing transaction inside another: it would wait for itself")
        entered = self._lock.acquire(timeout=BUSY_SECONDS)
        if entered:
            self._writer = me
        try:
            yield
        finally:
            if entered:
                self._writer = 0
                self._lock.release()
