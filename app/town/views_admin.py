"""Settings of the commune and structures: pages of administrators (S6)."""

from __future__ import annotations

import uuid
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import FileStorage, MultiDict

from app.db import Json
from app.errors import NotFound, Refused
from app.policy import Permission, require
from app.town import operations, queries
from app.town.settings import SIGNUP_VARIANTS
from app.web import theme
from app.web.guards import blueprint, takes_files
from app.web.identity import current_actor
from app.web.requests import db
from forms.accounts import AccountForm
from forms.administration import options
from forms.town import AccessibilityForm, LegalForm, LookForm, OptionsForm, StructureForm, TownForm

bp = blueprint("town_admin", __name__, audience="admin", url_prefix="/admin")

SECTIONS: dict[str, tuple[str, type[AccountForm]]] = {
    "commune": ("La commune", TownForm),
    "apparence": ("Apparence", LookForm),
    "textes": ("Textes légaux", LegalForm),
    "accessibilite": ("Accessibilité", AccessibilityForm),
    "options": ("Options", OptionsForm),
}


@bp.get("/reglages")
def settings() -> ResponseReturnValue:
    return redirect(url_for(".section", name="commune"))


def _form(name: str, data: MultiDict[str, Any] | None = None) -> AccountForm:
    if name not in SECTIONS:
        raise NotFound
    form = SECTIONS[name][1](data, obj=queries.town_settings(db()))
    if isinstance(form, OptionsForm):
        form.signup_variant.choices = options(SIGNUP_VARIANTS.items())
    return form


def _section(name: str, form: AccountForm, status: int = 200) -> ResponseReturnValue:
    tabs = [
        {"label": label, "url": url_for(".section", name=key), "current": key == name, "count": None}
        for key, (label, _) in SECTIONS.items()
    ]
    return render_template("town/settings.html", form=form, name=name, label=SECTIONS[name][0], tabs=tabs), status


@bp.get("/reglages/<name>")
def section(name: str) -> ResponseReturnValue:
    require(current_actor(), Permission.SETTINGS_MANAGE)
    return _section(name, _form(name))


@bp.post("/reglages/<name>")
@takes_files
def change_section(name: str) -> ResponseReturnValue:
    require(current_actor(), Permission.SETTINGS_MANAGE)
    form = _form(name, request.form)
    if form.validate():
        _check_colours(form)
    if not form.errors:
        try:
            if isinstance(form, LookForm):
                _change_logo(form)
            changes = {key: value for key, value in form.data.items() if key not in ("logo", "remove_logo")}
            operations.change_settings(db(), current_actor(), changes)
        except Refused as refusal:
            form.refuse(refusal.field or next(iter(form)).name, refusal.message)
        else:
            flash("Les réglages sont enregistrés.", "success")
            return redirect(url_for(".section", name=name), 303)
    db().rollback()
    db().info.clear()
    return _section(name, form, 422)


def _check_colours(form: AccountForm) -> None:
    for name in ("primary_colour", "accent_colour"):
        if name in form and form[name].data and not theme.acceptable(str(form[name].data)):
            form.refuse(name, "Cette couleur est trop pâle pour être lue, ou mal écrite. Essayez plus foncé.")


def _change_logo(form: LookForm) -> None:
    sent: FileStorage | None = request.files.get("logo")
    if sent is not None and sent.filename:
        picture = operations.prepare_logo(sent.stream.read(operations.MAX_LOGO_BYTES + 1))
        operations.change_logo(db(), current_actor(), picture)
    elif form.remove_logo.data:
        operations.change_logo(db(), current_actor(), None)


@bp.get("/structures")
def structures() -> ResponseReturnValue:
    require(current_actor(), Permission.STRUCTURE_MANAGE)
    return render_template("town/structures.html", structures=queries.structures(db()))


def _structure_form(
    data: MultiDict[str, Any] | None = None, found: queries.StructureView | None = None
) -> StructureForm:
    form = StructureForm(data, obj=found)
    form.kind.choices = options(queries.STRUCTURE_KINDS.items())
    form.levels.choices = options((level, level) for level in queries.SCHOOL_LEVELS)
    return form


def _structure(form: StructureForm, found: queries.StructureView | None, status: int = 200) -> ResponseReturnValue:
    return render_template("town/structure.html", form=form, found=found), status


@bp.get("/structures/nouvelle")
def new_structure() -> ResponseReturnValue:
    require(current_actor(), Permission.STRUCTURE_MANAGE)
    return _structure(_structure_form(), None)


@bp.get("/structures/<uuid:structure_id>")
def structure(structure_id: uuid.UUID) -> ResponseReturnValue:
    require(current_actor(), Permission.STRUCTURE_MANAGE)
    found = queries.structure(db(), structure_id)
    return _structure(_structure_form(found=found), found)


@bp.post("/structures/nouvelle")
def create_structure() -> ResponseReturnValue:
    require(current_actor(), Permission.STRUCTURE_MANAGE)
    form = _structure_form(request.form)
    if form.validate():
        try:
            operations.create_structure(db(), current_actor(), **_values(form))
        except Refused as refusal:
            form.refuse(refusal.field or "name", refusal.message)
        else:
            flash("La structure est ajoutée.", "success")
            return redirect(url_for(".structures"), 303)
    return _structure(form, None, 422)


@bp.post("/structures/<uuid:structure_id>")
def change_structure(structure_id: uuid.UUID) -> ResponseReturnValue:
    require(current_actor(), Permission.STRUCTURE_MANAGE)
    found, form = queries.structure(db(), structure_id), _structure_form(request.form)
    if form.validate():
        try:
            operations.change_structure(db(), current_actor(), structure_id, **_values(form))
        except Refused as refusal:
            form.refuse(refusal.field or "name", refusal.message)
        else:
            flash("La structure est enregistrée.", "success")
            return redirect(url_for(".structures"), 303)
    return _structure(form, found, 422)


def _values(form: StructureForm) -> dict[str, Json]:
    return {key: value if value is not None else "" for key, value in form.data.items()} | {
        "capacity": form.capacity.data,
        "levels": form.levels.data or [],
        "open": bool(form.open.data),
    }
