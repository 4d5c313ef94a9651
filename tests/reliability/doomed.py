"""The real programs of the portal, which die where a test says.

``DOOM_DIR`` holds one file a program: the name of the step at which it must kill itself, with everything it started.
Nothing of this is in the product: the steps are functions of the product wrapped here, before it starts. Run as
``python -m tests.reliability.doomed_web``, ``dramatiq tests.reliability.doomed_worker`` and
``python -m tests.reliability.doomed`` (the clock).
"""

from __future__ import annotations

import functools
import importlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

#: What a request does, by endpoint; the one that opens a demande does *open*, whatever it sends. Its moments are
#: *begun*, *run* (the engine), *written* (commit comes next) and *committed* (no answer was sent).
ACTS = {
    "cases_family.autosave": "autosave",
    "cases_family.step_post": "page",
    "cases_agent.complete": "take",
    "cases_family.message": "cancel",
}

WEB = tuple(
    f"{act}.{moment}"
    for act, moments in {
        "open": ("written", "committed"),
        "autosave": ("written",),
        "page": ("written", "committed"),
        "submit": ("begun", "run", "written", "committed"),
        "take": ("run", "committed"),
        "decide": ("begun", "run", "written", "committed"),
        "cancel": ("written",),
    }.items()
    for moment in moments
)
CLOCK = ("claimed", "handed", "timer.run")
WORKER = ("received", "started", "told", "kept", "sent", "noted")


def arm(folder: Path, program: str, step: str) -> None:
    """From now on ``program`` dies at ``step``, once."""
    draft = folder / f"{program}.draft"
    draft.write_text(step)
    draft.rename(folder / program)


def disarm(folder: Path, program: str) -> bool:
    """Lets ``program`` live; ``True`` when it had not died yet."""
    try:
        (folder / program).unlink()
    except FileNotFoundError:
        return False
    return True


def _reach(program: str, step: str) -> None:
    armed = Path(os.environ["DOOM_DIR"]) / program
    try:
        if armed.read_text() != step:
            return
        armed.unlink()  # one of several threads
    except FileNotFoundError:
        return
    os.killpg(0, signal.SIGKILL)
    time.sleep(60)  # the signal is on its way; nothing may happen in between


def _wrap(place: str, *, before: Callable[[], None] | None = None, after: Callable[[Any], None] | None = None) -> None:
    """Wraps ``module:name`` or ``module:Class.name``."""
    module_name, _, path = place.partition(":")
    holder: Any = importlib.import_module(module_name)
    *parents, name = path.split(".")
    for parent in parents:
        holder = getattr(holder, parent)
    inner = getattr(holder, name)

    @functools.wraps(inner)
    def wrapped(*args: Any, **named: Any) -> Any:
        if before is not None:
            before()
        result = inner(*args, **named)
        if after is not None:
            after(result)
        return result

    setattr(holder, name, wrapped)


def _request_reaches(moment: str) -> None:
    from flask import g, has_request_context, request

    if not has_request_context():
        return
    act = "open" if g.get("opens") else ACTS.get(request.endpoint or "")
    if act == "page" and request.args.get("page") == "verification":
        act = "submit"
    if act == "take" and "decision" in request.form:
        act = "decide"
    if act is not None:
        _reach("web", f"{act}.{moment}")


def _opens() -> None:
    from flask import g

    g.opens = True


def web() -> Any:
    """The application, for ``doomed_web``."""
    _wrap("app.web.requests:Portal.full_dispatch_request", before=lambda: _request_reaches("begun"))
    _wrap("app.cases.opening:_kept", before=_opens)
    _wrap("app.engine.runtime:Runtime.complete", after=lambda _outcome: _request_reaches("run"))
    # the last thing before the writes that wait and the commit leave together
    _wrap("app.journal:append_pending", after=lambda _nothing: _request_reaches("written"))
    _wrap("sqlalchemy.orm:Session.commit", after=lambda _nothing: _request_reaches("committed"))
    from app import create_app

    return create_app()


def arm_worker() -> None:
    """To be called before ``workers.main`` is imported."""
    _wrap("workers.actors:treat", before=lambda: _reach("worker", "received"))
    _wrap("workers.treatment:_start", after=lambda started: _reach("worker", "started") if started else None)
    _wrap(
        "workers.treatment:deliver", before=lambda: _reach("worker", "told"), after=lambda _: _reach("worker", "noted")
    )
    _wrap("app.messages.delivery:_send_all", before=lambda: _reach("worker", "kept"))
    _wrap("app.messages.smtp:send", after=lambda _nothing: _reach("worker", "sent"))


def worker() -> int:
    """What ``dramatiq tests.reliability.doomed_worker`` does, in this process."""
    arm_worker()
    from dramatiq import Worker

    from workers.main import broker

    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda _number, _frame: stop.set())
    broker.emit_after("process_boot")
    running = Worker(broker, worker_threads=4)
    running.start()
    stop.wait()
    running.stop(5_000)
    broker.close()
    return 0


def clock() -> int:
    """The clock's own main."""
    from workers import clock as module

    _wrap("workers.clock:Clock._claim", after=lambda leases: _reach("clock", "claimed") if leases else None)
    _wrap("app.cases.machinery:fire_timers_of", after=lambda outcome: _reach("clock", "timer.run") if outcome else None)
    real = module.enqueuing

    def enqueuing(*args: Any, **named: Any) -> Any:
        enqueue = real(*args, **named)

        def handing(*what: Any) -> None:
            enqueue(*what)
            _reach("clock", "handed")

        return handing

    module.enqueuing = enqueuing
    return module.main()


if __name__ == "__main__":
    sys.exit(clock())
