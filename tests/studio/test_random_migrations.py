"""Whatever valid edit is published, each running demande is migrated or blocked, none is lost, all can be ended."""

from __future__ import annotations

import uuid

import pytest

from app.cases.models import Case
from app.db import Database
from app.studio import migrating
from tests.cases.making import case_of, file_case, open_draft, open_task, sign_in
from tests.studio.making import Studio, make_studio
from tests.studio.random_versions import random_version
from tests.studio.test_migrating import dry, finish, lines, migrate, publish_next

#: What an agent sends: to take charge, then to ask the family for more.
DECISIONS = ({}, {"decision": "completer", "decision_champs": "motif", "decision_raison": "Précisez."})


def spread(database: Database, new_client, studio: Studio, count: int) -> list[uuid.UUID]:
    """Demandes at every step of the usual démarche."""
    nadia = sign_in(new_client(), database, studio.world.nadia)
    cases = []
    for number in range(count):
        if number % 4 == 0:
            cases.append(open_draft(database, studio.world))
            continue
        case_id = file_case(database, studio.world)
        cases.append(case_id)
        for data in DECISIONS[: number % 4 - 1]:
            answer = nadia.post(f"/agent/demandes/{case_id}/etapes/{open_task(database, case_id).id}", data=data)
            assert answer.status_code == 302, answer.text
    return cases


def check(database: Database, new_client, seed: int, count: int) -> None:
    studio = make_studio(database)
    cases = spread(database, new_client, studio, count)
    source, target = publish_next(database, random_version(seed))
    with database.transaction() as session:
        planned = [each.plan for each in migrating.dry_run(session, source, target)]
        for node in sorted({each.node for each in planned if each.result == "map"}):
            if seed % 2:
                migrating.choose(session, studio.iris, source, target, node, "saisir")
    promised = {case_id: result for case_id, (result, _) in dry(database, source, target).items()}
    batch = migrate(database, studio, source, target)
    found = lines(database, batch)
    assert set(found) == set(cases) == set(promised)
    for case_id, outcome in found.items():
        case: Case = case_of(database, case_id)
        assert outcome == ("migrated" if promised[case_id] == "safe" else "blocked")
        assert case.version_id == (target.id if outcome == "migrated" else source.id)
        finish(database, new_client, studio, case_id)
        assert case_of(database, case_id).status == "clos"


@pytest.mark.parametrize("seed", range(8))
def test_each_demande_is_migrated_or_blocked_and_can_be_ended(database, new_client, seed) -> None:
    check(database, new_client, seed, 4)
