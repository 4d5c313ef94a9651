"""A portal whose doors open for anybody, to test pages rather than signing in."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from flask.testing import FlaskClient
from sqlalchemy import event

from app.accounts import administration, sessions
from app.accounts.models import Account
from app.db import Database
from app.documents.storage import storage_from_url
from app.families.models import Adult
from app.policy import SYSTEM
from app.town.models import Structure
from app.web.requests import Portal
from tests.documents.pieces import Pieces, make_document
from tests.families.people import make_account


class Door:
    """The portal, the family with its pieces, and a browser for each person."""

    def __init__(self, portal: Portal, database: Database, pieces: Pieces) -> None:
        self.portal, self.database, self.pieces = portal, database, pieces
        self.family = pieces.family

    def enter(self, account_id: uuid.UUID | None) -> FlaskClient:
        """A browser signed in as this account, second factor given; a stranger's without."""
        client = self.portal.test_client()
        if account_id is None:
            return client
        with self.database.transaction() as session:
            account = session.get(Account, account_id)
            assert account is not None
            token = sessions.open_session(session, account, second_factor=True)
        with client.session_transaction() as kept:
            kept["_user_id"] = token
            kept["_fresh"] = True
        return client

    def parent(self, adult: Adult) -> FlaskClient:
        return self.enter(adult.account_id)

    def agent(self, role: str, *structures: Structure) -> FlaskClient:
        with self.database.transaction() as session:
            administration.seed_roles(session, SYSTEM)
            account = make_account(session, f"{role}-{uuid.uuid4().hex[:6]}@valbrise.example.org", "Nadia", "Perrin")
            account.kind = "agent"
            session.flush()
            for structure in structures or (None,):
                administration.grant_role(session, SYSTEM, account.id, role, structure.id if structure else None)
        return self.enter(account.id)

    def document(self, adult: Adult | None, code: str = "justificatif-domicile", **values: object) -> uuid.UUID:
        """A piece with its bytes (``content``)."""
        content = values.pop("content", b"%PDF-1.4 le contenu")
        assert isinstance(content, bytes)
        with self.database.transaction() as session:
            made = make_document(session, adult, code, size=len(content), **values)
        storage_from_url(self.portal.settings.storage_url).put(made.key, content)
        return made.id


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    """The SQL sent meanwhile, transaction words left out."""
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if not statement.startswith("BEGIN"):
            sent.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(database.engine, "before_cursor_execute", note)
