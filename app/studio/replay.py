"""A story that is being written, played from its beginning in the process apart: what is seen after its last act.

Ids change from one play to the next, so people and things are given by the names that a story uses (``@enfant``).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy.orm import Session

from app import clock
from app.cases.casework import last_sendings
from app.cases.operations import runtime
from app.cases.presentation import next_step
from app.cases.queries import answers_of, awaited_messages, open_case_rows, open_tasks
from app.cases.scenarios import Player, one_stage
from app.cases.steps import agents_step_page, step_page
from app.db import Json
from app.engine.bundle import Bundle
from app.engine.models import Task
from app.engine.scenarios import Act, ActRefused, Story, read_story
from app.policy import FAMILY_LANE
from app.procedures.queries import content_of
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
    bundle: Bundle,
    callees: Mapping[str, Bundle],
    roles: Collection[str],
    acts: Sequence[Mapping[str, Json]],
    *,
    story: str = "",
    rest: Sequence[Mapping[str, Json]] = (),
) -> dict[str, Json]:
    """Plays these acts ({do | message | advance | operation, by, values}) one after the other, then those of ``rest``
    as far as the draft lets them. ``story``: the text of the scenario they come from, for the way it begins.

    Gives what was ``seen`` after each that was played, and what may be done now: ``waiting`` steps, ``messages``, the
    instant (``now``), ``problem`` when the story cannot go on; what the family reads (``next``, ``reason``) and what it
    ``sent``, as agents read it; how many of ``rest`` were played (``continued``), and why no more (``stopped``).
    """
    with one_stage(bundle, callees, roles) as player:
        seen: list[dict[str, Json]] = []
        problem, continued, stopped = "", 0, ""
        try:
            player.begin(read_story(story.encode(), "") if story else Story("", "", None, {}, {}, ()))
            for act in acts:
                seen.append(_played(player, act))
            continued, stopped = _continued(player, rest, seen)
        except Exception as error:  # whatever the draft trips on is what its author must read
            problem = _told(error)
        told = {"seen": seen, "problem": problem, "continued": continued, "stopped": stopped}
        return {**told, "now": clock.now().isoformat(), **_next(player, problem)}


def _told(error: Exception) -> str:
    return str(error)[:400] or type(error).__name__


def _continued(player: Player, rest: Sequence[Mapping[str, Json]], seen: list[dict[str, Json]]) -> tuple[int, str]:
    """Plays the acts of a scenario until one cannot be done any more, or is refused and was not; it leaves no trace."""
    for number, act in enumerate(rest):
        try:
            found = _played(player, act)
        except Exception as error:  # the same
            return number, _told(error)
        if found["refused"] and not act.get("refused"):
            return number, str(found["refused"])
        seen.append(found)
    return len(rest), ""


def _played(player: Player, act: Mapping[str, Json]) -> dict[str, Json]:
    refused = ""
    try:
        player.act(
            Act(
                do=act.get("do", ""),
                by=act.get("by", ""),
                message=act.get("message", ""),
                advance=act.get("advance", ""),
                operation=act.get("operation", ""),
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
        "reason": found.reason,
        "at": clock.now().isoformat(),
    }


def _next(player: Player, problem: str) -> dict[str, Json]:
    """What waits now; nothing when the story stopped on a problem."""
    if problem:
        return {"waiting": [], "messages": [], "status": ""}
    names = Names({bearer: name for name, bearer in player.cast.names.items() if name != "@courriel_connu"})
    with player.database.transaction(read_only=True) as session:
        case, tasks = open_case_rows(session, player.case_id).case, open_tasks(session, player.case_id)
        settings = content_of(session, case.bundle_hash).settings
        return {
            "waiting": [_waiting(session, player, names, task) for task in tasks],
            "messages": sorted(awaited_messages(session, player.case_id)),
            "status": case.status,
            "next": next_step(case, settings, tasks).text,
            "reason": case.reason or "",
            "sent": [
                {"title": sent.answer.title, "lines": sent.answer.summary}
                for sent in last_sendings(answers_of(session, case.id))
            ],
        }


def _waiting(session: Session, player: Player, names: Names, task: Task) -> dict[str, Json]:
    """A step that waits, with what its form needs to be shown elsewhere."""
    opened = open_case_rows(session, player.case_id, task.id)
    node = runtime.definition(session, opened.case.bundle_hash).nodes[task.node]
    told: dict[str, Json] = {
        "node": task.node,
        "name": node.name,
        "help": node.properties.get("aide", ""),
        "lane": task.lane,
        "family": task.lane == FAMILY_LANE,
        "due": task.due_at.isoformat() if task.due_at else "",
        "form": task.form,
    }
    if task.form is None:
        return told
    read = step_page if task.lane == FAMILY_LANE else agents_step_page
    page = read(session, player.who(Act(do=task.node), task), opened)
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
