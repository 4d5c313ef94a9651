"""The families that these tests speak of, and plain functions that make them. A Friday of term, 9:30 in Paris."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime

from sqlalchemy import event, select
from sqlalchemy.orm import Session

from app import journal
from app.accounts import operations as accounts
from app.accounts.models import Account
from app.accounts.roles import DEFAULT_ROLES
from app.db import Database
from app.families import child_operations, operations
from app.families.models import Adult, Child, Household
from app.families.rights import Authority
from app.policy import SYSTEM, Actor, Grant
from app.town.models import Structure
from app.town.operations import create_structure

NOW = datetime(2026, 11, 20, 8, 30, tzinfo=UTC)
TODAY = date(2026, 11, 20)


def make_structure(session: Session, code: str, name: str, kind: str = "ecole", **values: object) -> Structure:
    return create_structure(session, SYSTEM, code=code, name=name, kind=kind, **values)


def make_agent(role: str = "gestionnaire", *structures: Structure) -> Actor:
    """An agent of these structures, of all of them without any."""
    permissions = frozenset(next(r.permissions for r in DEFAULT_ROLES if r.code == role))
    grants = tuple(Grant(role, permissions, s.id) for s in structures) or (Grant(role, permissions),)
    return Actor("agent", uuid.uuid4(), "Nadia Perrin, agente", grants)


def make_account(session: Session, email: str, first_name: str = "Claire", last_name: str = "Martin") -> Account:
    account = accounts.open_account(session, SYSTEM, email=email, first_name=first_name, last_name=last_name)
    account.password_hash = "opened"
    session.flush()
    return account


def parent(account: Account) -> Actor:
    """What this account is when it signs in."""
    return Actor("parent", account.id, f"{account.first_name} {account.last_name}")


def make_household(session: Session, label: str = "Martin", **values: object) -> Household:
    return operations.create_household(session, SYSTEM, label=label, **values)


def make_adult(
    session: Session, household: Household, first_name: str = "Claire", last_name: str = "Martin", **values: object
) -> Adult:
    """An adult; with ``account=True`` she signs in at an address made of her name."""
    if values.pop("account", False):
        address = f"{first_name}.{last_name}@example.org".lower()
        values["account_id"] = make_account(session, address, first_name, last_name).id
    return operations.add_adult(session, SYSTEM, household.id, first_name=first_name, last_name=last_name, **values)


def make_child(
    session: Session, household: Household, first_name: str = "Léna", last_name: str = "Martin", **values: object
) -> Child:
    born = values.pop("birth_date", date(2019, 5, 12))
    return child_operations.add_child(
        session, SYSTEM, household.id, first_name=first_name, last_name=last_name, birth_date=born, **values
    )


def link(
    session: Session, child: Child, adult: Adult, authority: Authority = Authority.JOINT, **values: object
) -> None:
    values.setdefault("source", "" if authority is Authority.JOINT else "Jugement du 3 mars 2024")
    child_operations.link_adult(
        session, SYSTEM, child.id, adult.id, quality=values.pop("quality", "parent"), authority=authority, **values
    )


@dataclass
class Separated:
    """Inès lives in two households; her mother's new husband has no link with her; a stranger has nothing to see."""

    school: Structure
    other_school: Structure
    home_a: Household
    home_b: Household
    mother: Adult
    father: Adult
    step_father: Adult
    stranger: Adult
    child: Child

    def actor(self, adult: Adult) -> Actor:
        return Actor("parent", adult.account_id, f"{adult.first_name} {adult.last_name}")


def make_separated(session: Session, authority: Authority = Authority.JOINT) -> Separated:
    """``authority`` is the father's; the mother's is joint, or sole when his is not shared."""
    school = make_structure(session, "EE", "École Les Marronniers", levels=["CP", "CE1", "CE2"])
    other_school = make_structure(session, "EM", "École Les Tilleuls", levels=["PS", "MS", "GS"])
    home_a = make_household(
        session, "Fontaine", street="12 rue des Lilas", postal_code="99870", city="Valbrise", phone="0199001201", qf=847
    )
    home_b = make_household(
        session, "Morel", street="3 place de la Halle", postal_code="99870", city="Valbrise", qf=1625
    )
    home_c = make_household(session, "Benali", city="Valbrise")
    mother = make_adult(
        session, home_a, "Camille", "Fontaine", account=True, mobile="0639981201", email="camille@example.org"
    )
    step_father = make_adult(session, home_a, "Yann", "Le Goff", account=True)
    father = make_adult(session, home_b, "Marc", "Morel", account=True, mobile="0639981202", email="marc@example.org")
    stranger = make_adult(session, home_c, "Sonia", "Benali", account=True)
    child = make_child(
        session, home_a, "Inès", "Morel", birth_date=date(2018, 3, 21), sex="F", school_id=school.id, level="CE2"
    )
    child_operations.join_household(session, SYSTEM, child.id, home_b.id)
    shared = authority is Authority.JOINT
    link(session, child, mother, Authority.JOINT if shared else Authority.SOLE, quality="mere")
    link(session, child, father, authority, quality="pere")
    return Separated(school, other_school, home_a, home_b, mother, father, step_father, stranger, child)


def actions(session: Session) -> list[str]:
    """The actions that this transaction will write to the journal, in order."""
    return [entry["action"] for entry in session.info.get("journal", [])]


def journal_text(database: Database) -> str:
    """Everything the journal holds, as one text: nothing typed by a person may be in it."""
    with database.transaction(read_only=True) as session:
        entries = session.scalars(select(journal.JournalEntry)).all()
        return " ".join(f"{entry.action} {entry.details}" for entry in entries)


@contextmanager
def counting(session: Session) -> Iterator[list[str]]:
    """The SQL statements sent meanwhile."""
    sent: list[str] = []
    engine = session.get_bind()

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        sent.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(engine, "before_cursor_execute", note)
