"""The way back of a migration, and what is said when the portal cannot go on with a batch."""

from __future__ import annotations

import uuid

import pytest
from sqlalchemy import select

from app.db import Database
from app.errors import Conflict, Refused
from app.facts import last_word_of
from app.studio import migrating, undoing
from app.studio.models import CaseMigration, MigrationBatch
from tests.cases.making import case_of, file_case
from tests.studio.making import Studio, make_studio, undo
from tests.studio.test_migrating import GONE, RENAMED, publish_next


def begun(database: Database, studio: Studio) -> uuid.UUID:
    """A batch of three demandes, asked for."""
    for _ in range(3):
        file_case(database, studio.world)
    source, target = publish_next(database, RENAMED)
    with database.transaction() as session:
        return migrating.start(session, studio.iris, source, target).id


def give_up(database: Database, kind: str, batch: uuid.UUID, studio: Studio) -> None:
    last_word = last_word_of(kind)
    assert last_word is not None
    with database.transaction() as session:
        last_word(session, {"batch": str(batch), "account": str(studio.iris.id)}, "délai")


def outcomes(database: Database, batch: uuid.UUID) -> list[tuple[str, str]]:
    with database.transaction(read_only=True) as session:
        lines = select(CaseMigration.outcome, CaseMigration.cause).where(CaseMigration.batch_id == batch)
        return sorted((row[0], row[1]) for row in session.execute(lines))


def test_a_batch_given_up_ends_and_another_takes_what_it_left(database: Database) -> None:
    studio = make_studio(database)
    batch = begun(database, studio)
    migrating.migrate_pending(database, batch, limit=1)
    give_up(database, "migration.asked", batch, studio)
    assert outcomes(database, batch) == [("blocked", migrating.NOT_DONE)] * 2 + [("migrated", "")]
    with database.transaction() as session:
        first = session.get_one(MigrationBatch, batch)
        assert first.ended_at is not None
        source = session.get_one(migrating.Version, first.from_version_id)
        target = session.get_one(migrating.Version, first.to_version_id)
        again = migrating.start(session, studio.iris, source, target).id
    migrating.migrate_pending(database, again)
    assert outcomes(database, again) == [("migrated", "")] * 2


def test_a_way_back_given_up_says_what_did_not_come_back_and_can_be_asked_again(database: Database) -> None:
    studio = make_studio(database)
    batch = begun(database, studio)
    migrating.migrate_pending(database, batch)
    with database.transaction() as session:
        undoing.ask(session, studio.iris, session.get_one(MigrationBatch, batch))
    undoing.take_back(database, studio.iris, batch, limit=1)
    with database.transaction() as session, pytest.raises(Conflict):  # it is under way
        undoing.ask(session, studio.iris, session.get_one(MigrationBatch, batch))
    give_up(database, "migration.undo_asked", batch, studio)
    assert outcomes(database, batch) == [("migrated", migrating.NOT_DONE)] * 2 + [("reverted", "")]
    assert undo(database, studio.iris, batch) == (2, [])


def test_no_step_that_ends_the_demande_can_be_chosen(database: Database) -> None:
    studio = make_studio(database)
    case_id = file_case(database, studio.world)
    source, target = publish_next(database, GONE)
    with database.transaction() as session, pytest.raises(Refused, match="termine la demande"):
        migrating.choose(session, studio.iris, source, target, "prendre", "fin_close")
    assert case_of(database, case_id).status == "en_attente"
