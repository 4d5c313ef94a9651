"""The whole portal in one process: web, worker and clock. ``python -m workers.embedded``.

Nothing to install: the queue is in memory (the outbox sends again what it loses), the database is usually SQLite.
"""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Callable
from types import FrameType

from waitress import create_server

from app import create_app, rooms, schema
from app.accounts.queries import personas
from app.cases.machinery import fire_due_timers
from app.composition import open_database
from app.config import ConfigError, Settings, settings_from
from app.db import Database
from app.demo.build import build, is_empty
from app.web.requests import Portal
from workers.background import WORKER_THREADS, Background

log = logging.getLogger(__name__)

WEB_THREADS = 8


def _embedded_settings() -> Settings:
    settings = settings_from()
    if not settings.broker_url.startswith("stub:"):
        raise ConfigError(
            "BROKER_URL: the embedded mode has its own queue; leave the variable out, or run the workers apart"
        )
    return settings


def demonstration_sign_ins(database: Database) -> list[str]:
    """One line for each person whom the sign-in page of the demonstration offers to be."""
    with database.transaction(read_only=True) as session:
        offered = personas(session)
    return [f"{one.full_name}, {one.capacity or ('parent' if one.kind == 'parent' else 'agent')}" for one in offered]


def welcome(settings: Settings, sign_ins: list[str]) -> str:
    """What the terminal shows once the portal answers."""
    lines = ["", f"  Portail famille : {settings.public_url}", ""]
    if settings.demonstration and sign_ins:
        lines += [f"  Sur {settings.public_url}/connexion, « Se connecter comme » :"]
        lines += [f"    · {line}" for line in sign_ins] + [""]
    lines += ["  Ctrl+C pour arrêter. Les données restent.", ""]
    return "\n".join(lines)


def serve(portal: Portal, background: Background, *, host: str, port: int, ready: Callable[[], None]) -> None:
    """Serves until SIGINT or SIGTERM, then lets requests and facts in hand end."""

    def leave(_number: int, _frame: FrameType | None) -> None:
        raise SystemExit(0)

    # bound before anything starts: a port already taken is said at once
    server = create_server(portal, host=host, port=port, threads=WEB_THREADS, ident=None, channel_timeout=60)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, leave)
    background.start()
    try:
        ready()
        server.run()
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)  # a second Ctrl+C must not cut the stopping short
        background.stop()
        server.close()


def run(settings: Settings, database: Database, *, host: str = "127.0.0.1") -> int:
    """Serves ``database``, which exists already. Returns the exit status."""
    portal = create_app(settings, database)
    background = Background(database, settings, fire_timers=fire_due_timers)
    sign_ins = demonstration_sign_ins(database) if settings.demonstration else []
    try:
        serve(
            portal,
            background,
            host=host,
            port=settings.port,
            ready=lambda: print(welcome(settings, sign_ins), flush=True),
        )
    except OSError as error:
        print(f"PORT: {host}:{settings.port} ne peut pas être ouvert ({error.strerror}).", file=sys.stderr)
        return 1
    except SystemExit:
        pass
    finally:
        database.dispose()
    return 0


def prepare(settings: Settings, database: Database) -> None:
    """Brings the schema up to date; in demonstration mode, builds Valbrise the first time. Data that exists is kept."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    rooms.load()
    if schema.revision_of(database) != schema.head():
        schema.upgrade(database)
    if settings.demonstration and is_empty(database):
        print("Construction de la commune de démonstration…", flush=True)
        build(database, settings)


def main() -> int:
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        settings = _embedded_settings()
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    database = open_database(settings, pool_size=WEB_THREADS + WORKER_THREADS + 2)
    prepare(settings, database)
    return run(settings, database)


if __name__ == "__main__":
    sys.exit(main())
