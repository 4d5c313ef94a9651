"""The first page of an agent whose roles open none of the lists: what he may do, and a demande by its reference."""

from __future__ import annotations

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.accounts.queries import roles as all_roles
from app.cases.queries import case_by_reference
from app.cases.views.agent import bp
from app.policy import Permission
from app.town.queries import structure_names
from app.web.guards import admits
from app.web.identity import current_actor
from app.web.navigation import admin_menu, menu
from app.web.requests import db


@bp.get("", endpoint="home")
def home() -> ResponseReturnValue:
    """Roles in words, the pages they open, and the door to what he may read."""
    actor = current_actor()
    wanted = request.args.get("reference", "").strip()[:40]
    may_read = actor.can(Permission.CASE_READ)
    found = case_by_reference(db(), actor, wanted) if wanted and may_read else None
    if found is not None:
        return redirect(url_for("cases_agent.show", case_id=found))
    names = structure_names(db())
    roles = {role.code: role for role in all_roles(db())}
    held = [
        (roles[grant.role], names.get(grant.structure_id, "") if grant.structure_id else "")
        for grant in actor.grants
        if grant.role in roles
    ]
    pages = menu(actor, 0) + (admin_menu(actor) if admits("admin", actor) else [])
    page = render_template("cases/agent_home.html", held=held, pages=pages, wanted=wanted, may_read=may_read)
    return page, 404 if wanted and may_read else 200
