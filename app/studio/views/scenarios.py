"""The tab « Scénarios »: the stories of a démarche, played on demand, their texts, and what none of them meets."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.db import Json
from app.engine.bundle import PROCESS
from app.errors import NotFound, Refused
from app.policy import Permission
from app.studio import drafts, stories, tryout
from app.studio.views import stale
from app.studio.views.diagram import drawn
from app.studio.views.frame import Studio, bp, opened, page, revision_sent
from app.studio.views.stale import Stale
from app.web.identity import current_actor
from app.web.requests import db, undo
from forms.accounts import AccountForm
from forms.studio import ObsoleteForm, StoryForm, StoryTitleForm

SKELETON = 'titre = {title}\n\n[[etapes]]\nfaire = "saisir"\nvaleurs = {{ }}\nattendre = {{ statut = "en_attente" }}\n'


@bp.get("/<slug>/scenarios", endpoint="scenarios")
def scenarios(slug: str) -> ResponseReturnValue:
    """Every story and how it went; what no story meets, named and on the diagram."""
    return _list(slug, StoryTitleForm())


def _list(slug: str, form: AccountForm, status: int = 200) -> ResponseReturnValue:
    studio = opened(slug)
    shown = page("studio/scenarios.html", studio, form=form, **_state(studio), **_coverage(studio))
    return shown, status


def _state(studio: Studio) -> dict[str, Any]:
    """The stories, and how far playing them is."""
    draft = studio.draft
    if draft is None:
        found = [(stories.name_of(path), stories.title_of(studio.files[path], path)) for path in
                 stories.paths_of(studio.files)]  # fmt: skip
        return {"lines": (), "published": found, "run": None, "busy": False, "error": ""}
    run = stories.run_of(db(), draft)
    fresh = stories.up_to_date(draft)
    return {
        "lines": stories.lines(draft, studio.files),
        "published": (),
        "run": run,
        "busy": run is not None and stories.under_way(run),
        "error": str(draft.scenario_report.get("error", "")) if fresh else "",
        "fresh": fresh,
        "ever": draft.scenario_revision is not None,
    }


def _coverage(studio: Studio) -> dict[str, Any]:
    """What stories meet, when they were played on the draft as it is."""
    draft = studio.draft
    if draft is None or not stories.up_to_date(draft) or "coverage" not in draft.scenario_report:
        return {"coverage": None, "uncovered": {}}
    report = draft.scenario_report
    viewer = {
        "xml": studio.files[PROCESS].decode("utf-8-sig", errors="replace"),
        "label": "Ce que les scénarios parcourent",
        "coverage": report["coverage"],
    }
    return {"coverage": viewer, "uncovered": report["uncovered"], **drawn(studio.files[PROCESS], id="couverture")}


@bp.get("/<slug>/scenarios/avancement", endpoint="scenarios_progress")
def progress(slug: str) -> ResponseReturnValue:
    """How far playing is, for the part of the page that asks by itself; the whole page is drawn again at the end."""
    studio = opened(slug)
    state = _state(studio)
    answer = Response(render_template("studio/scenarios_progress.html", studio=studio, **state))
    if not state["busy"]:
        answer.headers["HX-Refresh"] = "true"
    return answer


@bp.post("/<slug>/scenarios/jouer", endpoint="play_scenarios")
def play(slug: str) -> ResponseReturnValue:
    """Has the stories played by a worker."""
    stories.ask_run(db(), current_actor(), slug)
    return redirect(url_for("studio.scenarios", slug=slug), 303)


@bp.post("/<slug>/scenarios", endpoint="new_scenario")
def new(slug: str) -> ResponseReturnValue:
    """Adds a story to write by hand."""
    studio = opened(slug)
    form = StoryTitleForm(request.form)
    if not form.validate():
        return _list(slug, form, 422)
    title = str(form.title.data)
    path = stories.free_path(studio.files, title)
    text = SKELETON.format(title=stories.quoted(title))
    stories.save_story(db(), current_actor(), slug, path, text, revision_sent())
    return redirect(url_for("studio.scenario", slug=slug, name=stories.name_of(path)), 303)


# -- one story -------------------------------------------------------------------------------------------------------


def _path(studio: Studio, name: str) -> str:
    path = stories.path_of(name)
    if path not in studio.files:
        raise NotFound("Ce scénario n’existe pas.")
    return path


def _one(
    studio: Studio, name: str, form: AccountForm, obsolete: AccountForm, status: int = 200, late: Stale | None = None
) -> ResponseReturnValue:
    path = _path(studio, name)
    line = next((each for each in stories.lines(studio.draft, studio.files) if each.path == path), None) if (
        studio.draft is not None
    ) else None  # fmt: skip
    shown = page(
        "studio/scenario.html",
        studio,
        stale=late,
        name=name,
        line=line,
        story_title=stories.title_of(studio.files[path], path),
        text=_text(studio, path),
        tried=_tried(studio),
        form=form,
        obsolete_form=obsolete,
        may_publish=current_actor().can(Permission.PROCEDURE_PUBLISH),
    )
    return shown, status


def _tried(studio: Studio) -> int:
    """How many acts this person's try-out has, which mending a scenario would replace."""
    found = tryout.tryout_of(db(), current_actor(), studio.draft) if studio.draft is not None else None
    return len(found.acts) if found is not None and not found.mends else 0


def _text(studio: Studio, path: str) -> str:
    return studio.files[path].decode("utf-8", errors="replace")


def _forms(studio: Studio, name: str, data: dict[str, Json] | None = None) -> tuple[StoryForm, ObsoleteForm]:
    return StoryForm(data=data or {"text": _text(studio, _path(studio, name))}), ObsoleteForm()


@bp.get("/<slug>/scenarios/recit/<name>", endpoint="scenario")
def show(slug: str, name: str) -> ResponseReturnValue:
    """One story: its result, its text."""
    studio = opened(slug)
    return _one(studio, name, *_forms(studio, name))


@bp.post("/<slug>/scenarios/recit/<name>", endpoint="save_scenario")
def save(slug: str, name: str) -> ResponseReturnValue:
    """Writes the text of a story, once it reads well."""
    studio = opened(slug)
    path = stories.path_of(name)
    if path not in studio.files:
        return stale.lost(studio, "Ce scénario a été retiré du brouillon pendant que vous écriviez.")
    form = StoryForm(request.form)
    if (late := stale.stale(studio)) is not None:
        return _one(studio, name, form, ObsoleteForm(), 409, replace(late, file=_text(studio, path)))
    if not form.validate():
        return _one(studio, name, form, ObsoleteForm(), 422)
    try:
        stale.save(studio, {path: stories.written(str(form.text.data), path)})
    except Refused as refusal:
        if refusal.field != "text":
            raise
        undo()
        form.text.errors = [refusal.message]
        return _one(opened(slug), name, form, ObsoleteForm(), 422)
    flash("Le scénario est enregistré. Rejouez les scénarios pour savoir s’il passe.", "success")
    return redirect(url_for("studio.scenario", slug=slug, name=name), 303)


@bp.post("/<slug>/scenarios/recit/<name>/copie", endpoint="copy_scenario")
def copy(slug: str, name: str) -> ResponseReturnValue:
    """Adds the same story, to change it."""
    made = stories.copy_story(db(), current_actor(), slug, _path(opened(slug), name), revision_sent())
    flash("Voici la copie : changez son titre et ce qu’elle raconte.", "success")
    return redirect(url_for("studio.scenario", slug=slug, name=stories.name_of(made)), 303)


@bp.post("/<slug>/scenarios/recit/<name>/suppression", endpoint="remove_scenario")
def remove(slug: str, name: str) -> ResponseReturnValue:
    """Takes a story out of the draft."""
    path = _path(opened(slug), name)
    drafts.save_files(db(), current_actor(), slug, {path: None}, revision_sent())
    flash("Le scénario est retiré du brouillon.", "success")
    return redirect(url_for("studio.scenarios", slug=slug), 303)


@bp.post("/<slug>/scenarios/recit/<name>/ecarter", endpoint="set_scenario_aside")
def set_aside(slug: str, name: str) -> ResponseReturnValue:
    """Says that a story that fails has no course any more, and why."""
    studio = opened(slug)
    path = _path(studio, name)
    form = ObsoleteForm(request.form)
    if not form.validate():
        return _one(studio, name, _forms(studio, name)[0], form, 422)
    stories.mark_obsolete(db(), current_actor(), slug, path, str(form.reason.data), revision_sent())
    flash("Ce scénario n’empêche plus de publier. Votre raison est gardée dans le journal.", "success")
    return redirect(url_for("studio.scenario", slug=slug, name=name), 303)


@bp.post("/<slug>/scenarios/recit/<name>/reprendre", endpoint="count_scenario")
def count_again(slug: str, name: str) -> ResponseReturnValue:
    """The story counts again."""
    stories.unmark_obsolete(db(), current_actor(), slug, _path(opened(slug), name), revision_sent())
    return redirect(url_for("studio.scenario", slug=slug, name=name), 303)
