"""A worker and a clock know every handler and every chore without loading a page."""

from __future__ import annotations

import re
import subprocess
import sys

from tests.rules.source import ROOT

REGISTERS = re.compile(r"^@(handles|when_given_up|every)\(", re.MULTILINE)
LOADED = "import sys; from app import rooms; rooms.load(); print(*sorted(sys.modules))"


def test_whatever_treats_facts_or_runs_at_night_is_loaded_with_the_rooms() -> None:
    said = subprocess.run([sys.executable, "-c", LOADED], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    registering = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in (ROOT / "app").rglob("*.py")
        if REGISTERS.search(path.read_text())
    }
    assert len(registering) > 8
    assert registering <= set(said.split())
