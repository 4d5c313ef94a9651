"""Taking the running demandes of a version to another: a dry run, then a batch in the background, and the way back.

Each demande has its own transaction, which changes it and says so in the batch's row: a worker killed at any instant
leaves the others pending, and none is migrated twice. Families are told nothing: their demande goes on.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func, insert, literal, select
from sqlalchemy.orm import Session

from app import clock
from app.cases.models import Case
from app.cases.operations import _follow, _tell, runtime
from app.cases.queries import Opened, facts_of, open_case_rows
from app.db import Database, Json, new_id
from app.engine import verify
from app.engine.migration import Plan, migrated, plan, restored
from app.engine.models import Instance
from app.engine.moving import why_closed
from app.engine.runtime import Outcome
from app.engine.steps import EngineFault
from app.errors import Conflict, NotFound, PortalError, Refused
from app.facts import Work, handles
from app.journal import record
from app.outbox import emit
from app.policy import SYSTEM, Actor, Permission, require
from app.procedures.checking import catalogue
from app.procedures.models import Version
from app.procedures.queries import content_of
from app.studio.models import CaseMigration, MigrationBatch, StepMapping

MOST = 1000
"""Demandes that a dry run looks at; the batch takes them all."""
AT_ONCE = 100
"""Demandes that one fact takes; the following ones have their own, so that no lease runs out."""


@dataclass(frozen=True)
class Planned:
    """A demande of a dry run."""

    case_id: uuid.UUID
    reference: str
    plan: Plan


def _needed(session: Session, target: Version) -> Mapping[str, frozenset[str]]:
    return verify.needed_at(content_of(session, target.bundle_hash).files, catalogue(session))


def mapping(session: Session, source: Version, target: Version) -> dict[str, str]:
    """The steps chosen so far for this pair of versions."""
    query = select(StepMapping.node, StepMapping.target).where(
        StepMapping.from_version_id == source.id, StepMapping.to_version_id == target.id
    )
    return {row[0]: row[1] for row in session.execute(query)}


def dry_run(session: Session, source: Version, target: Version) -> list[Planned]:
    """What would become of each running demande of ``source``, oldest first; ``MOST`` of them. Changes nothing."""
    needed, chosen = _needed(session, target), mapping(session, source, target)
    query = (
        select(Case, Instance)
        .join(Instance, Instance.case_id == Case.id)
        .where(Case.version_id == source.id, Instance.ended_at.is_(None))
        .order_by(Case.opened_at, Case.id)
        .limit(MOST)
    )
    return [
        Planned(case.id, case.reference, _plan(session, case, instance, target, chosen, needed))
        for case, instance in session.execute(query)
    ]


def _plan(
    session: Session,
    case: Case,
    instance: Instance,
    target: Version,
    chosen: Mapping[str, str],
    needed: Mapping[str, frozenset[str]],
) -> Plan:
    workflow, old = runtime.look(session, facts_of(case), instance)
    return plan(workflow, old, runtime.definition(session, target.bundle_hash), chosen, needed)


def choose(session: Session, actor: Actor, source: Version, target: Version, node: str, step: str) -> None:
    """Remembers where demandes that cannot stay at ``node`` go on; nothing chosen forgets it. Raises Refused."""
    require(actor, Permission.PROCEDURE_PUBLISH)
    if node not in runtime.definition(session, source.bundle_hash).nodes:
        raise Refused("Choisissez une étape de la version d’origine.")
    if step and (why := why_closed(runtime.definition(session, target.bundle_hash), step)):
        raise Refused(f"Choisissez une autre étape : {why}.")
    known = session.get(StepMapping, (source.id, target.id, node))
    if known is not None:
        session.delete(known)
        session.flush()
    if step:
        session.add(StepMapping(from_version_id=source.id, to_version_id=target.id, node=node, target=step))
    details = {"from": source.number, "to": target.number, "node": node, "step": step}
    record(session, actor, "migration.step_chosen", "procedure", source.procedure_id, **details)
    session.flush()


# -- the batch -------------------------------------------------------------------------------------------------------


def start(session: Session, actor: Actor, source: Version, target: Version) -> MigrationBatch:
    """Begins to migrate every running demande of ``source``. Raises Refused, or Conflict while another batch runs."""
    require(actor, Permission.PROCEDURE_PUBLISH)
    if source.id == target.id or source.procedure_id != target.procedure_id:
        raise Refused("Choisissez une autre version que celle où sont ces demandes.")
    under_way = select(MigrationBatch.id).where(
        MigrationBatch.procedure_id == source.procedure_id, MigrationBatch.ended_at.is_(None)
    )
    if session.scalar(under_way.limit(1)) is not None:
        raise Conflict("Une migration de cette démarche est déjà en cours : attendez qu’elle se termine.")
    batch = MigrationBatch(
        id=new_id(),
        procedure_id=source.procedure_id,
        from_version_id=source.id,
        to_version_id=target.id,
        created_by=actor.label,
        created_at=clock.now(),
    )
    session.add(batch)
    session.flush()
    texts = ("pending", "", "", "", "")
    running = (
        select(literal(batch.id, CaseMigration.batch_id.type), Case.id, Case.reference, *map(literal, texts))
        .join(Instance, Instance.case_id == Case.id)
        .where(Case.version_id == source.id, Instance.ended_at.is_(None))
    )
    names = ["batch_id", "case_id", "reference", "outcome", "cause", "node", "target", "serializer"]
    session.execute(insert(CaseMigration).from_select(names, running))
    details = {"batch": str(batch.id), "from": source.number, "to": target.number}
    record(session, actor, "migration.started", "procedure", source.procedure_id, **details)
    emit(session, "migration.asked", batch=str(batch.id))
    return batch


@handles("migration.asked")
def carry_on(work: Work, payload: Mapping[str, Json]) -> None:
    """Treats ``migration.asked``: some demandes that are still pending, then asks for the following ones."""
    migrate_pending(work.database, uuid.UUID(payload["batch"]))


def migrate_pending(database: Database, batch_id: uuid.UUID, limit: int = AT_ONCE) -> None:
    """Migrates at most ``limit`` pending demandes of a batch, and ends the batch when none is left."""
    pending = select(CaseMigration.case_id).where(
        CaseMigration.batch_id == batch_id, CaseMigration.outcome == "pending"
    )
    with database.transaction(read_only=True) as session:
        found = session.scalars(pending.limit(limit)).all()
    for case_id in found:
        try:
            with database.transaction() as session:
                migrate_one(session, batch_id, case_id)
        except EngineFault as fault:
            _block(database, batch_id, case_id, fault.cause)
        except PortalError as refusal:
            _block(database, batch_id, case_id, refusal.message)
    with database.transaction() as session:
        batch = session.get(MigrationBatch, batch_id, with_for_update=True)
        if batch is None or batch.ended_at is not None:
            return
        if session.scalar(pending.limit(1)) is not None:
            emit(session, "migration.asked", batch=str(batch_id))
        else:
            batch.ended_at = clock.now()


def _line(session: Session, batch_id: uuid.UUID, case_id: uuid.UUID) -> CaseMigration | None:
    return session.get(CaseMigration, (batch_id, case_id), with_for_update=True, populate_existing=True)


def _block(database: Database, batch_id: uuid.UUID, case_id: uuid.UUID, cause: str) -> None:
    with database.transaction() as session:
        line = _line(session, batch_id, case_id)
        if line is not None and line.outcome == "pending":
            line.outcome, line.cause = "blocked", cause[:500]


def migrate_one(session: Session, batch_id: uuid.UUID, case_id: uuid.UUID) -> None:
    """Migrates one demande, or says why it stays. Does nothing when that is done. Raises Conflict, to be undone."""
    batch = session.get_one(MigrationBatch, batch_id)
    try:
        opened: Opened | None = open_case_rows(session, case_id, lock=True)  # the case first, as every step does
    except NotFound:
        opened = None
    line = _line(session, batch_id, case_id)
    if line is None or line.outcome != "pending":
        return
    if opened is None or opened.instance.ended_at is not None or opened.case.version_id != batch.from_version_id:
        line.outcome, line.cause = "blocked", "elle s’est terminée, ou a changé de version, entre-temps"
        return
    source = session.get_one(Version, batch.from_version_id)
    target = session.get_one(Version, batch.to_version_id)
    chosen, needed = mapping(session, source, target), _needed(session, target)
    found = _plan(session, opened.case, opened.instance, target, chosen, needed)
    line.node, line.target = found.node, found.target
    if found.result != "safe":
        line.outcome, line.cause = "blocked", found.cause
        return
    line.state, line.serializer = opened.instance.state, opened.instance.serializer
    old = runtime.definition(session, opened.instance.bundle_hash)
    outcome = runtime.replace(
        session,
        SYSTEM,
        opened.facts,
        opened.instance,
        target.bundle_hash,
        lambda workflow, engine: migrated(workflow, old, engine, found.target),
    )
    if outcome.failures:
        raise Conflict(f"elle s’arrêterait dans la nouvelle version : {outcome.failures[0].cause}")
    line.outcome, line.revision = "migrated", opened.instance.revision
    _land(session, opened.case, target, outcome, quiet=found.target == found.node)
    details = {"batch": str(batch_id), "from": source.number, "to": target.number, "node": found.target}
    record(session, SYSTEM, "case.migrated", "case", case_id, **details)


def _land(session: Session, case: Case, version: Version, outcome: Outcome, *, quiet: bool) -> None:
    """The row people read follows. ``quiet``: nothing that the family sees has moved, not even its date."""
    before = case.status
    if not quiet:
        _follow(session, case, outcome)
        _tell(session, case, before, outcome, first_filing=False)
    elif outcome.status:
        case.status = outcome.status
    case.version_id, case.bundle_hash = version.id, version.bundle_hash
    session.flush()


# -- the way back ----------------------------------------------------------------------------------------------------


def revert(session: Session, actor: Actor, batch_id: uuid.UUID, case_id: uuid.UUID) -> None:
    """Takes a migrated demande back to what it was. Raises Conflict when it has moved since."""
    require(actor, Permission.PROCEDURE_PUBLISH)
    opened = open_case_rows(session, case_id, lock=True)
    batch, line = session.get_one(MigrationBatch, batch_id), _line(session, batch_id, case_id)
    if line is None or line.outcome != "migrated" or line.state is None:
        raise Conflict("cette demande n’a pas été migrée, ou est déjà revenue")
    if opened.instance.revision != line.revision or opened.case.version_id != batch.to_version_id:
        raise Conflict("elle a avancé depuis sa migration : on ne peut plus revenir en arrière")
    source = session.get_one(Version, batch.from_version_id)
    state, serializer = line.state, line.serializer
    outcome = runtime.replace(
        session,
        actor,
        opened.facts,
        opened.instance,
        source.bundle_hash,
        lambda workflow, engine: restored(workflow, engine, state, serializer),
    )
    line.outcome, line.state = "reverted", None
    _land(session, opened.case, source, outcome, quiet=line.target == line.node)
    details = {"batch": str(batch_id), "to": source.number, "node": line.node}
    record(session, actor, "case.migration_reverted", "case", case_id, **details)


def revert_all(database: Database, actor: Actor, batch_id: uuid.UUID) -> tuple[int, list[tuple[str, str]]]:
    """Takes back every demande of a batch that has not moved since, each in its own transaction.

    Gives how many came back, and (reference, why) of the others.
    """
    require(actor, Permission.PROCEDURE_PUBLISH)
    query = select(CaseMigration.case_id, CaseMigration.reference).where(
        CaseMigration.batch_id == batch_id, CaseMigration.outcome == "migrated"
    )
    with database.transaction(read_only=True) as session:
        found = session.execute(query).all()
    back, kept = 0, []
    for case_id, reference in found:
        try:
            with database.transaction() as session:
                revert(session, actor, batch_id, case_id)
            back += 1
        except EngineFault as fault:
            kept.append((reference, fault.cause))
        except PortalError as refusal:
            kept.append((reference, refusal.message))
    return back, kept


# -- what is shown ---------------------------------------------------------------------------------------------------


def batches_of(session: Session, procedure_id: uuid.UUID, limit: int = 20) -> Sequence[MigrationBatch]:
    """The latest batches of a démarche, newest first."""
    query = select(MigrationBatch).where(MigrationBatch.procedure_id == procedure_id)
    return session.scalars(query.order_by(MigrationBatch.created_at.desc()).limit(limit)).all()


def batch_of(session: Session, procedure_id: uuid.UUID, batch_id: uuid.UUID) -> MigrationBatch:
    """A batch of this démarche. Raises NotFound."""
    batch = session.get(MigrationBatch, batch_id)
    if batch is None or batch.procedure_id != procedure_id:
        raise NotFound
    return batch


def progress(session: Session, batch_id: uuid.UUID) -> Counter[str]:
    """How many demandes of a batch ended how."""
    query = select(CaseMigration.outcome, func.count()).where(CaseMigration.batch_id == batch_id)
    return Counter({row[0]: row[1] for row in session.execute(query.group_by(CaseMigration.outcome))})


def blocked_of(session: Session, batch_id: uuid.UUID, limit: int = 200) -> Sequence[tuple[str, str]]:
    """References of the demandes that stayed, and why."""
    query = select(CaseMigration.reference, CaseMigration.cause).where(
        CaseMigration.batch_id == batch_id, CaseMigration.outcome == "blocked"
    )
    return [(row[0], row[1]) for row in session.execute(query.order_by(CaseMigration.reference).limit(limit))]
