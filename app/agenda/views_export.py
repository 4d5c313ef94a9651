"""Lists of attendance and bookings over a period, taken away as a file."""

from __future__ import annotations

import uuid

from flask import render_template, request
from flask.typing import ResponseReturnValue

from app import clock
from app.agenda.attendance_sheets import activities_of
from app.agenda.exporting import LISTS, attendance_table
from app.agenda.views_attendance import bp
from app.errors import Refused
from app.policy import Permission, require
from app.tables import FORMATS
from app.web.downloads import table_response
from app.web.identity import current_actor
from app.web.requests import db, undo
from forms.administration import options
from forms.agenda import ExportForm


def _form() -> ExportForm:
    today = clock.today()
    given = None if request.method == "GET" else request.form
    form = ExportForm(given, data={"first": today.replace(day=1), "last": today})
    form.what.choices = options((code, label) for code, (label, _) in LISTS.items())
    mine = activities_of(db(), current_actor())
    form.activity.choices = options([("", "Toutes"), *((str(each.id), each.card.label) for each in mine)])
    form.kind.choices = options(FORMATS.items())
    return form


@bp.get("/exporter")
def export() -> ResponseReturnValue:
    require(current_actor(), Permission.ATTENDANCE_MARK)
    return render_template("agenda/export.html", form=_form())


@bp.post("/exporter")
def send_export() -> ResponseReturnValue:
    """The file; what it was, and for whom, goes to the journal."""
    actor = current_actor()
    require(actor, Permission.ATTENDANCE_MARK)
    form = _form()
    if form.validate() and form.first.data is not None and form.last.data is not None:
        activity_id = uuid.UUID(form.activity.data) if form.activity.data else None
        days = form.first.data, form.last.data
        try:
            table = attendance_table(db(), actor, form.what.data, *days, activity_id)
        except Refused as refusal:
            undo()
            form.refuse(refusal.field or "what", refusal.message)
        else:
            return table_response(table, form.kind.data, f"{form.what.data}-{days[0]:%Y-%m-%d}-{days[1]:%Y-%m-%d}")
    return render_template("agenda/export.html", form=form), 422
