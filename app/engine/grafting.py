"""Growing the tree of a case anew on the specs of a version: what goes on is carried over, the rest begins there.

Of what has been passed, only what the engine still needs is kept: where branches parted, what each branch that waits at
a join brought there. The rest is remembered by id, for the diagram. A completed task whose element is gone is replaced
by the start of its scope, to which nothing leads back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import UUID

from SpiffWorkflow.bpmn import BpmnWorkflow
from SpiffWorkflow.bpmn.specs.control import BoundaryEventSplit, _EndJoin
from SpiffWorkflow.bpmn.specs.defaults import EventBasedGateway
from SpiffWorkflow.bpmn.specs.mixins.events.event_types import CatchingEvent
from SpiffWorkflow.bpmn.specs.mixins.multiinstance_task import MultiInstanceTask
from SpiffWorkflow.bpmn.specs.mixins.unstructured_join import UnstructuredJoin
from SpiffWorkflow.bpmn.util.subworkflow import BpmnSubWorkflow
from SpiffWorkflow.task import Task
from SpiffWorkflow.util.task import TaskState

from app.db import Json
from app.engine.elements import Edge
from app.engine.event_sub_processes import BODY
from app.engine.history import ended
from app.engine.parser import FAULT, start_again
from app.engine.specs import Definition
from app.engine.steps import ScriptEngine
from app.engine.tokens import Standing, Token, above, data_before, is_instance, merged_data, shared
from app.engine.verify.markings import Branches, Spot

_SPLIT = ".BoundaryEventSplit"


@dataclass(frozen=True)
class Goal:
    """Where a token goes on: ``spot`` (no node: it is given up). ``kept``: it goes on as it is."""

    spot: Spot
    kept: bool = False


@dataclass
class Course:
    """Where the tokens of a standing go: a goal each, a course for each scope they hold open, what begins besides.

    Ids in goals are those of the definition, with the slug of a called démarche.
    """

    standing: Standing
    goals: Mapping[Token, Goal]
    inside: Mapping[Token, list[Course]] = field(default_factory=dict)
    begun: Branches | None = None


def graft(course: Course, definition: Definition, engine: ScriptEngine, passed: Iterable[str]) -> BpmnWorkflow:
    """The case on this version, before it runs. ``passed``: the nodes it has been through."""
    top = BpmnWorkflow(definition.spec, definition.subprocess_specs, deserializing=True)
    top.script_engine = engine
    top.forgotten = set(passed)
    grafting = _Grafting(top)
    grafting.scope(top, course)
    for act in grafting.late:
        act()
    return top


def same_event(old: Any, new: Any) -> bool:
    """Whether two catching elements wait for the same kind of thing, in the same way."""
    return _waited(old) == _waited(new)


def _waited(spec: Any) -> tuple[type, type, bool | None]:
    return type(spec), type(spec.event_definition), getattr(spec, "cancel_activity", None)


class _Grafting:
    """One case. ``late`` is what begins once every branch is in its place, for joins look at all of them."""

    def __init__(self, top: BpmnWorkflow) -> None:
        self.top = top
        self.late: list[Callable[[], None]] = []
        self.of: dict[UUID, Any] = {}
        """The task under which goes what followed an old one, by the old one's id."""
        self.placed: dict[Token, Any] = {}

    # -- one scope ---------------------------------------------------------------------------------------------

    def scope(self, tree: Any, course: Course) -> None:
        """Fills an empty tree with what goes on in a scope, and with what its tokens begin."""
        standing = course.standing
        old = standing.outer or standing.content
        tree.correlations = deepcopy(old.correlations)
        self._root(tree, old)
        content = tree
        if f"{tree.spec.name}{BODY}" in tree.spec.task_specs:
            content = self._body(tree, course)
        elif standing.outer is not None:
            for end in ended(standing.outer):
                self._carry(end, tree.task_tree, course, None)
        if content is not None:
            if standing.content is not None:
                self._grow(standing.content, content, course)
            self._begin(content, course)

    def _root(self, tree: Any, old: Any) -> None:
        tree.task_tree = self._done(tree.spec.start, None, old.task_tree.data, tree)

    def _body(self, tree: Any, course: Course) -> Any:
        """Grows what event sub-processes run, and opens the body beside it. Gives the body's tree, if it lives."""
        standing, name = course.standing, f"{tree.spec.name}{BODY}"
        specs = self.top.subprocess_specs[name].task_specs
        lives = any(goal.spot.node in specs for goal in course.goals.values())
        if standing.outer is not None:
            self._grow(standing.outer, tree, course, standing.body if lives else None)
        body = next((task for task in tree.tasks.values() if task.task_spec.name == name), None)
        if body is None and lives:
            body = self._plant(tree.spec.task_specs[name], tree.task_tree)
        if body is None:
            return None
        content = self._open(body)
        self._root(content, standing.content or tree)
        return content

    def _grow(self, old: Any, tree: Any, course: Course, body: Any = None) -> None:
        """Carries over, from the root of an old tree, all that leads to something that goes on in the new one."""
        leaves = {token.task.id: token for token in course.goals if token.task.workflow is old}
        kept = {key for key, token in leaves.items() if course.goals[token].kept}
        kept |= {task.id for task in (body, *ended(old)) if task is not None}
        leading = {each.id for key in {*leaves, *kept} for each in above(old.tasks[key])}
        left = {each.id for key in leaves.keys() - kept for each in above(old.tasks[key])}
        waiting = [(old.task_tree, tree.task_tree)]
        while waiting:
            task, parent = waiting.pop()
            if task.id in kept:
                self._carry(task, parent, course, leaves.get(task.id))
                continue
            following = [child for child in task.children if child.id in kept or child.id in leading]
            main = task.children[0] if isinstance(task.task_spec, BoundaryEventSplit) and task.children else None
            if main is not None and main.id in kept:
                following.remove(main)
                under = self._carry(main, parent, course, leaves.get(main.id)).parent
                self.of[task.id] = under if under is parent else under.parent
            else:
                parts = len(following) > 1 or any(child.id in leaves for child in task.children)
                under = self.of[task.id] = self._passed(task, parent, parts=parts, left=task.id in left)
            waiting += [(child, under) for child in reversed(following)]

    # -- what has been passed ----------------------------------------------------------------------------------

    def _done(self, spec: Any, parent: Any, data: Mapping[str, Json], tree: Any = None) -> Any:
        task = Task(tree or parent.workflow, spec, parent, TaskState.COMPLETED)
        task.data = deepcopy(data)
        return task

    def _passed(self, task: Any, parent: Any, *, parts: bool, left: bool) -> Any:
        """What stands for a completed task, when something must: where branches part or one goes on, or the event
        that began it beside the others. ``left``: a branch leaves what begins there, so that passing there again would
        mean nothing for the joins."""
        if task.id in self.of:
            return self.of[task.id]
        spec, on_edge = self._same_spec(task, parent), isinstance(parent.task_spec, BoundaryEventSplit)
        beside = isinstance(spec, Edge) and not spec.cancel_activity
        if task.parent is None or not (parts or on_edge or beside):
            return parent
        if on_edge and not isinstance(spec, Edge):
            parent = parent.parent  # what hangs on a step's edge is an event, or the step itself
        if spec is None or (left and not beside):
            spec = parent.workflow.spec.start
        done = self._done(spec, parent, task.data)
        done.triggered = task.triggered
        return done

    def _same_spec(self, task: Any, parent: Any) -> Any:
        """The element of the version that a completed task was of, when it is still the same."""
        spec, old = parent.workflow.spec.task_specs.get(task.task_spec.name), task.task_spec
        same = type(spec) is type(old) and not isinstance(spec, BoundaryEventSplit)
        return spec if same and (not isinstance(spec, Edge) or same_event(old, spec)) else None

    # -- what goes on ------------------------------------------------------------------------------------------

    def _carry(self, task: Any, parent: Any, course: Course, token: Token | None) -> Any:
        """Carries over what a token, a branch that has ended, or the body of event sub-processes has become."""
        specs = parent.workflow.spec.task_specs
        if isinstance(task.task_spec, _EndJoin):
            end = self._done(parent.workflow.spec.start, parent, task.parent.data)
            return self._copy(task, specs[f"{parent.workflow.spec.name}.EndJoin"], end)
        if token is None:
            return self._plant(specs[task.task_spec.name], parent, task)
        spot = course.goals[token].spot
        if spot.source:
            arrival = self._copy(task, specs[spot.node], self._done(specs[spot.source], parent, task.parent.data))
            self.placed[token] = arrival
            return arrival
        planted = self.placed[token] = self._plant(specs[spot.node], parent, task)
        for inner in course.inside.get(token, ()):
            holder = (inner.standing.outer or inner.standing.content).parent_task_id
            self.scope(self._open(planted.workflow.tasks[holder]), inner)
        return planted

    def _plant(self, spec: Any, parent: Any, old: Any = None) -> Any:
        """A step under way, with the events on its edge: those that were there go on, the others begin."""
        split = parent.workflow.spec.task_specs.get(f"{spec.name}{_SPLIT}")
        if split is not None or (old is not None and isinstance(old.parent.task_spec, BoundaryEventSplit)):
            known = parent.data if old is None else data_before(old)
            parent = self._done(split or parent.workflow.spec.start, parent, known)
        if old is None:
            task = Task(parent.workflow, spec, parent, TaskState.STARTED)
            task.data = deepcopy(parent.data)
            self._predict(task)
        else:
            task = self._copy(old, spec, parent)
        if split is not None:
            self._plant_edges(parent, [] if old is None else [*filter(_is_edge, old.parent.children)])
        return task

    def _plant_edges(self, split: Any, old: list[Any]) -> None:
        for spec in split.task_spec.outputs:
            if not isinstance(spec, Edge):
                continue
            same = [each for each in old if self._same_spec(each, split) is spec and not each.triggered]
            if same and same[0].state == TaskState.COMPLETED:
                self.of[same[0].id] = self._done(spec, split, same[0].data)
            elif same and FAULT not in same[0].internal_data:
                self._copy(same[0], spec, split)
            else:
                edge = split._add_child(spec, TaskState.MAYBE)
                edge._sync_children(spec.outputs, TaskState.MAYBE)
                edge._set_state(TaskState.WAITING)
                self.late.append(partial(spec._update, edge))

    def _copy(self, old: Any, spec: Any, parent: Any) -> Any:
        """The same task on a spec of the version, with its id, its data, and the instances of its repetition."""
        task = Task(parent.workflow, spec, parent, old.state, old.id)
        task.data, task.internal_data = deepcopy(old.data), deepcopy(old.internal_data)
        task.triggered, task.last_state_change = old.triggered, old.last_state_change
        if isinstance(spec, MultiInstanceTask):
            for child in old.children:
                if is_instance(child):
                    self._copy(child, parent.workflow.spec.task_specs[spec.task_spec], task)
        if old.state == TaskState.WAITING and isinstance(spec, CatchingEvent):
            self.top.event_manager.add_task(task)
        if isinstance(spec, EventBasedGateway):
            _forget_gone(task)
        if FAULT in task.internal_data:
            self.late.append(partial(start_again, task))
        elif old.state == TaskState.WAITING and isinstance(spec, EventBasedGateway | UnstructuredJoin):
            self.late.append(partial(spec._update, task))
        self._predict(task)
        return task

    def _predict(self, task: Any) -> None:
        if isinstance(task.task_spec, Edge):
            task._sync_children(task.task_spec.outputs, TaskState.MAYBE)
        elif not task.has_state(TaskState.FINISHED_MASK):
            task.task_spec._predict(task, mask=TaskState.NOT_FINISHED_MASK)

    def _open(self, task: Any) -> Any:
        """The empty tree of the sub-process that a task holds open."""
        spec = self.top.subprocess_specs[task.task_spec.spec]
        opened = self.top.subprocesses[task.id] = BpmnSubWorkflow(spec, task.id, self.top, deserializing=True)
        opened.completed_event.connect(task.task_spec._on_subworkflow_completed, task)
        return opened

    # -- what begins -------------------------------------------------------------------------------------------

    def _begin(self, tree: Any, course: Course) -> None:
        """Begins the steps that tokens are sent to, several tokens at one together, and the branches that are new."""
        together: dict[Spot, list[Token]] = {}
        for token, goal in course.goals.items():
            if goal.spot.node and not goal.kept:
                together.setdefault(goal.spot, []).append(token)
        for spot, tokens in together.items():
            specs = tree.spec.task_specs
            passed = specs[spot.source] if spot.source else tree.spec.start
            task = self._enter(spot.node, self._done(passed, self._above(tree, tokens), merged_data(tokens)))
            self.placed.update(dict.fromkeys(tokens, task))
        if course.begun is not None:
            self._begin_beside(tree, course, course.begun)

    def _begin_beside(self, tree: Any, course: Course, begun: Branches) -> None:
        """Begins the branches of a fork that the version adds around tokens: they now come from that fork."""
        spots = {token: goal.spot.source or goal.spot.node for token, goal in course.goals.items()}
        tasks = [self.placed[token] for token, node in spots.items() if node in begun.beside]
        ways = [_way(task) for task in tasks]
        under = [steps[0] for steps in zip(*ways, strict=False) if all(each is steps[0] for each in steps)][-1]
        following = [child for child in under.children if any(child in (*above(task), task) for task in tasks)]
        parting = self._done(tree.spec.start, under, under.data)
        for child in following:
            child.parent._children.remove(child.id)
            child.parent = parting
            parting._children.append(child.id)
        self.top.forgotten.add(begun.gateway)
        for target in begun.targets:
            joins = isinstance(tree.spec.task_specs[target], UnstructuredJoin)
            fork = self._done(tree.spec.task_specs[begun.gateway], parting, parting.data) if joins else parting
            self._enter(target, fork)

    def _above(self, tree: Any, tokens: list[Token]) -> Any:
        """Where goes what follows the place from which these tokens came, in this tree."""
        nearest = shared(token.task.parent for token in tokens)
        for task in (nearest, *above(nearest)) if nearest is not None else ():
            if (found := self.of.get(task.id)) is not None and found.workflow is tree:
                return found
        return tree.task_tree

    def _enter(self, node: str, parent: Any) -> Any:
        specs = parent.workflow.spec.task_specs
        entry = specs.get(f"{node}{_SPLIT}") or specs[node]
        begun = parent._add_child(entry, TaskState.FUTURE)
        entry._predict(begun, mask=TaskState.PREDICTED_MASK | TaskState.FUTURE)
        self.late.append(partial(entry._update, begun))
        return begun


def _is_edge(task: Any) -> bool:
    return isinstance(task.task_spec, Edge)


def _way(task: Any) -> list[Any]:
    """What led to a task, from the root on, but for what is its own: the split before it, or how it came to a join."""
    way = [*above(task)][::-1]
    own = isinstance(way[-1].task_spec, BoundaryEventSplit) or isinstance(task.task_spec, UnstructuredJoin)
    return way[:-1] if own else way


def _forget_gone(task: Any) -> None:
    """Drops from a race the instants of the timers that are not in it any more: the clock would come for nothing."""
    if "due" in task.internal_data:
        names = {each.name for each in task.task_spec.event_definition.event_definitions}
        task.internal_data["due"] = {k: v for k, v in task.internal_data["due"].items() if k in names}
