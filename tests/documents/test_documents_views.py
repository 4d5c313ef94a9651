"""Pages of pieces, by persona; files sent back; files received before the transaction opens."""

from __future__ import annotations

import re
import uuid
from datetime import date
from html import unescape
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from app.accounts.administration import seed_roles
from app.cases.models import Case
from app.db import Database
from app.documents import uploads
from app.documents.models import Document, PieceRequest, UploadKey
from app.documents.previews import draw_previews
from app.documents.storage import DiskStorage, StorageFull
from app.families.rights import Authority
from app.journal import JournalEntry
from app.policy import SYSTEM
from app.procedures.operations import install_shipped
from app.web.requests import Portal
from tests.documents.door import Door, statements
from tests.documents.pieces import make_pieces
from tests.documents.samples import make_jpeg, make_pdf

SHIPPED = Path(__file__).parents[2] / "workflows" / "justificatif"


def text(response: TestResponse) -> str:
    return re.sub(r"\s+", " ", response.get_data(as_text=True)).replace("\u00a0", " ")


def reads(database: Database) -> int:
    with database.transaction(read_only=True) as session:
        query = select(func.count()).select_from(JournalEntry).where(JournalEntry.action == "document.read")
        return session.scalar(query) or 0


def one(database: Database, document_id: uuid.UUID) -> Document:
    with database.transaction(read_only=True) as session:
        found = session.get(Document, document_id)
        assert found is not None
        return found


# -- the wallet ----------------------------------------------------------------------------------------------------


def test_the_wallet_shows_each_piece_once_with_one_action(door: Door) -> None:
    family = door.family
    door.document(family.mother, state="invalide", reason="La facture a plus de trois mois.")
    door.document(family.mother, "vaccins", child_id=family.child.id, state="valide", valid_until=date(2027, 11, 20))
    client = door.parent(family.mother)
    client.get("/pieces")  # the commune's settings are read once
    with statements(door.database) as sent:
        page = client.get("/pieces")
    assert page.status_code == 200
    assert len(sent) <= 8
    shown = text(page)
    assert "Non accepté : La facture a plus de trois mois." in shown
    assert "Valable jusqu’au samedi 20 novembre 2027." in shown
    assert "/demandes/nouvelle/justificatif?type_piece=justificatif-domicile" in shown
    assert "type_piece=vaccins" not in shown  # valid: nothing to do
    assert "type_piece=assurance" in shown


def test_an_informed_parent_is_not_offered_to_give_a_childs_piece(portal: Portal, sqlite_database: Database) -> None:
    with sqlite_database.transaction() as session:
        pieces = make_pieces(session, Authority.INFORMED)
    door = Door(portal, sqlite_database, pieces)
    assert "type_piece=vaccins" not in text(door.parent(door.family.father).get("/pieces"))
    assert "type_piece=vaccins" in text(door.parent(door.family.mother).get("/pieces"))


def test_a_parent_takes_a_piece_back_after_being_asked(door: Door) -> None:
    document_id = door.document(door.family.mother)
    client = door.parent(door.family.mother)
    assert "sera effacé" in text(client.get(f"/pieces/{document_id}/retirer"))
    assert one(door.database, document_id).state == "non_traite"
    assert client.post(f"/pieces/{document_id}/retirer").status_code == 303
    assert one(door.database, document_id).state == "retire"
    assert client.post(f"/pieces/{document_id}/retirer").status_code == 404
    assert client.get(f"/pieces/{document_id}", buffered=True).status_code == 404


# -- files sent back -----------------------------------------------------------------------------------------------


def test_a_file_is_saved_never_interpreted_and_the_read_is_noted(door: Door) -> None:
    document_id = door.document(door.family.mother, filename="Facture d’été.pdf", content=b"%PDF les octets")
    answer = door.parent(door.family.mother).get(f"/pieces/{document_id}", buffered=True)
    assert answer.status_code == 200
    assert answer.data == b"%PDF les octets"
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert reads(door.database) == 1


def test_an_image_we_encoded_is_shown_in_the_page_of_agents(door: Door) -> None:
    picture = make_jpeg()
    document_id = door.document(door.family.mother, mime="image/jpeg", filename="photo.jpg", content=picture)
    draw_previews(door.database, door.portal.settings, document_id)
    client = door.agent("gestionnaire")
    assert f'<img src="/agent/pieces/{document_id}/apercu/1"' in text(
        client.get(f"/agent/pieces/{document_id}", buffered=True)
    )
    answer = client.get(f"/agent/pieces/{document_id}/fichier", buffered=True)
    assert answer.data == picture
    assert answer.headers["Content-Disposition"].startswith("inline;")
    assert "sandbox" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("name", ["step_father", "father", "stranger"])
def test_who_may_not_open_a_childs_file_learns_nothing(door: Door, name: str) -> None:
    document_id = door.document(door.family.mother, "vaccins", child_id=door.family.child.id)
    client = door.parent(getattr(door.family, name))
    for path in (f"/pieces/{document_id}", f"/pieces/{document_id}/retirer", f"/agent/pieces/{document_id}/fichier"):
        assert client.get(path, buffered=True).status_code == 404
    assert client.post(f"/pieces/{document_id}/retirer").status_code == 404
    assert reads(door.database) == 0


def test_a_co_parent_of_the_household_opens_what_is_the_households(door: Door) -> None:
    document_id = door.document(door.family.mother)
    assert door.parent(door.family.step_father).get(f"/pieces/{document_id}", buffered=True).status_code == 200


def test_a_withdrawn_parent_opens_nothing_about_the_child(portal: Portal, sqlite_database: Database) -> None:
    with sqlite_database.transaction() as session:
        pieces = make_pieces(session, Authority.WITHDRAWN)
    door = Door(portal, sqlite_database, pieces)
    for sender in (door.family.mother, door.family.father):
        document_id = door.document(sender, "assurance", child_id=door.family.child.id)
        assert door.parent(door.family.father).get(f"/pieces/{document_id}", buffered=True).status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/pieces",
        "/pieces/{id}",
        "/pieces/{id}/retirer",
        "/agent/pieces",
        "/agent/pieces/{id}",
        "/agent/pieces/{id}/fichier",
        "/admin/pieces",
    ],
)
def test_a_visitor_is_sent_to_sign_in(door: Door, path: str) -> None:
    document_id = door.document(door.family.mother)
    answer = door.enter(None).get(path.format(id=document_id))
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/connexion?suite=")


def test_agents_pages_by_role_and_structure(door: Door) -> None:
    family = door.family
    document_id = door.document(family.mother, "assurance", child_id=family.child.id)
    paths = [
        "/agent/pieces",
        f"/agent/pieces/{document_id}",
        f"/agent/pieces/{document_id}/fichier",
        f"/agent/pieces/foyer/{family.home_a.id}",
        f"/agent/pieces/foyer/{family.home_a.id}/reclamer",
    ]
    expected = {
        door.agent("gestionnaire", family.school): [200, 200, 200, 200, 200],
        door.agent("gestionnaire", family.other_school): [200, 404, 404, 404, 404],
        door.agent("direction", family.school): [403, 200, 200, 200, 403],
        door.agent("comptabilite"): [403, 403, 403, 403, 403],
        door.parent(family.mother): [404, 404, 404, 404, 404],
    }
    for client, statuses in expected.items():
        assert [client.get(path, buffered=True).status_code for path in paths] == statuses
    assert "Attestation" not in text(door.agent("gestionnaire", family.other_school).get("/agent/pieces"))
    page = door.agent("direction", family.school).get(f"/agent/pieces/foyer/{family.home_a.id}").text
    assert 'href="/agent/pieces"' not in page, "a link to a page that is refused is a dead end"
    assert f'href="/agent/familles/{family.home_a.id}"' in page


def test_a_file_that_was_lost_is_told_and_a_store_that_is_down_too(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    document_id = door.document(door.family.mother)
    client = door.parent(door.family.mother)

    def down(_self: object, _key: str) -> Any:
        from app.documents.storage import StorageUnavailable

        raise StorageUnavailable

    with monkeypatch.context() as broken:
        broken.setattr(DiskStorage, "open", down)
        answer = client.get(f"/pieces/{document_id}", buffered=True)
        assert answer.status_code == 422
        assert "Réessayez dans quelques minutes" in text(answer)
    DiskStorage(Path(door.portal.settings.storage_url.removeprefix("file://"))).delete(
        one(door.database, document_id).key
    )
    answer = client.get(f"/pieces/{document_id}", buffered=True)
    assert answer.status_code == 404
    assert "plus disponible" in text(answer)


# -- review --------------------------------------------------------------------------------------------------------


def test_an_agent_reviews_a_piece_beside_its_family(door: Door) -> None:
    family = door.family
    document_id = door.document(family.mother, "assurance", child_id=family.child.id, scan="not_scanned")
    client = door.agent("gestionnaire", family.school)
    client.get("/agent/pieces")
    with statements(door.database) as sent:
        listed = text(client.get("/agent/pieces"))
    assert len(sent) <= 8
    assert "Attestation d’assurance scolaire" in listed
    assert "Fontaine, Inès" in listed
    assert "Sans antivirus" in listed
    with statements(door.database) as sent:
        page = text(client.get(f"/agent/pieces/{document_id}", buffered=True))
    assert len(sent) <= 8
    assert "Inès Morel" in page
    assert 'value="2027-08-31"' in page  # the school year, by the type
    assert client.post(f"/agent/pieces/{document_id}/accepter", data={"until": "2027-08-31"}).status_code == 303
    assert one(door.database, document_id).valid_until == date(2027, 8, 31)
    again = client.post(f"/agent/pieces/{document_id}/accepter", data={"until": "2027-08-31"})
    assert again.status_code == 409
    assert "déjà été vérifiée par" in text(again)


@pytest.mark.parametrize("until", ["2020-01-01", "31/31/2027", "jamais", "99999-01-01"])
def test_a_wrong_last_day_is_told_on_its_field(door: Door, until: str) -> None:
    document_id = door.document(door.family.mother)
    answer = door.agent("gestionnaire").post(f"/agent/pieces/{document_id}/accepter", data={"until": until})
    assert answer.status_code == 422
    assert "Il y a un problème" in text(answer)
    assert one(door.database, document_id).state == "non_traite"


def test_a_refusal_needs_words_and_keeps_them_harmless(door: Door) -> None:
    document_id = door.document(door.family.mother)
    client = door.agent("gestionnaire")
    assert client.post(f"/agent/pieces/{document_id}/refuser", data={"reason": "   "}).status_code == 422
    assert client.post(f"/agent/pieces/{document_id}/refuser", data={"reason": "x" * 5000}).status_code == 422
    hostile = "<script>alert(1)</script>"
    assert client.post(f"/agent/pieces/{document_id}/refuser", data={"reason": hostile}).status_code == 303
    shown = door.parent(door.family.mother).get("/pieces").get_data(as_text=True)
    assert hostile not in shown
    assert "&lt;script&gt;" in shown


def test_a_piece_of_a_demande_links_to_it(door: Door) -> None:
    case_id = uuid.uuid4()
    document_id = door.document(door.family.mother, case_id=case_id, case_reviews=True)
    client = door.agent("gestionnaire")
    assert f'href="/agent/demandes/{case_id}"' in text(client.get("/agent/pieces"))
    page = text(client.get(f"/agent/pieces/{document_id}", buffered=True))
    assert "se vérifie dans sa demande" in page
    assert "Accepter la pièce" not in page
    assert client.post(f"/agent/pieces/{document_id}/accepter", data={}).status_code == 409


def test_an_agent_claims_a_piece_and_gives_it_up(door: Door) -> None:
    family, client = door.family, door.agent("gestionnaire")
    path = f"/agent/pieces/foyer/{family.home_a.id}/reclamer"
    assert client.post(path, data={"piece_type": ""}).status_code == 422
    assert client.post(path, data={"piece_type": "vaccins", "child_id": ""}).status_code == 422
    assert client.post(path, data={"piece_type": "rib", "child_id": "x' OR 1"}).status_code == 422
    assert client.post(path, data={"piece_type": "rib", "child_id": str(uuid.uuid4())}).status_code == 422
    assert client.post(path, data={"piece_type": "vaccins", "child_id": str(family.child.id)}).status_code == 303
    assert "Demandé par le service" in text(door.parent(family.mother).get("/pieces"))
    with door.database.transaction(read_only=True) as session:
        claim = session.scalars(select(PieceRequest)).one()
    assert client.post(f"/agent/pieces/reclamations/{claim.id}/abandonner").status_code == 303
    assert "Demandé par le service" not in text(door.parent(family.mother).get("/pieces"))


def test_the_filter_and_the_mark_of_a_page_survive_nonsense(door: Door) -> None:
    door.document(door.family.mother)
    client = door.agent("gestionnaire")
    for query in ("type=rib", "type=' OR 1=1", "apres=%00", "apres=AAAA", "type=" + "x" * 3000):
        assert client.get(f"/agent/pieces?{query}").status_code == (400 if "%00" in query else 200)


def test_administrators_are_told_that_no_antivirus_works(door: Door) -> None:
    door.document(door.family.mother, scan="not_scanned")
    page = door.agent("administrateur").get("/admin/pieces")
    assert page.status_code == 200
    assert "Aucun antivirus n’est branché" in text(page)
    assert door.agent("dpo").get("/admin/pieces").status_code == 403
    assert door.agent("gestionnaire").get("/admin/pieces").status_code == 404


# -- files received ------------------------------------------------------------------------------------------------


@pytest.fixture
def filing(door: Door, tmp_path: Path) -> tuple[Door, FlaskClient, str]:
    """The shipped démarche « justificatif », opened by the mother: the address of its form."""
    (tmp_path / "shipped").mkdir()
    (tmp_path / "shipped" / "justificatif").symlink_to(SHIPPED, target_is_directory=True)
    with door.database.transaction() as session:
        seed_roles(session, SYSTEM)
        install_shipped(session, tmp_path / "shipped")
    client = door.parent(door.family.mother)
    opened = client.get("/demandes/nouvelle/justificatif?type_piece=justificatif-domicile", follow_redirects=True)
    path = re.search(r'action="(/demandes/[0-9a-f-]{36}/etapes/[^"]+)"', opened.get_data(as_text=True))
    assert path is not None
    return door, client, unescape(path[1])


def send(client: FlaskClient, path: str, *files: tuple[bytes, str], **answers: str) -> TestResponse:
    data: dict[str, Any] = {"type_piece": "justificatif-domicile", **answers}
    data["piece__fichier"] = [(BytesIO(content), name) for content, name in files]
    return client.post(path, data=data, content_type="multipart/form-data")


def count(database: Database, model: type) -> int:
    with database.transaction(read_only=True) as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


def test_a_piece_goes_from_the_phone_to_the_agent_and_back_to_the_wallet(
    filing: tuple[Door, FlaskClient, str],
) -> None:
    door, client, path = filing
    answer = send(client, path, (make_jpeg(), "recto.jpg"), (make_jpeg(), "verso.jpg"))
    assert answer.status_code == 302, text(answer)
    with door.database.transaction(read_only=True) as session:
        document = session.scalars(select(Document)).one()
        case = session.scalars(select(Case)).one()
    assert (document.state, document.pages, document.case_id) == ("brouillon", 2, case.id)
    sent = client.post(f"{path.partition('?')[0]}?page=verification")
    assert sent.status_code == 302, text(sent)
    filed = one(door.database, document.id)
    assert (filed.state, filed.piece_type, filed.case_reviews) == ("non_traite", "justificatif-domicile", True)
    assert "le service va le vérifier" in text(client.get("/pieces"))
    agent = door.agent("gestionnaire")
    assert f"/agent/demandes/{case.id}" in text(agent.get("/agent/pieces"))
    assert agent.get(f"/agent/pieces/{document.id}/fichier", buffered=True).data.startswith(b"%PDF")


def test_a_refused_file_leaves_the_draft_as_it_was(filing: tuple[Door, FlaskClient, str]) -> None:
    door, client, path = filing
    answer = send(client, path, (b"MZ", "virus.exe"), remarque="À garder")
    assert answer.status_code == 422
    shown = text(answer)
    assert "ne sont pas acceptés" in shown
    assert "À garder" in shown
    assert count(door.database, Document) == count(door.database, UploadKey) == 0
    assert "À garder" in text(client.get(path))


def test_a_full_disk_is_a_message_and_the_draft_is_kept(
    filing: tuple[Door, FlaskClient, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    door, client, path = filing

    def full(_self: object, _key: str, _data: bytes) -> None:
        raise StorageFull

    with monkeypatch.context() as broken:
        broken.setattr(DiskStorage, "put", full)
        answer = send(client, path, (make_pdf(), "a.pdf"), remarque="À garder")
    assert answer.status_code == 422
    assert "plus de place" in text(answer)
    assert "À garder" in text(client.get(path))
    assert count(door.database, Document) == 0
    assert send(client, path, (make_pdf(), "a.pdf")).status_code == 302


def test_a_good_file_survives_the_error_of_another_field(filing: tuple[Door, FlaskClient, str]) -> None:
    door, client, path = filing
    answer = send(client, path, (make_pdf(), "a.pdf"), type_piece="")
    assert answer.status_code == 422
    document_id = re.search(r'name="piece" value="([0-9a-f-]{36})" checked', answer.get_data(as_text=True))
    assert document_id is not None
    again = client.post(path, data={"type_piece": "casier-judiciaire", "piece": document_id[1]})
    assert again.status_code == 422  # this form does not offer it; the file is still there
    again = client.post(path, data={"type_piece": "justificatif-domicile", "piece": document_id[1]})
    assert again.status_code == 302
    assert count(door.database, Document) == 1


def test_no_transaction_is_open_while_files_are_treated(
    filing: tuple[Door, FlaskClient, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _door, client, path = filing
    seen: list[int] = []
    treat = uploads.keep_files

    def watched(database: Database, *rest: Any) -> Any:
        seen.append(database.engine.pool.checkedout())  # type: ignore[attr-defined]  # a QueuePool
        return treat(database, *rest)

    monkeypatch.setattr(uploads, "keep_files", watched)
    assert send(client, path, (make_pdf(), "a.pdf")).status_code == 302
    assert seen == [0]


@pytest.mark.parametrize("name", ["stranger", "father"])
def test_a_strangers_files_are_not_even_opened(
    filing: tuple[Door, FlaskClient, str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    door, mother, path = filing
    assert mother.post(path, data={"action": "plus_tard"}).status_code == 302
    monkeypatch.setattr(uploads, "keep_files", lambda *_: pytest.fail("a stranger's file was opened"))
    assert send(door.parent(getattr(door.family, name)), path, (make_pdf(), "a.pdf")).status_code == 404
    assert send(door.enter(None), path, (make_pdf(), "a.pdf")).status_code == 303


def test_a_forged_post_is_refused_before_its_files_are_opened(
    filing: tuple[Door, FlaskClient, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    door, client, path = filing
    door.portal.config["WTF_CSRF_ENABLED"] = True
    monkeypatch.setattr(uploads, "keep_files", lambda *_: pytest.fail("a forged file was opened"))
    assert send(client, path, (make_pdf(), "a.pdf")).status_code == 400
    assert send(client, path, (make_pdf(), "a.pdf"), csrf_token="x" * 40).status_code == 400


def test_a_request_that_is_too_large_is_told_so(filing: tuple[Door, FlaskClient, str]) -> None:
    door, client, path = filing
    door.portal.config["MAX_CONTENT_LENGTH"] = 1000
    assert send(client, path, (bytes(5000), "a.pdf")).status_code == 413
    assert count(door.database, UploadKey) == 0
