"""« Essayer »: the parent's side and the agent's side of a draft, played by one person; nothing real is touched.

The story is played again after each act, in the process apart and outside any transaction: these views open their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from app.db import Json
from app.engine.operations import registry
from app.errors import NotFound, Refused
from app.policy import Permission, require
from app.procedures.queries import content_of
from app.studio import drafts, mending, stories, tryout
from app.studio.apart import NotPlayed, material_of, try_apart
from app.studio.editor_data import graph_of
from app.studio.models import Draft, Tryout
from app.studio.tryout_forms import CHECK, Step, StepForms, Trial, remembered, waiting_step
from app.studio.views.frame import Studio, bp, opened, page, revision_sent
from app.web.guards import without_transaction
from app.web.identity import current_actor
from app.web.requests import db, transaction, undo
from forms import DefinitionError, ExpressionFailure, StepForm
from forms.administration import options
from forms.studio import StoryTitleForm, TimeForm

MESSAGES = {"modifier": "Modifier la demande", "annuler": "Annuler la demande"}


@dataclass(frozen=True)
class SentFile:
    """A file that a person chose: only its name came, nothing of it is read."""

    filename: str


@dataclass(frozen=True)
class Faulty:
    """What is shown again because it was refused: the step that was being filled, one of the forms below it."""

    trial: Trial | None = None
    title_form: StoryTitleForm | None = None
    time_form: TimeForm | None = None
    fault: str = ""


@bp.get("/<slug>/scenarios/essai", endpoint="tryout")
def show(slug: str) -> ResponseReturnValue:
    """The two sides, as they are after the last act; ``?etape=…&page=…`` opens a page of one of the steps."""
    return _shown(slug)


def _shown(slug: str, status: int = 200, faulty: Faulty = Faulty()) -> ResponseReturnValue:
    studio = opened(slug)
    draft = studio.draft
    if draft is None:
        raise NotFound("Ouvrez un brouillon pour l’essayer.")
    found = tryout.tryout_of(db(), current_actor(), draft)
    current = found is not None and found.revision == draft.revision
    sight: Mapping[str, Json] = found.sight if found is not None and current else {}
    trials = [_trial(StepForms(studio.files, sight), step, faulty.trial) for step in sight.get("waiting", ())]
    shown = page(
        "studio/tryout.html",
        studio,
        found=found,
        current=current,
        sight=sight,
        now=datetime.fromisoformat(sight["now"]) if "now" in sight else None,
        family=[each for each in trials if each.step["family"]],
        agents=[each for each in trials if not each.step["family"]],
        acts=_told(studio, found) if found is not None else (),
        mends=_mended(found, sight) if found is not None and found.mends else None,
        messages=[(name, label) for name, label in MESSAGES.items() if name in sight.get("messages", ())],
        form=faulty.trial.form if faulty.trial is not None else None,
        title_form=faulty.title_form or StoryTitleForm(),
        time_form=faulty.time_form or _time_form(),
        fault=faulty.fault,
    )
    return shown, status


def _trial(forms: StepForms, step: Step, faulty: Trial | None) -> Trial:
    if faulty is not None and faulty.step["node"] == step["node"]:
        return faulty
    asked = request.args.get("page", "") if request.args.get("etape") == step["node"] else ""
    return forms.trial(step, asked)


def _time_form(data: Any = None) -> TimeForm:
    form = TimeForm(data)
    form.unit.choices = options((unit, unit) for unit in tryout.UNITS)
    return form


def _told(studio: Studio, found: Tryout) -> list[dict[str, Json]]:
    """The acts in words, with what each gave, and what that changes in the scenario that is being mended."""
    seen, names = found.sight.get("seen", ()), words(studio)
    story = mending.read(found.mends["text"]) if found.mends else None
    told = []
    for number, act in enumerate(found.acts):
        given = seen[number] if number < len(seen) else None
        differing = mending.changes(story, act, given, names) if story is not None and given is not None else []
        told.append({"words": in_words(act), "found": given, "changes": differing})
    return told


def in_words(act: Mapping[str, Json]) -> str:
    """One act of a story."""
    label = act.get("label") or f"Le temps avance de {tryout.in_words(act.get('advance', ''))}"
    return f"{label} (par {act['by']})" if act.get("by") else str(label)


def words(studio: Studio) -> dict[str, str]:
    """What steps, messages and operations are called, those of the version in line included."""
    before = content_of(db(), studio.version.bundle_hash).files if studio.version is not None else {}
    graphs = [graph for files in (before, studio.files) if (graph := graph_of(files)) is not None]
    steps = {node.id: node.name for graph in graphs for node in graph.nodes.values()}
    return {name: spec.label for name, spec in registry.specs().items()} | MESSAGES | steps


def _mended(found: Tryout, sight: Mapping[str, Json]) -> dict[str, Any]:
    """The scenario that this try-out mends: what is left of it, and why it stops there."""
    rest = found.mends["rest"]
    waiting = {step["node"] for step in sight.get("waiting", ())}
    why = str(sight.get("stopped", ""))
    if why and rest and rest[0].get("do") and rest[0]["do"] not in waiting:
        why = f"«\u00a0{in_words(rest[0])}\u00a0» n’attend personne à ce moment-là."
    return {
        "name": stories.name_of(found.mends["path"]),
        "title": stories.title_of(found.mends["text"].encode(), found.mends["path"]),
        "rest": [in_words(act) for act in rest],
        "stopped": why,
    }


# -- acting ----------------------------------------------------------------------------------------------------------


def replayed(slug: str, acts: Sequence[Json], mends: Mapping[str, Json], *, go_on: bool = False) -> ResponseReturnValue:
    """Plays these acts apart, between two transactions, and keeps what was seen. ``mends`` is the scenario that they
    mend, if any; ``go_on`` plays the rest of it too, as far as it goes."""
    with transaction(read_only=True) as session:
        require(current_actor(), Permission.PROCEDURE_EDIT)
        draft = drafts.the_draft(session, slug)
        revision, material = draft.revision, material_of(session, slug, draft.archive)
    rest = mends.get("rest", [])
    try:
        sight = try_apart(material, acts, story=mends.get("text", ""), rest=rest if go_on else ())
    except NotPlayed as failure:
        sight = {"error": str(failure)}
    if "error" in sight:
        sight = {"seen": [], "problem": sight["error"], "waiting": [], "messages": [], "status": ""}
    played = sight.get("continued", 0)
    left = {**mends, "rest": rest[played:]} if mends else {}
    with transaction() as session:
        tryout.keep(session, current_actor(), slug, revision, [*acts, *rest[:played]], sight, left)
    return redirect(url_for("studio.tryout", slug=slug), 303)


def so_far(slug: str) -> tuple[list[Json], dict[str, Json]]:
    """The acts of this person's try-out, and the scenario that it mends."""
    with transaction(read_only=True) as session:
        return tryout.story_of(session, current_actor(), slug)


def _one_more(slug: str, act: Mapping[str, Json]) -> ResponseReturnValue:
    acts, mends = so_far(slug)
    made, rest = mending.taken_from(mends.get("rest", ()), act)
    return replayed(slug, tryout.with_act(acts, made), {**mends, "rest": rest} if mends else {})


@bp.post("/<slug>/scenarios/essai/debut", endpoint="begin_tryout")
@without_transaction
def begin(slug: str) -> ResponseReturnValue:
    """Begins the story again, with nothing done yet."""
    with transaction() as session:
        tryout.forget(session, current_actor(), slug)
    return replayed(slug, [], {})


@bp.post("/<slug>/scenarios/essai/retour", endpoint="undo_tryout")
@without_transaction
def take_back(slug: str) -> ResponseReturnValue:
    """Forgets the last act."""
    acts, mends = so_far(slug)
    left = {**mends, "rest": mending.given_back(acts[-1:], mends["rest"])} if mends else {}
    return replayed(slug, acts[:-1], left)


@bp.post("/<slug>/scenarios/essai/rejouer", endpoint="replay_tryout")
@without_transaction
def again(slug: str) -> ResponseReturnValue:
    """The same acts on the draft as it is now."""
    return replayed(slug, *so_far(slug))


@bp.post("/<slug>/scenarios/essai/message", endpoint="tryout_message")
@without_transaction
def message(slug: str) -> ResponseReturnValue:
    """« Modifier » or « Annuler », from the parent."""
    name = request.form.get("message", "")
    if name not in MESSAGES:
        raise NotFound("Ce message n’existe pas.")
    return _one_more(slug, {"message": name, "label": MESSAGES[name]})


@bp.post("/<slug>/scenarios/essai/temps", endpoint="tryout_time")
@without_transaction
def advance(slug: str) -> ResponseReturnValue:
    """Time moves forward."""
    form = _time_form(request.form)
    if not form.validate():
        with transaction(read_only=True):
            return _shown(slug, 422, Faulty(time_form=form))
    lasting = tryout.duration(form.number.data or 0, str(form.unit.data))
    return _one_more(slug, {"advance": lasting})


@bp.post("/<slug>/scenarios/essai/etape/<node>", endpoint="tryout_step")
@without_transaction
def act(slug: str, node: str) -> ResponseReturnValue:
    """Keeps a page of a step that waits and leads to the next; on the last one the step is sent."""
    with transaction() as session:
        draft, found = _tried(session, slug)
        step = waiting_step(found.sight, node)
        if found.revision != draft.revision:
            _keep_for_later(found, draft, step)
            flash("Le brouillon a changé : rejouez les gestes. Ce que vous venez de saisir est gardé.", "warning")
            return redirect(url_for("studio.tryout", slug=slug), 303)
        answer = _read(slug, found, StepForms(drafts.files_of(draft), found.sight), step)
        if answer is not None:
            return answer
        forms = StepForms(drafts.files_of(draft), found.sight)
        made: dict[str, Json] = {"do": node, "label": step["name"]}
        if step.get("form"):
            made["values"] = forms.values(forms.form(step, None), step)
    return _one_more(slug, made)


def _tried(session: Session, slug: str) -> tuple[Draft, Tryout]:
    """The draft and this person's try-out of it. Raises NotFound when she began none."""
    actor = current_actor()
    require(actor, Permission.PROCEDURE_EDIT)
    draft = drafts.the_draft(session, slug)
    found = tryout.tryout_of(session, actor, draft)
    if found is None:
        raise NotFound("Cette étape n’attend plus personne.")
    return draft, found


def _read(slug: str, found: Tryout, forms: StepForms, step: Step) -> ResponseReturnValue | None:
    """Keeps what this page says; what to show next, or nothing when the step is ready to be sent."""
    raw, node = request.args.get("page", ""), str(step["node"])
    if not step.get("form"):
        return None
    if raw == CHECK and forms.by_pages(step):
        return _unless_right(slug, forms, step)
    number, form = _typed(forms, step)
    unseen = form.unseen(request.form)
    valid = bool(unseen) or form.validate()
    found.sight = remembered(found.sight, node, form.partial(), number)
    if form.wants_row_change() or (valid and unseen) or not valid:
        return _shown(slug, 200 if valid or form.wants_row_change() else 422, Faulty(Trial(step, form, number)))
    if number is None:
        return None
    if form.next_page is None and not forms.checks(step):
        return _unless_right(slug, StepForms(forms.files, found.sight), step)
    following = CHECK if form.next_page is None else form.next_page + 1
    return redirect(url_for("studio.tryout", slug=slug, etape=node, page=following, _anchor=f"etape-{node}"), 303)


def _typed(forms: StepForms, step: Step) -> tuple[int | None, StepForm]:
    """The page in hand and its form, as they were sent."""
    number = forms.page(step, request.args.get("page", ""))
    return number, forms.form(step, number, request.form, _files(request.form))


def _unless_right(slug: str, forms: StepForms, step: Step) -> ResponseReturnValue | None:
    """Every answer once more, with what is wrong in them; nothing when they may be sent."""
    checked = forms.check(step)
    return _shown(slug, 422, Faulty(checked)) if checked.form is not None and checked.form.errors else None


def _keep_for_later(found: Tryout, draft: Draft, step: Step) -> None:
    """What was typed on a form that the draft changed meanwhile, as far as the new one has the same questions."""
    try:
        number, form = _typed(StepForms(drafts.files_of(draft), found.sight), step)
    except (DefinitionError, ExpressionFailure, KeyError):
        return
    found.sight = remembered(found.sight, str(step["node"]), form.partial(), number)


@bp.post("/<slug>/scenarios/essai/etape/<node>/brouillon", endpoint="tryout_draft")
def autosave(slug: str, node: str) -> ResponseReturnValue:
    """Keeps a page as it is typed; never judges it."""
    draft, found = _tried(db(), slug)
    _keep_for_later(found, draft, waiting_step(found.sight, node))
    return "", 204


@bp.post("/<slug>/scenarios/essai/etape/<node>/questions", endpoint="tryout_questions")
def questions(slug: str, node: str) -> ResponseReturnValue:
    """The form again with the questions that the answers call for, as portal.js asks for them. Judges nothing."""
    draft, found = _tried(db(), slug)
    step = waiting_step(found.sight, node)
    number, form = _typed(StepForms(drafts.files_of(draft), found.sight), step)
    return render_template("studio/tryout_questions.html", slug=slug, trial=Trial(step, form, number))


def _files(posted: Mapping[str, str]) -> MultiDict[str, Any]:
    """The files that were chosen: the form sends their names only, and nothing of them."""
    chosen: MultiDict[str, Any] = MultiDict()
    for name in posted:
        if name.endswith("__fichier") and posted[name]:
            chosen.add(name, SentFile("essai.pdf"))
    return chosen


@bp.post("/<slug>/scenarios/essai/enregistrer", endpoint="save_tryout")
def save(slug: str) -> ResponseReturnValue:
    """Keeps the story among the scenarios of the draft."""
    form = StoryTitleForm(request.form)
    if not form.validate():
        return _shown(slug, 422, Faulty(title_form=form))
    try:
        path = tryout.save_as_story(db(), current_actor(), slug, str(form.title.data), revision_sent())
    except Refused as refusal:
        undo()
        return _shown(slug, 422, Faulty(title_form=form, fault=refusal.message))
    flash("Le scénario est enregistré. Il attend à chaque geste ce que vous venez de voir.", "success")
    return redirect(url_for("studio.scenario", slug=slug, name=stories.name_of(path)), 303)
