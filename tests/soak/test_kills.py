"""200 demandes move while every program is killed at every step of the trace, then at random (issue 2, section 7)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reliability.kills import LONG, prove


@pytest.mark.soak
@pytest.mark.timeout(1500)
def test_two_hundred_demandes_survive_every_kill(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    figures = prove(tmp_path, LONG)
    with capsys.disabled():
        print(figures)
    assert figures["cases"] >= LONG.cases
    assert figures["kills"] >= len(LONG.web) + len(LONG.worker) + len(LONG.clock) + 3 * LONG.random_kills
