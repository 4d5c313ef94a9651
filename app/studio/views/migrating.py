"""Migration of running demandes to the version in line: what would become of each, the batch, and the way back."""

from __future__ import annotations

import uuid
from collections import defaultdict

from flask import Response, flash, make_response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.errors import NotFound, Refused
from app.policy import Permission, require
from app.procedures.models import Version
from app.studio import migrating
from app.studio.views.frame import Studio, bp, opened, page
from app.studio.views.running import chosen_version, node_names, places
from app.web.guards import without_transaction
from app.web.identity import current_actor
from app.web.requests import db, portal, transaction

REFRESH = 3
"""Seconds between two looks at a batch under way."""


def _pair(slug: str) -> tuple[Studio, Version, Version]:
    """The version whose demandes are to be migrated, and the one in line. Raises NotFound."""
    studio = opened(slug)
    if studio.version is None:
        raise NotFound("Cette démarche n’a pas de version publiée.")
    return studio, chosen_version(studio)[1], studio.version


@bp.get("/<slug>/dossiers/migration", endpoint="migration")
def dry_run(slug: str) -> ResponseReturnValue:
    """What would become of the demandes of ``?version=`` in the version in line. Changes nothing."""
    studio, source, target = _pair(slug)
    found = migrating.dry_run(db(), source, target) if source.id != target.id else []
    by_cause: dict[tuple[str, str], list[str]] = defaultdict(list)
    for each in found:
        if each.plan.result != "safe":
            by_cause[each.plan.node, each.plan.cause].append(each.reference)
    return page(
        "studio/migration.html",
        studio,
        source=source,
        target=target,
        found=found,
        safe=sum(each.plan.result == "safe" for each in found),
        to_map=sorted({each.plan.node for each in found if each.plan.result == "map"}),
        waiting=sum(each.plan.result == "map" for each in found),
        blocked=sum(each.plan.result == "blocked" for each in found),
        causes=by_cause,
        chosen=migrating.mapping(db(), source, target),
        names=node_names(source) | node_names(target),
        places=places(target),
        most=migrating.MOST,
        may_migrate=current_actor().can(Permission.PROCEDURE_PUBLISH),
    )


@bp.post("/<slug>/dossiers/migration/choix", endpoint="choose_step")
def choose(slug: str) -> ResponseReturnValue:
    """Remembers where the demandes that cannot stay at a step go on."""
    _, source, target = _pair(slug)
    node, step = request.form.get("etape", "")[:200], request.form.get("vers", "")[:200]
    migrating.choose(db(), current_actor(), source, target, node, step)
    flash("Votre choix est gardé pour toutes les demandes de ces deux versions.", "success")
    return redirect(url_for("studio.migration", slug=slug, version=source.number), 303)


@bp.post("/<slug>/dossiers/migration", endpoint="migrate")
def migrate(slug: str) -> ResponseReturnValue:
    """Begins the batch."""
    _, source, target = _pair(slug)
    batch = migrating.start(db(), current_actor(), source, target)
    return redirect(url_for("studio.migrations", slug=slug, lot=batch.id), 303)


def _batch_id() -> uuid.UUID | None:
    try:
        return uuid.UUID(request.values.get("lot", ""))
    except ValueError:
        return None


@bp.get("/<slug>/dossiers/migrations", endpoint="migrations")
def batches(slug: str) -> ResponseReturnValue:
    """The batches of this démarche, and how far the one of ``?lot=`` is; the page comes again by itself meanwhile."""
    studio = opened(slug)
    if studio.procedure is None:
        raise NotFound
    chosen = _batch_id()
    batch = migrating.batch_of(db(), studio.procedure.id, chosen) if chosen else None
    shown = page(
        "studio/migrations.html",
        studio,
        batch=batch,
        batches=migrating.batches_of(db(), studio.procedure.id),
        numbers={each.id: each.number for each in chosen_version(studio)[0]},
        progress=migrating.progress(db(), batch.id) if batch else {},
        blocked=migrating.blocked_of(db(), batch.id) if batch else (),
        may_migrate=current_actor().can(Permission.PROCEDURE_PUBLISH),
    )
    answer: Response = make_response(shown)
    if batch is not None and batch.ended_at is None:
        answer.headers["Refresh"] = str(REFRESH)
    return answer


@bp.post("/<slug>/dossiers/migrations/retour", endpoint="revert_migration")
@without_transaction
def revert(slug: str) -> ResponseReturnValue:
    """Takes back the demandes of a batch that have not moved since."""
    require(current_actor(), Permission.PROCEDURE_PUBLISH)
    chosen = _batch_id()
    if chosen is None:
        raise Refused("Choisissez la migration à défaire.")
    with transaction(read_only=True) as session:
        studio = opened(slug)
        if studio.procedure is None:
            raise NotFound
        batch = migrating.batch_of(session, studio.procedure.id, chosen)
        if batch.ended_at is None:
            raise Refused("Attendez la fin de la migration pour la défaire.")
    back, kept = migrating.revert_all(portal().database, current_actor(), chosen)
    told = "demande est revenue" if back < 2 else "demandes sont revenues"
    flash(f"{back}\u00a0{told} à la version d’avant.", "success")
    for reference, cause in kept[:20]:
        flash(f"{reference}\u00a0: {cause}", "warning")
    return redirect(url_for("studio.migrations", slug=slug, lot=chosen), 303)
