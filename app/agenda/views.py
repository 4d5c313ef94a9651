"""« Absences du jour » : who is not expected, by structure and activity, printable. Allergies are never shown here."""

from __future__ import annotations

import uuid
from datetime import date, timedelta

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from app import clock
from app.agenda import (
    views_admin,
    views_attendance,
    views_booking,
    views_family,
    views_feed,
    views_group,
    views_regulation,
)
from app.agenda import views_export as views_export  # adds its routes to those of attendance
from app.agenda import views_offline as views_offline  # adds its routes to those of attendance
from app.agenda.queries import absences_on, readable_structures
from app.config import Settings
from app.errors import NotFound
from app.policy import Permission, require
from app.web.guards import blueprint
from app.web.identity import current_actor
from app.web.requests import db

bp = blueprint("agenda_agent", __name__, audience="agent", url_prefix="/agent/absences")

FURTHEST = timedelta(days=400)


def blueprints(_settings: Settings) -> list[Blueprint]:
    """What the composition registers."""
    return [
        bp,
        views_admin.bp,
        views_attendance.bp,
        views_booking.bp,
        views_family.bp,
        views_feed.bp,
        views_feed.public,
        views_group.bp,
        views_regulation.bp,
    ]


def _asked_day() -> date:
    """The day of the address, today without one. A day too far away, or none, is a 404."""
    today, asked = clock.today(), request.args.get("jour", "")
    if not asked:
        return today
    try:
        day = date.fromisoformat(asked)
    except ValueError as error:
        raise NotFound("Ce jour n’existe pas.") from error
    if abs(day - today) > FURTHEST:
        raise NotFound("Ce jour est trop loin.")
    return day


def _asked_structure() -> uuid.UUID | None:
    asked = request.args.get("structure", "")
    if not asked:
        return None
    try:
        return uuid.UUID(asked)
    except ValueError as error:
        raise NotFound from error


@bp.get("")
def day() -> ResponseReturnValue:
    actor = current_actor()
    require(actor, Permission.ABSENCE_READ)
    asked, structure_id = _asked_day(), _asked_structure()
    groups = absences_on(db(), actor, asked, structure_id)
    return render_template(
        "agenda/absences.html",
        day=asked,
        today=clock.today(),
        previous=asked - timedelta(days=1),
        next=asked + timedelta(days=1),
        groups=groups,
        total=len({child.child_id for group in groups for child in group.children}),
        places=[(str(place.id), place.name) for place in readable_structures(db(), actor)],
        chosen=str(structure_id) if structure_id else None,
    )
