"""The application over the database of a test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from app import create_app
from app.db import Database
from tests.conftest import settings_for

NewClient = Callable[[], FlaskClient]


@pytest.fixture
def new_client(database: Database, tmp_path: Path) -> NewClient:
    """Makes browsers, one per person; forgery protection is tested elsewhere."""
    app = create_app(settings_for(str(database.engine.url), tmp_path), database)
    app.config["WTF_CSRF_ENABLED"] = False
    return app.test_client
