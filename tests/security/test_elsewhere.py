"""Nobody is led to another site: by a redirect, by the name of the host, by a link in a mail."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from sqlalchemy import select

from app.messages.mails import Mail
from tests.rules.cast import Cast, email_of
from tests.rules.conftest import Living, copy_of
from tests.rules.walk import cookie_of, csrf_token, signed
from workers.treatment import treat_due

EVIL = "evil.example"
TARGETS = (
    *("//evil.example", "https://evil.example", "http:evil.example", "/\\evil.example", "\\\\evil.example"),
    *("///evil.example", "/\t/evil.example", "javascript:alert(1)", "data:text/html,x", "@evil.example"),
    *("/%0d%0aLocation:%20https://evil.example", "/connexion?suite=//evil.example", "https:evil.example"),
    *(" //evil.example", "/\n/evil.example", "/;@evil.example", ".evil.example", "//evil%E3%80%82example"),
    *("/..//evil.example", "/.//evil.example"),
)


@pytest.mark.parametrize("target", TARGETS)
def test_signing_in_leads_to_a_page_of_this_site(target: str, living: Living) -> None:
    answers = [
        living.post("visitor", "/connexion/demonstration/julie-fontaine", {"suite": target}),
        living.client("owner").get("/connexion", query_string={"suite": target}),
        living.client("owner").get("/connexion/second-facteur", query_string={"suite": target}),
        living.client("no2fa").get("/connexion/second-facteur", query_string={"suite": target}),
    ]
    for answer in answers:
        place = answer.headers["Location"]
        assert place.startswith("/"), place
        assert not place.startswith(("//", "/\\")), place
        assert urlsplit(urljoin("http://localhost/connexion", place)).netloc == "localhost"
        assert "\r" not in place
        assert "\n" not in place


def test_coming_from_another_site_one_goes_back_to_none(living: Living) -> None:
    answer = living.app.test_client().post(
        "/messages/nouveau", data={"csrf_token": "x"}, headers={"Referer": f"https://{EVIL}/page"}
    )
    assert EVIL not in answer.text
    assert EVIL not in answer.headers.get("Location", "")


@pytest.mark.parametrize("name", ["Host", "X-Forwarded-Host", "X-Original-Host", "Forwarded"])
def test_links_in_mails_never_come_from_the_request(name: str, cast: Cast, tmp_path: Path) -> None:
    living = copy_of(cast, tmp_path, PUBLIC_URL="https://portail.valbrise.example")
    # the cookie given by hand: the browser of this test would keep it for its own host
    cookie = "portail=" + signed(living.app, cookie_of(living.app, living.cast, "visitor"))
    headers = {name: f"host={EVIL}" if name == "Forwarded" else EVIL, "Cookie": cookie}
    data = {"csrf_token": csrf_token(living.app), "email": email_of("Séraphine")}
    answer = living.app.test_client(use_cookies=False).post("/mot-de-passe-oublie", data=data, headers=headers)
    assert answer.status_code == 303
    assert EVIL not in answer.headers["Location"]
    treat_due(living.database, living.settings)
    with living.database.transaction(read_only=True) as session:
        mail = session.scalars(select(Mail).order_by(Mail.created_at.desc()).limit(1)).one()
    assert "https://portail.valbrise.example/compte/mot-de-passe/" in mail.body
    assert EVIL not in mail.body + mail.subject + mail.message_id
    living.database.dispose()


def test_pages_do_not_repeat_the_name_of_a_foreign_host(living: Living) -> None:
    for path in ("/", "/connexion", "/absent", "/tableau-de-bord"):
        answer = living.client("owner").get(path, headers={"Host": EVIL})
        assert EVIL not in answer.text
        assert EVIL not in answer.headers.get("Location", "")


def test_a_forwarded_address_counts_only_behind_a_known_proxy(living: Living) -> None:
    answer = living.app.test_client().get("/connexion", headers={"X-Forwarded-Proto": "https"})
    assert "Strict-Transport-Security" not in answer.headers
    assert csrf_token(living.app)
