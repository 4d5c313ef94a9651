"""Pages of messages: the parent's, the agents', and the mails for administrators."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.config import Settings
from app.documents.receiving import Prepared
from app.documents.serving import serve_bytes
from app.errors import NotFound, Refused
from app.messages import operations, presentation, queries
from app.messages.attaching import FIELD, Parcel, carried, parcel_of, receive, refuse_files
from app.messages.mails import FAILED
from app.policy import Permission, require
from app.town.queries import structures
from app.web.guards import blueprint, without_transaction, writes
from app.web.identity import current_actor
from app.web.requests import db, portal, transaction, undo
from forms.accounts import AccountForm, ReplyForm
from forms.messages import FamilyMessageForm, ServiceMessageForm

family = blueprint("messages_family", __name__, audience="family", url_prefix="/messages")
agent = blueprint("messages_agent", __name__, audience="agent", url_prefix="/agent/messages")
admin = blueprint("messages_admin", __name__, audience="admin", url_prefix="/admin/courriels")

TOWN_HALL_CHOICE = "mairie"
SENT = "Votre message est envoyé."
GONE = "Ce fichier n’est plus disponible. Demandez à son auteur de vous l’envoyer à nouveau."


def blueprints(_settings: Settings) -> Sequence[Blueprint]:
    return (family, agent, admin)


def _page() -> int:
    return max(1, min(request.args.get("page", 1, type=int), 10_000))


def _refused(form: AccountForm, error: Refused, parcel: Parcel) -> Parcel:
    """Shows a refusal on its field, or on the message when it names none; what was begun is undone.

    Returns the files that the page carries: none when they are what was refused.
    """
    undo()
    form.refuse(error.field if error.field and error.field in form else "body", error.message)
    return Parcel() if error.field == FIELD else parcel


def _chosen(value: str) -> uuid.UUID | None:
    return None if value == TOWN_HALL_CHOICE else uuid.UUID(value)


@family.get("")
def inbox() -> ResponseReturnValue:
    actor = current_actor()
    assert actor.id is not None
    return render_template("messages/inbox.html", threads=queries.threads_of(db(), actor.id, page=_page()))


def _complete(form: AccountForm, parcel: Parcel) -> bool:
    """Whether the message can go: what is wrong with the text and with the files is told together."""
    valid = form.validate()
    refuse_files(db(), current_actor(), form, parcel.refusals)
    return bool(valid and not parcel.refusals)


def _kept(form: AccountForm, parcel: Parcel) -> list[dict[str, Any]]:
    """The files received with a message that could not go, for its page to carry."""
    return carried(parcel.files, current_actor()) if form.errors else []


def _parcel() -> Parcel:
    return parcel_of(current_actor()) if request.method == "POST" else Parcel()


def _prepare_new() -> Prepared:
    """Before the transaction: the files of a new message are checked and kept, for a parent."""
    return receive(_require_parent)


def _require_parent() -> None:
    if current_actor().kind != "parent":
        raise NotFound


@family.route("/nouveau", methods=["GET", "POST"])
def new_message() -> ResponseReturnValue:
    form = ServiceMessageForm(request.form)
    services = [(str(found.id), found.name) for found in structures(db(), open_only=True)]
    form.structure.choices = [("", "Choisissez…"), *services, (TOWN_HALL_CHOICE, "Je ne sais pas\u00a0: la mairie")]
    if request.method == "GET" and (wanted := request.args.get("service")) in dict(services):
        form.structure.data = wanted
    parcel = _parcel()
    if request.method == "POST" and _complete(form, parcel):
        try:
            thread = operations.write_message(
                db(),
                current_actor(),
                structure_id=_chosen(form.structure.data),
                subject=form.subject.data or "",
                body=form.body.data or "",
                files=parcel.files,
            )
        except Refused as error:
            parcel = _refused(form, error, parcel)
        else:
            flash(SENT, "success")
            return redirect(url_for("messages_family.read", thread_id=thread.id), 303)
    return render_template("messages/new.html", form=form, kept=_kept(form, parcel)), 422 if form.errors else 200


new_message.prepare = _prepare_new  # type: ignore[attr-defined]  # read by Portal: file work happens before the transaction


def _prepare_answer(thread_id: uuid.UUID) -> Prepared:
    """The same for an answer, for whoever may write in this thread."""
    return receive(lambda: operations.thread_to_answer(db(), current_actor(), thread_id))


@family.route("/<uuid:thread_id>", methods=["GET", "POST"])
@writes
def read(thread_id: uuid.UUID) -> ResponseReturnValue:
    return _conversation(thread_id, "messages/thread.html", "messages_family")


read.prepare = _prepare_answer  # type: ignore[attr-defined]  # same


def _conversation(thread_id: uuid.UUID, template: str, side: str) -> ResponseReturnValue:
    actor = current_actor()
    form, parcel = ReplyForm(request.form), _parcel()
    if request.method == "POST" and _complete(form, parcel):
        try:
            operations.answer(db(), actor, thread_id, form.body.data or "", parcel.files)
        except Refused as error:
            parcel = _refused(form, error, parcel)
        else:
            flash(SENT, "success")
            return redirect(url_for(f"{side}.read", thread_id=thread_id, _anchor="repondre"), 303)
    thread = queries.thread_row(db(), actor, thread_id, lock=True)
    shown = presentation.conversation(
        db(), actor, thread, lambda one: url_for(f"{side}.file", thread_id=thread_id, attachment_id=one)
    )
    # opened means read; a page that a browser fetches ahead of time is not opened
    if "prefetch" not in request.headers.get("Sec-Purpose", ""):
        operations.mark_read(db(), actor, thread)
    page = render_template(template, form=form, thread=shown, kept=_kept(form, parcel))
    return page, 422 if form.errors else 200


@family.get("/<uuid:thread_id>/fichiers/<uuid:attachment_id>")
@without_transaction
def file(thread_id: uuid.UUID, attachment_id: uuid.UUID) -> ResponseReturnValue:
    """A file of the conversation; the read is noted."""
    return _file(thread_id, attachment_id)


def _file(thread_id: uuid.UUID, attachment_id: uuid.UUID) -> ResponseReturnValue:
    """The rights and the note of the read in one transaction, then the bytes, always saved and never shown."""
    with transaction() as session:
        found = operations.attachment_for_reading(session, current_actor(), thread_id, attachment_id)
        key, mime, filename = found.key, found.mime, found.filename
    return serve_bytes(key, mime, filename, shown=False, gone=GONE)


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


def _prepare_agent_new() -> Prepared:
    return receive(_family_to_write_to)


def _family_to_write_to() -> uuid.UUID:
    """The account this agent writes to, as the address of the page names it. Raises Forbidden, NotFound."""
    require(current_actor(), Permission.MESSAGE_ANSWER)
    account_id = request.args.get("famille", type=uuid.UUID)
    if account_id is None:
        raise NotFound(queries.UNKNOWN_FAMILY)
    return account_id


@agent.route("/nouveau", methods=["GET", "POST"])
def agent_new_message() -> ResponseReturnValue:
    actor = current_actor()
    account_id = _family_to_write_to()
    form, parcel = FamilyMessageForm(request.form), _parcel()
    served = [(str(s.id), s.name) for s in structures(db(), open_only=True) if queries.serves(actor, s.id)]
    if queries.serves(actor, None):
        served.append((TOWN_HALL_CHOICE, queries.TOWN_HALL))
    form.structure.choices = served
    if request.method == "POST" and _complete(form, parcel):
        try:
            thread = operations.write_message(
                db(),
                actor,
                structure_id=_chosen(form.structure.data),
                subject=form.subject.data or "",
                body=form.body.data or "",
                account_id=account_id,
                files=parcel.files,
            )
        except Refused as error:
            parcel = _refused(form, error, parcel)
        else:
            flash("Le message est envoyé. La famille en est prévenue par courriel.", "success")
            return redirect(url_for("messages_agent.read", thread_id=thread.id), 303)
    name = queries.parent_name(db(), actor, account_id)
    page = render_template("messages/agent_new.html", form=form, name=name, kept=_kept(form, parcel))
    return page, 422 if form.errors else 200


agent_new_message.prepare = _prepare_agent_new  # type: ignore[attr-defined]  # same


@agent.route("/<uuid:thread_id>", methods=["GET", "POST"], endpoint="read")
@writes
def agent_read(thread_id: uuid.UUID) -> ResponseReturnValue:
    require(current_actor(), Permission.MESSAGE_ANSWER)
    return _conversation(thread_id, "messages/agent_thread.html", "messages_agent")


agent_read.prepare = _prepare_answer  # type: ignore[attr-defined]  # same


@agent.get("/<uuid:thread_id>/fichiers/<uuid:attachment_id>", endpoint="file")
@without_transaction
def agent_file(thread_id: uuid.UUID, attachment_id: uuid.UUID) -> ResponseReturnValue:
    require(current_actor(), Permission.MESSAGE_ANSWER)
    return _file(thread_id, attachment_id)


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
