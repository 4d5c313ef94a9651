"""Pages of messages: the parent's, the agents', and the mails for administrators."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.config import Settings
from app.errors import NotFound, Refused
from app.messages import operations, presentation, queries
from app.messages.mails import FAILED
from app.policy import Permission, require
from app.town.queries import structures
from app.web.guards import blueprint, writes
from app.web.identity import current_actor
from app.web.requests import db, portal
from forms.accounts import AccountForm, ReplyForm
from forms.messages import FamilyMessageForm, ServiceMessageForm

family = blueprint("messages_family", __name__, audience="family", url_prefix="/messages")
agent = blueprint("messages_agent", __name__, audience="agent", url_prefix="/agent/messages")
admin = blueprint("messages_admin", __name__, audience="admin", url_prefix="/admin/courriels")

TOWN_HALL_CHOICE = "mairie"
SENT = "Votre message est envoyé."


def blueprints(_settings: Settings) -> Sequence[Blueprint]:
    return (family, agent, admin)


def _page() -> int:
    return max(1, min(request.args.get("page", 1, type=int), 10_000))


def _refused(form: AccountForm, error: Refused) -> None:
    """Shows a refusal on its field, or on the message when it names none."""
    form.refuse(error.field if error.field and error.field in form else "body", error.message)


def _chosen(value: str) -> uuid.UUID | None:
    return None if value == TOWN_HALL_CHOICE else uuid.UUID(value)


@family.get("")
def inbox() -> ResponseReturnValue:
    actor = current_actor()
    assert actor.id is not None
    return render_template("messages/inbox.html", threads=queries.threads_of(db(), actor.id, page=_page()))


@family.route("/nouveau", methods=["GET", "POST"])
def new_message() -> ResponseReturnValue:
    form = ServiceMessageForm(request.form)
    services = [(str(found.id), found.name) for found in structures(db(), open_only=True)]
    form.structure.choices = [("", "Choisissez…"), *services, (TOWN_HALL_CHOICE, "Je ne sais pas\u00a0: la mairie")]
    if request.method == "GET" and (wanted := request.args.get("service")) in dict(services):
        form.structure.data = wanted
    if request.method == "POST" and form.validate():
        try:
            thread = operations.write_message(
                db(),
                current_actor(),
                structure_id=_chosen(form.structure.data),
                subject=form.subject.data or "",
                body=form.body.data or "",
            )
        except Refused as error:
            _refused(form, error)
        else:
            flash(SENT, "success")
            return redirect(url_for("messages_family.read", thread_id=thread.id), 303)
    return render_template("messages/new.html", form=form), 422 if form.errors else 200


@family.route("/<uuid:thread_id>", methods=["GET", "POST"])
@writes
def read(thread_id: uuid.UUID) -> ResponseReturnValue:
    return _conversation(thread_id, "messages/thread.html", "messages_family.read")


def _conversation(thread_id: uuid.UUID, template: str, endpoint: str) -> ResponseReturnValue:
    actor = current_actor()
    form = ReplyForm(request.form)
    if request.method == "POST" and form.validate():
        try:
            operations.answer(db(), actor, thread_id, form.body.data or "")
        except Refused as error:
            _refused(form, error)
        else:
            flash(SENT, "success")
            return redirect(url_for(endpoint, thread_id=thread_id, _anchor="repondre"), 303)
    thread = queries.thread_row(db(), actor, thread_id, lock=True)
    shown = presentation.conversation(db(), actor, thread)
    # opened means read; a page that a browser fetches ahead of time is not opened
    if "prefetch" not in request.headers.get("Sec-Purpose", ""):
        operations.mark_read(db(), actor, thread)
    return render_template(template, form=form, thread=shown), 422 if form.errors else 200


@agent.get("")
def agent_inbox() -> ResponseReturnValue:
    actor = current_actor()
    require(actor, Permission.MESSAGE_ANSWER)
    everything = request.args.get("vue") == "tous"
    wanted = request.args.get("service", type=uuid.UUID)
    threads = queries.threads_for(db(), actor, awaiting=not everything, structure_id=wanted, page=_page())
    return render_template(
        "messages/agent_inbox.html",
        threads=threads,
        everything=everything,
        service=str(wanted or ""),
        services=[(str(s.id), s.name) for s in structures(db()) if queries.serves(actor, s.id)],
        awaiting=queries.awaiting_for(db(), actor),
    )


@agent.route("/nouveau", methods=["GET", "POST"])
def agent_new_message() -> ResponseReturnValue:
    actor = current_actor()
    require(actor, Permission.MESSAGE_ANSWER)
    account_id = request.args.get("famille", type=uuid.UUID)
    if account_id is None:
        raise NotFound(queries.UNKNOWN_FAMILY)
    form = FamilyMessageForm(request.form)
    served = [(str(s.id), s.name) for s in structures(db(), open_only=True) if queries.serves(actor, s.id)]
    if queries.serves(actor, None):
        served.append((TOWN_HALL_CHOICE, queries.TOWN_HALL))
    form.structure.choices = served
    if request.method == "POST" and form.validate():
        try:
            thread = operations.write_message(
                db(),
                actor,
                structure_id=_chosen(form.structure.data),
                subject=form.subject.data or "",
                body=form.body.data or "",
                account_id=account_id,
            )
        except Refused as error:
            _refused(form, error)
        else:
            flash("Le message est envoyé. La famille en est prévenue par courriel.", "success")
            return redirect(url_for("messages_agent.agent_read", thread_id=thread.id), 303)
    name = queries.parent_name(db(), actor, account_id)
    return render_template("messages/agent_new.html", form=form, name=name), 422 if form.errors else 200


@agent.route("/<uuid:thread_id>", methods=["GET", "POST"])
@writes
def agent_read(thread_id: uuid.UUID) -> ResponseReturnValue:
    require(current_actor(), Permission.MESSAGE_ANSWER)
    return _conversation(thread_id, "messages/agent_thread.html", "messages_agent.agent_read")


@admin.get("")
def mail_list() -> ResponseReturnValue:
    state, recipient = request.args.get("etat", ""), request.args.get("destinataire", "")[:254]
    if state not in presentation.MAIL_STATES:
        state = ""
    page = queries.mails(db(), current_actor(), state=state, recipient=recipient, page=_page())
    return render_template(
        "messages/mail_list.html",
        mails=page,
        states=presentation.MAIL_STATES,
        options=[(code, words[0]) for code, words in presentation.MAIL_STATES.items()],
        state=state,
        recipient=recipient,
        counts=queries.mail_counts(db()),
        outbox=portal().settings.mail_url.startswith("outbox:"),
    )


@admin.get("/<uuid:mail_id>")
def mail_page(mail_id: uuid.UUID) -> ResponseReturnValue:
    mail = queries.mail(db(), current_actor(), mail_id)
    return render_template(
        "messages/mail.html",
        mail=mail,
        states=presentation.MAIL_STATES,
        body=presentation.with_links(mail.body),
        can_retry=mail.state == FAILED,
    )


@admin.post("/<uuid:mail_id>/relancer")
def retry_mail(mail_id: uuid.UUID) -> ResponseReturnValue:
    operations.retry_mail(db(), current_actor(), mail_id)
    flash("Ce courriel va repartir dans un instant.", "success")
    return redirect(url_for("messages_admin.mail_page", mail_id=mail_id), 303)
