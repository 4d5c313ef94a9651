"""A save that comes too late: nothing is overwritten, nothing typed is lost.

What was typed is shown again on the draft as it is, beside what the draft says now; saving again writes it there. When
the draft is in somebody else's hand, or gone, saving again takes it first: the button says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from flask import g, render_template, request
from flask.typing import ResponseReturnValue
from wtforms import BooleanField, Form, SelectField

from app.studio import drafts
from app.studio.drafts import DraftMoved
from app.studio.views.frame import Studio, bp, opened, revision_sent
from app.web.identity import came_from, current_actor
from app.web.requests import db, transaction

#: Hidden fields that nobody typed.
_UNTYPED = frozenset({"csrf_token", "revision", "place", "nom_avant", "prendre", "faire"})
MAX_SHOWN = 4000


@dataclass(frozen=True)
class Difference:
    """One field: what the draft says now, and what was typed."""

    label: str
    now: str
    typed: str


@dataclass(frozen=True)
class Stale:
    """Why a save was too late. ``takes``: saving again takes the draft from somebody, or opens it again. ``file``: what
    the draft says now, where the whole file is typed."""

    message: str
    takes: bool
    differences: Sequence[Difference] = ()
    file: str = ""


def stale(studio: Studio) -> Stale | None:
    """Why what this request sends cannot be saved as it is; to be asked before it is judged."""
    draft = studio.draft
    if draft is None:
        if request.form.get("prendre"):
            return None
        return Stale("Ce brouillon n’existe plus : il a été publié ou abandonné.", takes=True)
    try:
        if not request.form.get("prendre"):
            drafts.must_hold(draft, current_actor())
        drafts.must_be_current(draft, revision_sent())
    except DraftMoved as moved:
        return Stale(moved.message, takes=not studio.mine)
    return None


def save(studio: Studio, changes: Mapping[str, bytes | None]) -> int:
    """Writes files of the draft, which is taken or opened first when the person asked for it; its new revision."""
    actor, revision = current_actor(), revision_sent()
    if request.form.get("prendre"):
        made = drafts.open_draft(db(), actor, studio.slug)
        drafts.take_over(db(), actor, studio.slug)
        revision = revision if studio.draft is not None else made.revision
    return drafts.save_files(db(), actor, studio.slug, changes, revision)


def differences(now: Form, typed: Form) -> list[Difference]:
    """The fields of two forms of one kind that do not say the same."""
    return list(_differences(now, typed))


def _differences(now: Form, typed: Form) -> Iterator[Difference]:
    for field in typed:
        here = _told(now, field.short_name) if field.short_name in now else ""
        mine = _told(typed, field.short_name)
        if here != mine:
            yield Difference(field.label.text, here, mine)


def _told(form: Form, name: str) -> str:
    """What a field says, as a person reads it."""
    field = form[name]
    if isinstance(field, BooleanField):
        return "Oui" if field.data else "Non"
    if isinstance(field, SelectField):
        return next((str(label) for value, label, *_ in field.iter_choices() if value == field.data), "")
    if field.raw_data:
        return str(field.raw_data[0]).replace("\r\n", "\n").strip()
    return "" if field.data is None else str(field.data).strip()


def lost(studio: Studio, message: str) -> ResponseReturnValue:
    """What was typed has no place in the draft any more: the texts, to copy, and the way back."""
    typed = [text[:MAX_SHOWN] for name, text in request.form.items() if name not in _UNTYPED and text.strip()]
    shown = {"message": message, "typed": typed, "back": came_from()}
    return render_template("studio/moved.html", studio=studio, **shown), 409


@bp.errorhandler(DraftMoved)
def moved(error: DraftMoved) -> ResponseReturnValue:
    """For forms of one line and buttons: who saved, and what was typed, to copy."""
    slug = (request.view_args or {}).get("slug", "")
    if "db" in g:
        return lost(opened(slug), error.message)
    with transaction(read_only=True):  # a view that opens its own had closed it
        return lost(opened(slug), error.message)
