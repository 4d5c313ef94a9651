"""The cells of a decision table: the few S-FEEL forms that dmn-js writes, as checks on one value.

`-` anything · `12`, `"lundi"`, `true`, `date("2026-09-01")` equality · `< 10`, `>= 3` order · `[400..700[`, `]1..5]`,
`(1..5)` intervals · `"a","b"` any of these · `not("a","b")` none of these. Numbers are compared as decimals, dates as
ISO texts. An empty value passes `-`, `null` and `not(…)` only.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TypeAlias

from app.engine.expression_functions import kind_of
from app.engine.expression_values import ExpressionError, Json

Literal: TypeAlias = "Decimal | str | bool | date | None"

_TOKEN = re.compile(
    r"\s*(?:(?P<number>[+-]?(?:\d+(?:\.\d+)?|\.\d+))(?![\w])"
    r'|(?P<date>date\s*\(\s*"(?P<day>[^"]*)"\s*\))'
    r'|"(?P<text>[^"\\]*)"'
    r"|(?P<word>[^\W\d]\w*)"
    r"|(?P<range>\.\.)"
    r"|(?P<mark><=|>=|<|>|\[|\]|\(|\)|,|-))"
)
_WORDS: dict[str, Literal] = {"true": True, "vrai": True, "false": False, "faux": False, "null": None, "rien": None}
_MAX_CELL = 500


@dataclass(frozen=True)
class UnaryTest:
    """A parsed cell: `text` as written, `bounds` the values it mentions (to look for holes and overlaps)."""

    text: str
    bounds: tuple[Literal, ...]
    check: Callable[[Json], bool]

    def __call__(self, value: Json) -> bool:
        """Whether the value passes. ExpressionError when it cannot be compared (a text where a number is expected)."""
        return self.check(value)


def parse_cell(text: str) -> UnaryTest:
    """The check a cell stands for; ExpressionError (French, with the accepted forms) when it is none of them."""
    if len(text) > _MAX_CELL:
        raise ExpressionError(f"La case dépasse {_MAX_CELL} caractères. Répartissez-la sur plusieurs règles.")
    if text.strip() in ("", "-"):
        return UnaryTest("-", (), lambda _value: True)
    return _Reader(text).read()


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text.strip()
        self.tokens = self._split()
        self.bounds: list[Literal] = []

    def _split(self) -> list[tuple[str, str]]:
        tokens, position = [], 0
        while position < len(self.text):
            match = _TOKEN.match(self.text, position)
            if match is None:
                raise self._refusal()
            kind = str(match.lastgroup)
            if kind == "day" or match["date"]:
                tokens.append(("date", match["day"]))
            else:
                tokens.append((kind, match[kind]))
            position = match.end()
        return tokens

    def _refusal(self) -> ExpressionError:
        return ExpressionError(
            f'La case « {self.text[:60]} » ne se lit pas. Écrivez par exemple : 12, "lundi", < 10, [400..700[, '
            '"a","b", not("a"), true, date("2026-09-01") ou -.'
        )

    def read(self) -> UnaryTest:
        negated = self.tokens[:2] == [("word", "not"), ("mark", "(")]
        if negated:
            if self.tokens[-1] != ("mark", ")"):
                raise self._refusal()
            self.tokens = self.tokens[2:-1]
        checks = [self._one()]
        while self.tokens:
            if self._take() != ("mark", ","):
                raise self._refusal()
            checks.append(self._one())
        if negated:
            return UnaryTest(self.text, tuple(self.bounds), lambda value: not any(c(value) for c in checks))
        return UnaryTest(self.text, tuple(self.bounds), lambda value: any(c(value) for c in checks))

    def _take(self) -> tuple[str, str]:
        if not self.tokens:
            raise self._refusal()
        return self.tokens.pop(0)

    def _one(self) -> Callable[[Json], bool]:
        kind, written = self._take()
        if kind == "mark" and written in ("<", "<=", ">", ">="):
            return _ordered(written, self._literal(self._take()))
        if kind == "mark" and written in ("[", "]", "("):
            return self._interval(written)
        return _equal(self._literal((kind, written)))

    def _interval(self, opening: str) -> Callable[[Json], bool]:
        low = self._literal(self._take())
        if self._take()[0] != "range":
            raise self._refusal()
        high = self._literal(self._take())
        closing = self._take()
        if closing not in (("mark", "]"), ("mark", "["), ("mark", ")")) or type(low) is not type(high):
            raise self._refusal()
        if low > high:  # type: ignore[operator]  # same type, and _ordered below refuses the kinds without order
            raise ExpressionError(
                f"Dans la case « {self.text[:60]} », l’intervalle est à l’envers. Échangez les bornes."
            )
        above = _ordered(">=" if opening == "[" else ">", low)
        below = _ordered("<=" if closing[1] == "]" else "<", high)
        return lambda value: above(value) and below(value)

    def _literal(self, token: tuple[str, str]) -> Literal:
        kind, written = token
        value: Literal
        if kind == "number":
            value = Decimal(written)
        elif kind == "text":
            value = written
        elif kind == "date":
            value = _day(written)
        elif kind == "word" and written in _WORDS:
            value = _WORDS[written]
        else:
            raise self._refusal()
        self.bounds.append(value)
        return value


def _day(written: str) -> date:
    try:
        return date.fromisoformat(written)
    except ValueError:
        raise ExpressionError(
            f'« {written[:20]} » n’est pas une date. Écrivez par exemple date("2026-09-01").'
        ) from None


def _equal(literal: Literal) -> Callable[[Json], bool]:
    def check(value: Json) -> bool:
        if isinstance(literal, date):
            return value == literal.isoformat()
        if isinstance(literal, Decimal):
            return not isinstance(value, bool) and isinstance(value, int | float) and _decimal(value) == literal
        return type(value) is type(literal) and value == literal

    return check


def _ordered(symbol: str, literal: Literal) -> Callable[[Json], bool]:
    if literal is None or isinstance(literal, bool):
        raise ExpressionError(f"« {symbol} » demande un nombre, un texte ou une date. Corrigez la case.")
    compare = _COMPARISONS[symbol]
    wanted = "nombre" if isinstance(literal, Decimal) else "date" if isinstance(literal, date) else "texte"

    def check(value: Json) -> bool:
        if value is None or value == "":
            return False
        if isinstance(literal, Decimal):
            if not isinstance(value, bool) and isinstance(value, int | float):
                return compare(_decimal(value), literal)
        elif isinstance(value, str):
            return compare(value[:10], literal.isoformat()) if isinstance(literal, date) else compare(value, literal)
        raise ExpressionError(f"La valeur comparée devrait être de type {wanted}, pas {kind_of(value)}.")

    return check


_COMPARISONS: dict[str, Callable[[Decimal | str, Decimal | str], bool]] = {
    "<": lambda a, b: a < b,  # type: ignore[operator]  # both sides always have the literal's kind
    "<=": lambda a, b: a <= b,  # type: ignore[operator]  # same
    ">": lambda a, b: a > b,  # type: ignore[operator]  # same
    ">=": lambda a, b: a >= b,  # type: ignore[operator]  # same
}


def _decimal(value: int | float) -> Decimal:
    """0.1 as a person wrote it, not as its binary neighbour."""
    return Decimal(str(value))
