"""What a process keeps, so as not to read or compute it again.

``Kept``: what every page reads and that hardly changes, for a few seconds; thrown away when this process changes it
(``forget``), and after ``FRESH_SECONDS`` in the others. ``Recent``: what never changes for its key.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import event
from sqlalchemy.orm import Session

FRESH_SECONDS = 5.0

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Kept(Generic[Value]):
    """A value read from a database, kept a few seconds, one per database of the process (tests open many)."""

    def __init__(self, read: Callable[[Session], Value]) -> None:
        self._read = read
        self._values: WeakKeyDictionary[Any, tuple[float, Value]] = WeakKeyDictionary()
        self._changes = 0
        self._lock = Lock()

    def get(self, session: Session) -> Value:
        engine = session.get_bind()
        with self._lock:
            found, changes = self._values.get(engine), self._changes
        if found is not None and time.monotonic() < found[0]:
            return found[1]
        value = self._read(session)
        with self._lock:
            # somebody committed a change while we were reading: what we read may be the old value, keep nothing
            if changes == self._changes:
                self._values[engine] = (time.monotonic() + FRESH_SECONDS, value)
        return value

    def forget_after_commit(self, session: Session) -> None:
        """Makes the next read go to the database, once this transaction is committed."""
        event.listen(session, "after_commit", lambda _session: self.forget(), once=True)

    def forget(self) -> None:
        """Makes the next read go to the database."""
        with self._lock:
            self._changes += 1
            self._values.clear()


class Recent(Generic[Key, Value]):
    """Values of which each key has one for ever, ``size`` of them; the least recently used leave first."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: OrderedDict[Key, Value] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Key, make: Callable[[], Value]) -> Value:
        """The value of this key, made on first use. What ``make`` raises is kept for nobody."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
        # Outside the lock: ``make`` may wait for the database while another thread, which has it, waits for us.
        made = make()
        with self._lock:
            made = self._values.setdefault(key, made)
            if len(self._values) > self._size:
                self._values.popitem(last=False)
            return made
