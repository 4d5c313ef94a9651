"""A link works once, for what it was made for, whoever clicks at the same time; sign-in tries are counted at once."""

from __future__ import annotations

import secrets
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from app import clock
from app.accounts import tokens
from app.accounts.sealing import link_token, token_id_in
from app.db import Database
from app.errors import Conflict
from tests.rules.conftest import Living
from tests.rules.walk import csrf_token

KEY = "k" * 40
PURPOSES = (tokens.ACTIVATION, tokens.CHOOSE_PASSWORD, tokens.UNLOCK, tokens.CHANGE_EMAIL)


def issued(database: Database, purpose: str, **more: timedelta) -> str:
    with database.transaction() as session:
        token_id = tokens.issue_token(session, purpose, **more)
    return link_token(KEY, token_id, purpose)


def consumed(database: Database, raw: str, purpose: str, key: str = KEY) -> bool:
    try:
        with database.transaction() as session:
            tokens.consume_token(session, key, raw, purpose)
    except Conflict:
        return False
    return True


def test_of_twenty_clicks_at_once_one_passes(database: Database) -> None:
    for purpose in PURPOSES:
        raw = issued(database, purpose)
        with ThreadPoolExecutor(20) as pool:
            passed = list(pool.map(lambda _, raw=raw, purpose=purpose: consumed(database, raw, purpose), range(20)))
        assert passed.count(True) == 1
        assert not consumed(database, raw, purpose)


def test_a_link_of_one_kind_is_none_of_another(database: Database) -> None:
    for purpose in PURPOSES:
        raw = issued(database, purpose)
        for other in set(PURPOSES) - {purpose}:
            assert not consumed(database, raw, other)
        assert not consumed(database, raw, purpose, key="another key")
        assert consumed(database, raw, purpose)


def test_a_link_ends_at_its_hour_exactly(database: Database) -> None:
    now = clock.now()
    with clock.frozen(now) as time:
        early, late = (issued(database, tokens.ACTIVATION) for _ in range(2))
        time.set(now + timedelta(hours=24) - timedelta(seconds=1))
        assert consumed(database, early, tokens.ACTIVATION)
        time.set(now + timedelta(hours=24))
        assert not consumed(database, late, tokens.ACTIVATION)


def test_a_changed_letter_opens_nothing() -> None:
    raw = link_token(KEY, uuid.uuid4(), tokens.UNLOCK)
    assert token_id_in(KEY, raw, tokens.UNLOCK) is not None
    for place in range(0, 64, 3):
        other = raw[:place] + ("A" if raw[place] != "A" else "B") + raw[place + 1 :]
        assert token_id_in(KEY, other, tokens.UNLOCK) is None, place
    for bad in ("", "é" * 64, raw + "A", raw[:-1], secrets.token_urlsafe(48), "\0" * 64):
        assert token_id_in(KEY, bad, tokens.UNLOCK) is None


def test_looking_at_a_link_uses_nothing_and_following_it_twice_says_so(living: Living) -> None:
    """Mail scanners look at links; a second click, or a second person, finds it ended."""
    for purpose, path in (("unlock", "/compte/deblocage/"), ("change-email", "/compte/courriel/")):
        address = path + living.cast.links[purpose]
        for _ in range(3):
            assert living.client("visitor").get(address).status_code == 200
        assert living.client("visitor").head(address).status_code == 200
        assert living.post("visitor", address).status_code == 303
        assert living.post("visitor", address).status_code == 410
        assert living.client("visitor").get(address).status_code == 410


def test_an_activation_followed_by_twenty_people_opens_one_account(living: Living) -> None:
    address = "/compte/activation/" + living.cast.links["activation"]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: living.post("visitor", address).status_code, range(20)))
    assert sorted(answers) == [302] + [410] * 19 or sorted(answers) == [303] + [410] * 19


@pytest.mark.parametrize("tries", [14])
def test_a_robot_that_tries_passwords_is_stopped(tries: int, living: Living) -> None:
    data = {
        "csrf_token": csrf_token(living.app),
        "email": "seraphine.rivoire@example.org",
        "password": "faux faux faux",
    }
    answers = [living.client("visitor").post("/connexion", data=data) for _ in range(tries)]
    unknown = living.client("visitor").post("/connexion", data={**data, "email": "personne@example.org"})
    assert {answer.status_code for answer in answers} <= {422, 429, 503}
    assert answers[0].status_code == unknown.status_code
    assert "trop" in answers[-1].text.lower() or "bloqué" in answers[-1].text.lower()
