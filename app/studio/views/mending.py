"""« Corriger en rejouant »: a scenario is played on the draft as far as it goes, then mended in « Essayer »."""

from __future__ import annotations

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue

from app.errors import NotFound, Refused
from app.studio import mending, stories, tryout
from app.studio.views.frame import bp, opened, revision_sent
from app.studio.views.tryout import replayed, so_far, words
from app.web.guards import without_transaction
from app.web.identity import current_actor
from app.web.requests import db, transaction, undo


@bp.post("/<slug>/scenarios/recit/<name>/correction", endpoint="mend_scenario")
@without_transaction
def begin(slug: str, name: str) -> ResponseReturnValue:
    """Plays the scenario on the draft as far as it goes, in place of whatever this person was trying."""
    path = stories.path_of(name)
    with transaction() as session:
        studio = opened(slug)
        if studio.draft is None or path not in studio.files:
            raise NotFound("Ce scénario n’existe pas.")
        text = studio.files[path].decode("utf-8", errors="replace")
        try:
            acts = mending.acts_of(mending.read(text), words(studio))
        except Refused as refusal:
            flash(refusal.message, "danger")
            return redirect(url_for("studio.scenario", slug=slug, name=name), 303)
        tryout.forget(session, current_actor(), slug)
    return replayed(slug, [], {"path": path, "text": text, "rest": acts}, go_on=True)


@bp.post("/<slug>/scenarios/essai/suite", endpoint="go_on_mending")
@without_transaction
def go_on(slug: str) -> ResponseReturnValue:
    """Plays the rest of the scenario, as far as it goes."""
    acts, mends = so_far(slug)
    return replayed(slug, acts, mends, go_on=True)


@bp.post("/<slug>/scenarios/essai/suite/retrait", endpoint="drop_act")
@without_transaction
def drop(slug: str) -> ResponseReturnValue:
    """Takes out of the scenario the act that comes next in it."""
    acts, mends = so_far(slug)
    return replayed(slug, acts, {**mends, "rest": mends["rest"][1:]} if mends else {})


@bp.post("/<slug>/scenarios/essai/correction", endpoint="save_mended")
def save(slug: str) -> ResponseReturnValue:
    """Writes the mended scenario in its file."""
    try:
        path = mending.save(db(), current_actor(), slug, revision_sent())
    except Refused as refusal:
        undo()
        flash(refusal.message, "danger")
        return redirect(url_for("studio.tryout", slug=slug), 303)
    flash("Le scénario attend maintenant ce que vous venez de voir. Rejouez les scénarios pour publier.", "success")
    return redirect(url_for("studio.scenario", slug=slug, name=stories.name_of(path)), 303)


@bp.post("/<slug>/scenarios/essai/abandon", endpoint="leave_mending")
def leave(slug: str) -> ResponseReturnValue:
    """Leaves the scenario as it is written."""
    _, mends = tryout.story_of(db(), current_actor(), slug)
    tryout.forget(db(), current_actor(), slug)
    if not mends:
        return redirect(url_for("studio.tryout", slug=slug), 303)
    return redirect(url_for("studio.scenario", slug=slug, name=stories.name_of(mends["path"])), 303)
