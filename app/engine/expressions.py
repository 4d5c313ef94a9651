"""The one small, safe language of gateways, form conditions, decision cells and script tasks.

An expression is written like a Python expression: `age(naissance) < 6 and non_vide(piece)`. Administrators write them,
so nothing they write may reach the machine: the text is parsed once into a tree, every node of the tree must be on a
closed list, and `simpleeval` walks it with our own operators. No attributes, no loops, no powers, no calls but
`FUNCTIONS`; text, tree, numbers, texts and lists are all bounded, so an evaluation is always short.

Anything refused is an `ExpressionError`, whose French `message` says what and how to put it right.
"""

import ast
import keyword
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from simpleeval import SimpleEval

from app.engine.expression_functions import FUNCTIONS, FunctionRefusal
from app.engine.expression_values import OPERATORS, ExpressionError, Json, mismatch, require_bounded, to_json

__all__ = ["CONSTANTS", "FUNCTIONS", "Expression", "ExpressionError", "Json", "Script"]

CONSTANTS: Mapping[str, bool | None] = {"vrai": True, "faux": False, "rien": None}
"""French spellings of True, False and None, which are accepted too."""

MAX_SOURCE = 1_000
MAX_NODES = 250
MAX_DEPTH = 25
MAX_SCRIPT_LINES = 50


# --- What a tree may hold --------------------------------------------------------------------------------------

_ALLOWED: tuple[type[ast.AST], ...] = (
    ast.Expression, ast.Constant, ast.Name, ast.Load, ast.List, ast.Tuple, ast.Dict,
    ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.USub, ast.UAdd,
    ast.BinOp, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod,
    ast.Compare, ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.In, ast.NotIn, ast.Is, ast.IsNot,
    ast.IfExp, ast.Call, ast.keyword, ast.Subscript,
)  # fmt: skip

_REFUSED: Mapping[type[ast.AST], str] = {
    ast.Attribute: 'le point (« a.b ») n’est pas permis. Pour lire un groupe, écrivez « a["b"] »',
    ast.Pow: "la puissance (« ** ») n’est pas permise. Écrivez une multiplication",
    ast.Lambda: "« lambda » n’est pas permis. Écrivez directement le calcul",
    ast.JoinedStr: 'les textes à trous (f"…") ne sont pas permis. Assemblez les textes avec « + »',
    ast.NamedExpr: "« := » n’est pas permis. Utilisez une tâche de script pour ranger une valeur",
    ast.Starred: "l’étoile (« *liste ») n’est pas permise. Écrivez les valeurs une par une",
    ast.Slice: "les tranches (« liste[1:3] ») ne sont pas permises. Lisez un élément à la fois",
    ast.LShift: "« << » n’est pas permis. Écrivez une multiplication",
    ast.RShift: "« >> » n’est pas permis. Écrivez une division",
    ast.BitOr: "« | » n’est pas permis. Écrivez « or »",
    ast.BitAnd: "« & » n’est pas permis. Écrivez « and »",
    ast.BitXor: "« ^ » n’est pas permis. Écrivez « != »",
    ast.Invert: "« ~ » n’est pas permis. Écrivez « not »",
    ast.MatMult: "« @ » n’est pas permis. Écrivez « * »",
    ast.Set: "les ensembles (« {1, 2} ») ne sont pas permis. Écrivez une liste : « [1, 2] »",
    ast.Await: "« await » n’est pas permis. Écrivez directement le calcul",
    ast.Yield: "« yield » n’est pas permis. Écrivez directement le calcul",
    ast.YieldFrom: "« yield » n’est pas permis. Écrivez directement le calcul",
    **dict.fromkeys(
        (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp),
        "les boucles ne sont pas permises. Utilisez une fonction comme somme, valeurs ou contient",
    ),
}

_ONLY_FUNCTIONS = "Les fonctions permises sont : " + ", ".join(FUNCTIONS)


def _walk(root: ast.AST) -> Iterator[ast.AST]:
    """Every node under `root`, without recursion, refusing too deep or too large a tree."""
    waiting = [(root, 0)]
    count = 0
    while waiting:
        node, depth = waiting.pop()
        count += 1
        if count > MAX_NODES or depth > MAX_DEPTH:
            raise ExpressionError(
                "L’expression est trop compliquée. Découpez-la en plusieurs lignes d’une tâche de script."
            )
        yield node
        waiting.extend((child, depth + 1) for child in ast.iter_child_nodes(node))


def _check(node: ast.AST) -> None:
    if not isinstance(node, _ALLOWED):
        reason = _REFUSED.get(type(node), f"« {type(node).__name__} » n’est pas permis")
        raise ExpressionError(f"Dans l’expression, {reason}.")
    if isinstance(node, ast.Constant):
        _check_constant(node)
    elif isinstance(node, ast.Name):
        if node.id.startswith("_"):
            raise ExpressionError(
                f"Le nom « {node.id} » est refusé : un nom ne commence pas par un trait bas. Renommez la variable."
            )
    elif isinstance(node, ast.Call):
        _check_call(node)
    elif isinstance(node, ast.Subscript):
        _check_key(node.slice)
    elif isinstance(node, ast.Dict) and not all(_is_text(key) for key in node.keys):
        raise ExpressionError(
            'Dans un groupe (« {…} »), chaque clé est un texte entre guillemets. Écrivez {"cle": valeur}.'
        )


def _is_text(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _check_constant(node: ast.Constant) -> None:
    if node.value is not None and type(node.value) not in (bool, int, float, str):
        raise ExpressionError(
            "L’expression contient une valeur d’un genre inconnu. "
            "Écrivez un nombre, un texte entre guillemets, vrai, faux ou rien."
        )
    require_bounded(node.value)


def _check_call(node: ast.Call) -> None:
    if not isinstance(node.func, ast.Name):
        _check(node.func)
        raise ExpressionError(f"Seule une fonction se met devant des parenthèses. {_ONLY_FUNCTIONS}.")
    function = FUNCTIONS.get(node.func.id)
    if function is None:
        raise ExpressionError(f"La fonction « {node.func.id} » n’existe pas. {_ONLY_FUNCTIONS}.")
    if any(isinstance(argument, ast.Starred) for argument in node.args) or any(k.arg is None for k in node.keywords):
        raise ExpressionError(f"Dans l’expression, {_REFUSED[ast.Starred]}.")
    try:
        function.signature.bind(*node.args, **{str(k.arg): k.value for k in node.keywords})
    except TypeError:
        raise ExpressionError(f"La fonction « {function.name} » est mal appelée. Écrivez : {function.usage}.") from None


def _check_key(key: ast.AST) -> None:
    negative = isinstance(key, ast.UnaryOp) and isinstance(key.op, ast.USub) and isinstance(key.operand, ast.Constant)
    if isinstance(key, ast.Slice):
        _check(key)
    if not negative and not isinstance(key, ast.Constant | ast.Name):
        raise ExpressionError(
            "Entre crochets, écrivez un nombre, un texte entre guillemets ou une variable, pas un calcul."
        )


# --- Evaluating ------------------------------------------------------------------------------------------------


class _Evaluator(SimpleEval):  # type: ignore[misc]  # simpleeval ships no types
    """One evaluation of one checked tree.

    The parent's constructor is bypassed on purpose: it fills tables we forbid and silences warnings process-wide
    (not thread-safe), which costs more than most evaluations. Only the node kinds listed here can run at all.
    """

    def __init__(self, text: str, names: Mapping[str, object], now: datetime) -> None:
        self.expr = text
        self.names = names
        self.now = now
        self.operators = OPERATORS
        self.nodes = {
            ast.Constant: self._eval_constant,
            ast.Name: self._eval_name,
            ast.UnaryOp: self._eval_unaryop,
            ast.BinOp: self._eval_binop,
            ast.BoolOp: self._eval_boolop,
            ast.Compare: self._eval_compare,
            ast.IfExp: self._eval_ifexp,
            ast.Call: self._eval_call,
            ast.Subscript: self._eval_subscript,
            ast.List: self._eval_sequence,
            ast.Tuple: self._eval_sequence,
            ast.Dict: self._eval_group,
        }

    def _check_disallowed_items(self, item: object) -> None:
        """Called by the parent on each intermediate result; data are JSON, so bounds are what remains to prove."""
        require_bounded(item)

    def _eval_name(self, node: ast.Name) -> object:
        if node.id in CONSTANTS:
            return CONSTANTS[node.id]
        try:
            return self.names[node.id]
        except KeyError:
            raise ExpressionError(
                f"La variable « {node.id} » n’est pas connue ici. "
                "Vérifiez son nom, ou l’étape qui doit la renseigner avant."
            ) from None

    def _eval_call(self, node: ast.Call) -> object:
        assert isinstance(node.func, ast.Name)
        function = FUNCTIONS[node.func.id]
        values = [self._eval(argument) for argument in node.args]
        named = {str(argument.arg): self._eval(argument.value) for argument in node.keywords}
        try:
            return function.call(self.now, *values, **named)
        except FunctionRefusal as refusal:
            raise ExpressionError(
                f"Dans {function.usage}, {refusal}. Vérifiez la donnée ou testez-la avec non_vide(…)."
            ) from None

    def _eval_subscript(self, node: ast.Subscript) -> object:
        container = self._eval(node.value)
        key = self._eval(node.slice)
        if isinstance(container, dict) and isinstance(key, str):
            if key in container:
                return container[key]
            raise ExpressionError(f"Le groupe ne contient pas « {key} ». Vérifiez le nom entre crochets.")
        if isinstance(container, list) and type(key) is int:
            if -len(container) <= key < len(container):
                return container[key]
            raise ExpressionError(
                f"La liste n’a pas d’élément n° {key} (elle en a {len(container)}, comptés à partir de 0)."
            )
        raise mismatch("[ ]", container, key)

    def _eval_sequence(self, node: ast.List | ast.Tuple) -> list[object]:
        return [self._eval(item) for item in node.elts]

    def _eval_group(self, node: ast.Dict) -> dict[object, object]:
        return {self._eval(key): self._eval(value) for key, value in zip(node.keys, node.values, strict=True)}


# --- Expressions -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Expression:
    """A checked expression: `text` as written, `names` the variables it may read."""

    text: str
    names: frozenset[str]
    tree: ast.expr

    def evaluate(self, names: Mapping[str, Json], *, now: datetime) -> Json:
        """The value with these variables at this aware instant; ExpressionError when it has none."""
        return to_json(self._raw(names, now))

    def _raw(self, names: Mapping[str, Any], now: datetime) -> object:
        try:
            return _Evaluator(self.text, names, now)._eval(self.tree)
        except RecursionError:
            raise ExpressionError("Une donnée est emboîtée trop profondément. Simplifiez-la.") from None


@lru_cache(maxsize=4096)
def compile_expression(text: str) -> Expression:
    """Parses and checks `text`; ExpressionError with the French reason and remedy when it is refused."""
    if not text.strip():
        raise ExpressionError("L’expression est vide. Écrivez une condition ou une valeur.")
    if len(text) > MAX_SOURCE:
        raise ExpressionError(
            f"L’expression est trop longue ({len(text)} caractères, au plus {MAX_SOURCE}). Découpez-la."
        )
    if "\\" in text:
        # an escape may hide text from whoever reviews the file, and Python warns about unknown ones
        raise ExpressionError("La barre oblique inverse (« \\ ») n’est pas permise. Retirez-la.")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError, Warning):
        raise ExpressionError(
            f"L’expression « {_shortened(text)} » ne se lit pas. "
            "Écrivez une seule expression, par exemple : age(naissance) < 6 and accord == vrai."
        ) from None
    called: set[int] = set()
    names: set[str] = set()
    for node in _walk(tree):
        _check(node)
        if isinstance(node, ast.Call):
            called.add(id(node.func))
        elif isinstance(node, ast.Name) and id(node) not in called:
            names.add(node.id)
    return Expression(text, frozenset(names - CONSTANTS.keys()), tree)


def evaluate(text: str, names: Mapping[str, Json], *, now: datetime) -> Json:
    """Compiles (cached) and evaluates `text`; same errors as both."""
    return compile_expression(text).evaluate(names, now=now)


def _shortened(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= 60 else flat[:59] + "…"


# --- Scripts ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Script:
    """Checked lines `name = expression`, run in order; `names` is what must be known before the first line."""

    lines: tuple[tuple[str, Expression], ...]
    assigned: tuple[str, ...]
    names: frozenset[str]

    def execute(self, names: Mapping[str, Json], *, now: datetime) -> dict[str, Json]:
        """The assigned values by name. A line sees what the lines above it assigned. `names` is left untouched."""
        known = dict(names)
        results: dict[str, Json] = {}
        for name, expression in self.lines:
            known[name] = results[name] = expression.evaluate(known, now=now)
        return results


@lru_cache(maxsize=1024)
def compile_script(text: str) -> Script:
    """Parses a script task: blank lines, `# comments` and at most 50 lines `name = expression`."""
    lines: list[tuple[str, Expression]] = []
    needed: set[str] = set()
    if len(text) > MAX_SOURCE * MAX_SCRIPT_LINES or text.count("\n") >= 4 * MAX_SCRIPT_LINES:
        raise ExpressionError(f"Le script est trop long. Gardez au plus {MAX_SCRIPT_LINES} lignes.")
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        name, expression = _compile_line(number, line)
        needed |= expression.names - {assigned for assigned, _ in lines}
        lines.append((name, expression))
    if not lines:
        raise ExpressionError("Le script est vide. Écrivez au moins une ligne « nom = expression ».")
    if len(lines) > MAX_SCRIPT_LINES:
        raise ExpressionError(f"Le script est trop long. Gardez au plus {MAX_SCRIPT_LINES} lignes.")
    assigned = tuple(dict.fromkeys(name for name, _ in lines))
    return Script(tuple(lines), assigned, frozenset(needed))


def _compile_line(number: int, line: str) -> tuple[str, Expression]:
    match = re.match(r"(\w+)\s*=(?!=)(.*)", line)
    if match is None:
        raise ExpressionError(f"Ligne {number} : écrivez « nom = expression », et rien d’autre sur la ligne.")
    name = match[1]
    if not is_variable_name(name):
        raise ExpressionError(
            f"Ligne {number} : le nom « {name} » est réservé ou mal formé. "
            "Choisissez un nom en lettres minuscules, par exemple « montant_total »."
        )
    try:
        return name, compile_expression(match[2].strip())
    except ExpressionError as error:
        raise ExpressionError(f"Ligne {number} : {error.message}") from None


def is_variable_name(name: str) -> bool:
    """Whether `name` may hold a value: a plain identifier that expressions can read back."""
    return (
        re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,99}", name) is not None
        and not keyword.iskeyword(name)
        and name not in CONSTANTS
    )
