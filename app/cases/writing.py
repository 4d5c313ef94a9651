"""The statements by which each step of a demande writes its rows, sent together at its end (``app.hot``)."""

from __future__ import annotations

from typing import cast

from sqlalchemy import Table, bindparam, func, select, update
from sqlalchemy.orm import Session

from app.cases.models import Answer, Case
from app.engine.models import Task
from app.hot import Hot, adding, saved

_CASES, _ANSWERS, _TASKS = cast(Table, Case.__table__), cast(Table, Answer.__table__), cast(Table, Task.__table__)
_STEPS_CHANGE = (
    *("subject", "owner_name", "email", "child_id", "structure_id", "status", "reason"),
    *("submitted_at", "implicit_on", "closed_at", "updated_at"),
)
_ADD_CASE = Hot(adding(_CASES))
_SAVE_CASE = Hot(
    update(_CASES).where(_CASES.c.id == bindparam("written")).values({name: bindparam(name) for name in _STEPS_CHANGE})
)
# The case is locked: two answers cannot take the same number.
_NEXT = select(func.coalesce(func.max(_ANSWERS.c.number), 0) + 1).where(_ANSWERS.c.case_id == bindparam("of_case"))
ADD_ANSWER = Hot(adding(_ANSWERS, number=_NEXT.scalar_subquery()))
"""Takes a row of ``answers`` without its number, and ``of_case``."""
KEEP = Hot(update(_TASKS).where(_TASKS.c.id == bindparam("kept")).values(assignee_id=bindparam("by")))
"""Puts the task ``kept`` in the hands of the account ``by``."""


def add_case(session: Session, case: Case) -> None:
    """Writes a demande that begins."""
    _ADD_CASE.later(session, {column.key: getattr(case, column.key) for column in _CASES.c})
    saved(session, case)


def write_case(session: Session, case: Case) -> None:
    """Writes what a step may change of a case, at once."""
    _SAVE_CASE.later(session, {name: getattr(case, name) for name in _STEPS_CHANGE} | {"written": case.id})
    saved(session, case)
