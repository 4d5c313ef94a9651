"""Newer shipped versions: proposed with their differences, merged into a draft, or declined; never imposed."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from app.db import Database
from app.engine.bundle import Bundle
from app.errors import Conflict, Forbidden, NotFound
from app.installation import install
from app.policy import SYSTEM
from app.procedures.models import Procedure, Shipped, Version
from app.procedures.operations import install_shipped, publish
from app.procedures.queries import bundle_archive, published
from app.studio import drafts, publication, shipped
from tests.cases.making import SLUG, make_bundle, sign_in
from tests.studio.making import Studio, make_studio


def with_title(bundle: Bundle, title: str) -> Bundle:
    return Bundle(
        {**bundle.files, "demarche.toml": bundle.files["demarche.toml"].replace(b"Demande simple", title.encode())}
    )


def with_label(bundle: Bundle, label: str) -> Bundle:
    form = bundle.files["forms/demande.json"].replace(b"Quel jour ?", label.encode())
    return Bundle({**bundle.files, "forms/demande.json": form})


@pytest.fixture
def studio(database: Database, monkeypatch: pytest.MonkeyPatch) -> Studio:
    """The commune runs « demande-simple » as it was shipped; the next release asks another question."""
    made = make_studio(database)
    with database.transaction() as session:
        session.add(Shipped(slug=SLUG, base_hash=make_bundle().hash))
    monkeypatch.setattr(shipped, "SHIPPED", {SLUG: with_label(make_bundle(), "À quelle date ?")})
    return made


def local_change(database: Database, bundle: Bundle) -> None:
    with database.transaction() as session:
        publish(session, SYSTEM, SLUG, bundle, "")


def test_what_the_commune_has_is_not_proposed(database, studio, monkeypatch) -> None:
    monkeypatch.setattr(shipped, "SHIPPED", {SLUG: make_bundle(), "autre": make_bundle("autre")})
    with database.transaction(read_only=True) as session:
        assert shipped.proposals(session) == []
        with pytest.raises(NotFound):
            shipped.proposal(session, SLUG)


def test_a_newer_release_is_proposed_and_changes_nothing_by_itself(database, studio) -> None:
    with database.transaction() as session:
        install(session)
        found = shipped.proposal(session, SLUG)
        assert (found.title, found.base_hash, found.local_hash) == (
            "Demande simple",
            make_bundle().hash,
            make_bundle().hash,
        )
        assert published(session, SLUG).bundle_hash == make_bundle().hash


def test_both_sides_are_told_and_merged_when_they_touch_different_files(database, studio) -> None:
    local_change(database, with_title(make_bundle(), "Demande de Valbrise"))
    with database.transaction() as session:
        found = shipped.proposal(session, SLUG)
        compared = shipped.three_way(session, found)
        assert compared.conflicts == ()
        theirs = [change.sentence for part in compared.theirs for change in part.changes]
        ours = [change.sentence for part in compared.ours for change in part.changes]
        assert len(theirs) == len(ours) == 1
        assert "À quelle date" in theirs[0]
        assert "Demande de Valbrise" in ours[0]
        draft = shipped.accept(session, studio.iris, SLUG, found.hash, frozenset())
        merged = with_label(with_title(make_bundle(), "Demande de Valbrise"), "À quelle date ?")
        assert Bundle(drafts.files_of(draft)).hash == merged.hash
        assert published(session, SLUG).title == "Demande de Valbrise", "a draft changes nothing"
        with pytest.raises(Conflict, match="déjà un brouillon"):
            shipped.accept(session, studio.omar, SLUG, found.hash, frozenset())
    with database.transaction() as session:
        seen = published(session, SLUG).version_id
        publication.publish_draft(session, studio.iris, SLUG, "", revision=1, seen=seen)
        assert session.get_one(Shipped, SLUG).base_hash == found.hash
        assert shipped.proposals(session) == []


@pytest.mark.parametrize(
    ("taken", "label"), [(frozenset(), "Le jour ?"), (frozenset({"forms/demande.json"}), "À quelle date ?")]
)
def test_a_file_that_both_changed_is_chosen(database, studio, taken, label) -> None:
    local_change(database, with_label(make_bundle(), "Le jour ?"))
    with database.transaction() as session:
        found = shipped.proposal(session, SLUG)
        assert shipped.three_way(session, found).conflicts == ("forms/demande.json",)
        draft = shipped.accept(session, studio.iris, SLUG, found.hash, taken)
        assert label.encode() in drafts.files_of(draft)["forms/demande.json"]


def test_a_draft_given_up_leaves_the_proposal(database, studio) -> None:
    with database.transaction() as session:
        found = shipped.proposal(session, SLUG)
        shipped.accept(session, studio.iris, SLUG, found.hash, frozenset())
        drafts.discard(session, studio.iris, SLUG)
        assert [each.slug for each in shipped.proposals(session)] == [SLUG]


def test_what_is_declined_is_not_proposed_again_but_the_next_release_is(database, studio, monkeypatch) -> None:
    with database.transaction() as session:
        found = shipped.proposal(session, SLUG)
        with pytest.raises(Forbidden):
            shipped.decline(session, studio.nadia, SLUG, found.hash)
        with pytest.raises(Conflict):
            shipped.decline(session, studio.iris, SLUG, "0" * 64)
        shipped.decline(session, studio.iris, SLUG, found.hash)
        assert shipped.proposals(session) == []
    monkeypatch.setattr(shipped, "SHIPPED", {SLUG: with_label(make_bundle(), "Quand ?")})
    with database.transaction(read_only=True) as session:
        assert [each.slug for each in shipped.proposals(session)] == [SLUG]


def test_an_installation_remembers_what_it_came_with(database) -> None:
    make_studio(database)
    with database.transaction() as session:
        install_shipped(session, shipped.WORKFLOWS)
        remembered = {row.slug: row.base_hash for row in session.scalars(select(Shipped))}
        rows = session.execute(
            select(Procedure.slug, Version.bundle_hash).join(Version, Version.id == Procedure.version_id)
        )
        installed = {row.slug: row.bundle_hash for row in rows}
        assert remembered == {slug: installed[slug] for slug in shipped.SHIPPED}
        assert shipped.proposals(session) == []


def test_an_older_installation_compares_with_the_version_that_the_portal_published(database, studio) -> None:
    local_change(database, with_title(make_bundle(), "Autre"))
    with database.transaction() as session:
        session.delete(session.get_one(Shipped, SLUG))
        session.flush()
        compared = shipped.three_way(session, shipped.proposal(session, SLUG))
        assert Bundle(compared.base).hash == make_bundle().hash


def test_every_shipped_archive_is_the_same_bytes_when_exported_again() -> None:
    for bundle in shipped.SHIPPED.values():
        archive = bundle.to_zip()
        assert Bundle.from_zip(archive).to_zip() == archive


def test_the_pages_propose_accept_and_decline(database, studio, new_client) -> None:
    local_change(database, with_label(make_bundle(), "Le jour ?"))
    iris = sign_in(new_client(), database, studio.world.administrator)
    assert "nouvelles versions livrées" in iris.get("/admin/demarches").text
    address = f"/admin/demarches/{SLUG}/nouvelle-livraison"
    page = iris.get(address).text
    assert "Les deux ont changé ces fichiers" in page
    assert "Ce que la commune a changé" in page
    found = shipped.SHIPPED[SLUG].hash
    assert iris.post(address, data={"empreinte": "0" * 64}).status_code == 409
    made = iris.post(address, data={"empreinte": found, "livree": "forms/demande.json"})
    assert "nouvelle version livrée" in iris.get(made.location).text
    with database.transaction() as session:
        assert b"\xc3\x80 quelle date" in drafts.files_of(drafts.the_draft(session, SLUG))["forms/demande.json"]
        assert bundle_archive(session, found) == shipped.SHIPPED[SLUG].to_zip()
    assert iris.post(f"{address}/refus", data={"empreinte": found}).status_code == 303
    assert "nouvelles versions livrées" not in iris.get("/admin/demarches").text
