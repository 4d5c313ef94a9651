"""How a demande begins: promised by the page that shows its first form, opened by the first thing that is kept."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace

from sqlalchemy import BigInteger, bindparam, func, select
from sqlalchemy.orm import Session

from app import clock
from app.cases.models import Case
from app.cases.operations import runtime
from app.cases.queries import Opened, Who, ask_case, begun, facts_of, is_theirs, open_case_rows
from app.cases.writing import add_case
from app.db import Json, new_id
from app.engine.models import Task
from app.engine.runtime import Outcome
from app.errors import Conflict, Forbidden, NotFound
from app.families.queries import household_id_of
from app.hot import Hot, sends_trips
from app.journal import record
from app.policy import Permission, require
from app.procedures.opening import require_filer
from app.procedures.queries import Published, content_of, published
from app.procedures.settings import ProcedureSettings, automatic

ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"  # no 0/O, 1/I/L/U: read aloud on the phone without mistakes


@dataclass(frozen=True)
class Promise:
    """What the page of a demande that is not written yet must say to open it: its id, its version, the ids of its first
    steps by node, what its link had filled in."""

    case_id: uuid.UUID
    slug: str
    version_id: uuid.UUID
    bundle_hash: str
    tasks: Mapping[str, uuid.UUID]
    data: Mapping[str, Json]


def new_reference() -> str:
    """A reference such as ``26-K7QX-M2PD``: the year, and 39 random bits that nobody can guess."""
    code = "".join(secrets.choice(ALPHABET) for _ in range(8))
    return f"{clock.today():%y}-{code[:4]}-{code[4:]}"


def open_case(
    session: Session,
    who: Who,
    procedure: Published,
    *,
    channel: str = "portail",
    household_id: uuid.UUID | None = None,
    data: Mapping[str, Json] | None = None,
    promise: Promise | None = None,
) -> tuple[Case, Outcome]:
    """Starts a demande as a draft, the one of ``promise`` if a page was made for it. An agent files it for a family
    (``channel`` guichet, R-11), giving its household; that of a parent is looked up when it is not given."""
    case = _begun(session, who, procedure, channel, household_id)
    if promise is not None:
        case.id = promise.case_id
    add_case(session, case)
    started = initial_data(case, content_of(session, procedure.bundle_hash).settings) | dict(data or {})
    tasks = promise.tasks if promise is not None else None
    outcome = runtime.start(session, who.actor, facts_of(case), procedure.bundle_hash, started, tasks)
    if outcome.status not in (None, case.status):  # the ORM takes any assignment for a change
        case.status = outcome.status
    record(session, who.actor, "case.opened", "case", case.id, procedure=case.slug, channel=channel)
    return case, outcome


def promise_case(
    session: Session,
    who: Who,
    procedure: Published,
    *,
    household_id: uuid.UUID | None = None,
    data: Mapping[str, Json] | None = None,
) -> tuple[Promise, Opened]:
    """A demande that is not written yet, to show its first form; whatever is sent from there opens it.

    Raises NotRehearsed for a démarche that does something before.
    """
    case = _begun(session, who, procedure, "portail", household_id)
    given = dict(data or {})
    started = initial_data(case, content_of(session, procedure.bundle_hash).settings) | given
    outcome = runtime.rehearse(session, who.actor, facts_of(case), procedure.bundle_hash, started)
    case.status = outcome.status or case.status
    assert outcome.instance is not None
    tasks = {node.id: task_id for task_id, node in outcome.opened.items()}
    promise = Promise(case.id, procedure.slug, procedure.version_id, procedure.bundle_hash, tasks, given)
    return promise, Opened(case, outcome.instance, Task(**outcome.rows[0]), None)


_ALONE = Hot(select(func.pg_advisory_xact_lock(bindparam("key", type_=BigInteger()))))


def ask_promised(session: Session, case_id: uuid.UUID, task_id: uuid.UUID) -> None:
    """Says that ``promised_case`` will be asked (``Hot.ahead``)."""
    _ALONE.ahead(session, key=_key(case_id))
    ask_case(session, case_id, task_id, lock=True)


def _key(case_id: uuid.UUID) -> int:
    return case_id.int >> 65


def promised_case(
    session: Session, who: Who, promise: Promise, task_id: uuid.UUID, household_id: uuid.UUID | None
) -> Opened:
    """The demande that a page was made for, locked; it is opened now, in the version of that page, if nothing has been
    sent from there before. Raises what ``open_case`` does, and NotFound for somebody else's."""
    if sends_trips(session):
        _ALONE.rows(session, key=_key(promise.case_id))  # two saves of a page may leave at once
    try:
        opened = open_case_rows(session, promise.case_id, task_id, lock=True)
    except NotFound:
        return begun(session, *_kept(session, who, promise, household_id), task_id)
    if not is_theirs(session, who, opened.case):
        raise NotFound
    return opened


def _kept(session: Session, who: Who, promise: Promise, household_id: uuid.UUID | None) -> tuple[Case, Outcome]:
    shown = as_promised(session, promise)
    return open_case(session, who, shown, household_id=household_id, data=promise.data, promise=promise)


def is_open(session: Session, promise: Promise) -> bool:
    """Whether something was kept of the page that made this promise."""
    return session.get(Case, promise.case_id) is not None


def as_promised(session: Session, promise: Promise) -> Published:
    """The démarche in the version that the page shows. Raises NotFound when it is offered no more."""
    now = published(session, promise.slug)
    return replace(now, version_id=promise.version_id, bundle_hash=promise.bundle_hash)


def check_filer(session: Session, who: Who, procedure: Published, household_id: uuid.UUID | None) -> None:
    """Raises Forbidden or Conflict where this person may not begin this démarche, today."""
    actor = who.actor
    if actor.is_agent:
        require(actor, Permission.CASE_FILE_FOR)
    elif procedure.needs_account and actor.kind != "parent":
        raise Forbidden("Cette démarche demande d’être connecté à son compte.")
    if why := procedure.closed_reason:
        raise Conflict(why)
    require_filer(content_of(session, procedure.bundle_hash).settings, actor, household_id)


def _begun(session: Session, who: Who, procedure: Published, channel: str, household_id: uuid.UUID | None) -> Case:
    """The row of a demande that this person may begin."""
    if household_id is None and who.actor.kind == "parent" and who.actor.id is not None:
        household_id = household_id_of(session, who.actor.id)
    check_filer(session, who, procedure, household_id)
    return _draft(who, procedure, channel, household_id)


def _draft(who: Who, procedure: Published, channel: str, household_id: uuid.UUID | None) -> Case:
    """The row of a demande that begins."""
    actor, now = who.actor, clock.now()
    owner = actor.id if actor.kind == "parent" else None
    return Case(
        id=new_id(),
        reference=new_reference(),
        procedure_id=procedure.id,
        version_id=procedure.version_id,
        bundle_hash=procedure.bundle_hash,
        slug=procedure.slug,
        title=procedure.title,
        subject="",
        status="brouillon",
        channel=channel,
        owner_id=owner,
        owner_name=actor.label if owner else "",
        email="",
        household_id=household_id,
        child_id=None,
        structure_id=None,
        visitor_hash=who.visitor_hash if owner is None else None,
        filed_by_id=actor.id if actor.is_agent else None,
        reason=None,
        opened_at=now,
        submitted_at=None,
        closed_at=None,
        updated_at=now,
        implicit_on=None,
    )


def initial_data(case: Case, settings: ProcedureSettings) -> dict[str, Json]:
    """The variables every process starts with (``verify`` knows them as INITIAL_VARIABLES)."""
    return {
        "demande_id": str(case.id),
        "reference": case.reference,
        "demarche": case.slug,
        "usager_id": str(case.owner_id) if case.owner_id else None,
        "foyer_id": str(case.household_id) if case.household_id else None,
        "canal": case.channel,
        "champs_automatiques": automatic(settings),
    }
