"""The list of démarches, a new one, and whether one is open to families."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from app.errors import Refused
from app.procedures import overview
from app.procedures.operations import set_open
from app.procedures.queries import procedure_by_slug
from app.procedures.settings import CATEGORIES
from app.studio.drafts import new_procedure
from app.studio.models import Draft
from app.studio.shipped import proposals
from app.studio.views.frame import bp, opened
from app.web.identity import current_actor
from app.web.requests import db
from forms.administration import options
from forms.studio import NewProcedureForm


@bp.get("", endpoint="list")
def show_list() -> ResponseReturnValue:
    """Every démarche: the version in line, whether it is open, its demandes, its draft; then drafts of new ones."""
    lines = overview.lines(db())
    drafts = {draft.slug: draft for draft in db().scalars(select(Draft).order_by(Draft.title))}
    known = {line.procedure.slug for line in lines}
    return render_template(
        "studio/list.html",
        lines=lines,
        drafts=drafts,
        new=[draft for slug, draft in drafts.items() if slug not in known],
        proposals=proposals(db()),
    )


@bp.get("/nouvelle", endpoint="new")
def new() -> ResponseReturnValue:
    """Where a new démarche begins: its title, and its identifier."""
    return _new(_form())


def _form() -> NewProcedureForm:
    form = NewProcedureForm(request.form if request.method == "POST" else None)
    form.category.choices = options(CATEGORIES.items())
    return form


def _new(form: NewProcedureForm, status: int = 200) -> ResponseReturnValue:
    return render_template("studio/new.html", form=form), status


@bp.post("/nouvelle", endpoint="create")
def create() -> ResponseReturnValue:
    """Makes the draft from the standard pattern; families see nothing of it."""
    form = _form()
    if not form.validate():
        return _new(form, 422)
    given = {"summary": form.summary.data or "", "category": form.category.data}
    try:
        made = new_procedure(db(), current_actor(), form.slug.data or "", form.title.data or "", **given)
    except Refused as refusal:
        form.refuse(refusal.field or "title", refusal.message)
        return _new(form, 422)
    flash("Le brouillon est prêt : il suit le parcours habituel, à vous de l’adapter.", "success")
    return redirect(url_for("studio.diagram", slug=made.slug), 303)


@bp.get("/<slug>", endpoint="show")
def show(slug: str) -> ResponseReturnValue:
    """A démarche opens on its diagram."""
    opened(slug)
    return redirect(url_for("studio.diagram", slug=slug))


@bp.post("/<slug>/ouverture", endpoint="set_open")
def open_or_close(slug: str) -> ResponseReturnValue:
    """Opens the démarche to new demandes, or closes it."""
    procedure_by_slug(db(), slug)
    procedure = set_open(db(), current_actor(), slug, is_open=request.form.get("ouverte") == "1")
    state = "ouverte" if procedure.open else "fermée aux nouvelles demandes"
    flash(f"La démarche est {state}.", "success")
    return redirect(url_for("studio.versions", slug=slug), 303)
