"""Fixtures of accounts: cheap hashes (except where time is measured), a stopped clock, the application."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from flask.testing import FlaskClient

from app import create_app, rooms
from app.accounts import passwords
from app.clock import FrozenClock, frozen
from app.db import Database
from app.web.requests import Portal
from tests.accounts.house import NOW, SECRET
from tests.conftest import settings_for


@pytest.fixture(autouse=True)
def cheap_hashes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes of 8 kB: what is tested is what happens around them."""
    if "real_hashes" not in request.fixturenames:
        monkeypatch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        passwords._nobody.cache_clear()


@pytest.fixture
def real_hashes() -> Iterator[None]:
    """The hashes of production."""
    passwords._nobody.cache_clear()
    yield
    passwords._nobody.cache_clear()


@pytest.fixture
def clock() -> Iterator[FrozenClock]:
    """Time stands still, on a Friday morning, unless a test moves it."""
    with frozen(NOW) as stopped:
        yield stopped


MakeApp = Callable[..., Portal]


@pytest.fixture
def make_app(sqlite_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeApp:
    """The portal reduced to the two rooms of these tests, so that they fail for their own reasons only."""
    monkeypatch.setattr(rooms, "VIEWS", ("app.town.views", "app.accounts.views"))
    monkeypatch.setattr(rooms, "unread_count", lambda _session, _actor: 0)

    def make(csrf: bool = False, **env: str) -> Portal:
        url = str(sqlite_database.engine.url)
        made = create_app(settings_for(url, tmp_path, SECRET_KEY=SECRET, **env), sqlite_database)
        made.config["WTF_CSRF_ENABLED"] = csrf
        return made

    return make


@pytest.fixture
def app(make_app: MakeApp) -> Portal:
    return make_app()


@pytest.fixture
def client(app: Portal) -> FlaskClient:
    return app.test_client()
