"""The administrators' démarches: list, versions, archive, upload → verification → publication."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.config import Settings
from app.engine.bundle import MAX_TOTAL, PROCESS, Bundle, BundleError
from app.engine.graph import GraphRefused
from app.engine.verify import Problem
from app.engine.xml import XmlRefused
from app.errors import NotFound, Refused
from app.policy import Permission, require
from app.procedures import overview
from app.procedures.checking import check_bundle, process_id, refused_file
from app.procedures.diagram import read_drawing, steps_in_words
from app.procedures.diagram_svg import picture
from app.procedures.operations import NotPublishable, keep_bundle, publish, set_open
from app.procedures.queries import bundle_archive, content_of, parse_content, procedure_by_slug, versions_of
from app.procedures.settings import ProcedureSettings
from app.web.guards import blueprint, takes_files
from app.web.identity import current_actor
from app.web.requests import db, undo

bp = blueprint("procedures_admin", __name__, audience="admin", url_prefix="/admin/demarches")
_HASH = re.compile(r"[0-9a-f]{64}")
_SLUG = re.compile(r"[a-z][a-z0-9-]{1,58}[a-z0-9]")


def blueprints(_settings: Settings) -> Sequence[Blueprint]:
    """Every blueprint of this room."""
    return [bp]


@bp.before_request
def _may_read() -> None:
    require(current_actor(), Permission.PROCEDURE_EDIT)


@bp.get("", endpoint="list")
def show_list() -> ResponseReturnValue:
    """Every démarche: the version in line, whether it is open, how many demandes it carries."""
    return render_template("procedures/list.html", lines=overview.lines(db()))


@bp.get("/<slug>", endpoint="show")
def show(slug: str) -> ResponseReturnValue:
    """A démarche: its versions and the demandes on each, its diagram, its settings."""
    procedure = procedure_by_slug(db(), slug)
    versions = versions_of(db(), procedure.id)
    current = next((each for each in versions if each.id == procedure.version_id), None)
    content = content_of(db(), current.bundle_hash) if current else None
    return render_template(
        "procedures/show.html",
        procedure=procedure,
        versions=versions,
        current=current,
        running=overview.running_by_hash(db(), [each.bundle_hash for each in versions]),
        settings=overview.told(content.settings) if content else (),
        files=sorted(content.files) if content else (),
        **_drawn(content.files[PROCESS] if content else b""),
        may_publish=current_actor().can(Permission.PROCEDURE_PUBLISH),
    )


def _drawn(raw: bytes) -> dict[str, Any]:
    drawing = read_drawing(raw) if raw else None
    return {
        "diagram": picture(drawing) if drawing else None,
        "steps": steps_in_words(raw, (), ()) if raw else (),
    }


@bp.get("/<slug>/versions/<int:number>/archive.zip", endpoint="archive")
def download(slug: str, number: int) -> ResponseReturnValue:
    """The files of a version, byte for byte as they were published."""
    procedure = procedure_by_slug(db(), slug)
    version = next((each for each in versions_of(db(), procedure.id) if each.number == number), None)
    if version is None:
        raise NotFound("Cette version n’existe pas.")
    answer = Response(bundle_archive(db(), version.bundle_hash), mimetype="application/zip")
    answer.headers["Content-Disposition"] = f'attachment; filename="{procedure.slug}-v{number}.zip"'
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


@bp.post("/<slug>/ouverture", endpoint="set_open")
def open_or_close(slug: str) -> ResponseReturnValue:
    """Opens the démarche to new demandes, or closes it."""
    procedure_by_slug(db(), slug)
    procedure = set_open(db(), current_actor(), slug, is_open=request.form.get("ouverte") == "1")
    state = "ouverte" if procedure.open else "fermée aux nouvelles demandes"
    flash(f"La démarche est {state}.", "success")
    return redirect(url_for("procedures_admin.show", slug=slug))


# -- a new version ---------------------------------------------------------------------------------------------------


@bp.get("/nouvelle-version", endpoint="upload")
def upload_page() -> ResponseReturnValue:
    """Where an archive is chosen."""
    require(current_actor(), Permission.PROCEDURE_PUBLISH)
    return render_template("procedures/upload.html", problems=())


@bp.post("/nouvelle-version", endpoint="check")
@takes_files
def upload() -> ResponseReturnValue:
    """Checks an archive. It is kept by its hash, so that what is published is what was checked."""
    require(current_actor(), Permission.PROCEDURE_PUBLISH)
    sent = request.files.get("archive")
    raw = sent.stream.read(MAX_TOTAL + 1) if sent is not None else b""
    if not raw:
        message = "Choisissez l’archive zip de la démarche."
        return render_template("procedures/upload.html", problems=refused_file((message,), "archive")), 422
    try:
        bundle = Bundle.from_zip(raw)
    except BundleError as error:
        return render_template("procedures/upload.html", problems=refused_file(error.problems, "archive")), 422
    try:
        slug = _slug_of(bundle)
    except Refused as error:
        problems = check_bundle(db(), bundle) or refused_file((error.message,), PROCESS)
        return render_template("procedures/upload.html", problems=problems), 422
    problems = check_bundle(db(), bundle, slug)
    if any(problem.severity == "error" for problem in problems):
        return _report(slug, bundle, problems, 422)
    keep_bundle(db(), bundle)
    return redirect(url_for("procedures_admin.report", slug=slug, bundle_hash=bundle.hash))


def _slug_of(bundle: Bundle) -> str:
    """The démarche these files are for. Raises Refused when they do not say, or say it in a way no address can."""
    try:
        slug = process_id(bundle)
    except (XmlRefused, GraphRefused) as error:
        raise Refused(error.message) from error
    if not _SLUG.fullmatch(slug):
        raise Refused(
            f"L’identifiant du processus (« {slug[:60]} ») sert d’adresse à la démarche : "
            "écrivez-le en minuscules sans accent, avec des tirets, comme « ajout-enfant »."
        )
    return slug


@bp.get("/<slug>/verification/<bundle_hash>", endpoint="report")
def report(slug: str, bundle_hash: str) -> ResponseReturnValue:
    """What verification found in these files, and the button that publishes them."""
    require(current_actor(), Permission.PROCEDURE_PUBLISH)
    bundle = _kept(slug, bundle_hash)
    return _report(slug, bundle, check_bundle(db(), bundle, slug), 200)


def _kept(slug: str, bundle_hash: str) -> Bundle:
    if not _HASH.fullmatch(bundle_hash):
        raise NotFound("Cette vérification n’existe pas.")
    bundle = Bundle.from_zip(bundle_archive(db(), bundle_hash))
    if _slug_of(bundle) != slug:
        raise NotFound("Cette vérification n’existe pas.")
    return bundle


def _report(slug: str, bundle: Bundle, problems: Sequence[Problem], status: int, note: str = "") -> ResponseReturnValue:
    errors = [problem for problem in problems if problem.severity == "error"]
    return render_template(
        "procedures/report.html",
        slug=slug,
        bundle=bundle,
        note=note,
        errors=errors,
        warnings=[problem for problem in problems if problem.severity != "error"],
        settings=_settings_of(bundle) if not errors else None,
        **_drawn(bundle.files[PROCESS]),
    ), status


def _settings_of(bundle: Bundle) -> ProcedureSettings:
    return parse_content(bundle).settings


@bp.post("/<slug>/verification/<bundle_hash>", endpoint="publish")
def publish_version(slug: str, bundle_hash: str) -> ResponseReturnValue:
    """Makes these files the version in line. They are verified again: roles and démarches may have changed."""
    bundle, note = _kept(slug, bundle_hash), request.form.get("note", "")[:2000].strip()
    try:
        version = publish(db(), current_actor(), slug, bundle, note)
    except NotPublishable as error:
        undo()
        return _report(slug, bundle, error.problems, 422, note)
    flash(f"La version {version.number} est en ligne. Les demandes déjà commencées restent sur la leur.", "success")
    return redirect(url_for("procedures_admin.show", slug=slug))
