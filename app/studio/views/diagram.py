"""The tab « Diagramme »: the editor, what it asks in JSON, and the same without JavaScript (picture, steps, file)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any

from flask import Response, flash, jsonify, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from app import clock
from app.db import Json
from app.engine.bundle import MAX_FILE, PROCESS
from app.engine.verify import Problem
from app.errors import NotFound, Refused
from app.procedures.diagram import read_drawing, steps_in_words
from app.procedures.diagram_svg import picture
from app.procedures.models import Procedure, Version
from app.studio import drafts, editor_data
from app.studio.checks import problems_of
from app.studio.drafts import DraftMoved
from app.studio.models import Draft
from app.studio.views.frame import Studio, bp, opened, page, revision_sent
from app.web.filters import moment
from app.web.guards import takes_files
from app.web.headers import as_download
from app.web.identity import current_actor
from app.web.requests import db, undo


@bp.get("/<slug>/diagramme", endpoint="diagram")
def diagram(slug: str) -> ResponseReturnValue:
    """The diagram of the draft, to edit by whoever holds it; else of the draft or the version, to read."""
    studio = opened(slug)
    data = editor(studio, PROCESS) if studio.mine else None
    if data is not None:
        data["catalogue"] = _with_addresses(slug, editor_data.catalogue(db(), slug, studio.files))
    return page(
        "studio/diagram.html",
        studio,
        data=data,
        viewer={"xml": _text(studio.files.get(PROCESS, b"")), "label": f"Diagramme de « {studio.title} »"},
        problems=problems_of(studio.draft) if studio.draft is not None else [],
        **drawn(studio.files.get(PROCESS, b"")),
    )


def _with_addresses(slug: str, catalogue: dict[str, Json]) -> dict[str, Json]:
    for each in catalogue["forms"]:
        each["url"] = url_for("studio.form", slug=slug, form_name=each["name"])
    for each in catalogue["decisions"]:
        each["url"] = url_for("studio.tables", slug=slug)
    return catalogue


def drawn(raw: bytes, id: str = "schema") -> dict[str, Any]:
    """The picture of a process and its steps in words, for templates."""
    drawing = read_drawing(raw) if raw else None
    return {
        "diagram": picture(drawing, id=id) if drawing else None,
        "steps": steps_in_words(raw, (), ()) if raw else (),
    }


def _text(raw: bytes) -> str:
    return raw.decode("utf-8-sig", errors="replace")


def editor(studio: Studio, path: str) -> dict[str, Json]:
    """What a browser editor of one file of the draft is given, but its catalogue (``editor/CONTRACT.md``)."""
    draft, slug = studio.draft, studio.slug
    assert draft is not None
    save = (
        url_for("studio.save_diagram", slug=slug)
        if path == PROCESS
        else url_for("studio.save_table", slug=slug, name=path.removeprefix("decisions/").removesuffix(".dmn"))
    )
    return {
        "xml": _text(studio.files[path]),
        "revision": draft.revision,
        "file_name": f"{slug}.bpmn" if path == PROCESS else path.removeprefix("decisions/"),
        "urls": {
            "save": save,
            "problems": url_for("studio.problems", slug=slug),
            "presence": url_for("studio.presence", slug=slug),
            "take_over": url_for("studio.take_over", slug=slug),
        },
        "problems": _problems(problems_of(draft)),
        "checked_revision": draft.verified_revision,
    }


def _problems(found: list[Problem] | None) -> Json:
    if found is None:
        return None
    return [
        {
            "severity": each.severity,
            "element_id": each.element_id,
            "element_name": each.element_name,
            "message": each.message,
            "remedy": each.remedy,
        }
        for each in found
    ]


# -- what the editor asks --------------------------------------------------------------------------------------------

View = Callable[[str], ResponseReturnValue]


def answers_json(view: Any) -> Any:
    """Refusals as the editor reads them: 409 with who and when, 422 with a sentence."""

    @wraps(view)
    def answered(slug: str, **names: str) -> ResponseReturnValue:
        try:
            answer: ResponseReturnValue = view(slug, **names)
        except DraftMoved as moved:
            undo()
            return jsonify(reason=moved.reason, by=moved.by, at=_when(moved.at), message=moved.message), 409
        except NotFound:
            undo()
            return _gone(slug)
        except Refused as refusal:
            undo()
            return jsonify(message=refusal.message), 422
        return answer

    return answered


def _when(instant: datetime | None) -> str:
    return moment(instant) if instant is not None else ""


def _gone(slug: str) -> ResponseReturnValue:
    """The draft was published or given up while somebody had it on her screen."""
    version = (
        db()
        .scalars(select(Version).join(Procedure, Procedure.version_id == Version.id).where(Procedure.slug == slug))
        .one_or_none()
    )
    if version is None:
        return jsonify(message="Ce brouillon n’existe plus."), 404
    return jsonify(reason="published", by=version.published_by, at=_when(version.published_at)), 409


def saved(draft: Draft, revision: int) -> Response:
    """The answer to a save that was kept."""
    local = clock.in_paris(draft.updated_at)
    return jsonify(
        revision=revision,
        saved_at=f"à {local.hour}\u202fh\u202f{local:%M}",
        problems=_problems(problems_of(draft)),
        catalogue=editor_data.changing(db(), drafts.files_of(draft)),
    )


@bp.post("/<slug>/diagramme", endpoint="save_diagram")
@answers_json
def save(slug: str) -> ResponseReturnValue:
    """Autosave of the diagram."""
    xml = request.form.get("xml", "").encode()
    revision = drafts.save_process(db(), current_actor(), slug, xml, revision_sent())
    return saved(drafts.the_draft(db(), slug), revision)


@bp.get("/<slug>/verification.json", endpoint="problems")
@answers_json
def problems(slug: str) -> ResponseReturnValue:
    """The problems of the draft as it is, or null while it is being verified."""
    draft = drafts.the_draft(db(), slug)
    return jsonify(revision=draft.revision, problems=_problems(problems_of(draft)))


@bp.post("/<slug>/presence", endpoint="presence")
@answers_json
def presence(slug: str) -> ResponseReturnValue:
    """Who else has the draft on her screen, and whether it was taken over."""
    draft, actor = drafts.the_draft(db(), slug), current_actor()
    others = drafts.note_presence(db(), actor, draft)
    taken = draft.holder_label if not drafts.holds(draft, actor) and draft.previous_id == actor.id else None
    return jsonify(revision=draft.revision, others=others, taken_over_by=taken)


# -- without JavaScript ----------------------------------------------------------------------------------------------


@bp.get("/<slug>/diagramme/process.bpmn", endpoint="download_diagram")
def download(slug: str) -> ResponseReturnValue:
    """The file of the diagram, for another editor."""
    studio = opened(slug)
    answer = Response(studio.files.get(PROCESS, b""), mimetype="application/octet-stream")
    answer.headers["Content-Disposition"] = f'attachment; filename="{slug}.bpmn"'
    return as_download(answer)


@bp.post("/<slug>/diagramme/fichier", endpoint="upload_diagram")
@takes_files
def upload(slug: str) -> ResponseReturnValue:
    """Replaces the diagram of the draft by a file."""
    opened(slug)
    sent = request.files.get("fichier")
    raw = sent.stream.read(MAX_FILE + 1) if sent is not None else b""
    if not raw:
        raise Refused("Choisissez le fichier process.bpmn.", "fichier")
    drafts.save_process(db(), current_actor(), slug, raw, revision_sent())
    flash("Le diagramme est remplacé. Sa vérification est en cours.", "success")
    return redirect(url_for("studio.diagram", slug=slug), 303)
