"""Versions: what a draft changes, its publication, the second reader, and the way back."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from flask import Response, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.db import Json
from app.engine.bundle import PROCESS
from app.engine.verify import Problem
from app.errors import Conflict, NotFound, Refused
from app.policy import Permission
from app.procedures import overview
from app.procedures.checking import check_bundle
from app.procedures.diagram import read_drawing
from app.procedures.models import Version
from app.procedures.operations import NotPublishable
from app.procedures.queries import bundle_archive, content_of, versions_of
from app.studio import publication, stories
from app.studio.changes import Marks, marks, parts
from app.studio.checks import problems_of
from app.studio.difference_svg import pictures
from app.studio.drafts import the_draft
from app.studio.views.diagram import drawn
from app.studio.views.frame import Studio, bp, opened, page, revision_sent
from app.web.guards import without_transaction
from app.web.headers import as_download
from app.web.identity import current_actor
from app.web.requests import db, transaction, undo
from forms.accounts import AccountForm
from forms.studio import NoteForm, RefusalForm, RollbackForm


@bp.get("/<slug>/versions", endpoint="versions")
def versions(slug: str) -> ResponseReturnValue:
    """Every published version, the demandes that run on each, and the way back to an older one."""
    studio = opened(slug)
    found: Sequence[Version] = versions_of(db(), studio.procedure.id) if studio.procedure is not None else ()
    settings = content_of(db(), studio.version.bundle_hash).settings if studio.version is not None else None
    return page(
        "studio/versions.html",
        studio,
        versions=found,
        running=overview.running_by_hash(db(), [each.bundle_hash for each in found]),
        settings=overview.told(settings) if settings is not None else (),
        may_publish=current_actor().can(Permission.PROCEDURE_PUBLISH),
    )


@bp.get("/<slug>/versions/<int:number>", endpoint="version")
def version(slug: str, number: int) -> ResponseReturnValue:
    """One version: what it changed from the one before, its diagram, its files."""
    studio = opened(slug)
    found = publication.version_numbered(db(), slug, number)
    files = content_of(db(), found.bundle_hash).files
    before = _files(slug, number - 1) if number > 1 else {}
    return page(
        "studio/version.html",
        studio,
        version=found,
        parts=parts(before, files) if before else (),
        files=sorted(files),
        form=RollbackForm(),
        may_publish=current_actor().can(Permission.PROCEDURE_PUBLISH),
        **drawn(files[PROCESS]),
    )


def _files(slug: str, number: int) -> Mapping[str, bytes]:
    try:
        return content_of(db(), publication.version_numbered(db(), slug, number).bundle_hash).files
    except NotFound:
        return {}


@bp.get("/<slug>/versions/<int:number>/archive.zip", endpoint="archive")
def download(slug: str, number: int) -> ResponseReturnValue:
    """The files of a version, byte for byte as they were published."""
    found = publication.version_numbered(db(), slug, number)
    return _zip(bundle_archive(db(), found.bundle_hash), f"{slug}-v{number}.zip")


@bp.get("/<slug>/brouillon/archive.zip", endpoint="draft_archive")
def download_draft(slug: str) -> ResponseReturnValue:
    """The files of the draft as they are."""
    return _zip(the_draft(db(), slug).archive, f"{slug}-brouillon.zip")


def _zip(archive: bytes, name: str) -> Response:
    answer = Response(archive, mimetype="application/zip")
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return as_download(answer)


# -- publication -----------------------------------------------------------------------------------------------------


@bp.get("/<slug>/publication", endpoint="publication")
def summary(slug: str) -> ResponseReturnValue:
    """What would change, in sentences and in pictures; what forbids it; the button."""
    studio = opened(slug)
    draft = the_draft(db(), slug)
    return _summary(studio, NoteForm(data={"note": draft.note}), problems_of(draft))


def _summary(
    studio: Studio, form: AccountForm, problems: list[Problem] | None, status: int = 200, refusal: str = ""
) -> ResponseReturnValue:
    draft = studio.draft
    assert draft is not None
    actor = current_actor()
    before = content_of(db(), studio.version.bundle_hash).files if studio.version is not None else {}
    asked = draft.approval_revision == draft.revision
    shown = page(
        "studio/publication.html",
        studio,
        # what is shown is the draft as it is: agreeing to it is agreeing to this revision
        stale=status if status == 409 else None,
        form=form,
        refuse_form=RefusalForm(),
        refusal=refusal,
        problems=problems,
        errors=[each for each in problems or () if each.severity == "error"],
        warnings=[each for each in problems or () if each.severity != "error"],
        blocked=stories.block(draft),
        obsolete=[line for line in stories.lines(draft, studio.files) if line.obsolete and not line.passed],
        parts=parts(before, studio.files) if before else (),
        second_reader=publication.needs_second_reader(db(), draft),
        asked=asked,
        may_approve=asked and publication.may_approve(draft, actor),
        may_publish=actor.can(Permission.PROCEDURE_PUBLISH),
        **_difference(before.get(PROCESS, b""), studio.files.get(PROCESS, b"")),
    )
    return shown, status


def _difference(before: bytes, after: bytes) -> dict[str, Any]:
    """The two pictures, and what the viewer needs to show them as one."""
    if not before or before == after:
        return {"before": None, "after": None, "viewer": None}
    found = marks(before, after)
    old, new = pictures(read_drawing(before), read_drawing(after), found)
    return {"before": old, "after": new, "viewer": _viewer(before, after, found)}


def _viewer(before: bytes, after: bytes, found: Marks) -> dict[str, Json]:
    return {
        "xml": after.decode("utf-8-sig", errors="replace"),
        "before": before.decode("utf-8-sig", errors="replace"),
        "label": "Ce qui change dans le diagramme",
        "changes": {
            "added": list(found.added),
            "removed": list(found.removed),
            "changed": {key: list(sentences) for key, sentences in found.changed.items()},
        },
    }


def _seen() -> uuid.UUID | None:
    """The version in line that the summary was compared with."""
    try:
        return uuid.UUID(request.form.get("version", ""))
    except ValueError:
        return None


def _judged_before(slug: str, number: int | None = None) -> None:
    """Judges what is about to be published (the draft, or an older version) while nobody waits for this transaction:
    the one that publishes finds the verdict made."""
    with transaction(read_only=True) as session:
        bundle = publication.about_to_be_published(session, slug, number)
        if current_actor().can(Permission.PROCEDURE_PUBLISH):
            check_bundle(session, bundle, slug)


@bp.post("/<slug>/publication", endpoint="publish")
@without_transaction
def publish(slug: str) -> ResponseReturnValue:
    """Makes the draft the version in line, or asks a second person when the démarche wants one."""
    _judged_before(slug)
    with transaction():
        return _publish(slug)


def _publish(slug: str) -> ResponseReturnValue:
    studio = opened(slug)
    draft = the_draft(db(), slug)
    form = NoteForm(request.form)
    if not form.validate():
        return _summary(studio, form, problems_of(draft), 422)
    note = form.note.data or ""
    try:
        if publication.needs_second_reader(db(), draft):
            publication.ask_approval(db(), current_actor(), slug, note, revision=revision_sent())
            flash("L’accord est demandé. La version sera publiée quand une autre personne l’aura relue.", "success")
            return redirect(url_for("studio.publication", slug=slug), 303)
        done = publication.publish_draft(db(), current_actor(), slug, note, revision=revision_sent(), seen=_seen())
    except NotPublishable as refusal:
        undo()
        return _summary(opened(slug), form, list(refusal.problems), 422)
    except (Refused, Conflict) as refusal:
        undo()
        again, status = opened(slug), 422 if isinstance(refusal, Refused) else 409
        return _summary(again, form, problems_of(the_draft(db(), slug)), status, refusal.message)
    return _published(slug, done)


def _published(slug: str, done: Version) -> ResponseReturnValue:
    flash(f"La version {done.number} est en ligne. Les demandes déjà commencées restent sur la leur.", "success")
    return redirect(url_for("studio.versions", slug=slug), 303)


@bp.post("/<slug>/publication/accord", endpoint="approve")
@without_transaction
def approve(slug: str) -> ResponseReturnValue:
    """The second reader agrees: the version is published."""
    _judged_before(slug)
    with transaction():
        return _approve(slug)


def _approve(slug: str) -> ResponseReturnValue:
    try:
        done = publication.approve(db(), current_actor(), slug, revision=revision_sent(), seen=_seen())
    except NotPublishable as refusal:
        undo()
        return _summary(opened(slug), NoteForm(data={"note": ""}), list(refusal.problems), 422)
    except Refused as refusal:
        undo()
        return _summary(opened(slug), NoteForm(data={"note": ""}), None, 422, refusal.message)
    return _published(slug, done)


@bp.post("/<slug>/publication/refus", endpoint="refuse")
def refuse(slug: str) -> ResponseReturnValue:
    """The second reader does not agree, and says why."""
    opened(slug)
    reason = request.form.get("reason", "")
    publication.refuse_approval(db(), current_actor(), slug, reason, revision=revision_sent())
    flash("Votre refus est noté : la personne qui a écrit ce brouillon le lira.", "success")
    return redirect(url_for("studio.publication", slug=slug), 303)


@bp.post("/<slug>/versions/<int:number>/retour", endpoint="roll_back")
@without_transaction
def roll_back(slug: str, number: int) -> ResponseReturnValue:
    """Publishes an older version again, as a new one."""
    _judged_before(slug, number)
    with transaction() as session:
        done = publication.roll_back(session, current_actor(), slug, number, request.form.get("note", ""))
    flash(f"La version {done.number} est en ligne : ce sont les fichiers de la version {number}.", "success")
    return redirect(url_for("studio.versions", slug=slug), 303)


@bp.post("/<slug>/versions/<int:number>/brouillon", endpoint="draft_from_version")
def draft_from_version(slug: str, number: int) -> ResponseReturnValue:
    """Takes an older version up in a draft."""
    opened(slug)
    publication.draft_from_version(db(), current_actor(), slug, number)
    flash(f"Le brouillon reprend les fichiers de la version {number}.", "success")
    return redirect(url_for("studio.diagram", slug=slug), 303)
