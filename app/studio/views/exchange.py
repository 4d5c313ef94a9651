"""Import of a démarche, and the newer versions that the product ships."""

from __future__ import annotations

from collections.abc import Sequence

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.engine.bundle import MAX_TOTAL
from app.engine.verify import Problem
from app.errors import Refused
from app.policy import Permission, require
from app.studio import exchange, shipped
from app.studio.foreign import Unsupported
from app.studio.views.frame import bp, opened, page
from app.web.guards import takes_files
from app.web.identity import current_actor
from app.web.requests import db, undo
from forms.studio import ImportForm


@bp.get("/importer", endpoint="import_page")
def import_page() -> ResponseReturnValue:
    """Where a file is chosen."""
    return _import(ImportForm())


def _import(form: ImportForm, status: int = 200, problems: Sequence[Problem] = ()) -> ResponseReturnValue:
    return render_template("studio/import.html", form=form, problems=problems), status


@bp.post("/importer", endpoint="import")
@takes_files
def import_file() -> ResponseReturnValue:
    """Makes a draft of an archive or of a diagram alone. Nothing is published."""
    require(current_actor(), Permission.PROCEDURE_EDIT)
    form = ImportForm(request.form)
    sent = request.files.get("archive")
    raw = sent.stream.read(MAX_TOTAL + 1) if sent is not None else b""
    form.validate()
    if not raw:
        form.refuse("archive", "Choisissez un fichier.")
    if form.errors:
        return _import(form, 422)
    try:
        if exchange.is_archive(raw):
            bundle = exchange.read_archive(raw)
            made = exchange.import_archive(db(), current_actor(), bundle, replace=bool(form.replace.data))
        else:
            slug, title = form.slug.data or "", form.title.data or ""
            imported = exchange.import_diagram(db(), current_actor(), raw, slug, title)
            made = imported.draft
            for problem in imported.left_out[:5]:
                flash(f"« {problem.element_name} » : {problem.message} {problem.remedy}", "warning")
    except Unsupported as refusal:
        undo()
        form.refuse("archive", refusal.message)
        return _import(form, 422, refusal.problems)
    except Refused as refusal:
        undo()
        field = refusal.field or ""
        form.refuse(field if field in form else "archive", refusal.message)
        return _import(form, 422)
    flash("Le brouillon contient ces fichiers. Rien n’est publié.", "success")
    return redirect(url_for("studio.diagram", slug=made.slug), 303)


# -- what the product ships ------------------------------------------------------------------------------------------


@bp.get("/<slug>/nouvelle-livraison", endpoint="proposal")
def proposal(slug: str) -> ResponseReturnValue:
    """A newer shipped version, in three ways: what it changes, what the commune changed, where both did."""
    found = shipped.proposal(db(), slug)
    return page(
        "studio/proposal.html",
        opened(slug),
        proposal=found,
        compared=shipped.three_way(db(), found),
        may_publish=current_actor().can(Permission.PROCEDURE_PUBLISH),
    )


@bp.post("/<slug>/nouvelle-livraison", endpoint="accept")
def accept(slug: str) -> ResponseReturnValue:
    """Puts it into a draft, merged with the commune's changes."""
    chosen = frozenset(request.form.getlist("livree"))
    shipped.accept(db(), current_actor(), slug, request.form.get("empreinte", ""), chosen)
    flash("Le brouillon reprend la nouvelle version. Relisez-le, puis publiez-le.", "success")
    return redirect(url_for("studio.publication", slug=slug), 303)


@bp.post("/<slug>/nouvelle-livraison/refus", endpoint="decline")
def decline(slug: str) -> ResponseReturnValue:
    """Keeps the commune's own."""
    shipped.decline(db(), current_actor(), slug, request.form.get("empreinte", ""))
    flash("La version de la commune reste en place. Celle-ci ne sera plus proposée.", "success")
    return redirect(url_for("studio.versions", slug=slug), 303)
