"""Many demandes migrated to versions drawn at random: see ``test_random_migrations.py`` of the studio and engine."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.engine.test_random_migrations import add_steps, change, live_twice
from tests.studio.test_random_migrations import prove


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", [1, 4, 7])
def test_five_hundred_demandes_are_migrated_or_blocked_and_can_be_ended(database, seed, capsys) -> None:
    told = prove(database, seed, 500)
    with capsys.disabled():
        print(dict(told))
    assert sum(told.values()) == 500


@pytest.mark.soak
@pytest.mark.timeout(1500)
def test_a_thousand_cases_in_random_processes_survive_random_edits(capsys) -> None:
    for seed in range(100, 400):
        live_twice(seed)
        add_steps(seed)
    told = Counter(change(seed) for seed in range(100, 1100))
    with capsys.disabled():
        print(dict(told))
    assert told["safe"] + told["mapped"] > 700
