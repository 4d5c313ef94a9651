"""Taking the running demandes of a version to another: a dry run, then a batch in the background.

Each demande has its own transaction, which changes it and says so in the batch's row: a worker killed at any instant
leaves the others pending, and none is migrated twice. Families are told nothing: their demande goes on.
"""

from __future__ import annotations

import logging
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, insert, literal, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app import clock
from app.cases.models import Case
from app.cases.operations import _follow, _tell, runtime
from app.cases.queries import Opened, facts_of, open_case_rows
from app.db import Database, Json, new_id
from app.engine import verify
from app.engine.instances import also_forgets
from app.engine.migration import Plan, migrated, plan, why_not_chosen
from app.engine.models import Instance
from app.engine.runtime import Outcome
from app.engine.specs import Definition
from app.engine.state import StateError
from app.engine.steps import EngineFault
from app.errors import Conflict, NotFound, PortalError, Refused
from app.facts import Work, handles, when_given_up
from app.journal import record
from app.kept import Recent
from app.outbox import emit
from app.policy import FAMILY_LANE, SYSTEM, Actor, Permission, require
from app.procedures.checking import catalogue
from app.procedures.models import Procedure, Version
from app.procedures.queries import content_of
from app.studio.continuity import carry_typed, in_hand, keep_in_hand
from app.studio.models import CaseMigration, MigrationBatch, StepMapping

log = logging.getLogger(__name__)

MOST = 1000
"""Demandes that a dry run looks at; the batch takes them all."""
AT_ONCE = 100
"""Demandes that one fact takes; the following ones have their own, so that no lease runs out."""
PUBLISHED_SINCE = "Une autre version a été mise en ligne depuis votre essai à blanc : refaites-le."
NOT_DONE = "le portail n’y est pas parvenu : recommencez plus tard"
_UNSENT = "la famille ne l’a pas encore envoyée : elle ne peut reprendre qu’à une étape où la famille la remplit"
_UNREADABLE = "ce que le portail en a gardé est illisible : prévenez le support"
_NEEDED: Recent[str, Mapping[str, frozenset[str]]] = Recent(16)


@dataclass(frozen=True)
class Planned:
    """A demande of a dry run."""

    case_id: uuid.UUID
    reference: str
    plan: Plan


def _needed(session: Session, target: Version) -> Mapping[str, frozenset[str]]:
    def read() -> Mapping[str, frozenset[str]]:
        return verify.needed_at(content_of(session, target.bundle_hash).files, catalogue(session))

    return _NEEDED.get(target.bundle_hash, read)


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
    new = runtime.definition(session, target.bundle_hash)
    try:
        workflow, old = runtime.look(session, facts_of(case), instance)
    except StateError:
        return Plan("blocked", cause=_UNREADABLE)
    found = plan(workflow, old, new, chosen, needed)
    if found.result == "safe" and _is_unsent(case) and not all(_is_written(new, each) for each in ids_of(found.target)):
        one_more = found.node in old.nodes and found.node not in chosen
        return Plan("map" if one_more else "blocked", found.node, found.target, _UNSENT)
    return found


def _is_unsent(case: Case) -> bool:
    return case.status == "brouillon" and case.submitted_at is None


def _is_written(version: Definition, node: str) -> bool:
    """Whether a family that is at this step still writes its demande."""
    drawn = version.nodes[node]
    return drawn.lane == FAMILY_LANE and drawn.status in (None, "brouillon")


def ids_of(places: str) -> list[str]:
    return places.split(", ") if places else []


def choose(session: Session, actor: Actor, source: Version, target: Version, node: str, step: str) -> None:
    """Remembers where demandes that cannot stay at ``node`` go on; nothing chosen forgets it. Raises Refused."""
    require(actor, Permission.PROCEDURE_PUBLISH)
    old, new = (runtime.definition(session, each.bundle_hash) for each in (source, target))
    if node not in old.nodes:
        raise Refused("Choisissez une étape de la version d’origine.")
    if step and (why := why_not_chosen(old, new, node, step)):
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
    """Begins to migrate every running demande of ``source`` to the version in line.

    Raises Refused; Conflict while another batch runs, or when ``target`` is not in line any more.
    """
    require(actor, Permission.PROCEDURE_PUBLISH)
    if source.id == target.id or source.procedure_id != target.procedure_id:
        raise Refused("Choisissez une autre version que celle où sont ces demandes.")
    # locked: two that begin at once are judged one after the other, and no version is published meanwhile
    procedure = session.get_one(Procedure, source.procedure_id, with_for_update=True, populate_existing=True)
    if procedure.version_id != target.id:
        raise Conflict(PUBLISHED_SINCE)
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


@when_given_up("migration.asked")
def say_given_up(session: Session, payload: Mapping[str, Json], _cause: str) -> None:
    """What is still pending stays where it is, and says so: another migration may take it."""
    left = select_lines(uuid.UUID(payload["batch"]), "pending")
    session.execute(update(CaseMigration).where(*left).values(outcome="blocked", cause=NOT_DONE))
    session.get_one(MigrationBatch, uuid.UUID(payload["batch"])).ended_at = clock.now()


def select_lines(batch_id: uuid.UUID, outcome: str) -> tuple[ColumnElement[bool], ...]:
    """What the lines of a batch that ended so have in common."""
    return CaseMigration.batch_id == batch_id, CaseMigration.outcome == outcome


def migrate_pending(database: Database, batch_id: uuid.UUID, limit: int = AT_ONCE) -> None:
    """Migrates at most ``limit`` pending demandes of a batch, and ends the batch when none is left."""
    pending = select(CaseMigration.case_id).where(*select_lines(batch_id, "pending"))
    with database.transaction(read_only=True) as session:
        found = session.scalars(pending.limit(limit)).all()
    for case_id in found:
        try:
            with database.transaction() as session:
                migrate_one(session, batch_id, case_id)
        except OperationalError:
            raise  # the database went away: the fact is tried again
        except Exception as error:  # one demande that cannot be migrated must not keep the others
            _block(database, batch_id, case_id, why_not(error))
    with database.transaction() as session:
        batch = session.get(MigrationBatch, batch_id, with_for_update=True)
        if batch is None or batch.ended_at is not None:
            return
        if session.scalar(pending.limit(1)) is not None:
            emit(session, "migration.asked", batch=str(batch_id))
        else:
            batch.ended_at = clock.now()


def why_not(error: Exception) -> str:
    """What an administrator is told of a demande that could not be taken to another version, or back."""
    if isinstance(error, EngineFault):
        return error.cause
    if isinstance(error, PortalError):
        return error.message
    log.error("a demande was not migrated: %s", type(error).__name__)
    return _UNREADABLE if isinstance(error, StateError) else f"erreur du portail ({type(error).__name__})"


def line_of(session: Session, batch_id: uuid.UUID, case_id: uuid.UUID) -> CaseMigration | None:
    return session.get(CaseMigration, (batch_id, case_id), with_for_update=True, populate_existing=True)


def _block(database: Database, batch_id: uuid.UUID, case_id: uuid.UUID, cause: str) -> None:
    with database.transaction() as session:
        line = line_of(session, batch_id, case_id)
        if line is not None and line.outcome == "pending":
            line.outcome, line.cause = "blocked", cause[:500]


def migrate_one(session: Session, batch_id: uuid.UUID, case_id: uuid.UUID) -> None:
    """Migrates one demande, or says why it stays. Does nothing when that is done. Raises Conflict, to be undone."""
    batch = session.get_one(MigrationBatch, batch_id)
    try:
        opened: Opened | None = open_case_rows(session, case_id, lock=True)  # the case first, as every step does
    except NotFound:
        opened = None
    line = line_of(session, batch_id, case_id)
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
    old, held = runtime.definition(session, opened.instance.bundle_hash), in_hand(session, case_id)
    outcome = runtime.replace(
        session,
        SYSTEM,
        opened.facts,
        opened.instance,
        target.bundle_hash,
        lambda workflow, engine: migrated(workflow, old, engine, found.target, chosen, needed),
    )
    if outcome.failures:
        raise Conflict(f"elle s’arrêterait dans la nouvelle version : {outcome.failures[0].cause}")
    line.outcome, line.revision = "migrated", opened.instance.revision
    keep_in_hand(session, held, outcome)
    new, places = runtime.definition(session, target.bundle_hash), ids_of(found.target)
    for node in ids_of(found.node):
        if node not in places:
            carry_typed(session, case_id, (old, node), (new, chosen.get(node, "")))
    land(session, opened.case, target, outcome, stays=found.target == found.node)
    details = {"batch": str(batch_id), "from": source.number, "to": target.number, "node": found.target}
    record(session, SYSTEM, "case.migrated", "case", case_id, **details)


def land(session: Session, case: Case, version: Version, outcome: Outcome, *, stays: bool) -> None:
    """The row people read follows. A demande that ``stays`` where it is, and where nothing ran (a timer that was due,
    an incident that is mended), has not moved for its family: not even its date changes."""
    before = case.status
    if not stays or outcome.visited:
        _follow(session, case, outcome)
        _tell(session, case, before, outcome, first_filing=False)
    elif outcome.status:
        case.status = outcome.status
    case.version_id, case.bundle_hash = version.id, version.bundle_hash
    session.flush()


@also_forgets
def _forget_states(session: Session, case_id: uuid.UUID) -> None:
    """A demande that is erased or abandoned cannot come back to what it was: only that it was migrated is kept."""
    session.execute(update(CaseMigration).where(CaseMigration.case_id == case_id).values(state=None))


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


def stayed_of(
    session: Session, batch_id: uuid.UUID, outcome: str = "blocked", limit: int = 200
) -> Sequence[tuple[str, str]]:
    """References of the demandes that stayed on their version (*blocked*) or that did not come back (*migrated*), and
    why."""
    query = select(CaseMigration.reference, CaseMigration.cause).where(
        *select_lines(batch_id, outcome), CaseMigration.cause != ""
    )
    return [(row[0], row[1]) for row in session.execute(query.order_by(CaseMigration.reference).limit(limit))]
