"""What every answer says to the browser, whoever asks and whatever comes back (X2, R-77, R-78)."""

from __future__ import annotations

import re

import pytest
from werkzeug.datastructures import Headers

from tests.rules.cast import PERSONAS, Cast
from tests.rules.conftest import Living, WalkOf, copy_of
from tests.rules.walk import Answer

STRICT = ("default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'")
PUBLIC = ("/static/", "/theme.css", "/logo/")
CALENDAR = "/calendrier/"
"""Read again and again by the calendar of whoever holds the link, who may keep it; nobody on the way may."""


def faults_of(answer: Answer) -> list[str]:
    """What is missing in, or too much of, the headers of an answer."""
    headers = Headers(answer.headers)
    policy = headers.get("Content-Security-Policy", "")
    found = []
    if "unsafe" in policy or "http" in policy or "*" in policy:
        found.append(f"policy {policy}")
    if "sandbox" not in policy and not all(rule in policy for rule in STRICT):
        found.append(f"policy {policy!r}")
    if headers.get("X-Content-Type-Options") != "nosniff":
        found.append("sniffed")
    if headers.get("Referrer-Policy") != "same-origin":
        found.append("referrer")
    kept = headers.get("Cache-Control", "")
    held = answer.path.startswith(CALENDAR) and kept == "private, max-age=900"
    if not answer.path.startswith(PUBLIC) and not held and "no-store" not in kept:
        found.append(f"kept: {headers.get('Cache-Control')}")
    if "Server" in headers or "X-Powered-By" in headers:
        found.append("says what runs")
    return [f"{answer.method} {answer.path} {answer.status}: {what}" for what in found]


@pytest.mark.parametrize("persona", PERSONAS)
def test_every_answer_carries_them(persona: str, walk_of: WalkOf) -> None:
    assert [fault for answer in walk_of(persona).answers for fault in faults_of(answer)] == []


def test_what_is_missing_is_found() -> None:
    bare = Answer("visitor", "GET", "/", "", "/", 200, "200", "", [("Content-Type", "text/html")], "")
    assert len(faults_of(bare)) == 4
    loose = [("Content-Security-Policy", "default-src 'none'; script-src 'self' 'unsafe-inline'")]
    assert any(
        "unsafe-inline" in fault for fault in faults_of(Answer("v", "GET", "/", "", "/", 200, "200", "", loose, ""))
    )


@pytest.mark.parametrize("persona", PERSONAS)
def test_no_page_asks_another_site_for_anything(persona: str, walk_of: WalkOf) -> None:
    """Links may lead elsewhere (the law asks for some); what the browser loads by itself may not."""
    loaded = re.compile(r"""<(?:script|img|link|iframe|source|video|audio|form|object|embed)\b[^>]*?"""
                        r"""\s(?:src|href|action|data)=["'](?:https?:)?//[^"']*""")  # fmt: skip
    for answer in walk_of(persona).answers:
        assert loaded.findall(answer.page) == [], answer.path
        assert not re.search(r"<[a-z][^<>]*\s(?:on[a-z]+|style)=", answer.page), answer.path
        assert not re.search(r"""<script(?![^>]*\ssrc=)(?! type="application/json">)""", answer.page), answer.path


@pytest.mark.parametrize("path", ["/absent", "/static/absent.css", "/static/../app/config.py", "/connexion/"])
def test_errors_and_absent_files_carry_them_too(path: str, living: Living) -> None:
    answer = living.app.test_client().get(path)
    assert answer.status_code == 404
    seen = Answer("visitor", "GET", path, "", path, 404, "404", "", list(answer.headers.items()), "")
    assert [fault for fault in faults_of(seen) if "kept" not in fault] == []


def test_a_method_that_does_not_exist_and_a_broken_page_carry_them_too(living: Living) -> None:
    living.app._got_first_request = False
    living.app.add_url_rule("/casse", "broken", lambda: 1 / 0)
    for answer in (
        living.app.test_client().delete("/"),
        living.app.test_client().open("/", method="TRACE"),
        living.app.test_client().get("/casse"),
    ):
        assert answer.status_code in (405, 500)
        seen = Answer("visitor", "GET", "/x", "", "/x", answer.status_code, "", "", list(answer.headers.items()), "")
        assert faults_of(seen) == []
        assert "Traceback" not in answer.text


def test_a_file_of_a_family_is_saved_and_sandboxed(walk_of: WalkOf) -> None:
    files = [a for a in walk_of("owner").answers if a.rule == "/pieces/<uuid:document_id>"]
    files += [a for a in walk_of("manager").answers if a.rule == "/agent/pieces/<uuid:document_id>/fichier"]
    assert len(files) == 4
    for answer in files:
        headers = Headers(answer.headers)
        assert headers["Content-Disposition"].startswith("attachment")
        assert "sandbox" in headers["Content-Security-Policy"]


def test_over_https_the_cookie_is_secure_and_the_browser_told_to_stay_there(cast: Cast, tmp_path: object) -> None:
    from pathlib import Path

    assert isinstance(tmp_path, Path)
    living = copy_of(cast, tmp_path, PUBLIC_URL="https://portail.example", TRUSTED_PROXIES="1")
    answer = living.app.test_client().get("/connexion", headers={"X-Forwarded-Proto": "https"})
    assert "max-age=31536000" in answer.headers["Strict-Transport-Security"]
    assert "; Secure" in answer.headers["Set-Cookie"]
    living.database.dispose()


@pytest.mark.parametrize("persona", PERSONAS)
def test_cookies_are_out_of_reach_of_scripts_and_of_other_sites(persona: str, walk_of: WalkOf) -> None:
    cookies = [v for a in walk_of(persona).answers for name, v in a.headers if name == "Set-Cookie"]
    assert cookies != [] or persona != "visitor"
    for cookie in cookies:
        assert cookie.startswith("portail="), cookie
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        assert "Domain=" not in cookie
        assert "Max-Age" not in cookie or "Max-Age=0" in cookie
