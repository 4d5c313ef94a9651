"""The values and operators of expressions: JSON only, bounded, and refusing in French what does not fit.

Python's own operators are too generous for a text written by an administrator: `"a" * 10**9` builds a gigabyte and
`"%999999999d" % 1` another. Here each operator accepts the kinds it is meant for and checks sizes before building.
"""

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from app.engine.expression_functions import MAX_ITEMS, MAX_NUMBER, MAX_TEXT, kind_of

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
"""A JSON value: the only thing expressions read and return."""

_MAX_DATA_DEPTH = 40


class ExpressionError(Exception):
    """An expression that is refused or that fails; `message` is a French sentence with its remedy."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def require_bounded(value: object) -> None:
    """Refuses a value that is not JSON or that is too large; does not look inside lists and groups."""
    kind = type(value)
    if kind is bool or value is None:
        return
    if kind is str:
        if len(value) > MAX_TEXT:  # type: ignore[arg-type]  # mypy does not narrow on `type(value) is`
            raise ExpressionError(f"Un texte dépasse {MAX_TEXT} caractères. Raccourcissez-le.")
    elif kind is int or kind is float:
        number: Any = value
        if not abs(number) <= MAX_NUMBER:  # written so that NaN, which compares to nothing, is refused too
            raise ExpressionError("Un nombre est trop grand. Vérifiez le calcul et les données.")
    elif kind is list or kind is dict:
        if len(value) > MAX_ITEMS:  # type: ignore[arg-type]  # same
            raise ExpressionError(f"Une liste dépasse {MAX_ITEMS} éléments. Réduisez-la.")
    else:
        raise ExpressionError(
            "Une donnée n’est ni un nombre, ni un texte, ni oui/non, ni une liste, ni un groupe. "
            "Corrigez l’opération qui l’a produite."
        )


def to_json(value: object, depth: int = 0) -> Json:
    """A copy of `value`, proved to be JSON: the caller may keep it without sharing the case's own lists."""
    require_bounded(value)
    if depth > _MAX_DATA_DEPTH:
        raise ExpressionError("Une donnée est emboîtée trop profondément. Simplifiez-la.")
    if isinstance(value, list):
        return [to_json(item, depth + 1) for item in value]
    if isinstance(value, dict):
        return {_text_key(key): to_json(item, depth + 1) for key, item in value.items()}
    return value  # type: ignore[return-value]  # require_bounded leaves only scalars here


def _text_key(key: object) -> str:
    if not isinstance(key, str):
        raise ExpressionError("La clé d’un groupe n’est pas un texte. Corrigez l’opération qui l’a produit.")
    return key


def mismatch(symbol: str, left: object, right: object) -> ExpressionError:
    return ExpressionError(
        f"L’opération « {symbol} » ne s’applique pas à ces valeurs ({kind_of(left)} et {kind_of(right)}). "
        "Vérifiez que les champs sont remplis, ou convertissez avec nombre(…) ou texte(…)."
    )


def _is_number(value: object) -> bool:
    return type(value) is int or type(value) is float


def _numeric(symbol: str, compute: Callable[[Any, Any], object]) -> Callable[[object, object], object]:
    def apply(left: object, right: object) -> object:
        if not (_is_number(left) and _is_number(right)):
            raise mismatch(symbol, left, right)
        try:
            return compute(left, right)
        except ZeroDivisionError:
            raise ExpressionError("Une division par zéro est demandée. Vérifiez le diviseur avant.") from None

    return apply


def _ordered(symbol: str, compare: Callable[[Any, Any], bool]) -> Callable[[object, object], bool]:
    def apply(left: object, right: object) -> bool:
        if not (_is_number(left) and _is_number(right)) and not (type(left) is str and type(right) is str):
            raise mismatch(symbol, left, right)
        return compare(left, right)

    return apply


def _add(left: Any, right: Any) -> object:
    both = type(left), type(right)
    if both in ((str, str), (list, list)):
        # refused before it is built, so that a chain of additions never holds more than twice the bound
        if len(left) + len(right) > (MAX_TEXT if both[0] is str else MAX_ITEMS):
            raise ExpressionError("Le texte ou la liste obtenu par « + » est trop long. Raccourcissez-le.")
        return left + right
    return _numeric("+", operator.add)(left, right)


def _contains(item: object, container: object) -> bool:
    if isinstance(container, str) and isinstance(item, str):
        return item in container
    if isinstance(container, list):
        return item in container
    if isinstance(container, dict) and isinstance(item, str):
        return item in container
    raise mismatch("in", item, container)


def _signed(symbol: str, compute: Callable[[Any], object]) -> Callable[[object], object]:
    def apply(value: object) -> object:
        if not _is_number(value):
            raise ExpressionError(
                f"L’opération « {symbol} » s’applique à un nombre, pas à : {kind_of(value)}. Vérifiez le champ."
            )
        return compute(value)

    return apply


OPERATORS: Mapping[type[ast.AST], Callable[..., object]] = {
    ast.Add: _add,
    ast.Sub: _numeric("-", operator.sub),
    ast.Mult: _numeric("*", operator.mul),
    ast.Div: _numeric("/", operator.truediv),
    ast.FloorDiv: _numeric("//", operator.floordiv),
    ast.Mod: _numeric("%", operator.mod),
    ast.USub: _signed("-", operator.neg),
    ast.UAdd: _signed("+", operator.pos),
    ast.Not: operator.not_,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Is: operator.eq,  # `x is None` is what a Python reader writes; on JSON values it can only mean equality
    ast.IsNot: operator.ne,
    ast.Lt: _ordered("<", operator.lt),
    ast.LtE: _ordered("<=", operator.le),
    ast.Gt: _ordered(">", operator.gt),
    ast.GtE: _ordered(">=", operator.ge),
    ast.In: _contains,
    ast.NotIn: lambda item, container: not _contains(item, container),
}
