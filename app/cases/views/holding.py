"""An agent holds a demande, so that it is not erased, or lets it go (routes of the agents' blueprint)."""

from __future__ import annotations

import uuid

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.cases import holding
from app.cases.models import Case
from app.cases.queries import agents_case
from app.cases.retention import erased_on
from app.cases.views.agent import bp
from app.errors import Conflict
from app.policy import Permission, require
from app.web.identity import current_actor
from app.web.requests import db
from forms.holding import ReasonForm


def _load(case_id: uuid.UUID, *, lock: bool = False) -> Case:
    """A demande that this agent may know of and hold."""
    case = agents_case(db(), current_actor(), case_id, lock=lock).case
    require(current_actor(), Permission.CASE_HOLD, case.structure_id)
    return case


def _page(case: Case, form: ReasonForm, status: int = 200) -> ResponseReturnValue:
    return render_template("cases/hold.html", case=case, form=form, erased_on=erased_on(db(), case)), status


@bp.get("/demandes/<uuid:case_id>/conservation", endpoint="hold")
def ask(case_id: uuid.UUID) -> ResponseReturnValue:
    """Says what holding means, and asks why; or why not any more."""
    return _page(_load(case_id), ReasonForm())


@bp.post("/demandes/<uuid:case_id>/conservation", endpoint="hold_post")
def hold(case_id: uuid.UUID) -> ResponseReturnValue:
    """Holds the demande."""
    case, form = _load(case_id, lock=True), ReasonForm(request.form)
    if case.held_at is not None:
        raise Conflict("Cette demande est déjà retenue.")
    if not form.validate():
        return _page(case, form, 422)
    holding.hold(db(), current_actor(), case, form.reason.data or "")
    flash("La demande est retenue : elle ne sera pas effacée.", "success")
    return redirect(url_for("cases_agent.show", case_id=case_id), 303)


@bp.post("/demandes/<uuid:case_id>/conservation/levee", endpoint="lift")
def lift(case_id: uuid.UUID) -> ResponseReturnValue:
    """Lets the demande go."""
    case, form = _load(case_id, lock=True), ReasonForm(request.form)
    if case.held_at is None:
        raise Conflict("Cette demande n’est pas retenue.")
    if not form.validate():
        return _page(case, form, 422)
    holding.lift(db(), current_actor(), case, form.reason.data or "")
    flash("La demande n’est plus retenue : elle sera effacée comme les autres.", "success")
    return redirect(url_for("cases_agent.show", case_id=case_id), 303)
