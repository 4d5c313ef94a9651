"""The administrators' page « Conservation »: what the next night erases, what is held, what the last night did."""

from __future__ import annotations

import uuid

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.cases import holding
from app.cases.models import Case
from app.cases.retention import NIGHT, dry_run, last_night, next_night
from app.errors import Conflict
from app.policy import Permission, require, require_everywhere
from app.web.guards import blueprint
from app.web.identity import current_actor
from app.web.requests import db
from forms.holding import HoldForm, ReasonForm

bp = blueprint("cases_erasures", __name__, audience="admin", url_prefix="/admin/conservation")


def _may_hold() -> bool:
    actor = current_actor()
    return actor.can(Permission.CASE_HOLD) and actor.structures(Permission.CASE_HOLD) is None


def _page(form: HoldForm, status: int = 200) -> ResponseReturnValue:
    night = next_night()
    lines = dry_run(db(), night)
    return render_template(
        "cases/erasures.html",
        night=night,
        hour=NIGHT,
        lines=lines,
        due=sum(line.due for line in lines),
        last=last_night(db()),
        titles={line.kept.slug: line.kept.title for line in lines},
        held=holding.held_cases(db()),
        may_hold=_may_hold(),
        form=form,
    ), status


@bp.get("", endpoint="overview")
def overview() -> ResponseReturnValue:
    """The dry run of the next night, the proof of the last one, the demandes that are held."""
    require(current_actor(), Permission.AUDIT_READ)
    return _page(HoldForm())


@bp.post("", endpoint="hold")
def hold() -> ResponseReturnValue:
    """Holds the demande of this reference."""
    actor = current_actor()
    require(actor, Permission.AUDIT_READ)
    require_everywhere(actor, Permission.CASE_HOLD)
    form = HoldForm(request.form)
    if not form.validate():
        return _page(form, 422)
    case = holding.case_to_hold(db(), actor, form.reference.data or "")
    if case is None:
        form.refuse("reference", "Aucune demande envoyée ne porte cette référence.")
        return _page(form, 422)
    try:
        holding.hold(db(), actor, case, form.reason.data or "")
    except Conflict as refusal:
        form.refuse("reference", refusal.message)
        return _page(form, 422)
    flash("La demande est retenue : elle ne sera pas effacée.", "success")
    return redirect(url_for("cases_erasures.overview"), 303)


def _lifting(case: Case, form: ReasonForm, status: int = 200) -> ResponseReturnValue:
    return render_template("cases/lift.html", case=case, form=form), status


@bp.get("/<uuid:case_id>", endpoint="lift")
def ask(case_id: uuid.UUID) -> ResponseReturnValue:
    """Asks why a demande needs not be held any more."""
    return _lifting(holding.held_case(db(), current_actor(), case_id), ReasonForm())


@bp.post("/<uuid:case_id>", endpoint="lift_post")
def lift(case_id: uuid.UUID) -> ResponseReturnValue:
    """Lets the demande go."""
    actor, form = current_actor(), ReasonForm(request.form)
    case = holding.held_case(db(), actor, case_id)
    if not form.validate():
        return _lifting(case, form, 422)
    holding.lift(db(), actor, case, form.reason.data or "")
    flash("La demande n’est plus retenue : elle sera effacée comme les autres.", "success")
    return redirect(url_for("cases_erasures.overview"), 303)
