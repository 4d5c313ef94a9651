"""Expressions as text: which names one reads, whether it can be parsed. Evaluating is somebody else's job."""

import ast
from functools import lru_cache

MAX_EXPRESSION = 500


class ExpressionFailure(Exception):
    """An expression of a definition failed on real answers: a fault of the definition, not of the person.

    `path` is where it stands in the JSON, `expression` its text; the cause is chained.
    """

    def __init__(self, path: str, expression: str, cause: Exception) -> None:
        super().__init__(f"{path} : « {expression} » : {type(cause).__name__}: {cause}")
        self.path = path
        self.expression = expression


@lru_cache(maxsize=4096)
def names_in(expression: str) -> frozenset[str]:
    """The names an expression reads, called functions excluded; empty when it cannot be parsed."""
    try:
        tree = ast.parse(expression.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return frozenset()
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return frozenset(n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and id(n) not in called)


def is_well_formed(expression: str) -> bool:
    """Whether the text is one expression of bounded size. Its safety is judged by the evaluator."""
    if not expression.strip() or len(expression) > MAX_EXPRESSION:
        return False
    try:
        ast.parse(expression.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True
