"""The web server of production: ``python -m workers.web`` (docs/deploy.md, docs/decisions/0023)."""

from __future__ import annotations

import argparse
import gc
import logging
import sys

from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels

from app import create_app
from app.config import ConfigError, settings_from
from app.web.requests import Portal

SLOW_HEADERS = 10_000
"""Milliseconds in which a request must have said what it wants."""
LAST_REQUESTS = 30
"""Seconds left to the requests in hand when the server is asked to end."""

YOUNG_OBJECTS = 20_000
"""Objects made, and not given back, before Python looks for cycles among them: more than a page makes.
Its default, 700, has it look some ten times a page, at what is in use."""


def application() -> Portal:
    """What each process serves. Of what is loaded at start nothing is garbage: it is not looked at again."""
    portal = create_app()
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 10, 10)
    return portal


def serve(application: str, *, host: str, port: int, workers: int = 1, threads: int = 4) -> None:
    """Serves what ``module:function`` makes until SIGINT or SIGTERM. A process that dies is replaced.

    Each of the *workers* is a process which makes its own application, and answers *threads* requests at once.
    """
    Granian(
        application,
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        factory=True,
        workers=workers,
        blocking_threads=threads,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=SLOW_HEADERS),
        websockets=False,
        respawn_failed_workers=True,
        workers_kill_timeout=LAST_REQUESTS,
        log_level=LogLevels.warning,
    ).serve()


def main(application: str = "workers.web:application") -> int:
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    parser = argparse.ArgumentParser(prog="python -m workers.web", description="Serves the portal on PORT.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--workers", type=int, default=1, help="processes; as many as cores")
    parser.add_argument("--threads", type=int, default=4, help="requests answered at once by each process")
    asked = parser.parse_args()
    try:
        port = settings_from().port
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    serve(application, host=asked.host, port=port, workers=asked.workers, threads=asked.threads)
    return 0


if __name__ == "__main__":
    sys.exit(main())
