"""Beginning a démarche: its first page is shown before anything is written."""

from __future__ import annotations

from typing import Any

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.cases.opening import open_case, promise_case
from app.cases.queries import Opened, begun, draft_of
from app.cases.steps import step_page
from app.cases.views.family import bp, page_of, step_context, who
from app.cases.views.promises import own_household, signed
from app.engine.rehearsal import NotRehearsed
from app.errors import NotFound
from app.policy import FAMILY_LANE
from app.procedures.queries import Published, published
from app.web.identity import sign_in_required
from app.web.requests import db


@bp.get("/nouvelle/<slug>", endpoint="open_new")
def open_new(slug: str) -> ResponseReturnValue:
    """The first page of a démarche. A draft already begun is proposed rather than doubled (D4)."""
    procedure = _offered(slug)
    if procedure is None:
        return sign_in_required()
    person = who()
    found = draft_of(db(), person, slug)
    if found is not None and found.draft is not None and request.args.get("autre") is None:
        return render_template("cases/draft_found.html", case=found.case, task=found.task, draft=found.draft)
    if found is not None and found.draft is None and found.task is not None:
        return _first_page(found)
    try:
        promise, opened = promise_case(db(), person, procedure, household_id=own_household(), data=_given())
    except NotRehearsed:
        return render_template("cases/begin.html", procedure=procedure, given=_given())
    if opened.task is None or opened.task.lane != FAMILY_LANE:
        return render_template("cases/begin.html", procedure=procedure, given=_given())
    return _first_page(opened, signed(promise))


@bp.post("/nouvelle/<slug>", endpoint="begin")
def begin(slug: str) -> ResponseReturnValue:
    """Opens a démarche that does something before its first form, or has none."""
    procedure = _offered(slug)
    if procedure is None:
        return sign_in_required()
    case, outcome = open_case(db(), who(), procedure, household_id=own_household(), data=_given())
    task = begun(db(), case, outcome).task
    if task is None or task.lane != FAMILY_LANE:
        return redirect(url_for("cases_family.show", case_id=case.id))
    return redirect(url_for("cases_family.step", case_id=case.id, task_id=task.id))


def _offered(slug: str) -> Published | None:
    """The démarche; ``None`` when one must sign in first. Raises NotFound for whom it is not."""
    procedure, kind = published(db(), slug), who().actor.kind
    if procedure.needs_account and kind == "visitor":
        return None
    if procedure.needs_account and kind != "parent":
        raise NotFound("Les démarches des familles se font depuis un compte de parent.")
    return procedure


def _first_page(opened: Opened, promise: str | None = None) -> ResponseReturnValue:
    step = step_page(db(), who(), opened)
    context: dict[str, Any] = step_context(step, step.form(page=page_of(step)), promise)
    return render_template("cases/step.html", **context)


def _given() -> dict[str, str]:
    """What a link may fill in advance (the child, the type of piece): short texts; the form still judges them."""
    allowed = ("enfant", "type_piece")
    return {name: request.args[name][:64] for name in allowed if name in request.args}
