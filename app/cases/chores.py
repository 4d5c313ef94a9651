"""Nightly: drafts that nobody came back to (R-75), and those that a visit opened and nobody touched."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import time, timedelta

from sqlalchemy import exists, select

from app import clock
from app.cases.models import Case, Draft
from app.cases.operations import abandon
from app.cases.queries import Opened, Who, open_case_rows
from app.cases.walking import oldest_first
from app.chores import every
from app.config import Settings
from app.db import Database
from app.errors import Conflict, NotFound
from app.policy import SYSTEM
from app.procedures.queries import content_of

UNTOUCHED_KEPT = timedelta(days=1)
"""After a day, a draft in which nothing was typed is only a visit (« Commencer » of a démarche that writes first)."""
BATCH = 500


@every(name="cases.forget_drafts", at=time(3, 30))
def forget_drafts(database: Database, settings: Settings) -> None:  # noqa: ARG001  # every chore has this signature
    """Deletes drafts that were never sent, once older than their démarche says; a transaction each."""
    for case_id in _old(database):
        try:
            with database.transaction() as session:
                opened = open_case_rows(session, case_id, lock=True)
                typed = session.scalar(select(exists().where(Draft.case_id == case_id)))
                kept = UNTOUCHED_KEPT
                if typed:
                    kept = timedelta(days=content_of(session, opened.case.bundle_hash).settings.draft_days)
                if _is_forgotten(opened, kept):
                    abandon(session, Who(SYSTEM), opened)
        except (NotFound, Conflict):
            continue  # its author was quicker: sent, or deleted


def _is_forgotten(opened: Opened, kept: timedelta) -> bool:
    case = opened.case
    return case.status == "brouillon" and case.submitted_at is None and case.updated_at < clock.now() - kept


def _old(database: Database) -> Iterator[uuid.UUID]:
    """Every draft that was never sent and that nobody touched for a day, the oldest first."""
    old = (Case.status == "brouillon") & Case.submitted_at.is_(None) & (Case.updated_at < clock.now() - UNTOUCHED_KEPT)
    return oldest_first(database, Case.updated_at, old, BATCH)
