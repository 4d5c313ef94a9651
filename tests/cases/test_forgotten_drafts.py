"""Drafts that nobody came back to."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest
from sqlalchemy import func, select

from app import clock
from app.cases import chores
from app.cases.chores import forget_drafts
from app.cases.models import Case, Draft
from app.cases.operations import save_draft, send_message
from app.cases.queries import Who, open_tasks, their_case
from app.chores import registered
from app.db import Database
from app.engine.models import Instance, Task
from app.journal import JournalEntry, verify_chain
from app.outbox import OutboxFact
from tests.cases.making import World, case_of, file_case, make_world, open_draft
from tests.conftest import settings_for


def type_something(database: Database, world: World, case_id: uuid.UUID) -> None:
    with database.transaction() as session:
        who = Who(world.actor(session, world.camille))
        task = open_tasks(session, case_id)[0]
        save_draft(session, who, their_case(session, who, case_id, task.id, lock=True), {"motif": "Léna"}, page=0)


def cases(database: Database) -> set[uuid.UUID]:
    with database.transaction(read_only=True) as session:
        return set(session.scalars(select(Case.id)))


def test_a_draft_is_kept_as_long_as_its_demarche_says_then_leaves_nothing(database: Database, tmp_path: Path) -> None:
    settings = settings_for("sqlite://", tmp_path)
    with clock.frozen(clock.now()) as time:
        world = make_world(database)
        case_id = open_draft(database, world)
        type_something(database, world, case_id)
        time.advance(days=90)
        forget_drafts(database, settings)
        assert cases(database) == {case_id}
        time.advance(seconds=1)
        forget_drafts(database, settings)
    assert cases(database) == set()
    with database.transaction(read_only=True) as session:
        for rows in (Draft, Instance, Task):
            assert session.scalar(select(func.count()).select_from(rows)) == 0
        entry = session.scalars(select(JournalEntry).where(JournalEntry.action == "case.abandoned")).one()
        assert (entry.actor_kind, entry.object_id) == ("system", case_id)
        fact = session.scalars(select(OutboxFact).where(OutboxFact.kind == "case.abandoned")).one()
        assert fact.payload == {"case_id": str(case_id)}, "its files are erased by whoever treats this fact"
        assert verify_chain(session).fault is None


def test_a_draft_in_which_nothing_was_typed_is_gone_after_a_day(database: Database, tmp_path: Path) -> None:
    settings = settings_for("sqlite://", tmp_path)
    with clock.frozen(clock.now()) as time:
        world = make_world(database)
        open_draft(database, world)
        time.advance(days=1)
        forget_drafts(database, settings)
        assert len(cases(database)) == 1
        time.advance(seconds=1)
        forget_drafts(database, settings)
    assert cases(database) == set()


def test_what_was_sent_once_is_never_deleted_even_reopened_to_be_changed(database: Database, tmp_path: Path) -> None:
    with clock.frozen(clock.now()) as time:
        world = make_world(database)
        sent, changed = file_case(database, world), file_case(database, world)
        with database.transaction() as session:
            who = Who(world.actor(session, world.camille))
            send_message(session, who, their_case(session, who, changed, lock=True), "modifier")
        assert case_of(database, changed).status == "brouillon"
        time.advance(days=400)
        forget_drafts(database, settings_for("sqlite://", tmp_path))
    assert cases(database) == {sent, changed}


def test_no_draft_is_missed_when_there_are_more_than_a_batch(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chores, "BATCH", 2)
    with clock.frozen(clock.now()) as time:
        world = make_world(database)
        kept = open_draft(database, world)
        type_something(database, world, kept)  # the oldest, and to be stepped over
        for _ in range(5):
            open_draft(database, world)
        time.advance(days=2)
        forget_drafts(database, settings_for("sqlite://", tmp_path))
    assert cases(database) == {kept}


def test_the_clock_knows_this_chore() -> None:
    assert registered()["cases.forget_drafts"].run is forget_drafts
