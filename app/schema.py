"""The schema of a database: brought up to date, compared with the models, taken one step back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from app import rooms
from app.db import Base, Database

SCRIPTS = Path(__file__).parent / "migrations"


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    return config


def head() -> str | None:
    """The newest revision of this release."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def revision_of(database: Database) -> str | None:
    """The revision this database is at; ``None`` before the first."""
    with database.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def upgrade(database: Database, target: str = "head") -> None:
    """Brings the schema up to ``target``; does nothing when it is there."""
    _run(database, command.upgrade, target)


def downgrade(database: Database, target: str) -> None:
    """Takes the schema back to ``target`` (``-1``: one step)."""
    _run(database, command.downgrade, target)


def _run(database: Database, what: object, target: str) -> None:
    config = _config()
    with database.engine.begin() as connection:
        config.attributes["connection"] = connection
        what(config, target)  # type: ignore[operator]  # alembic.command functions take (config, revision)


def drift(database: Database) -> list[str]:
    """What the models say and the migrated schema does not; empty when they agree.

    SQLite does not tell the direction of an index's columns: there, an index of the same name is the same index.
    """
    rooms.load()
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = compare_metadata(context, Base.metadata)
    if database.engine.dialect.name == "sqlite":
        names = [_index(difference) for difference in differences]
        differences = [d for d, name in zip(differences, names, strict=True) if name is None or names.count(name) < 2]
    return [str(difference) for difference in differences]


def _index(difference: Any) -> str | None:
    if isinstance(difference, tuple) and difference[0] in ("add_index", "remove_index"):
        return str(difference[1].name)
    return None


def write_revision(database: Database, message: str, number: str) -> None:
    """Writes the next migration from the difference between the models and ``database``. For developers."""
    config = _config()
    with database.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.revision(config, message=message, autogenerate=True, rev_id=number)
