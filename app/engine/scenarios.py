"""Stories of a démarche, as data: what each person does, how time passes, what must be true; and which nodes they meet.

A story is a TOML file; a *driver*, given by whoever has real rows and people, plays it. The engine only reads stories,
compares what is expected with what the driver saw, and counts the nodes never met.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from app.db import Json
from app.engine.graph import Graph

STORY_KEYS = {"titre", "par", "maintenant", "commune", "depart", "etapes"}
KEYS = {"faire", "par", "valeurs", "avancer", "message", "operation", "attendre", "refus"}
ACTIONS = ("faire", "message", "operation", "avancer")
EXPECTATIONS = {"statut", "tache", "courriel", "courriels", "fini", "motif"}


class ScenarioError(Exception):
    """The story cannot be read, or did not go as told; the message says at which step."""


@dataclass(frozen=True)
class Act:
    """One line of a story: at most one action, then what is expected.

    The action is to ``do`` a task, send a ``message``, call an ``operation`` as somebody else would meanwhile, or let
    time ``advance``. ``refused`` is a part of the message when the action must be refused.
    """

    do: str = ""
    by: str = ""
    values: Mapping[str, Json] | None = None
    advance: str = ""
    message: str = ""
    operation: str = ""
    expect: Mapping[str, Json] | None = None
    refused: str = ""


@dataclass(frozen=True)
class Story:
    """A scenario: its title, who files (empty: whoever the démarche is for), when it begins, the settings of the
    commune it needs, what the demande knows at the start (a link may fill fields in advance), and its acts."""

    title: str
    by: str
    begins: datetime | None
    commune: Mapping[str, Json]
    initial: Mapping[str, Json]
    acts: tuple[Act, ...]


def read_story(raw: bytes, name: str) -> Story:
    """Parses a scenario. Raises ScenarioError naming the file and what is wrong."""
    try:
        data = tomllib.loads(raw.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ScenarioError(f"{name} ne se lit pas : {error}") from error
    if unknown := sorted(set(data) - STORY_KEYS):
        raise ScenarioError(f"{name} : « {unknown[0]} » n’existe pas")
    acts = [_act(entry, f"{name}, étape {number}") for number, entry in enumerate(data.get("etapes", []), 1)]
    if not acts:
        raise ScenarioError(f"{name} : aucune étape ([[etapes]])")
    begins = data.get("maintenant")
    if begins is not None and not (isinstance(begins, datetime) and begins.tzinfo):
        raise ScenarioError(
            f"{name} : « maintenant » doit être un instant avec son décalage (2026-11-20T09:30:00+01:00)"
        )
    return Story(
        title=str(data.get("titre", name)),
        by=str(data.get("par", "")),
        begins=begins,
        commune=dict(data.get("commune", {})),
        initial=dict(data.get("depart", {})),
        acts=tuple(acts),
    )


def _act(entry: Mapping[str, Any], where: str) -> Act:
    if unknown := sorted(set(entry) - KEYS):
        raise ScenarioError(f"{where} : « {unknown[0]} » n’existe pas")
    if sum(1 for action in ACTIONS if entry.get(action)) > 1:
        raise ScenarioError(f"{where} : une seule action à la fois ({', '.join(ACTIONS)})")
    expect = entry.get("attendre")
    if expect is not None and (unknown := sorted(set(expect) - EXPECTATIONS)):
        raise ScenarioError(f"{where} : on ne sait pas attendre « {unknown[0]} »")
    return Act(
        do=entry.get("faire", ""),
        by=entry.get("par", ""),
        values=entry.get("valeurs"),
        advance=entry.get("avancer", ""),
        message=entry.get("message", ""),
        operation=entry.get("operation", ""),
        expect=expect,
        refused=entry.get("refus", ""),
    )


@dataclass(frozen=True)
class Seen:
    """What the driver sees after an act. ``mails`` are those this act sent: subject, then body."""

    status: str
    open_nodes: frozenset[str]
    mails: tuple[tuple[str, str], ...]
    ended: bool
    reason: str


class Driver(Protocol):
    """Who plays a story on real rows. ``act`` returns the nodes that were completed; refusals are raised."""

    def begin(self, story: Story) -> Iterable[str]: ...

    def act(self, act: Act) -> Iterable[str]: ...

    def look(self) -> Seen: ...


class ActRefused(Exception):
    """The portal refused an act, with this message."""


def play(story: Story, driver: Driver) -> frozenset[str]:
    """Plays a story to its end and returns the nodes it met. Raises ScenarioError at the first thing that is not so."""
    met = set(driver.begin(story))
    for number, act in enumerate(story.acts, 1):
        where = f"« {story.title} », étape {number}"
        try:
            met |= set(driver.act(act))
        except ActRefused as refusal:
            if not act.refused or act.refused not in str(refusal):
                raise ScenarioError(f"{where} : refusé ({refusal})") from refusal
        except ScenarioError as error:
            raise ScenarioError(f"{where}\u00a0: {error}") from error
        else:
            if act.refused:
                raise ScenarioError(f"{where} : aurait dû être refusé ({act.refused})")
        _compare(where, act.expect or {}, driver.look())
    return frozenset(met)


def _compare(where: str, expect: Mapping[str, Json], seen: Seen) -> None:
    for key, wanted, found in differences(expect, seen):
        raise ScenarioError(f"{where} : {key} attendu « {wanted} », trouvé « {found} »")


def differences(expect: Mapping[str, Json], seen: Seen) -> list[tuple[str, Json, object]]:
    """What is not as expected: (key, wanted, found)."""
    compared = [(key, wanted, *_found(key, wanted, seen)) for key, wanted in expect.items()]
    return [(key, wanted, found) for key, wanted, found, ok in compared if not ok]


def _found(key: str, wanted: Json, seen: Seen) -> tuple[object, bool]:
    """What was seen under ``key``, and whether it is what the story wants."""
    match key:
        case "statut":
            return seen.status, seen.status == wanted
        case "tache":
            return ", ".join(sorted(seen.open_nodes)) or "aucune", wanted in seen.open_nodes
        case "courriel":
            texts = [f"{subject}\n{body}" for subject, body in seen.mails]
            return " | ".join(texts) or "aucun", any(str(wanted) in text for text in texts)
        case "courriels":
            return len(seen.mails), len(seen.mails) == wanted
        case "motif":
            return seen.reason, str(wanted) in seen.reason
        case _:
            return seen.ended, seen.ended == wanted


def never_met(graph: Graph, met: Iterable[str]) -> dict[str, str]:
    """The drawn elements that no story met: id → the name people read, in the order of the file."""
    seen = set(met)
    return {node.id: node.name for node in graph.nodes.values() if node.id not in seen}
