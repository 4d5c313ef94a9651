"""A stopped clock and an open transaction, for the tests that ask for them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy.orm import Session

from app.clock import FrozenClock, frozen
from app.db import Database
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
