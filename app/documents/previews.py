"""Pictures of pieces, made once after they were sent and kept beside the file (G3), outside any transaction.

The fact ``document.sent`` asks for them; the nightly chore catches what was sent before this existed or failed.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import time

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from app import clock
from app.chores import every
from app.config import Settings
from app.db import Database, Json
from app.documents.formats.verdict import FileRefused, Picture
from app.documents.isolation import draw_isolated
from app.documents.keys import claim_keys
from app.documents.loading import load_document
from app.documents.models import Document, Preview, UploadKey
from app.documents.storage import FileMissing, Storage, StorageUnavailable, new_key, storage_from_url
from app.errors import Forbidden, NotFound
from app.facts import Work, handles
from app.policy import Actor

DRAWN = ("application/pdf", "image/jpeg", "image/png")
"""The others (DOC, ODT) are for a word processor to open: there is nothing to show of them."""
#: Pieces that a night catches up with.
A_NIGHT = 2000


class Busy(Exception):
    """Others are drawing: the worker tries this fact again a little later."""


def preview_of(session: Session, actor: Actor, document_id: uuid.UUID) -> tuple[Document, Sequence[Preview]] | None:
    """A piece and its pages as pictures, in order, if this person may open it; ``None`` otherwise. Two statements."""
    try:
        document, _ = load_document(session, actor, document_id)
    except (NotFound, Forbidden):
        return None
    return document, previews_of(session, document)


def previews_of(session: Session, document: Document) -> Sequence[Preview]:
    """The pictures of a piece, in order. No statement when it has none."""
    if not document.preview_pages:
        return ()
    return session.scalars(select(Preview).where(Preview.document_id == document.id).order_by(Preview.page)).all()


@handles("document.sent")
def draw_sent(work: Work, payload: dict[str, Json]) -> None:
    """Draws the pieces that were just sent. Raises StorageUnavailable or Busy: the fact is then tried again."""
    for one in payload["documents"]:
        draw_previews(work.database, work.settings, uuid.UUID(one))


@every(name="documents.draw_missing", at=time(3, 50))
def draw_missing(database: Database, settings: Settings) -> None:
    """Draws what no fact asked for, or could not be drawn when it was sent."""
    with database.transaction(read_only=True) as session:
        query = select(Document.id).where(
            Document.preview_pages.is_(None), Document.state.in_(("non_traite", "valide"))
        )
        waiting = session.scalars(query.order_by(Document.uploaded_at.desc()).limit(A_NIGHT)).all()
    for document_id in waiting:
        try:
            draw_previews(database, settings, document_id)
        except (StorageUnavailable, Busy):
            return  # tomorrow


def draw_previews(database: Database, settings: Settings, document_id: uuid.UUID) -> None:
    """Makes the pictures of one piece, unless that was done: a file that cannot be drawn is done too."""
    with database.transaction(read_only=True) as session:
        document = session.get(Document, document_id)
        if document is None or not _waits(document):
            return
        key, mime = document.key, document.mime
    storage = storage_from_url(settings.storage_url)
    pictures = _pictures(storage, key, mime)
    keys = _kept(database, storage, pictures)
    with database.transaction() as session:
        document = session.get(Document, document_id, with_for_update=True)
        if document is None or not _waits(document):
            return  # taken back meanwhile, or drawn by another worker: our keys are left to the sweep
        document.preview_pages = len(pictures)
        if pictures:
            if not claim_keys(session, keys):
                raise Busy  # this took so long that the sweep came by
            rows = [
                {"document_id": document_id, "page": page, "key": key, "mime": one.mime}
                | {"width": one.width, "height": one.height}
                for page, (key, one) in enumerate(zip(keys, pictures, strict=True), start=1)
            ]
            session.execute(insert(Preview), rows)


def _waits(document: Document) -> bool:
    return document.preview_pages is None and document.state not in ("brouillon", "retire")


def _pictures(storage: Storage, key: str, mime: str) -> list[Picture]:
    """The pages drawn; none for a file that is lost, or that cannot be drawn."""
    if mime not in DRAWN:
        return []
    try:
        with storage.open(key) as content:
            data = content.read()
        return draw_isolated(data, mime)
    except FileMissing:
        return []
    except FileRefused as refused:
        if refused.reason == "busy":
            raise Busy from refused
        return []


def _kept(database: Database, storage: Storage, pictures: Sequence[Picture]) -> list[str]:
    """Stores the pictures; their keys are written down first, for the sweep to find whatever dies in between."""
    keys = [new_key() for _ in pictures]
    if keys:
        with database.transaction() as session:
            session.execute(insert(UploadKey), [{"key": key, "drawn_at": clock.now()} for key in keys])
    for key, one in zip(keys, pictures, strict=True):
        storage.put(key, one.data)
    return keys
