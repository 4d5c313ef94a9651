"""Between the file input of a message and its rows: received before the transaction, sent with the text, or carried to
the page that comes back with an error, so that nobody takes a photo twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from flask import current_app, g, request
from itsdangerous import BadSignature, URLSafeSerializer
from sqlalchemy.orm import Session

from app import clock
from app.documents.receiving import Prepared, Refusal, StoredFile
from app.documents.uploads import NOTHING, receive_files
from app.journal import record
from app.messages.operations import MAX_FILES
from app.policy import Actor
from forms.accounts import AccountForm

FIELD = "files"
KEPT = "gardes"
#: Half of what the sweep waits before it erases what no message took.
KEPT_SECONDS = 12 * 3600
TOO_MANY = (
    f"Joignez {MAX_FILES} fichiers au plus à un message. Vous pourrez envoyer les suivants dans un autre message."
)
LOST = "Un fichier n’a pas pu être gardé. Choisissez-le à nouveau."


@dataclass(frozen=True)
class Parcel:
    """The files of one post: those that may go with the message, and why others may not."""

    files: tuple[StoredFile, ...] = ()
    refusals: tuple[Refusal, ...] = ()


def receive(check: Callable[[], object]) -> Prepared:
    """Checks and keeps the files chosen, for whoever passes ``check``. Each stays a file of its own: a thread is not a
    piece of several pages."""
    posted = [file for file in request.files.getlist(FIELD) if file.filename]
    if len(posted) + len(request.form.getlist(KEPT)) > MAX_FILES:
        return NOTHING  # told by ``parcel_of``, without a process for each
    return receive_files(check, [(f"{FIELD}-{number}", file) for number, file in enumerate(posted)])


def parcel_of(actor: Actor) -> Parcel:
    """What this post carries: the files just received, and those that the page before had kept."""
    posted = [file for file in request.files.getlist(FIELD) if file.filename]
    sealed = request.form.getlist(KEPT)
    if len(posted) + len(sealed) > MAX_FILES:
        kept = {file.key: file for text in sealed[:MAX_FILES] if (file := _opened(text, actor)) is not None}
        return Parcel(tuple(kept.values()), (Refusal(FIELD, "too_many_files", TOO_MANY),))
    prepared: Prepared = g.get("prepared") or NOTHING
    found = [_opened(text, actor) for text in sealed]
    kept = {file.key: file for file in (*found, *prepared.stored) if file is not None}
    refusals = prepared.refusals
    if None in found or (posted and not prepared.stored and not refusals):
        refusals = (*refusals, Refusal(FIELD, "lost", LOST))
    return Parcel(tuple(kept.values()), refusals)


def refuse_files(session: Session, actor: Actor, form: AccountForm, refusals: Sequence[Refusal]) -> None:
    """Says on the form, and in the journal, why files are not taken."""
    for one in refusals:
        form.refuse(FIELD, one.message)
        record(session, actor, "attachment.refused", "account", actor.id, reason=one.reason)


def carried(files: Sequence[StoredFile], actor: Actor) -> list[dict[str, Any]]:
    """What the page that comes back needs to keep these files: a sealed text each, of use to this person only."""
    return [
        {
            "value": _seal().dumps([str(actor.id), int(clock.now().timestamp()), asdict(file)]),
            "name": file.filename,
            "size": file.size,
        }
        for file in files
    ]


def _seal() -> URLSafeSerializer:
    return URLSafeSerializer(current_app.secret_key or b"", salt="message-files")


def _opened(text: str, actor: Actor) -> StoredFile | None:
    """The file of a sealed text; ``None`` for what is forged, too old or somebody else's."""
    try:
        owner, at, known = _seal().loads(text)
    except BadSignature:
        return None
    if owner != str(actor.id) or clock.now().timestamp() - at > KEPT_SECONDS:
        return None
    return StoredFile(**{**known, "notes": tuple(known["notes"])})
