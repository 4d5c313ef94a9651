"""SIGKILL to the web, the worker and the clock while demandes move: nothing is lost, nothing is half-done.

Every step of the trace, and 200 demandes, are in ``tests/soak``.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reliability.kills import SHORT, prove


@pytest.mark.timeout(170)
def test_programs_killed_where_the_most_is_at_stake_lose_nothing(tmp_path: Path) -> None:
    figures = prove(tmp_path, SHORT)
    assert figures["cases"] >= SHORT.cases
    assert figures["kills"] >= len(SHORT.web) + len(SHORT.worker) + len(SHORT.clock)
