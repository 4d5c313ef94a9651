"""Taking a running case to another version of its process: what would become of it, and the new state.

A case is *safe* when the step where it is exists in the new version, at the same level and of the same kind, and when
it knows what the new version reads from there on. It is to *map* when somebody must choose another step. It is
*blocked* when nothing can be chosen now: several steps at once, a repetition, a sub-process, an incident, an operation
under way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from SpiffWorkflow.bpmn import BpmnWorkflow

from app.engine.elements import bpmn_id
from app.engine.moving import data_at, new_identities, place_of, put, visited, why_closed, why_held
from app.engine.specs import Definition
from app.engine.state import load
from app.engine.steps import ScriptEngine

Result = Literal["safe", "map", "blocked"]


@dataclass(frozen=True)
class Plan:
    """What would become of a case: ``node`` is where it is, ``target`` where it would go on, ``cause`` why not."""

    result: Result
    node: str = ""
    target: str = ""
    cause: str = ""


def plan(
    workflow: BpmnWorkflow,
    old: Definition,
    new: Definition,
    mapping: Mapping[str, str],
    needed: Mapping[str, frozenset[str]],
) -> Plan:
    """What would become of this case of the version ``old`` in ``new``.

    ``mapping``: the step chosen for those that cannot stay at theirs. ``needed``: what ``new`` reads, by node.
    """
    if held := why_held(workflow, old):
        return Plan("blocked", cause=held)
    place = place_of(workflow, old)
    node, data = bpmn_id(place), data_at(place)
    why = _why_not_same(node, old, new) or _missing(node, data.keys(), needed)
    if not why:
        return Plan("safe", node, node)
    target = mapping.get(node, "")
    if not target:
        return Plan("map", node, cause=why)
    why = why_closed(new, target) or _missing(target, data.keys(), needed)
    return Plan("blocked", node, target, why) if why else Plan("safe", node, target)


def _why_not_same(node: str, old: Definition, new: Definition) -> str:
    drawn = new.nodes.get(node)
    if drawn is None:
        return "cette étape n’existe plus"
    if drawn.kind != old.nodes[node].kind or type(new.spec.task_specs.get(node)) is not type(old.spec.task_specs[node]):
        return "cette étape n’est plus de même nature, ou plus au même niveau"
    return why_closed(new, node)


def _missing(node: str, known: Iterable[str], needed: Mapping[str, frozenset[str]]) -> str:
    lacking = sorted(needed.get(node, frozenset()) - frozenset(known))
    return f"il lui manque ce que la nouvelle version lit ensuite : {', '.join(lacking)}" if lacking else ""


def migrated(workflow: BpmnWorkflow, old: Definition, engine: ScriptEngine, target: str) -> BpmnWorkflow:
    """The case at ``target`` in the version of ``engine``, with its data and what it has passed."""
    return put(engine.definition, engine, target, data_at(place_of(workflow, old)), visited(workflow))


def restored(workflow: BpmnWorkflow, engine: ScriptEngine, state: bytes, serializer: str) -> BpmnWorkflow:
    """The case as it was before it was migrated (``state`` of the version of ``engine``)."""
    before = load(state, serializer, engine.definition)
    before.script_engine = engine
    new_identities(workflow, before)
    return before
