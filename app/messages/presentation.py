"""What templates are given: threads as conversations, mails with links one can follow."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape
from sqlalchemy.orm import Session

from app.accounts.models import Account
from app.messages.models import Attachment, Message, Thread
from app.messages.queries import TOWN_HALL, attachments_of, messages_of
from app.policy import Actor
from app.town.queries import structure_names
from app.web.filters import file_size, moment, plural

#: State of a mail: (text, tone of the tag, icon).
MAIL_STATES: dict[str, tuple[str, str, str]] = {
    "to_send": ("À envoyer", "waiting", "clock"),
    "sent": ("Envoyé", "success", "circle-check"),
    "held": ("Gardé ici", "neutral", "inbox"),
    "failed": ("En échec", "danger", "octagon-alert"),
}

_LINK = re.compile(r"https?://[^\s<>\"«»]+[^\s<>\"«».,;:!?)]")


#: What is known of a file, beside its cleaning.
SCANS = {"clean": "Vérifié par l’antivirus.", "not_scanned": "Aucun antivirus ne l’a analysé."}


@dataclass(frozen=True)
class SentFile:
    """A file of a message as ``ui.file_item`` draws it."""

    name: str
    url: str
    size: str
    detail: str
    status: str = ""


@dataclass(frozen=True)
class Bubble:
    """One message as ``ui.thread`` draws it."""

    author: str
    role: str
    when: str
    machine: str
    text: str
    mine: bool
    unread: bool
    files: Sequence[SentFile] = ()


@dataclass(frozen=True)
class Conversation:
    """A thread as a page shows it: ``family`` and ``service`` are the names of its two sides."""

    id: uuid.UUID
    subject: str
    family: str
    service: str
    account_id: uuid.UUID
    case_id: uuid.UUID | None
    writable: bool
    bubbles: list[Bubble]


def conversation(session: Session, actor: Actor, thread: Thread, file_url: Callable[[uuid.UUID], str]) -> Conversation:
    """The thread for one of its two sides; « Vous » is the very person, colleagues keep their names.

    ``file_url`` gives the address of a file from its id.
    """
    owner = session.get(Account, thread.account_id)
    assert owner is not None
    service = structure_names(session).get(thread.structure_id, TOWN_HALL) if thread.structure_id else TOWN_HALL
    family = actor.id == thread.account_id
    files = attachments_of(session, thread.id)
    return Conversation(
        id=thread.id,
        subject=thread.subject,
        family=f"{owner.first_name} {owner.last_name}",
        service=service,
        account_id=thread.account_id,
        case_id=thread.case_id,
        writable=thread.writable,
        bubbles=[
            _bubble(message, actor, service, family, [_file(one, file_url) for one in files.get(message.id, ())])
            for message in messages_of(session, thread.id)
        ],
    )


def _bubble(message: Message, actor: Actor, service: str, family: bool, files: Sequence[SentFile]) -> Bubble:
    from_family = message.side == "family"
    return Bubble(
        author=message.author_label,
        role={"family": "", "service": service}.get(message.side, ""),
        when=moment(message.created_at),
        machine=message.created_at.isoformat(timespec="minutes"),
        text=message.body,
        mine=message.author_id is not None and message.author_id == actor.id,
        unread=message.read_at is None and from_family != family,
        files=files,
    )


def _file(sent: Attachment, file_url: Callable[[uuid.UUID], str]) -> SentFile:
    pages = [plural(sent.pages, "page") + "."] if sent.pages else []
    return SentFile(
        name=sent.filename,
        url=file_url(sent.id),
        size=file_size(sent.size),
        detail=" ".join((*pages, SCANS[sent.scan], *sent.notes)),
    )


def with_links(body: str) -> Markup:
    """The text of a mail, its addresses made into links; everything else escaped."""
    out, end = Markup(""), 0
    for found in _LINK.finditer(body):
        out += escape(body[end : found.start()])
        out += Markup('<a href="{0}" rel="noreferrer">{0}</a>').format(found.group())
        end = found.end()
    return out + escape(body[end:])
