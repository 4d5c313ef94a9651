"""A stopped clock and an open transaction for the tests of families."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy.orm import Session

from app.clock import FrozenClock, frozen
from app.db import Database
from tests.families.people import NOW, Separated, make_separated


@pytest.fixture(autouse=True)
def clock() -> Iterator[FrozenClock]:
    with frozen(NOW) as stopped:
        yield stopped


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    """One transaction, on each kind of database, committed at the end as a request would."""
    with database.transaction() as opened:
        yield opened


@pytest.fixture
def separated(session: Session) -> Separated:
    return make_separated(session)
