"""What is too much is refused early, with a page that says so, and never breaks anything."""

from __future__ import annotations

import io
import json

import pytest

from app.web.requests import MAX_FORM, MAX_UPLOAD
from tests.rules.conftest import Living
from tests.rules.walk import csrf_token


def test_a_form_of_three_megabytes_is_refused_on_every_post(living: Living) -> None:
    body = "csrf_token=" + csrf_token(living.app) + "&body=" + "a" * 3_000_000
    for path in ("/connexion", "/mot-de-passe-oublie", "/messages/nouveau", "/deconnexion"):
        answer = living.client("owner").post(path, data=body, content_type="application/x-www-form-urlencoded")
        assert answer.status_code == 413, path
        assert "dépasse la taille acceptée" in answer.text
        assert "no-store" in answer.headers["Cache-Control"]


def multipart(fields: dict[str, str]) -> bytes:
    """A body with these text parts."""
    parts = [f'--x\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in fields.items()]
    return ("".join(parts) + "--x--\r\n").encode()


def test_a_long_text_part_and_too_many_parts_are_refused(living: Living) -> None:
    token = {"csrf_token": csrf_token(living.app)}
    step = f"/demandes/{living.cast.ids['begun']}/etapes/{living.cast.ids['begun-task']}"
    for fields in ({"motif": "a" * 3_000_000}, {f"champ{number}": "x" for number in range(1500)}):
        for path in (step, "/messages/nouveau"):
            answer = living.client("owner").post(
                path, data=multipart(token | fields), content_type="multipart/form-data; boundary=x"
            )
            assert answer.status_code == 413, path
            assert "<h1" in answer.text


def test_a_request_larger_than_any_upload_is_refused_before_it_is_read(living: Living) -> None:
    class Body(io.BytesIO):
        taken = 0

        def read(self, size: int | None = -1, /) -> bytes:
            found = super().read(size)
            self.taken += len(found)
            return found

    body = Body(b"a" * 4_000_000)
    for length, kind in ((200_000_000, "multipart/form-data; boundary=x"), (3_000_000, "text/plain")):
        answer = living.client("owner").post(
            "/messages/nouveau", input_stream=body, content_length=length, content_type=kind
        )
        assert answer.status_code in (400, 413), kind
        assert body.taken < 1_000_000
    assert MAX_FORM < MAX_UPLOAD


def test_only_the_forms_that_carry_files_take_large_requests(living: Living) -> None:
    expecting = {
        endpoint
        for endpoint, view in living.app.view_functions.items()
        if hasattr(view, "prepare") or hasattr(view, "takes_files")
    }
    assert expecting == {
        *("cases_family.step_post", "cases_agent.complete", "town_admin.change_section"),
        *("studio.import", "studio.upload_diagram", "studio.upload_table"),
        *("messages_family.new_message", "messages_family.read"),
        *("messages_agent.agent_new_message", "messages_agent.read"),
    }
    part = (
        b'--x\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n' + b"a" * 3_000_000 + b"\r\n--x--\r\n"
    )
    for persona, path, status in (
        ("owner", "/compte/mot-de-passe", 413), ("admin", "/admin/reglages/apparence", 400),
    ):  # fmt: skip
        answer = living.client(persona).post(path, data=part, content_type="multipart/form-data; boundary=x")
        assert answer.status_code == status


@pytest.mark.parametrize("count", [10, 2000])
def test_nested_and_broken_multipart_bodies_are_answered(count: int, living: Living) -> None:
    nested = "".join(f"--b{n}\r\nContent-Type: multipart/mixed; boundary=b{n + 1}\r\n\r\n" for n in range(count))
    for body, kind in (
        (nested, "multipart/form-data; boundary=b0"),
        ("--x\r\nno header", "multipart/form-data; boundary=x"),
        ("--x", "multipart/form-data"),
        ("--x\r\n" + "A: b\r\n" * 5000, "multipart/form-data; boundary=x"),
        ("%%%=%%%&=&&&=" * count, "application/x-www-form-urlencoded"),
    ):
        answer = living.client("owner").post("/messages/nouveau", data=body.encode(), content_type=kind)
        assert answer.status_code in (400, 413), kind


def test_json_is_read_by_nobody_however_deep(living: Living) -> None:
    deep = "[" * 100_000 + "]" * 100_000
    for body in (deep, json.dumps({"csrf_token": csrf_token(living.app)})):
        answer = living.client("owner").post("/messages/nouveau", data=body, content_type="application/json")
        assert answer.status_code == 400


def test_long_addresses_headers_and_cookies_are_answered(living: Living) -> None:
    client = living.client("owner")
    assert client.get("/connexion?suite=/" + "a" * 100_000).status_code in (200, 303)
    assert client.get("/demandes?statut=" + "é" * 20_000).status_code == 200
    assert client.get("/", headers={"User-Agent": "M" * 100_000, "Accept-Language": "fr," * 5000}).status_code == 200
    stranger = living.app.test_client(use_cookies=False)
    huge = {"Cookie": "portail=" + "a" * 100_000}
    assert stranger.get("/tableau-de-bord", headers=huge).headers["Location"].startswith("/connexion")


def test_a_thousand_values_of_one_field_are_answered(living: Living) -> None:
    data = [("csrf_token", csrf_token(living.app)), *[("permissions", "x")] * 20_000]
    body = "&".join(f"{name}={value}" for name, value in data)
    kind = "application/x-www-form-urlencoded"
    answer = living.client("admin").post("/admin/roles/nouveau", data=body, content_type=kind)
    assert answer.status_code in (413, 422)
