"""Bytes that no row needs any more: uploads that were never attached, drafts given up, pieces taken back."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import ColumnElement, delete, exists, select, update
from sqlalchemy.orm import Session

from app import clock
from app.chores import every
from app.config import Settings
from app.db import Database, Json
from app.documents.models import Document, Preview, UploadKey
from app.documents.storage import DiskStorage, Storage, storage_from_url
from app.facts import Work, handles

KEPT = timedelta(days=1)
"""A request that stored a file and is not over after so long will never attach it."""
DRAFTS_KEPT = timedelta(days=180)
"""Well beyond the life of a draft (R-75: three months after it was last touched)."""
BATCH = 200
MAX_BATCHES = 50


@every(name="documents.sweep", hours=6)
def sweep(database: Database, settings: Settings) -> None:
    """Erases what was never attached, drafts nobody will send, what was taken back, halves of files left by a crash."""
    storage = storage_from_url(settings.storage_url)
    for settle in (_sweep_keys, _sweep_drafts, _sweep_withdrawn):
        for _ in range(MAX_BATCHES):
            if not settle(database, storage):
                break
    if isinstance(storage, DiskStorage):
        _sweep_halves(storage)


def _sweep_keys(database: Database, storage: Storage) -> bool:
    """Settles a batch of keys; False when none is old enough. The bytes go first: the key is how they are found."""
    with database.transaction(read_only=True) as session:
        rows = session.execute(
            select(UploadKey.key, exists().where(Document.key == UploadKey.key).label("attached"))
            .where(UploadKey.drawn_at < clock.now() - KEPT)
            .order_by(UploadKey.drawn_at)
            .limit(BATCH)
        ).all()
    for key, attached in rows:
        if not attached:
            storage.delete(key)
    if rows:
        with database.transaction() as session:
            session.execute(delete(UploadKey).where(UploadKey.key.in_([key for key, _ in rows])))
    return bool(rows)


def _sweep_drafts(database: Database, storage: Storage) -> bool:
    old = clock.now() - DRAFTS_KEPT
    with database.transaction(read_only=True) as session:
        drafts = _drafts(session, Document.uploaded_at < old)
    _erase(database, storage, drafts)
    return bool(drafts)


def _sweep_withdrawn(database: Database, storage: Storage) -> bool:
    """Erases the bytes of pieces taken back or replaced, and their pictures; their rows stay, as history."""
    with database.transaction(read_only=True) as session:
        query = select(Document.id, Document.key).where(Document.state == "retire", Document.erased_at.is_(None))
        rows = session.execute(query.limit(BATCH)).all()
        ids = [document_id for document_id, _ in rows]
        pictures = session.scalars(select(Preview.key).where(Preview.document_id.in_(ids))).all()
    for key in (*(key for _, key in rows), *pictures):
        storage.delete(key)
    if rows:
        with database.transaction() as session:
            session.execute(delete(Preview).where(Preview.document_id.in_(ids)))
            session.execute(update(Document).where(Document.id.in_(ids)).values(erased_at=clock.now()))
    return bool(rows)


def _drafts(session: Session, condition: ColumnElement[bool]) -> Sequence[tuple[uuid.UUID, str]]:
    query = select(Document.id, Document.key).where(Document.state == "brouillon", condition).limit(BATCH)
    return [(row.id, row.key) for row in session.execute(query)]


def _erase(database: Database, storage: Storage, drafts: Sequence[tuple[uuid.UUID, str]]) -> None:
    for _, key in drafts:
        storage.delete(key)
    if drafts:
        with database.transaction() as session:
            ids = [document_id for document_id, _ in drafts]
            session.execute(delete(Document).where(Document.id.in_(ids), Document.state == "brouillon"))


def _sweep_halves(storage: DiskStorage) -> None:
    """Files under a provisional name (a dot first) are what a crash left while writing."""
    # the disk dates its files by the machine's clock, whatever the portal's says
    oldest = time.time() - KEPT.total_seconds()
    for path in storage.root.glob("??/??/.*"):
        if path.is_file() and path.stat().st_mtime < oldest:
            path.unlink(missing_ok=True)


@handles("case.abandoned")
def erase_drafts(work: Work, payload: dict[str, Json]) -> None:
    """The draft was deleted: its files go too."""
    case_id = uuid.UUID(payload["case_id"])
    storage = storage_from_url(work.settings.storage_url)
    for _ in range(MAX_BATCHES):
        with work.database.transaction(read_only=True) as session:
            drafts = _drafts(session, Document.case_id == case_id)
        if not drafts:
            return
        _erase(work.database, storage, drafts)
