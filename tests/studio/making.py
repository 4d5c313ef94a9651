"""A commune with one démarche and two people who may change it."""

from __future__ import annotations

import uuid
from typing import NamedTuple

from app import clock
from app.accounts.models import Account, GrantRow
from app.db import Database, fold, new_id
from app.policy import Actor
from app.studio import migrating, undoing
from app.studio.models import MigrationBatch
from tests.cases.making import World, make_world


class Studio(NamedTuple):
    """``iris`` and ``omar`` administer; ``nadia`` handles demandes."""

    world: World
    iris: Actor
    omar: Actor
    nadia: Actor


def add_administrator(database: Database, first: str, last: str) -> uuid.UUID:
    """One more administrator."""
    with database.transaction() as session:
        account = Account(
            id=new_id(),
            email=f"{fold(first)}.{fold(last)}@example.org",
            kind="agent",
            first_name=first,
            last_name=last,
            sort_key=fold(f"{last} {first}"),
            state="active",
            created_at=clock.now(),
        )
        session.add(account)
        session.flush()
        session.add(GrantRow(id=new_id(), account_id=account.id, role_code="administrateur", created_at=clock.now()))
    return account.id


def make_studio(database: Database) -> Studio:
    """The commune, its démarche published, its people as actors."""
    world = make_world(database)
    omar = add_administrator(database, "Omar", "Petit")
    with database.transaction(read_only=True) as session:
        return Studio(
            world,
            world.actor(session, world.administrator),
            world.actor(session, omar),
            world.actor(session, world.nadia),
        )


def undo(database: Database, actor: Actor, batch_id: uuid.UUID) -> tuple[int, list[tuple[str, str]]]:
    """« Défaire cette migration », to its end: how many demandes came back, and (reference, why) of the others."""
    with database.transaction() as session:
        before = migrating.progress(session, batch_id)["reverted"]
        undoing.ask(session, actor, session.get_one(MigrationBatch, batch_id))
    for _ in range(20):
        undoing.take_back(database, actor, batch_id)
    with database.transaction(read_only=True) as session:
        assert session.get_one(MigrationBatch, batch_id).ended_at is not None
        back = migrating.progress(session, batch_id)["reverted"] - before
        return back, list(migrating.stayed_of(session, batch_id, "migrated"))
