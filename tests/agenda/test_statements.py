"""The attestation of a child's enrolments: what was true when it was asked, as a tagged PDF, for who may have it."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pypdf import PdfReader
from sqlalchemy import select

from app.agenda.models import Enrolment
from app.cases.documents import statement_of
from app.cases.queries import open_case_rows
from app.db import Database
from app.engine.scenarios import Act
from app.errors import NotFound
from app.families.models import Child
from app.pdf.statement import statement_pdf
from tests.workflows.stage import Stage, on_stage


@pytest.fixture
def stage(database: Database, tmp_path: Path) -> Iterator[Stage]:
    with on_stage(database, "attestation-inscription", tmp_path) as stage:
        stage.open()
        yield stage


def enrol(stage: Stage) -> None:
    """The canteen, from a week to come to the end of the next school year, through the operation of the démarches."""
    values = {
        "enfants": ["@enfant"], "activite": "CANT", "periode_debut": "2026-11-30", "periode_fin": "2027-11-26",
        "rythme": "aucune",
    }  # fmt: skip
    stage.player.act(Act(operation="inscription.accepter", values=values))


def words(pdf: bytes) -> str:
    return re.sub(r"\s+", " ", " ".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages))


def test_it_says_what_was_true_then_and_says_it_ever_after(stage: Stage) -> None:
    enrol(stage)
    stage.do("saisir", enfant="@enfant")
    assert stage.status == "clos"
    with stage.database.transaction(read_only=True) as session:
        before = statement_pdf(statement_of(session, open_case_rows(session, stage.player.case_id)))
    said = words(before)
    assert "Lou Martin" in said
    assert "Restauration scolaire" in said
    assert "du 30 novembre 2026 au 2 juillet 2027" in said, "no further than the school year"
    assert "CE2" in said
    assert PdfReader(io.BytesIO(before)).trailer["/Root"]["/MarkInfo"]["/Marked"]
    with stage.database.transaction() as session:
        session.scalars(select(Child).where(Child.first_name == "Lou", Child.level == "CE2")).one().level = "CM2"
        session.scalars(select(Enrolment)).one().state = "ended"
    with stage.database.transaction(read_only=True) as session:
        assert statement_pdf(statement_of(session, open_case_rows(session, stage.player.case_id))) == before


def test_a_draft_leaves_nothing_to_download(stage: Stage) -> None:
    with stage.database.transaction(read_only=True) as session, pytest.raises(NotFound):
        statement_of(session, open_case_rows(session, stage.player.case_id))
