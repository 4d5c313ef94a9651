"""No network, mail, PDF, antivirus or file work while a transaction is open (design.md, invariant 6)."""

from __future__ import annotations

import io
import re
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import typst
from PIL import Image

from app.accounts.operations import forgotten_password
from tests.rules.cast import KEY, PERSONAS, email_of
from tests.rules.conftest import Living, WalkOf
from tests.rules.walk import csrf_token, watching
from tests.workers.sink import Sink
from workers.treatment import treat_due


def photo() -> bytes:
    held = io.BytesIO()
    Image.new("RGB", (300, 200), (200, 190, 180)).save(held, "JPEG")
    return held.getvalue()


@pytest.mark.parametrize("persona", PERSONAS)
def test_no_route_touches_a_file_or_a_socket_inside_its_transaction(persona: str, walk_of: WalkOf) -> None:
    assert walk_of(persona).inside == []


def _files(living: Living) -> list[Path]:
    return [path for path in Path(living.cast.folder, "pieces").rglob("*") if path.is_file()]


def test_a_piece_is_checked_and_kept_before_the_transaction(living: Living) -> None:
    client = living.client("owner")
    page = client.get("/demandes/nouvelle/justificatif?type_piece=justificatif-domicile").text
    action = re.search(r'action="(/demandes/[^"]+/etapes/[^"]+)"', page)
    field = re.search(r'name="(\w+__fichier)"', page)
    assert action is not None
    assert field is not None
    data = {
        "csrf_token": csrf_token(living.app), "type_piece": "justificatif-domicile", "action": "suivant",
        field[1]: (io.BytesIO(photo()), "facture.jpg"),
    }  # fmt: skip
    before = len(_files(living))
    with watching(living.database) as inside:
        answer = client.post(action[1].replace("&amp;", "&"), data=data, content_type="multipart/form-data")
    assert answer.status_code in (200, 302, 422)
    assert len(_files(living)) == before + 1, answer.text
    assert inside == []


def test_a_file_of_a_message_is_checked_kept_and_opened_outside_any_transaction(living: Living) -> None:
    client = living.client("owner")
    thread = f"/messages/{living.cast.ids['thread']}"
    data = {"csrf_token": csrf_token(living.app), "body": "La photo", "files": (io.BytesIO(photo()), "mot.jpg")}
    before = len(_files(living))
    with watching(living.database) as inside:
        assert client.post(thread, data=data, content_type="multipart/form-data").status_code == 303
        with client.get(f"{thread}/fichiers/{living.cast.ids['attachment']}") as opened:
            assert opened.data
    assert len(_files(living)) == before + 1
    assert inside == []


def test_a_mail_travels_outside_any_transaction(living: Living) -> None:
    with living.database.transaction() as session:
        forgotten_password(session, KEY, email_of("Séraphine"), "127.0.0.1")
    with Sink() as sink, watching(living.database) as inside:
        treat_due(living.database, replace(living.settings, mail_url=sink.url))
        assert len(sink.mails) == 1
    assert inside == []


# -- the guard can fail ----------------------------------------------------------------------------------------------


def _write(folder: Path) -> None:
    (folder / "note.txt").write_text("x")


def _read(folder: Path) -> None:
    (folder / "portail.db").read_bytes()


def _connect(_folder: Path) -> None:
    with socket.socket() as probe:
        probe.settimeout(0.2)
        probe.connect_ex(("127.0.0.1", 9))


def _run(_folder: Path) -> None:
    subprocess.run([sys.executable, "-c", ""], check=True)


def _print(_folder: Path) -> None:
    typst.compile(b"= Titre", format="pdf")


@pytest.mark.parametrize(
    ("act", "found"), [(_write, True), (_connect, True), (_run, True), (_print, True), (_read, False)]
)
def test_what_is_forbidden_inside_a_transaction_is_seen_there_and_only_there(
    act: object, found: bool, living: Living, tmp_path: Path
) -> None:
    assert callable(act)
    with watching(living.database) as seen:
        act(tmp_path)
        assert seen == []
        with living.database.transaction() as session:
            session.connection()
            act(tmp_path)
        assert bool(seen) is found
        seen.clear()
        act(tmp_path)
        assert seen == []
