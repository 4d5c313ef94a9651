"""Old mails and old facts go, at night, in pieces; what still has to happen stays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select

from app import chores, clock
from app.db import Database, new_id
from app.messages import retention
from app.messages.mails import Mail
from app.outbox import OutboxFact
from tests.conftest import settings_for

NOON = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)


def mail(state: str, days: int) -> dict[str, object]:
    made = new_id()
    return {
        "id": made,
        "fact_id": made,
        "kind": "test.letter",
        "position": 0,
        "message_id": f"<{made}@example.org>",
        "recipient": "a@example.org",
        "subject": f"{state} {days}",
        "body": "B",
        "state": state,
        "created_at": NOON - timedelta(days=days),
    }


def fact(state: str, days: int) -> dict[str, object]:
    at = NOON - timedelta(days=days)
    return {
        "id": new_id(),
        "kind": f"test.{state}{days}",
        "payload": {},
        "state": state,
        "attempts": 0,
        "created_at": at,
        "due_at": at,
        "error": None,
    }


def test_only_what_is_old_and_over_is_forgotten(database: Database, tmp_path: Path) -> None:
    settings = settings_for("sqlite://", tmp_path)
    with database.transaction() as session:
        session.execute(
            insert(Mail), [mail(state, days) for state in ("sent", "held", "failed", "to_send") for days in (399, 401)]
        )
        session.execute(
            insert(OutboxFact), [fact(state, days) for state in ("done", "failed", "pending") for days in (89, 91)]
        )
    with clock.frozen(NOON):
        retention.forget_mails(database, settings)
        retention.forget_facts(database, settings)
    with database.transaction(read_only=True) as session:
        mails = set(session.scalars(select(Mail.subject)))
        facts = set(session.scalars(select(OutboxFact.kind)))
    assert mails == {"sent 399", "held 399", "failed 399", "to_send 399", "to_send 401"}
    assert facts == {"test.done89", "test.failed89", "test.failed91", "test.pending89", "test.pending91"}


def test_more_than_a_batch_goes_in_one_night(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 10)
    with database.transaction() as session:
        session.execute(insert(OutboxFact), [fact("done", 100) for _ in range(35)])
    with clock.frozen(NOON):
        retention.forget_facts(database, settings_for("sqlite://", tmp_path))
    with database.transaction(read_only=True) as session:
        assert session.scalar(select(func.count()).select_from(OutboxFact)) == 0


def test_both_are_nightly_chores() -> None:
    registered = chores.registered()
    assert {"messages.forget_mails", "outbox.forget_facts"} <= set(registered)
    assert registered["outbox.forget_facts"].run is retention.forget_facts
