"""« Présences » without a network: what an installed page needs, and where a tablet sends what it noted (R-43)."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import cast

from flask import Response, current_app, jsonify, request, url_for
from flask.typing import ResponseReturnValue

from app.agenda.attendance_marks import Mark, mark_all
from app.agenda.views_attendance import bp
from app.db import Json
from app.errors import Refused
from app.policy import Permission, require
from app.town.queries import town_settings
from app.web.assets import STATIC
from app.web.identity import current_actor
from app.web.requests import db

WORKER = (STATIC / "js" / "attendance-worker.js").read_bytes()
"""Served beside the pages that it serves: a worker reaches no further than where it comes from."""


def device_name() -> str:
    """What tells two agents apart on one tablet, and says nothing of either."""
    return hashlib.sha256(f"presences:{current_actor().id}".encode()).hexdigest()[:16]


@bp.context_processor
def _given() -> dict[str, object]:
    return {"device_name": device_name}


@bp.get("/hors-ligne")
def worker() -> Response:
    answer = Response(WORKER, mimetype="text/javascript")
    answer.headers["Service-Worker-Allowed"] = url_for(".sheets")
    return answer


@bp.get("/application.webmanifest")
def manifest() -> Response:
    """What makes the page an application of the tablet. It names the commune and nobody."""
    here = url_for(".sheets")
    static_url = cast(Callable[[str], str], current_app.jinja_env.globals["static_url"])
    answer = jsonify(
        name=f"Présences – {town_settings(db()).name or 'Portail famille'}",
        short_name="Présences",
        lang="fr",
        id=here,
        start_url=here,
        scope=here,
        display="standalone",
        background_color="#fbf9f5",
        theme_color="#1d6561",
        icons=[{"src": static_url("favicon.svg"), "sizes": "any", "type": "image/svg+xml"}],
    )
    answer.mimetype = "application/manifest+json"
    return answer


@bp.post("/envoi")
def receive() -> ResponseReturnValue:
    """Marks in the order in which they were made; each is answered: done, same, conflict or refused, with its words."""
    require(current_actor(), Permission.ATTENDANCE_MARK)
    sent = request.get_json(silent=True)
    rows = sent.get("marks") if isinstance(sent, Mapping) else None
    if not isinstance(rows, list):
        raise Refused("Ces pointages n’ont pas pu être lus.")
    told = mark_all(db(), current_actor(), [_read(row) for row in rows])
    return jsonify(told=[vars(each) | {"id": str(each.id)} for each in told])


def _read(row: Json) -> Mark:
    """One mark of a tablet. Raises Refused: a page of ours never sends that."""
    try:
        return Mark(
            id=uuid.UUID(row["id"]),
            activity_id=uuid.UUID(row["activity"]),
            day=date.fromisoformat(row["day"]),
            child_id=uuid.UUID(row["child"]),
            kind=str(row["kind"])[:20],
            seen=str(row.get("seen") or "")[:100],
            left_at=str(row.get("left") or "")[:5],
            made_at=_instant(str(row.get("at") or "")),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise Refused("Ces pointages n’ont pas pu être lus.") from error


def _instant(text: str) -> datetime | None:
    """An instant with its offset, or nothing when the tablet does not say."""
    at = datetime.fromisoformat(text) if text else None
    return at if at is not None and at.tzinfo is not None else None
