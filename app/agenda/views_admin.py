"""The activities of a structure: what families name when a child is absent. Pages of administrators."""

from __future__ import annotations

import uuid

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.agenda.models import Activity
from app.agenda.operations import save_activity
from app.agenda.queries import activity_of, every_activity
from app.errors import Refused
from app.policy import Permission, require
from app.town.queries import StructureView, structure
from app.web.guards import blueprint
from app.web.identity import current_actor
from app.web.requests import db
from forms.agenda import ActivityForm, NewActivityForm
from forms.french import WEEKDAYS, time_text

bp = blueprint("agenda_admin", __name__, audience="admin", url_prefix="/admin/structures/<uuid:structure_id>/activites")


def _place(structure_id: uuid.UUID) -> StructureView:
    """The structure, for whoever may manage it. Raises Forbidden, NotFound."""
    require(current_actor(), Permission.STRUCTURE_MANAGE, structure_id)
    return structure(db(), structure_id)


@bp.get("")
def activities(structure_id: uuid.UUID) -> ResponseReturnValue:
    place = _place(structure_id)
    lines = [
        (
            each,
            ", ".join(WEEKDAYS[day - 1] for day in each.weekdays),
            f"de {time_text(each.starts_at)} à {time_text(each.ends_at)}",
        )
        for each in every_activity(db(), place.id)
    ]
    return render_template("agenda/activities.html", place=place, lines=lines)


def _page(place: StructureView, form: ActivityForm, found: Activity | None, status: int = 200) -> ResponseReturnValue:
    return render_template("agenda/activity.html", place=place, form=form, found=found), status


@bp.get("/nouvelle")
def new_activity(structure_id: uuid.UUID) -> ResponseReturnValue:
    return _page(_place(structure_id), NewActivityForm(), None)


@bp.get("/<uuid:activity_id>")
def activity(structure_id: uuid.UUID, activity_id: uuid.UUID) -> ResponseReturnValue:
    place = _place(structure_id)
    found = activity_of(db(), place.id, activity_id)
    return _page(place, ActivityForm(obj=found), found)


@bp.post("/nouvelle")
def add_activity(structure_id: uuid.UUID) -> ResponseReturnValue:
    place, form = _place(structure_id), NewActivityForm(request.form)
    if form.validate() and _saved(place, form, str(form.code.data), new=True):
        flash("L’activité est ajoutée.", "success")
        return redirect(url_for(".activities", structure_id=place.id), 303)
    return _page(place, form, None, 422)


@bp.post("/<uuid:activity_id>")
def change_activity(structure_id: uuid.UUID, activity_id: uuid.UUID) -> ResponseReturnValue:
    place, form = _place(structure_id), ActivityForm(request.form)
    found = activity_of(db(), place.id, activity_id)
    if form.validate() and _saved(place, form, found.code, new=False):
        flash("L’activité est enregistrée.", "success")
        return redirect(url_for(".activities", structure_id=place.id), 303)
    return _page(place, form, found, 422)


def _saved(place: StructureView, form: ActivityForm, code: str, *, new: bool) -> bool:
    """Whether the operation took it; what it refuses is said on the field."""
    try:
        save_activity(
            db(),
            current_actor(),
            code=code,
            label=str(form.label.data),
            structure_id=place.id,
            weekdays=form.weekdays.data or [],
            starts_at=str(form.starts_at.data),
            ends_at=str(form.ends_at.data),
            rank=form.rank.data or 0,
            open=bool(form.open.data),
            new=new,
        )
    except Refused as refusal:
        form.refuse(refusal.field or "label", refusal.message)
        return False
    return True
