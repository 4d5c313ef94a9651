"""Do the conditions of a gateway always leave a way out? Proved, or refuted by an example, on representative values.

Conditions compare variables with constants. For each variable the values that matter are those constants, what lies
between them, and the values a form allows. When every combination makes one condition true, the gateway always passes.
"""

import ast
import itertools
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime

from app.engine.expressions import CONSTANTS, Expression, ExpressionError, Json

_MAX_COMBINATIONS = 3_000
_OTHER_TEXT = "\N{REPLACEMENT CHARACTER}"
_ANY_DAY = datetime(2026, 1, 1, tzinfo=UTC)  # the conditions examined call no function, so no clock


def counter_example(conditions: list[Expression], choices: Mapping[str, Collection[str]]) -> str | None:
    """French words for values that satisfy no condition; "" when that cannot be decided; None when there are none."""
    if not all(_is_comparison(condition.tree) for condition in conditions):
        return ""
    names = sorted(frozenset().union(*(condition.names for condition in conditions)))
    domains = [list(dict.fromkeys(_domain(name, conditions, choices))) for name in names]
    total = 1
    for domain in domains:
        total *= len(domain)
    if total > _MAX_COMBINATIONS:
        return ""
    for values in itertools.product(*domains):
        data: dict[str, Json] = dict(zip(names, values, strict=True))
        try:
            if not any(condition.evaluate(data, now=_ANY_DAY) for condition in conditions):
                return ", ".join(f"{name} = {_shown(value)}" for name, value in data.items())
        except ExpressionError:
            continue  # a text compared with a number: the run would stop here anyway, with its own message
    return None


def _is_comparison(tree: ast.expr) -> bool:
    """Whether the condition only combines comparisons of plain variables with constants, and plain variables."""
    if isinstance(tree, ast.BoolOp):
        return all(_is_comparison(value) for value in tree.values)
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.Not):
        return _is_comparison(tree.operand)
    if isinstance(tree, ast.Compare):
        sides = (tree.left, *tree.comparators)
        variables = [side for side in sides if isinstance(side, ast.Name) and side.id not in CONSTANTS]
        return len(sides) == 2 and len(variables) == 1 and all(_is_plain(side) for side in sides)
    return isinstance(tree, ast.Name)


def _is_plain(side: ast.expr) -> bool:
    if isinstance(side, ast.List | ast.Tuple):
        return all(isinstance(item, ast.Constant) for item in side.elts)
    return isinstance(side, ast.Name | ast.Constant)


def _domain(name: str, conditions: list[Expression], choices: Mapping[str, Collection[str]]) -> Iterator[Json]:
    if name in choices:
        yield from choices[name]
        return
    constants = [value for condition in conditions for value in _constants_beside(name, condition.tree)]
    texts = [value for value in constants if isinstance(value, str)]
    numbers = sorted(value for value in constants if isinstance(value, int | float) and not isinstance(value, bool))
    yield from texts
    if texts:
        yield from (_OTHER_TEXT, "")
    if numbers:
        yield from (numbers[0] - 1, *numbers, numbers[-1] + 1)
        yield from ((low + high) / 2 for low, high in itertools.pairwise(numbers))
    if not texts and not numbers:
        yield from (True, False)


def _constants_beside(name: str, tree: ast.expr) -> Iterator[Json]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            sides = (node.left, *node.comparators)
            if any(isinstance(side, ast.Name) and side.id == name for side in sides):
                for side in sides:
                    items = side.elts if isinstance(side, ast.List | ast.Tuple) else [side]
                    yield from (item.value for item in items if isinstance(item, ast.Constant))  # type: ignore[misc]  # checked constants are JSON


def _shown(value: Json) -> str:
    if value == _OTHER_TEXT:
        return "une autre valeur"
    if value == "":
        return "(vide)"
    if isinstance(value, bool):
        return "vrai" if value else "faux"
    return f"« {value} »" if isinstance(value, str) else str(value)
