"""The administrators' pages of démarches: read, download, check an archive, publish it, close."""

from __future__ import annotations

import io
import zipfile

import pytest
from sqlalchemy import func, select

from app.db import Database
from app.engine.bundle import Bundle
from app.procedures.models import BundleRow, Version
from tests.cases.making import SLUG, count_statements, file_case, make_bundle, make_world, sign_in

UPLOAD = "/admin/demarches/nouvelle-version"


def archive_of(bundle: Bundle, name: str = "demarche.zip") -> dict[str, tuple[io.BytesIO, str]]:
    return {"archive": (io.BytesIO(bundle.to_zip()), name)}


def zip_of(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def versions(database: Database) -> int:
    with database.transaction(read_only=True) as session:
        return session.scalar(select(func.count()).select_from(Version)) or 0


def test_an_archive_is_checked_then_published_with_a_note(database, new_client) -> None:
    world = make_world(database)
    iris = sign_in(new_client(), database, world.administrator)
    checked = iris.post(UPLOAD, data=archive_of(make_bundle(title="Demande refaite")))
    assert checked.status_code == 302
    assert versions(database) == 1, "checking publishes nothing"
    report = iris.get(checked.location)
    assert "Cette version peut être publiée" in report.text
    done = iris.post(checked.location, data={"note": "Titre plus <b>clair</b>."})
    page = iris.get(done.location).text
    assert "La version 2 est en ligne" in page
    assert "Titre plus &lt;b&gt;clair&lt;/b&gt;." in page
    assert versions(database) == 2


def test_what_is_downloaded_is_what_was_published_and_can_be_sent_again(database, new_client) -> None:
    world = make_world(database)
    iris = sign_in(new_client(), database, world.administrator)
    answer = iris.get(f"/admin/demarches/{SLUG}/versions/1/archive.zip")
    assert answer.mimetype == "application/zip"
    assert Bundle.from_zip(answer.data).hash == make_bundle().hash
    assert answer.data == make_bundle().to_zip()
    checked = iris.post(UPLOAD, data={"archive": (io.BytesIO(answer.data), "x.zip")})
    again = iris.post(checked.location)
    assert again.status_code == 422
    assert "déjà ceux de la version 1" in again.text
    assert iris.get(f"/admin/demarches/{SLUG}/versions/9/archive.zip").status_code == 404


def test_a_version_with_errors_shows_them_all_and_keeps_nothing(database, new_client) -> None:
    world = make_world(database)
    iris = sign_in(new_client(), database, world.administrator)
    diagram = make_bundle().files["process.bpmn"]
    wrong = diagram.replace(b'name="Gestionnaire"', b'name="Astronaute"').replace(
        b"decision == &apos;accepter&apos;", b"__import__(&apos;os&apos;)"
    )
    assert wrong != diagram
    page = iris.post(UPLOAD, data=archive_of(Bundle({**make_bundle().files, "process.bpmn": wrong})))
    assert page.status_code == 422
    assert "Astronaute" in page.text
    assert "Publier cette version" not in page.text
    with database.transaction(read_only=True) as session:
        assert session.scalar(select(func.count()).select_from(BundleRow)) == 1
    assert versions(database) == 1


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"PK\x03\x04 not a zip",
        zip_of(**{"../../etc/passwd": b"x"}),
        zip_of(**{"process.bpmn": b"<x", "demarche.toml": b"titre = 1"}),
        zip_of(**{"process.bpmn": b"0" * 3_000_000, "demarche.toml": b""}),
        zip_of(**{"process.bpmn": b"<a/>"}),
        b"x" * (9 * 1024 * 1024),
    ],
    ids=["nothing", "no zip", "path", "wrong files", "heavy", "incomplete", "too big"],
)
def test_a_hostile_archive_is_refused_with_a_sentence(database, new_client, raw) -> None:
    world = make_world(database)
    iris = sign_in(new_client(), database, world.administrator)
    page = iris.post(UPLOAD, data={"archive": (io.BytesIO(raw), "a.zip")})
    page.request.environ["wsgi.input"].close()  # the test client spools large bodies in a file that it leaves open
    assert page.status_code == 422
    assert "ne peut pas être vérifiée" in page.text or "à corriger avant de publier" in page.text
    assert versions(database) == 1


def test_a_check_that_was_never_made_is_not_found(database, new_client) -> None:
    world = make_world(database)
    iris = sign_in(new_client(), database, world.administrator)
    for address in (
        f"/admin/demarches/{SLUG}/verification/{'0' * 64}",
        f"/admin/demarches/{SLUG}/verification/%00",
        f"/admin/demarches/autre/verification/{make_bundle().hash}",
        "/admin/demarches/inconnue",
    ):
        assert iris.get(address).status_code == 404, address


def test_a_closed_demarche_says_so_and_opens_again(database, new_client) -> None:
    world = make_world(database)
    iris = sign_in(new_client(), database, world.administrator)
    address = f"/admin/demarches/{SLUG}"
    assert "Fermée" in iris.get(iris.post(f"{address}/ouverture", data={"ouverte": "0"}).location).text
    assert "est ouverte" in iris.get(iris.post(f"{address}/ouverture", data={"ouverte": "1"}).location).text


def test_each_version_shows_the_demandes_that_run_on_it(database, new_client) -> None:
    world = make_world(database)
    file_case(database, world)
    iris = sign_in(new_client(), database, world.administrator)
    assert ">1</td>" in iris.get(f"/admin/demarches/{SLUG}").text
    assert count_statements(database, lambda: iris.get(f"/admin/demarches/{SLUG}")) <= 8
    assert count_statements(database, lambda: iris.get("/admin/demarches")) <= 8


def test_only_administrators_of_demarches_come_in(database, new_client) -> None:
    world = make_world(database)
    for who in (world.nadia, world.camille, world.accountant):
        client = sign_in(new_client(), database, who)
        for address in ("/admin/demarches", f"/admin/demarches/{SLUG}", UPLOAD):
            assert client.get(address).status_code == 404
        assert client.post(UPLOAD, data=archive_of(make_bundle(title="Pirate"))).status_code == 404
        assert client.post(f"/admin/demarches/{SLUG}/ouverture", data={"ouverte": "0"}).status_code == 404
