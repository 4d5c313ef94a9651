"""« Règlement » of an activity: how it is booked, until when, for whom, how many. Pages of administrators."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.agenda.activities import KEPT_REGULATED, agendas
from app.agenda.days import moment_text
from app.agenda.deadlines import MODES
from app.agenda.judging import limit_of
from app.agenda.models import Activity, AgeGroup
from app.agenda.queries import activity_of
from app.agenda.regulating import GroupRule, regulate
from app.agenda.regulation import ACCEPTANCES, Regulation, read_regulation
from app.db import Json, fold
from app.documents.queries import piece_types
from app.errors import Refused
from app.policy import Permission, require
from app.town.queries import StructureView, structure
from app.web.guards import blueprint
from app.web.identity import current_actor
from app.web.requests import db, undo
from forms.accounts import AccountForm
from forms.administration import options
from forms.french import date_text
from forms.regulation import AgeGroupForm, LimitForm, OpeningForm, RulesForm

bp = blueprint(
    "agenda_regulation", __name__, audience="admin", url_prefix="/admin/structures/<uuid:structure_id>/activites"
)

LIMITS = {"book": "Pour réserver", "change": "Pour changer d’activité", "cancel": "Pour annuler sans frais"}
TIMES = {"scolaire": "En période scolaire", "vacances": "Pendant les vacances scolaires"}
SETTINGS = {"periscolaire": "Périscolaire", "extrascolaire": "Extrascolaire (vacances)"}
MOST_ROWS, BLANK_ROWS = 30, 2
AHEAD = timedelta(days=60)


@dataclass(frozen=True)
class Forms:
    """The parts of the page; together they are one form for the summary of errors."""

    rules: RulesForm
    limits: Mapping[str, LimitForm]
    groups: Sequence[AgeGroupForm]
    openings: Sequence[OpeningForm]

    def __iter__(self) -> Iterator[AccountForm]:
        return iter((self.rules, *self.limits.values(), *self.groups, *self.openings))

    def validate(self) -> bool:
        """Every part, so that all that is wrong is said at once."""
        return sum(not form.validate() for form in self) == 0

    @property
    def errors(self) -> list[object]:
        return [form.errors for form in self if form.errors]

    @property
    def error_links(self) -> list[tuple[str, str]]:
        return [link for form in self for link in form.error_links]

    def refuse(self, field: str, message: str) -> None:
        """Says a refusal of the operation where it belongs."""
        if field in self.limits:
            self.limits[field].refuse("mode", message)
        elif field == "groups":
            self.groups[0].refuse("label", message)
        elif field == "openings":
            self.openings[0].refuse("name", message)
        else:
            self.rules.refuse(field if field in self.rules else "acceptance", message)


@bp.get("/<uuid:activity_id>/reglement")
def show(structure_id: uuid.UUID, activity_id: uuid.UUID) -> ResponseReturnValue:
    """The règlement in force, to be changed."""
    place, found = _found(structure_id, activity_id)
    return _page(place, found, _forms(found))


@bp.post("/<uuid:activity_id>/reglement")
def save(structure_id: uuid.UUID, activity_id: uuid.UUID) -> ResponseReturnValue:
    """Puts it in force at once; what is booked stays."""
    place, found = _found(structure_id, activity_id)
    forms = _forms(found, sent=True)
    if not forms.validate():
        return _page(place, found, forms, 422)
    try:
        regulate(db(), current_actor(), found.id, _rules(found, forms), _groups(forms))
    except Refused as refusal:
        undo()
        forms.refuse(refusal.field or "", refusal.message)
        return _page(*_found(structure_id, activity_id), forms, 422)
    flash("Le règlement est en vigueur. Ce qui est déjà réservé le reste.", "success")
    return redirect(url_for(".show", structure_id=place.id, activity_id=found.id), 303)


def _found(structure_id: uuid.UUID, activity_id: uuid.UUID) -> tuple[StructureView, Activity]:
    require(current_actor(), Permission.STRUCTURE_MANAGE, structure_id)
    place = structure(db(), structure_id)
    return place, activity_of(db(), place.id, activity_id)


def _forms(found: Activity, *, sent: bool = False) -> Forms:
    """The forms of an activity, filled with its règlement, or with what was sent."""
    posted = request.form if sent else None
    now = read_regulation(found.rules)
    rows = db().scalars(select(AgeGroup).where(AgeGroup.activity_id == found.id).order_by(AgeGroup.age_from)).all()
    rules = RulesForm(posted, data=_written(now))
    rules.acceptance.choices = options(ACCEPTANCES.items())
    rules.times.choices, rules.setting.choices = options(TIMES.items()), options(SETTINGS.items())
    kinds = [each for each in piece_types(db()) if each.active or each.code in now.pieces]
    rules.pieces.choices = options((each.code, each.label) for each in kinds)
    limits = {}
    for key in LIMITS:
        limit = getattr(now.deadlines, key)
        limits[key] = LimitForm(posted, prefix=f"{key}-", data={**vars(limit), "at": f"{limit.at:%H:%M}"})
        limits[key].mode.choices = options(MODES.items())
    spans = [
        {"name": each.name, "first": each.first, "last": each.end - timedelta(days=1) if each.end else None}
        for each in now.openings
    ]
    groups = [{name: getattr(row, name) for name in GroupRule.__dataclass_fields__} for row in rows]
    return Forms(
        rules,
        limits,
        [AgeGroupForm(posted, prefix=f"groupe{n}-", data=data) for n, data in _filled(groups, "groupes", sent=sent)],
        [OpeningForm(posted, prefix=f"periode{n}-", data=data) for n, data in _filled(spans, "periodes", sent=sent)],
    )


def _filled(
    rows: Sequence[Mapping[str, object]], counted: str, *, sent: bool
) -> list[tuple[int, Mapping[str, object]]]:
    """The rows there are, and some that are blank; as many as were sent, for a page that was."""
    count = len(rows) + BLANK_ROWS
    if sent:
        text = request.form.get(counted, "")
        count = int(text) if re.fullmatch("[0-9]{1,2}", text) else BLANK_ROWS
        return [(number, {}) for number in range(min(max(count, 1), MOST_ROWS))]
    return [(number, rows[number] if number < len(rows) else {}) for number in range(count)]


def _written(now: Regulation) -> dict[str, object]:
    return {**vars(now), **{f"absence_{name}": value for name, value in vars(now.absence).items()}}


def _rules(found: Activity, forms: Forms) -> dict[str, Json]:
    """The règlement as JSON; what the page does not show (the tariff) stays as it is."""
    data = forms.rules.data
    absence = {name.removeprefix("absence_"): data.pop(name) for name in list(data) if name.startswith("absence_")}
    limits = {key: form.data for key, form in forms.limits.items()}
    openings = [
        {
            "name": form.name.data,
            "first": form.first.data.isoformat() if form.first.data else None,
            "last": form.last.data.isoformat() if form.last.data else None,
        }
        for form in forms.openings
        if form.name.data or form.first.data or form.last.data
    ]
    return {**found.rules, **data, "absence": absence, **limits, "openings": openings}


def _groups(forms: Forms) -> list[GroupRule]:
    found: list[GroupRule] = []
    for form in forms.groups:
        data = form.data
        if data["label"]:
            code = data["code"] or _code(data["label"], {each.code for each in found})
            found.append(GroupRule(**{**data, "code": code, "age_from": data["age_from"] or 0}))
    return found


def _code(label: str, taken: set[str]) -> str:
    """A code for a new group, from its name."""
    code = re.sub("[^a-z0-9]+", "-", fold(label)).strip("-")[:40] or "groupe"
    return next(each for each in (code, *(f"{code}-{n}" for n in range(2, MOST_ROWS + 2))) if each not in taken)


def _page(place: StructureView, found: Activity, forms: Forms, status: int = 200) -> ResponseReturnValue:
    return render_template(
        "agenda/regulation.html",
        place=place,
        found=found,
        form=forms,
        limits=LIMITS,
        examples=_examples(db(), found.id),
    ), status


def _examples(session: Session, activity_id: uuid.UUID) -> tuple[str, dict[str, str]] | None:
    """What the limits in force say of the next day when it is held and may still be booked."""
    activity = next((each for each in KEPT_REGULATED.get(session) if each.id == activity_id), None)
    if activity is None:
        return None
    today, now = clock.today(), clock.now()
    agenda = agendas(session, [activity], today, today + AHEAD)[activity_id]

    def limit(day: date, key: str) -> str:
        found = limit_of(agenda, day, "book" if key == "book" else "change" if key == "change" else "cancel")
        return f"jusqu’au {moment_text(found)}" if found is not None else "aucune limite ne peut être calculée"

    for day in agenda.rhythm.open_days(today, today + AHEAD, agenda.calendar):
        bound = limit_of(agenda, day, "book")
        if bound is not None and now < bound:
            return date_text(day), {key: limit(day, key) for key in LIMITS}
    return None
