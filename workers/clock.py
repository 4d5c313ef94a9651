"""The clock: hands outbox facts to the workers, wakes timers, runs chores. ``python -m workers.clock``.

Several may run: facts and timers are claimed row by row, chores by their row (app/chores.py).
"""

from __future__ import annotations

import logging
import signal
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from threading import Event

from sqlalchemy import event, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app import chores as periodic
from app import clock, outbox, rooms
from app.chores import Chore
from app.composition import open_database
from app.config import ConfigError, Settings, settings_from
from app.db import Database
from app.outbox import OutboxFact
from workers.actors import Enqueue, enqueuing
from workers.broker import make_broker
from workers.treatment import cause_of, lease_of

log = logging.getLogger(__name__)

FireTimers = Callable[[Database], int]

RELAY_EVERY = 0.5
TIMERS_EVERY = 1.0
CHORES_EVERY = 5.0
BATCH = 100
BATCHES = 20
BROKER_PAUSE = (1.0, 10.0)


class Clock:
    """One clock. ``run`` blocks until ``stop``; ``poke`` wakes it at once (a fact was just written)."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        enqueue: Enqueue,
        *,
        fire_timers: FireTimers | None = None,
        chores: Mapping[str, Chore] | None = None,
    ) -> None:
        self.database = database
        self.settings = settings
        self._enqueue = enqueue
        self._fire_timers = fire_timers
        self._chores = periodic.registered() if chores is None else chores
        self._enrolled = False
        self._wake = Event()
        self._stopping = Event()
        self._next = {"relay": 0.0, "timers": 0.0, "chores": 0.0}
        self._pause = 0.0

    def poke(self) -> None:
        self._wake.set()

    def stop(self) -> None:
        self._stopping.set()
        self._wake.set()

    def run(self) -> None:
        """Works until ``stop``; whatever fails is logged and tried again at its next turn."""
        log.info("clock started with %d chores", len(self._chores))
        while not self._stopping.is_set():
            poked = self._wake.is_set()
            self._wake.clear()
            self._turn("relay", RELAY_EVERY, self.relay, now=poked)
            self._turn("timers", TIMERS_EVERY, self.fire_timers)
            self._turn("chores", CHORES_EVERY, self.run_chores)
            self._wake.wait(max(0.01, min(self._next.values()) - time.monotonic()))
        log.info("clock stopped")

    def _turn(self, name: str, period: float, work: Callable[[], object], *, now: bool = False) -> None:
        # while the broker is away, a poke must not make us knock at each request
        if self._stopping.is_set() or (time.monotonic() < self._next[name] and (not now or self._pause)):
            return
        try:
            work()
        except Exception as error:  # the clock outlives whatever it calls
            log.error("clock: %s failed: %s", name, cause_of(error))
        self._next[name] = time.monotonic() + max(period, self._pause if name == "relay" else 0.0)

    def relay(self) -> int:
        """Hands over the facts that are due, at most ``BATCH × BATCHES``; returns how many.

        When the broker does not answer, what was claimed goes back to *pending* and the next try waits a little more.
        """
        handed = 0
        for _ in range(BATCHES):
            leases = self._claim()
            for number, (fact_id, lease) in enumerate(leases):
                try:
                    self._enqueue(fact_id, lease)
                except Exception as error:
                    self._give_back(leases[number:])
                    shortest, longest = BROKER_PAUSE
                    self._pause = min(max(shortest, 2 * self._pause), longest)
                    log.warning("broker away (%s): next try in %.0f s", type(error).__name__, self._pause)
                    return handed
                handed += 1
            self._pause = 0.0 if leases else self._pause
            if len(leases) < BATCH or self._stopping.is_set():
                break
        return handed

    def _claim(self) -> list[tuple[uuid.UUID, str]]:
        waiting = (
            select(OutboxFact.id)
            .where(OutboxFact.state.in_(("pending", "sent")), OutboxFact.due_at <= clock.now())
            .limit(1)
        )
        with self.database.transaction(read_only=True) as session:
            if session.scalar(waiting) is None:
                self._pause = 0.0
                return []
        with self.database.transaction() as session:
            return [(fact.id, lease_of(fact.due_at)) for fact in outbox.claim_batch(session, BATCH)]

    def _give_back(self, leases: list[tuple[uuid.UUID, str]]) -> None:
        now = clock.now()
        with self.database.transaction() as session:
            session.execute(
                update(OutboxFact)
                .where(
                    OutboxFact.id.in_([fact_id for fact_id, _lease in leases]),
                    OutboxFact.state == "sent",
                    OutboxFact.due_at > now,
                )
                .values(state="pending", due_at=now)
            )

    def fire_timers(self) -> int:
        """Wakes the timers that are due; returns how many."""
        return self._fire_timers(self.database) if self._fire_timers else 0

    def run_chores(self) -> int:
        """Runs the chores that are due, one after the other; returns how many."""
        if not self._chores:
            return 0
        if not self._enrolled:
            self._enrol()
        ran = 0
        while not self._stopping.is_set() and ran < len(self._chores):
            with self.database.transaction(read_only=True) as session:
                if not periodic.due(session, self._chores):
                    break
            with self.database.transaction() as session:
                chore = periodic.claim(session, self._chores)
            if chore is None:
                break
            self._run(chore)
            ran += 1
        return ran

    def _enrol(self) -> None:
        try:
            with self.database.transaction() as session:
                periodic.enrol(session, self._chores)
        except IntegrityError:
            # another clock started at the same instant and gave them their rows
            log.info("chores enrolled by another clock")
        self._enrolled = True

    def _run(self, chore: Chore) -> None:
        failure: str | None = None
        began = time.monotonic()
        try:
            chore.run(self.database, self.settings)
        except Exception as error:  # one chore must not stop the others
            failure = cause_of(error)
            log.error("chore %s failed: %s", chore.name, failure)
        with self.database.transaction() as session:
            periodic.finish(session, chore, failure)
        log.info("chore %s: %.1f s", chore.name, time.monotonic() - began)


def poke_after_commit(database: Database, poke: Callable[[], None]) -> None:
    """Wakes a clock of this process as soon as a transaction with facts is committed."""

    def watch(session: Session) -> None:
        if session.info.get("outbox"):
            event.listen(session, "after_commit", lambda _session: poke(), once=True)

    # before the writers: they empty what they write
    database.before_commit.insert(0, watch)


def main() -> int:
    """A clock process of its own, until SIGTERM or SIGINT."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("spiff").setLevel(logging.WARNING)  # it notes each task it touches
    try:
        settings = settings_from()
        if settings.broker_url.startswith("stub:"):
            raise ConfigError("BROKER_URL: a clock of its own needs redis:// or amqp://; stub: is for workers.embedded")
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    from app.cases.machinery import fire_due_timers  # here, because it loads the whole engine

    rooms.load()
    database = open_database(settings, pool_size=2)
    made = Clock(database, settings, enqueuing(make_broker(settings)), fire_timers=fire_due_timers)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: made.stop())
    made.run()
    database.dispose()
    return 0


if __name__ == "__main__":
    sys.exit(main())
