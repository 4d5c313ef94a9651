"""Putting a case at another step: of its own version (an administrator mends it), or of a newer one (migration).

What is under way there goes on; what is sent elsewhere begins anew at its step, with the data it has.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from uuid import uuid4

from SpiffWorkflow.bpmn import BpmnWorkflow
from SpiffWorkflow.bpmn.specs.mixins.events.event_types import CatchingEvent
from SpiffWorkflow.util.task import TaskState

from app.engine.elements import Edge, bpmn_id
from app.engine.grafting import Course, Goal, graft
from app.engine.graph import ACTIVITIES
from app.engine.specs import Definition, Node
from app.engine.steps import ScriptEngine, all_tasks
from app.engine.tokens import ALIVE, Standing, Token, standing
from app.engine.verify.markings import Spot
from app.errors import Conflict

ENTERED = (*ACTIVITIES, "exclusiveGateway", "eventBasedGateway", "intermediateCatchEvent", "endEvent")
"""Kinds of nodes where a case may be put; besides joins, where a branch may."""
ABANDON = "-"
"""In place of a step: this path is given up, the others go on."""
MOST_TOKENS = 8
"""A case in more places is moved as a whole, or not at all."""

_SPLIT = ".BoundaryEventSplit"


class CannotMove(Conflict):
    """The case cannot be taken from where it is, or put there; the message says why, in French."""


# -- where a case may be put -----------------------------------------------------------------------------------------


def why_not_entered(definition: Definition, node: str, *, aside: bool = False) -> str:
    """Why nothing may begin at this node, whatever else is under way; empty when it may.

    ``aside``: what would begin was begun by an event that interrupts nothing; it must not become the course itself.
    """
    drawn = definition.nodes.get(node)
    tree = next((tree for tree in definition.trees.values() if node in tree.task_specs), None)
    if drawn is None or tree is None or not _may_be_entered(definition, drawn):
        return "on ne peut pas reprendre à cet endroit du diagramme"
    main = _entry(tree, node).name in _reached(tree, ["Start"], _beside)
    if aside and main:
        return (
            "ce qu’un événement a lancé à côté du parcours ne peut pas y entrer : terminez-le d’abord, ou abandonnez-le"
        )
    if not aside and not main:
        return "cette étape ne s’atteint que par un événement qui n’interrompt rien"
    return ""


def _may_be_entered(definition: Definition, node: Node) -> bool:
    markings, own = definition.drawing_of(node.id)
    if node.kind == "subProcess":
        return not markings.graph.nodes[own].by_event
    return node.kind in ENTERED or bool(markings.sources(own))


def why_closed(definition: Definition, node: str) -> str:
    """Why no case that is in one place of the process may be put at this node; empty when one may."""
    if why := why_not_entered(definition, node):
        return why
    if definition.home(node) != definition.spec.name:
        return "cette étape est à l’intérieur d’un sous-processus, d’une répétition ou d’une autre démarche"
    if not fits(definition, definition.spec.name, [Spot(node)]):
        return "cette étape est sur l’un de plusieurs chemins parallèles : les autres ne seraient pas faits"
    return ""


def local(definition: Definition, spot: Spot) -> Spot:
    """The same place with the ids of its own diagram, when it is that of a called démarche."""
    return Spot(definition.drawing_of(spot.node)[1], spot.source and definition.drawing_of(spot.source)[1])


def fits(definition: Definition, scope: str, spots: Iterable[Spot]) -> bool:
    """Whether a case may have these tokens, and no other, in this scope."""
    markings, own = definition.drawing_of_scope(scope)
    return markings.allow(own, [local(definition, spot) for spot in spots])


def _beside(spec: Any) -> bool:
    return isinstance(spec, Edge) and not spec.cancel_activity


def _reached(tree: Any, sources: Iterable[str], stops: Callable[[Any], bool]) -> set[str]:
    """The specs after ``sources``, as far as those that stop the search."""
    specs = tree.task_specs
    found: set[str] = set()
    waiting = [output.name for name in sources for output in specs[name].outputs]
    while waiting:
        name = waiting.pop()
        if name not in found and not stops(specs[name]):
            found.add(name)
            waiting.extend(output.name for output in specs[name].outputs)
    return found


def _entry(tree: Any, node: str) -> Any:
    """What is begun to begin a node: SpiffWorkflow draws a split before an activity with events on its edge."""
    return tree.task_specs.get(f"{node}{_SPLIT}") or tree.task_specs[node]


# -- putting it there ------------------------------------------------------------------------------------------------


def visited(workflow: BpmnWorkflow) -> set[str]:
    """The nodes completed so far."""
    done = {bpmn_id(task) for task in all_tasks(workflow, TaskState.COMPLETED)}
    return done | set(getattr(workflow, "forgotten", ()))


def moved(workflow: BpmnWorkflow, definition: Definition, engine: ScriptEngine, node: str) -> BpmnWorkflow:
    """The same case at another node of its version: what was under way there is given up, the rest goes on.

    Of a case that is in several places, the fewest possible leave theirs. Raises CannotMove.
    """
    if why := why_not_entered(definition, node):
        raise CannotMove(why)
    whole = standing(workflow)
    scope = definition.home(node)
    open_scopes = [each for each in (whole, *_inside(whole)) if each.scope == scope]
    if not open_scopes:
        raise CannotMove("cette étape est à l’intérieur d’un sous-processus, d’une répétition ou d’une autre démarche")
    if len(open_scopes) > 1:
        raise CannotMove("cette étape est en cours plusieurs fois : terminez d’abord ces répétitions")
    leaving = _leaving(definition, open_scopes[0], node)
    return graft(_course(whole, open_scopes[0], leaving, Spot(node)), definition, engine, visited(workflow))


def _inside(whole: Standing) -> Iterator[Standing]:
    for token in whole.tokens:
        for each in token.inside:
            yield each
            yield from _inside(each)


def _leaving(definition: Definition, found: Standing, node: str) -> list[Token]:
    """The fewest tokens whose place this step may take; those that a failure stops first. Raises CannotMove."""
    tokens = sorted(found.tokens, key=lambda token: (not token.faulty, token.aside))
    sizes = range(1, len(tokens) + 1) if len(tokens) <= MOST_TOKENS else (len(tokens),)
    for size in sizes:
        for leaving in itertools.combinations(tokens, size):
            left = [Spot(token.node, token.source) for token in tokens if token not in leaving]
            if not all(token.aside for token in leaving) and fits(definition, found.scope, [*left, Spot(node)]):
                return list(leaving)
    raise CannotMove("cette étape est sur l’un de plusieurs chemins parallèles : les autres ne seraient pas faits")


def _course(whole: Standing, changed: Standing, leaving: list[Token], goal: Spot) -> Course:
    """Everything stays where it is, but for the tokens that leave."""
    goals = {
        token: Goal(goal) if whole is changed and token in leaving else Goal(Spot(token.node, token.source), kept=True)
        for token in whole.tokens
    }
    inside = {
        token: [_course(each, changed, leaving, goal) for each in token.inside]
        for token, target in goals.items()
        if target.kept
    }
    return Course(whole, goals, inside)


def new_identities(before: BpmnWorkflow, now: BpmnWorkflow) -> None:
    """Gives a new id to what waits in ``now`` and did not wait just before: the rows of its old id are closed."""
    known = {task.id for task in all_tasks(before, ALIVE)}
    for task in list(all_tasks(now, TaskState.READY | TaskState.WAITING)):
        if task.id not in known:
            _rename(now, task)


def _rename(workflow: BpmnWorkflow, task: Any) -> None:
    waits = isinstance(task.task_spec, CatchingEvent) and task.id in workflow.event_manager.tasks
    if waits:
        workflow.event_manager.remove_task(task)
    siblings, tasks, new_id = task.parent._children, task.workflow.tasks, uuid4()
    siblings[siblings.index(task.id)] = new_id
    for child in task.children:
        child._parent = new_id
    del tasks[task.id]
    task.id = new_id
    tasks[new_id] = task
    if waits:
        workflow.event_manager.add_task(task)
