"""Demandes stored by every release so far load and finish with today's code (invariant 10)."""

from __future__ import annotations

import base64
import json
import shutil
import zlib
from pathlib import Path

import pytest

from app.db import Database
from app.engine.bpmn_reader import read_graph
from app.engine.bundle import PROCESS, Bundle
from app.engine.graph import HUMAN_TASKS
from app.engine.state import StateError
from app.engine.xml import load_xml
from tests.workflows.golden_cases import FOLDER, finish, golden_files

RELEASES = sorted(path.name for path in FOLDER.iterdir())


@pytest.mark.parametrize("path", golden_files(), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_stored_demande_finishes_with_todays_code(path: Path, sqlite_database: Database) -> None:
    with sqlite_database.transaction() as session:
        outcome = finish(session, path)
    assert outcome.ended
    assert outcome.status == json.loads(path.read_text())["status"]


@pytest.mark.parametrize("release", RELEASES)
def test_a_release_keeps_a_demande_at_each_step_that_waits(release: str) -> None:
    archives = sorted((FOLDER / release).glob("*.zip"))
    assert archives
    for archive in archives:
        graph = read_graph(load_xml(Bundle.from_zip(archive.read_bytes()).files[PROCESS], PROCESS))
        waiting = {node.id for node in graph.nodes.values() if node.kind in (*HUMAN_TASKS, "eventBasedGateway")}
        kept = {path.stem.split(".")[1] for path in (FOLDER / release).glob(f"{archive.stem}.*.json")}
        assert kept == waiting, archive.stem


def copied(path: Path, folder: Path, **changes: object) -> Path:
    """The same golden case with other content."""
    slug = path.name.split(".")[0]
    shutil.copyfile(path.parent / f"{slug}.zip", folder / f"{slug}.zip")
    changed = json.loads(path.read_text()) | changes
    (folder / path.name).write_text(json.dumps(changed))
    return folder / path.name


def a_golden(step: str) -> Path:
    return next(path for path in golden_files() if path.stem == step)


def test_a_state_that_cannot_be_read_is_noticed(sqlite_database: Database, tmp_path: Path) -> None:
    state = base64.b64encode(zlib.compress(b'{"autre": "format"}')).decode()
    path = copied(a_golden("contact.prendre_en_charge.faire"), tmp_path, state=state)
    with pytest.raises(StateError), sqlite_database.transaction() as session:
        finish(session, path)


def test_an_operation_that_is_called_no_more_is_noticed(sqlite_database: Database, tmp_path: Path) -> None:
    golden = a_golden("contact.repondre.faire")
    [step] = json.loads(golden.read_text())["steps"]
    path = copied(golden, tmp_path, steps=[step | {"answers": [*step["answers"], ["foyer.lire", {"result": {}}]]}])
    with pytest.raises(AssertionError, match="no longer called"), sqlite_database.transaction() as session:
        finish(session, path)


def test_a_parameter_that_changed_its_type_is_noticed(sqlite_database: Database, tmp_path: Path) -> None:
    golden = a_golden("contact.repondre.faire")
    [step] = json.loads(golden.read_text())["steps"]
    path = copied(golden, tmp_path, steps=[step | {"values": {"reponse": 12}}])
    with pytest.raises(AssertionError, match="motif"), sqlite_database.transaction() as session:
        finish(session, path)
