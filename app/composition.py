"""What every process wires the same way: the database with its before-commit writers."""

from __future__ import annotations

from app import journal, outbox
from app.config import Settings
from app.db import Database
from app.engine import instances


def open_database(settings: Settings, *, pool_size: int = 10) -> Database:
    """The database of ``settings``, writing what waits, the journal last, at the end of each transaction.

    The journal comes last: it locks the head of the chain, and nothing may wait behind that lock.
    """
    database = Database(settings.database_url, pool_size=pool_size)
    database.before_commit += [instances.write_begun, outbox.write_pending, journal.append_pending]
    return database
