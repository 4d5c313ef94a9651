"""The application of the two rooms at the bottom of the house, as the tests of accounts build it."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from app.accounts import sessions
from app.web.requests import Portal
from tests.accounts.conftest import app, cheap_hashes, client, clock, make_app
from tests.accounts.house import make_agent

__all__ = ["app", "cheap_hashes", "client", "clock", "make_app"]


@pytest.fixture
def admin(app: Portal) -> FlaskClient:
    """A browser where an administrator is signed in, second factor given."""
    with app.database.transaction() as session:
        token = sessions.open_session(
            session, make_agent(session, "admin@example.org", "administrateur"), second_factor=True
        )
    signed_in = app.test_client()
    with signed_in.session_transaction() as cookie:
        cookie["_user_id"] = token
    return signed_in
