"""What every process wires the same way: the database with its two before-commit writers."""

from __future__ import annotations

from app import journal, outbox
from app.config import Settings
from app.db import Database


def open_database(settings: Settings, *, pool_size: int = 10) -> Database:
    """The database of ``settings``, writing outbox then journal at the end of each transaction.

    The journal comes last: it locks the head of the chain, and nothing may wait behind that lock.
    """
    database = Database(settings.database_url, pool_size=pool_size)
    database.before_commit += [outbox.write_pending, journal.append_pending]
    return database
