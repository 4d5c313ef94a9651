"""Users and roles: pages of administrators (S6)."""

from __future__ import annotations

import uuid

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from app.accounts import administration, operations, queries
from app.accounts.models import Role
from app.errors import NotFound, Refused
from app.policy import NEEDS_SECOND_FACTOR, Permission, require
from app.town.queries import structures
from app.web.guards import blueprint
from app.web.identity import current_actor
from app.web.requests import db
from forms.administration import GrantForm, InviteAgentForm, RoleForm, options

bp = blueprint("accounts_admin", __name__, audience="admin", url_prefix="/admin")

KINDS = {"agents": "agent", "familles": "parent"}


@bp.get("/utilisateurs")
def users() -> ResponseReturnValue:
    require(current_actor(), Permission.USER_MANAGE)
    tab, text = request.args.get("qui", "agents"), request.args.get("q", "")
    page = queries.accounts_matching(
        db(), text, kind=KINDS.get(tab, "agent"), page=request.args.get("page", 1, type=int)
    )
    return render_template("accounts/users.html", page=page, tab=tab if tab in KINDS else "agents", text=text)


@bp.get("/utilisateurs/nouveau")
def new_user() -> ResponseReturnValue:
    require(current_actor(), Permission.USER_MANAGE)
    return render_template("accounts/new_user.html", form=InviteAgentForm())


@bp.post("/utilisateurs/nouveau")
def invite_user() -> ResponseReturnValue:
    require(current_actor(), Permission.USER_MANAGE)
    form = InviteAgentForm(request.form)
    if form.validate():
        try:
            invited = administration.invite_agent(
                db(), current_actor(), **{name: str(value or "") for name, value in form.data.items()}
            )
        except Refused as refusal:
            form.refuse(refusal.field or "email", refusal.message)
        else:
            flash("L’invitation est partie. Donnez maintenant un rôle à cette personne.", "success")
            return redirect(url_for(".user", account_id=invited.id), 303)
    return render_template("accounts/new_user.html", form=form), 422


def _grant_form(data: MultiDict[str, str] | None = None) -> GrantForm:
    form = GrantForm(data)
    form.role.choices = options([("", "Choisissez…"), *((role.code, role.label) for role in queries.roles(db()))])
    places = [(str(place.id), place.name) for place in structures(db())]
    form.structure.choices = options([("", "Toutes les structures"), *places])
    return form


def _user(account_id: uuid.UUID, form: GrantForm, status: int = 200) -> ResponseReturnValue:
    page = render_template(
        "accounts/user.html",
        line=queries.account_line(db(), account_id),
        held=queries.held_roles(db(), account_id),
        form=form,
        is_me=account_id == current_actor().id,
    )
    return page, status


@bp.get("/utilisateurs/<uuid:account_id>")
def user(account_id: uuid.UUID) -> ResponseReturnValue:
    require(current_actor(), Permission.USER_MANAGE)
    return _user(account_id, _grant_form())


@bp.post("/utilisateurs/<uuid:account_id>/roles")
def grant(account_id: uuid.UUID) -> ResponseReturnValue:
    require(current_actor(), Permission.USER_MANAGE)
    form = _grant_form(request.form)
    if form.validate():
        place = uuid.UUID(form.structure.data) if form.structure.data else None
        try:
            administration.grant_role(db(), current_actor(), account_id, str(form.role.data), place)
        except Refused as refusal:
            form.refuse("role", refusal.message)
        else:
            flash("Le rôle est donné.", "success")
            return redirect(url_for(".user", account_id=account_id), 303)
    return _user(account_id, form, 422)


def _back(account_id: uuid.UUID, message: str) -> Response:
    flash(message, "success")
    return redirect(url_for(".user", account_id=account_id), 303)


@bp.post("/utilisateurs/<uuid:account_id>/roles/<uuid:grant_id>/retirer")
def revoke(account_id: uuid.UUID, grant_id: uuid.UUID) -> ResponseReturnValue:
    require(current_actor(), Permission.USER_MANAGE)
    if grant_id not in {held.id for held in queries.held_roles(db(), account_id)}:
        raise NotFound("Ce rôle n’est pas donné à cette personne.")
    administration.revoke_role(db(), current_actor(), grant_id)
    return _back(account_id, "Le rôle est retiré. Les sessions ouvertes de cette personne sont fermées.")


@bp.post("/utilisateurs/<uuid:account_id>/deblocage")
def unlock(account_id: uuid.UUID) -> ResponseReturnValue:
    operations.unlock(db(), current_actor(), account_id)
    return _back(account_id, "Le compte est débloqué.")


@bp.get("/utilisateurs/<uuid:account_id>/desactivation")
def confirm_deactivation(account_id: uuid.UUID) -> ResponseReturnValue:
    require(current_actor(), Permission.USER_MANAGE)
    return render_template("accounts/deactivate.html", line=queries.account_line(db(), account_id))


@bp.post("/utilisateurs/<uuid:account_id>/desactivation")
def deactivate(account_id: uuid.UUID) -> ResponseReturnValue:
    administration.deactivate(db(), current_actor(), account_id)
    return _back(account_id, "Le compte est désactivé et ses sessions sont fermées.")


@bp.post("/utilisateurs/<uuid:account_id>/reactivation")
def reactivate(account_id: uuid.UUID) -> ResponseReturnValue:
    administration.reactivate(db(), current_actor(), account_id)
    return _back(account_id, "Le compte est de nouveau actif.")


@bp.post("/utilisateurs/<uuid:account_id>/second-facteur")
def reset_second_factor(account_id: uuid.UUID) -> ResponseReturnValue:
    administration.reset_second_factor(db(), current_actor(), account_id)
    return _back(account_id, "Le second facteur est remis à zéro\u00a0: il sera choisi de nouveau à la connexion.")


@bp.post("/utilisateurs/<uuid:account_id>/invitation")
def invite_again(account_id: uuid.UUID) -> ResponseReturnValue:
    administration.invite_again(db(), current_actor(), account_id)
    return _back(account_id, "Une nouvelle invitation est partie.")


@bp.get("/roles")
def roles() -> ResponseReturnValue:
    require(current_actor(), Permission.ROLE_MANAGE)
    return render_template(
        "accounts/roles.html", roles=queries.roles(db()), holders=queries.holders(db()), labels=_labels()
    )


def _labels() -> dict[str, str]:
    return {str(permission): permission.label for permission in Permission}


def _role_form(data: MultiDict[str, str] | None = None, role: Role | None = None) -> RoleForm:
    form = RoleForm(data, obj=role)
    form.permissions.choices = options((str(permission), permission.label) for permission in Permission)
    return form


def _role(form: RoleForm, code: str | None, status: int = 200) -> ResponseReturnValue:
    sensitive = {str(permission) for permission in NEEDS_SECOND_FACTOR}
    held = queries.holders(db()).get(code or "", 0)
    return render_template("accounts/role.html", form=form, code=code, sensitive=sensitive, held=held), status


@bp.get("/roles/nouveau")
def new_role() -> ResponseReturnValue:
    require(current_actor(), Permission.ROLE_MANAGE)
    return _role(_role_form(), None)


@bp.get("/roles/<code>")
def role(code: str) -> ResponseReturnValue:
    require(current_actor(), Permission.ROLE_MANAGE)
    return _role(_role_form(role=_existing(code)), code)


def _existing(code: str) -> Role:
    found = db().get(Role, code)
    if found is None:
        raise NotFound("Ce rôle n’existe pas ou n’existe plus.")
    return found


@bp.post("/roles/nouveau")
def create_role() -> ResponseReturnValue:
    require(current_actor(), Permission.ROLE_MANAGE)
    form = _role_form(request.form)
    if form.validate() and db().get(Role, str(form.code.data)) is not None:
        form.refuse("code", "Un autre rôle porte déjà ce code.")
    return _save(form, None)


@bp.post("/roles/<code>")
def change_role(code: str) -> ResponseReturnValue:
    require(current_actor(), Permission.ROLE_MANAGE)
    _existing(code)
    form = _role_form(request.form)
    form.code.data = code
    form.validate()
    return _save(form, code)


def _save(form: RoleForm, code: str | None) -> ResponseReturnValue:
    if not form.errors:
        try:
            administration.save_role(
                db(),
                current_actor(),
                code=str(form.code.data),
                label=str(form.label.data),
                description=str(form.description.data or ""),
                permissions=form.permissions.data or [],
            )
        except Refused as refusal:
            form.refuse(refusal.field or "label", refusal.message)
        else:
            flash("Le rôle est enregistré.", "success")
            return redirect(url_for(".roles"), 303)
    return _role(form, code, 422)


@bp.post("/roles/<code>/suppression")
def delete_role(code: str) -> ResponseReturnValue:
    administration.delete_role(db(), current_actor(), code)
    flash("Le rôle est supprimé.", "success")
    return redirect(url_for(".roles"), 303)
