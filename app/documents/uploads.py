"""Between a page's file inputs and the rows: ``receive_uploads`` before its transaction, ``attach_uploads`` within."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Sequence

from flask import current_app, g, request
from flask_wtf.csrf import validate_csrf
from sqlalchemy import insert, select
from sqlalchemy.orm import Session
from werkzeug.datastructures import FileStorage
from wtforms.validators import ValidationError

from app import clock
from app.db import Json, new_id
from app.documents.models import Document, PieceType
from app.documents.piece_types import OTHER, install_piece_types
from app.documents.receiving import Incoming, Prepared, StoredFile, keep_files, limits_for
from app.errors import PortalError
from app.families.queries import adult_of, children_for
from app.families.rights import Action
from app.journal import record
from app.policy import SYSTEM, Actor
from app.town.queries import town_settings
from app.web.requests import portal
from forms import Choice, StepForm
from forms.fields import PieceField

SUFFIX = "__fichier"
NOTHING = Prepared()


def receive_uploads(check: Callable[[], object]) -> Prepared:
    """Checks and keeps the files of this request, before its transaction opens (invariant 6).

    ``check`` runs in a short read-only transaction and raises what a stranger would get; then, as for a forged
    request, nothing is touched here and the view gives the answer. Refusals are kept for ``attach_uploads``. Raises
    RequestEntityTooLarge.
    """
    posted = [(name, file) for name, file in request.files.items(multi=True) if name.endswith(SUFFIX)]
    return receive_files(check, [(name.removesuffix(SUFFIX), file) for name, file in posted if file.filename])


def receive_files(check: Callable[[], object], posted: Sequence[tuple[str, FileStorage]]) -> Prepared:
    """The same for files (field, file) that the caller picked out of this request."""
    if not posted or _forged():
        return NOTHING
    database = portal().database
    with database.transaction(read_only=True) as session:
        g.db = session
        try:
            check()
            limits = limits_for(town_settings(session).max_upload_mb)
        except PortalError:
            return NOTHING
        finally:
            g.pop("db")
    most = limits.max_photo_bytes + 1  # one byte too many is enough to be refused
    incoming = [Incoming(name, file.filename or "", file.read(most)) for name, file in posted]
    return keep_files(database, portal().settings, limits, incoming)


def _forged() -> bool:
    """CSRF is judged by a ``before_request`` that comes later; a forged post must not cost a process either."""
    if not current_app.config["WTF_CSRF_ENABLED"]:
        return False
    try:
        validate_csrf(request.form.get("csrf_token") or request.headers.get("X-CSRFToken"))
    except ValidationError:
        return True
    return False


def attach_uploads(
    session: Session,
    actor: Actor,
    form: StepForm,
    prepared: Prepared | None,
    *,
    case_id: uuid.UUID,
    household_id: uuid.UUID | None,
) -> list[tuple[str, str]]:
    """Makes documents (drafts until the step is sent) of the files kept for the fields of this page.

    Returns (field, French message) for what was refused. Files of a field that this page does not show, or too many
    for it, are left to the sweep. Four statements at most, none without a file.
    """
    if prepared is None or not (prepared.stored or prepared.refusals):
        return []
    fields = {field.spec.name: field for field in form.fields if isinstance(field, PieceField) and field.editable}
    refused = [one for one in prepared.refusals if one.field in fields]
    for one in refused:
        record(session, actor, "document.refused_at_upload", "case", case_id, field=one.field, reason=one.reason)
    rows: list[dict[str, Json]] = []
    for name, field in fields.items():
        files = [file for file in prepared.stored if file.field == name]
        if not files:
            continue
        known = 0 if field.spec.max_count == 1 else len(field.parsed[name] or ())
        if known + len(files) > field.spec.max_count:
            continue  # the field still holds its uploads, and says itself that they are too many
        made = [_row(file, field.spec.piece_type, case_id, household_id) for file in files]
        form.attach(name, [str(row["id"]) for row in made])
        _show(field, made)
        rows += made
    if rows:
        _insert(session, actor, rows, form, household_id)
    return [(one.field, one.message) for one in refused]


def _show(field: PieceField, made: Sequence[dict[str, Json]]) -> None:
    """If the page comes back with an error elsewhere, the new files are there, ticked: sending it again keeps them."""
    new = tuple(Choice(str(row["id"]), row["filename"], "Ajouté à l’instant") for row in made)
    kept = () if field.spec.max_count == 1 else tuple(field.typed.get("", ()))
    field.choices = (*field.choices, *new)
    field.typed = {"": [*kept, *(choice.value for choice in new)]}


def _row(file: StoredFile, code: str, case_id: uuid.UUID, household_id: uuid.UUID | None) -> dict[str, Json]:
    return {
        "id": new_id(),
        "key": file.key,
        "piece_type": code,
        "household_id": household_id,
        "case_id": case_id,
        "case_reviews": False,
        "field": file.field,
        "filename": file.filename,
        "mime": file.mime,
        "size": file.size,
        "pages": file.pages,
        "sha256": file.sha256,
        "notes": list(file.notes),
        "scan": file.scan,
        "state": "brouillon",
        "reason": "",
        "uploaded_at": clock.now(),
        "reviewed_by": "",
    }


def _insert(
    session: Session, actor: Actor, rows: Sequence[dict[str, Json]], form: StepForm, household_id: uuid.UUID | None
) -> None:
    scopes = _scopes(session, {row["piece_type"] for row in rows})
    child_id = _child(session, actor, form, household_id) if "child" in scopes.values() else None
    adult = adult_of(session, actor.id) if "adult" in scopes.values() and actor.kind == "parent" and actor.id else None
    for row in rows:
        if row["piece_type"] not in scopes:
            row["piece_type"] = OTHER
        scope = scopes[row["piece_type"]]
        row["child_id"] = child_id if scope == "child" else None
        row["adult_id"] = adult.id if adult is not None and scope == "adult" else None
        row["uploaded_by_id"] = actor.id
        code, found = row["piece_type"], row["scan"]
        record(session, actor, "document.uploaded", "document", row["id"], piece_type=code, scan=found)
    session.execute(insert(Document), rows)


def _scopes(session: Session, codes: Collection[str]) -> dict[str, str]:
    """Scope by code, of the types asked for and of ``OTHER``, which takes what has none of ours."""
    query = select(PieceType.code, PieceType.scope).where(PieceType.code.in_({*codes, OTHER}))
    found = {row.code: row.scope for row in session.execute(query)}
    if OTHER not in found:  # the first file of a portal that nobody set up yet
        install_piece_types(session, SYSTEM)
        found = {row.code: row.scope for row in session.execute(query)}
    return found


def _said(form: StepForm, name: str) -> str:
    """An answer of this step, or what the case knew before it."""
    found = form.context.get(name)
    return found if isinstance(found, str) else ""


def _child(session: Session, actor: Actor, form: StepForm, household_id: uuid.UUID | None) -> uuid.UUID | None:
    """The child the form is about, if it is one this person may speak for: the form itself is not judged yet."""
    names = [spec.name for spec in form.definition.fields() if spec.type == "child"] or ["enfant"]
    said = next((text for name in names if (text := _said(form, name))), "")
    if not said:
        return None
    account_id = actor.id if actor.kind == "parent" else None
    cards = children_for(session, account_id, household_id, Action.KNOW)
    return next((card.id for card in cards if str(card.id) == said), None)
