"""Nightly: demandes that ended longer ago than their démarche keeps them are erased, each in its own transaction.

What goes: answers and drafts, the engine's state and its projection, messages and mails about it, its pieces that
nobody else needs, what it declared (absences), its row. What stays: the family's own file, and the journal, which
holds no business values, with an entry for each erasure and one that counts the night (decision 0022).
"""

from __future__ import annotations

import json
import logging
import re
import time
import uuid
from collections.abc import Iterator

from sqlalchemy import ColumnElement, String, cast, delete, exists, or_, select
from sqlalchemy.orm import Session

from app import clock
from app.accounts.models import Account
from app.agenda.retention import forget_absence
from app.cases.models import Answer, Case, Draft
from app.cases.queries import open_case_rows
from app.cases.retention import (
    NIGHT,
    Kept,
    dry_run,
    erased_between,
    is_due,
    kept_by_procedure,
    last_proof,
)
from app.cases.walking import oldest_first
from app.chores import LEASE, ChoreRow, every
from app.clock import months_after
from app.config import Settings
from app.db import Database
from app.documents.models import Document
from app.documents.releasing import erase_documents, left_by_demandes, release_documents
from app.engine.instances import forget
from app.errors import NotFound
from app.journal import record
from app.messages.retention import forget_case
from app.policy import SYSTEM

log = logging.getLogger(__name__)

NAME = "cases.erase_ended"
BATCH = 200
BUDGET = LEASE.total_seconds() / 2
"""A night stops here, and the next one goes on: another clock never believes that this one died at work."""
AFTER_VALIDITY_MONTHS = 3
"""An accepted piece outlives its validity by so long (R-75)."""
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@every(name=NAME, at=NIGHT)
def erase_ended(database: Database, settings: Settings) -> None:  # noqa: ARG001  # every chore has this signature
    """Erases what is due, then counts the night in the journal. Killed, it begins again where it was."""
    until = time.monotonic() + BUDGET
    with database.transaction(read_only=True) as session:
        kept = kept_by_procedure(session)
    for each in kept:
        for case_id in _due(database, each):
            if time.monotonic() > until:
                break
            _erase_apart(database, each, case_id)
    _erase_left_pieces(database)
    with database.transaction() as session:
        _prove(session)


def _erase_apart(database: Database, kept: Kept, case_id: uuid.UUID) -> None:
    try:
        with database.transaction() as session:
            erase(session, kept, case_id)
    except NotFound:
        pass  # another clock was quicker
    except Exception as error:  # one demande that cannot go must not keep the others; the proof counts it
        log.error("case %s was not erased: %s", case_id, type(error).__name__)


def _due(database: Database, kept: Kept) -> Iterator[uuid.UUID]:
    """The demandes of a démarche to erase tonight, the oldest first, those that failed stepped over."""
    return oldest_first(database, Case.closed_at, _erasable(kept), BATCH)


def _erasable(kept: Kept) -> ColumnElement[bool]:
    return is_due(kept, clock.today()) & Case.held_at.is_(None)


def erase(session: Session, kept: Kept, case_id: uuid.UUID) -> bool:
    """Erases a demande, if it is due once locked: held meanwhile, it stays. Raises NotFound when it is gone already."""
    case = open_case_rows(session, case_id, lock=True).case
    if session.scalar(select(Case.id).where(Case.id == case_id, _erasable(kept))) is None:
        return False
    answers = session.scalars(select(Answer.values).where(Answer.case_id == case_id)).all()
    named = {uuid.UUID(found) for values in answers for found in _ID.findall(json.dumps(values))}
    pieces = release_documents(
        session,
        case_id,
        named,
        ended_before=months_after(clock.today(), -AFTER_VALIDITY_MONTHS),
        needed=lambda document: _named_elsewhere(session, document, case_id),
    )
    owner = session.get(Account, case.owner_id) if case.owner_id is not None else None
    addresses = {address for address in (case.email, owner.email if owner else "") if address}
    messages = forget_case(session, case_id, case.reference, addresses)
    forget_absence(session, case_id)
    forget(session, case_id)
    record(
        session,
        SYSTEM,
        "case.erased",
        "case",
        case_id,
        procedure=case.slug,
        reference=case.reference,
        answers=len(answers),
        pieces=pieces.erased,
        pieces_kept=pieces.kept,
        messages=messages,
    )
    for model in (Draft, Answer):
        session.execute(delete(model).where(model.case_id == case_id).execution_options(synchronize_session=False))
    session.delete(case)
    return True


def _named_elsewhere(session: Session, document: Document, case_id: uuid.UUID | None) -> bool:
    """Whether another demande of that household, or about that child, was filled with this piece."""
    around = []
    if document.household_id is not None:
        around.append(Case.household_id == document.household_id)
    if document.child_id is not None:
        around.append(Case.child_id == document.child_id)
    if not around:
        return False
    written = or_(
        *(
            exists().where(table.case_id == Case.id, cast(table.values, String).contains(str(document.id)))
            for table in (Answer, Draft)
        )
    )
    query = select(Case.id).where(or_(*around), written)
    return session.scalar(query.where(Case.id != case_id) if case_id else query) is not None


def _erase_left_pieces(database: Database) -> None:
    """Pieces that stayed in a wallet after their demande went, once they ended for long enough."""
    ended_before, after = months_after(clock.today(), -AFTER_VALIDITY_MONTHS), None
    while True:
        with database.transaction() as session:
            found = left_by_demandes(session, ended_before, BATCH, after)
            erase_documents(session, [each.id for each in found if not _named_elsewhere(session, each, None)])
            after = found[-1].id if found else None
        if len(found) < BATCH:
            return


def _prove(session: Session) -> None:
    """Counts the night from the journal itself: what was erased since the last count, even before a kill."""
    # a clock believed dead may end at the same instant: what it counted is not counted twice
    session.execute(select(ChoreRow.name).where(ChoreRow.name == NAME).with_for_update())
    previous = last_proof(session)
    erased = erased_between(session, previous.seq if previous is not None else 0)
    lines = dry_run(session, clock.today())
    record(
        session,
        SYSTEM,
        "case.erasures_proved",
        "case",
        None,
        erased=erased.total(),
        by=dict(sorted(erased.items())),
        held=sum(line.held for line in lines),
        remaining=sum(line.due for line in lines),
    )
