"""A stopped clock, an open transaction and a portal with its doors, for the tests that ask for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from app import create_app
from app.clock import FrozenClock, frozen
from app.db import Database
from app.web.requests import Portal
from tests.conftest import settings_for
from tests.documents.door import Door
from tests.documents.pieces import Pieces, make_pieces
from tests.families.people import NOW


@pytest.fixture
def clock() -> Iterator[FrozenClock]:
    with frozen(NOW) as stopped:
        yield stopped


@pytest.fixture
def session(clock: FrozenClock, database: Database) -> Iterator[Session]:
    """One transaction, on each kind of database, committed at the end as a request would."""
    with database.transaction() as opened:
        yield opened


@pytest.fixture
def pieces(session: Session) -> Pieces:
    return make_pieces(session)


@pytest.fixture
def portal(sqlite_database: Database, tmp_path: Path, clock: FrozenClock) -> Portal:
    made = create_app(settings_for(str(sqlite_database.engine.url), tmp_path), sqlite_database)
    made.config["WTF_CSRF_ENABLED"] = False
    return made


@pytest.fixture
def door(portal: Portal, sqlite_database: Database) -> Door:
    with sqlite_database.transaction() as session:
        pieces = make_pieces(session)
    return Door(portal, sqlite_database, pieces)
