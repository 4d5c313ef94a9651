"""The tab « Réglages »: demarche.toml as four pages of forms, and as it is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from wtforms import SelectField

from app.accounts.models import Role
from app.db import Json
from app.engine.bundle import PROCESS, SETTINGS
from app.errors import NotFound, Refused
from app.policy import FAMILY_LANE, SYSTEM_LANE
from app.procedures.overview import REGIMES
from app.procedures.settings import (
    CATEGORIES,
    FILERS,
    NOTIFICATION_VARIABLES,
    RETENTION_MONTHS,
    Notification,
    ProcedureSettings,
    SettingsError,
    read_settings,
    unknown_variables,
)
from app.procedures.settings_checks import subject_fields, unknown_subjects
from app.studio.changes.settings_file import STATUSES
from app.studio.editor_data import form_definitions, graph_of
from app.studio.settings_file import Value, rewritten
from app.studio.views import stale
from app.studio.views.frame import Studio, bp, opened, page
from app.studio.views.stale import Stale
from app.town.queries import structures
from app.web.requests import db, undo
from forms.accounts import AccountForm
from forms.administration import options
from forms.procedure_settings import FilingForm, HandlingForm, PresentationForm, StatusForm

SECTIONS: Mapping[str, str] = {
    "presentation": "Présentation",
    "depot": "Dépôt",
    "instruction": "Instruction",
    "messages": "Messages à la famille",
    "fichier": "Fichier",
}
_FORMS: Mapping[str, type[AccountForm]] = {
    "presentation": PresentationForm,
    "depot": FilingForm,
    "instruction": HandlingForm,
}
AUTOMATIC = b"champs_automatiques"
"""The variable that a diagram reads when it can accept answers without an agent."""

#: field of a form → key of demarche.toml
_KEYS: Mapping[str, str] = {
    "title": "titre",
    "summary": "resume",
    "category": "categorie",
    "position": "ordre",
    "duration": "duree",
    "delay": "delai",
    "service": "service",
    "pieces": "pieces",
    "listed": "catalogue",
    "account": "compte",
    "filers": "deposants",
    "opens_on": "ouverture",
    "closes_on": "fermeture",
    "open": "ouverte",
    "draft_days": "brouillon_jours",
    "structure": "structure",
    "subject": "sujet",
    "automatic": "reglages.acceptation_automatique",
    "regime": "legal.regime",
    "months": "legal.mois",
    "retention_months": "conservation_mois",
    "second_reader": "second_lecteur",
}
#: What a key is when it is not written: writing it would only make the file longer.
_USUAL: Mapping[str, Value] = {
    "catalogue": True,
    "compte": True,
    "ouverte": True,
    "second_lecteur": False,
    "deposants": "tous",
    "ordre": 100,
    "brouillon_jours": 90,
    "conservation_mois": RETENTION_MONTHS,
}


@bp.get("/<slug>/reglages", endpoint="settings")
def settings(slug: str) -> ResponseReturnValue:
    """The first page of the settings."""
    return _show(opened(slug), "presentation")


@bp.get("/<slug>/reglages/<section>", endpoint="settings_section")
def section(slug: str, section: str) -> ResponseReturnValue:
    """One page of the settings; read only for whoever does not hold the draft."""
    return _show(opened(slug), section)


def _show(
    studio: Studio,
    section: str,
    form: AccountForm | None = None,
    *,
    status: int = 200,
    raw: str | None = None,
    late: Stale | None = None,
) -> ResponseReturnValue:
    if section not in SECTIONS:
        raise NotFound
    current = _read(studio)
    if current is None and section != "fichier":
        return redirect(url_for("studio.settings_section", slug=studio.slug, section="fichier"))
    if form is None and section in _FORMS and current is not None:
        form = _form(section, studio, current)
    sections = [
        {
            "label": label,
            "url": url_for("studio.settings_section", slug=studio.slug, section=key),
            "current": key == section,
            "count": None,
        }
        for key, label in SECTIONS.items()
    ]
    shown = page(
        "studio/settings.html",
        studio,
        stale=late,
        sections=sections,
        section=section,
        label=SECTIONS[section],
        form=form,
        statuses=_statuses(current) if current is not None else (),
        lanes=_lanes(studio) if section == "instruction" else (),
        questions=list(subject_fields(studio.files).items()) if section == "instruction" else (),
        raw=raw if raw is not None else _raw(studio),
        unread=current is None,
    )
    return shown, status


def _raw(studio: Studio) -> str:
    return studio.files[SETTINGS].decode("utf-8", errors="replace")


def _read(studio: Studio) -> ProcedureSettings | None:
    try:
        return read_settings(studio.files[SETTINGS])
    except SettingsError:
        return None


def _statuses(current: ProcedureSettings) -> list[tuple[str, str, str, Notification | None]]:
    return [
        (code, label, current.next_steps.get(code, ""), current.notifications.get(code))
        for code, label in STATUSES.items()
    ]


def _form(section: str, studio: Studio, current: ProcedureSettings, data: Any = None) -> AccountForm:
    """The form with the choices of this commune and of this draft."""
    given = {name: getattr(current, name) for name in _KEYS if hasattr(current, name)}
    given |= {
        "pieces": "\n".join(current.pieces),
        "subject": ", ".join(current.subject),
        "automatic": ", ".join(current.settings.get("acceptation_automatique", ())),
        "regime": current.legal.regime,
        "months": current.legal.months,
    }
    form = _FORMS[section](data, data=given)
    if "automatic" in form and AUTOMATIC not in studio.files.get(PROCESS, b""):
        del form["automatic"]  # this diagram accepts nothing by itself
    choices: Mapping[str, Callable[[], Mapping[str, str]]] = {
        "category": lambda: CATEGORIES,
        "filers": lambda: FILERS,
        "structure": lambda: _structures(studio, current),
        "regime": lambda: {code: f"{text[:1].upper()}{text[1:]}" for code, text in REGIMES.items()},
    }
    for name, told in choices.items():
        if name in form and isinstance(asked := form[name], SelectField):
            asked.choices = options(told().items())
    return form


def _structures(studio: Studio, current: ProcedureSettings) -> dict[str, str]:
    """Nobody in particular, one structure, or that of what the family answered."""
    found = {"": "Toutes les personnes qui ont le rôle"}
    for definition in form_definitions(studio.files).values():
        for spec in definition.fields():
            if spec.type in ("child", "structure"):
                how = "l’école de l’enfant" if spec.type == "child" else "la structure"
                found[f"champ:{spec.name}"] = f"Selon la réponse : {how} choisi dans « {spec.label} »"
    found |= {f"code:{each.code}": each.name for each in structures(db())}
    return found | ({} if current.structure in found else {current.structure: current.structure})


def _lanes(studio: Studio) -> list[tuple[str, str]]:
    """The lanes of the diagram and the role that each means."""
    graph = graph_of(studio.files)
    labels = {row.code: row.label for row in db().execute(select(Role.code, Role.label))}
    labels |= {FAMILY_LANE: "La famille qui fait la demande", SYSTEM_LANE: "Le portail"}
    return [(lane.name, labels.get(lane.role, "Aucun rôle de ce nom")) for lane in (graph.lanes if graph else ())]


# -- saving ----------------------------------------------------------------------------------------------------------


@bp.post("/<slug>/reglages/<section>", endpoint="save_settings")
def save(slug: str, section: str) -> ResponseReturnValue:
    """Writes one page of the settings into the draft."""
    studio = opened(slug)
    current = _read(studio)
    if section == "fichier":
        return _save_file(studio)
    if section not in _FORMS or current is None:
        raise NotFound
    form = _form(section, studio, current, request.form)
    if (late := stale.stale(studio)) is not None:
        seen = replace(late, differences=stale.differences(_form(section, studio, current), form))
        return _show(studio, section, form, status=409, late=seen)
    form.validate()
    _check_subject(form, studio)
    if form.errors:
        return _show(studio, section, form, status=422)
    changes = {_KEYS[name]: _value(name, value) for name, value in form.data.items()}
    changes = {key: None if _USUAL.get(key) == value else value for key, value in changes.items()}
    try:
        stale.save(studio, {SETTINGS: rewritten(studio.files[SETTINGS], changes)})
    except Refused as refusal:
        undo()
        form.refuse(next(iter(form)).name, refusal.message)
        return _show(opened(slug), section, form, status=422)
    return _done(slug, section)


def _check_subject(form: AccountForm, studio: Studio) -> None:
    for name in ("subject", "automatic"):
        for unknown in unknown_subjects(_entries(form[name].data), studio.files) if name in form else ():
            form.refuse(name, f"Aucune question ne s’appelle «\u00a0{unknown}\u00a0»\u00a0: choisissez dans la liste.")


def _entries(text: str | None) -> list[str]:
    return [each.strip() for each in (text or "").split(",") if each.strip()]


def _value(name: str, value: Any) -> Value:
    if name == "pieces":
        return [each.strip() for each in (value or "").splitlines() if each.strip()]
    if name in ("subject", "automatic"):
        return list(_entries(value))
    found: Value = value
    return found


def _done(slug: str, section: str) -> ResponseReturnValue:
    flash("Les réglages sont enregistrés dans le brouillon.", "success")
    return redirect(url_for("studio.settings_section", slug=slug, section=section), 303)


def _save_file(studio: Studio) -> ResponseReturnValue:
    """The file as it is typed: what a form does not show can be written here. Verification judges it."""
    text = request.form.get("texte", "").replace("\r\n", "\n")
    if (late := stale.stale(studio)) is not None:
        return _show(studio, "fichier", status=409, raw=text, late=replace(late, file=_raw(studio)))
    if len(text.encode()) > 200_000:
        raise Refused("Ce fichier est trop long.")
    stale.save(studio, {SETTINGS: text.encode()})
    return _done(studio.slug, "fichier")


@bp.get("/<slug>/reglages/messages/<status>", endpoint="settings_status")
def status_page(slug: str, status: str) -> ResponseReturnValue:
    """What the family is told at one status."""
    studio = opened(slug)
    current = _read(studio)
    if status not in STATUSES or current is None:
        raise NotFound
    return _status(studio, status, _status_form(current, status))


def _status_form(current: ProcedureSettings, status: str) -> StatusForm:
    sent = current.notifications.get(status)
    return StatusForm(
        data={
            "next_step": current.next_steps.get(status, ""),
            "subject": sent.subject if sent else "",
            "body": sent.body if sent else "",
        }
    )


def _status(
    studio: Studio, status: str, form: AccountForm, code: int = 200, late: Stale | None = None
) -> ResponseReturnValue:
    shown = page(
        "studio/settings_status.html",
        studio,
        stale=late,
        status=status,
        label=STATUSES[status],
        form=form,
        variables=[(f"{{{name}}}", text) for name, text in NOTIFICATION_VARIABLES.items()],
    )
    return shown, code


@bp.post("/<slug>/reglages/messages/<status>", endpoint="save_status")
def save_status(slug: str, status: str) -> ResponseReturnValue:
    """Writes what the family is told at one status; a variable that does not exist is refused."""
    studio = opened(slug)
    current = _read(studio)
    if status not in STATUSES or current is None:
        raise NotFound
    form = StatusForm(request.form)
    if (late := stale.stale(studio)) is not None:
        seen = replace(late, differences=stale.differences(_status_form(current, status), form))
        return _status(studio, status, form, 409, seen)
    form.validate()
    _check_message(form)
    if form.errors:
        return _status(studio, status, form, 422)
    values: dict[str, Json] = {key: form[key].data or "" for key in ("next_step", "subject", "body")}
    changes = {
        f"suite.{status}": values["next_step"],
        f"notifications.{status}.objet": values["subject"],
        f"notifications.{status}.texte": values["body"],
    }
    try:
        stale.save(studio, {SETTINGS: rewritten(studio.files[SETTINGS], changes)})
    except Refused as refusal:
        undo()
        form.refuse("body", refusal.message)
        return _status(opened(slug), status, form, 422)
    return _done(slug, "messages")


def _check_message(form: AccountForm) -> None:
    for name in ("subject", "body"):
        for unknown in unknown_variables(form[name].data or ""):
            form.refuse(name, f"La variable {{{unknown}}} n’existe pas : choisissez dans la liste ci-contre.")
    if bool(form["subject"].data) != bool(form["body"].data):
        form.refuse("body" if form["subject"].data else "subject", "Un courriel a besoin d’un objet et d’un texte.")
