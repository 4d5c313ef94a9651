"""Taking a running case to another version of its process: what would become of it, and the new state.

A case is *safe* when every step where it is goes on in the new version: drawn there, in the same scope and of the same
kind, knowing what the new version reads from there on, and together a situation that the new version can be in (verify
proves that such a one can be ended). Otherwise it is to *map*: somebody chooses another step of the same scope for one
of them. It is *blocked* when nothing can be chosen now.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from SpiffWorkflow.bpmn import BpmnWorkflow
from SpiffWorkflow.bpmn.specs.mixins.events.event_types import CatchingEvent
from SpiffWorkflow.bpmn.specs.mixins.multiinstance_task import MultiInstanceTask
from SpiffWorkflow.bpmn.specs.mixins.subworkflow_task import SubWorkflowTask

from app.db import Json
from app.engine.elements import OperationTask
from app.engine.grafting import Course, Goal, graft, same_event
from app.engine.moving import ABANDON, CannotMove, fits, local, new_identities, visited, why_not_entered
from app.engine.specs import Definition
from app.engine.state import load
from app.engine.steps import ScriptEngine
from app.engine.tokens import Standing, Token, standing
from app.engine.verify.markings import MAX_TRIED, Branches, Spot

Result = Literal["safe", "map", "blocked"]

_GONE = "cette étape n’existe plus"
_CHANGED = "cette étape n’est plus de même nature, ou plus au même niveau"
_ALONE = "cette étape est sur l’un de plusieurs chemins parallèles : les autres ne seraient pas faits"
_TOGETHER = "les chemins parallèles ont changé autour de cette étape : choisissez où elle reprend"
_BESIDE = "le choix fait pour un autre chemin ne va pas avec cette étape : changez-le, ou choisissez où elle reprend"
_NOTHING = "rien n’y attend personne : relancez la demande ou déplacez-la d’abord"
_APART = "les étapes choisies ne peuvent pas être en cours ensemble dans la nouvelle version : changez un choix"
_LEVEL = "l’étape choisie n’est pas au même niveau du diagramme : choisissez-en une autre"
_END = "l’étape choisie termine la demande, et l’on ne pourrait plus revenir en arrière : choisissez-en une autre"
_INCIDENT = "un incident est ouvert : relancez la demande ou déplacez-la d’abord"
_PENDING = "elle attend le résultat d’une opération du portail : recommencez dans quelques minutes"


@dataclass(frozen=True)
class Plan:
    """What would become of a case: ``node`` is where it is, ``target`` where it would go on, ``cause`` why not.

    A case in several places has their ids in ``node`` and ``target``, with commas; one to map, the step to choose for.
    """

    result: Result
    node: str = ""
    target: str = ""
    cause: str = ""


class _Stopped(Exception):
    """A case cannot go on like this: the plan says why."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan.cause)
        self.plan = plan


def plan(
    workflow: BpmnWorkflow,
    old: Definition,
    new: Definition,
    mapping: Mapping[str, str],
    needed: Mapping[str, frozenset[str]],
) -> Plan:
    """What would become of this case of the version ``old`` in ``new``.

    ``mapping``: the step chosen for those that cannot stay at theirs. ``needed``: what ``new`` reads, by node and flow.
    """
    try:
        course = _Planner(old, new, mapping, needed).course(standing(workflow))
    except _Stopped as stopped:
        return stopped.plan
    places, targets = zip(*_told(course), strict=True) if course.goals else ((), ())
    return Plan("safe", ", ".join(dict.fromkeys(places)), ", ".join(dict.fromkeys(each for each in targets if each)))


def _told(course: Course) -> Iterator[tuple[str, str]]:
    """Where the innermost tokens are and where they go, then what begins besides."""
    for token, goal in course.goals.items():
        inside = course.inside.get(token)
        if inside:
            for each in inside:
                yield from _told(each)
        else:
            yield token.node, goal.spot.node
    if course.begun is not None:
        first = next(iter(course.goals)).node
        yield from ((first, target) for target in course.begun.targets)


def migrated(
    workflow: BpmnWorkflow,
    old: Definition,
    engine: ScriptEngine,
    target: str,
    mapping: Mapping[str, str] | None = None,
    needed: Mapping[str, frozenset[str]] | None = None,
) -> BpmnWorkflow:
    """The case in the version of ``engine``, with its data and what it has passed. Raises CannotMove.

    It goes as ``plan`` says with the same ``mapping`` and ``needed``; without them, a case in one place to ``target``.
    """
    found = standing(workflow)
    if mapping is None:
        mapping = {token.node: target for _, token in found.walk() if token.node != target and not token.inside}
    try:
        course = _Planner(old, engine.definition, mapping, needed or {}).course(found)
    except _Stopped as stopped:
        raise CannotMove(stopped.plan.cause) from None
    return graft(course, engine.definition, engine, visited(workflow))


def restored(workflow: BpmnWorkflow, engine: ScriptEngine, state: bytes, serializer: str) -> BpmnWorkflow:
    """The case as it was before it was migrated (``state`` of the version of ``engine``)."""
    before = load(state, serializer, engine.definition)
    before.script_engine = engine
    new_identities(workflow, before)
    return before


def why_not_chosen(old: Definition, new: Definition, node: str, step: str) -> str:
    """Why cases that cannot stay at ``node`` may never go on at ``step`` of the new version; empty when some may."""
    if step == ABANDON:
        return ""
    if new.home(step) != old.home(node):
        return _LEVEL
    if new.nodes[step].kind == "endEvent":
        return _END
    beside = why_not_entered(new, step, aside=True)
    return beside and why_not_entered(new, step)


def choices(old: Definition, new: Definition, node: str) -> list[str]:
    """The steps where cases that cannot stay at ``node`` may go on; ``ABANDON`` among them if others go on without."""
    steps = [step for step in new.nodes if not why_not_chosen(old, new, node, step)]
    markings, own = old.drawing_of(node)
    return [*steps, ABANDON] if markings.is_accompanied(own) else steps


class _Planner:
    """Looks for where the tokens of a case go on, scope by scope."""

    def __init__(
        self, old: Definition, new: Definition, mapping: Mapping[str, str], needed: Mapping[str, frozenset[str]]
    ) -> None:
        self.old, self.new, self.mapping, self.needed = old, new, mapping, needed

    def course(self, found: Standing) -> Course:
        """Where this standing goes on. Raises _Stopped."""
        inside: dict[Token, list[Course]] = {}
        ways = [self._ways(found, token, inside) for token in found.tokens]
        tried = list(itertools.islice(itertools.product(*ways), MAX_TRIED))
        for goals in tried:
            if self._fits(found, goals):
                return Course(found, dict(zip(found.tokens, goals, strict=True)), inside)
        for goals in tried:
            if (begun := self._completed(found, goals)) is not None:
                return Course(found, dict(zip(found.tokens, goals, strict=True)), inside, begun)
        raise _Stopped(self._unfit(found))

    def _unfit(self, found: Standing) -> Plan:
        """What to say when nothing puts these tokens together: somebody chooses for one more, or otherwise."""
        if not found.tokens:
            return Plan("blocked", cause=_NOTHING)
        alone = len(found.tokens) == 1
        left = [token for token in found.tokens if token.node not in self.mapping]
        if not left:
            token = found.tokens[0]
            return Plan("blocked", token.node, self.mapping[token.node], _ALONE if alone else _APART)
        chosen = len(left) < len(found.tokens)
        return Plan("map", left[0].node, cause=_ALONE if alone else _BESIDE if chosen else _TOGETHER)

    # -- one token ---------------------------------------------------------------------------------------------

    def _ways(self, found: Standing, token: Token, inside: dict[Token, list[Course]]) -> list[Goal]:
        """Where a token may go on, what changes least first. Raises _Stopped when it may nowhere."""
        stopped: Plan | None = None
        ways: list[Goal] = []
        try:
            ways = self._arrivals(found, token) if token.join else self._same(found, token)
            if ways and token.inside and ways[0].kept:
                inside[token] = [self.course(each) for each in token.inside]
        except _Stopped as caught:
            stopped, ways = caught.plan, []
        if token.node in self.mapping and (stopped is None or not _held(token)):
            target = self.mapping[token.node]
            why = self._why_not(found, token, target)
            if why and not ways:
                raise _Stopped(Plan("blocked", token.node, target, why))
            ways += [] if why else [Goal(spot) for spot in self._spots(target)]
        if not ways:
            raise _Stopped(stopped or Plan("map", token.node, cause=_GONE))
        return ways

    def _same(self, found: Standing, token: Token) -> list[Goal]:
        """The step itself, when it goes on. Raises _Stopped with the reason why not."""
        why = self._why_not_same(found, token)
        if why and _held(token):
            raise _Stopped(Plan("blocked", token.node, cause=_held(token)))
        if not why and not token.inside:
            why = self._missing(token.node, token)
        if why:
            raise _Stopped(Plan("map", token.node, cause=why))
        spec = token.task.task_spec
        kept = not isinstance(spec, CatchingEvent) or same_event(spec, self._spec(token.node))
        return [Goal(Spot(token.node), kept)]

    def _why_not_same(self, found: Standing, token: Token) -> str:
        node, spec = token.node, token.task.task_spec
        drawn = self.new.nodes.get(node)
        if drawn is None:
            return _GONE
        other = self._spec(node)
        if (
            drawn.kind != self.old.nodes[node].kind
            or self.new.home(node) != found.scope
            or type(other) is not type(spec)
        ):
            return _CHANGED
        if isinstance(spec, SubWorkflowTask) and spec.spec != other.spec:
            return "elle appelle maintenant une autre démarche"
        if isinstance(spec, OperationTask) and token.pending and spec.operation_name != other.operation_name:
            return _CHANGED
        if isinstance(spec, MultiInstanceTask) and self._loop(spec, self.old) != self._loop(other, self.new):
            return "cette étape répétée ne porte plus sur les mêmes données, ou n’en recueille plus les mêmes"
        return ""

    def _loop(self, spec: Any, definition: Definition) -> tuple[Any, ...]:
        """What must be the same for a repetition to go on: what it repeats, and the names of its variables."""
        tree = next(tree for tree in definition.trees.values() if spec in tree.task_specs.values())
        each = tree.task_specs[spec.task_spec]
        names = (getattr(item, "bpmn_id", None) for item in (spec.input_item, spec.output_item, spec.data_output))
        return (type(each), getattr(each, "spec", ""), *names)

    def _arrivals(self, found: Standing, token: Token) -> list[Goal]:
        """The inputs of a join by which a branch may have arrived: its own, or another of the same join; when the join
        is gone, those of another."""
        joins = [token.node] if not self._why_not_same(found, token) else self._joins(found, token)
        spots = [spot for join in joins for spot in self._spots(join) if spot.source]
        spots.sort(key=lambda spot: spot.source != token.source)
        lacking = [self._missing_on(spot, token) for spot in spots]
        if not spots or lacking[0]:
            raise _Stopped(Plan("map", token.node, cause=lacking[0] if spots else _GONE))
        return [Goal(spot, kept=True) for spot, why in zip(spots, lacking, strict=True) if not why]

    def _joins(self, found: Standing, token: Token) -> list[str]:
        kind = self.old.nodes[token.node].kind
        return [
            node.id for node in self.new.nodes.values() if node.kind == kind and self.new.home(node.id) == found.scope
        ]

    # -- a step that somebody chose ----------------------------------------------------------------------------

    def _why_not(self, found: Standing, token: Token, target: str) -> str:
        if target == ABANDON:
            others = [each for each in found.tokens if each is not token and not each.aside]
            return "" if others or token.aside else "il ne lui resterait aucune étape"
        if self.new.home(target) != found.scope:
            return _LEVEL
        return why_not_entered(self.new, target, aside=token.aside) or self._missing(target, token)

    def _spots(self, target: str) -> list[Spot]:
        if target == ABANDON:
            return [Spot("")]
        markings, own = self.new.drawing_of(target)
        prefix = target.removesuffix(own)
        return [Spot(target, f"{prefix}{source}") for source in markings.sources(own)] or [Spot(target)]

    # -- what it knows -----------------------------------------------------------------------------------------

    def _missing(self, node: str, token: Token) -> str:
        return _lacking(self.needed.get(node, frozenset()), token.known())

    def _missing_on(self, spot: Spot, token: Token) -> str:
        """What a branch that has arrived should have brought by this way."""
        graph, way = self.new.drawing_of(spot.node)[0].graph, local(self.new, spot)
        flows = [flow for flow in graph.incoming(way.node) if flow.source == way.source]
        return _lacking(frozenset().union(*(self.needed.get(flow.id, ()) for flow in flows)), token.known())

    # -- together ----------------------------------------------------------------------------------------------

    def _fits(self, found: Standing, goals: Sequence[Goal]) -> bool:
        spots = self._together(found, goals)
        return bool(spots) and fits(self.new, found.scope, spots)

    def _completed(self, found: Standing, goals: Sequence[Goal]) -> Branches | None:
        markings, own = self.new.drawing_of_scope(found.scope)
        begun = markings.missing(own, [local(self.new, spot) for spot in self._together(found, goals)])
        prefix = f"{found.scope}:" if found.scope in self.new.drawings else found.scope.removesuffix(own)
        return begun and begun.within(prefix)

    def _together(self, found: Standing, goals: Sequence[Goal]) -> list[Spot]:
        """The tokens of the scope in the new version: several that are sent to one step are one there."""
        spots: list[Spot] = []
        for token, goal in zip(found.tokens, goals, strict=True):
            once = token.aside or not (goal.kept or goal.spot.source)
            if goal.spot.node and not (once and goal.spot in spots):
                spots.append(goal.spot)
        return spots

    def _spec(self, node: str) -> Any:
        return next((tree.task_specs[node] for tree in self.new.trees.values() if node in tree.task_specs), None)


def _held(token: Token) -> str:
    """Why a token, or what it holds open, cannot leave its step now; empty when it can."""
    all_of_it = [token, *(each for standing in token.inside for _, each in standing.walk())]
    if any(each.faulty for each in all_of_it):
        return _INCIDENT
    return _PENDING if any(each.pending for each in all_of_it) else ""


def _lacking(wanted: frozenset[str], known: Mapping[str, Json]) -> str:
    lacking = sorted(wanted - known.keys())
    return f"il lui manque ce que la nouvelle version lit ensuite : {', '.join(lacking)}" if lacking else ""
