"""The agents' pages: a demande with its step in hand, taking, giving back and assigning tasks."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from flask import flash, g, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app import clock
from app.cases.assigning import assign, release, take
from app.cases.casework import (
    ask_threads,
    history,
    journey,
    last_sendings,
    pieces_named,
    proposed_changes,
    stamp_of,
    step_in_hand,
    threads_about,
)
from app.cases.inbox import colleagues
from app.cases.models import Answer, Case
from app.cases.operations import done_message, save_draft, submit, task_in_turn
from app.cases.queries import (
    Opened,
    Who,
    agents_case,
    agents_open_case,
    answers_of,
    ask_case,
    ask_whole_case,
    open_tasks,
)
from app.cases.retention import erased_on
from app.cases.steps import StepPage, agents_step_page
from app.cases.views.faults import step_failed, undone
from app.documents.models import Document, Preview
from app.documents.previews import preview_of
from app.documents.queries import CasePiece, ask_pieces, current_state, pieces_of
from app.documents.uploads import attach_uploads, receive_uploads
from app.engine.models import Task
from app.engine.runtime import NotWaiting, Outcome
from app.engine.steps import EngineFault
from app.errors import NotFound, Refused
from app.families.consents import read_health
from app.policy import FAMILY_LANE, Permission, require
from app.procedures.queries import Content, content_of
from app.town.queries import structure_names
from app.web.guards import blueprint, writes
from app.web.identity import current_actor
from app.web.requests import db, undo
from forms import StepForm

bp = blueprint("cases_agent", __name__, audience="agent", url_prefix="/agent")

DONE = {
    "clos": "La demande est terminée. La famille est prévenue.",
    "refuse": "La demande est refusée. La famille est prévenue.",
    "traitement": "C’est enregistré. La demande est en traitement.",
}


# -- a demande -------------------------------------------------------------------------------------------------------


@bp.get("/demandes/<uuid:case_id>", endpoint="show")
def show(case_id: uuid.UUID) -> ResponseReturnValue:
    """A demande with everything needed to decide, and the step in hand at the top."""
    found = agents_open_case(db(), current_actor(), case_id)
    return _page(step_in_hand(current_actor(), found), [each.task for each in found if each.task is not None])


def _ask(session: Session, case_id: uuid.UUID) -> None:
    """What this page reads of a demande whatever it is: in one trip with the session."""
    for ask in (ask_whole_case, ask_pieces, ask_threads):
        ask(session, case_id)


show.ahead = _ask  # type: ignore[attr-defined]  # read by Portal


@bp.get("/demandes/<uuid:case_id>/sante", endpoint="show_health")
@writes
def show_health(case_id: uuid.UUID) -> ResponseReturnValue:
    """The same page with what the child's file says of his health today; opening it is noted in the journal (R-73)."""
    actor = current_actor()
    found = agents_open_case(db(), actor, case_id)
    require(actor, Permission.HEALTH_READ)
    opened = step_in_hand(actor, found)
    if opened.case.child_id is None or not any(change.health for change in proposed_changes(db(), opened) or ()):
        raise NotFound
    read_health(db(), actor, opened.case.child_id)
    return _page(opened, [each.task for each in found if each.task is not None], health=True)


def _page(
    opened: Opened,
    tasks: Sequence[Task],
    step: StepPage | None = None,
    form: StepForm | None = None,
    status: int = 200,
    *,
    health: bool = False,
    moved: bool = False,
) -> ResponseReturnValue:
    actor, case, task = current_actor(), opened.case, opened.task
    content = content_of(db(), case.bundle_hash)
    mine = task is not None and _is_workable(task)
    if mine and form is None and task is not None and task.form:
        step = _step(opened)
        form = step.form()
    answers = answers_of(db(), case.id)
    proposed = proposed_changes(db(), opened)
    pieces = _pieces(case, content, answers)
    return render_template(
        "cases/agent_case.html",
        case=case,
        task=task,
        mine=mine,
        held_by=_holder(task),
        may_assign=actor.can(Permission.TASK_ASSIGN, case.structure_id),
        step=step,
        form=form,
        draft_saved_at=opened.draft.updated_at if opened.draft else None,
        settings=content.settings,
        sendings=last_sendings(answers),
        proposed=proposed,
        stamp=stamp_of(proposed) if proposed else "",
        health=health,
        may_read_health=actor.can(Permission.HEALTH_READ),
        moved=moved,
        history=history(case, answers),
        journey=journey(db(), opened, content, tasks),
        pieces=pieces,
        beside=_beside(pieces),
        states={piece.id: current_state(piece.state, piece.valid_until) for piece in pieces},
        threads=threads_about(db(), case.id) if actor.can(Permission.MESSAGE_ANSWER, case.structure_id) else (),
        structure=structure_names(db()).get(case.structure_id) if case.structure_id else None,
        erased_on=erased_on(db(), case),
        now=clock.now(),
    ), status


def _is_workable(task: Task) -> bool:
    """True when this agent may act on the step now: his role's, and in nobody else's hands."""
    actor = current_actor()
    free = task.assignee_id in (None, actor.id)
    return task.lane != FAMILY_LANE and free and task.closed_at is None and actor.holds(task.lane, task.structure_id)


def _holder(task: Task | None) -> str:
    """Who has the step in hand, when it is a colleague."""
    if task is None or task.assignee_id in (None, current_actor().id):
        return ""
    return next((each.name for each in colleagues(db(), task) if each.id == task.assignee_id), "un collègue")


def _pieces(case: Case, content: Content, answers: Sequence[Answer]) -> list[CasePiece]:
    """The pieces of a demande, for whoever may open them."""
    if not current_actor().can(Permission.DOCUMENT_READ, case.structure_id):
        return []
    return pieces_of(db(), case.id, pieces_named(content, answers))


def _beside(pieces: Sequence[CasePiece]) -> tuple[Document, Sequence[Preview]] | None:
    """The piece shown beside the data: the one asked for, else the first that was sent. Reading it is noted when its
    pictures are served, so what is sensitive is shown when asked for only."""
    wanted = request.args.get("piece", "")
    chosen = next((piece.id for piece in pieces if str(piece.id) == wanted), None)
    if chosen is None:
        chosen = next((piece.id for piece in pieces if not piece.sensitivity), None)
    return preview_of(db(), current_actor(), chosen) if chosen is not None else None


def _step(opened: Opened) -> StepPage:
    return agents_step_page(db(), Who(current_actor()), opened)


def _load(case_id: uuid.UUID, task_id: uuid.UUID, *, lock: bool = False) -> Opened:
    """The demande with one of its steps. Raises NotFound for a step of the family, or of another demande."""
    opened = agents_case(db(), current_actor(), case_id, task_id, lock=lock)
    task, draft = opened.task, opened.draft
    if task is None or task.lane == FAMILY_LANE:
        raise NotFound
    stale = draft is not None and draft.updated_at < task.opened_at
    return replace(opened, draft=None) if stale else opened


def _prepare(case_id: uuid.UUID, task_id: uuid.UUID) -> object:
    """Before the transaction: the files of this form are checked and stored, for whoever may send this step."""
    return receive_uploads(lambda: task_in_turn(db(), Who(current_actor()), _load(case_id, task_id)))


@bp.get("/demandes/<uuid:case_id>/etapes/<uuid:task_id>", endpoint="step")
def see_step(case_id: uuid.UUID, task_id: uuid.UUID) -> ResponseReturnValue:
    """The address of a form that was sent, opened again: the step is on the page of the demande."""
    _load(case_id, task_id)
    return redirect(url_for("cases_agent.show", case_id=case_id))


@bp.post("/demandes/<uuid:case_id>/etapes/<uuid:task_id>", endpoint="complete")
def complete(case_id: uuid.UUID, task_id: uuid.UUID) -> ResponseReturnValue:
    """Sends the step in hand: a form, or one click when the step has none."""
    opened = _load(case_id, task_id, lock=True)
    if opened.task is None or opened.task.closed_at is not None:
        return _already_done(opened)
    try:
        if opened.task.form is None:
            outcome = submit(db(), Who(current_actor()), opened, {}, ())
            return _sent(opened.case, outcome)
        # before anything is read of the form: what is wrong in it is told to whoever may send it
        task_in_turn(db(), Who(current_actor()), opened)
        return _send_form(opened)
    except NotWaiting:
        # the other agent's commit came between our reading and our step: read again who it was
        undo()
        return _already_done(_load(case_id, task_id))


complete.prepare = _prepare  # type: ignore[attr-defined]  # read by Portal: file work happens before the transaction
complete.ahead = partial(ask_case, lock=True)  # type: ignore[attr-defined]  # read by Portal: in one trip with the session


def _send_form(opened: Opened) -> ResponseReturnValue:
    step = _step(opened)
    form = step.form(formdata=request.form, files=request.files)
    case, prepared = opened.case, g.get("prepared")
    refusals = attach_uploads(db(), current_actor(), form, prepared, case_id=case.id, household_id=case.household_id)
    unseen = form.unseen(request.form)
    valid = bool(unseen) or form.validate()
    for name, message in refusals:
        form.add_error(name, message)
    if form.wants_row_change() or (valid and unseen and not refusals):
        return _again(opened, step, form, 200)
    if not valid or refusals:
        return _again(opened, step, form, 422)
    seen = request.form.get("dossier_vu", "")
    if seen and seen != stamp_of(proposed_changes(db(), opened)):
        return _page(opened, open_tasks(db(), case.id), step, form, 409, moved=True)
    values = form.values()
    try:
        outcome = submit(db(), Who(current_actor()), opened, values, step.told(values))
    except EngineFault as fault:
        undone(fault)
        again = _load(case.id, opened.task.id, lock=True)  # type: ignore[union-attr]  # _step refuses None
        save_draft(db(), Who(current_actor()), again, form.partial(), page=0)
        return step_failed(fault)
    except Refused as refusal:
        if refusal.field is None or refusal.field not in step.definition.by_name:
            raise
        undo()
        form.add_error(refusal.field, refusal.message)
        return _again(opened, step, form, 422)
    return _sent(opened.case, outcome)


def _again(opened: Opened, step: StepPage, form: StepForm, status: int) -> ResponseReturnValue:
    """The page again with what was typed."""
    return _page(opened, open_tasks(db(), opened.case.id), step, form, status)


def _sent(case: Case, outcome: Outcome) -> ResponseReturnValue:
    asked = any(node.lane == FAMILY_LANE for node in outcome.opened.values())
    flash(
        "La famille est prévenue de ce qu’elle doit compléter."
        if asked
        else DONE.get(case.status, "C’est enregistré."),
        "success",
    )
    return redirect(url_for("cases_agent.show", case_id=case.id))


def _already_done(opened: Opened) -> ResponseReturnValue:
    """« Déjà traitée par … »: the second of two agents sees who was faster, not an error (G2)."""
    task = opened.task
    message = done_message(task) if task and task.closed_at else "Cette étape n’attend plus de réponse."
    return render_template("cases/agent_done.html", case=opened.case, message=message), 409


@bp.post("/demandes/<uuid:case_id>/etapes/<uuid:task_id>/brouillon", endpoint="autosave")
def autosave(case_id: uuid.UUID, task_id: uuid.UUID) -> ResponseReturnValue:
    """Keeps the form as it is typed; never judges it."""
    opened = _load(case_id, task_id, lock=True)  # two tabs may save the same draft at once
    form = _step(opened).form(formdata=request.form)
    draft = save_draft(db(), Who(current_actor()), opened, form.partial(), page=0)
    local = clock.in_paris(draft.updated_at)
    return jsonify(saved_at=f"à {local.hour}\u00a0h\u00a0{local:%M}")


@bp.post("/demandes/<uuid:case_id>/etapes/<uuid:task_id>/questions", endpoint="questions")
def refresh(case_id: uuid.UUID, task_id: uuid.UUID) -> ResponseReturnValue:
    """The page again with the questions that the answers call for, as portal.js asks for them. Judges nothing."""
    opened = _load(case_id, task_id)
    if opened.task is None or opened.task.closed_at is not None:
        return _already_done(opened)
    step = _step(opened)
    task_in_turn(db(), Who(current_actor()), opened)
    return _again(opened, step, step.form(formdata=request.form), 200)


# -- in whose hands --------------------------------------------------------------------------------------------------


@bp.post("/demandes/<uuid:case_id>/etapes/<uuid:task_id>/prendre", endpoint="take")
def take_task(case_id: uuid.UUID, task_id: uuid.UUID) -> ResponseReturnValue:
    """Puts the step in the agent's own list."""
    opened = _load(case_id, task_id, lock=True)
    if opened.task is not None and opened.task.closed_at is not None:
        return _already_done(opened)
    take(db(), current_actor(), opened)
    flash("Cette tâche est dans votre liste.", "success")
    return redirect(url_for("cases_agent.show", case_id=case_id))


@bp.post("/demandes/<uuid:case_id>/etapes/<uuid:task_id>/liberer", endpoint="release")
def release_task(case_id: uuid.UUID, task_id: uuid.UUID) -> ResponseReturnValue:
    """Gives the step back to the team."""
    opened = _load(case_id, task_id, lock=True)
    if opened.task is not None and opened.task.closed_at is not None:
        return _already_done(opened)
    release(db(), current_actor(), opened)
    flash("La tâche est de nouveau à prendre par l’équipe.", "success")
    return redirect(url_for("cases_agent.inbox", onglet="mes-taches"))


@bp.get("/demandes/<uuid:case_id>/etapes/<uuid:task_id>/attribuer", endpoint="assign")
def choose_colleague(case_id: uuid.UUID, task_id: uuid.UUID) -> ResponseReturnValue:
    """Who could be given this step."""
    opened = _load(case_id, task_id)
    require(current_actor(), Permission.TASK_ASSIGN, opened.case.structure_id)
    if opened.task is None or opened.task.closed_at is not None:
        return _already_done(opened)
    return render_template("cases/agent_assign.html", **_choice(opened))


def _choice(opened: Opened) -> dict[str, Any]:
    assert opened.task is not None
    return {"case": opened.case, "task": opened.task, "colleagues": colleagues(db(), opened.task)}


@bp.post("/demandes/<uuid:case_id>/etapes/<uuid:task_id>/attribuer", endpoint="assign_post")
def assign_task(case_id: uuid.UUID, task_id: uuid.UUID) -> ResponseReturnValue:
    """Gives the step to a colleague, or (nobody chosen) back to the team."""
    opened = _load(case_id, task_id, lock=True)
    if opened.task is not None and opened.task.closed_at is not None:
        return _already_done(opened)
    raw = request.form.get("agent", "")
    try:
        chosen = uuid.UUID(raw) if raw else None
    except ValueError:
        raise Refused("Choisissez un collègue dans la liste.") from None
    assign(db(), current_actor(), opened, chosen)
    flash("La tâche est attribuée." if chosen else "La tâche est de nouveau à prendre par l’équipe.", "success")
    return redirect(url_for("cases_agent.show", case_id=case_id))
