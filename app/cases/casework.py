"""What an agent sees of a demande: the step in hand, what was sent and what changed, the pieces, the path."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import cast

from markupsafe import Markup
from sqlalchemy import Table, bindparam, select
from sqlalchemy.orm import Session

from app.cases.models import Answer, Case
from app.cases.operations import runtime
from app.cases.queries import Opened
from app.engine.bundle import PROCESS
from app.engine.models import Task
from app.families.sheet import told_now
from app.hot import Hot, entities
from app.messages.models import Thread
from app.policy import FAMILY_LANE, Actor
from app.procedures.diagram import StepInWords, read_drawing, steps_in_words
from app.procedures.diagram_svg import picture
from app.procedures.queries import Content


def step_in_hand(actor: Actor, found: Sequence[Opened]) -> Opened:
    """The step this page is for: his own first, then one he may take, then one that waits for somebody else.

    What was typed the last time the demande came by this step is history, not a draft.
    """

    def rank(opened: Opened) -> int:
        task = opened.task
        if task is None or task.lane == FAMILY_LANE or not actor.holds(task.lane, task.structure_id):
            return 3
        return 0 if task.assignee_id == actor.id else 1 if task.assignee_id is None else 2

    opened = min(found, key=rank)
    stale = opened.task and opened.draft and opened.draft.updated_at < opened.task.opened_at
    return replace(opened, draft=None) if stale else opened


# -- what was sent, what changed -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Change:
    """An answer that differs from the sending before; an empty text was, or is now, no answer."""

    label: str
    before: str
    now: str
    warning: str = ""
    """What the agent must know of it before he accepts."""
    moved: str | None = None
    """What the file said when the demande was sent, if somebody changed it since."""
    health: bool = False
    """What the file says is read by those who may read health, on a page that notes it (R-73)."""


@dataclass(frozen=True)
class Sent:
    """The last sending of one form by the family: its pages of (label, text, field name), and what changed in it."""

    answer: Answer
    changes: tuple[Change, ...]
    before: Answer | None


def last_sendings(answers: Sequence[Answer]) -> list[Sent]:
    """What the family said last, form by form, beside the sending before: a correction reopens the same form."""
    by_form: dict[str, list[Answer]] = {}
    for answer in answers:
        if answer.by_kind == "parent" and answer.form:
            by_form.setdefault(answer.form, []).append(answer)
    return [_sent(each[-1], each[-2] if len(each) > 1 else None) for each in by_form.values()]


def _sent(answer: Answer, before: Answer | None) -> Sent:
    if before is None:
        return Sent(answer, (), None)
    old, new = dict(_lines(before)), dict(_lines(answer))
    labels = {name: label for name, (label, _) in (*old.items(), *new.items())}
    found = [
        Change(label, old.get(name, ("", ""))[1], new.get(name, ("", ""))[1])
        for name, label in labels.items()
        if old.get(name, ("", ""))[1] != new.get(name, ("", ""))[1]
    ]
    return Sent(answer, tuple(found), before)


def _lines(answer: Answer) -> Iterator[tuple[str, tuple[str, str]]]:
    for _, lines in answer.summary:
        for label, text, name in lines:
            yield name, (label, text)


def proposed_changes(session: Session, opened: Opened) -> Sequence[Change] | None:
    """What the demande would change in a file already held, as an operation compared it (« changements »).

    Empty when it would change nothing, ``None`` when nothing was compared or no step waits.
    """
    if opened.task is None or opened.task.closed_at is not None:
        return None
    known = runtime.data(session, opened.facts, opened.instance, opened.task.id)
    for value in known.values():
        if isinstance(value, dict) and isinstance(rows := value.get("changements"), list):
            return [_proposed(session, row) for row in rows]
    return None


def _proposed(session: Session, row: dict[str, str]) -> Change:
    """A line of the comparison with what the file says now: an old value is shown, never overwritten in silence."""
    now, sent = told_now(session, row), row["avant"]
    moved = sent if now != sent else None
    return Change(row["libelle"], now, row["apres"], row.get("avertissement", ""), moved, row.get("fiche") == "health")


def stamp_of(changes: Sequence[Change] | None) -> str:
    """What the agent has before his eyes, as a few letters: an acceptance is of what was shown, or is asked again."""
    shown = "\n".join(f"{change.label}\t{change.before}\t{change.now}" for change in changes or ())
    return hashlib.sha256(shown.encode()).hexdigest()[:24]


@dataclass(frozen=True)
class Event:
    """A line of the agents' history: what happened, who did it, what she wrote if it was an agent's form."""

    at: datetime
    title: str
    who: str
    status: str
    lines: Sequence[tuple[str, str]]


def history(case: Case, answers: Sequence[Answer]) -> list[Event]:
    """Everything that was done, newest first, the agents' decisions in full."""
    events = [Event(case.opened_at, "Demande commencée", case.owner_name, "brouillon", ())]
    seen: set[str] = set()
    for answer in answers:
        theirs = answer.by_kind == "parent"
        title = answer.title
        if theirs and answer.form and answer.status_after != "brouillon":
            title = "Demande envoyée à nouveau" if answer.form in seen else "Demande envoyée"
            seen.add(answer.form)
        said = () if theirs else tuple(line for _, line in _lines(answer))
        events.append(Event(answer.at, title, answer.by_label, answer.status_after, said))
    if case.status == "annule" and case.closed_at is not None:
        events.append(Event(case.closed_at, "Demande annulée par la famille", case.owner_name, "annule", ()))
    # turned round rather than sorted backwards: what happened at the same instant keeps its order too
    return sorted(events, key=lambda event: event.at)[::-1]


# -- beside the data -------------------------------------------------------------------------------------------------


def pieces_named(content: Content, answers: Sequence[Answer]) -> set[str]:
    """The ids of the pieces that the answers point at: a family may name one it gave before."""
    found: set[str] = set()
    for answer in answers:
        form = content.forms.get(answer.form or "")
        for spec in form.fields() if form is not None else ():
            if spec.type == "piece":
                found.update(map(str, answer.values.get(spec.name) or ()))
    return found


def threads_about(session: Session, case_id: uuid.UUID) -> Sequence[Thread]:
    """The conversations about a demande, those where somebody wrote."""
    return entities(session, Thread, _THREADS_ABOUT.rows(session, case=case_id))


def ask_threads(session: Session, case_id: uuid.UUID) -> None:
    """Says that ``threads_about`` this demande will be asked: they come with what is read next."""
    _THREADS_ABOUT.ahead(session, case=case_id)


_THREADS = cast(Table, Thread.__table__)
_THREADS_ABOUT = Hot(
    select(*_THREADS.c)
    .where(_THREADS.c.case_id == bindparam("case"), _THREADS.c.talk.is_(True))
    .order_by(_THREADS.c.last_at.desc())
    .limit(10)
)


@dataclass(frozen=True)
class Journey:
    """The process with the place of this demande in it: a picture when the file holds one, and always words."""

    picture: Markup | None
    steps: Sequence[StepInWords]


def journey(session: Session, opened: Opened, content: Content, tasks: Sequence[Task]) -> Journey:
    """Where this demande is in its own version of the process."""
    done = runtime.visited(session, opened.facts, opened.instance)
    return drawn(content, done, {task.node for task in tasks})


def drawn(content: Content, done: Collection[str] = (), current: Collection[str] = ()) -> Journey:
    """The process of a version, with what is done and what is in hand."""
    raw = content.files[PROCESS]
    drawing = read_drawing(raw)
    return Journey(
        picture(drawing, done, current) if drawing is not None else None,
        steps_in_words(raw, done, current),
    )
