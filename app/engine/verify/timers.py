"""Timers: an expression giving an ISO 8601 duration, date or cycle. Constants are checked to the letter."""

import re
from datetime import UTC, datetime

from app.engine.expressions import ExpressionError, compile_expression
from app.engine.graph import EventDefinition, Graph, Node
from app.engine.timers import after, instant_of
from app.engine.verify.problems import Report

_DURATION = re.compile(
    r"P(?=.)(?:\d{1,5}W|(?:\d{1,4}Y)?(?:\d{1,4}M)?(?:\d{1,5}D)?(?:T(?=.)(?:\d{1,5}H)?(?:\d{1,6}M)?(?:\d{1,7}S)?)?)"
)
_CYCLE = re.compile(r"R(?P<times>\d{0,4})/(?:(?P<start>[^/P][^/]*)/)?(?P<duration>P[^/]+)")
_ANY_DAY = datetime(2026, 1, 1, tzinfo=UTC)
_EXAMPLES = {"duration": "'PT24H'", "date": "'2026-09-01T08:00'", "cycle": "'R3/PT1H'"}


def check_timer(graph: Graph, node: Node, event: EventDefinition, report: Report) -> None:
    """Reports a timer without value, or whose constant value cannot be read."""
    if event.timer is None or not event.expression:
        report.error(node, "Ce minuteur n’a pas de durée ni de date.", "Écrivez par exemple la durée 'PT24H'.")
        return
    example = _EXAMPLES[event.timer]
    if _is_bare(event.expression):
        report.error(
            node,
            f"La valeur du minuteur, {event.expression}, doit être un texte.",
            f"Mettez-la entre guillemets simples, par exemple {example}.",
        )
        return
    if event.timer == "cycle" and not _may_repeat(graph, node):
        report.error(
            node,
            "Un minuteur qui se répète ne peut pas être posé ici.",
            "Posez-le sur le bord d’une étape, sans interruption, ou indiquez une durée.",
        )
    if not _is_readable(event.timer, event.expression):
        report.error(
            node,
            f"La valeur du minuteur, {event.expression[:60]}, ne se lit pas.",
            f"Écrivez par exemple {example}" + (', ou duree("24 heures").' if event.timer == "duration" else "."),
        )


def _is_bare(expression: str) -> bool:
    """Whether it is written as other tools do, `PT24H`, which our language reads as a variable's name."""
    return bool(_DURATION.fullmatch(expression) or _CYCLE.fullmatch(expression) or re.match(r"\d{4}-\d\d-", expression))


def _may_repeat(graph: Graph, node: Node) -> bool:
    container = graph.nodes.get(node.scope)
    by_event = node.kind == "startEvent" and container is not None and container.by_event
    return (node.kind == "boundaryEvent" or by_event) and not node.interrupting


def _is_readable(kind: str, expression: str) -> bool:
    """Whether the value fits; an expression that depends on variables, or is refused elsewhere, gets the benefit."""
    try:
        compiled = compile_expression(expression)
    except ExpressionError:
        return True
    if compiled.names:
        return True
    try:
        return _fits(kind, compiled.evaluate({}, now=_ANY_DAY))
    except ExpressionError:
        return False


def _fits(kind: str, value: object) -> bool:
    if not isinstance(value, str):
        return False
    if kind == "duration":
        return _is_duration(value)
    if kind == "date":
        return _is_duration(value) or _is_instant(value)
    cycle = _CYCLE.fullmatch(value)
    if cycle is None or not _is_duration(cycle["duration"]) or not re.search(r"[1-9]", cycle["duration"]):
        return False  # a cycle of no duration would fire for ever at once
    return cycle["start"] is None or _is_instant(cycle["start"])


def _is_duration(value: str) -> bool:
    try:
        after(value, _ANY_DAY)  # 9 000 years are written as a duration is, and lead nowhere
    except ValueError:
        return False
    return _DURATION.fullmatch(value) is not None


def _is_instant(value: str) -> bool:
    try:
        instant_of(value)
    except ValueError:
        return False
    return True
