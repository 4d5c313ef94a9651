"""« Présences » : the sheets of a day, for whoever is at the door. Ordinary forms; a script makes them work offline."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import date, timedelta

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import clock
from app.agenda.attendance import KINDS
from app.agenda.attendance_children import FoundChild, children_named, health_at_the_door
from app.agenda.attendance_marks import Mark, Marked, mark
from app.agenda.attendance_sheets import Sheet, sheet, sheets_of, unfinished_sheets
from app.errors import NotFound, Refused
from app.policy import Permission, require
from app.web.guards import blueprint, writes
from app.web.identity import current_actor
from app.web.requests import db, undo

bp = blueprint("attendance_agent", __name__, audience="agent", url_prefix="/agent/presences")

FURTHEST = timedelta(days=400)


def asked_day(text: str) -> date:
    """The day of an address; none, or one too far away, is a 404."""
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise NotFound("Ce jour n’existe pas.") from error
    if abs(day - clock.today()) > FURTHEST:
        raise NotFound("Ce jour est trop loin.")
    return day


@bp.get("")
def sheets() -> ResponseReturnValue:
    actor = current_actor()
    require(actor, Permission.ATTENDANCE_MARK)
    day = asked_day(request.args.get("jour") or clock.today().isoformat())
    return render_template(
        "agenda/sheets.html",
        day=day,
        today=clock.today(),
        previous=day - timedelta(days=1),
        next=day + timedelta(days=1),
        cards=sheets_of(db(), actor, day),
        unfinished=unfinished_sheets(db(), actor),
    )


@bp.get("/<uuid:activity_id>/<day>")
@writes
def show(activity_id: uuid.UUID, day: str) -> ResponseReturnValue:
    """One sheet; the codes of meals that it shows are journaled as read (R-73)."""
    return _page(activity_id, asked_day(day))


def _page(
    activity_id: uuid.UUID, day: date, *, told: Marked | None = None, fault: str = "", status: int = 200
) -> ResponseReturnValue:
    actor = current_actor()
    found = sheet(db(), actor, activity_id, day)
    name = request.args.get("nom", "")[:80]
    matches: Sequence[FoundChild] = children_named(db(), actor, activity_id, day, name) if name else ()
    page = render_template(
        "agenda/sheet.html",
        sheet=found,
        today=clock.today(),
        may_mark=day <= clock.today() and not found.closed,
        key=uuid.uuid4(),
        name=name,
        matches=matches,
        told=told,
        fault=fault,
        typed=request.form,
    )
    return page, status


@bp.post("/<uuid:activity_id>/<day>")
def note(activity_id: uuid.UUID, day: str) -> ResponseReturnValue:
    """One mark. Somebody else's is shown, never overwritten: the page comes back with what it says (409)."""
    actor, of = current_actor(), asked_day(day)
    require(actor, Permission.ATTENDANCE_MARK)
    try:
        one = _posted(activity_id, of)
        told = mark(db(), actor, one)
    except Refused as refusal:
        undo()
        return _page(activity_id, of, fault=refusal.message, status=422)
    if told.outcome == "conflict":
        return _page(activity_id, of, told=told, status=409)
    flash(f"{_name(sheet(db(), actor, activity_id, of), one.child_id)}{told.words}", "success")
    return redirect(url_for(".show", activity_id=activity_id, day=day, _anchor=f"enfant-{one.child_id}"), 303)


def _name(found: Sheet, child_id: uuid.UUID) -> str:
    return next((f"{line.name}\u00a0: " for line in found.lines if line.child_id == child_id), "")


def _posted(activity_id: uuid.UUID, day: date) -> Mark:
    """The mark of a form. The same button pressed twice on a page is the same mark. Raises Refused."""
    kind, left_at = request.form.get("marque", ""), request.form.get("parti", "").strip()
    try:
        child_id, key = uuid.UUID(request.form.get("enfant", "")), uuid.UUID(request.form.get("cle", ""))
    except ValueError as error:
        raise Refused("Choisissez un enfant, puis ce qu’il faut noter.") from error
    if kind not in KINDS:
        raise Refused("Choisissez une des réponses proposées.")
    made = uuid.uuid5(key, f"{child_id}:{kind}:{left_at}")
    return Mark(made, activity_id, day, child_id, kind, request.form.get("vu", "")[:100], left_at)


@bp.get("/<uuid:activity_id>/<day>/enfants/<uuid:child_id>/sante")
@writes
def health(activity_id: uuid.UUID, day: str, child_id: uuid.UUID) -> ResponseReturnValue:
    """What the PAI and the family say, for whoever may read it where the child is; each reading is journaled."""
    of = asked_day(day)
    name, found = health_at_the_door(db(), current_actor(), activity_id, of, child_id)
    back = url_for(".show", activity_id=activity_id, day=day, _anchor=f"enfant-{child_id}")
    return render_template("agenda/sheet_health.html", name=name, health=found, back=back)
