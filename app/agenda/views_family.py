"""« Planning » : a month or a week of one child, many days at once, one save, and what became of each (R2)."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import clock
from app.agenda.activities import KEPT_REGULATED
from app.agenda.booking import save_wishes
from app.agenda.bundles import DONE
from app.agenda.offers import offers_of
from app.agenda.periods import VIEWS, asked_period
from app.agenda.planning import Cell, ChildPlanning, Line, planning
from app.agenda.states import STATES
from app.agenda.wishes import AT_ONCE, Wish
from app.errors import NotFound, Refused
from app.families.queries import children_of, household_id_of
from app.families.rights import Action
from app.web.guards import blueprint
from app.web.identity import current_actor
from app.web.requests import db

bp = blueprint("agenda_family", __name__, audience="family", url_prefix="/planning")

COMING = ("booked", "requested", "waiting")
"""States whose box is ticked: the child is expected, or waits for a place."""
LEGEND = (
    "booked",
    "requested",
    "cancel_requested",
    "offered",
    "waiting",
    "present",
    "absent_in_time",
    "absent_unjustified",
    "refused",
)


@dataclass(frozen=True)
class Week:
    """The days of a week on which something is held, and a line for each activity held then. ``closed``: why nothing
    is, when nothing is at all."""

    days: Sequence[date]
    lines: Sequence[tuple[Line, Sequence[Cell]]]
    past: bool
    closed: Sequence[str] = ()

    def of(self, day: date) -> list[tuple[Line, Cell]]:
        """What is held on one of its days; what is for holidays only is not named in term time."""
        place = self.days.index(day)
        found = [(line, cells[place]) for line, cells in self.lines]
        return [(line, cell) for line, cell in found if cell.kind != "none" and cell.why != "term"]


@bp.get("")
def month() -> ResponseReturnValue:
    """A month or a week of one child: what is booked, what may be, until when, and why not."""
    actor, today = current_actor(), clock.today()
    period = asked_period(request.args, today)
    assert actor.id is not None  # the family audience
    household_id = household_id_of(db(), actor.id)
    if household_id is None:
        return render_template("families/no_household.html")
    children = children_of(db(), actor.id, Action.PLANNING)
    if not children:
        return render_template("agenda/no_child.html")
    chosen = _uuid(request.args.get("enfant")) or children[0].id
    if chosen not in {child.id for child in children}:
        raise NotFound("Cet enfant n’existe pas ou n’est pas dans votre foyer.")
    [found] = planning(db(), actor, [chosen], period.first, period.last)
    return render_template(
        "agenda/planning.html",
        child=found.child,
        children=children,
        period=period,
        views=[(label, period.seen_as(view, today)) for view, label in VIEWS.items()],
        weeks=_weeks(found),
        offers=offers_of(db(), household_id, children),
        may_book=found.child.may(Action.BOOK),
        ticked=COMING,
        today=today,
        legend=[STATES[code] for code in LEGEND],
    )


@bp.post("")
def save() -> ResponseReturnValue:
    """Saves the days whose box changed on the page that was shown, and tells what became of each."""
    child_id = _uuid(request.form.get("enfant"))
    if child_id is None:
        raise Refused("Rechargez la page du planning, puis recommencez.")
    outcomes = save_wishes(db(), current_actor(), _wishes(child_id))
    activities = {each.id: each.card.label for each in KEPT_REGULATED.get(db())}
    told = [
        (title, [(each, activities.get(each.wish.activity_id, "")) for each in outcomes if each.result == result])
        for result, title in DONE.items()
        if result != "unchanged"
    ]
    return render_template(
        "agenda/saved.html",
        told=[(title, listed) for title, listed in told if listed],
        refused=any(each.result == "refused" for each in outcomes),
        child_id=child_id,
        shown=_shown(),
    )


@bp.post("/proposition")
def answer_offer() -> ResponseReturnValue:
    """Takes the place that is offered, or leaves it to the next who waits."""
    child_id, activity_id = _uuid(request.form.get("enfant")), _uuid(request.form.get("activite"))
    day, answer = _day(request.form.get("jour", "")), request.form.get("reponse", "")
    if child_id is None or activity_id is None or day is None or answer not in ("accepter", "laisser"):
        raise Refused("Rechargez la page du planning, puis recommencez.")
    [outcome] = save_wishes(db(), current_actor(), [Wish(child_id, activity_id, day, add=answer == "accepter")])
    told = {
        "booked": "La place est à vous\u00a0: le jour est réservé.",
        "requested": "La place est gardée pour vous\u00a0: le service vous répondra.",
        "cancelled": "La place est laissée à la personne suivante.",
        "unchanged": "Votre réponse est déjà enregistrée.",
        "waiting": outcome.words,
    }
    flash(told.get(outcome.result, outcome.words), "warning" if outcome.result in ("refused", "waiting") else "success")
    return redirect(url_for(".month", enfant=child_id, mois=f"{day:%Y-%m}"), 303)


def _shown() -> dict[str, str]:
    """The period of the page that was sent, to go back to."""
    return {name: request.form[name][:10] for name in ("vue", "mois", "semaine") if request.form.get(name)}


def _wishes(child_id: uuid.UUID) -> list[Wish]:
    """The boxes that changed: each one shown says in ``montre`` whether it was ticked. What is not a box is ignored."""
    ticked = set(request.form.getlist("jours"))
    wishes: dict[str, Wish] = {}
    for shown in request.form.getlist("montre")[: AT_ONCE + 1]:
        key, _, before = shown.rpartition(":")
        asked, _, day = key.partition(":")
        activity_id, wanted = _uuid(asked), _day(day)
        if activity_id is not None and wanted is not None and (key in ticked) != (before == "1"):
            wishes[key] = Wish(child_id, activity_id, wanted, add=key in ticked)
    return list(wishes.values())


def _weeks(found: ChildPlanning) -> list[Week]:
    days: dict[date, list[int]] = {}
    for place, cell in enumerate(found.lines[0].cells if found.lines else ()):
        if any(line.cells[place].kind != "none" for line in found.lines):
            days.setdefault(cell.day - timedelta(days=cell.day.weekday()), []).append(place)
    return [_week(found, places) for places in days.values()]


def _week(found: ChildPlanning, places: Sequence[int]) -> Week:
    lines = [(line, [line.cells[place] for place in places]) for line in found.lines]
    held = [(line, cells) for line, cells in lines if any(cell.kind != "none" for cell in cells)]
    days = [cell.day for cell in held[0][1]]
    shown = [cell for _, cells in held for cell in cells if cell.kind != "none"]
    closed = list(dict.fromkeys(cell.words for cell in shown)) if all(cell.kind == "closed" for cell in shown) else []
    return Week(days, held, past=days[-1] < clock.today(), closed=closed)


def _uuid(text: str | None) -> uuid.UUID | None:
    try:
        return uuid.UUID(text or "")
    except ValueError:
        return None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
