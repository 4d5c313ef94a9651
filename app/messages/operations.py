"""What people do with messages: write, answer, open; and what the portal tells them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from app import clock, journal
from app.db import new_id
from app.documents.keys import claim_keys
from app.documents.receiving import StoredFile
from app.errors import Conflict, Forbidden, NotFound, Refused
from app.messages.delivery import RETRIED
from app.messages.mails import FAILED, TO_SEND, Mail
from app.messages.models import Attachment, Message, Thread
from app.messages.queries import parent_name, serves, thread_row
from app.outbox import emit
from app.policy import SYSTEM, Actor, Permission, require
from app.town.queries import structure

MAX_SUBJECT = 150
MAX_BODY = 5000
EXCERPT = 140
#: Messages that one parent may write in an hour: more is a stuck key or a machine.
HOURLY = 30
#: Files that go with one message.
MAX_FILES = 5
NOT_KEPT = "Un de ces fichiers est déjà envoyé, ou n’est plus gardé. Choisissez-le à nouveau."
NO_FILE = "Ce fichier n’existe pas ou ne vous est pas destiné."


def write_message(
    session: Session,
    actor: Actor,
    *,
    structure_id: uuid.UUID | None,
    subject: str,
    body: str,
    account_id: uuid.UUID | None = None,
    case_id: uuid.UUID | None = None,
    files: Sequence[StoredFile] = (),
) -> Thread:
    """Opens a thread with its first message: a parent to a service, or an agent to the parent ``account_id``.

    ``files`` are kept already and named by no row yet. Whoever gives ``case_id`` has checked that this person may see
    that demande. Raises Forbidden, NotFound, Refused.
    """
    if actor.kind == "parent":
        assert actor.id is not None
        owner = actor.id
        if structure_id is not None and not structure(session, structure_id).open:
            raise Refused("Ce service ne reçoit plus de messages. Choisissez-en un autre.", "structure")
    else:
        require(actor, Permission.MESSAGE_ANSWER)
        if not serves(actor, structure_id):
            raise Forbidden
        parent_name(session, actor, account_id)
        assert account_id is not None  # it has a name
        owner = account_id
    thread = _thread(session, owner, structure_id, case_id, _subject(subject))
    _add(session, actor, thread, body, files)
    return thread


def answer(
    session: Session, actor: Actor, thread_id: uuid.UUID, body: str, files: Sequence[StoredFile] = ()
) -> Message:
    """Adds a message to a thread this person may see (NotFound otherwise), which is thereby read.

    Raises Conflict where nobody reads answers, Refused for a text that is empty, too long or one too many.
    """
    thread = thread_to_answer(session, actor, thread_id, lock=True)
    mark_read(session, actor, thread)
    return _add(session, actor, thread, body, files)


def thread_to_answer(session: Session, actor: Actor, thread_id: uuid.UUID, *, lock: bool = False) -> Thread:
    """A thread in which this person may write. Raises NotFound, Conflict."""
    thread = thread_row(session, actor, thread_id, lock=lock)
    if not thread.writable:
        raise Conflict("On ne peut pas répondre à cette information. Écrivez un nouveau message au service.")
    return thread


def attachment_for_reading(
    session: Session, actor: Actor, thread_id: uuid.UUID, attachment_id: uuid.UUID
) -> Attachment:
    """A file of a thread this person may see, about to be opened: the read is noted. Raises NotFound."""
    thread = thread_row(session, actor, thread_id)
    found = session.scalar(
        select(Attachment)
        .join(Message, Message.id == Attachment.message_id)
        .where(Attachment.id == attachment_id, Message.thread_id == thread.id)
    )
    if found is None:
        raise NotFound(NO_FILE)
    journal.record(session, actor, "attachment.read", "attachment", found.id, thread=str(thread.id))
    return found


def mark_read(session: Session, actor: Actor, thread: Thread) -> int:
    """Notes that this person's side has opened everything in the thread; returns how many messages were new."""
    family = actor.id == thread.account_id
    unread = thread.family_unread if family else thread.service_unread
    if not unread:
        return 0
    session.execute(
        update(Message)
        .where(
            Message.thread_id == thread.id,
            Message.read_at.is_(None),
            Message.side != "family" if family else Message.side == "family",
        )
        .values(read_at=clock.now())
        .execution_options(synchronize_session=False)
    )
    if family:
        thread.family_unread = 0
    else:
        thread.service_unread = 0
    session.flush()
    return unread


def notify(
    session: Session,
    account_id: uuid.UUID,
    subject: str,
    body: str,
    case_id: uuid.UUID | None = None,
    fact_id: uuid.UUID | None = None,
    *,
    structure_id: uuid.UUID | None = None,
) -> Message | None:
    """A message of the portal itself, in the thread of its demande when there is one; sends no mail.

    Once per ``fact_id``: the second time does nothing and returns ``None``. One can answer a notice about a demande
    (the service of ``structure_id`` reads it), not the others.
    """
    if fact_id is not None and session.scalar(select(Message.id).where(Message.fact_id == fact_id)) is not None:
        return None
    thread = None
    if case_id is not None:
        thread = session.scalars(
            select(Thread)
            .where(Thread.account_id == account_id, Thread.case_id == case_id)
            .order_by(Thread.created_at)
            .limit(1)
            .with_for_update()
        ).one_or_none()
    if thread is None:
        thread = _thread(session, account_id, structure_id, case_id, _subject(subject))
        thread.talk = False
        thread.writable = case_id is not None
    return _append(session, SYSTEM, thread, "portal", _body(body), fact_id)


def retry_mail(session: Session, actor: Actor, mail_id: uuid.UUID) -> None:
    """Puts a failed mail back on its way. Raises NotFound, or Conflict when it has not failed."""
    require(actor, Permission.MAIL_READ)
    mail = session.get(Mail, mail_id, with_for_update=True)
    if mail is None:
        raise NotFound("Ce courriel n’existe pas ou a été effacé.")
    if mail.state != FAILED:
        raise Conflict("Ce courriel n’est plus en échec.")
    mail.state, mail.error = TO_SEND, None
    journal.record(session, actor, "mail.retried", "mail", mail.id)
    emit(session, RETRIED, mail_id=str(mail.id))


def _thread(
    session: Session, account_id: uuid.UUID, structure_id: uuid.UUID | None, case_id: uuid.UUID | None, subject: str
) -> Thread:
    now = clock.now()
    thread = Thread(
        id=new_id(),
        account_id=account_id,
        structure_id=structure_id,
        case_id=case_id,
        subject=subject,
        writable=True,
        talk=True,
        created_at=now,
        last_at=now,
        last_side="",
        last_author="",
        excerpt="",
        messages=0,
        family_unread=0,
        service_unread=0,
    )
    session.add(thread)
    session.flush()
    return thread


def _add(session: Session, actor: Actor, thread: Thread, body: str, files: Sequence[StoredFile]) -> Message:
    family = actor.id == thread.account_id
    text = _body(body)
    if family:
        _refuse_flood(session, thread.account_id)
    thread.talk = True
    message = _append(session, actor, thread, "family" if family else "service", text, None)
    kept = _attach(session, message, files)
    journal.record(session, actor, "message.written", "thread", thread.id, side=message.side, **kept)
    emit(session, "message.written", message_id=str(message.id), side=message.side)
    return message


def _attach(session: Session, message: Message, files: Sequence[StoredFile]) -> dict[str, list[str]]:
    """The files become rows of this message; returns what the journal says of them. No statement without a file."""
    if not files:
        return {}
    if len(files) > MAX_FILES:
        raise Refused(f"Joignez {MAX_FILES} fichiers au plus à un message.", "files")
    if not claim_keys(session, [file.key for file in files]):
        raise Refused(NOT_KEPT, "files")
    rows = [
        {
            "id": new_id(),
            "message_id": message.id,
            "position": position,
            "key": file.key,
            "filename": file.filename,
            "mime": file.mime,
            "size": file.size,
            "pages": file.pages,
            "sha256": file.sha256,
            "notes": list(file.notes),
            "scan": file.scan,
        }
        for position, file in enumerate(files, start=1)
    ]
    session.execute(insert(Attachment), rows)
    return {"attachments": [str(row["id"]) for row in rows]}


def _append(session: Session, actor: Actor, thread: Thread, side: str, body: str, fact_id: uuid.UUID | None) -> Message:
    """``thread`` is locked or new: numbers and counts cannot be taken twice."""
    thread.messages += 1
    message = Message(
        id=new_id(),
        thread_id=thread.id,
        number=thread.messages,
        side=side,
        author_id=actor.id,
        author_label=actor.label,
        body=body,
        created_at=clock.now(),
        fact_id=fact_id,
    )
    session.add(message)
    thread.last_at, thread.last_side, thread.last_author = message.created_at, side, actor.label
    line = " ".join(body.split())
    thread.excerpt = line if len(line) <= EXCERPT else line[: EXCERPT - 1].rstrip() + "…"
    if side == "family":
        thread.service_unread += 1
    else:
        thread.family_unread += 1
    session.flush()
    return message


def _refuse_flood(session: Session, account_id: uuid.UUID) -> None:
    since = clock.now() - timedelta(hours=1)
    lately = select(func.count()).where(Message.author_id == account_id, Message.created_at > since)
    if (session.scalar(lately) or 0) >= HOURLY:
        raise Refused(f"Vous avez déjà écrit {HOURLY} messages depuis une heure. Réessayez un peu plus tard.", "body")


def _subject(text: str) -> str:
    line = " ".join(text.split())
    if not line:
        raise Refused("Indiquez l’objet du message.", "subject")
    if len(line) > MAX_SUBJECT:
        raise Refused(f"L’objet est trop long\u00a0: {MAX_SUBJECT} caractères au plus.", "subject")
    return line


def _body(text: str) -> str:
    body = text.replace("\r\n", "\n").strip()
    if not body:
        raise Refused("Écrivez votre message.", "body")
    if len(body) > MAX_BODY:
        raise Refused(f"Ce message est trop long\u00a0: {MAX_BODY} caractères au plus.", "body")
    if "\x00" in body:
        raise Refused("Ce message contient un caractère interdit.", "body")
    return body
