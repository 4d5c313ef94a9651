"""A stopped clock, an open transaction, and a school day's activities."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.clock import FrozenClock, frozen
from app.db import Database
from tests.agenda.bookings_of import make_family, make_valbrise
from tests.agenda.day import Day, make_day
from tests.agenda.pages import Town
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


@pytest.fixture
def town(database: Database, tmp_path: Path) -> Town:
    with database.transaction() as session:
        valbrise = make_valbrise(session)
        family = make_family(session, born=(date(2019, 5, 12), date(2021, 11, 3)))
    return Town(database, valbrise, family, tmp_path)


@pytest.fixture
def claire(town: Town) -> FlaskClient:
    return town.enter(town.family.parent.account_id)
