"""People at work while processes die: parents who file, agents who decide, and what each believes was done."""

from __future__ import annotations

import queue
import threading
import time
import traceback
from collections.abc import Callable
from datetime import timedelta

from app import clock
from tests.reliability.browser import Browser, case_of, fill_absence, open_absence, send, work
from tests.reliability.doomed import arm, disarm
from tests.reliability.programs import Town

PARENTS = ("julie-fontaine", "linh-nguyen", "aurelie-perrin", "marc-fontaine")
AGENTS = ("gestionnaire", "gestionnaire-2")
REFUSAL = {"decision": "refuser", "decision_motif": "doublon", "decision_raison": "Déjà déclarée hier."}


def school_days(count: int) -> list[str]:
    """As many days to come on which there is canteen."""
    days, day = [], clock.today() + timedelta(days=2)
    while len(days) < count:
        if day.isoweekday() in (1, 2, 4, 5):
            days.append(day.isoformat())
        day += timedelta(days=1)
    return days


class Storm:
    """Parents and agents in threads. ``ended`` says, by demande, the status its people saw it reach."""

    def __init__(self, town: Town, *, at_least: int) -> None:
        self.town = town
        self.at_least = at_least
        self.ended: dict[str, str] = {}
        self.failures: list[str] = []
        self.statuses: set[int] = set()
        self._filed: queue.Queue[str] = queue.Queue()
        self._enough = threading.Event()
        self._days = school_days(120)
        self._lock = threading.Lock()
        self._threads = [
            *(threading.Thread(target=self._guard, args=(self._parent, name), daemon=True) for name in PARENTS),
            *(threading.Thread(target=self._guard, args=(self._agent, name), daemon=True) for name in AGENTS),
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def enough(self) -> None:
        """No new demande is begun, once there are ``at_least``; what is begun is brought to its end."""
        self._enough.set()

    def wait(self, seconds: float) -> None:
        """Until everybody has finished."""
        end = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.1, end - time.monotonic()))
        assert not self.failures, "\n".join(self.failures)
        assert not any(thread.is_alive() for thread in self._threads), "people are still at work"

    def _guard(self, life: Callable[[Browser], None], persona: str) -> None:
        browser = Browser(self.town.port)
        browser.patience = 4 * self.town.patience  # cold, a web process may live less than its first page takes
        try:
            browser.sign_in(persona)
            life(browser)
        except Exception:
            self.failures.append(f"{persona}: {traceback.format_exc()[-1500:]}")
            self._enough.set()
        finally:
            browser.close()
            self.statuses.update(browser.seen)

    @property
    def _over(self) -> bool:
        return bool(self.failures) or (self._enough.is_set() and len(self.ended) + self._filed.qsize() >= self.at_least)

    def _parent(self, parent: Browser) -> None:
        number = 0
        while not self._over:
            step = open_absence(parent)
            fill_absence(parent, step, self._days[number % len(self._days)])
            send(parent, step)
            case, number = case_of(step), number + 1
            if number % 5 == 0:
                page = parent.insist("POST", f"/demandes/{case}/annuler")
                assert page.status in (302, 409), (page.status, page.words()[-500:])
                self._note(case, "annule")
            else:
                self._filed.put(case)

    def _agent(self, agent: Browser) -> None:
        number = 0
        while not (self._over and self._filed.empty() and not self._someone_files()):
            try:
                case = self._filed.get(timeout=0.2)
            except queue.Empty:
                continue
            number += 1
            refusing = number % 4 == 0
            work(agent, case, {})
            work_done = work(agent, case, REFUSAL if refusing else {"decision": "accepter"})
            assert work_done.status in (302, 303, 409)
            self._note(case, "refuse" if refusing else "clos")

    def _someone_files(self) -> bool:
        return any(thread.is_alive() for thread in self._threads[: len(PARENTS)])

    def _note(self, case: str, status: str) -> None:
        with self._lock:
            self.ended[case] = status


class Reaper(threading.Thread):
    """Kills one program at each step of a list, then at random, and starts it again each time."""

    def __init__(
        self,
        town: Town,
        program: str,
        steps: tuple[str, ...],
        *,
        random_kills: int,
        pause: float,
        prepare: Callable[[], object] = lambda: None,
    ) -> None:
        super().__init__(name=f"reaper of {program}", daemon=True)
        self.town, self.program, self.steps = town, town.programs[program], steps
        self.random_kills, self.pause = random_kills, pause
        self.prepare = prepare
        self.missed: list[str] = []
        self.failure = ""
        self.step = ""

    def run(self) -> None:
        try:
            for step in self.steps:
                self._kill_at(step)
            for _ in range(self.random_kills):
                time.sleep(self.pause)
                self.step = "at random"
                self.program.kill()
                self._again()
        except Exception:
            self.failure = traceback.format_exc()

    def _kill_at(self, step: str) -> None:
        self.step = step
        arm(self.town.doom, self.program.name, step)
        self.prepare()
        if not self.program.wait_dead(self.town.patience):
            if disarm(self.town.doom, self.program.name):
                self.missed.append(step)
                return
            assert self.program.wait_dead(5)
        self._again()

    def _again(self) -> None:
        self.program.start()
        if self.program.name == "web":
            self.town.wait_web()
