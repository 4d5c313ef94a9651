"""What the migration of the agenda does to a commune that lives: activities stay, and those who instruct may answer."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import MetaData

from app import schema
from app.db import Database
from tests.services import fresh_postgresql
from tests.test_migration_0007 import filled, rows


@pytest.fixture(params=["sqlite", "postgresql"])
def older(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database of the release before."""
    if request.param == "sqlite":
        opened = Database(f"sqlite:///{tmp_path}/older.db")
        schema.upgrade(opened, "0007")
        yield opened
        opened.dispose()
        return
    with fresh_postgresql() as url:
        opened = Database(url)
        schema.upgrade(opened, "0007")
        yield opened
        opened.dispose()


def test_activities_keep_what_they_are_and_are_not_booked_yet(older: Database) -> None:
    metadata = MetaData()
    with older.engine.begin() as connection:
        metadata.reflect(connection)
        tables, plain = metadata.tables, connection.dialect.name == "sqlite"
        place, activity = (each.hex if plain else each for each in (uuid.uuid4(), uuid.uuid4()))
        for name, values in (
            ("structures", {"id": place, "levels": []}),
            ("activities", {"id": activity, "structure_id": place, "weekdays": [1, 2], "label": "Cantine"}),
            ("roles", {"code": "gestionnaire", "permissions": ["absence:read"]}),
            ("roles", {"code": "restauration", "permissions": ["absence:read"]}),
        ):
            connection.execute(tables[name].insert().values(filled(tables[name], **values)))
    schema.upgrade(older, "0008")
    [kept] = rows(older, "activities")
    assert (kept["label"], kept["weekdays"], kept["rules"]) == ("Cantine", [1, 2], {})
    told = {row["code"]: row["permissions"] for row in rows(older, "roles")}
    assert told == {"gestionnaire": ["absence:read", "booking:manage"], "restauration": ["absence:read"]}
    schema.downgrade(older, "0007")
    assert "rules" not in rows(older, "activities")[0]
    assert [row["permissions"] for row in rows(older, "roles")] == [["absence:read"]] * 2
