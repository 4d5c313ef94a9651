"""Timer events on our clock. SpiffWorkflow's read the machine's, and fire strictly after their instant.

A timer fires at its instant or at the first tick after it, never before. A cycle that names its number (``R3/PT1H``)
fires that many times even if the clock was stopped meanwhile; one without a number (``R/P1D``) fires once for all the
occurrences that were missed, since nobody wants thirty reminders of the same thing.
"""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from SpiffWorkflow.bpmn import BpmnEvent
from SpiffWorkflow.bpmn.specs.event_definitions.multiple import MultipleEventDefinition
from SpiffWorkflow.bpmn.specs.event_definitions.timer import (
    CycleTimerEventDefinition,
    DurationTimerEventDefinition,
    TimeDateEventDefinition,
    TimerEventDefinition,
)

from app import clock

_DURATION = re.compile(
    r"P(?=.)(?:(?P<weeks>\d{1,5})W"
    r"|(?:(?P<years>\d{1,4})Y)?(?:(?P<months>\d{1,4})M)?(?:(?P<days>\d{1,5})D)?"
    r"(?:T(?=.)(?:(?P<hours>\d{1,5})H)?(?:(?P<minutes>\d{1,6})M)?(?:(?P<seconds>\d{1,7})S)?)?)"
)
_CYCLE = re.compile(r"R(?P<times>\d{0,4})/(?:(?P<start>[^/P][^/]*)/)?(?P<duration>P[^/]+)")
EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
LATEST = datetime(9000, 1, 1, tzinfo=UTC)
"""Instants outside these are mistakes, that arithmetic on dates would not survive."""


def instant_of(expression: str) -> datetime:
    """An ISO date or instant; without a zone it means Paris, a bare date its midnight. Raises ValueError."""
    parsed = datetime.fromisoformat(expression)
    if not EARLIEST.year < parsed.year < LATEST.year:
        raise ValueError(f"« {expression[:40]} » est hors du calendrier")
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=clock.PARIS)).astimezone(UTC)


RESOLUTION = timedelta(microseconds=1)


@lru_cache(maxsize=512)
def _parts(duration: str) -> tuple[int, int, timedelta]:
    """Months, days and exact time of an ISO 8601 duration. Raises ValueError, in French."""
    match = _DURATION.fullmatch(duration.strip().upper())
    if match is None:
        raise ValueError(f"« {duration[:40]} » n’est pas une durée (par exemple PT24H, P5D, P1M)")
    value = {name: int(number or 0) for name, number in match.groupdict().items()}
    exact = timedelta(hours=value["hours"], minutes=value["minutes"], seconds=value["seconds"])
    return value["years"] * 12 + value["months"], value["weeks"] * 7 + value["days"], exact


def after(duration: str, start: datetime) -> datetime:
    """``start`` plus an ISO 8601 duration, UTC. Days and months are counted on Paris' calendar, hours in real time.

    A month that is too short gives its last day (31 January + 1 month = 28 February); an hour that does not exist the
    day clocks go forward gives the one after it. Raises ValueError for what is not a duration.
    """
    months, days, exact = _parts(duration)
    if not (months or days):
        return start + exact
    local = clock.in_paris(start).replace(tzinfo=None)
    if months:
        year, month = divmod(local.year * 12 + local.month - 1 + months, 12)
        if year >= LATEST.year:
            raise ValueError(f"« {duration} » mène hors du calendrier")
        local = local.replace(year=year, month=month + 1, day=min(local.day, monthrange(year, month + 1)[1]))
    return (local + timedelta(days=days)).replace(tzinfo=clock.PARIS).astimezone(UTC) + exact


def _not_before(now: datetime, due: datetime, duration: str) -> datetime:
    """The first of the instants ``due``, ``due`` + duration, … that is not before ``now``."""
    months, days, exact = _parts(duration)
    if not (months or days) and due < now:
        due += exact * -((due - now) // exact)  # at once: a second repeated since 2000 is a billion occurrences
    while due < now:
        due = after(duration, due)
    return due


def _due(my_task: Any, name: str) -> datetime | None:
    value = my_task.internal_data.get("due", {}).get(name)
    return None if value is None else datetime.fromisoformat(value)


def _set_due(my_task: Any, name: str, instant: datetime) -> None:
    # a new dict: SpiffWorkflow copies internal data shallowly
    my_task.internal_data["due"] = {**my_task.internal_data.get("due", {}), name: instant.isoformat()}


class _Clocked:
    """Fires at its instant, not after; the instant is computed once, when the event starts to wait."""

    name: str
    expression: str

    def instant(self, value: str) -> datetime:
        raise NotImplementedError

    def due(self, my_task: Any) -> datetime:
        known = _due(my_task, self.name)
        if known is None:
            known = self.instant(str(my_task.workflow.script_engine.evaluate(my_task, self.expression)))
            _set_due(my_task, self.name, known)
        return known

    def has_fired(self, my_task: Any) -> bool:
        return self.due(my_task) <= clock.now()


class ClockedDate(_Clocked, TimeDateEventDefinition):  # type: ignore[misc]  # SpiffWorkflow ships no annotations
    def instant(self, value: str) -> datetime:
        if value.upper().startswith("P"):
            return after(value, clock.now())
        try:
            return instant_of(value)
        except ValueError:
            raise ValueError(f"« {value[:40]} » n’est pas une date (par exemple 2026-09-01T08:00)") from None


class ClockedDuration(_Clocked, DurationTimerEventDefinition):  # type: ignore[misc]  # same
    def instant(self, value: str) -> datetime:
        return after(value, clock.now())


class ClockedCycle(CycleTimerEventDefinition):  # type: ignore[misc]  # same
    """``R3/PT1H`` (three times, each hour from now), ``R/2026-11-20T08:00/P1D`` (for ever, from then).

    Occurrences before the event begins to wait do not count. ``fire`` of the element makes a token each time; the
    element itself goes on waiting.
    """

    def has_fired(self, my_task: Any) -> bool:
        return bool(my_task.internal_data.get("event_fired"))  # only the twin that an occurrence makes

    def update_task(self, my_task: Any) -> None:
        if "cycle" not in my_task.internal_data:
            self._begin(my_task, str(my_task.workflow.script_engine.evaluate(my_task, self.expression)))
        now = clock.now()
        while (due := _due(my_task, self.name)) is not None and due <= now:
            my_task.task_spec.fire_again(my_task)
            self._advance(my_task, due, now)

    def _begin(self, my_task: Any, expression: str) -> None:
        match = _CYCLE.fullmatch(expression.strip().upper())
        if match is None or not any(_parts(match["duration"])):
            raise ValueError(f"« {expression[:60]} » n’est pas un cycle (par exemple R3/PT1H)")
        left = int(match["times"]) if match["times"] else -1
        my_task.internal_data["cycle"] = {"left": left, "every": match["duration"]}
        now = clock.now()
        due = instant_of(match["start"]) if match["start"] else after(match["duration"], now)
        due = _not_before(now, due, match["duration"])
        if left:
            _set_due(my_task, self.name, due)

    def _advance(self, my_task: Any, due: datetime, now: datetime) -> None:
        cycle = my_task.internal_data["cycle"]
        left = cycle["left"] - 1 if cycle["left"] > 0 else -1
        due = after(cycle["every"], due)
        if left < 0:
            due = _not_before(now + RESOLUTION, due, cycle["every"])
        my_task.internal_data["cycle"] = {**cycle, "left": left}
        if left == 0:
            del my_task.internal_data["due"]
        else:
            _set_due(my_task, self.name, due)


class Race(MultipleEventDefinition):  # type: ignore[misc]  # same
    """What an event-based gateway waits for: the first event wins, of two timers that are due the earlier one."""

    def has_fired(self, my_task: Any) -> bool:
        seen = my_task.internal_data.get("seen_events") or []
        if not seen:
            timers = [each for each in self.event_definitions if isinstance(each, _Clocked)]
            fired = [each for each in timers if each.has_fired(my_task)]
            seen = [BpmnEvent(min(fired, key=lambda each: each.due(my_task)))] if fired else []
        my_task.internal_data["seen_events"] = seen[:1]
        return bool(seen)


_REPLACEMENTS: dict[type[Any], type[Any]] = {
    TimeDateEventDefinition: ClockedDate,
    DurationTimerEventDefinition: ClockedDuration,
    CycleTimerEventDefinition: ClockedCycle,
}


def clocked(definition: Any, name: str) -> Any:
    """The same event definition on our clock; ``name`` tells it from others that one element waits for."""
    replacement = _REPLACEMENTS.get(type(definition))
    return definition if replacement is None else replacement(name, (definition.expression or "").strip())


def is_timed(task_spec: Any) -> bool:
    """Whether an element waits for the clock, alone or among other events."""
    definition = task_spec.event_definition
    return isinstance(definition, TimerEventDefinition | MultipleEventDefinition)


def due_of(task: Any) -> datetime | None:
    """The next instant a waiting task must be looked at; ``None`` when it waits for something else."""
    due = task.internal_data.get("due")
    return min(map(datetime.fromisoformat, due.values())) if due else None
