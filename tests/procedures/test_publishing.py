"""Publishing a version: what is refused, what is pinned, and what an installation starts with."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import func, select

from app.db import Database
from app.engine.bundle import Bundle
from app.errors import Forbidden, Refused
from app.journal import JournalEntry, verify_chain
from app.policy import SYSTEM
from app.procedures.models import BundleRow, Procedure, Version
from app.procedures.operations import NotPublishable, check_bundle, install_shipped, publish, set_open
from app.procedures.queries import published
from tests.cases.making import SLUG, World, make_bundle
from tests.engine.bpmn_builder import call, end, lane, process, start, user_task

SHIPPED = Path(__file__).parents[2] / "workflows"


def make_people(database: Database) -> World:
    with database.transaction() as session:
        return World(session)


def make_caller(slug: str, *called: str, note: str = "") -> Bundle:
    """A démarche that calls others, one after the other."""
    calls = [call(f"appel_{number}", each) for number, each in enumerate(called)]
    chain = " -> ".join(["debut", "saisir", *(node.id for node in calls), "fin"])
    diagram = process(
        slug,
        lane("Famille", start("debut"), user_task("saisir", statut="brouillon"), *calls, end("fin", statut="clos")),
        chain,
    )
    settings = f'titre = "{slug}"\nresume = "Appelle. {note}"\ncategorie = "quotidien"\n'
    return Bundle({"process.bpmn": diagram, "demarche.toml": settings.encode()})


def test_each_publication_is_a_new_numbered_version_and_the_last_is_in_line(database) -> None:
    world = make_people(database)
    with database.transaction() as session:
        administrator = world.actor(session, world.administrator)
        first = publish(session, administrator, SLUG, make_bundle(), "  La   première ")
        second = publish(session, administrator, SLUG, make_bundle(title="Demande refaite"), "")
        assert (first.number, first.note, second.number) == (1, "La première", 2)
        assert first.published_by == "Iris Morel"
        assert published(session, SLUG).bundle_hash == second.bundle_hash
        assert session.scalars(select(Procedure.title)).one() == "Demande refaite"
    with database.transaction(read_only=True) as session:
        actions = session.scalars(select(JournalEntry.action).order_by(JournalEntry.seq)).all()
        assert actions == ["procedure.published", "procedure.published"]
        assert verify_chain(session).fault is None


def test_the_files_in_line_are_not_published_twice_but_older_ones_may_come_back(database) -> None:
    make_people(database)
    with database.transaction() as session:
        publish(session, SYSTEM, SLUG, make_bundle(), "")
        with pytest.raises(Refused, match="déjà ceux de la version 1"):
            publish(session, SYSTEM, SLUG, make_bundle(), "")
        publish(session, SYSTEM, SLUG, make_bundle(title="Autre"), "")
        back = publish(session, SYSTEM, SLUG, make_bundle(), "Retour")
        assert (back.number, published(session, SLUG).version_id) == (3, back.id)
        assert session.scalar(select(func.count()).select_from(BundleRow)) == 2


def test_only_who_may_publish_publishes(database) -> None:
    world = make_people(database)
    with database.transaction() as session:
        for who in (world.nadia, world.camille):
            with pytest.raises(Forbidden):
                publish(session, world.actor(session, who), SLUG, make_bundle(), "")
            with pytest.raises(Forbidden):
                set_open(session, world.actor(session, who), SLUG, is_open=False)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"demarche.toml": b"titre = "}, "demarche.toml"),
        ({"demarche.toml": b'titre = "T"\nresume = "R"\ncategorie = "inconnue"\n'}, "inconnue"),
        ({"forms/demande.json": b"{"}, "JSON"),
        ({"forms/decision.json": b'{"title": "T", "pages": []}'}, "vide"),
        ({"process.bpmn": b"<x"}, "XML"),
        ({"process.bpmn": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a/>'}, "DOCTYPE"),
    ],
)
def test_a_wrong_version_is_refused_with_its_problems_and_nothing_is_stored(database, files, said) -> None:
    make_people(database)
    content = {**make_bundle().files, **files}
    with pytest.raises(NotPublishable) as refused, database.transaction() as session:
        publish(session, SYSTEM, SLUG, Bundle(content), "")
    assert any(said in f"{problem.message} {problem.remedy}" for problem in refused.value.problems)
    assert all(problem.severity in ("error", "warning") for problem in refused.value.problems)
    with database.transaction(read_only=True) as session:
        for model in (Procedure, Version, BundleRow):
            assert session.scalar(select(func.count()).select_from(model)) == 0


def test_unknown_roles_operations_and_called_demarches_are_named(database) -> None:
    make_people(database)
    diagram = make_bundle().files["process.bpmn"].replace(b'name="Gestionnaire"', b'name="Astronaute"')
    with database.transaction(read_only=True) as session:
        problems = check_bundle(session, Bundle({**make_bundle().files, "process.bpmn": diagram}), SLUG)
        assert any("Astronaute" in problem.message for problem in problems if problem.severity == "error")
        problems = check_bundle(session, make_caller("appelante", "inconnue"), "appelante")
        assert any("inconnue" in problem.message for problem in problems if problem.severity == "error")


def told(database: Database, settings: str) -> list[tuple[str, str]]:
    """What is found in the usual démarche with more settings: severity, message."""
    files = make_bundle().files
    with database.transaction() as session:
        found = check_bundle(session, Bundle({**files, "demarche.toml": files["demarche.toml"] + settings.encode()}))
    return [(each.severity, each.message) for each in found]


def test_settings_that_promise_what_nobody_can_do_are_warned_of(database) -> None:
    make_people(database)
    assert told(database, "") == told(database, 'sujet = ["motif jour", "jour"]\ndeposants = "foyers"\n') == []
    [(severity, message)] = told(database, 'deposants = "guichet"\n')
    assert (severity, message.partition("\u00a0")[0]) == (
        "warning",
        "Personne ne peut déposer cette démarche en ligne",
    )
    [(severity, message)] = told(database, 'sujet = ["motif", "prenom"]\n')
    assert (severity, "nomme «\u00a0prenom\u00a0»" in message) == ("warning", True)
    [(_, message)] = told(database, 'sujet = ["decision"]\n')
    assert "decision" in message, "an agent answers that, long after the demande has its subject"


def test_the_process_carries_the_slug_of_its_demarche(database) -> None:
    make_people(database)
    with database.transaction() as session, pytest.raises(NotPublishable, match="identifiant"):
        publish(session, SYSTEM, "autre-nom", make_bundle(), "")


def test_a_version_keeps_the_versions_it_called_when_they_change(database) -> None:
    make_people(database)
    with database.transaction() as session:
        inner = publish(session, SYSTEM, "interieure", make_caller("interieure"), "")
        middle = publish(session, SYSTEM, "milieu", make_caller("milieu", "interieure"), "")
        outer = publish(session, SYSTEM, "exterieure", make_caller("exterieure", "milieu"), "")
        assert outer.callees == {"milieu": middle.bundle_hash, "interieure": inner.bundle_hash}
        newer = publish(session, SYSTEM, "interieure", make_caller("interieure", note="Mieux."), "")
        again = publish(session, SYSTEM, "exterieure", make_caller("exterieure", "milieu", note="Mieux."), "")
        assert again.callees["interieure"] == newer.bundle_hash
        back = publish(session, SYSTEM, "exterieure", make_caller("exterieure", "milieu"), "")
        assert back.callees == outer.callees, "demandes of these files may be in progress"


def test_a_demarche_cannot_call_itself_even_through_another(database) -> None:
    make_people(database)
    with database.transaction() as session:
        with pytest.raises(NotPublishable):
            publish(session, SYSTEM, "boucle", make_caller("boucle", "boucle"), "")
        publish(session, SYSTEM, "boucle", make_caller("boucle"), "")
        publish(session, SYSTEM, "relais", make_caller("relais", "boucle"), "")
        with pytest.raises(NotPublishable, match="elle-même"):
            publish(session, SYSTEM, "boucle", make_caller("boucle", "relais"), "")


def write(folder: Path, bundle: Bundle, slug: str) -> None:
    for name, data in bundle.files.items():
        path = folder / slug / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def test_installation_takes_called_demarches_first_and_never_replaces_a_version(database, tmp_path) -> None:
    make_people(database)
    write(tmp_path, make_caller("appelante", "zone"), "appelante")
    write(tmp_path, make_caller("zone"), "zone")
    with database.transaction() as session:
        assert [version.number for version in install_shipped(session, tmp_path)] == [1, 1]
        own = publish(session, SYSTEM, "zone", make_caller("zone", note="De la commune."), "")
    with database.transaction() as session:
        assert install_shipped(session, tmp_path) == []
        assert published(session, "zone").bundle_hash == own.bundle_hash


def test_a_wrong_shipped_demarche_stops_the_installation_whole(database, tmp_path) -> None:
    make_people(database)
    write(tmp_path, make_caller("bonne"), "bonne")
    write(tmp_path, make_caller("mauvaise", "absente"), "mauvaise")
    with pytest.raises(NotPublishable), database.transaction() as session:
        install_shipped(session, tmp_path)
    with database.transaction(read_only=True) as session:
        assert session.scalar(select(func.count()).select_from(Procedure)) == 0


def test_every_demarche_shipped_with_the_portal_installs(sqlite_database) -> None:
    make_people(sqlite_database)
    with sqlite_database.transaction() as session:
        made = install_shipped(session, SHIPPED)
        assert len(made) == sum(1 for path in SHIPPED.iterdir() if path.is_dir()) > 0
        for path in SHIPPED.iterdir():
            problems = check_bundle(session, Bundle.from_folder(path), path.name)
            assert [problem for problem in problems if problem.severity == "error"] == []


def test_closing_a_demarche_keeps_its_version(database) -> None:
    world = make_people(database)
    with database.transaction() as session:
        publish(session, SYSTEM, SLUG, make_bundle(), "")
        administrator = world.actor(session, world.administrator)
        assert set_open(session, administrator, SLUG, is_open=False).open is False
        session.flush()
        assert published(session, SLUG).open is False
        publish(session, administrator, SLUG, make_bundle(title="Nouvelle"), "")
        session.flush()
        assert published(session, SLUG).open is False, "publishing does not reopen what was closed"
