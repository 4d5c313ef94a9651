"""Valbrise served as ``make run`` serves it: web, worker and clock in one process, mails in the outbox page."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from werkzeug.serving import make_server

from app import create_app
from app.cases.machinery import fire_due_timers
from app.composition import open_database
from app.config import Settings, settings_from
from app.db import Base, Database
from app.demo.build import build
from app.town.queries import forget_all
from app.web.requests import Portal
from tests.services import free_port
from workers.background import Background


@dataclass
class Commune:
    """A portal that answers at ``address``, and its database for what no page can do (ending a session)."""

    address: str
    database: Database
    app: Portal


def demonstration(url: str, folder: Path, port: int) -> Settings:
    """The settings of ``make run`` over this database and this folder."""
    env = {"PORTAIL_MODE": "demonstration", "DATABASE_URL": url, "DATA_DIR": str(folder), "PORT": str(port)}
    return settings_from(env)


def build_commune(url: str, folder: Path) -> None:
    """The demonstration, in an empty database."""
    settings = demonstration(url, folder, 1)
    database = open_database(settings)
    Base.metadata.create_all(database.engine)
    forget_all()
    build(database, settings)
    if database.engine.dialect.name == "sqlite":
        with database.engine.connect() as connection:
            connection.exec_driver_sql("COMMIT")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.exec_driver_sql("BEGIN")
    database.dispose()
    forget_all()


@contextmanager
def open_commune(url: str, folder: Path) -> Iterator[Commune]:
    """Serves the demonstration of this database until the block ends."""
    forget_all()
    port = free_port()
    settings = demonstration(url, folder, port)
    database = open_database(settings, pool_size=12)
    app = create_app(settings, database)
    background = Background(database, settings, fire_timers=fire_due_timers)
    server = make_server("127.0.0.1", port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    background.start()
    thread.start()
    try:
        yield Commune(settings.public_url, database, app)
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()
        background.stop()
        database.dispose()
        forget_all()
