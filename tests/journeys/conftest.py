"""One built commune for all journeys; each module has its own copy to live in."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.commune import Commune, build_commune, open_commune


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a commune just built, on SQLite: copied, never served."""
    folder = tmp_path_factory.mktemp("valbrise")
    build_commune(f"sqlite:///{folder}/portail.db", folder)
    return folder


@pytest.fixture(scope="module")
def commune(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commune]:
    folder = tmp_path_factory.mktemp("commune") / "valbrise"
    shutil.copytree(built, folder)
    with open_commune(f"sqlite:///{folder}/portail.db", folder) as served:
        yield served
