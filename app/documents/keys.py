"""Keys of stored bytes, for rows of other rooms: claimed with the row that names them, given back when it goes.

A key that is neither claimed nor named by a document is swept with its bytes (``sweeping``), whatever died in between.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, cast

from sqlalchemy import CursorResult, delete, insert
from sqlalchemy.orm import Session

from app import clock
from app.documents.models import UploadKey


def claim_keys(session: Session, keys: Collection[str]) -> bool:
    """Takes these keys out of the sweep's reach, for rows written in this transaction.

    False when one of them is not free: a row has it already, or it was swept. The caller then undoes everything.
    """
    wanted = set(keys)
    done = session.execute(delete(UploadKey).where(UploadKey.key.in_(wanted)))
    return cast(CursorResult[Any], done).rowcount == len(wanted)


def release_keys(session: Session, keys: Iterable[str]) -> None:
    """Leaves to the sweep the bytes that rows deleted in this transaction named."""
    rows = [{"key": key, "drawn_at": clock.now()} for key in dict.fromkeys(keys)]
    if rows:
        # one that still waited for the sweep since its upload waits anew
        session.execute(delete(UploadKey).where(UploadKey.key.in_([row["key"] for row in rows])))
        session.execute(insert(UploadKey), rows)
