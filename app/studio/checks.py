"""Verification of drafts: after each save by a worker, and on demand. The result says which revision it judged."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from sqlalchemy import or_, update
from sqlalchemy.orm import Session

from app.db import Database, Json
from app.engine.bundle import Bundle
from app.engine.verify import Problem
from app.facts import Work, handles
from app.procedures.checking import check_bundle
from app.studio.models import Draft


@handles("draft.saved")
def verify_saved(work: Work, payload: Mapping[str, Json]) -> None:
    """Treats ``draft.saved``: a draft that moved on meanwhile has its own fact, and a result kept is not made again."""
    verify_draft(work.database, uuid.UUID(payload["draft"]), payload["revision"])


def verify_draft(database: Database, draft_id: uuid.UUID, revision: int | None = None) -> None:
    """Judges a draft as it is, outside any writing transaction, then keeps the problems.

    ``revision``: only if the draft is still at that one, and was not judged. Without it, whoever asks has changed
    something around the draft (a role, another démarche): it is judged again. Does nothing when the draft is gone.
    """
    with database.transaction(read_only=True) as session:
        draft = session.get(Draft, draft_id)
        if draft is None:
            return
        if revision is not None and (draft.revision != revision or draft.verified_revision == revision):
            return
        judged = draft.revision
        problems = check_bundle(session, Bundle.from_zip(draft.archive), draft.slug)
    with database.transaction() as session:
        store(session, draft_id, judged, problems)


def store(session: Session, draft_id: uuid.UUID, revision: int, problems: Sequence[Problem]) -> None:
    """Keeps what verification found in ``revision``, unless a newer one was judged meanwhile."""
    session.execute(
        update(Draft)
        .where(Draft.id == draft_id, Draft.revision >= revision)
        .where(or_(Draft.verified_revision.is_(None), Draft.verified_revision <= revision))
        .values(problems=[asdict(problem) for problem in problems], verified_revision=revision)
    )


def problems_of(draft: Draft) -> list[Problem] | None:
    """The problems of the draft as it is; ``None`` while it is being verified."""
    if draft.verified_revision != draft.revision:
        return None
    return [Problem(**each) for each in draft.problems]
