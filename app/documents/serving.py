"""A file sent back to whoever may open it: read noted, in a sandbox, kept by no cache (J7)."""

from __future__ import annotations

import uuid

from flask import send_file
from flask.typing import ResponseReturnValue

from app.documents.operations import load_for_reading, preview_for_reading
from app.documents.storage import FileMissing, StorageUnavailable, storage_from_url
from app.errors import NotFound
from app.web.headers import as_download
from app.web.identity import current_actor
from app.web.requests import portal

GONE = "Le fichier de cette pièce n’est plus disponible. Demandez à la famille ou à la mairie de le fournir à nouveau."
LATER = "Les fichiers ne sont pas accessibles pour le moment. Réessayez dans quelques minutes."


def serve_document(document_id: uuid.UUID) -> ResponseReturnValue:
    """The rights and the note of the read in one transaction, then the bytes, outside it (invariant 6).

    Only images that we encoded ourselves are shown in the browser; the rest is saved, never interpreted.
    """
    with portal().database.transaction() as session:
        document = load_for_reading(session, current_actor(), document_id)
        key, mime, filename = document.key, document.mime, document.filename
    return serve_bytes(key, mime, filename, shown=mime.startswith("image/"), gone=GONE)


def serve_preview(document_id: uuid.UUID, page: int) -> ResponseReturnValue:
    """The picture of a page, as ``serve_document`` serves a file."""
    with portal().database.transaction() as session:
        preview = preview_for_reading(session, current_actor(), document_id, page)
        key, mime = preview.key, preview.mime
    return serve_bytes(key, mime, f"page-{page}.{mime.removeprefix('image/')}", shown=True, gone=GONE)


def serve_bytes(key: str, mime: str, filename: str, *, shown: bool, gone: str) -> ResponseReturnValue:
    """Stored bytes as an answer that no cache keeps and no browser interprets; ``shown`` for pictures of our making.

    Outside any transaction. Raises NotFound(``gone``), StorageUnavailable.
    """
    try:
        content = storage_from_url(portal().settings.storage_url).open(key)
    except FileMissing as error:
        raise NotFound(gone) from error
    except StorageUnavailable as error:
        raise StorageUnavailable(LATER) from error
    response = send_file(
        content, mimetype=mime, as_attachment=not shown, download_name=filename, conditional=False, etag=False
    )
    return as_download(response)
