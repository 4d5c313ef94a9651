"""What administrators watch: incidents of the engine, and the journal."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from app import clock
from app.accounts.models import Account
from app.cases.models import Case
from app.engine.models import Incident
from app.journal import JournalEntry

PAGE = 50


# -- incidents -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class OpenIncident:
    """A node that could not run, with the démarche it belongs to; never what the family wrote."""

    incident: Incident
    title: str
    slug: str


def open_incidents(session: Session, limit: int = 200) -> list[OpenIncident]:
    """The incidents nobody solved yet, oldest first."""
    query = (
        select(Incident, Case.title, Case.slug)
        .join(Case, Case.id == Incident.case_id)
        .where(Incident.resolved_at.is_(None))
        .order_by(Incident.opened_at)
        .limit(limit)
    )
    return [OpenIncident(row[0], row[1], row[2]) for row in session.execute(query)]


# -- the journal -----------------------------------------------------------------------------------------------------

OBJECTS = {
    "account": "Compte",
    "case": "Demande",
    "child": "Enfant",
    "commune": "Commune",
    "document": "Pièce",
    "draft": "Brouillon de démarche",
    "household": "Foyer",
    "procedure": "Démarche",
    "role": "Rôle",
    "structure": "Structure",
}


#: What is searched by kind of action: the room's word with its point, and its name on the page.
ROOMS = (
    ("case.", "Demandes"),
    ("task.", "Tâches"),
    ("document.", "Pièces"),
    ("household.", "Foyers"),
    ("child.", "Enfants"),
    ("account.", "Comptes"),
    ("procedure.", "Démarches"),
    ("draft.", "Brouillons de démarches"),
    ("migration.", "Migrations"),
    ("incident.", "Incidents"),
    ("town.", "Réglages de la commune"),
    ("journal.", "Journal"),
)


@dataclass(frozen=True)
class Asked:
    """A search of the journal; empty fields ask nothing. ``about`` is a reference, an e-mail address or an id."""

    actor: str = ""
    action: str = ""
    about: str = ""
    since: date | None = None
    until: date | None = None


@dataclass(frozen=True)
class JournalPage:
    """A page of entries, newest first; ``before`` opens the older ones. ``unknown``: nothing goes by that name."""

    entries: Sequence[JournalEntry]
    before: int | None
    unknown: str = ""


def journal_page(session: Session, asked: Asked, before: int | None = None) -> JournalPage:
    """The entries that answer ``asked``, ``PAGE`` a page. Reads an index of the journal, from its end backwards."""
    query = select(JournalEntry).order_by(JournalEntry.seq.desc())
    if before is not None:
        query = query.where(JournalEntry.seq < before)
    if asked.action:
        query = _acting(query, asked.action)
    for name, column in ((asked.actor, JournalEntry.actor_id), (asked.about, JournalEntry.object_id)):
        if name:
            found = object_named(session, name)
            if found is None:
                return JournalPage((), None, unknown=name)
            query = query.where(column == found)
    query = _between(query, asked)
    entries = session.scalars(query.limit(PAGE + 1)).all()
    return JournalPage(entries[:PAGE], entries[PAGE - 1].seq if len(entries) > PAGE else None)


def _acting(query: Select[JournalEntry], action: str) -> Select[JournalEntry]:
    """``case.submitted`` exactly, or ``case.`` for everything that happens to demandes."""
    if action.endswith("."):
        return query.where(JournalEntry.action >= action, JournalEntry.action < f"{action[:-1]}/")
    return query.where(JournalEntry.action == action)


def _between(query: Select[JournalEntry], asked: Asked) -> Select[JournalEntry]:
    """Days of Paris, both included."""
    if asked.since is not None:
        query = query.where(JournalEntry.at >= _midnight(asked.since))
    if asked.until is not None:
        query = query.where(JournalEntry.at < _midnight(asked.until + timedelta(days=1)))
    return query


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=clock.PARIS)


def object_named(session: Session, name: str) -> uuid.UUID | None:
    """The id of an account (by e-mail address), of a demande (by reference), or the id itself."""
    name = name.strip()
    try:
        return uuid.UUID(name)
    except ValueError:
        pass
    if "@" in name:
        return session.scalar(select(Account.id).where(Account.email == name.lower()))
    return session.scalar(select(Case.id).where(Case.reference == name.upper()))
