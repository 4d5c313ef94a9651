"""The rows of drafts, written so that two tabs, or two people, can save the same step at the same instant.

The caller has locked the case. Yet on PostgreSQL a draft that another tab saved while we waited for that lock is not in
what our statement had read: each write says what it believes is stored, and reads again when it was wrong.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import cast

from sqlalchemy import Table, Uuid, and_, bindparam, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from app import clock
from app.cases.models import Draft
from app.db import Json
from app.engine.models import Task
from app.hot import Hot

_DRAFTS = cast(Table, Draft.__table__)
_ROW = {column.key: bindparam(column.key, type_=column.type) for column in _DRAFTS.columns}
_ADD = {
    "sqlite": Hot(sqlite.insert(_DRAFTS).values(_ROW).on_conflict_do_nothing()),
    "postgresql": Hot(postgresql.insert(_DRAFTS).values(_ROW).on_conflict_do_nothing()),
}
_CHANGE = Hot(
    update(_DRAFTS)
    .where(
        _DRAFTS.c.case_id == bindparam("of_case", type_=Uuid()),
        _DRAFTS.c.node == bindparam("of_node"),
        _DRAFTS.c.revision == bindparam("read"),
    )
    .values({name: bindparam(f"new_{name}") for name in ("values", "page", "revision", "updated_at")})
)


def keep_draft(session: Session, task: Task, draft: Draft | None, values: Mapping[str, Json], page: int) -> Draft:
    """Adds ``values`` to the draft of a step, of which ``draft`` is what was read. One statement, three when too late.

    What was typed the last time the demande came by this step is forgotten, when the caller did not show it.
    """
    if draft is not None:
        return draft if _change(session, draft, values, page) else _too_late(session, task, values, page)
    made = Draft(case_id=task.case_id, node=task.node, values=dict(values), page=page, revision=1)
    made.updated_at = clock.now()
    row = {column.key: getattr(made, column.key) for column in _DRAFTS.columns}
    added = _ADD[session.get_bind().dialect.name].run(session, row) == 1
    return made if added else _too_late(session, task, values, page)


def _change(session: Session, draft: Draft, values: Mapping[str, Json], page: int) -> bool:
    after = {
        "values": {**draft.values, **values},
        "page": page,
        "revision": draft.revision + 1,
        "updated_at": clock.now(),
    }
    written = {f"new_{name}": value for name, value in after.items()}
    read = {"of_case": draft.case_id, "of_node": draft.node, "read": draft.revision}
    if _CHANGE.run(session, written | read) != 1:
        return False
    for name, value in after.items():
        set_committed_value(draft, name, value)
    return True


def carry_draft(session: Session, case_id: uuid.UUID, node: str, to: str) -> None:
    """What was typed at a step and not sent goes along, when the demande goes on at another that takes its place."""
    here, there = (and_(Draft.case_id == case_id, Draft.node == each) for each in (node, to))
    if node != to and session.scalar(select(Draft.node).where(here)) is not None:
        for change in (delete(Draft).where(there), update(Draft).where(here).values(node=to)):
            session.execute(change.execution_options(synchronize_session=False))


def _too_late(session: Session, task: Task, values: Mapping[str, Json], page: int) -> Draft:
    stored = session.get_one(Draft, (task.case_id, task.node), populate_existing=True)
    if stored.updated_at < task.opened_at:
        set_committed_value(stored, "values", {})
    _change(session, stored, values, page)
    return stored
