"""A stopped clock, an open transaction, and a school day's activities."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy.orm import Session

from app.clock import FrozenClock, frozen
from app.db import Database
from tests.agenda.day import Day, make_day
from tests.families.people import NOW


@pytest.fixture(autouse=True)
def clock() -> Iterator[FrozenClock]:
    with frozen(NOW) as stopped:
        yield stopped


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    with database.transaction() as opened:
        yield opened


@pytest.fixture
def day(session: Session) -> Day:
    return make_day(session)
