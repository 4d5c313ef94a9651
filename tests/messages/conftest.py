"""The cast of messages, and browsers in which its people are signed in."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from app import create_app
from app.accounts import sessions
from app.accounts.models import Account
from app.db import Database
from tests.conftest import settings_for
from tests.messages.cast import Browser, Cast


@pytest.fixture
def cast(sqlite_database: Database) -> Cast:
    return Cast(sqlite_database)


@pytest.fixture
def browser(sqlite_database: Database, cast: Cast, tmp_path: Path) -> Browser:
    """A browser in which somebody of the cast is signed in."""
    url = sqlite_database.engine.url.render_as_string(hide_password=False)
    app = create_app(settings_for(url, tmp_path), sqlite_database)

    def signed_in(name: str) -> FlaskClient:
        with sqlite_database.transaction() as session:
            account = session.get_one(Account, cast.ids[name])
            token = sessions.open_session(session, account, second_factor=True)
        client = app.test_client()
        with client.session_transaction() as cookie:
            cookie["_user_id"] = token
        return client

    return signed_in
