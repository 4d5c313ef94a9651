"""A portal that would be unsafe refuses to start; what is for the demonstration exists nowhere else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app import create_app
from app.config import ConfigError, settings_from
from tests.rules.cast import Cast
from tests.rules.conftest import Living, copy_of
from tests.rules.source import ROOT
from tests.rules.walk import csrf_token

PRODUCTION = {"PORTAIL_MODE": "production", "DATABASE_URL": "sqlite:///absent.db"}


@pytest.mark.parametrize("key", [None, "", "   ", "short", "x" * 31])
def test_production_without_a_real_key_refuses_to_start(key: str | None, tmp_path: Path) -> None:
    env = {**PRODUCTION, "DATA_DIR": str(tmp_path), **({} if key is None else {"SECRET_KEY": key})}
    with pytest.raises(ConfigError, match="SECRET_KEY"):
        settings_from(env)
    with pytest.raises(ConfigError, match="SECRET_KEY"):
        settings_from({name: value for name, value in env.items() if name != "PORTAIL_MODE"})
    assert list(tmp_path.iterdir()) == []  # no key was made up either


def test_the_program_itself_stops_with_a_clear_line(tmp_path: Path) -> None:
    env = {"PATH": os.environ["PATH"], "PORTAIL_MODE": "production", "DATA_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", "from app import create_app; create_app()"], cwd=ROOT, env=env, capture_output=True,
        text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert "SECRET_KEY" in done.stderr


def test_an_unknown_mode_is_refused_rather_than_taken_for_another() -> None:
    with pytest.raises(ConfigError):
        settings_from({"PORTAIL_MODE": "demo", "SECRET_KEY": "x" * 40})


def test_nobody_signs_in_as_somebody_else_outside_the_demonstration(cast: Cast, tmp_path: Path) -> None:
    living = copy_of(cast, tmp_path, PORTAIL_MODE="production")
    assert [rule.rule for rule in living.app.url_map.iter_rules() if "demonstration" in rule.rule] == []
    page = living.app.test_client().get("/connexion").text
    assert "demonstration" not in page
    assert "Se connecter comme" not in page
    assert living.post("visitor", "/connexion/demonstration/administrateur").status_code in (404, 405)
    living.database.dispose()


def test_production_never_shows_how_it_failed(cast: Cast, tmp_path: Path) -> None:
    living = copy_of(cast, tmp_path, PORTAIL_MODE="production")
    living.app.add_url_rule("/casse", "broken", lambda: 1 / 0)
    answer = living.app.test_client().get("/casse")
    assert answer.status_code == 500
    assert "ZeroDivisionError" not in answer.text
    assert living.app.debug is False
    assert living.app.testing is False
    living.database.dispose()


def test_the_key_the_demonstration_makes_is_its_owners_alone(tmp_path: Path) -> None:
    first = settings_from({"PORTAIL_MODE": "demonstration", "DATA_DIR": str(tmp_path)})
    again = settings_from({"PORTAIL_MODE": "demonstration", "DATA_DIR": str(tmp_path)})
    assert first.secret_key == again.secret_key
    assert len(first.secret_key) >= 64
    assert (tmp_path / "secret.key").stat().st_mode & 0o077 == 0


def test_the_demonstration_signs_in_with_its_button_and_a_token_only(living: Living) -> None:
    assert living.client("visitor").post("/connexion/demonstration/julie-fontaine").status_code == 400
    assert living.post("visitor", "/connexion/demonstration/nobody").status_code == 404
    assert csrf_token(living.app)
    assert create_app is not None
