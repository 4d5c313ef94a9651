"""What administrators watch of pieces: the antivirus, the room taken, the types."""

from __future__ import annotations

from flask import render_template
from flask.typing import ResponseReturnValue

from app.documents.piece_types import SCOPES, SENSITIVITIES
from app.documents.queries import piece_types
from app.documents.staff_queries import watch
from app.web.guards import blueprint
from app.web.identity import current_actor
from app.web.requests import db, portal

admin = blueprint("documents_admin", __name__, audience="admin", url_prefix="/admin/pieces")


@admin.get("")
def overview() -> ResponseReturnValue:
    """Whether files are scanned, and which types of pieces the commune knows."""
    return render_template(
        "documents/admin.html",
        watch=watch(db(), current_actor()),
        kinds=piece_types(db()),
        scopes=SCOPES,
        sensitivities=SENSITIVITIES,
        antivirus=bool(portal().settings.antivirus_url),
    )
