"""« Planning » : a month of one child, many days at once, one save, and what became of each (R2)."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from flask import render_template, request
from flask.typing import ResponseReturnValue

from app import clock
from app.agenda.activities import KEPT_REGULATED
from app.agenda.booking import save_wishes
from app.agenda.bundles import DONE
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

MONTHS_BEHIND, MONTHS_AHEAD = 12, 13
COMING = ("booked", "requested", "waiting")
"""States whose box is ticked: the child is expected, or waits for a place."""
LEGEND = (
    "booked",
    "requested",
    "cancel_requested",
    "offered",
    "waiting",
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


@bp.get("")
def month() -> ResponseReturnValue:
    """The month of one child: what is booked, what may be, until when, and why not."""
    actor, first = current_actor(), _asked_month()
    assert actor.id is not None  # the family audience
    if household_id_of(db(), actor.id) is None:
        return render_template("families/no_household.html")
    children = children_of(db(), actor.id, Action.PLANNING)
    if not children:
        return render_template("agenda/no_child.html")
    chosen = _uuid(request.args.get("enfant")) or children[0].id
    if chosen not in {child.id for child in children}:
        raise NotFound("Cet enfant n’existe pas ou n’est pas dans votre foyer.")
    [found] = planning(db(), actor, [chosen], first, _last_of(first))
    return render_template(
        "agenda/planning.html",
        child=found.child,
        children=children,
        first=first,
        previous=_shifted(first, -1),
        next=_shifted(first, 1),
        weeks=_weeks(found),
        may_book=found.child.may(Action.BOOK),
        ticked=COMING,
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
        month=request.form.get("mois", "")[:7],
    )


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


def _asked_month() -> date:
    """The first day of the month of the address, this one without it. A month too far away, or none, is a 404."""
    today, asked = clock.today().replace(day=1), request.args.get("mois", "")
    if not asked:
        return today
    first = _day(f"{asked}-01")
    if first is None or not _shifted(today, -MONTHS_BEHIND) <= first <= _shifted(today, MONTHS_AHEAD):
        raise NotFound("Ce mois n’est pas dans le planning.")
    return first


def _shifted(first: date, months: int) -> date:
    years, month = divmod(first.month - 1 + months, 12)
    return date(first.year + years, month + 1, 1)


def _last_of(first: date) -> date:
    return _shifted(first, 1) - timedelta(days=1)


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
