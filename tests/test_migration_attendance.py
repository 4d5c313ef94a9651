"""What the migration of attendance does to a commune that lives: who is at the door may mark, and nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import MetaData

from app import schema
from app.db import Database
from tests.services import fresh_postgresql
from tests.test_migration_0007 import filled, rows

BEFORE, HERE = "0009", "0010"


@pytest.fixture(params=["sqlite", "postgresql"])
def older(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database of the release before."""
    if request.param == "sqlite":
        opened = Database(f"sqlite:///{tmp_path}/older.db")
        schema.upgrade(opened, BEFORE)
        yield opened
        opened.dispose()
        return
    with fresh_postgresql() as url:
        opened = Database(url)
        schema.upgrade(opened, BEFORE)
        yield opened
        opened.dispose()


def test_shipped_roles_may_mark_and_roles_of_the_commune_stay_as_they_are(older: Database) -> None:
    metadata = MetaData()
    with older.engine.begin() as connection:
        metadata.reflect(connection)
        roles = metadata.tables["roles"]
        for code in ("direction", "gestionnaire", "restauration", "animation"):
            connection.execute(roles.insert().values(filled(roles, code=code, permissions=["absence:read"])))
    schema.upgrade(older, HERE)
    told = {row["code"]: row["permissions"] for row in rows(older, "roles")}
    codes = ["absence:read", "attendance:mark", "diet:read"]
    assert told == {
        "direction": codes, "restauration": codes, "gestionnaire": codes[:2], "animation": ["absence:read"],
    }  # fmt: skip
    schema.downgrade(older, BEFORE)
    assert [row["permissions"] for row in rows(older, "roles")] == [["absence:read"]] * 4
