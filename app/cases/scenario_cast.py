"""The commune and the people of every scenario: small, the same everywhere, so that a story can name them.

A story writes ``@enfant`` for the child of the parent who files, ``@ecole`` for a school, ``@piece:vaccins`` for a
piece of that type which her wallet holds, and ``@fichier`` for a file that she sends now.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app import clock
from app.accounts.administration import seed_roles
from app.accounts.models import Role
from app.accounts.operations import open_account
from app.agenda.operations import save_activity
from app.agenda.regulating import GroupRule, regulate
from app.db import Json, new_id
from app.documents.models import Document
from app.documents.operations import accept_document
from app.documents.piece_types import DEFAULT_TYPES, DefaultType, install_piece_types
from app.documents.storage import new_key
from app.engine.scenarios import ScenarioError
from app.families.child_operations import add_child, link_adult
from app.families.operations import add_adult, create_household
from app.outbox import OutboxFact
from app.policy import SYSTEM, Actor, Permission
from app.town.operations import change_settings, create_structure

FILE = "@fichier"
PARENT_EMAIL = "camille.martin@example.org"
TOWN: Mapping[str, Json] = {
    "name": "Valbrise",
    "address": "1 place de la Mairie\n99870 Valbrise",
    "phone": "01 99 00 12 30",
    "email": "enfance@valbrise.example.org",
    "service_name": "Service enfance de Valbrise",
}
STRUCTURES: tuple[tuple[str, str, str, str, list[str]], ...] = (
    ("@ecole", "EE", "École élémentaire Les Marronniers", "ecole", ["CP", "CE1", "CE2", "CM1", "CM2"]),
    ("@restaurant", "RS", "Restaurant scolaire", "restauration", []),
    ("@accueil", "AL", "Accueil de loisirs La Clairière", "alsh", []),
)
ACTIVITIES = (
    ("CANT", "Restauration scolaire", "@restaurant", (1, 2, 4, 5), "11:45", "13:35"),
    ("SOIR1", "Accueil du soir", "@accueil", (1, 2, 4, 5), "16:30", "17:30"),
    ("MERC_J", "Mercredi, journée", "@accueil", (3,), "07:30", "18:30"),
    ("VAC_J", "Vacances, journée", "@accueil", (1, 2, 3, 4, 5), "07:30", "18:30"),
    ("VAC_M", "Vacances, matin", "@accueil", (1, 2, 3, 4, 5), "07:30", "12:30"),
)
_EVE = {"mode": "ouvres", "n": 1, "at": "17:00"}
_RULES: Mapping[str, Json] = {"acceptance": "automatic", "book": _EVE, "change": _EVE, "cancel": _EVE}
_HOLIDAYS: Mapping[str, Json] = {
    **_RULES,
    "times": "vacances",
    "setting": "extrascolaire",
    "openings": [{"name": "Hiver", "first": "2027-02-22", "last": "2027-03-05"}],
}
REGULATIONS: Mapping[str, tuple[Mapping[str, Json], int]] = {
    "CANT": ({**_RULES, "tariff": {"flat": 240}, "pieces": ["assurance"]}, 170),
    "SOIR1": ({**_RULES, "acceptance": "agent", "tariff": {"flat": 102}}, 40),
    "MERC_J": ({**_RULES, "acceptance": "agent", "tariff": {"flat": 768}}, 0),
    "VAC_J": ({**_HOLIDAYS, "acceptance": "agent", "tariff": {"flat": 768}}, 36),
    "VAC_M": ({**_HOLIDAYS, "tariff": {"flat": 384}}, 36),
}
"""The règlement of each, and its places: none is left on Wednesdays."""


@dataclass(frozen=True)
class Cast:
    """Who plays. ``names`` gives the value behind each ``@name``; ``people`` the parents, by the word of ``par``."""

    people: Mapping[str, Actor]
    names: Mapping[str, str]

    def value(self, raw: Json) -> Json:
        """A value of a story, its ``@names`` replaced. Raises ScenarioError for a name nobody bears."""
        if isinstance(raw, list):
            return [self.value(each) for each in raw]
        if not isinstance(raw, str) or not raw.startswith("@") or raw == FILE:
            return raw
        if raw not in self.names:
            raise ScenarioError(f"« {raw} » n’est personne. Noms connus : {', '.join(sorted(self.names))}")
        return self.names[raw]


def build_cast(session: Session, roles: Collection[str] = ()) -> Cast:
    """The town, its structures and roles (``roles``: more of them, by code), a family of two parents and one child, and
    strangers with theirs."""
    change_settings(session, SYSTEM, TOWN)
    names = _build_places(session)
    seed_roles(session, SYSTEM)
    session.flush()
    for code in set(roles) - set(session.scalars(select(Role.code))):
        session.add(Role(code=code, label=code, permissions=[Permission.TASK_WORK]))
    install_piece_types(session, SYSTEM)
    session.flush()
    household = create_household(session, SYSTEM, label="Martin", street="4 rue des Tilleuls", postal_code="99870",
                                 city="Valbrise", qf=640)  # fmt: skip
    parent = _parent(session, household.id, "Camille", "Martin", PARENT_EMAIL)
    other = _parent(session, household.id, "Alex", "Martin", "alex.martin@example.org")
    child = _child(session, household.id, uuid.UUID(names["@ecole"]), parent, other)
    elsewhere = create_household(session, SYSTEM, label="Durand")
    stranger = _parent(session, elsewhere.id, "Dominique", "Durand", "dominique.durand@example.org")
    child_elsewhere = _child(session, elsewhere.id, None, stranger)
    names |= {
        "@foyer": str(household.id),
        "@enfant": str(child),
        "@autre_adulte": str(other[1]),
        "@enfant_d_ailleurs": str(child_elsewhere),
        "@courriel_connu": PARENT_EMAIL,
    }
    names |= _build_pieces(session, household.id, child, parent)
    session.flush()
    people = {"parent": parent[0], "autre_parent": other[0], "etranger": stranger[0]}
    return Cast(people, names)


def silence(session: Session) -> None:
    """What building the cast would announce is nobody's mail: a story counts its own."""
    session.execute(update(OutboxFact).values(state="done"))


def _build_places(session: Session) -> dict[str, str]:
    places: dict[str, str] = {}
    for name, code, label, kind, levels in STRUCTURES:
        made = create_structure(session, SYSTEM, code=code, name=label, kind=kind, levels=levels)
        session.flush()
        places[name] = str(made.id)
    for rank, (code, label, place, weekdays, starts_at, ends_at) in enumerate(ACTIVITIES):
        activity = save_activity(
            session,
            SYSTEM,
            code=code,
            label=label,
            structure_id=uuid.UUID(places[place]),
            weekdays=weekdays,
            starts_at=starts_at,
            ends_at=ends_at,
            rank=rank,
        )
        rules, room = REGULATIONS[code]
        regulate(session, SYSTEM, activity.id, rules, [GroupRule("tous", "Tous les enfants", 3, 12, places=room)])
    return places


Person = tuple[Actor, uuid.UUID]


def _parent(session: Session, household_id: uuid.UUID, first_name: str, last_name: str, email: str) -> Person:
    account = open_account(session, SYSTEM, email=email, first_name=first_name, last_name=last_name)
    adult = add_adult(
        session,
        SYSTEM,
        household_id,
        first_name=first_name,
        last_name=last_name,
        account_id=account.id,
        email=email,
        mobile="06 39 98 01 10",
    )
    return Actor("parent", account.id, f"{first_name} {last_name}"), adult.id


def _child(session: Session, household_id: uuid.UUID, school_id: uuid.UUID | None, *parents: Person) -> uuid.UUID:
    child = add_child(
        session,
        SYSTEM,
        household_id,
        first_name="Lou",
        last_name=parents[0][0].label.split()[-1],
        birth_date=date(2018, 10, 10),
        school_id=school_id,
        level="CE2" if school_id else "",
    )
    for _, adult_id in parents:
        link_adult(session, SYSTEM, child.id, adult_id, quality="parent", authority="joint")
    return child.id


def _build_pieces(session: Session, household_id: uuid.UUID, child_id: uuid.UUID, parent: Person) -> dict[str, str]:
    """One valid piece of each type in the wallet of the family."""
    found: dict[str, str] = {}
    for kind in DEFAULT_TYPES:
        document = _document(kind, household_id, child_id, parent)
        session.add(document)
        session.flush()
        accept_document(session, SYSTEM, document.id, None)
        found[f"@piece:{kind.code}"] = str(document.id)
    return found


def _document(kind: DefaultType, household_id: uuid.UUID, child_id: uuid.UUID, parent: Person) -> Document:
    return Document(
        id=new_id(),
        key=new_key(),
        piece_type=kind.code,
        household_id=household_id,
        child_id=child_id if kind.scope == "child" else None,
        adult_id=parent[1] if kind.scope == "adult" else None,
        filename=f"{kind.code}.pdf",
        mime="application/pdf",
        size=1000,
        pages=1,
        sha256="0" * 64,
        notes=[],
        scan="clean",
        state="non_traite",
        uploaded_at=clock.now(),
        uploaded_by_id=parent[0].id,
        submitted_at=clock.now(),
    )
