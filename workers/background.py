"""Worker threads and a clock thread inside another process: what the embedded mode runs beside the web."""

from __future__ import annotations

from threading import Thread

from dramatiq import Worker

from app.config import Settings
from app.db import Database
from workers.actors import declare, enqueuing
from workers.broker import make_broker
from workers.clock import Clock, FireTimers, poke_after_commit

WORKER_THREADS = 2
#: Milliseconds that a fact being treated is given to end when the process stops; the outbox keeps it anyway.
GRACE = 4_000


class Background:
    """The worker threads and the clock thread of this process."""

    def __init__(self, database: Database, settings: Settings, *, fire_timers: FireTimers | None = None) -> None:
        broker = make_broker(settings)
        declare(broker, database, settings)
        self.clock = Clock(database, settings, enqueuing(broker), fire_timers=fire_timers)
        poke_after_commit(database, self.clock.poke)
        # consumers of a queue in memory wake at each message; the timeout only bounds how long stopping takes
        self._worker = Worker(broker, worker_timeout=200, worker_threads=WORKER_THREADS)
        self._broker = broker
        self._thread = Thread(target=self.clock.run, name="clock", daemon=True)

    def start(self) -> None:
        self._broker.emit_after("process_boot")
        self._worker.start()
        self._thread.start()

    def stop(self) -> None:
        """Stops within a few seconds; facts in hand are given back to the outbox."""
        self.clock.stop()
        self._thread.join(GRACE / 1000)
        self._worker.stop(timeout=GRACE)
        self._broker.close()
