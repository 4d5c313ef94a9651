"""Every demande of some kind, for the work of the night: page by page, no transaction open while each is treated."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import ColumnElement, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute

from app.cases.models import Case
from app.db import Database


def oldest_first(
    database: Database,
    since: InstrumentedAttribute[datetime] | InstrumentedAttribute[datetime | None],
    condition: ColumnElement[bool],
    batch: int,
) -> Iterator[uuid.UUID]:
    """The ids, read ``batch`` at a time in the order of ``since``; one that stays as it was is stepped over."""
    query = select(Case.id, since).where(condition).order_by(since, Case.id).limit(batch)
    page = query
    while True:
        with database.transaction(read_only=True) as session:
            rows = session.execute(page).all()
        yield from (case_id for case_id, _ in rows)
        if len(rows) < batch:
            return
        case_id, instant = rows[-1]
        page = query.where(tuple_(since, Case.id) > (instant, case_id))
