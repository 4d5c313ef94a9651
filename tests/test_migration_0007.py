"""What the migration of holds does to a database that lives: nothing goes, and the shipped roles may hold."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from sqlalchemy import Boolean, Date, DateTime, Integer, LargeBinary, MetaData, Table, select

from app import schema
from app.db import Database
from tests.services import fresh_postgresql


@pytest.fixture(params=["sqlite", "postgresql"])
def older(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database of the release before."""
    if request.param == "sqlite":
        opened = Database(f"sqlite:///{tmp_path}/older.db")
        schema.upgrade(opened, "0006")
        yield opened
        opened.dispose()
        return
    with fresh_postgresql() as url:
        opened = Database(url)
        schema.upgrade(opened, "0006")
        yield opened
        opened.dispose()


def filled(table: Table, **given: object) -> dict[str, object]:
    """A row with something in each column that needs it."""
    made: dict[str, object] = {}
    for column in table.columns:
        if column.nullable:
            continue
        kinds = ((Boolean, False), (Integer, 0), (Date, date(2026, 1, 1)), (LargeBinary, b""))
        made[column.name] = next((value for kind, value in kinds if isinstance(column.type, kind)), "x")
        if isinstance(column.type, DateTime) or column.name.endswith("_at"):
            made[column.name] = datetime(2026, 1, 1, tzinfo=UTC)
    return {**made, **given}


def rows(database: Database, name: str) -> list[dict[str, object]]:
    metadata = MetaData()
    with database.engine.connect() as connection:
        metadata.reflect(connection, only=[name])
        return [dict(row) for row in connection.execute(select(metadata.tables[name])).mappings()]


def test_it_adds_and_takes_back_without_losing_a_row(older: Database) -> None:
    metadata = MetaData()
    with older.engine.begin() as connection:
        metadata.reflect(connection)
        ids = {name: uuid.uuid4() for name in ("procedure", "version", "case")}
        if connection.dialect.name == "sqlite":
            ids = {name: each.hex for name, each in ids.items()}
        tables = metadata.tables

        def add(name: str, **values: object) -> None:
            connection.execute(tables[name].insert().values(filled(tables[name], **values)))

        add("bundles", hash="h")
        add("procedures", id=ids["procedure"])
        add("procedure_versions", id=ids["version"], procedure_id=ids["procedure"], bundle_hash="h", callees={})
        add("cases", id=ids["case"], procedure_id=ids["procedure"], version_id=ids["version"])
        add("drafts", case_id=ids["case"], values={"motif": "Léna"})
        for code in ("gestionnaire", "restauration"):
            add("roles", code=code, permissions=["absence:read"])
    schema.upgrade(older, "0007")
    assert [row["held_at"] for row in rows(older, "cases")] == [None]
    assert {row["code"]: row["permissions"] for row in rows(older, "roles")} == {
        "gestionnaire": ["absence:read", "case:hold"], "restauration": ["absence:read"],
    }  # fmt: skip
    schema.downgrade(older, "0006")
    assert "held_at" not in rows(older, "cases")[0]
    assert [row["values"] for row in rows(older, "drafts")] == [{"motif": "Léna"}]
    assert [row["permissions"] for row in rows(older, "roles")] == [["absence:read"]] * 2
