"""A family's demandes: start one, fill it page by page, check, send, follow it."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from datetime import datetime
from functools import partial
from typing import Any

from flask import flash, g, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from app import clock
from app.cases.acknowledgement import acknowledgement_of
from app.cases.documents import makes_document
from app.cases.opening import as_promised, ask_promised, check_filer, is_open, promised_case
from app.cases.operations import abandon, done_message, save_draft, send_message, submit, visitor_digest
from app.cases.presentation import next_step, stages, timeline
from app.cases.queries import (
    Opened,
    Who,
    answers_of,
    ask_case,
    awaited_messages,
    may_abandon,
    open_tasks,
    their_case,
)
from app.cases.retention import erased_on
from app.cases.steps import StepPage, page_asked, step_page
from app.cases.views.faults import engine_fault, step_failed, undone
from app.cases.views.promises import OPENING, own_household, promised
from app.documents.uploads import attach_uploads, receive_uploads
from app.engine.runtime import NotWaiting
from app.engine.steps import EngineFault
from app.errors import Conflict, Forbidden, NotFound, Refused
from app.pdf.acknowledgement import acknowledgement_pdf
from app.policy import FAMILY_LANE
from app.procedures.queries import content_of
from app.web.downloads import pdf_response
from app.web.guards import blueprint, without_transaction
from app.web.identity import current_actor, sign_in_required, visitor_token
from app.web.requests import db, transaction, undo
from forms import StepForm

bp = blueprint("cases_family", __name__, audience="public", url_prefix="/demandes", personal=True)
bp.app_errorhandler(EngineFault)(engine_fault)
CHECK = "verification"


def who() -> Who:
    """The person of this request, by her account or by what her cookie proves."""
    actor = current_actor()
    token = visitor_token() if actor.kind == "visitor" else None
    return Who(actor, visitor_digest(token) if token else None)


def load(case_id: uuid.UUID, task_id: uuid.UUID | None = None, *, lock: bool = False) -> Opened | None:
    """The case, or ``None`` for a stranger who may only need to sign in (her session ended). What is sent from the page
    of a demande that is not written yet opens it."""
    person = who()
    try:
        if lock and task_id is not None and (promise := promised(case_id)) is not None:
            return promised_case(db(), person, promise, task_id, own_household())
        return their_case(db(), person, case_id, task_id, lock=lock)
    except (NotFound, Forbidden):
        if person.actor.kind == "visitor":
            return None
        raise


@bp.get("/<uuid:case_id>/etapes/<uuid:task_id>", endpoint="step")
def show_step(case_id: uuid.UUID, task_id: uuid.UUID) -> ResponseReturnValue:
    """One page of a step (``?page=2``), or the recap (``?page=verification``)."""
    opened = load(case_id, task_id)
    if opened is None:
        return sign_in_required()
    if opened.task is None or opened.task.closed_at is not None or opened.task.lane != FAMILY_LANE:
        return redirect(url_for("cases_family.show", case_id=case_id))
    step = step_page(db(), who(), opened)
    if request.args.get("page") == CHECK:
        return _recap(step)
    form = step.form(page=page_of(step))
    return render_template("cases/step.html", **step_context(step, form))


def page_of(step: StepPage) -> int | None:
    """The page in the address; a correction shows the whole form, with only the asked fields open."""
    if step.only is not None:
        return None
    kept = step.opened.draft.page if step.opened.draft is not None else None
    return page_asked(step.definition, request.args.get("page", ""), kept)


def step_context(step: StepPage, form: StepForm, opening: str | None = None) -> dict[str, Any]:
    """What the page of a step shows. ``opening`` is what a demande that is not written yet is opened with."""
    case, task = step.opened.case, step.opened.task
    draft = step.opened.draft
    return {
        "case": case,
        "task": task,
        "step": step,
        "form": form,
        "settings": step.content.settings,
        "draft_saved_at": draft.updated_at if draft else None,
        "can_abandon": opening is None and may_abandon(db(), case),
        "opening": {OPENING: opening},
        "single": len(step.definition.pages) == 1,
        "accept": ".pdf,.jpg,.jpeg,.png,.heic,.odt,.doc",
    }


def _recap(step: StepPage, form: StepForm | None = None, status: int = 200, refusal: str = "") -> ResponseReturnValue:
    """Everything that was written, to check before sending; what is missing is said with a link to its page.

    ``refusal`` is a rule of the commune that said no to the whole.
    """
    if form is None:
        form = step.form()
        form.validate()
    values = form.values()
    lines = step.told(values)
    overview = None
    if not refusal and not form.errors:
        try:
            overview = step.overview(db(), who(), values)
        except Refused as foreseen:
            refusal = foreseen.message
    case_id, task_id = step.opened.case.id, step.opened.task.id  # type: ignore[union-attr]  # step_page refuses None
    edit = {
        page.title: url_for("cases_family.step", case_id=case_id, task_id=task_id, page=index + 1)
        for index, page in enumerate(step.definition.pages)
    }
    context = step_context(step, form)
    return render_template(
        "cases/recap.html", lines=lines, edit_urls=edit, refusal=refusal, overview=overview, **context
    ), status


def _prepare(case_id: uuid.UUID, task_id: uuid.UUID) -> object:
    """Before the transaction: the files of this page are checked and stored, for whoever may send this step."""
    return receive_uploads(lambda: _may_send(case_id, task_id))


def _may_send(case_id: uuid.UUID, task_id: uuid.UUID) -> None:
    promise = promised(case_id)
    if promise is None or is_open(db(), promise):
        their_case(db(), who(), case_id, task_id)
    else:
        check_filer(db(), who(), as_promised(db(), promise), own_household())


def _ask(session: Session, case_id: uuid.UUID, task_id: uuid.UUID) -> None:
    (ask_promised if OPENING in request.args else partial(ask_case, lock=True))(session, case_id, task_id)


@bp.post("/<uuid:case_id>/etapes/<uuid:task_id>", endpoint="step_post")
def send_step(case_id: uuid.UUID, task_id: uuid.UUID) -> ResponseReturnValue:
    """A page is kept in the draft and leads to the next; « Enregistrer la demande » on the recap sends the step."""
    opened = load(case_id, task_id, lock=True)
    if opened is None:
        return sign_in_required()
    if opened.task is None or opened.task.closed_at is not None:
        return _too_late(opened)
    try:
        return _read_page(step_page(db(), who(), opened))
    except NotWaiting:
        undo()  # the other tab's commit came between our reading and our step
        return _too_late(opened)


def _read_page(step: StepPage) -> ResponseReturnValue:
    """Keeps what this page says, then shows what comes next."""
    opened, case_id = step.opened, step.opened.case.id
    if request.args.get("page") == CHECK:
        return _send(step, step.form())
    page = page_of(step)
    form = step.form(page=page, formdata=request.form, files=request.files)
    refusals = attach_uploads(
        db(), who().actor, form, g.get("prepared"), case_id=case_id, household_id=opened.case.household_id
    )
    unseen = form.unseen(request.form)
    valid = (bool(unseen) or form.validate()) and not refusals
    for name, message in refusals:
        form.add_error(name, message)
    later, asks_more = request.form.get("action") == "plus_tard", form.wants_row_change() or bool(unseen)
    if valid and not later and not asks_more and _is_whole(step):
        return _sent(step, form)
    save_draft(db(), who(), opened, form.partial(), page=page or 0)
    if later:
        return _later()
    if valid and unseen:
        flash("Votre réponse amène une autre question, ci-dessous.", "info")
    if form.wants_row_change() or (valid and unseen):
        return render_template("cases/step.html", **step_context(step, form))
    if not valid:
        return render_template("cases/step.html", **step_context(step, form)), 422
    if not _recapped(step) and form.next_page is None:
        return _send(step, step.form(formdata=MultiDict(request.form)) if page in (None, 0) else step.form())
    following = CHECK if form.next_page is None else form.next_page + 1
    task_id = opened.task.id  # type: ignore[union-attr]  # step_page refuses None
    return redirect(url_for("cases_family.step", case_id=case_id, task_id=task_id, page=following))


def _recapped(step: StepPage) -> bool:
    """Whether what was written is shown once more before it is sent: not at a step drawn « verification = non »."""
    return step.node.properties.get("verification") != "non" and bool(
        step.content.settings.settings.get("verification", True)
    )


def _is_whole(step: StepPage) -> bool:
    """True when this page is all there is to send: it needs no draft on its way."""
    return len(step.definition.pages) == 1 and not _recapped(step)


def _later() -> ResponseReturnValue:
    """Somebody without an account finds her draft again by opening the démarche in the same browser."""
    if who().actor.kind == "parent":
        flash("Votre brouillon est enregistré. Vous pouvez le reprendre quand vous voulez.", "success")
        return redirect(url_for("cases_home.mine"))
    flash("Votre brouillon est gardé. Pour le reprendre, rouvrez la démarche sur cet appareil.", "success")
    return redirect(url_for("cases_public.home"))


send_step.prepare = _prepare  # type: ignore[attr-defined]  # read by Portal: file work happens before the transaction
send_step.ahead = _ask  # type: ignore[attr-defined]  # read by Portal: in one trip with the session


def _send(step: StepPage, form: StepForm) -> ResponseReturnValue:
    if not form.validate():
        return _recap(step, form, 422)
    return _sent(step, form)


def _sent(step: StepPage, form: StepForm) -> ResponseReturnValue:
    """Sends what is valid; what a rule or a failure stops is kept as a draft."""
    opened = step.opened
    values = form.values()
    try:
        outcome = submit(db(), who(), opened, values, step.told(values))
    except EngineFault as fault:
        undone(fault)
        _keep_again(step, form)
        return step_failed(fault)
    except Refused as refusal:
        undo()  # the step was half made when the rule said no
        _keep_again(step, form)
        if refusal.field and refusal.field in step.definition.by_name:
            form.add_error(refusal.field, refusal.message)
            return _recap(step, form, 422)
        return _recap(step, form, 422, refusal=refusal.message)
    goes_on = (task_id for task_id, node in outcome.opened.items() if node.lane == FAMILY_LANE)
    if opened.case.status == "brouillon" and (following := next(goes_on, None)) is not None:
        return redirect(url_for("cases_family.step", case_id=opened.case.id, task_id=following))
    return redirect(url_for("cases_family.show", case_id=opened.case.id, envoi=1))


def _keep_again(step: StepPage, form: StepForm) -> None:
    """What was typed, once more: it went away with the step."""
    again = their_case(db(), who(), step.opened.case.id, step.opened.task.id, lock=True)  # type: ignore[union-attr]  # step_page refuses None
    save_draft(db(), who(), again, form.partial(), page=len(step.definition.pages) - 1)


def _too_late(opened: Opened) -> ResponseReturnValue:
    """The second of two tabs, or of two parents: nothing is sent twice, and the page says where the demande is."""
    message = done_message(opened.task) if opened.task is not None else "Cette étape n’existe plus."
    return render_template("cases/already_sent.html", case=opened.case, message=message), 409


show_step.ahead = ask_case  # type: ignore[attr-defined]  # same


@bp.post("/<uuid:case_id>/etapes/<uuid:task_id>/brouillon", endpoint="autosave")
def autosave(case_id: uuid.UUID, task_id: uuid.UUID) -> ResponseReturnValue:
    """Keeps a page as it is typed; never judges it."""
    opened = load(case_id, task_id, lock=True)  # two tabs may save the same draft at once
    if opened is None:
        return sign_in_required()
    step = step_page(db(), who(), opened)
    page = page_of(step)
    form = step.form(page=page, formdata=request.form)
    draft = save_draft(db(), who(), opened, form.partial(), page=page or 0)
    return jsonify(saved_at=_hour(draft.updated_at))


@bp.post("/<uuid:case_id>/etapes/<uuid:task_id>/questions", endpoint="questions")
def refresh(case_id: uuid.UUID, task_id: uuid.UUID) -> ResponseReturnValue:
    """The page again with the questions that the answers call for, as portal.js asks for them. Judges nothing."""
    opened = load(case_id, task_id, lock=True)
    if opened is None:
        return sign_in_required()
    step = step_page(db(), who(), opened)
    form = step.form(page=page_of(step), formdata=request.form)
    return render_template("cases/step.html", **step_context(step, form))


def _hour(instant: datetime) -> str:
    local = clock.in_paris(instant)
    return f"à {local.hour}\u00a0h\u00a0{local:%M}"


@bp.get("/<uuid:case_id>", endpoint="show")
def show(case_id: uuid.UUID) -> ResponseReturnValue:
    """A demande: where it is, what comes next and when, what was sent, its whole history."""
    opened = load(case_id)
    if opened is None:
        return sign_in_required()
    case = opened.case
    tasks = open_tasks(db(), case_id)
    answers = answers_of(db(), case_id)
    awaited = awaited_messages(db(), case_id)
    settings = content_of(db(), case.bundle_hash).settings
    mine = next((task for task in tasks if task.lane == FAMILY_LANE), None)
    return render_template(
        "cases/show.html",
        case=case,
        settings=settings,
        mine=mine,
        sent=request.args.get("envoi") is not None,
        next=next_step(case, settings, tasks, troubled=opened.instance.troubled),
        stages=stages(case, answers),
        timeline=timeline(case, answers),
        filed=next((answer for answer in reversed(answers) if answer.receipt), None),
        can_modify=_awaits(opened, awaited, "modifier"),
        can_cancel=_awaits(opened, awaited, "annuler"),
        can_abandon=may_abandon(db(), case),
        erased_on=erased_on(db(), case),
        has_document=makes_document(db(), opened),
    )


def _awaits(opened: Opened, awaited: Collection[str], message: str) -> bool:
    """Whether the process, as drawn, takes this message now: an « en attente » step that it interrupts."""
    return opened.case.status == "en_attente" and message in awaited


@bp.get("/<uuid:case_id>/<any(modifier, annuler, abandonner):what>", endpoint="confirm")
def confirm(case_id: uuid.UUID, what: str) -> ResponseReturnValue:
    """Says what will happen before it does."""
    opened = load(case_id)
    if opened is None:
        return sign_in_required()
    if what == "annuler" and opened.case.status == "brouillon":
        what = "abandonner"  # a draft is given up: deleted, or cancelled if it was sent before
    return render_template("cases/confirm.html", case=opened.case, what=what)


@bp.post("/<uuid:case_id>/<any(modifier, annuler):what>", endpoint="message")
def message(case_id: uuid.UUID, what: str) -> ResponseReturnValue:
    """« Modifier » reopens the form as a draft, « Annuler » ends the demande; only while nobody took it in charge."""
    opened = load(case_id, lock=True)
    if opened is None:
        return sign_in_required()
    try:
        outcome = send_message(db(), who(), opened, what)
    except Conflict as error:
        return render_template("cases/already_sent.html", case=opened.case, message=error.message), 409
    if what == "modifier" and outcome.opened:
        flash("Vous pouvez corriger votre demande. Pensez à l’enregistrer de nouveau.", "info")
        return redirect(url_for("cases_family.step", case_id=case_id, task_id=next(iter(outcome.opened)), page=1))
    flash("Votre demande est annulée. Rien d’autre n’est à faire.", "success")
    return redirect(url_for("cases_family.show", case_id=case_id))


@bp.post("/<uuid:case_id>/abandonner", endpoint="abandon")
def delete_draft(case_id: uuid.UUID) -> ResponseReturnValue:
    """Deletes a draft for good; one that was sent before is cancelled, and stays in « Mes demandes »."""
    opened = load(case_id, lock=True)
    if opened is None:
        return sign_in_required()
    try:
        abandon(db(), who(), opened)
    except Conflict as error:
        return render_template("cases/already_sent.html", case=opened.case, message=error.message), 409
    if opened.case.submitted_at is not None:
        flash("Votre demande est annulée. Rien d’autre n’est à faire.", "success")
        return redirect(url_for("cases_family.show", case_id=case_id))
    flash("Le brouillon est effacé.", "success")
    return redirect(url_for("cases_home.mine") if who().actor.kind == "parent" else url_for("cases_public.home"))


@bp.get("/<uuid:case_id>/accuse-reception.pdf", endpoint="receipt")
@without_transaction
def receipt(case_id: uuid.UUID) -> ResponseReturnValue:
    """The acknowledgement of receipt, as a tagged PDF (R-01), made once the transaction is closed."""
    with transaction(read_only=True) as session:
        opened = load(case_id)
        if opened is None:
            return sign_in_required()
        reference, content = opened.case.reference, acknowledgement_of(session, opened.case)
    return pdf_response(acknowledgement_pdf(content), f"accuse-{reference}.pdf")
