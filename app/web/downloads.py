"""Files that the portal makes for whoever asks."""

from __future__ import annotations

from flask import Response


def pdf_response(content: bytes, filename: str) -> Response:
    """A PDF opened by the browser under this name, which says nothing of anybody."""
    response = Response(content, mimetype="application/pdf")
    response.headers["Content-Disposition"] = f'inline; filename="{filename}"'
    return response
