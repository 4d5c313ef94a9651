"""The tab « Formulaires »: the forms of the démarche, and the editor of one of them, one question at a time."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.db import Json
from app.errors import NotFound, Refused
from app.studio import form_editing as editing
from app.studio.changes.form_fields import TYPES
from app.studio.drafts import must_hold, save_files
from app.studio.editor_data import form_definitions, form_titles
from app.studio.form_conditions import OPERATORS, answers_before, in_words
from app.studio.form_editing import Document, Place
from app.studio.form_preview import conditions, preview
from app.studio.form_uses import Step, Use, steps_using, uses_of
from app.studio.views import stale
from app.studio.views.form_question import KNOWN_AS, Edit, edited, opened_edit
from app.studio.views.frame import Studio, bp, opened, page, revision_sent
from app.studio.views.stale import Difference, Stale
from app.web.identity import current_actor
from app.web.requests import db
from forms.checks import NOT_IN_ROWS
from forms.hygiene import BadInput, clean_line

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,59}")
#: The address of the form's own words, where others say a place.
WORDS = "formulaire"
_MOVES = {"monter": -1, "descendre": 1}


# -- the list --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Listed:
    """One form of the démarche in the list."""

    name: str
    title: str
    questions: int | None
    problems: int
    steps: list[Step]


@bp.get("/<slug>/formulaires", endpoint="forms")
def forms_list(slug: str) -> ResponseReturnValue:
    """The forms of the démarche."""
    return _list(opened(slug))


def _list(studio: Studio, refused: Refused | None = None) -> ResponseReturnValue:
    found = []
    for name in sorted(form_titles(studio.files)):
        document = editing.read(studio.files[f"forms/{name}.json"])
        count = len(list(editing.questions(document))) if document is not None else None
        problems = len(editing.problems_of(document)) if document is not None else 1
        title = document.get("title", name) if document is not None else name
        found.append(Listed(name, title, count, problems, steps_using(studio.files, name)))
    shown = page(
        "studio/forms.html",
        studio,
        found=found,
        templates={key: label for key, (label, _) in editing.TEMPLATES.items()},
        refused=refused,
        typed=request.form,
        has_errors=refused is not None,
    )
    return shown, 422 if refused is not None else 200


@bp.post("/<slug>/formulaires", endpoint="new_form")
def new(slug: str) -> ResponseReturnValue:
    """Adds a form from a template."""
    studio = opened(slug)
    try:
        title = _title(request.form.get("titre", ""))
        made = editing.new_form(title, request.form.get("modele", ""))
    except Refused as refusal:
        return _list(studio, refusal)
    name = editing.name_for(title, frozenset(form_titles(studio.files)))
    _save(slug, name, made)
    flash("Le formulaire est ajouté. Choisissez-le dans une étape du diagramme pour qu’il serve.", "success")
    return redirect(url_for("studio.form", slug=slug, form_name=name), 303)


def _title(text: str) -> str:
    try:
        found = clean_line(text, 200)
    except BadInput as error:
        raise Refused(str(error), "titre") from error
    if not found:
        raise Refused("Donnez un titre au formulaire.", "titre")
    return found


def _path(studio: Studio, name: str) -> str:
    path = f"forms/{name}.json"
    if not _NAME.fullmatch(name) or path not in studio.files:
        raise NotFound("Ce formulaire n’existe pas.")
    return path


def _document(studio: Studio, name: str) -> Document:
    """The form of this name. Raises Refused when its file cannot be read."""
    found = editing.read(studio.files[_path(studio, name)])
    if found is None:
        raise Refused("Ce fichier ne se lit pas comme un formulaire : corrigez-le d’abord.")
    return found


def _save(slug: str, name: str, document: Document) -> None:
    files = {f"forms/{name}.json": editing.write(document)}
    save_files(db(), current_actor(), slug, files, revision_sent())


def _place(text: str) -> Place | None:
    """What an address opens: nothing, the form's own words, a page or a question."""
    if not text:
        return None
    return () if text == WORDS else editing.read_place(text)


# -- the editor ------------------------------------------------------------------------------------------------------


@bp.get("/<slug>/formulaires/<form_name>", endpoint="form")
def form(slug: str, form_name: str) -> ResponseReturnValue:
    """One form: its questions, the one that is open, and what families see."""
    studio = opened(slug)
    document = editing.read(studio.files[_path(studio, form_name)])
    if document is None:
        return _unread(studio, form_name)
    place = _place(request.args.get("champ", ""))
    edit = opened_edit(db(), document, place) if place is not None and studio.mine else None
    return _show(studio, form_name, document, edit)


def _unread(studio: Studio, name: str, status: int = 200, late: Stale | None = None) -> ResponseReturnValue:
    now = studio.files[_path(studio, name)].decode("utf-8", errors="replace")
    seen = replace(late, file=now) if late is not None else None
    raw = request.form.get("texte") or now
    return page("studio/form_file.html", studio, stale=seen, name=name, raw=raw, has_errors=status > 400), status


def _show(
    studio: Studio,
    name: str,
    document: Document,
    edit: Edit | None,
    uses: list[Use] | None = None,
    status: int = 200,
    late: Stale | None = None,
) -> ResponseReturnValue:
    forms = form_definitions(studio.files)
    after = edit.after if edit is not None and edit.after is not None else document
    seen = preview(after, forms)
    shown = page(
        "studio/form.html",
        studio,
        stale=late,
        name=name,
        document=document,
        pages=[_page(document, number) for number in range(len(document["pages"]))],
        problems=[p for p in editing.problems_of(document) if not editing.place_of(p.path)],
        edit=edit,
        form=edit.form if edit is not None else None,
        uses=uses or [],
        steps=steps_using(studio.files, name),
        preview=seen,
        preview_kept=edit is not None and edit.after is None,
        conditions=conditions(after),
        page_conditions=[in_words(each["show_if"], after) if each.get("show_if") else "" for each in after["pages"]],
        types=TYPES,
        row_types={kind: label for kind, label in TYPES.items() if kind not in NOT_IN_ROWS},
        operators=OPERATORS,
        answers=answers_before(document, edit.place) if edit is not None and edit.place else [],
        told_place=editing.told_place,
        words=WORDS,
    )
    return shown, status


def _page(document: Document, number: int) -> dict[str, Any]:
    """A page of the list, for the template."""
    problems: dict[Place, list[str]] = {}
    for problem in editing.problems_of(document):
        problems.setdefault(editing.place_of(problem.path), []).append(f"{problem.message} {problem.remedy}")
    place, content = (number,), document["pages"][number]
    return {
        **_row(document, place, problems),
        "title": content.get("title", ""),
        "rows": [_row(document, (number, position), problems) for position in range(len(content["fields"]))],
    }


def _row(document: Document, place: Place, problems: dict[Place, list[str]]) -> dict[str, Json]:
    spec = editing.at(document, place)
    inner = range(len(spec.get("fields", []))) if len(place) == 2 else ()
    condition = spec.get("show_if", "")
    return {
        "place": editing.told_place(place),
        "id": f"place-{'-'.join(str(part) for part in place)}",
        "label": spec.get("label") or spec.get("title") or spec.get("text", "")[:120] or spec.get("name", ""),
        "type": TYPES.get(spec.get("type", ""), ""),
        "name": spec.get("name", ""),
        "required": bool(spec.get("required")),
        "required_if": in_words(spec["required_if"], document) if spec.get("required_if") else "",
        "condition": in_words(condition, document) if condition else "",
        "problems": problems.get(place, []),
        "up": editing.can_move(document, place, -1),
        "down": editing.can_move(document, place, 1),
        "group": spec.get("type") == "group",
        "rows": [_row(document, (*place, position), problems) for position in inner],
    }


# -- changing --------------------------------------------------------------------------------------------------------


@bp.post("/<slug>/formulaires/<form_name>/apercu", endpoint="try_form")
def try_out(slug: str, form_name: str) -> ResponseReturnValue:
    """What the question that is typed would look like; nothing is saved."""
    studio = opened(slug)
    document = _document(studio, form_name)
    place = _place(request.form.get("place", ""))
    if place is None:
        raise Refused("Cette question n’existe plus : rouvrez le formulaire.")
    return _show(studio, form_name, document, edited(db(), document, place, request.form))


@bp.post("/<slug>/formulaires/<form_name>", endpoint="save_form")
def save(slug: str, form_name: str) -> ResponseReturnValue:
    """Writes one question, one page or the form's own words into the draft."""
    studio = opened(slug)
    if "texte" in request.form:
        return _save_file(studio, form_name)
    if (late := stale.stale(studio)) is not None:
        return _too_late(studio, form_name, late)
    document = _document(studio, form_name)
    place = _place(request.form.get("place", ""))
    if place is None:
        raise Refused("Cette question n’existe plus : rouvrez le formulaire.")
    edit = edited(db(), document, place, request.form)
    if edit.after is None:
        return _show(studio, form_name, document, edit, status=422)
    uses = _lost_uses(studio, form_name, document, edit)
    if uses and not request.form.get("confirme"):
        return _show(studio, form_name, document, edit, uses, 422)
    stale.save(studio, {_path(studio, form_name): editing.write(edit.after)})
    flash("C’est enregistré dans le brouillon.", "success")
    return _back(slug, form_name, place)


def _too_late(studio: Studio, name: str, late: Stale) -> ResponseReturnValue:
    """What was typed, where the question is now, beside what the draft says of it."""
    document = editing.read(studio.files.get(f"forms/{name}.json", b""))
    place = _place(request.form.get("place", ""))
    if document is not None and place is not None and KNOWN_AS in request.form:
        place = editing.found_again(document, place, request.form[KNOWN_AS])
    if document is None or place is None:
        return stale.lost(studio, f"{late.message} Ce que vous changiez n’y est plus.")
    edit, now = edited(db(), document, place, request.form), opened_edit(db(), document, place)
    differing = stale.differences(now.form, edit.form)
    if now.kind != edit.kind:
        differing.insert(0, Difference("Type de réponse", TYPES[now.kind], TYPES[edit.kind]))
    return _show(studio, name, document, edit, status=409, late=replace(late, differences=differing))


def _lost_uses(studio: Studio, name: str, document: Document, edit: Edit) -> list[Use]:
    """Where the names that this change takes away are read; this form's conditions take a new name by themselves."""
    if len(edit.place) < 2 or edit.after is None:
        return []
    before, after = editing.at(document, edit.place), editing.at(edit.after, edit.place)
    lost = editing.produced(before) - editing.produced(after)
    found = uses_of(studio.files, name, edit.place, lost)
    rewritten = before["type"] == after["type"]
    return [use for use in found if not (rewritten and use.where == "Ce formulaire")]


def _back(slug: str, name: str, place: Place) -> ResponseReturnValue:
    anchor = f"place-{'-'.join(str(part) for part in place)}" if place else None
    return redirect(url_for("studio.form", slug=slug, form_name=name, _anchor=anchor), 303)


def _save_file(studio: Studio, name: str) -> ResponseReturnValue:
    """A file that the editor cannot read, mended by hand."""
    path, text = _path(studio, name), request.form["texte"].replace("\r\n", "\n")
    raw = text.encode()
    if (late := stale.stale(studio)) is not None:
        return _unread(studio, name, 409, late)
    if len(raw) > 200_000 or editing.read(raw) is None:
        return _unread(studio, name, 422)
    stale.save(studio, {path: raw})
    flash("Le fichier est enregistré dans le brouillon.", "success")
    return redirect(url_for("studio.form", slug=studio.slug, form_name=name), 303)


@bp.post("/<slug>/formulaires/<form_name>/ordre", endpoint="arrange_form")
def arrange(slug: str, form_name: str) -> ResponseReturnValue:
    """The buttons of the list: move, copy, add."""
    document = _document(opened(slug), form_name)
    asked, text = request.form.get("faire", ""), request.form.get("place", "")
    if asked == "page":
        after, place = editing.add_page(document, _title(request.form.get("titre", "") or "Nouvelle page"))
    elif asked == "ajouter":
        label = _title(request.form.get("question", "") or "Nouvelle question")
        after, place = editing.add_question(document, editing.read_place(text), request.form.get("type", ""), label)
    elif asked == "dupliquer":
        after, place = editing.duplicate(document, editing.read_place(text))
    elif asked in _MOVES:
        after, place = editing.move(document, editing.read_place(text), _MOVES[asked])
    else:
        raise Refused("Choisissez ce qu’il faut faire.")
    _save(slug, form_name, after)
    if asked in _MOVES:
        return _back(slug, form_name, place)
    here = url_for("studio.form", slug=slug, form_name=form_name, champ=editing.told_place(place), _anchor="question")
    return redirect(here, 303)


# -- taking away -----------------------------------------------------------------------------------------------------


@bp.get("/<slug>/formulaires/<form_name>/suppression", endpoint="form_removal")
def removal(slug: str, form_name: str) -> ResponseReturnValue:
    """Asks before a question, a page or the form is taken away, and says where its answers are read."""
    studio = opened(slug)
    place = _place(request.args.get("champ", "")) or ()
    document = _document(studio, form_name) if place else None
    return page(
        "studio/form_removal.html",
        studio,
        name=form_name,
        title=_form_title(studio, form_name),
        place=editing.told_place(place),
        target=editing.at(document, place) if document is not None else None,
        is_page=len(place) == 1,
        steps=steps_using(studio.files, form_name),
        uses=_all_uses(studio, form_name, place),
    )


def _form_title(studio: Studio, name: str) -> str:
    document = editing.read(studio.files[_path(studio, name)])
    return str(document.get("title", name)) if document is not None else name


def _all_uses(studio: Studio, name: str, place: Place) -> list[Use]:
    document = editing.read(studio.files[_path(studio, name)])
    if document is None:
        return []
    gone = [editing.produced(spec) for here, spec in editing.questions(document) if here[: len(place)] == place]
    names = frozenset[str]().union(*gone)
    return uses_of(studio.files, name, place, names)


@bp.post("/<slug>/formulaires/<form_name>/suppression", endpoint="remove_form")
def remove(slug: str, form_name: str) -> ResponseReturnValue:
    """Takes away a question or a page; or the form, if no step shows it."""
    studio = opened(slug)
    path, place = _path(studio, form_name), _place(request.form.get("place", "")) or ()
    if place:
        _save(slug, form_name, editing.remove(_document(studio, form_name), place))
        flash("La page est supprimée." if len(place) == 1 else "La question est supprimée.", "success")
        return redirect(url_for("studio.form", slug=slug, form_name=form_name), 303)
    _must_be_unused(studio, form_name)
    save_files(db(), current_actor(), slug, {path: None}, revision_sent())
    flash("Le formulaire est supprimé du brouillon.", "success")
    return redirect(url_for("studio.forms", slug=slug), 303)


@bp.post("/<slug>/formulaires/<form_name>/nom", endpoint="rename_form")
def rename(slug: str, form_name: str) -> ResponseReturnValue:
    """Gives another name to a form that no step shows."""
    studio = opened(slug)
    path, asked = _path(studio, form_name), request.form.get("nom", "").strip()
    _must_be_unused(studio, form_name)
    if not _NAME.fullmatch(asked):
        raise Refused("Donnez un nom en minuscules, sans accent ni espace, comme « declaration ».", "nom")
    if asked != form_name and f"forms/{asked}.json" in studio.files:
        raise Refused("Un autre formulaire porte déjà ce nom.", "nom")
    moved = {path: None, f"forms/{asked}.json": studio.files[path]}
    save_files(db(), current_actor(), slug, moved, revision_sent())
    return redirect(url_for("studio.form", slug=slug, form_name=asked), 303)


def _must_be_unused(studio: Studio, name: str) -> None:
    if studio.draft is not None:
        must_hold(studio.draft, current_actor())
    steps = steps_using(studio.files, name)
    if steps:
        raise Refused(
            f"Ce formulaire sert à l’étape « {steps[0].name} » : choisissez-en d’abord un autre dans le diagramme."
        )
