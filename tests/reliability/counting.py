"""Counting after the storm: rows, engine, answers, journal, outbox and mails must tell one story of each demande."""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from email.message import EmailMessage

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.agenda.models import Absence
from app.cases.models import Answer, Case
from app.cases.operations import runtime
from app.db import Database
from app.engine import state
from app.engine.models import Incident, Instance, Subscription, Task, Timer
from app.engine.projection import FINAL, picture
from app.journal import JournalEntry, verify_chain
from app.messages.mails import Mail
from app.outbox import OutboxFact

DECLARED = ("en_attente", "traitement", "clos")


def disagreements(database: Database) -> list[str]:
    """Everything that does not fit, one line each; empty when no demande is lost or half-advanced."""
    with database.transaction(read_only=True) as session:
        found = [line for case in session.scalars(select(Case)).all() for line in _case(session, case)]
        orphans = session.scalar(
            select(func.count()).select_from(Instance).where(Instance.case_id.not_in(select(Case.id)))
        )
        if orphans:
            found.append(f"{orphans} instances without a case")
        if fault := verify_chain(session).fault:
            found.append(f"journal: {fault}")
        return found


def _case(session: Session, case: Case) -> Iterator[str]:
    for line in [*_engine(session, case), *_history(session, case), *_typed(session, case)]:
        yield f"{case.reference} ({case.slug}, {case.status}): {line}"


def _engine(session: Session, case: Case) -> Iterator[str]:
    """The projection and the status are what the stored state says."""
    instance = session.get(Instance, case.id)
    if instance is None:
        yield "no instance"
        return
    definition = runtime.definition(session, instance.bundle_hash)
    now = picture(state.load(instance.state, instance.serializer, definition), definition)
    tasks = session.scalars(select(Task).where(Task.case_id == case.id, Task.closed_at.is_(None))).all()
    if {task.id: task.node for task in tasks} != {key: node.id for key, node in now.people.items()}:
        yield f"open tasks {[task.node for task in tasks]}, the engine waits at {[n.id for n in now.people.values()]}"
    timers = session.execute(select(Timer.task_id, Timer.due_at).where(Timer.case_id == case.id)).all()
    if dict(timers) != {key: due for key, (_, due) in now.timers.items()}:
        yield "the timers are not the engine's"
    awaited = session.execute(select(Subscription.task_id, Subscription.name).where(Subscription.case_id == case.id))
    if {(key, name) for key, name in awaited} != {(key, name) for key, _, name in now.messages}:
        yield "the awaited messages are not the engine's"
    ended = instance.ended_at is not None
    if ended != (case.closed_at is not None) or ended != (case.status in FINAL) or (ended and now.people):
        yield f"ended: instance {ended}, case {case.closed_at is not None}, open tasks {len(now.people)}"
    if not ended and now.status != case.status:
        yield f"the engine says {now.status}"
    if session.scalar(select(func.count()).where(Incident.case_id == case.id, Incident.resolved_at.is_(None))):
        yield "an incident"


def _history(session: Session, case: Case) -> Iterator[str]:
    """Each step that was sent is one answer, one closed task, one journal entry; each change was announced once."""
    answers = session.scalars(select(Answer).where(Answer.case_id == case.id).order_by(Answer.number)).all()
    if [answer.number for answer in answers] != list(range(1, len(answers) + 1)):
        yield f"answers numbered {[answer.number for answer in answers]}"
    # a family may fill several steps before its demande is sent: until then it stays a draft after each of them
    if (case.submitted_at is not None) != any(answer.status_after != "brouillon" for answer in answers):
        yield f"sent: {case.submitted_at}, with {len(answers)} answers"
    closed = Counter(
        session.scalars(select(Task.node).where(Task.case_id == case.id, Task.closed_at.is_not(None))).all()
    )
    answered = Counter(answer.node for answer in answers)
    if answered - closed:
        yield f"answers {dict(answered)} for closed tasks {dict(closed)}"
    entries = session.scalars(select(JournalEntry.action).where(JournalEntry.object_id == case.id)).all()
    if Counter(entries)["case.opened"] != 1 or Counter(entries)["case.step_done"] != len(answers):
        yield f"journal {dict(Counter(entries))} for {len(answers)} answers"


def _typed(session: Session, case: Case) -> Iterator[str]:
    """The absence that the staff reads is the one of the demande."""
    if case.slug != "absence":
        return
    rows = session.scalars(select(Absence.status).where(Absence.case_id == case.id)).all()
    expected = ["declared"] if case.status in DECLARED else ["cancelled"] if case.submitted_at else []
    if list(rows) != expected:
        yield f"absence rows {list(rows)}, expected {expected}"


def facts_waiting(database: Database) -> Counter[str]:
    """States of the facts that are not done, by state."""
    with database.transaction(read_only=True) as session:
        rows = session.execute(
            select(OutboxFact.state, func.count()).where(OutboxFact.state != "done").group_by(OutboxFact.state)
        )
        return Counter(dict(rows.all()))


def announced(database: Database, cases: Mapping[str, str]) -> list[str]:
    """What is wrong with the facts of these demandes (id → final status): each step is announced exactly once."""
    wanted = {
        "clos": {"case.submitted en_attente", "case.status_changed traitement", "case.status_changed clos"},
        "refuse": {"case.submitted en_attente", "case.status_changed traitement", "case.status_changed refuse"},
        "annule": {"case.submitted en_attente", "case.status_changed annule"},
    }
    told: defaultdict[str, Counter[str]] = defaultdict(Counter)
    with database.transaction(read_only=True) as session:
        for fact in session.scalars(select(OutboxFact).where(OutboxFact.kind.like("case.%"))):
            told[str(fact.payload["case_id"])][f"{fact.kind} {fact.payload.get('status')}"] += 1
    return [
        f"{case} ({status}) was announced as {dict(told[case])}"
        for case, status in cases.items()
        if told[case] != Counter(wanted[status])
    ]


def mail_faults(database: Database, received: Iterable[EmailMessage]) -> list[str]:
    """What is wrong with the mails: every row was received under its one Message-ID, and no text under two."""
    ids, texts = set[str](), defaultdict[tuple[str, str, str], set[str]](set)
    for mail in received:
        ids.add(str(mail["Message-ID"]))
        body = mail.get_content()
        texts[str(mail["To"]), str(mail["Subject"]), body].add(str(mail["Message-ID"]))
    with database.transaction(read_only=True) as session:
        rows = session.execute(select(Mail.fact_id, Mail.position, Mail.message_id, Mail.state)).all()
        done = set(session.scalars(select(OutboxFact.id).where(OutboxFact.kind.in_(MAILED))))
    faults = [f"{row.message_id} is {row.state}" for row in rows if row.state != "sent"]
    faults += [f"{row.message_id} never arrived" for row in rows if row.message_id not in ids]
    faults += [
        f"{len(known)} Message-IDs for one mail to {to}" for (to, _, _), known in texts.items() if len(known) > 1
    ]
    per_fact = Counter[uuid.UUID](row.fact_id for row in rows)
    faults += [f"fact {fact} made {per_fact[fact]} mails" for fact in done if per_fact[fact] != 1]
    faults += [f"{known} was sent by nobody" for known in ids - {row.message_id for row in rows}]
    return faults


MAILED = ("case.submitted", "case.status_changed", "case.completion_asked")
