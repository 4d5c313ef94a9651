"""Starts programs quickly: all is imported once, then each start is a fork. ``python -m tests.reliability.nursery``.

One line of JSON asks for one start, the answer is the number of the process, which leads a group of its own:
``{"program": "web" | "worker" | "clock" | "background", "log": path, "arguments": […], "cold": false}``. *cold* starts
the program the way it is deployed, from a new interpreter, which takes some seconds.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
from contextlib import suppress
from typing import Any

COLD = {
    "web": ["tests.reliability.doomed_web"],
    "worker": ["dramatiq"],
    "clock": ["tests.reliability.doomed"],
    "background": ["tests.reliability.doomed_background"],
}


def main() -> None:
    from app import rooms

    for name in (
        "granian.server",
        "workers.background",
        "workers.clock",
        *rooms.VIEWS,
    ):
        importlib.import_module(name)  # for the children
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them: the dead vanish
    print("ready", flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork()
        if child == 0:
            _become(asked)
        with suppress(PermissionError):  # it has done so itself, and is another program already
            os.setpgid(child, child)  # here too: the answer must not come before the group exists
        print(child, flush=True)


def _become(asked: dict[str, Any]) -> None:
    status = 1
    try:
        os.setpgid(0, 0)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        log = os.open(asked["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for target, source in ((0, nothing), (1, log), (2, log)):
            os.dup2(source, target)
        module = COLD[asked["program"]][0]
        if asked["cold"]:
            os.execv(sys.executable, [sys.executable, "-m", module, *asked["arguments"]])
        sys.argv = [module, *asked["arguments"]]
        status = _run(asked["program"])
    except SystemExit as stop:
        status = int(stop.code or 0)
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def _run(program: str) -> int:
    from tests.reliability import doomed, doomed_background, doomed_web

    mains = {
        "web": doomed_web.main,
        "clock": doomed.clock,
        "worker": doomed.worker,
        "background": doomed_background.main,
    }
    return mains[program]()


if __name__ == "__main__":
    main()
