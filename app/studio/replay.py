"""A story that is being written, played from its beginning in the process apart: what is seen after its last act.

Ids change from one play to the next, so people and things are given by the names that a story uses (``@enfant``).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy.orm import Session

from app import clock
from app.cases.operations import runtime
from app.cases.queries import Who, awaited_messages, open_case_rows, open_tasks
from app.cases.scenarios import Player, one_stage
from app.cases.steps import step_page
from app.db import Json
from app.engine.bundle import Bundle
from app.engine.models import Task
from app.engine.scenarios import Act, ActRefused, Story
from app.policy import FAMILY_LANE
from forms import Choice


@dataclass(frozen=True)
class Names:
    """The names of a story, by the id that bears them in this play."""

    by_id: Mapping[str, str]

    def told(self, value: Json) -> Json:
        """The same value, ids replaced by names."""
        if isinstance(value, list):
            return [self.told(each) for each in value]
        if isinstance(value, dict):
            return {key: self.told(each) for key, each in value.items()}
        return self.by_id.get(value, value) if isinstance(value, str) else value


def replay(
    bundle: Bundle, callees: Mapping[str, Bundle], roles: Collection[str], acts: Sequence[Mapping[str, Json]]
) -> dict[str, Json]:
    """Plays these acts ({do | message | advance, values}) one after the other.

    Gives what was ``seen`` after each that was played, and what may be done now: ``waiting`` steps, ``messages``, the
    instant (``now``), ``problem`` when the story cannot go on.
    """
    with one_stage(bundle, callees, roles) as player:
        seen: list[dict[str, Json]] = []
        problem = ""
        try:
            player.begin(Story("", "", None, {}, {}, ()))
            for act in acts:
                seen.append(_played(player, act))
        except Exception as error:  # whatever the draft trips on is what its author must read
            problem = str(error)[:400] or type(error).__name__
        return {"seen": seen, "problem": problem, "now": clock.now().isoformat(), **_next(player, problem)}


def _played(player: Player, act: Mapping[str, Json]) -> dict[str, Json]:
    refused = ""
    try:
        player.act(
            Act(
                do=act.get("do", ""),
                message=act.get("message", ""),
                advance=act.get("advance", ""),
                values=act.get("values"),
            )
        )
    except ActRefused as refusal:
        refused = str(refusal)
    found = player.look()
    return {
        "refused": refused,
        "status": found.status,
        "nodes": sorted(found.open_nodes),
        "mails": [list(mail) for mail in found.mails],
        "ended": found.ended,
        "at": clock.now().isoformat(),
    }


def _next(player: Player, problem: str) -> dict[str, Json]:
    """What waits now; nothing when the story stopped on a problem."""
    if problem:
        return {"waiting": [], "messages": [], "status": ""}
    names = Names({bearer: name for name, bearer in player.cast.names.items() if name != "@courriel_connu"})
    with player.database.transaction(read_only=True) as session:
        return {
            "waiting": [_waiting(session, player, names, task) for task in open_tasks(session, player.case_id)],
            "messages": sorted(awaited_messages(session, player.case_id)),
            "status": open_case_rows(session, player.case_id).case.status,
        }


def _waiting(session: Session, player: Player, names: Names, task: Task) -> dict[str, Json]:
    """A step that waits, with what its form needs to be shown elsewhere."""
    opened = open_case_rows(session, player.case_id, task.id)
    node = runtime.definition(session, opened.case.bundle_hash).nodes[task.node]
    told: dict[str, Json] = {
        "node": task.node,
        "name": node.name,
        "lane": task.lane,
        "family": task.lane == FAMILY_LANE,
        "due": task.due_at.isoformat() if task.due_at else "",
        "form": task.form,
    }
    if task.form is None:
        return told
    page = step_page(session, _whose(player, task), opened)
    sources = {
        kind: [names.told(asdict(choice)) for choice in _settled(choices, page.known)]
        for kind, choices in page.sources.items()
    }
    return {
        **told,
        "known": names.told(dict(page.known)),
        "only": list(page.only) if page.only is not None else None,
        "sources": sources,
    }


def _settled(
    choices: Sequence[Choice] | Callable[[Mapping[str, Json]], Sequence[Choice]], known: Mapping[str, Json]
) -> Sequence[Choice]:
    """Choices that depend on answers are those of the answers known so far."""
    return choices(known) if callable(choices) else choices


def _whose(player: Player, task: Task) -> Who:
    return player.who(Act(do=task.node), task)
