"""Decision tables (DMN): read, checked and evaluated here, because SpiffWorkflow evaluates their cells with `eval`.

One table per decision, with the hit policies UNIQUE, FIRST, ANY and COLLECT. Input expressions and output cells are in
the language of `expressions`, input cells in the S-FEEL forms of `unary_tests`. Everything else that DMN allows
(chained decisions, literal expressions, contexts, functions…) is refused by name.
"""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Literal as OneOf

from lxml import etree

from app.engine.expressions import Expression, ExpressionError, Json, compile_expression, is_variable_name
from app.engine.unary_tests import Literal, UnaryTest, parse_cell
from app.engine.xml import XmlRefused, load_xml

_NAMESPACES = ("https://www.omg.org/spec/DMN/", "http://www.omg.org/spec/DMN/")
_POLICIES = ("UNIQUE", "FIRST", "ANY", "COLLECT")
_AGGREGATIONS = ("SUM", "MIN", "MAX", "COUNT")
_MAX_RULES = 500
_MAX_COMBINATIONS = 4_000
_SPELLINGS = {"true": "vrai", "false": "faux", "null": "rien"}
_OTHER_TEXT = "\N{REPLACEMENT CHARACTER}"

_TOLERATED_IN_DEFINITIONS = {"decision", "inputData", "knowledgeSource", "textAnnotation", "association", "DMNDI"}
_TOLERATED_IN_DECISION = {
    "decisionTable", "informationRequirement", "authorityRequirement", "variable", "question", "allowedAnswers",
}  # fmt: skip
_DOCUMENTATION = {"description", "extensionElements"}


class DecisionError(Exception):
    """A table that is refused or finds no answer; `message` is a French sentence with its remedy."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True)
class Input:
    """A column of conditions. `allowed` is its list of predefined values, if it has one."""

    label: str
    expression: Expression
    allowed: UnaryTest | None


@dataclass(frozen=True)
class Output:
    """A column of results, stored under `name`; `default` answers when no rule does."""

    name: str
    allowed: UnaryTest | None
    default: Expression | None


@dataclass(frozen=True)
class Rule:
    """A line: one test per input, one expression per output. `number` counts from 1, as dmn-js shows it."""

    number: int
    tests: tuple[UnaryTest, ...]
    results: tuple[Expression | None, ...]


@dataclass(frozen=True)
class Decision:
    """A checked decision table."""

    id: str
    name: str
    policy: OneOf["UNIQUE", "FIRST", "ANY", "COLLECT"]
    aggregation: OneOf["SUM", "MIN", "MAX", "COUNT"] | None
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    rules: tuple[Rule, ...]

    @property
    def names(self) -> frozenset[str]:
        """The variables the table reads."""
        used = [column.expression.names for column in self.inputs]
        used += [cell.names for rule in self.rules for cell in rule.results if cell]
        used += [column.default.names for column in self.outputs if column.default]
        return frozenset().union(*used)

    @property
    def lists(self) -> bool:
        """Whether the answer is a list (COLLECT without aggregation) rather than one value per output."""
        return self.policy == "COLLECT" and self.aggregation is None

    def evaluate(self, names: Mapping[str, Json], *, now: datetime) -> dict[str, Json] | list[Json]:
        """The answer: `{output: value}`, or for COLLECT without aggregation a list, of values when the table has one
        output and of `{output: value}` otherwise.

        DecisionError when no rule answers, when UNIQUE meets several, when ANY meets different answers, or when a value
        is not among a column's predefined ones.
        """
        values = [self._read(column, names, now) for column in self.inputs]
        hits = self._hits(values)
        if self.policy == "FIRST":
            hits = hits[:1]
        if self.policy == "UNIQUE" and len(hits) > 1:
            raise DecisionError(
                f"Décision « {self.name} » : les règles {_numbers(hits)} conviennent toutes {self._when(values)}. "
                "Rendez-les exclusives, ou choisissez la politique « FIRST »."
            )
        answers = [self._answer(rule, names, now) for rule in hits]
        if self.policy == "COLLECT":
            return self._collected(answers)
        if not answers:
            return self._default(names, now, values)
        if any(answer != answers[0] for answer in answers):
            raise DecisionError(
                f"Décision « {self.name} » : les règles {_numbers(hits)} répondent différemment {self._when(values)}. "
                "Donnez-leur le même résultat, ou rendez-les exclusives."
            )
        return answers[0]

    def _hits(self, values: list[Json]) -> list[Rule]:
        try:
            return [rule for rule in self.rules if all(map(UnaryTest.__call__, rule.tests, values))]
        except ExpressionError as error:
            raise DecisionError(f"Décision « {self.name} » : {error.message}") from None

    def _read(self, column: Input, names: Mapping[str, Json], now: datetime) -> Json:
        value = self._compute(column.expression, names, now)
        if column.allowed is not None and not column.allowed(value):
            raise DecisionError(
                f"Décision « {self.name} » : {column.label} = {_shown(value)} n’est pas parmi les valeurs prévues "
                f"({column.allowed.text}). Ajoutez-la, ou corrigez la donnée."
            )
        return value

    def _answer(self, rule: Rule, names: Mapping[str, Json], now: datetime) -> dict[str, Json]:
        answer: dict[str, Json] = {}
        for column, cell in zip(self.outputs, rule.results, strict=True):
            value = self._compute(cell, names, now)
            if column.allowed is not None and not column.allowed(value):
                raise DecisionError(
                    f"Décision « {self.name} », règle {rule.number} : {_shown(value)} n’est pas un résultat prévu de "
                    f"« {column.name} » ({column.allowed.text}). Corrigez la case."
                )
            answer[column.name] = value
        return answer

    def _compute(self, expression: Expression | None, names: Mapping[str, Json], now: datetime) -> Json:
        if expression is None:
            return None
        try:
            return expression.evaluate(names, now=now)
        except ExpressionError as error:
            raise DecisionError(f"Décision « {self.name} » : {error.message}") from None

    def _default(self, names: Mapping[str, Json], now: datetime, values: list[Json]) -> dict[str, Json]:
        if not any(column.default for column in self.outputs):
            raise DecisionError(
                f"Décision « {self.name} » : aucune règle ne convient {self._when(values)}. Ajoutez une règle."
            )
        return {column.name: self._compute(column.default, names, now) for column in self.outputs}

    def _collected(self, answers: list[dict[str, Json]]) -> dict[str, Json] | list[Json]:
        if len(self.outputs) > 1:
            return list(answers)
        name = self.outputs[0].name
        values = [answer[name] for answer in answers]
        if self.aggregation is None:
            return values
        if self.aggregation == "COUNT":
            return {name: len(values)}
        numbers = [_decimal(value) for value in values]
        if None in numbers:
            raise DecisionError(f"Décision « {self.name} » : « {name} » contient autre chose que des nombres.")
        known = [number for number in numbers if number is not None]
        if self.aggregation == "SUM":
            return {name: _plain(sum(known, Decimal(0)))}
        if not known:
            return {name: None}
        return {name: _plain(min(known) if self.aggregation == "MIN" else max(known))}

    def _when(self, values: list[Json]) -> str:
        shown = (f"{column.label} = {_shown(value)}" for column, value in zip(self.inputs, values, strict=True))
        return "quand " + ", ".join(shown)

    def warnings(self) -> list[str]:
        """French sentences on holes and overlaps, found by trying every bound of the cells, and what lies between.

        Tables whose bounds give too many combinations are not examined: no warning is then no proof.
        """
        if self.policy == "COLLECT":
            return []
        candidates = [list(self._candidates(position)) for position in range(len(self.inputs))]
        total = 1
        for column in candidates:
            total *= len(column)
        if total > _MAX_COMBINATIONS:
            return []
        holes, overlaps = [], []
        for combination in itertools.product(*candidates):
            values = list(combination)
            try:
                hits = self._hits(values)
            except DecisionError:
                continue  # a column mixes texts and numbers: this combination cannot be compared
            if not hits and not any(column.default for column in self.outputs):
                holes.append(f"aucune règle ne convient {self._when(values)}. Ajoutez une règle.")
            if len(hits) > 1 and self.policy == "UNIQUE":
                overlaps.append(f"les règles {_numbers(hits)} se recouvrent {self._when(values)}. Séparez-les.")
        return [f"Décision « {self.name} » : {found[0]}" for found in (holes, overlaps) if found]

    def _candidates(self, position: int) -> Iterator[Json]:
        bounds = [bound for rule in self.rules for bound in rule.tests[position].bounds]
        allowed = self.inputs[position].allowed
        values = list(_around(bounds + list(allowed.bounds if allowed else ())))
        return iter([value for value in values if allowed is None or allowed(value)] or [None])


def _around(bounds: list[Literal]) -> Iterator[Json]:
    """Each bound, something before, between and after them: the values on which tests may change their answer."""
    numbers = sorted({bound for bound in bounds if isinstance(bound, Decimal)})
    if numbers:
        points = [numbers[0] - 1, *numbers, numbers[-1] + 1]
        points += [(low + high) / 2 for low, high in itertools.pairwise(numbers)]
        yield from (_plain(point) for point in sorted(points))
    days = sorted({bound for bound in bounds if isinstance(bound, date)})
    if days:
        near = {day + timedelta(days=delta) for day in days for delta in (-1, 0, 1) if date.min < day < date.max}
        yield from (day.isoformat() for day in sorted(near))
    texts = sorted({bound for bound in bounds if isinstance(bound, str)})
    yield from texts
    if texts:
        yield _OTHER_TEXT
    if any(isinstance(bound, bool) for bound in bounds):
        yield from (True, False)


def _decimal(value: Json) -> Decimal | None:
    return Decimal(str(value)) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _plain(number: Decimal) -> int | float:
    return int(number) if number == number.to_integral_value() else float(number)


def _numbers(rules: list[Rule]) -> str:
    return " et ".join(str(rule.number) for rule in rules[:5])


def _shown(value: Json) -> str:
    if value == _OTHER_TEXT:
        return "un autre texte"
    if value is None:
        return "(vide)"
    if isinstance(value, bool):
        return "vrai" if value else "faux"
    return str(value)[:60]


# --- Reading ---------------------------------------------------------------------------------------------------


def parse_decisions(xml: bytes, what: str = "le fichier de décision") -> dict[str, Decision]:
    """The decisions of one .dmn file, by id. DecisionError naming the element when anything is not supported."""
    try:
        root = load_xml(xml, what)
    except XmlRefused as refusal:
        raise DecisionError(refusal.message) from None
    if _local(root) != "definitions" or not str(etree.QName(root).namespace).startswith(_NAMESPACES):
        raise DecisionError(f"{what[:1].upper()}{what[1:]} n’est pas un fichier DMN. Exportez-le depuis l’éditeur.")
    _require_known(root, _TOLERATED_IN_DEFINITIONS, "du fichier")
    decisions: dict[str, Decision] = {}
    for element in _children(root, "decision"):
        decision = _decision(element)
        if decision.id in decisions:
            raise DecisionError(f"Deux décisions s’appellent « {decision.id} ». Renommez l’une d’elles.")
        decisions[decision.id] = decision
    if not decisions:
        raise DecisionError(f"{what[:1].upper()}{what[1:]} ne contient aucune décision. Ajoutez une table.")
    return decisions


def _local(element: etree._Element) -> str:
    return etree.QName(element).localname


def _children(element: etree._Element, name: str) -> list[etree._Element]:
    return [child for child in element if _local(child) == name]


def _title(element: etree._Element) -> str:
    return element.get("name") or element.get("label") or element.get("id") or _local(element)


def _require_known(element: etree._Element, known: set[str], where: str) -> None:
    for child in element:
        if _local(child) not in known | _DOCUMENTATION:
            raise DecisionError(
                f"L’élément « {_title(child)} » ({_local(child)}) {where} n’est pas pris en charge. "
                "Exprimez la décision par une seule table."
            )


def _decision(element: etree._Element) -> Decision:
    decision_id, name = element.get("id") or "", _title(element)
    if not is_variable_name(decision_id.replace("-", "_")):
        raise DecisionError(
            f"L’identifiant de la décision « {name} » est mal formé. Écrivez des lettres, des chiffres et « _ »."
        )
    _require_known(element, _TOLERATED_IN_DECISION, f"de la décision « {name} »")
    for requirement in _children(element, "informationRequirement"):
        if _children(requirement, "requiredDecision"):
            raise DecisionError(
                f"La décision « {name} » dépend d’une autre décision, ce qui n’est pas pris en charge. "
                "Appelez les deux tables l’une après l’autre dans le processus."
            )
    tables = _children(element, "decisionTable")
    if len(tables) != 1:
        raise DecisionError(f"La décision « {name} » n’a pas de table. Ajoutez une table de décision.")
    try:
        return _table(tables[0], decision_id, name)
    except ExpressionError as error:
        raise DecisionError(f"Décision « {name} » : {error.message}") from None


def _table(table: etree._Element, decision_id: str, name: str) -> Decision:
    policy, aggregation = table.get("hitPolicy") or "UNIQUE", table.get("aggregation") or None
    if policy not in _POLICIES:
        raise ExpressionError(
            f"la politique « {policy} » n’est pas prise en charge. Choisissez {', '.join(_POLICIES)}."
        )
    _require_known(table, {"input", "output", "rule", "annotation"}, f"de la décision « {name} »")
    inputs = tuple(_input(element) for element in _children(table, "input"))
    outputs = tuple(_output(element, name) for element in _children(table, "output"))
    if aggregation is not None and (policy != "COLLECT" or aggregation not in _AGGREGATIONS or len(outputs) != 1):
        raise ExpressionError(
            f"le cumul « {aggregation} » demande la politique « COLLECT » et une seule colonne de résultat."
        )
    lines = _children(table, "rule")
    if not inputs or not outputs or not lines or len(lines) > _MAX_RULES:
        raise ExpressionError(
            f"la table doit avoir une entrée, un résultat et de 1 à {_MAX_RULES} règles. Complétez-la."
        )
    if len({output.name for output in outputs}) != len(outputs):
        raise ExpressionError("deux colonnes de résultat portent le même nom. Renommez l’une d’elles.")
    rules = tuple(_rule(line, number, len(inputs), len(outputs)) for number, line in enumerate(lines, start=1))
    return Decision(decision_id, name, policy, aggregation, inputs, outputs, rules)  # type: ignore[arg-type]  # checked above


def _text(element: etree._Element) -> str:
    texts = _children(element, "text")
    return (texts[0].text or "").strip() if texts else ""


def _input(element: etree._Element) -> Input:
    _require_known(element, {"inputExpression", "inputValues"}, f"de l’entrée « {_title(element)} »")
    written = [_text(child) for child in _children(element, "inputExpression")]
    if len(written) != 1 or not written[0]:
        raise ExpressionError(f"l’entrée « {_title(element)} » ne lit aucune variable. Écrivez son nom.")
    label = element.get("label") or written[0]
    return Input(label, compile_expression(written[0]), _allowed(element, "inputValues"))


def _output(element: etree._Element, decision: str) -> Output:
    name = element.get("name") or ""
    if not is_variable_name(name):
        raise ExpressionError(
            f"une colonne de résultat de « {decision} » s’appelle « {name} ». Donnez-lui un nom de variable, "
            "en lettres minuscules sans accent."
        )
    _require_known(element, {"outputValues", "defaultOutputEntry"}, f"du résultat « {name} »")
    defaults = [_result(_text(child)) for child in _children(element, "defaultOutputEntry")]
    return Output(name, _allowed(element, "outputValues"), defaults[0] if defaults else None)


def _allowed(element: etree._Element, tag: str) -> UnaryTest | None:
    texts = [_text(child) for child in _children(element, tag)]
    return parse_cell(texts[0]) if texts and texts[0] else None


def _result(text: str) -> Expression | None:
    return compile_expression(_SPELLINGS.get(text, text)) if text else None


def _rule(element: etree._Element, number: int, inputs: int, outputs: int) -> Rule:
    _require_known(element, {"inputEntry", "outputEntry", "annotationEntry"}, f"de la règle {number}")
    tests, results = _children(element, "inputEntry"), _children(element, "outputEntry")
    if len(tests) != inputs or len(results) != outputs:
        raise ExpressionError(f"la règle {number} n’a pas le même nombre de cases que la table. Complétez-la.")
    try:
        return Rule(
            number, tuple(parse_cell(_text(cell)) for cell in tests), tuple(_result(_text(cell)) for cell in results)
        )
    except ExpressionError as error:
        raise ExpressionError(f"règle {number} : {error.message}") from None
