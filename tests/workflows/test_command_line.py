"""The commands of an installation: its journal, its schema."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from sqlalchemy import text, update

from app import journal
from app.cli import main
from app.composition import open_database
from app.journal import JournalEntry
from app.policy import SYSTEM
from tests.conftest import settings_for

KEY = "test-" * 8


@pytest.fixture
def installation(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, sqlite_template: Path) -> str:
    """The environment of an installation whose database is ``portail.db``."""
    url = f"sqlite:///{tmp_path}/portail.db"
    shutil.copyfile(sqlite_template, tmp_path / "portail.db")
    for name, value in {"PORTAIL_MODE": "test", "SECRET_KEY": KEY, "DATABASE_URL": url}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    return url


def test_a_whole_journal_is_said_to_be_whole(
    installation: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    database = open_database(settings_for(installation, tmp_path))
    with database.transaction() as session:
        for number in range(3):
            journal.record(session, SYSTEM, "essai.fait", "essai", None, number=number)
    database.dispose()
    assert main(["journal"]) == 0
    assert "intact (3 entrées)" in capsys.readouterr().out


def test_a_journal_that_was_touched_is_denounced(
    installation: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    database = open_database(settings_for(installation, tmp_path))
    with database.transaction() as session:
        for number in range(3):
            journal.record(session, SYSTEM, "essai.fait", "essai", None, number=number)
    with database.transaction() as session:
        session.execute(update(JournalEntry).where(JournalEntry.seq == 2).values(action="rien.fait"))
    database.dispose()
    assert main(["journal"]) == 1
    assert "l’entrée 2 a été modifiée" in capsys.readouterr().out


def test_an_empty_database_is_brought_up_to_date_once(
    installation: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "portail.db").unlink()
    assert main(["migrate"]) == 0
    assert "vide" in capsys.readouterr().out
    assert main(["migrate"]) == 0
    assert "à jour" in capsys.readouterr().out
    database = open_database(settings_for(installation, tmp_path))
    with database.transaction(read_only=True) as session:
        assert session.scalar(text("SELECT count(*) FROM cases")) == 0
    database.dispose()


def test_a_wrong_setting_is_said_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PORTAIL_MODE", "fantaisie")
    assert main(["journal"]) == 1
    assert "PORTAIL_MODE" in capsys.readouterr().err
