"""« Réservations » of agents: requests to answer day by day, the places of a day, days that close (R4, R7, R-38)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from itertools import groupby

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import clock
from app.agenda.answering import ANSWERS, ToAnswer, answer, bookings_to_answer
from app.agenda.closing import affected_by, close_days, closures_to_come, reopen_days
from app.agenda.staff_queries import managed_activities, managed_structures, places_of_day
from app.agenda.states import STATES
from app.agenda.vocabulary import CLOSURES, REFUSALS
from app.errors import Conflict, NotFound, Refused
from app.policy import Permission, require
from app.town.queries import structure_names
from app.web.guards import blueprint
from app.web.identity import current_actor
from app.web.requests import db, undo
from forms.administration import options
from forms.bookings import AnswersForm, ClosureForm

bp = blueprint("agenda_bookings", __name__, audience="agent", url_prefix="/agent/reservations")

FURTHEST = timedelta(days=400)
EVERYTHING = "commune"


# -- requests --------------------------------------------------------------------------------------------------------


@bp.get("")
def requests() -> ResponseReturnValue:
    """What waits for an answer, by activity, the nearest day first."""
    return _requests(_answers_form(), {})


@bp.post("")
def send_answers() -> ResponseReturnValue:
    """Answers the days for which something was chosen; or fills the same answer in everywhere, to be looked at."""
    require(current_actor(), Permission.BOOKING_MANAGE)
    form = _answers_form()
    chosen = {name.removeprefix("jour-"): code for name, code in request.form.items() if name.startswith("jour-")}
    if (everywhere := request.form.get("partout")) in ("accept", "excuse", "bill"):
        return _requests(form, chosen, everywhere)
    answers = {key: code for text, code in chosen.items() if code and (key := _uuid(text)) is not None}
    if not form.validate():
        return _requests(form, chosen, status=422)
    try:
        count = answer(db(), current_actor(), answers, reason=form.reason.data or "", words=form.words.data or "")
    except (Refused, Conflict) as refusal:
        undo()
        form.refuse(
            "reason" if isinstance(refusal, Refused) and refusal.field == "reason" else "words", refusal.message
        )
        return _requests(form, chosen, status=409 if isinstance(refusal, Conflict) else 422)
    told = "1\u00a0jour a reçu sa réponse." if count == 1 else f"{count}\u00a0jours ont reçu leur réponse."
    flash(f"{told} Chaque famille reçoit un courriel avec le détail.", "success")
    return redirect(url_for(".requests", structure=request.args.get("structure")), 303)


def _answers_form() -> AnswersForm:
    form = AnswersForm(request.form)
    form.reason.choices = options([("", "Aucun refus"), *REFUSALS.items()])
    return form


def _requests(
    form: AnswersForm, chosen: Mapping[str, str], everywhere: str | None = None, status: int = 200
) -> ResponseReturnValue:
    actor, structure_id = current_actor(), _uuid(request.args.get("structure"))
    found = sorted(bookings_to_answer(db(), actor, structure_id), key=lambda each: each.activity)
    groups: list[tuple[str, Sequence[ToAnswer]]] = [
        (label, list(lines)) for label, lines in groupby(found, key=lambda each: each.activity)
    ]
    filled = {
        str(each.id): everywhere if everywhere in each.answers else chosen.get(str(each.id), "") for each in found
    }
    page = render_template(
        "agenda/requests.html",
        form=form,
        groups=groups,
        count=len(found),
        filled=filled,
        states={code: STATES[code] for code in ("requested", "cancel_requested")},
        asked={each.state for each in found},
        answers=ANSWERS,
        places=_places(),
        chosen=str(structure_id) if structure_id else "",
    )
    return page, status


# -- the places of a day ---------------------------------------------------------------------------------------------


@bp.get("/journee")
def day() -> ResponseReturnValue:
    """Places taken and left, and the waiting lists, of the day of the address; today without one."""
    actor, asked, structure_id = current_actor(), _asked_day(), _uuid(request.args.get("structure"))
    found = places_of_day(db(), actor, asked, structure_id)
    return render_template(
        "agenda/day.html",
        day=asked,
        today=clock.today(),
        found=found,
        places=_places(),
        chosen=str(structure_id) if structure_id else None,
        previous=asked - timedelta(days=1),
        next=asked + timedelta(days=1),
    )


def _asked_day() -> date:
    asked = request.args.get("jour", "")
    try:
        found = date.fromisoformat(asked) if asked else clock.today()
    except ValueError as error:
        raise NotFound("Ce jour n’existe pas.") from error
    if abs(found - clock.today()) > FURTHEST:
        raise NotFound("Ce jour est trop loin.")
    return found


def _places() -> list[tuple[str, str]]:
    return [(str(place.id), place.name) for place in managed_structures(db(), current_actor())]


# -- days that close -------------------------------------------------------------------------------------------------


@bp.get("/fermetures")
def closures() -> ResponseReturnValue:
    """The days that are closed, and what closes others."""
    require(current_actor(), Permission.BOOKING_MANAGE)
    form = _closure_form()
    form.first.data = form.last.data = _asked_day() if request.args.get("jour") else None
    return _closures(form)


@bp.post("/fermetures")
def close() -> ResponseReturnValue:
    """Who would be affected; then, from the button of that page, the closing itself."""
    require(current_actor(), Permission.BOOKING_MANAGE)
    form = _closure_form()
    if request.form.get("etape") == "modifier":
        return _closures(form)
    if not form.validate():
        return _closures(form, 422)
    first, last = form.dates()
    kind, _, text = str(form.scope.data).partition(":")
    scope = {f"{kind}_id": uuid.UUID(text)} if text else {}
    actor, closing = current_actor(), request.form.get("etape") == "fermer"
    try:
        found = affected_by(db(), actor, first=first, last=last, **scope)
        if closing:
            words = form.words.data or ""
            close_days(db(), actor, first=first, last=last, kind=str(form.kind.data), words=words, **scope)
    except Refused as refusal:
        undo()
        form.refuse({"dates": "last"}.get(refusal.field or "", refusal.field or "words"), refusal.message)
        return _closures(form, 422)
    families = len({each.household_id for each in found})
    if closing:
        told = "Personne n’avait réservé." if not found else "Chaque famille reçoit un courriel avec ses jours."
        flash(f"Les jours sont fermés. {told}", "success")
        return redirect(url_for(".closures"), 303)
    return render_template(
        "agenda/closing.html",
        form=form,
        scope={value: label for value, label, *_ in form.scope.iter_choices()}[form.scope.data],
        words=form.words.data or CLOSURES[str(form.kind.data)],
        groups=[(label, list(lines)) for label, lines in groupby(found, key=lambda each: each.activity)],
        count=len(found),
        families=families,
        states=STATES,
    )


@bp.post("/fermetures/<uuid:closure_id>/rouvrir")
def reopen(closure_id: uuid.UUID) -> ResponseReturnValue:
    """Opens these days again."""
    reopen_days(db(), current_actor(), closure_id)
    flash(
        "Ces jours sont ouverts de nouveau. Les familles peuvent réserver\u00a0: ce qui était annulé le reste.",
        "success",
    )
    return redirect(url_for(".closures"), 303)


def _closure_form() -> ClosureForm:
    """With what this agent may close: the commune when all is his, his structures, their activities."""
    actor = current_actor()
    form = ClosureForm(request.form)
    names = structure_names(db())
    scopes = [("", "Choisissez…")]
    if actor.structures(Permission.BOOKING_MANAGE) is None:
        scopes.append((EVERYTHING, "Toute la commune"))
    scopes += [(f"structure:{place.id}", f"{place.name}\u00a0: tout") for place in managed_structures(db(), actor)]
    scopes += [
        (f"activity:{each.id}", f"{names.get(each.card.structure_id, '')}\u00a0: {each.card.label}")
        for each in managed_activities(db(), actor)
    ]
    form.scope.choices = options(scopes)
    form.kind.choices = options([("", "Choisissez…"), *CLOSURES.items()])
    return form


def _closures(form: ClosureForm, status: int = 200) -> ResponseReturnValue:
    actor = current_actor()
    labels = {each.id: each.card.label for each in managed_activities(db(), actor)}
    everywhere = actor.structures(Permission.BOOKING_MANAGE) is None
    page = render_template(
        "agenda/closures.html",
        form=form,
        found=closures_to_come(db(), actor),
        names=structure_names(db()),
        labels=labels,
        kinds=CLOSURES,
        everywhere=everywhere,
    )
    return page, status


def _uuid(text: str | None) -> uuid.UUID | None:
    try:
        return uuid.UUID(text or "")
    except ValueError:
        return None
