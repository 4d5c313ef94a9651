"""« Saisie groupée » : the same week for several children, previewed, then saved in one go (R3, R-36)."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import date, timedelta

from flask import render_template, request
from flask.typing import ResponseReturnValue

from app import clock
from app.agenda.activities import KEPT_REGULATED, Regulated
from app.agenda.booking import GroupEntry, preview, save_wishes
from app.agenda.bundles import DONE, FORESEEN, bundled, changed, price_of_added, written
from app.agenda.calendars import school_years
from app.agenda.patterns import WeekPattern
from app.agenda.wishes import AT_ONCE, Outcome, Wish
from app.errors import Refused
from app.families.queries import ChildCard, children_of, household_id_of
from app.families.rights import Action
from app.families.weeks import Weeks
from app.town.queries import town_settings
from app.web.guards import blueprint
from app.web.identity import current_actor
from app.web.requests import db
from forms.administration import options
from forms.agenda import ADD, GroupEntryForm
from forms.french import WEEKDAYS, joined

bp = blueprint("agenda_group", __name__, audience="family", url_prefix="/planning")

A_YEAR = timedelta(days=366)


@bp.get("/saisie-groupee")
def group_entry() -> ResponseReturnValue:
    """The form; the child, or the day, of the address is chosen already."""
    cards = _children()
    if not cards:
        return _nobody()
    form = _form(cards)
    form.first.data = clock.today()
    asked = request.args.get("enfant", "")
    form.children.data = [str(card.id) for card in cards if len(cards) == 1 or str(card.id) == asked]
    return _page(form)


@bp.post("/saisie-groupee")
def enter_group() -> ResponseReturnValue:
    """The preview of what was entered; then, from its button, the saving. Everything is decided anew each time."""
    form = _form(_children())
    if request.form.get("etape") == "modifier":
        return _page(form)
    wishes = _wishes(form) if form.validate() else []
    if form.errors:
        return _page(form, 422)
    try:
        if request.form.get("etape") == "enregistrer":
            return _saved(save_wishes(db(), current_actor(), wishes))
        return _previewed(form, preview(db(), current_actor(), wishes).outcomes)
    except Refused as refusal:
        form.refuse("last", refusal.message)
        return _page(form, 422)


def _children() -> list[ChildCard]:
    """Those for whom she may book and cancel, who has a household to book for."""
    actor = current_actor()
    assert actor.id is not None  # the family audience
    if household_id_of(db(), actor.id) is None:
        return []
    return children_of(db(), actor.id, Action.BOOK)


def _nobody() -> ResponseReturnValue:
    """No child to book for: why, and what to do."""
    actor = current_actor()
    assert actor.id is not None  # the family audience
    if household_id_of(db(), actor.id) is None:
        return render_template("families/no_household.html")
    return render_template("agenda/no_child.html", known=bool(children_of(db(), actor.id, Action.PLANNING)))


def _form(cards: Sequence[ChildCard]) -> GroupEntryForm:
    offered = _offered(cards)
    held = {day for each in offered for day in each.card.weekdays}
    form = GroupEntryForm(request.form)
    form.children.choices = options((str(card.id), card.first_name) for card in cards)
    form.activities.choices = options(
        (str(each.id), f"{each.card.label} ({joined([WEEKDAYS[day - 1] for day in sorted(each.card.weekdays)])})")
        for each in offered
    )
    form.weekdays.choices = options((str(number), day) for number, day in enumerate(WEEKDAYS, 1) if number in held)
    form.last.description = _year_words()
    return form


def _offered(cards: Sequence[ChildCard]) -> list[Regulated]:
    """The activities of their ages, today or within a year."""
    days = clock.today(), clock.today() + A_YEAR
    return [
        each
        for each in KEPT_REGULATED.get(db())
        if any(each.group_of(card.birth_date, day) is not None for card in cards for day in days)
    ]


def _year_words() -> str:
    """How to enter the whole year, as long as its end is known."""
    today = clock.today()
    ends = [year.span.end - timedelta(days=1) for year in school_years(town_settings(db()).zone) if year.span.end]
    last = next((end for end in ends if end > today), None)
    return f"Pour toute l’année scolaire\u00a0: {last:%d/%m/%Y}." if last is not None else ""


def _wishes(form: GroupEntryForm) -> list[Wish]:
    """What the form asks for, but for days on which an activity never takes place; what is wrong is said on it."""
    assert isinstance(form.first.data, date)  # the form was valid
    assert isinstance(form.last.data, date)  # same
    entry = GroupEntry(
        [uuid.UUID(each) for each in form.children.data or []],
        [uuid.UUID(each) for each in form.activities.data or []],
        form.first.data,
        form.last.data,
        WeekPattern(frozenset(form.weekdays.data or []), Weeks(form.turn.data)),
        add=form.action.data == ADD,
    )
    held = {each.id: each.card.weekdays for each in KEPT_REGULATED.get(db())}
    try:
        wishes = [wish for wish in entry.wishes() if wish.day.isoweekday() in held.get(wish.activity_id, ())]
    except Refused as refusal:
        form.refuse("last", refusal.message)
        return []
    if not wishes:
        form.refuse("weekdays", "Aucune de ces activités n’a lieu ces jours-là pendant la période.")
    elif len(wishes) > AT_ONCE:
        form.refuse(
            "last", f"C’est trop en une fois\u00a0: {AT_ONCE} jours au plus. Choisissez une période plus courte."
        )
    return wishes


def _page(form: GroupEntryForm, status: int = 200) -> ResponseReturnValue:
    return render_template("agenda/group_entry.html", form=form), status


def _names() -> tuple[dict[uuid.UUID, str], dict[uuid.UUID, str]]:
    return (
        {card.id: card.first_name for card in _children()},
        {each.id: each.card.label for each in KEPT_REGULATED.get(db())},
    )


def _previewed(form: GroupEntryForm, outcomes: Sequence[Outcome]) -> ResponseReturnValue:
    single = ("action", "first", "last", "turn")
    carried = [(name, request.form.get(name, "")) for name in single]
    carried += [
        (name, value) for name in ("children", "activities", "weekdays") for value in request.form.getlist(name)
    ]
    return render_template(
        "agenda/group_preview.html",
        adding=form.action.data == ADD,
        told=bundled(outcomes, *_names()),
        titles=FORESEEN,
        cents=price_of_added(outcomes),
        useful=any(each.result not in ("refused", "unchanged") for each in outcomes),
        carried=carried,
        shown=written(outcomes),
    )


def _saved(outcomes: Sequence[Outcome]) -> ResponseReturnValue:
    children, activities = _names()
    shown, announced = request.form.get("vu", ""), request.form.get("total", "")
    told = bundled(outcomes, children, activities)
    return render_template(
        "agenda/group_saved.html",
        told=told,
        titles=DONE,
        foreseen=FORESEEN,
        cents=price_of_added(outcomes),
        announced=int(announced) if announced.isascii() and announced.isdigit() and len(announced) < 10 else None,
        useful=any(result not in ("refused", "unchanged") for result, _, _ in told),
        changed=changed(outcomes, shown),
        children=children,
        activities=activities,
    )
