"""Migration of running demandes: dry run, mapping, batch, revert; nothing lost, nothing twice, families see nothing."""

from __future__ import annotations

import re
import uuid
from pathlib import Path

import pytest
from sqlalchemy import select, update

from app.db import Database
from app.engine.bundle import Bundle
from app.engine.models import Instance, Subscription, Task
from app.errors import Conflict, Refused
from app.journal import JournalEntry
from app.outbox import OutboxFact
from app.policy import SYSTEM
from app.procedures.models import Version
from app.procedures.operations import publish
from app.studio import migrating
from app.studio.models import CaseMigration, MigrationBatch
from tests.cases.making import SLUG, answer_family, case_of, file_case, make_bundle, open_draft, open_task, sign_in
from tests.conftest import settings_for
from tests.studio.making import Studio, make_studio, undo
from workers.treatment import treat_due

HERE = f"/admin/demarches/{SLUG}/dossiers"


def changed(*replaced: tuple[str, str], form: tuple[str, str] = ("", "")) -> Bundle:
    """The usual démarche where the diagram, or the form of the demande, says something else."""
    files = dict(make_bundle().files)
    text = files["process.bpmn"].decode()
    for old, new in replaced:
        assert old in text, old
        text = text.replace(old, new)
    files["process.bpmn"] = text.encode()
    files["forms/demande.json"] = files["forms/demande.json"].replace(form[0].encode(), form[1].encode())
    return Bundle(files)


RENAMED = changed(('name="Instruire"', 'name="Étudier la demande"'), ('name="Prendre en charge"', 'name="Recevoir"'))
GONE = changed(('"prendre"', '"accueillir"'), (">prendre<", ">accueillir<"))


def publish_next(database: Database, bundle: Bundle) -> tuple[Version, Version]:
    """Publishes a second version; gives both."""
    with database.transaction() as session:
        publish(session, SYSTEM, SLUG, bundle, "")
    with database.transaction(read_only=True) as session:
        first, second = session.scalars(select(Version).order_by(Version.number)).all()
    return first, second


def dry(database: Database, source: Version, target: Version) -> dict[uuid.UUID, tuple[str, str]]:
    with database.transaction(read_only=True) as session:
        return {
            each.case_id: (each.plan.result, each.plan.target) for each in migrating.dry_run(session, source, target)
        }


def migrate(database: Database, studio: Studio, source: Version, target: Version) -> uuid.UUID:
    with database.transaction() as session:
        batch = migrating.start(session, studio.iris, source, target).id
    for _ in range(20):
        migrating.migrate_pending(database, batch, limit=2)
    return batch


def lines(database: Database, batch: uuid.UUID) -> dict[uuid.UUID, str]:
    with database.transaction(read_only=True) as session:
        query = select(CaseMigration).where(CaseMigration.batch_id == batch)
        return {each.case_id: each.outcome for each in session.scalars(query)}


def finish(database: Database, new_client, studio: Studio, case_id: uuid.UUID) -> None:
    """The agents, and the family if need be, take a demande to its end."""
    nadia = sign_in(new_client(), database, studio.world.nadia)
    for _ in range(9):
        if case_of(database, case_id).closed_at is not None:
            return
        task = open_task(database, case_id)
        if task.lane == "famille":
            answer_family(database, studio.world, case_id)
        else:
            data = {"decision": "accepter"} if task.form else {}
            assert nadia.post(f"/agent/demandes/{case_id}/etapes/{task.id}", data=data).status_code == 302
    raise AssertionError(f"{task.node} is still open")


def test_demandes_stay_at_their_step_with_their_addresses_and_go_to_their_end(database, new_client) -> None:
    studio = make_studio(database)
    draft, waiting = open_draft(database, studio.world), file_case(database, studio.world)
    source, target = publish_next(database, RENAMED)
    before = {each: (open_task(database, each).id, case_of(database, each)) for each in (draft, waiting)}
    assert dry(database, source, target) == {draft: ("safe", "saisir"), waiting: ("safe", "prendre")}
    assert case_of(database, waiting).version_id == source.id, "a dry run changes nothing"
    batch = migrate(database, studio, source, target)
    assert lines(database, batch) == {draft: "migrated", waiting: "migrated"}
    for case_id, (task_id, old) in before.items():
        now = case_of(database, case_id)
        assert (now.version_id, now.bundle_hash) == (target.id, target.bundle_hash)
        assert (now.status, now.updated_at) == (old.status, old.updated_at), "families see nothing"
        assert open_task(database, case_id).id == task_id
    assert open_task(database, waiting).title == "Recevoir"
    with database.transaction(read_only=True) as session:
        awaited = session.scalars(select(Subscription.name).where(Subscription.case_id == waiting)).all()
        kinds = session.scalars(select(OutboxFact.kind)).all()
        journal = session.scalars(select(JournalEntry.action).where(JournalEntry.object_id == waiting)).all()
    assert sorted(awaited) == ["annuler", "modifier"]
    assert "case.status_changed" not in kinds
    assert journal[-1] == "case.migrated"
    for case_id in before:
        finish(database, new_client, studio, case_id)
        assert case_of(database, case_id).status == "clos"


def test_a_step_that_is_gone_is_mapped_once_for_all(database, new_client) -> None:
    studio = make_studio(database)
    cases = [file_case(database, studio.world) for _ in range(3)]
    source, target = publish_next(database, GONE)
    assert set(dry(database, source, target).values()) == {("map", "")}
    batch = migrate(database, studio, source, target)
    assert set(lines(database, batch).values()) == {"blocked"}
    assert {case_of(database, each).version_id for each in cases} == {source.id}
    with database.transaction() as session:
        with pytest.raises(Refused):
            migrating.choose(session, studio.iris, source, target, "prendre", "annulation")
        migrating.choose(session, studio.iris, source, target, "prendre", "accueillir")
    assert set(dry(database, source, target).values()) == {("safe", "accueillir")}
    batch = migrate(database, studio, source, target)
    assert set(lines(database, batch).values()) == {"migrated"}
    for case_id in cases:
        assert open_task(database, case_id).node == "accueillir"
        finish(database, new_client, studio, case_id)


def test_what_the_new_version_reads_and_nobody_asked_is_told(database) -> None:
    studio = make_studio(database)
    case_id = file_case(database, studio.world)
    extra = '{"type": "text", "name": "urgence", "label": "Urgent ?", "required": true}, '
    asks = changed(
        ("decision == 'completer'", "decision == 'completer' or urgence == 'oui'"),
        form=('{"type": "date", "name": "jour"', extra + '{"type": "date", "name": "jour"'),
    )
    source, target = publish_next(database, asks)
    with database.transaction(read_only=True) as session:
        (planned,) = migrating.dry_run(session, source, target)
    assert (planned.plan.result, planned.case_id) == ("map", case_id)
    assert "urgence" in planned.plan.cause
    with database.transaction() as session:
        migrating.choose(session, studio.iris, source, target, "prendre", "saisir")
    assert dry(database, source, target) == {case_id: ("safe", "saisir")}


def test_what_cannot_move_is_blocked_with_its_reason(database) -> None:
    studio = make_studio(database)
    ended, moving = file_case(database, studio.world), file_case(database, studio.world)
    source, target = publish_next(database, RENAMED)
    with database.transaction() as session:
        batch = migrating.start(session, studio.iris, source, target).id
        with pytest.raises(Conflict, match="déjà en cours"):
            migrating.start(session, studio.iris, source, target)
    with database.transaction() as session:
        session.execute(update(Instance).where(Instance.case_id == ended).values(ended_at=Instance.started_at))
    migrating.migrate_pending(database, batch)
    assert lines(database, batch) == {ended: "blocked", moving: "migrated"}
    with database.transaction(read_only=True) as session:
        assert session.get_one(MigrationBatch, batch).ended_at is not None
        with pytest.raises(Refused):
            migrating.start(session, studio.iris, target, target)


def die_after_migrating(database: Database, batch: uuid.UUID, case_id: uuid.UUID) -> None:
    with database.transaction() as session:
        migrating.migrate_one(session, batch, case_id)
        raise ZeroDivisionError


def test_nothing_is_migrated_twice_and_a_killed_batch_goes_on(database) -> None:
    studio = make_studio(database)
    cases = [file_case(database, studio.world) for _ in range(5)]
    source, target = publish_next(database, RENAMED)
    with database.transaction() as session:
        batch = migrating.start(session, studio.iris, source, target).id
    with database.transaction() as session:  # a worker did two and died in the third
        for case_id in cases[:2]:
            migrating.migrate_one(session, batch, case_id)
    with pytest.raises(ZeroDivisionError):
        die_after_migrating(database, batch, cases[2])
    assert sorted(lines(database, batch).values()) == ["migrated", "migrated", "pending", "pending", "pending"]
    for _ in range(3):
        migrating.migrate_pending(database, batch)
    with database.transaction() as session:
        migrating.migrate_one(session, batch, cases[0])
    assert set(lines(database, batch).values()) == {"migrated"}
    with database.transaction(read_only=True) as session:
        done = session.scalars(select(JournalEntry.object_id).where(JournalEntry.action == "case.migrated")).all()
    assert sorted(done) == sorted(cases)


def test_a_migration_is_undone_for_the_demandes_that_have_not_moved(database, new_client) -> None:
    studio = make_studio(database)
    still, moved = file_case(database, studio.world), file_case(database, studio.world)
    source, target = publish_next(database, GONE)
    old = open_task(database, still).id
    with database.transaction() as session:
        migrating.choose(session, studio.iris, source, target, "prendre", "instruire")
    batch = migrate(database, studio, source, target)
    assert case_of(database, still).status == "traitement"
    finish(database, new_client, studio, moved)
    assert undo(database, studio.iris, batch)[0] == 1
    assert lines(database, batch) == {still: "reverted", moved: "migrated"}
    now = case_of(database, still)
    assert (now.version_id, now.status, open_task(database, still).node) == (source.id, "en_attente", "prendre")
    with database.transaction(read_only=True) as session:
        assert session.get_one(Task, old).closed_at is not None, "what was closed stays closed: another task is open"
    finish(database, new_client, studio, still)


def test_the_pages_try_choose_migrate_follow_and_undo(database, new_client, tmp_path: Path) -> None:
    studio = make_studio(database)
    for _ in range(3):
        file_case(database, studio.world)
    publish_next(database, GONE)
    iris = sign_in(new_client(), database, studio.world.administrator)
    assert "Migrer vers la version 2" in iris.get(f"{HERE}?version=1").text
    page = iris.get(f"{HERE}/migration?version=1").text
    assert "cette étape n’existe plus" in page
    assert "Migrer 3" not in page
    assert '<option value="">Choisir l’étape</option>' in page, "nothing is chosen for her"
    chosen = {"version": "1", "etape": "prendre", "vers": "accueillir"}
    page = iris.get(iris.post(f"{HERE}/migration/choix", data={**chosen, "vers": ""}).location).text
    assert "Choisissez d’abord l’étape" in page
    assert "» reprend à" not in page
    page = iris.get(iris.post(f"{HERE}/migration/choix", data=chosen).location).text
    assert "» reprend à" in page
    page = iris.get(iris.post(f"{HERE}/migration/choix", data={**chosen, "oublier": "1"}).location).text
    assert "Votre choix est oublié" in page
    assert "» reprend à" not in page
    page = iris.get(iris.post(f"{HERE}/migration/choix", data=chosen).location).text
    assert "» reprend à" in page
    assert "Migrer 3\u00a0demandes" in page
    answer = iris.post(f"{HERE}/migration", data={"version": "1"})
    assert answer.status_code == 303
    shown = iris.get(answer.location)
    assert "En cours" in shown.text
    assert shown.headers["Refresh"] == "3"
    with database.transaction(read_only=True) as session:
        batch = session.scalars(select(MigrationBatch.id)).one()
    migrating.migrate_pending(database, batch)
    shown = iris.get(answer.location)
    assert "Terminée" in shown.text
    assert "Refresh" not in shown.headers
    assert "Camille" not in shown.text
    undone = iris.post(f"{HERE}/migrations/retour", data={"lot": str(batch)})
    assert "En cours" in iris.get(undone.location).text
    assert iris.post(f"{HERE}/migrations/retour", data={"lot": str(batch)}).status_code == 409
    treat_due(database, settings_for(str(database.engine.url), tmp_path))
    page = iris.get(undone.location).text
    assert "Terminée" in page
    assert "Revenues en arrière 3 " in " ".join(re.sub(r"<[^>]+>", " ", page).split())
    assert iris.get(f"{HERE}/migrations?lot={uuid.uuid4()}").status_code == 404
    nadia = sign_in(new_client(), database, studio.world.nadia)
    for address in ("migration", "migrations"):
        assert nadia.get(f"{HERE}/{address}").status_code == 404
    for address in ("migration", "migration/choix", "migrations/retour"):
        assert nadia.post(f"{HERE}/{address}", data=chosen).status_code == 404
