"""The draft itself: open it for edit, take it over, leave it, give it up."""

from __future__ import annotations

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue

from app.studio import drafts
from app.studio.views.frame import bp, opened
from app.web.identity import current_actor
from app.web.requests import db


def _back(slug: str) -> ResponseReturnValue:
    return redirect(url_for("procedures_admin.show", slug=slug), 303)


@bp.post("/<slug>/brouillon", endpoint="open")
def open_draft(slug: str) -> ResponseReturnValue:
    """« Modifier »: makes the draft, or resumes it."""
    opened(slug)
    draft = drafts.open_draft(db(), current_actor(), slug)
    if not drafts.holds(draft, current_actor()):
        flash(f"{draft.holder_label} modifie cette démarche : vous pouvez la lire, ou prendre la main.", "warning")
    return _back(slug)


@bp.post("/<slug>/brouillon/prendre", endpoint="take_over")
def take_over(slug: str) -> ResponseReturnValue:
    """Takes the draft from whoever holds it, who is told."""
    drafts.take_over(db(), current_actor(), slug)
    flash("Vous avez la main sur ce brouillon.", "success")
    return _back(slug)


@bp.post("/<slug>/brouillon/quitter", endpoint="release")
def release(slug: str) -> ResponseReturnValue:
    """Leaves the draft to others; what was saved stays."""
    drafts.release(db(), current_actor(), slug)
    flash("Vous avez quitté le brouillon. Il reste tel que vous l’avez enregistré.", "success")
    return _back(slug)
