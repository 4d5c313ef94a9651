"""Hostile words in what administrators do to running demandes: lists, incidents, reasons in the journal, migrations."""

from __future__ import annotations

import re
import uuid
from urllib.parse import quote

import pytest
from markupsafe import escape

from app.engine.bundle import Bundle
from app.policy import SYSTEM
from app.procedures.models import Version
from app.procedures.operations import publish
from app.procedures.queries import published, versions_of
from app.studio import migrating
from tests.cases.making import add_incident, case_of
from tests.rules.cast import person
from tests.rules.conftest import Living
from tests.rules.walk import csrf_token
from tests.security.test_hostile_studio import HERE, clean, hostile
from tests.security.test_hostile_studio import town as town
from tests.security.test_stored_scripts import HOSTILE, judged

RUNNING = f"{HERE}/dossiers"
STEP = "prendre_en_charge"

Town = tuple[Living, uuid.UUID]


@pytest.fixture
def stopped(town: Town) -> Town:
    """The demande is stopped by an incident whose cause and place are hostile."""
    living, case_id = town
    add_incident(living.database, case_id, HOSTILE, STEP, HOSTILE)
    return living, case_id


def post(living: Living, address: str, **values: str) -> str:
    """What an administrator reads after this button."""
    client = living.client("admin")
    sent = {"csrf_token": csrf_token(living.app), **values}
    answer = client.post(address, data=sent, headers={"Origin": "http://localhost"})
    assert answer.status_code == 303, answer.text[:500]
    return client.get(answer.location).text


@pytest.mark.parametrize(
    "step", ["", STEP, "incidents", f"incidents:{STEP}", quote(HOSTILE), quote(f"incidents:{HOSTILE}")]
)
def test_the_list_behind_each_number_shows_words(stopped: Town, step: str) -> None:
    assert clean(stopped[0], "admin", f"{RUNNING}/liste?etape={step}")


def test_the_diagram_with_its_numbers_shows_words(stopped: Town) -> None:
    living, _ = stopped
    page = living.client("admin").get(RUNNING).text
    assert judged(page).faults == []
    assert f'aria-label="1\u00a0demande à l’étape {escape(HOSTILE)}' in page, "the name of a step, in a link"


@pytest.mark.parametrize("button", ["relancer", "passer", "deplacer"])
def test_a_reason_is_shown_as_words_in_the_journal(stopped: Town, button: str) -> None:
    living, case_id = stopped
    reference = case_of(living.database, case_id).reference
    told = post(living, f"{RUNNING}/{button}", demande=str(case_id), vers="repondre", raison=HOSTILE, etape=HOSTILE)
    assert judged(told).faults == []
    assert reference in told
    clean(living, "admin", f"/admin/journal?objet={reference}")
    for action in ("case.moved", "case.step_skipped", "incident.retried", quote(HOSTILE)):
        clean(living, "admin", f"/admin/journal?action={action}")
    if button == "deplacer":
        page = living.client("admin").get("/admin/journal?action=case.moved").text
        assert f'title="{escape(" ".join(HOSTILE.split()))}"' in page, "the reason is there, whole"


def test_what_is_looked_for_in_the_journal_is_shown_as_words(town: Town) -> None:
    for name in ("acteur", "objet", "action", "du"):
        clean(town[0], "admin", f"/admin/journal?{name}={quote(HOSTILE)}")


def renamed(living: Living) -> tuple[Version, Version]:
    """A version in which the step where the demande waits is gone; the one before, and this one."""
    with living.database.transaction() as session:
        files = dict(hostile().files)
        files["process.bpmn"] = re.sub(rb"\bprendre_en_charge\b", b"accueillir", files["process.bpmn"])
        publish(session, SYSTEM, "contact", Bundle(files), HOSTILE)
    with living.database.transaction(read_only=True) as session:
        newest, before, *_ = versions_of(session, published(session, "contact").id)
        return before, newest


def test_the_pages_of_a_migration_show_words(stopped: Town) -> None:
    living, _ = stopped
    before, newest = renamed(living)
    trial = f"{RUNNING}/migration?version={before.number}"
    assert clean(living, "admin", trial)
    told = post(
        living, f"{RUNNING}/migration/choix", version=str(before.number), etape=STEP, vers="accueillir"
    )  # fmt: skip
    page = judged(told)
    assert page.faults == []
    assert "alert('zut')" in " ".join(page.said), "the step that was chosen"
    admin = person(living.database, living.cast.accounts["admin"])
    with living.database.transaction() as session:
        batch = migrating.start(session, admin, before, newest).id
    clean(living, "admin", f"{RUNNING}/migrations?lot={batch}")
    migrating.migrate_pending(living.database, batch)
    clean(living, "admin", f"{RUNNING}/migrations?lot={batch}")
    clean(living, "admin", "/admin/journal?action=migration.step_chosen")
