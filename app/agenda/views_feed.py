"""The planning in one's own calendar: the page of the link, and the file that calendars read (R11)."""

from __future__ import annotations

from flask import Response, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import TooManyRequests

from app.agenda.feeds import create_feed, events_of, feed_since, holder_of, may_read_now, revoke_feed
from app.agenda.icalendar import calendar_text
from app.errors import Refused
from app.web.guards import blueprint, without_transaction
from app.web.identity import current_actor
from app.web.requests import db, portal, transaction

bp = blueprint("agenda_calendar", __name__, audience="family", url_prefix="/planning/calendrier")
public = blueprint("agenda_feed", __name__, audience="public", url_prefix="/calendrier")

FRESH = 900
"""Seconds during which a calendar need not ask again."""


@bp.get("")
def show() -> ResponseReturnValue:
    """Whether there is a link, and since when; the link itself is not known any more."""
    actor = current_actor()
    assert actor.id is not None  # the family audience
    return render_template("agenda/calendar.html", since=feed_since(db(), actor.id), link="")


@bp.post("")
def change() -> ResponseReturnValue:
    """Makes a new link, shown on this page only; or ends the one there is."""
    actor, wanted = current_actor(), request.form.get("lien", "")
    assert actor.id is not None  # the family audience
    if wanted == "supprimer":
        revoke_feed(db(), actor)
        flash("Le lien ne fonctionne plus. Votre agenda ne sera plus mis à jour.", "success")
        return redirect(url_for(".show"), 303)
    if wanted != "creer":
        raise Refused("Rechargez la page du calendrier, puis recommencez.")
    link = portal().settings.public_url + url_for("agenda_feed.read", raw=create_feed(db(), actor))
    return render_template("agenda/calendar.html", since=feed_since(db(), actor.id), link=link)


@public.get("/<raw>.ics")
@without_transaction
def read(raw: str) -> ResponseReturnValue:
    """The file, for whoever holds the link. Sixty readings an hour; a calendar that has it already gets 304.

    An address that is none only reads; the counter is written for a link that exists.
    """
    with transaction(read_only=True) as session:
        account_id = holder_of(session, raw)
    with transaction() as session:
        found = (
            events_of(session, account_id) if may_read_now(session, portal().settings.secret_key, account_id) else None
        )
    if found is None:
        raise TooManyRequests(retry_after=3600)
    answer: Response = make_response(calendar_text("Planning des enfants", found))
    answer.headers["Content-Type"] = "text/calendar; charset=utf-8"
    answer.headers["Content-Disposition"] = 'inline; filename="planning.ics"'
    answer.headers["Cache-Control"] = f"private, max-age={FRESH}"
    answer.headers["X-Robots-Tag"] = "noindex"
    answer.add_etag()
    return answer.make_conditional(request)
