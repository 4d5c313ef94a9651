"""What a form looks like, filled by nobody: the real form, with choices of a family that does not exist."""

from __future__ import annotations

import copy
from collections.abc import Mapping

from app import clock
from app.db import Json
from app.engine.expressions import ExpressionError, compile_expression
from app.studio.form_conditions import in_words
from app.studio.form_editing import Document, questions, write
from forms import Choice, DefinitionError, ExpressionFailure, FormDefinition, StepForm, load_definition, open_form
from forms.definition import field_choices, is_expression_bound

_SAMPLES: Mapping[str, list[Choice]] = {
    "children": [Choice("a", "Léna Exemple", "CP"), Choice("b", "Noé Exemple", "Moyenne section")],
    "adults": [Choice("a", "Camille Exemple"), Choice("b", "Dominique Exemple")],
    "persons": [Choice("a", "Odette Exemple", "Grand-parent"), Choice("b", "Paul Exemple", "Voisin ou voisine")],
    "structures": [Choice("a", "École du Lac"), Choice("b", "École de la Colline")],
    "activities": [Choice("a", "Cantine"), Choice("b", "Accueil du soir")],
    "slots": [Choice("a", "Cantine"), Choice("b", "Accueil du matin"), Choice("c", "Accueil du soir")],
    "pieces": [],
}


def preview(document: Document, forms: Mapping[str, FormDefinition]) -> StepForm | None:
    """The form with all its pages and questions, hidden ones too; nothing when the definition is wrong.

    ``forms`` are those of the démarche: a decision offers to reopen the fields of those that families fill.
    """
    shown = copy.deepcopy(document)
    for page in shown["pages"]:
        page.pop("show_if", None)
    for _, spec in questions(shown):
        for key in ("show_if", "required_if"):
            spec.pop(key, None)
        for key in ("min", "max"):
            if isinstance(spec.get(key), str) and is_expression_bound(spec[key]):
                spec.pop(key)
    try:
        load_definition(write(document))
        definition = load_definition(write(shown))
        return open_form(
            definition, values={}, sources=_sources(forms), evaluate=_evaluate, today=clock.today(), page=None
        )
    except (DefinitionError, ExpressionFailure):
        return None


def _sources(forms: Mapping[str, FormDefinition]) -> dict[str, list[Choice]]:
    families = [form for form in forms.values() if all(spec.type != "decision" for spec in form.fields())]
    return {**_SAMPLES, "champs": [choice for form in families for choice in field_choices(form)]}


def _evaluate(expression: str, names: Mapping[str, Json]) -> Json:
    """A default that needs what nobody answered proposes nothing."""
    try:
        return compile_expression(expression).evaluate(names, now=clock.now())
    except ExpressionError:
        return None


def conditions(document: Document) -> dict[str, str]:
    """Question → the condition that shows it, in words."""
    return {
        spec["name"]: in_words(spec["show_if"], document)
        for _, spec in questions(document)
        if spec.get("show_if") and spec.get("name")
    }
