"""The administrators' watch: incidents with retry, and the journal with its proof."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.cases import journal_words
from app.cases.machinery import retry_incidents
from app.cases.oversight import OBJECTS, ROOMS, Asked, journal_page, open_incidents
from app.engine.runtime import NotWaiting
from app.engine.steps import EngineFault
from app.errors import Refused
from app.journal import record, verify_chain
from app.policy import Permission, require
from app.web.guards import blueprint
from app.web.identity import current_actor
from app.web.requests import db, undo

bp = blueprint("cases_admin", __name__, audience="admin", url_prefix="/admin")


@bp.get("/incidents", endpoint="incidents")
def incidents() -> ResponseReturnValue:
    """What the engine could not do, and why."""
    require(current_actor(), Permission.INCIDENT_MANAGE)
    return render_template("cases/admin_incidents.html", incidents=open_incidents(db()))


@bp.post("/incidents/<uuid:case_id>/relancer", endpoint="retry")
def retry(case_id: uuid.UUID) -> ResponseReturnValue:
    """Runs again what failed in a demande."""
    try:
        outcome = retry_incidents(db(), current_actor(), case_id)
    except (EngineFault, Refused, NotWaiting) as error:
        undo()
        cause = error.cause if isinstance(error, EngineFault) else error.message
        flash(f"La relance n’a pas abouti : {cause}", "warning")
        return redirect(url_for("cases_admin.incidents"))
    if outcome.failures:
        flash(f"Le même problème demeure : {outcome.failures[0].cause}", "warning")
    else:
        flash("La demande a repris son cours.", "success")
    return redirect(url_for("cases_admin.incidents"))


@bp.get("/journal", endpoint="journal")
def journal() -> ResponseReturnValue:
    """Who did what, when."""
    require(current_actor(), Permission.AUDIT_READ)
    return _journal()


def _journal(**context: Any) -> ResponseReturnValue:
    asked, before = _asked(), request.args.get("avant", type=int)
    shown = journal_page(db(), asked, before if before and 0 < before < 2**53 else None)
    kept = {name: value for name in KEPT if (value := _printable(request.args.get(name, ""))[:200])}
    # an action chosen in a line of the table stays in the list of choices
    known = dict(ROOMS)
    rooms = [
        ("", "Toutes"),
        *ROOMS,
        *([] if asked.action in ("", *known) else [(asked.action, journal_words.action(asked.action))]),
    ]
    return render_template(
        "cases/admin_journal.html",
        asked=asked,
        shown=shown,
        kept=kept,
        rooms=rooms,
        objects=OBJECTS,
        words=journal_words,
        continued=before,
        **context,
    )


KEPT = ("acteur", "action", "objet", "du", "au")


def _asked() -> Asked:
    """What the address asks for; a date that is none asks nothing."""
    given = {name: _printable(request.args.get(name, ""))[:200] for name in KEPT}
    return Asked(given["acteur"], given["action"], given["objet"], _day(given["du"]), _day(given["au"]))


def _printable(text: str) -> str:
    """A NUL in the address is somebody's attempt; PostgreSQL would refuse the whole statement."""
    return "".join(letter for letter in text if letter.isprintable()).strip()


def _day(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if 1970 <= found.year < 2200 else None  # midnight of the year 1 in Paris is before any date


@bp.post("/journal/verification", endpoint="verify_journal")
def verify_journal() -> ResponseReturnValue:
    """Recomputes the whole chain: a line changed, removed or added outside the portal is found."""
    actor = current_actor()
    require(actor, Permission.AUDIT_READ)
    report = verify_chain(db())
    record(db(), actor, "journal.verified", "journal", None, entries=report.entries, whole=report.fault is None)
    return _journal(report=report)
