"""Fixtures of the whole suite: a database of each kind, the application on it, and sockets kept on this machine."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from sqlalchemy import text

from app import rooms
from app.agenda.activities import KEPT_REGULATED
from app.agenda.queries import KEPT_ACTIVITIES
from app.composition import open_database
from app.config import Settings, settings_from
from app.db import Base, Database
from app.procedures.queries import KEPT_PUBLISHED
from app.town.queries import forget_all
from tests.journeys.browser import chromium
from tests.services import fresh_postgresql

KEY = "test-" * 8


@pytest.fixture(scope="session", autouse=True)
def _everything_registered() -> None:
    """Rows, operations, sources and handlers of every room, whatever single file is run."""
    rooms.load()


@pytest.fixture(autouse=True)
def _loopback_only(socket_enabled: None) -> Iterator[None]:
    """No test reaches beyond this machine."""
    import pytest_socket

    pytest_socket.socket_allow_hosts(["127.0.0.1", "::1", "localhost"], allow_unix_socket=True)
    yield
    pytest_socket._remove_restrictions()


def settings_for(url: str, folder: Path, **changes: str) -> Settings:
    """Settings of a test process over this database; ``changes`` are environment variables."""
    env = {
        "PORTAIL_MODE": "test",
        "SECRET_KEY": KEY,
        "DATABASE_URL": url,
        "DATA_DIR": str(folder),
        "STORAGE_URL": f"file://{folder}/pieces",
        "PUBLIC_URL": "http://localhost",
        **changes,
    }
    return settings_from(env)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database with every table, copied for each test."""
    path = tmp_path_factory.mktemp("template") / "empty.db"
    database = Database(f"sqlite:///{path}")
    rooms.load()
    Base.metadata.create_all(database.engine)
    with database.engine.connect() as connection:
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.exec_driver_sql("BEGIN")
    database.dispose()
    return path


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """One PostgreSQL database with every table, for the whole session (emptied by each test that uses it)."""
    with fresh_postgresql() as url:
        database = Database(url)
        rooms.load()
        Base.metadata.create_all(database.engine)
        database.dispose()
        yield url


def forget_kept() -> None:
    """What the process keeps of a database must not outlive a test."""
    forget_all()
    KEPT_ACTIVITIES.forget()
    KEPT_REGULATED.forget()
    KEPT_PUBLISHED.forget()


def empty(database: Database) -> None:
    """Empties every table that holds something: far quicker than TRUNCATE on tables of a few rows."""
    tables = ", ".join(f"'{table.name}'" for table in Base.metadata.sorted_tables)
    with database.engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(
            text(
                f"DO $$ DECLARE t text; BEGIN FOREACH t IN ARRAY ARRAY[{tables}] LOOP EXECUTE 'DELETE FROM ' || t; "
                "END LOOP; END $$"
            )
        )


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty database: each test that asks for it runs on SQLite and on PostgreSQL."""
    forget_kept()
    if request.param == "sqlite":
        shutil.copyfile(request.getfixturevalue("sqlite_template"), tmp_path / "test.db")
        url = f"sqlite:///{tmp_path}/test.db"
    else:
        url = request.getfixturevalue("postgresql_url")
    opened = open_database(settings_for(url, tmp_path))
    if request.param == "postgresql":
        empty(opened)
    yield opened
    opened.dispose()
    forget_kept()


@pytest.fixture
def sqlite_database(sqlite_template: Path, tmp_path: Path) -> Iterator[Database]:
    """An empty SQLite database, for what does not depend on the kind of database."""
    forget_kept()
    shutil.copyfile(sqlite_template, tmp_path / "test.db")
    opened = open_database(settings_for(f"sqlite:///{tmp_path}/test.db", tmp_path))
    yield opened
    opened.dispose()
    forget_kept()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The one Chromium of a test process: Playwright refuses a second one while the first is open."""
    with chromium() as opened:
        yield opened


os.environ.setdefault("PORTAIL_MODE", "test")
