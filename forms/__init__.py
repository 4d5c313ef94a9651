"""WTForms built from form definitions: a leaf package that knows neither the application nor a database.

A form definition is JSON (see `form.schema.json`). `load_definition` checks it, `open_form` binds it to values,
choices and a submission, `summary` tells the answers in French. Expressions are evaluated by a function that the
caller gives: nothing here evaluates anything.
"""

from forms.conditions import ExpressionFailure
from forms.definition import (
    Choice,
    ExpressionUse,
    FieldDef,
    FormDefinition,
    Option,
    PageDef,
    Reference,
    field_choices,
)
from forms.loading import DefinitionError, Problem, load_definition
from forms.recap import summary
from forms.sources import Evaluate, Json, Sources
from forms.step import StepForm, open_form

__all__ = [
    "Choice",
    "DefinitionError",
    "Evaluate",
    "ExpressionFailure",
    "ExpressionUse",
    "FieldDef",
    "FormDefinition",
    "Json",
    "Option",
    "PageDef",
    "Problem",
    "Reference",
    "Sources",
    "StepForm",
    "field_choices",
    "load_definition",
    "open_form",
    "summary",
]
