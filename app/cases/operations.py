"""What people do with a demande: open, save a draft, send a step, take charge, modify, cancel, abandon.

Each one locks the case, re-reads it, asks policy whether the task is *his*, lets the engine advance, and writes the
answer, the journal and the facts to deliver — in the caller's transaction (design.md, invariant 3).
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app import clock
from app.agenda.queries import structure_of_activity
from app.cases.drafts import keep_draft
from app.cases.legal import implicit_on
from app.cases.models import Answer, Case, Draft
from app.cases.queries import Description, Opened, Who, description_of, facts_of, is_mine, open_tasks
from app.cases.writing import ADD_ANSWER, KEEP, write_case
from app.db import Json, new_id
from app.documents.operations import confirm_documents
from app.engine.instances import forget
from app.engine.models import Task
from app.engine.operations import registry
from app.engine.runtime import NotWaiting, Outcome, Runtime
from app.errors import Conflict, Forbidden
from app.families.models import Child
from app.journal import record
from app.outbox import emit
from app.policy import FAMILY_LANE, SYSTEM, Actor
from app.procedures.queries import Content, content_of, spec_loader
from app.town.queries import structures

#: The engine of this process: shared specs, the operations that the rooms registered.
runtime = Runtime(registry, spec_loader)

FILED = ("en_attente", "traitement", "clos", "refuse")
Summary = Sequence[tuple[str, Sequence[tuple[str, str, str]]]]


def visitor_digest(token: str) -> str:
    """What is stored of the token of a person without an account."""
    return hashlib.sha256(token.encode()).hexdigest()


def save_draft(session: Session, who: Who, opened: Opened, values: Mapping[str, Json], *, page: int) -> Draft:
    """Keeps what was typed, beside what was typed before. The case must be locked."""
    task = task_in_turn(session, who, opened)
    draft = keep_draft(session, task, opened.draft, values, page)
    opened.case.updated_at = draft.updated_at
    return draft


def task_in_turn(session: Session, who: Who, opened: Opened) -> Task:
    """The task of this page, if it is still open and this person's. Raises Conflict, saying who did it; Forbidden."""
    task = opened.task
    if task is None:
        raise NotWaiting("Cette étape n’existe plus : la demande a avancé entre-temps.")
    if task.closed_at is not None:
        raise NotWaiting(done_message(task))
    if not is_mine(session, who, opened.case, task):
        if task.assignee_id is not None and who.actor.holds(task.lane, task.structure_id):
            raise Conflict("Un collègue a déjà pris cette tâche. Demandez-lui de la libérer.")
        raise Forbidden
    return task


def done_message(task: Task) -> str:
    """« Déjà traitée par … »: what the second of two people is told."""
    if task.lane == FAMILY_LANE and task.closed_by == SYSTEM.label:
        return "Cette étape n’attend plus de réponse : votre demande a avancé entre-temps."
    if task.lane == FAMILY_LANE:
        return "Cette étape a déjà été envoyée : rien n’a été enregistré une seconde fois."
    when = clock.in_paris(task.closed_at) if task.closed_at else None
    moment = f" le {when:%d/%m/%Y} à {when.hour}\u00a0h\u00a0{when:%M}" if when else ""
    return f"Déjà traitée par {task.closed_by}{moment}."


def submit(session: Session, who: Who, opened: Opened, values: Mapping[str, Json], summary: Summary) -> Outcome:
    """Sends a step: the engine advances, the answer is kept as it was read, the family is told what follows.

    ``values`` and ``summary`` come from the validated form (empty for a one-click step). Raises Conflict when
    somebody was faster, Refused when a rule of the commune says no (nothing is lost then).
    """
    task, case, actor = task_in_turn(session, who, opened), opened.case, who.actor
    content = content_of(session, case.bundle_hash)
    described = description_of(case)
    if task.lane == FAMILY_LANE and case.status == "brouillon":
        described = _described(session, case, content, task, values, summary)
    if pieces := _pieces(content, task, values):
        confirm_documents(
            session,
            actor,
            pieces,
            case_id=case.id,
            child_id=described.child_id,
            structure_id=described.structure_id,
        )
    before = case.status
    if task.lane == FAMILY_LANE:
        case.reason = None  # answered: what the service had asked is history
    elif any(name.endswith("_raison") for name in values):
        case.reason = _reason(values)
    outcome = runtime.complete(session, actor, facts_of(case, described), opened.instance, task.id, values)
    _describe(case, described)
    _move(case, outcome)
    if task.lane == FAMILY_LANE and case.status == "brouillon" and not _asks_family(session, case):
        case.status = "en_attente"  # sent, whatever stopped or delays the step that comes next: no draft any more
    first_filing = task.lane == FAMILY_LANE and before == "brouillon" and case.status in FILED
    if first_filing and case.submitted_at is None:
        case.submitted_at = clock.now()
        case.implicit_on = implicit_on(content.settings.legal, clock.today())
    write_case(session, case)
    _answer(session, case, task, actor, values, summary, receipt=first_filing)
    _keep_in_hand(session, actor, task, outcome)
    record(session, actor, "case.step_done", "case", case.id, node=task.node, status=case.status)
    if first_filing and content.settings.settings.get("accuse", True):
        _announce(session, "case.submitted", case)
    _tell(session, case, before, outcome, first_filing=first_filing)
    return outcome


def _asks_family(session: Session, case: Case) -> bool:
    return any(task.lane == FAMILY_LANE for task in open_tasks(session, case.id))


def _pieces(content: Content, task: Task, values: Mapping[str, Json]) -> list[str]:
    """The ids of the documents that a family sends with this step."""
    form = content.forms.get(task.form or "")
    fields = [spec.name for spec in form.fields() if spec.type == "piece"] if form and task.lane == FAMILY_LANE else []
    return [str(document_id) for name in fields for document_id in values.get(name) or ()]


def _described(
    session: Session, case: Case, content: Content, task: Task, values: Mapping[str, Json], summary: Summary
) -> Description:
    """What lists will show of the case, from what the family just wrote."""
    texts = {name: text for _, lines in summary for _, text, name in lines}
    child_id, email = case.child_id, case.email
    form = content.forms.get(task.form or "")
    for spec in form.fields() if form else ():
        if spec.type == "child" and values.get(spec.name):
            child_id = uuid.UUID(str(values[spec.name]))
        if spec.type == "children" and len(values.get(spec.name) or ()) == 1:
            child_id = uuid.UUID(str(values[spec.name][0]))
        if spec.type == "email" and case.owner_id is None and values.get(spec.name):
            email = str(values[spec.name])
    owner_name = case.owner_name
    if case.owner_id is None:
        owner_name = " ".join(str(values[n]) for n in ("prenom", "nom") if values.get(n)) or "Sans compte"
    asked = form.by_name if form else {}
    named = any(name in asked for entry in content.settings.subject for name in entry.split())
    rule = content.settings.structure
    return Description(
        # a second form that does not ask it again leaves what the first one said
        subject=_subject(content.settings.subject, texts) if named else case.subject,
        owner_name=owner_name,
        email=email,
        child_id=child_id,
        structure_id=_structure(session, rule, values)
        if not rule.startswith("champ:") or rule.removeprefix("champ:") in asked
        else case.structure_id,
    )


def _subject(entries: Sequence[str], texts: Mapping[str, str]) -> str:
    """« Jules Moreau, École Les Tilleuls »: entries by commas, the fields of one entry by spaces; blanks left out."""
    told = (" ".join(texts[name] for name in entry.split() if texts.get(name)) for entry in entries)
    return ", ".join(filter(None, told))[:200]


def _describe(case: Case, it: Description) -> None:
    # after the engine: an operation's savepoint would flush a change of the case, and again at the end
    case.subject, case.owner_name, case.email = it.subject, it.owner_name, it.email
    case.child_id, case.structure_id = it.child_id, it.structure_id


def _structure(session: Session, rule: str, values: Mapping[str, Json]) -> uuid.UUID | None:
    """The structure whose agents receive the case; see ``ProcedureSettings.structure``."""
    kind, _, name = rule.partition(":")
    if kind == "code":
        return next((s.id for s in structures(session) if s.code == name), None)
    if kind == "champ" and values.get(name):
        if (place := structure_of_activity(session, str(values[name]))) is not None:
            return place
        chosen = uuid.UUID(str(values[name]))
        if any(each.id == chosen for each in structures(session)):
            return chosen
        return session.scalar(select(Child.school_id).where(Child.id == chosen))
    return None


def _follow(session: Session, case: Case, outcome: Outcome) -> None:
    """The row people read follows the engine, in the same transaction."""
    _move(case, outcome)
    write_case(session, case)


def _move(case: Case, outcome: Outcome) -> None:
    now = clock.now()
    if outcome.status:
        case.status = outcome.status
    case.updated_at = now
    if outcome.ended:
        case.closed_at = now


def _answer(
    session: Session,
    case: Case,
    task: Task,
    actor: Actor,
    values: Mapping[str, Json],
    summary: Summary,
    *,
    receipt: bool,
) -> None:
    row: dict[str, Any] = {
        "id": new_id(),
        "case_id": case.id,
        "of_case": case.id,
        "node": task.node,
        "title": task.title,
        "form": task.form,
        "values": dict(values),
        "summary": [[title, [list(line) for line in lines]] for title, lines in summary],
        "status_after": case.status,
        "by_kind": "parent" if task.lane == FAMILY_LANE else actor.kind,
        "by_id": actor.id,
        "by_label": actor.label if actor.kind != "visitor" else case.owner_name,
        "at": clock.now(),
        "receipt": {"reference": case.reference, "received_at": clock.now().isoformat()} if receipt else None,
    }
    ADD_ANSWER.later(session, row)


def _reason(values: Mapping[str, Json]) -> str | None:
    """The words an agent wrote with a decision: shown to the family wherever the decision is."""
    parts = [str(v) for k, v in values.items() if k.endswith("_raison") and v]
    return " ".join(parts)[:2000] or None


def _keep_in_hand(session: Session, actor: Actor, done: Task, outcome: Outcome) -> None:
    """Whoever takes charge keeps the next step of the same lane (G2): no second click, no colleague in between. What a
    family completes comes back to the agent who asked."""
    holder = actor.id
    if done.lane == FAMILY_LANE:
        if done.status != "traitement":
            return
        asked = select(Task.assignee_id).where(Task.case_id == done.case_id, Task.lane != FAMILY_LANE)
        holder = session.scalar(asked.where(Task.closed_at.is_not(None)).order_by(Task.closed_at.desc()).limit(1))
    lanes = {done.lane} if done.lane != FAMILY_LANE else {node.lane for node in outcome.opened.values()}
    kept = [{"kept": task_id, "by": holder} for task_id, node in outcome.opened.items() if node.lane in lanes]
    if holder is not None:
        KEEP.later(session, kept)


def _announce(session: Session, fact: str, case: Case) -> None:
    """A fact the family hears of; it says which fact it is, for one handler serves them all."""
    emit(session, fact, fact=fact, case_id=str(case.id), status=case.status)


def _tell(session: Session, case: Case, before: str, outcome: Outcome, *, first_filing: bool) -> None:
    """Emits what the family must hear of: a status reached, or something asked of it."""
    asked = [node for node in outcome.opened.values() if node.lane == FAMILY_LANE and node.status == "traitement"]
    if asked:
        _announce(session, "case.completion_asked", case)
    elif case.status != before and not first_filing and case.status != "brouillon":
        _announce(session, "case.status_changed", case)


def send_message(session: Session, who: Who, opened: Opened, name: str) -> Outcome:
    """A message the process waits for, from the family: ``modifier`` or ``annuler`` (D2)."""
    case = opened.case
    if name == "annuler" and case.status == "brouillon" and case.submitted_at is None:
        # drawn on the step that « modifier » comes back to, which is also the first one: there, nobody knows of it yet
        raise NotWaiting("Cette demande n’a pas encore été envoyée : vous pouvez effacer votre brouillon.")
    before = case.status
    outcome = runtime.send(session, who.actor, facts_of(case), opened.instance, name)
    _follow(session, case, outcome)
    record(session, who.actor, f"case.message_{name}", "case", case.id, status=case.status)
    _tell(session, case, before, outcome, first_filing=False)
    return outcome


def abandon(session: Session, who: Who, opened: Opened) -> None:
    """Gives a draft up. Never sent, it is deleted with everything typed in it (D4).

    Sent before, then reopened to be changed, it is cancelled as its process draws it, and kept (D2). Raises Conflict
    when it is no draft any more, or when its process draws no way out of the correction.
    """
    case = opened.case
    if case.closed_at is not None:
        raise Conflict("Cette demande est déjà terminée : il n’y a plus rien à abandonner.")
    if case.status != "brouillon":
        raise Conflict("Cette demande a déjà été envoyée : vous pouvez l’annuler, plus l’effacer.")
    if case.submitted_at is not None:
        send_message(session, who, opened, "annuler")
        return
    record(session, who.actor, "case.abandoned", "case", case.id, procedure=case.slug)
    emit(session, "case.abandoned", case_id=str(case.id))
    forget(session, case.id)
    for model in (Draft, Answer):
        session.execute(delete(model).where(model.case_id == case.id).execution_options(synchronize_session=False))
    session.delete(case)
