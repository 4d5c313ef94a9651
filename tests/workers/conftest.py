"""Databases, a mail server and kinds of facts for the tests of delivery."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.config import Settings, settings_from
from tests.services import fresh_postgresql
from tests.workers.sink import Sink
from tests.workers.trade import House, build_house


def make_settings(folder: Path, **env: str) -> Settings:
    return settings_from({"PORTAIL_MODE": "test", "DATA_DIR": str(folder), **env})


@pytest.fixture(params=["sqlite", "postgresql"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """A database with the tables of delivery, on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        yield from build_house(make_settings(tmp_path))
    else:
        with fresh_postgresql() as url:
            yield from build_house(make_settings(tmp_path, DATABASE_URL=url))


@pytest.fixture
def postgresql_house(tmp_path: Path) -> Iterator[House]:
    with fresh_postgresql() as url:
        yield from build_house(make_settings(tmp_path, DATABASE_URL=url))


@pytest.fixture
def sink() -> Iterator[Sink]:
    """A mail server of our own, stopped at the end."""
    with Sink() as running:
        yield running
