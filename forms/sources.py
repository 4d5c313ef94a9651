"""What the view gives to a form: choices, the evaluator, the day."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeAlias

from forms.conditions import ExpressionFailure, names_in
from forms.definition import Choice, FieldDef

Json: TypeAlias = Any
"""A JSON value: scalar, list of scalars, or list of objects of scalars (rows)."""

Evaluate: TypeAlias = Callable[[str, Mapping[str, Any]], Any]
"""The engine's safe evaluator: expression, names → value."""

Sources: TypeAlias = Mapping[str, Sequence[Choice] | Callable[[Mapping[str, Any]], Sequence[Choice]]]
"""Choices by key: `children`, `adults`, `persons`, `structures[:kind]`, `activities`, `slots`, `pieces[:piece type]`,
`champs`; or
the first word followed by `:<field name>` for one field only. A callable receives the answers of the fields before
(choices that depend on the chosen child, for instance)."""


def choices_for(spec: FieldDef, sources: Sources, context: Mapping[str, Json]) -> tuple[Choice, ...]:
    """The choices of a field, from its definition or from the view; none when neither gives any."""
    if spec.options:
        return tuple(Choice(o.value, o.label, o.help) for o in spec.options)
    for key in spec.source_keys():
        if key in sources:
            found = sources[key]
            return tuple(found(context) if callable(found) else found)
    return ()


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a field sees while it is read: the answers before it, the choices, the evaluator, today."""

    context: Mapping[str, Json]
    sources: Sources
    evaluate: Evaluate
    today: date

    def choices_for(self, spec: FieldDef) -> tuple[Choice, ...]:
        """The choices of a field, from its definition or from the view."""
        return choices_for(spec, self.sources, self.context)

    def ask(self, expression: str, path: str) -> Json:
        """The value of an expression over the answers so far; `None` when it fails only because one is missing.

        Raises `ExpressionFailure` when it fails although every name it reads has a value.
        """
        try:
            return self.evaluate(expression, self.context)
        except Exception as cause:
            if any(self.context.get(name, "") is None for name in names_in(expression)):
                return None
            raise ExpressionFailure(path, expression, cause) from cause

    def holds(self, expression: str, path: str) -> bool:
        """Whether a condition is true; an unanswered question it depends on makes it false."""
        return bool(self.ask(expression, path))
