"""Files that the portal makes for whoever asks."""

from __future__ import annotations

from flask import Response

from app.tables import MIMETYPES, Table, written
from app.web.headers import as_download


def pdf_response(content: bytes, filename: str) -> Response:
    """A PDF opened by the browser under this name, which says nothing of anybody."""
    response = Response(content, mimetype="application/pdf")
    response.headers["Content-Disposition"] = f'inline; filename="{filename}"'
    return response


def table_response(table: Table, kind: str, name: str) -> Response:
    """A list as a file to keep; ``kind`` is a code of ``tables.FORMATS``, ``name`` has no ending and names nobody."""
    response = Response(written(table, kind), content_type=MIMETYPES[kind])
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.{kind}"'
    return as_download(response)
