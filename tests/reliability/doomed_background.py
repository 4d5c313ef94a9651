"""The worker and the clock of the embedded mode, without the web, which die where a test says while a batch of
migrations runs. ``python -m tests.reliability.doomed_background``; see ``doomed``.

A step is a moment of one demande and its number since the program started: « replaced 5 ».
"""

from __future__ import annotations

import signal
import sys
import threading
from collections import Counter
from typing import Any

from tests.reliability import doomed

#: The moments of one demande, in order: the engine has put it in the new version; its rows, its line and its journal
#: entry follow; the last write before the commit; the commit. Then of one fact: its share of demandes is done, but
#: nobody was told.
MOMENTS = ("replaced", "moved", "written", "committed", "share")

_seen: Counter[str] = Counter()
_mine = threading.local()


def _at(moment: str) -> None:
    _seen[moment] += 1
    doomed._reach("background", f"{moment} {_seen[moment]}")


def _moved(_nothing: Any) -> None:
    _mine.moved = True
    _at("moved")


def _written(_nothing: Any) -> None:
    if getattr(_mine, "moved", False):
        _at("written")


def _committed(_nothing: Any) -> None:
    if getattr(_mine, "moved", False):
        _mine.moved = False
        _at("committed")


def arm() -> None:
    """To be called before anything of the batch runs."""
    doomed._wrap("app.engine.runtime:Runtime.replace", after=lambda _outcome: _at("replaced"))
    doomed._wrap("app.studio.migrating:migrate_one", after=_moved)
    doomed._wrap("app.journal:append_pending", after=_written)
    doomed._wrap("sqlalchemy.orm:Session.commit", after=_committed)
    doomed._wrap("app.studio.migrating:migrate_pending", after=lambda _nothing: _at("share"))


def main() -> int:
    """Works until SIGTERM."""
    arm()
    from app import rooms
    from app.cases.machinery import fire_due_timers
    from app.composition import open_database
    from app.config import settings_from
    from workers.background import Background

    rooms.load()
    settings = settings_from()
    background = Background(open_database(settings), settings, fire_timers=fire_due_timers)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda _number, _frame: stop.set())
    background.start()
    stop.wait()
    background.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
