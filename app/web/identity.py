"""Who is asking: Flask-Login over our own session rows, and what a person without an account keeps in the cookie."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, g, jsonify, make_response, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import LoginManager, current_user, login_user, logout_user
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app.accounts import sessions
from app.accounts.models import Account
from app.accounts.sessions import SignedIn
from app.policy import Actor
from app.traces import frames_of
from app.web import resending
from app.web.requests import SAFE, db, portal

log = logging.getLogger(__name__)

VISITOR = Actor("visitor", None, "Une personne sans compte")
MAX_SUITE = 1500
_UNASKED: Any = object()


class Member:
    """What Flask-Login holds: a person, identified by the token of her session."""

    is_authenticated = True
    is_active = True
    is_anonymous = False

    def __init__(self, token: str, person: SignedIn) -> None:
        self.token = token
        self.person = person

    def get_id(self) -> str:
        return self.token


@contextmanager
def _reading() -> Iterator[Session]:
    """The transaction of this request, or a short one where a view works without (assets, hashing)."""
    if g.get("db") is not None:
        yield db()
    else:
        with portal().database.transaction(read_only=True) as opened:
            yield opened


def _member(token: str) -> Member | None:
    with _reading() as opened:
        person = sessions.signed_in(opened, token)
    if person is None:
        return None
    if sessions.is_stale(person):
        g.stale_person = person
    return Member(token, person)


def _touch(_error: BaseException | None) -> None:
    # After the answer, in its own transaction: a page that only reads must stay read-only.
    person: SignedIn | None = g.pop("stale_person", None)
    if person is None:
        return
    try:
        with portal().database.transaction() as opened:
            sessions.touch(opened, person)
    except SQLAlchemyError as error:
        # the answer is on its way; at worst the session ends a minute sooner
        log.warning("could not note that a session is in use\n%s", frames_of(error))


def install(app: Flask) -> None:
    """Wires Flask-Login to ``app``. The cookie lives as long as the browser; the row decides how long it works."""
    manager = LoginManager()
    # Our sessions are bound to a row that can be revoked; Flask-Login's own mark (IP and browser) would sign out a
    # phone that leaves the Wi-Fi.
    manager.session_protection = None
    manager.init_app(app, add_context_processor=False)
    manager.user_loader(_member)
    app.teardown_request(_touch)


def current_account() -> SignedIn | None:
    """The person signed in, or ``None``. One SQL statement a request, whoever asks and however often."""
    person: SignedIn | None = g.get("person", _UNASKED)
    if person is _UNASKED:
        member = current_user._get_current_object() if "_user_id" in session else None
        person = g.person = member.person if isinstance(member, Member) else None
    return person


def current_actor() -> Actor:
    """Who acts in this request: the visitor when nobody is signed in."""
    person = current_account()
    return person.actor if person is not None else VISITOR


def second_factor_done() -> bool:
    """True when this session gave its second factor."""
    person = current_account()
    return person is not None and person.second_factor_at is not None


def second_factor_missing() -> bool:
    """True when this person needs a second factor (sensitive role, or set up by choice) and has not given it yet."""
    person = current_account()
    return person is not None and person.needs_second_factor and person.second_factor_at is None


def wants_page() -> bool:
    """Whether the answer is for a person's window, not for a script of the page."""
    if request.headers.get("HX-Request") or request.headers.get("X-Requested-With") or request.is_json:
        return False
    return request.accept_mimetypes.best_match(["text/html", "application/json"]) != "application/json"


def came_from() -> str:
    """Where to come back to: this page, or the page whose form was sent."""
    if request.method in SAFE:
        return safe_suite(request.full_path.rstrip("?"))
    referrer = urlsplit(request.referrer or "")
    if referrer.netloc == request.host:
        return safe_suite(f"{referrer.path}?{referrer.query}" if referrer.query else referrer.path)
    return "/"


def sign_in_required() -> ResponseReturnValue:
    """To the sign-in page, then back. An autosave gets 401 and the address in JSON: its page must not go away (D4).

    What somebody sent when her session had ended stays in a page that sends it again.
    """
    address = url_for("accounts_public.sign_in", suite=came_from())
    if wants_page():
        fields = resending.typed()
        return redirect(address, 303) if fields is None else (resending.kept(fields, address), 401)
    answer = make_response(jsonify(error="sign-in-required", sign_in=address), 401)
    answer.headers["X-Sign-In"] = address
    return answer


def safe_suite(target: str | None) -> str:
    """``target`` when it is a path of this site, else « / »: nobody is sent elsewhere after signing in."""
    text = target or ""
    if not text.startswith("/") or text.startswith("//") or len(text) > MAX_SUITE:
        return "/"
    # browsers read « \ » as « / » and drop tabs: « /\evil.example » and « /<tab>/evil.example » lead elsewhere
    if "\\" in text or any(ord(c) < 0x20 or ord(c) == 0x7F for c in text):
        return "/"
    parts = urlsplit(text)
    if parts.scheme or parts.netloc or parts.path.startswith(("/connexion", "/deconnexion")):
        return "/"
    return text


def sign_in(opened: Session, account: Account, *, second_factor: bool = False) -> None:
    """Opens a session for ``account``. Nothing of the cookie survives, CSRF token included (session fixation).

    The session that this browser had before, if any, ends.
    """
    before = current_account()
    if before is not None:
        sessions.sign_out(opened, before)
    token = sessions.open_session(
        opened, account, user_agent=request.headers.get("User-Agent", ""), second_factor=second_factor
    )
    _clear()
    person = sessions.signed_in(opened, token)
    assert person is not None
    login_user(Member(token, person), remember=False)
    g.person = person


def sign_out(opened: Session) -> None:
    """Ends the session of this request and empties the cookie."""
    person = current_account()
    if person is not None:
        sessions.sign_out(opened, person)
    logout_user()
    _clear()


def _clear() -> None:
    session.clear()
    # Flask-WTF and Flask-Login keep what they read from the cookie on g for the length of the request
    for name in ("csrf_token", "_login_user", "person", "stale_person"):
        g.pop(name, None)


def visitor_token() -> str:
    """What says, at a next visit of the same browser, that a demande made without an account is his.

    A random text kept in the signed cookie; the case stores only its ``sealing.fingerprint``.
    """
    kept = session.get("visitor")
    if isinstance(kept, str):
        return kept
    made: str = secrets.token_urlsafe(32)
    session["visitor"] = made
    return made
