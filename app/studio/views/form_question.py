"""The question, the page or the words that are open in the editor: from the form that is typed to the document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict
from wtforms import SelectField

from app.documents.queries import piece_types
from app.errors import Refused
from app.studio import form_editing as editing
from app.studio.form_conditions import answers_before, written
from app.studio.form_editing import Document, Place
from app.town.queries import STRUCTURE_KINDS
from forms.administration import options
from forms.question import (
    PREFIX,
    PageForm,
    QuestionForm,
    WordsForm,
    allowed_keys,
    question_form,
    raw_of,
    typed,
)

Posted = MultiDict[str, str]
KNOWN_AS = "nom_avant"


@dataclass
class Edit:
    """What is open. ``after`` is the document with what was typed; nothing while that is refused. ``builder`` is what
    the condition builder holds, and ``builder_error`` why it was refused. ``known_as``: the name, or the title, that it
    had when it was opened."""

    place: Place
    kind: str
    form: QuestionForm
    after: Document | None
    builder: Mapping[str, str] = field(default_factory=dict)
    builder_error: str = ""
    known_as: str = ""

    @property
    def told(self) -> str:
        """The place, as addresses write it."""
        return editing.told_place(self.place) or "formulaire"

    @property
    def is_question(self) -> bool:
        """Neither a page nor the form's own words."""
        return len(self.place) > 1


def opened_edit(session: Session, document: Document, place: Place) -> Edit:
    """The question of this place, as it is. Raises Refused when there is none."""
    target = editing.at(document, place) if place else document
    kind = target.get("type", "") if len(place) > 1 else ""
    return Edit(place, kind, _form(session, place, kind, target), document, known_as=editing.known_as(target, place))


def _form(session: Session, place: Place, kind: str, target: Document, posted: Posted | None = None) -> QuestionForm:
    if len(place) > 1:
        made = question_form(kind)(posted, prefix=PREFIX, data=typed(kind, target))
    else:
        made = (PageForm if place else WordsForm)(posted, prefix=PREFIX, data=target)
    _offer(session, made, target)
    return made


def _offer(session: Session, form: QuestionForm, target: Document) -> None:
    """The choices of this commune, and the one in place whatever it is."""
    if "piece_type" in form and isinstance(asked := form["piece_type"], SelectField):
        known = {row.code: row.label for row in piece_types(session, active_only=True)}
        asked.choices = options(_with_current(known, target.get("piece_type", "")).items())
    if "structure_kind" in form and isinstance(asked := form["structure_kind"], SelectField):
        known = {"": "Toutes les structures", **STRUCTURE_KINDS}
        asked.choices = options(_with_current(known, target.get("structure_kind", "")).items())


def _with_current(known: dict[str, str], current: str) -> dict[str, str]:
    return known if current in known or not current else {**known, current: current}


def edited(session: Session, document: Document, place: Place, posted: Posted) -> Edit:
    """What was typed at this place. Raises Refused when the place, or the type, does not exist."""
    target = editing.at(document, place) if place else document
    kind, extra = "", {}
    if len(place) > 1:
        kind = posted.get(f"{PREFIX}type", target["type"])
        if kind != target["type"]:
            label = target.get("label") or target.get("text", "")[:200] or "Nouvelle question"
            extra = editing.fresh_question(document, kind, label)
    form = _form(session, place, kind, {**extra, **target}, posted)
    if extra:
        _complete(form, extra)
    form.validate()
    edit = Edit(place, kind, form, None, known_as=posted.get(KNOWN_AS, editing.known_as(target, place)))
    _build(edit, document, posted)
    values = _values(edit, document, target, extra)
    after = editing.change(document, place, values)
    _judge(edit, after)
    if not form.errors and not edit.builder_error:
        edit.after = after
    return edit


def _complete(form: QuestionForm, extra: Document) -> None:
    """A box that the previous type did not show was not left unticked by anybody."""
    for name, asked in form._fields.items():
        if name.startswith("outcome_"):
            asked.data = True
        elif name in ("label", "text") and not asked.data:
            asked.data = extra.get(name, "")


def _build(edit: Edit, document: Document, posted: Posted) -> None:
    """Writes the condition that the builder tells, in place of the one above it."""
    asked = {key: posted.get(f"condition_{key}", "").strip() for key in ("champ", "operateur", "valeur", "cible")}
    if not asked["champ"]:
        return
    target = "required_if" if asked["cible"] == "required_if" else "show_if"
    answer = next((each for each in answers_before(document, edit.place) if each.name == asked["champ"]), None)
    try:
        if answer is None or target not in edit.form:
            raise Refused("Choisissez une question posée avant celle-ci.")
        edit.form[target].data = written(answer, asked["operateur"], asked["valeur"])
    except Refused as refusal:
        edit.builder, edit.builder_error = asked, refusal.message


def _values(edit: Edit, document: Document, target: Document, extra: Document) -> dict[str, Any]:
    """The keys to write; ``None`` for those to take away."""
    said = raw_of(edit.form, target, lambda label: editing.name_for(label, frozenset()))
    if not edit.is_question:
        return said
    if not said.get("name") and edit.kind != "info":
        said["name"] = editing.name_for(said.get("label") or "", editing.taken(document, edit.place))
    allowed = allowed_keys(edit.kind)
    gone = {key: None for key in target if key not in allowed}
    kept = {key: extra[key] for key in ("fields",) if key in extra}
    return {**gone, **kept, **said, "type": edit.kind}


def _judge(edit: Edit, after: Document) -> None:
    """Says the problems of the definition that this place has, each at its field; one that says why already is left."""
    told = set(edit.form.errors)
    site = "".join(f"{'pages' if n == 0 else '.fields'}[{part}]" for n, part in enumerate(edit.place))
    for problem in editing.problems_of(after):
        if editing.place_of(problem.path) != edit.place:
            continue
        inside = problem.path.removeprefix(site).lstrip(".")
        if (edit.place or inside in edit.form) and edit.form.blamed(inside) not in told:
            edit.form.blame(inside, f"{problem.message} {problem.remedy}")
