"""The way back of a migration: each demande that has not moved since is what it was, in a batch in the background."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping

from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app import clock
from app.accounts.models import Account
from app.accounts.sessions import actor_of
from app.cases.operations import runtime
from app.cases.queries import open_case_rows
from app.db import Database, Json
from app.engine.migration import restored
from app.errors import Conflict, Refused
from app.facts import Work, handles, when_given_up
from app.journal import record
from app.outbox import emit
from app.policy import Actor, Permission, require
from app.procedures.models import Version
from app.studio.continuity import carry_typed, in_hand, keep_in_hand
from app.studio.migrating import AT_ONCE, NOT_DONE, land, line_of, select_lines, why_not
from app.studio.models import CaseMigration, MigrationBatch

log = logging.getLogger(__name__)
RETURNING = "returning"
"""The outcome of a line whose demande is to come back."""


def ask(session: Session, actor: Actor, batch: MigrationBatch) -> None:
    """Begins to take back every demande of a batch. Raises Conflict while it runs, Refused when none is left."""
    require(actor, Permission.PROCEDURE_PUBLISH)
    session.refresh(batch, with_for_update=True)
    if batch.ended_at is None:
        raise Conflict("Attendez la fin de la migration pour la défaire.")
    asked = update(CaseMigration).where(*select_lines(batch.id, "migrated")).values(outcome=RETURNING, cause="")
    if not session.connection().execute(asked).rowcount:
        raise Refused("Aucune demande de cette migration n’est à remettre sur sa version d’avant.")
    batch.ended_at = None
    record(session, actor, "migration.undone", "procedure", batch.procedure_id, batch=str(batch.id))
    emit(session, "migration.undo_asked", batch=str(batch.id), account=str(actor.id))


@handles("migration.undo_asked")
def carry_on(work: Work, payload: Mapping[str, Json]) -> None:
    """Treats ``migration.undo_asked``: some demandes, then asks for the following ones."""
    with work.database.transaction(read_only=True) as session:
        actor = actor_of(session, session.get_one(Account, uuid.UUID(payload["account"])))
    take_back(work.database, actor, uuid.UUID(payload["batch"]))


@when_given_up("migration.undo_asked")
def say_given_up(session: Session, payload: Mapping[str, Json], _cause: str) -> None:
    """What has not come back stays in the new version, and says so."""
    left = select_lines(uuid.UUID(payload["batch"]), RETURNING)
    session.execute(update(CaseMigration).where(*left).values(outcome="migrated", cause=NOT_DONE))
    session.get_one(MigrationBatch, uuid.UUID(payload["batch"])).ended_at = clock.now()


def take_back(database: Database, actor: Actor, batch_id: uuid.UUID, limit: int = AT_ONCE) -> None:
    """Takes back at most ``limit`` demandes of a batch, each in its own transaction, and ends it when none is left."""
    left = select(CaseMigration.case_id).where(*select_lines(batch_id, RETURNING))
    with database.transaction(read_only=True) as session:
        found = session.scalars(left.limit(limit)).all()
    for case_id in found:
        try:
            with database.transaction() as session:
                revert(session, actor, batch_id, case_id)
        except OperationalError:
            raise  # the database went away: the fact is tried again
        except Exception as error:  # one that moved since, or cannot be read, must not keep the others
            _keep(database, batch_id, case_id, why_not(error))
    with database.transaction() as session:
        batch = session.get(MigrationBatch, batch_id, with_for_update=True)
        if batch is None or batch.ended_at is not None:
            return
        if session.scalar(left.limit(1)) is not None:
            emit(session, "migration.undo_asked", batch=str(batch_id), account=str(actor.id))
        else:
            batch.ended_at = clock.now()


def _keep(database: Database, batch_id: uuid.UUID, case_id: uuid.UUID, cause: str) -> None:
    with database.transaction() as session:
        line = line_of(session, batch_id, case_id)
        if line is not None and line.outcome == RETURNING:
            line.outcome, line.cause = "migrated", cause[:500]


def revert(session: Session, actor: Actor, batch_id: uuid.UUID, case_id: uuid.UUID) -> None:
    """Takes a migrated demande back to what it was. Raises Conflict when it has moved since."""
    require(actor, Permission.PROCEDURE_PUBLISH)
    opened = open_case_rows(session, case_id, lock=True)
    batch, line = session.get_one(MigrationBatch, batch_id), line_of(session, batch_id, case_id)
    if line is None or line.outcome not in ("migrated", RETURNING) or line.state is None:
        raise Conflict("cette demande n’a pas été migrée, ou est déjà revenue")
    if opened.instance.revision != line.revision or opened.case.version_id != batch.to_version_id:
        raise Conflict("elle a avancé depuis sa migration : on ne peut plus revenir en arrière")
    source = session.get_one(Version, batch.from_version_id)
    state, serializer, held = line.state, line.serializer, in_hand(session, case_id)
    outcome = runtime.replace(
        session,
        actor,
        opened.facts,
        opened.instance,
        source.bundle_hash,
        lambda workflow, engine: restored(workflow, engine, state, serializer),
    )
    line.outcome, line.state = "reverted", None
    keep_in_hand(session, held, outcome)
    old, new = (runtime.definition(session, each) for each in (opened.case.bundle_hash, source.bundle_hash))
    carry_typed(session, case_id, (old, line.target), (new, line.node))
    land(session, opened.case, source, outcome, stays=line.target == line.node)
    details = {"batch": str(batch_id), "to": source.number, "node": line.node}
    record(session, actor, "case.migration_reverted", "case", case_id, **details)
