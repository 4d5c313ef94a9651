"""Who writes to whom in the tests of messages, and how a page of theirs is sent."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable

from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app import clock
from app.accounts.models import Account, GrantRow, Role
from app.db import Database, fold, new_id
from app.policy import Actor, Permission
from app.town.models import Structure
from app.town.queries import forget_all

Browser = Callable[[str], FlaskClient]


class Cast:
    """Two parents, an agent of each of two schools, an administrator; ids of accounts."""

    def __init__(self, database: Database) -> None:
        with database.transaction() as session:
            self.school, self.other = (
                Structure(
                    id=new_id(), code=code, name=f"École {code}", sort_key=code, kind="ecole", levels=[], open=True
                )
                for code in ("A", "B")
            )
            session.add_all([self.school, self.other])
            session.add(Role(code="accueil", label="Accueil", permissions=[Permission.MESSAGE_ANSWER]))
            session.add(Role(code="courriels", label="Courriels", permissions=[Permission.MAIL_READ]))
            session.flush()
            self.ids = {name: self._account(session, name) for name in ("Léa", "Paul", "Anne", "Omar", "Ida")}
            for name, role, place in (
                ("Anne", "accueil", self.school.id),
                ("Omar", "accueil", self.other.id),
                ("Ida", "courriels", None),
            ):
                session.add(
                    GrantRow(account_id=self.ids[name], role_code=role, structure_id=place, created_at=clock.now())
                )
        forget_all()

    @staticmethod
    def _account(session: Session, name: str) -> uuid.UUID:
        made = Account(
            id=new_id(),
            email=f"{fold(name)}@example.org",
            kind="parent" if name in ("Léa", "Paul") else "agent",
            first_name=name,
            last_name="Martin",
            sort_key=fold(f"Martin {name}"),
            created_at=clock.now(),
        )
        session.add(made)
        session.flush()
        return made.id

    def actor(self, name: str) -> Actor:
        return Actor("parent", self.ids[name], f"{name} Martin")


def csrf_of(page: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found is not None
    return found.group(1)


def send(client: FlaskClient, url: str, **fields: str) -> TestResponse:
    return client.post(url, data={"csrf_token": csrf_of(client.get(url).text), **fields})
