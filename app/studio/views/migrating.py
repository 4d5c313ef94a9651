"""Migration of running demandes to the version in line: what would become of each, the batch, and the way back."""

from __future__ import annotations

import uuid
from collections import defaultdict

from flask import Response, flash, make_response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.cases.operations import runtime
from app.engine.migration import choices
from app.engine.moving import ABANDON
from app.errors import Conflict, NotFound, Refused
from app.policy import Permission, require
from app.procedures.models import Version
from app.studio import migrating, undoing
from app.studio.views.frame import Studio, bp, opened, page
from app.studio.views.running import ABANDONED, chosen_version, node_names, place_labels
from app.web.identity import current_actor
from app.web.requests import db

REFRESH = 3
"""Seconds between two looks at a batch under way."""


def _pair(slug: str) -> tuple[Studio, Version, Version]:
    """The version whose demandes are to be migrated, and the one in line. Raises NotFound, or Conflict when it is not
    the one that the page showed (``cible``)."""
    studio = opened(slug)
    if studio.version is None:
        raise NotFound("Cette démarche n’a pas de version publiée.")
    shown = request.form.get("cible", type=int)
    if shown is not None and shown != studio.version.number:
        raise Conflict(migrating.PUBLISHED_SINCE)
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
    to_map = sorted({each.plan.node for each in found if each.plan.result == "map"})
    return page(
        "studio/migration.html",
        studio,
        source=source,
        target=target,
        found=found,
        safe=sum(each.plan.result == "safe" for each in found),
        to_map=to_map,
        waiting=sum(each.plan.result == "map" for each in found),
        blocked=sum(each.plan.result == "blocked" for each in found),
        causes=by_cause,
        chosen=migrating.mapping(db(), source, target),
        names=node_names(source) | node_names(target) | {ABANDON: ABANDONED},
        choices={node: _choices(source, target, node) for node in to_map},
        most=migrating.MOST,
        may_migrate=current_actor().can(Permission.PROCEDURE_PUBLISH),
    )


def _choices(source: Version, target: Version, node: str) -> list[tuple[str, str]]:
    """The steps where demandes that cannot stay at a node may go on, with what they are called."""
    old, new = (runtime.definition(db(), each.bundle_hash) for each in (source, target))
    labels = place_labels(target)
    return [(step, labels.get(step, step)) for step in choices(old, new, node)]


@bp.post("/<slug>/dossiers/migration/choix", endpoint="choose_step")
def choose(slug: str) -> ResponseReturnValue:
    """Remembers where the demandes that cannot stay at a step go on, or forgets it (``oublier``)."""
    _, source, target = _pair(slug)
    node, step = request.form.get("etape", "")[:200], request.form.get("vers", "")[:200]
    back = redirect(url_for("studio.migration", slug=slug, version=source.number), 303)
    if "oublier" in request.form:
        migrating.choose(db(), current_actor(), source, target, node, "")
        flash("Votre choix est oublié.", "success")
    elif node and not step:
        flash("Choisissez d’abord l’étape où reprendre.", "warning")
    else:
        migrating.choose(db(), current_actor(), source, target, node, step)
        flash("Votre choix est gardé pour toutes les demandes de ces deux versions.", "success")
    return back


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
        blocked=migrating.stayed_of(db(), batch.id) if batch else (),
        not_back=migrating.stayed_of(db(), batch.id, "migrated") if batch else (),
        may_migrate=current_actor().can(Permission.PROCEDURE_PUBLISH),
    )
    answer: Response = make_response(shown)
    if batch is not None and batch.ended_at is None:
        answer.headers["Refresh"] = str(REFRESH)
    return answer


@bp.post("/<slug>/dossiers/migrations/retour", endpoint="revert_migration")
def revert(slug: str) -> ResponseReturnValue:
    """Begins to take back the demandes of a batch that have not moved since."""
    require(current_actor(), Permission.PROCEDURE_PUBLISH)
    studio, chosen = opened(slug), _batch_id()
    if chosen is None:
        raise Refused("Choisissez la migration à défaire.")
    if studio.procedure is None:
        raise NotFound
    undoing.ask(db(), current_actor(), migrating.batch_of(db(), studio.procedure.id, chosen))
    return redirect(url_for("studio.migrations", slug=slug, lot=chosen), 303)
