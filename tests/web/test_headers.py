from __future__ import annotations

from flask import Flask, Response

from app.web import headers
from tests.web.pages import make_portal


def make_app() -> Flask:
    app = Flask("headers", static_folder=None)
    headers.install(app)
    app.add_url_rule("/", "page", lambda: "page")
    app.add_url_rule("/piece", "piece", lambda: headers.as_download(Response(b"<script>alert(1)</script>")))
    return app


def test_a_page_allows_nothing_inline_and_no_other_origin() -> None:
    answer = make_app().test_client().get("/")
    rules = dict(rule.split(" ", 1) for rule in answer.headers["Content-Security-Policy"].split("; "))
    assert rules["default-src"] == rules["frame-ancestors"] == rules["base-uri"] == rules["object-src"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == rules["form-action"] == "'self'"
    assert "unsafe" not in answer.headers["Content-Security-Policy"]


def test_a_personal_page_leaves_no_copy_and_cannot_be_sniffed() -> None:
    answer = make_app().test_client().get("/")
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert answer.headers["Referrer-Policy"] == "same-origin"


def test_an_error_page_has_them_too() -> None:
    answer = make_app().test_client().get("/absent")
    assert answer.status_code == 404
    assert "Content-Security-Policy" in answer.headers


def test_hsts_is_said_over_https_only() -> None:
    client = make_app().test_client()
    assert "Strict-Transport-Security" not in client.get("/").headers
    assert (
        "max-age=31536000" in client.get("/", base_url="https://portail.example").headers["Strict-Transport-Security"]
    )


def test_a_file_somebody_sent_is_served_in_a_sandbox() -> None:
    policy = make_app().test_client().get("/piece").headers["Content-Security-Policy"]
    assert policy.endswith("sandbox")
    assert "script-src" not in policy
    assert "default-src 'none'" in policy


def test_no_template_of_the_look_holds_an_inline_style_or_handler() -> None:
    page = make_portal().test_client().get("/guide").text
    assert " style=" not in page
    assert "<style" not in page
    assert "<script>" not in page
    assert not any(f" on{event}=" in page for event in ("click", "submit", "change", "load", "input"))
