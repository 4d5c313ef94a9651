"""The draft itself: open it for edit, take it over, leave it, give it up; its verification."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.policy import Permission, require
from app.studio import drafts
from app.studio.checks import problems_of, verify_draft
from app.studio.views.frame import bp, opened, page
from app.web.guards import without_transaction
from app.web.identity import current_actor
from app.web.requests import db, portal, transaction


def _back(slug: str) -> ResponseReturnValue:
    """To the tab that asked, when it is one of this démarche."""
    here = url_for("studio.show", slug=slug)
    asked = request.form.get("retour", "")
    safe = asked.startswith(f"{here}/") and "//" not in asked and "\\" not in asked and asked.isprintable()
    return redirect(asked if safe else url_for("studio.diagram", slug=slug), 303)


@bp.post("/<slug>/brouillon", endpoint="open")
def open_draft(slug: str) -> ResponseReturnValue:
    """« Modifier »: makes the draft, or resumes it."""
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


@bp.get("/<slug>/brouillon/abandon", endpoint="discard_page")
def discard_page(slug: str) -> ResponseReturnValue:
    """Says what giving up the draft loses."""
    studio = opened(slug)
    drafts.the_draft(db(), slug)
    return render_template("studio/discard.html", studio=studio)


@bp.post("/<slug>/brouillon/abandon", endpoint="discard")
def discard(slug: str) -> ResponseReturnValue:
    """Gives up the draft; the version in line stays as it is."""
    studio = opened(slug)
    drafts.discard(db(), current_actor(), slug)
    flash("Le brouillon est abandonné.", "success")
    there = url_for("studio.versions", slug=slug) if studio.procedure is not None else url_for("studio.list")
    return redirect(there, 303)


@bp.get("/<slug>/verification", endpoint="verification")
def verification(slug: str) -> ResponseReturnValue:
    """Everything that verification found in the draft, as a page that needs no script."""
    studio = opened(slug)
    draft = drafts.the_draft(db(), slug)
    return page("studio/verification.html", studio, problems=problems_of(draft))


@bp.post("/<slug>/verification", endpoint="verify")
@without_transaction
def verify(slug: str) -> ResponseReturnValue:
    """Judges the draft now, without waiting for the worker; nothing is locked meanwhile."""
    with transaction(read_only=True) as session:
        require(current_actor(), Permission.PROCEDURE_EDIT)
        draft_id = drafts.the_draft(session, slug).id
    verify_draft(portal().database, draft_id)
    return redirect(url_for("studio.verification", slug=slug), 303)
