"""The disk is full, or the antivirus is down, while a family sends a piece: a clear error, and the draft is intact."""

from __future__ import annotations

import errno
import io
import json
import os
import uuid
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from app import create_app
from app.cases.models import Draft
from app.db import Database
from app.documents.models import Document
from app.documents.piece_types import install_piece_types
from app.policy import SYSTEM
from app.procedures.operations import publish
from tests.cases.making import REQUEST_FORM, SLUG, case_of, make_bundle, make_world, open_draft, open_task, sign_in
from tests.conftest import settings_for
from tests.documents.samples import make_pdf
from tests.services import free_port

PIECE = {"type": "piece", "name": "piece", "label": "Justificatif", "piece_type": "justificatif-domicile"}


class Parent:
    """A parent in front of a form with a piece, before she sends it."""

    def __init__(self, database: Database, folder: Path, **settings: str) -> None:
        form: dict[str, Any] = json.loads(json.dumps(REQUEST_FORM))
        form["pages"][0]["fields"].append(PIECE | {"required": True})
        world = make_world(database)
        with database.transaction() as session:
            install_piece_types(session, SYSTEM)
        with database.transaction() as session:
            publish(session, SYSTEM, SLUG, make_bundle(**{"forms/demande.json": json.dumps(form).encode()}), "")
        self.database = database
        self.case_id: uuid.UUID = open_draft(database, world)
        self.step = f"/demandes/{self.case_id}/etapes/{open_task(database, self.case_id).id}"
        app = create_app(settings_for(str(database.engine.url), folder, **settings), database)
        app.config["WTF_CSRF_ENABLED"] = False
        self.client = sign_in(app.test_client(), database, world.camille)

    def send_page(self, motive: str) -> Any:
        file = (io.BytesIO(make_pdf()), "facture.pdf", "application/pdf")
        typed = {"motif": motive, "jour": "2030-01-07", "piece__fichier": file}
        return self.client.post(f"{self.step}?page=1", data=typed, content_type="multipart/form-data")

    def draft(self) -> dict[str, Any]:
        with self.database.transaction(read_only=True) as session:
            return session.scalars(select(Draft)).one().values

    def documents(self) -> int:
        with self.database.transaction(read_only=True) as session:
            return session.scalar(select(func.count()).select_from(Document)) or 0


def assert_refused(parent: Parent, page: Any, words: str, motive: str) -> None:
    assert page.status_code == 422
    assert words in page.text.replace("\u00a0", " ").replace("&nbsp;", " ")
    assert "Votre saisie est conservée" in page.text
    assert f'value="{motive}"' in page.text
    assert (parent.draft()["motif"], parent.draft()["jour"]) == (motive, "2030-01-07")
    assert parent.documents() == 0
    assert case_of(parent.database, parent.case_id).status == "brouillon"


def test_a_full_disk(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parent = Parent(database, tmp_path)

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    assert_refused(parent, parent.send_page("Disque plein"), "n’a plus de place", "Disque plein")
    kept = [path for path in (tmp_path / "pieces").rglob("*") if path.is_file()]
    assert kept == []
    monkeypatch.undo()
    assert parent.send_page("Disque vidé").status_code == 302
    assert parent.documents() == 1
    assert parent.client.post(f"{parent.step}?page=verification").status_code == 302
    assert case_of(database, parent.case_id).status == "en_attente"


def test_an_antivirus_that_is_down(database: Database, tmp_path: Path) -> None:
    parent = Parent(database, tmp_path, ANTIVIRUS_URL=f"clamd://127.0.0.1:{free_port()}")
    assert_refused(parent, parent.send_page("Antivirus muet"), "antivirus ne répond pas", "Antivirus muet")
    assert not (tmp_path / "pieces").exists()


def test_a_folder_that_cannot_be_written(database: Database, tmp_path: Path) -> None:
    (tmp_path / "pieces").write_text("un fichier à la place du dossier")
    parent = Parent(database, tmp_path)
    assert_refused(parent, parent.send_page("Dossier absent"), "ne sont pas accessibles", "Dossier absent")
