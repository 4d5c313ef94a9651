"""Valbrise over HTTP: its activities, one family, and whoever opens a browser there."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from datetime import date
from html import unescape
from pathlib import Path

from flask.testing import FlaskClient

from app import create_app
from app.db import Database
from tests.agenda.bookings_of import Family, Valbrise, stored
from tests.cases.making import sign_in
from tests.conftest import settings_for


@dataclass
class Town:
    database: Database
    valbrise: Valbrise
    family: Family
    folder: Path

    @property
    def child(self) -> uuid.UUID:
        return self.family.child.id

    def key(self, day: date, code: str = "CANT") -> str:
        return f"{self.valbrise.id(code)}:{day.isoformat()}"

    def enter(self, account_id: uuid.UUID | None) -> FlaskClient:
        app = create_app(settings_for(str(self.database.engine.url), self.folder), self.database)
        app.config["WTF_CSRF_ENABLED"] = False
        client = app.test_client()
        return sign_in(client, self.database, account_id) if account_id else client

    def bookings(self) -> list[tuple[str, str]]:
        with self.database.transaction(read_only=True) as session:
            return stored(session)


def text_of(page: str) -> str:
    """What a page says, without its markup, between plain spaces."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


def hidden(page: str) -> dict[str, list[str]]:
    """The hidden fields of the forms of a page."""
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page):
        found.setdefault(name, []).append(unescape(value))
    return found
