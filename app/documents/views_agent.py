"""The agents' side of pieces: review, claim, a family's pieces."""

from __future__ import annotations

import uuid

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import clock
from app.documents.operations import accept_document, claim_piece, drop_claim, refuse_document
from app.documents.piece_types import OTHER, default_end
from app.documents.previews import previews_of
from app.documents.queries import DOCUMENT_STATES, current_state, told
from app.documents.serving import serve_document, serve_preview
from app.documents.staff_queries import FamilyPieces, piece_page, pieces_of_family, pieces_to_review, waiting_by_type
from app.errors import Refused
from app.policy import Permission, require
from app.web.guards import blueprint, without_transaction
from app.web.identity import current_actor
from app.web.requests import db
from forms.pieces import AcceptPieceForm, ClaimPieceForm, RefusePieceForm

agent = blueprint("documents_agent", __name__, audience="agent", url_prefix="/agent/pieces")


@agent.get("")
def to_review() -> ResponseReturnValue:
    """The pieces that wait, oldest first."""
    actor = current_actor()
    kinds = waiting_by_type(db(), actor)
    code = request.args.get("type", "")
    code = code if code in {kind for kind, _, _ in kinds} else ""
    found = pieces_to_review(db(), actor, code=code, after=request.args.get("apres", ""))
    return render_template("documents/to_review.html", found=found, kinds=kinds, code=code)


@agent.get("/<uuid:document_id>")
def review(document_id: uuid.UUID) -> ResponseReturnValue:
    """A piece beside the data; the decision below, for whoever may review."""
    return _review(document_id)


def _review(
    document_id: uuid.UUID,
    accept: AcceptPieceForm | None = None,
    refuse: RefusePieceForm | None = None,
) -> ResponseReturnValue:
    actor = current_actor()
    page = piece_page(db(), actor, document_id)
    faulty = next((form for form in (accept, refuse) if form is not None), None)
    if faulty is not None:
        require(actor, Permission.DOCUMENT_REVIEW)  # what is wrong in a form is told to whoever may send it
    context = {
        "page": page,
        "pictures": previews_of(db(), page.document),
        "state": current_state(page.document.state, page.document.valid_until),
        "states": DOCUMENT_STATES,
        "may_review": actor.can(Permission.DOCUMENT_REVIEW) and page.document.state == "non_traite",
        "may_see_family": actor.can(Permission.FAMILY_READ),
        "form": faulty,
        "accept": accept or AcceptPieceForm(until=default_end(page.kind, clock.today())),
        "refuse": refuse or RefusePieceForm(),
        "current_state": current_state,
    }
    return render_template("documents/review.html", **context), 422 if faulty is not None else 200


@agent.post("/<uuid:document_id>/accepter")
def accept(document_id: uuid.UUID) -> ResponseReturnValue:
    form = AcceptPieceForm(request.form)
    if form.validate():
        try:
            accept_document(db(), current_actor(), document_id, form.until.data)
        except Refused as error:
            form.refuse("until", error.message)
        else:
            flash("La pièce est acceptée.", "success")
            return redirect(url_for("documents_agent.to_review"), 303)
    return _review(document_id, accept=form)


@agent.post("/<uuid:document_id>/refuser")
def refuse(document_id: uuid.UUID) -> ResponseReturnValue:
    form = RefusePieceForm(request.form)
    if form.validate():
        try:
            refuse_document(db(), current_actor(), document_id, form.reason.data or "")
        except Refused as error:
            form.refuse("reason", error.message)
        else:
            flash("La pièce est refusée. La famille en est prévenue par courriel.", "success")
            return redirect(url_for("documents_agent.to_review"), 303)
    return _review(document_id, refuse=form)


@agent.get("/<uuid:document_id>/fichier")
@without_transaction
def file(document_id: uuid.UUID) -> ResponseReturnValue:
    """The file itself; the read is noted."""
    return serve_document(document_id)


@agent.get("/<uuid:document_id>/apercu/<int:number>")
@without_transaction
def preview(document_id: uuid.UUID, number: int) -> ResponseReturnValue:
    """A page as a picture; the read is noted."""
    return serve_preview(document_id, number)


@agent.get("/foyer/<uuid:household_id>")
def family(household_id: uuid.UUID) -> ResponseReturnValue:
    """What a family gave, what is missing, what is claimed."""
    actor = current_actor()
    found = pieces_of_family(db(), actor, household_id)
    return render_template(
        "documents/family.html",
        found=found,
        told=told,
        current_state=current_state,
        may_claim=actor.can(Permission.DOCUMENT_REVIEW),
    )


@agent.route("/foyer/<uuid:household_id>/reclamer", methods=["GET", "POST"])
def claim(household_id: uuid.UUID) -> ResponseReturnValue:
    actor = current_actor()
    require(actor, Permission.DOCUMENT_REVIEW)
    found = pieces_of_family(db(), actor, household_id)
    form = _claim_form(found)
    if request.method == "POST" and form.validate():
        try:
            claim_piece(
                db(),
                actor,
                household_id=household_id,
                code=form.piece_type.data,
                child_id=uuid.UUID(form.child_id.data) if form.child_id.data else None,
                due_on=form.due_on.data,
                message=form.message.data or "",
            )
        except Refused as error:
            form.refuse(error.field if error.field and error.field in form else "piece_type", error.message)
        else:
            flash("La pièce est réclamée. La famille en est prévenue par courriel.", "success")
            return redirect(url_for("documents_agent.family", household_id=household_id), 303)
    return render_template("documents/claim.html", found=found, form=form), 422 if form.errors else 200


def _claim_form(found: FamilyPieces) -> ClaimPieceForm:
    form = ClaimPieceForm(request.form, data={"piece_type": request.args.get("type", "")})
    kinds = [(kind.code, kind.label) for kind in found.kinds if kind.active and kind.code != OTHER]
    form.piece_type.choices = [("", "Choisissez…"), *kinds]
    children = [(str(child.id), child.full_name) for child in found.household.children]
    form.child_id.choices = [("", "Toute la famille"), *children]
    if request.method == "GET" and request.args.get("enfant") in dict(children):
        form.child_id.data = request.args["enfant"]
    return form


@agent.post("/reclamations/<uuid:request_id>/abandonner")
def drop(request_id: uuid.UUID) -> ResponseReturnValue:
    dropped = drop_claim(db(), current_actor(), request_id)
    flash("Cette pièce n’est plus réclamée.", "success")
    return redirect(url_for("documents_agent.family", household_id=dropped.household_id), 303)
