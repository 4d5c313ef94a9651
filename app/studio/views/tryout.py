"""« Essayer »: the parent's side and the agent's side of a draft, played by one person; nothing real is touched.

The story is played again after each act, in the process apart and outside any transaction: these views open their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from app.db import Json
from app.errors import NotFound, Refused
from app.policy import Permission, require
from app.studio import drafts, stories, tryout
from app.studio.apart import NotPlayed, material_of, try_apart
from app.studio.models import Draft
from app.studio.views.diagram import revision_sent
from app.studio.views.frame import bp, opened, page
from app.web.guards import without_transaction
from app.web.identity import current_actor
from app.web.requests import db, transaction, undo
from forms import StepForm
from forms.studio import StoryTitleForm

MESSAGES = {"modifier": "Modifier la demande", "annuler": "Annuler la demande"}


@dataclass(frozen=True)
class SentFile:
    """A file that a person chose: only its name came, nothing of it is read."""

    filename: str


@bp.get("/<slug>/scenarios/essai", endpoint="tryout")
def show(slug: str) -> ResponseReturnValue:
    """The two sides, as they are after the last act."""
    return _shown(slug)


def _shown(
    slug: str,
    status: int = 200,
    refused: tuple[str, StepForm] | None = None,
    title_form: StoryTitleForm | None = None,
    fault: str = "",
) -> ResponseReturnValue:
    studio = opened(slug)
    draft = studio.draft
    if draft is None:
        raise NotFound("Ouvrez un brouillon pour l’essayer.")
    found = tryout.tryout_of(db(), current_actor(), draft)
    current = found is not None and found.revision == draft.revision
    sight: Mapping[str, Json] = found.sight if found is not None and current else {}
    steps = [(step, _form(draft, sight, step, refused)) for step in sight.get("waiting", ())]
    shown = page(
        "studio/tryout.html",
        studio,
        found=found,
        current=current,
        sight=sight,
        now=datetime.fromisoformat(sight["now"]) if "now" in sight else None,
        family=[each for each in steps if each[0]["family"]],
        agents=[each for each in steps if not each[0]["family"]],
        acts=_told(found.acts, found.sight) if found is not None else (),
        messages=[(name, label) for name, label in MESSAGES.items() if name in sight.get("messages", ())],
        units=list(tryout.UNITS),
        form=refused[1] if refused is not None else None,
        title_form=title_form or StoryTitleForm(),
        fault=fault,
    )
    return shown, status


def _form(
    draft: Draft, sight: Mapping[str, Json], step: Mapping[str, Json], refused: tuple[str, StepForm] | None
) -> StepForm | None:
    if refused is not None and refused[0] == step["node"]:
        return refused[1]
    return tryout.form_of(draft, sight, step)


def _told(acts: Sequence[Mapping[str, Json]], sight: Mapping[str, Json]) -> list[dict[str, Json]]:
    """The acts in words, with what each gave."""
    seen = sight.get("seen", ())
    told = []
    for number, act in enumerate(acts):
        words = act.get("label") or f"Le temps avance de {tryout.in_words(act.get('advance', ''))}"
        told.append({"words": words, "found": seen[number] if number < len(seen) else None})
    return told


# -- acting ----------------------------------------------------------------------------------------------------------


def _replayed(slug: str, acts: Sequence[Json]) -> ResponseReturnValue:
    """Plays these acts apart, between two transactions, and keeps what was seen."""
    with transaction(read_only=True) as session:
        require(current_actor(), Permission.PROCEDURE_EDIT)
        draft = drafts.the_draft(session, slug)
        revision, material = draft.revision, material_of(session, slug, draft.archive)
    try:
        sight = try_apart(material, acts)
    except NotPlayed as failure:
        sight = {"seen": [], "problem": str(failure), "waiting": [], "messages": [], "status": ""}
    if "error" in sight:
        sight = {"seen": [], "problem": sight["error"], "waiting": [], "messages": [], "status": ""}
    with transaction() as session:
        tryout.keep(session, current_actor(), slug, revision, acts, sight)
    return redirect(url_for("studio.tryout", slug=slug), 303)


def _acts(slug: str) -> list[Json]:
    with transaction(read_only=True) as session:
        return tryout.acts_of(session, current_actor(), slug)


@bp.post("/<slug>/scenarios/essai/debut", endpoint="begin_tryout")
@without_transaction
def begin(slug: str) -> ResponseReturnValue:
    """Begins the story again, with nothing done yet."""
    return _replayed(slug, [])


@bp.post("/<slug>/scenarios/essai/retour", endpoint="undo_tryout")
@without_transaction
def take_back(slug: str) -> ResponseReturnValue:
    """Forgets the last act."""
    return _replayed(slug, _acts(slug)[:-1])


@bp.post("/<slug>/scenarios/essai/rejouer", endpoint="replay_tryout")
@without_transaction
def again(slug: str) -> ResponseReturnValue:
    """The same acts on the draft as it is now."""
    return _replayed(slug, _acts(slug))


@bp.post("/<slug>/scenarios/essai/message", endpoint="tryout_message")
@without_transaction
def message(slug: str) -> ResponseReturnValue:
    """« Modifier » or « Annuler », from the parent."""
    name = request.form.get("message", "")
    if name not in MESSAGES:
        raise NotFound("Ce message n’existe pas.")
    return _replayed(slug, tryout.with_act(_acts(slug), {"message": name, "label": MESSAGES[name]}))


@bp.post("/<slug>/scenarios/essai/temps", endpoint="tryout_time")
@without_transaction
def advance(slug: str) -> ResponseReturnValue:
    """Time moves forward."""
    lasting = tryout.duration(request.form.get("nombre", ""), request.form.get("unite", ""))
    return _replayed(slug, tryout.with_act(_acts(slug), {"advance": lasting}))


@bp.post("/<slug>/scenarios/essai/etape/<node>", endpoint="tryout_step")
@without_transaction
def act(slug: str, node: str) -> ResponseReturnValue:
    """Sends a step that waits; its form is judged as on the real page, and shown again when it is wrong."""
    with transaction(read_only=True) as session:
        actor = current_actor()
        require(actor, Permission.PROCEDURE_EDIT)
        draft = drafts.the_draft(session, slug)
        found = tryout.tryout_of(session, actor, draft)
        if found is None or found.revision != draft.revision:
            raise NotFound("Cette étape n’attend plus personne.")
        step = tryout.waiting_step(found.sight, node)
        form = tryout.form_of(draft, found.sight, step, request.form, _files(request.form))
        if form is not None and (form.wants_row_change() or not form.validate()):
            return _shown(slug, 200 if form.wants_row_change() else 422, (node, form))
        acts = list(found.acts)
        made: dict[str, Json] = {"do": node, "label": step["name"]}
        if form is not None:
            made["values"] = tryout.values_of(form, step)
    return _replayed(slug, tryout.with_act(acts, made))


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
        return _shown(slug, 422, title_form=form)
    try:
        path = tryout.save_as_story(db(), current_actor(), slug, str(form.title.data), revision_sent())
    except Refused as refusal:
        undo()
        return _shown(slug, 422, title_form=form, fault=refusal.message)
    flash("Le scénario est enregistré. Il attend à chaque geste ce que vous venez de voir.", "success")
    return redirect(url_for("studio.scenario", slug=slug, name=stories.name_of(path)), 303)
