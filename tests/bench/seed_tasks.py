"""Fills the projection with open tasks, as many as asked, fast enough for a million.

Rows go straight into the tables (COPY on PostgreSQL, executemany on SQLite) and the indexes are rebuilt afterwards:
what is measured is reading them, and the engine would take an hour to write them.
"""

from __future__ import annotations

import itertools
import random
import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Table, text

from app.db import Database, fold
from app.engine.models import Task, TaskKey
from app.engine.projection import queue_of

FIRST = ("Léna", "Hugo", "Inès", "Noé", "Zoé", "Malo", "Anaïs", "Tom", "Élise", "Sacha", "Jeanne", "Karim", "Maëlle")
LAST = ("Martin", "Durand", "Nguyen", "Bertrand", "Lefèvre", "Da Silva", "Haddad", "Roche", "Müller", "Kowalski")
SYLLABLES = ("ba", "ci", "do", "fu", "ga", "ki", "lo", "ma", "ni", "po", "ra", "su", "ti", "vo", "za")
PROCEDURES = (
    "absence", "justificatif", "ajout-enfant", "modification-foyer", "contact", "inscription-scolaire",
    "inscription-periscolaire", "inscription-vacances",
)  # fmt: skip
ROLES = ("gestionnaire", "direction")
START = datetime(2026, 11, 1, 8, tzinfo=UTC)
BATCH = 20_000


def seed_tasks(
    database: Database,
    count: int,
    *,
    structures: Sequence[uuid.UUID],
    agents: Sequence[uuid.UUID],
    seed: int = 1,
) -> None:
    """Inserts ``count`` open tasks with four search keys each: nine in ten free, the others held by ``agents``.

    Each of the first hundred is held by nobody but ``agents[0]``'s colleagues, then ``agents[0]`` holds at most 40: a
    person's own list is as long in a big commune as in a small one.
    """
    random_source = random.Random(seed)
    tables: tuple[Table, ...] = (Task.__table__, TaskKey.__table__)  # type: ignore[assignment]
    with database.engine.begin() as connection:
        for table in tables:
            for index in table.indexes:
                index.drop(connection, checkfirst=True)
    rows = _rows(count, random_source, structures, agents)
    while batch := list(itertools.islice(rows, BATCH)):
        _write(database, tables[0], batch)
        _write(database, tables[1], [key for row in batch for key in _keys(row)])
    with database.engine.begin() as connection:
        for table in tables:
            for index in table.indexes:
                index.create(connection)
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        postgresql = connection.dialect.name == "postgresql"
        connection.execute(text("VACUUM ANALYZE tasks" if postgresql else "ANALYZE"))
        if postgresql:
            connection.execute(text("VACUUM ANALYZE task_keys"))


def _rows(
    count: int, source: random.Random, structures: Sequence[uuid.UUID], agents: Sequence[uuid.UUID]
) -> Iterator[dict[str, Any]]:
    places = [None, *structures]
    mine = 0
    for number in range(count):
        role, place = ROLES[number % len(ROLES)], source.choice(places)
        held = source.random() < 0.1
        holder = source.choice(agents) if held else None
        if holder == agents[0]:
            mine += 1
            holder = holder if mine <= 40 else agents[-1]
        family = f"{source.choice(FIRST)} {source.choice(LAST)}-{_invented(source)}"
        child = source.choice(FIRST)
        opened = START + timedelta(seconds=source.randrange(20 * 86400))
        yield {
            "id": _uuid(source),
            "case_id": _uuid(source),
            "node": "instruire" if held else "prendre",
            "title": "Instruire la demande" if held else "Prendre en charge",
            "lane": role,
            "queue": queue_of(role, place),
            "status": "traitement" if held else "en_attente",
            "form": None,
            "procedure": source.choice(PROCEDURES),
            "case_title": "Signaler une absence",
            "reference": f"26-{number:08X}",
            "subject": f"{family} · {child}",
            "structure_id": place,
            "owner_id": None,
            "assignee_id": holder,
            "opened_at": opened,
            "due_at": opened + timedelta(days=5),
            "closed_at": None,
            "closed_by": None,
            "keys": (f"26-{number:08x}", fold(family), fold(" ".join(reversed(family.split(" ", 1)))), fold(child)),
        }


def _invented(source: random.Random) -> str:
    return "".join(source.choice(SYLLABLES) for _ in range(3)).capitalize()


def _uuid(source: random.Random) -> uuid.UUID:
    return uuid.UUID(int=source.getrandbits(128), version=4)


def _keys(row: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"task_id": row["id"], "key": key, "queue": row["queue"]} for key in dict.fromkeys(row["keys"])]


def _write(database: Database, table: Table, rows: list[dict[str, Any]]) -> None:
    names = [column.name for column in table.columns]
    connection = database.engine.raw_connection()
    try:
        cursor = connection.cursor()
        if database.engine.dialect.name == "postgresql":
            with cursor.copy(f"COPY {table.name} ({', '.join(names)}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row([row[name] for name in names])
        else:
            marks = ", ".join("?" * len(names))
            cursor.execute("BEGIN")
            cursor.executemany(
                f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({marks})",
                [[_for_sqlite(row[name]) for name in names] for row in rows],
            )
            cursor.execute("COMMIT")
        connection.commit()
    finally:
        connection.close()


def _for_sqlite(value: Any) -> Any:
    """As SQLAlchemy stores it: identifiers as 32 hexadecimal digits, instants as UTC text."""
    if isinstance(value, uuid.UUID):
        return value.hex
    return value.strftime("%Y-%m-%d %H:%M:%S.%f") if isinstance(value, datetime) else value
