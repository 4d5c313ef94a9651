"""Tasks, timers, subscriptions, incidents and states are written by the engine alone (design.md, invariant 4)."""

from __future__ import annotations

from sqlalchemy import text

from tests.rules.cast import Cast, note_writers
from tests.rules.conftest import Living

ENGINE = {"engine/projection.py", "engine/runtime.py", "engine/instances.py", "engine/incidents.py"}


def strangers(seen: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Writes to the engine's rows by whoever is not the engine."""
    return {(what, where) for what, where in seen if where not in ENGINE}


def test_only_the_engine_writes_what_screens_read_of_it(cast: Cast) -> None:
    """Building the commune opens, sends, takes, decides, modifies and draws drafts in every démarche."""
    assert {what for what, _ in cast.writers} >= {
        *("INSERT INTO tasks", "UPDATE tasks", "INSERT INTO timers", "INSERT INTO instances", "UPDATE instances"),
        *("INSERT INTO subscriptions", "DELETE FROM subscriptions"),
    }
    assert strangers(cast.writers) == set()


def test_a_room_that_writes_them_is_found(living: Living) -> None:
    seen: set[tuple[str, str]] = set()
    note_writers(living.database, seen)
    with living.database.transaction() as session:
        session.execute(text("UPDATE tasks SET status = 'clos'"))
        session.execute(text("UPDATE tasks SET assignee_id = NULL"))
    assert strangers(seen) == {("UPDATE tasks", "outside")}
