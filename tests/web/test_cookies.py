"""The cookie that is verified once, and the tokens of forms."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from flask import Flask, session
from flask_wtf.csrf import CSRFProtect, validate_csrf
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import BadSignature, SignatureExpired
from wtforms import ValidationError

from app.web.cookies import Cookies, Signing, forgery_token

HOUR = 3600
WORDS = st.dictionaries(st.text(max_size=20), st.text(max_size=200) | st.integers() | st.booleans(), max_size=5)


def make_app(key: str = "k" * 40) -> Flask:
    app = Flask("essai")
    app.config.update(SECRET_KEY=key, WTF_CSRF_TIME_LIMIT=None)
    app.session_interface = Cookies()
    CSRFProtect(app)
    return app


def signing_of(app: Flask) -> Signing:
    signing = app.session_interface.get_signing_serializer(app)  # type: ignore[attr-defined]  # ours is a Cookies
    assert isinstance(signing, Signing)
    return signing


@pytest.fixture
def app() -> Iterator[Flask]:
    made = make_app()
    with made.app_context():
        yield made


@given(WORDS)
def test_what_was_written_is_read_and_flask_itself_reads_it(content: dict[str, object]) -> None:
    app = make_app()
    with app.app_context():
        cookie = signing_of(app).dumps(content)
        flask = super(Cookies, app.session_interface).get_signing_serializer(app)  # type: ignore[misc]  # Flask's own
        for _ in range(2):
            assert signing_of(app).loads(cookie, HOUR) == content
        assert flask.loads(cookie, max_age=HOUR) == content
        assert signing_of(app).loads(flask.dumps(content), HOUR) == content


def test_a_cookie_is_a_new_one_for_each_request(app: Flask) -> None:
    cookie = signing_of(app).dumps({"_flashes": [["success", "Enregistré"]]})
    signing_of(app).loads(cookie, HOUR)["_flashes"].append(["info", "de trop"])
    assert signing_of(app).loads(cookie, HOUR) == {"_flashes": [["success", "Enregistré"]]}


@pytest.mark.parametrize("place", [0, 5, -1])
def test_a_cookie_that_was_touched_is_refused_each_time(app: Flask, place: int) -> None:
    cookie = signing_of(app).dumps({"_user_id": "quelqu’un"})
    signing_of(app).loads(cookie, HOUR)
    other = "A" if cookie[place] != "A" else "B"
    touched = f"{cookie[:place]}{other}{cookie[place + 1 :] if place >= 0 else ''}"
    for _ in range(2):
        with pytest.raises(BadSignature):
            signing_of(app).loads(touched, HOUR)


def test_another_key_signs_nothing_here(app: Flask) -> None:
    with pytest.raises(BadSignature):
        signing_of(app).loads(signing_of(make_app("autre" * 8)).dumps({}), HOUR)


def test_a_cookie_already_verified_ends_in_its_time(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    cookie = signing_of(app).dumps({"a": 1})
    assert signing_of(app).loads(cookie, HOUR) == {"a": 1}
    written = time.time()
    monkeypatch.setattr(time, "time", lambda: written + HOUR - 1)
    assert signing_of(app).loads(cookie, HOUR) == {"a": 1}
    monkeypatch.setattr(time, "time", lambda: written + HOUR + 2)
    with pytest.raises(SignatureExpired):
        signing_of(app).loads(cookie, HOUR)


def test_the_token_of_a_session_is_good_for_it_and_for_no_other() -> None:
    app, tokens = make_app(), []
    for _ in range(2):
        with app.test_request_context():
            tokens.append(forgery_token())
            kept = dict(session)
        with app.test_request_context():
            session.update(kept)
            assert forgery_token() == forgery_token()
            validate_csrf(forgery_token())
    with app.test_request_context():
        session.update(kept)
        with pytest.raises(ValidationError):
            validate_csrf(tokens[0])
