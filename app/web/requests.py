"""One request = one transaction: the Flask class that opens it, and what views read from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

from flask import Flask, Request, Response, current_app, g, request
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from werkzeug.exceptions import HTTPException

from app.config import Settings
from app.db import Database
from app.web.templating import PortalEnvironment

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
MAX_FORM = 2 * 1024 * 1024
"""Bytes of a request that carries no file, and of one text field of those that do."""
MAX_UPLOAD = 64 * 1024 * 1024
"""Bytes of a request with files, where files are expected; each has its own limit, from the settings of the commune."""


class PortalRequest(Request):
    """A request, bounded by what its view expects: a form is read whole into memory, so only files may be large."""

    @property
    def max_content_length(self) -> int | None:
        view = current_app.view_functions.get(self.endpoint or "")
        expects = getattr(view, "prepare", None) is not None or getattr(view, "takes_files", False)
        most: int = current_app.config["MAX_CONTENT_LENGTH"]
        return most if expects and self.mimetype == "multipart/form-data" else min(MAX_FORM, most)

    @max_content_length.setter
    def max_content_length(self, value: int | None) -> None:
        raise AttributeError("mark the view with @takes_files instead")


class Portal(Flask):
    """Flask, with the transaction of design.md around each request that reaches a view.

    A view whose GET writes (reading a message marks it) says so with ``@writes``. One whose first question is known
    from its address has an ``ahead``: the answer comes with the session's (``Hot.ahead``), and who may see it is asked
    as ever. When an exception becomes an error page, what the view did is rolled back first; the page itself may still
    read.
    """

    request_class = PortalRequest
    jinja_environment = PortalEnvironment
    settings: Settings
    database: Database

    def full_dispatch_request(self) -> Response:
        endpoint = request.endpoint or ""
        view = self.view_functions.get(endpoint)
        if view is None or getattr(view, "without_transaction", False) or endpoint == "static":
            return super().full_dispatch_request()
        # Uploads are checked and stored before the transaction opens: no file work inside (invariant 6).
        if (prepare := getattr(view, "prepare", None)) is not None and request.method == "POST":
            try:
                g.prepared = prepare(**(request.view_args or {}))
            except HTTPException as error:  # a body too large or with too many parts can be read once only
                return self.finalize_request(self.handle_user_exception(error))
        read_only = request.method in SAFE and not getattr(view, "writes", False)
        try:
            with self.database.transaction(read_only=read_only) as session:
                g.db = session
                if (ahead := getattr(view, "ahead", None)) is not None:
                    ahead(session, **(request.view_args or {}))
                return super().full_dispatch_request()
        finally:
            g.pop("db", None)  # closed: reading it again would take a connection that nobody gives back

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """No view of the portal is a coroutine: Flask would look at each of forty functions of a request."""
        return func

    def finalize_request(self, rv: ResponseReturnValue | HTTPException, from_error_handler: bool = False) -> Response:
        """The view has written what it had to: PostgreSQL commits while the answer gets its headers and cookie."""
        if request.method not in SAFE and not from_error_handler and (session := g.get("db")) is not None:
            self.database.commit_ahead(session)
        return super().finalize_request(rv, from_error_handler)

    def handle_user_exception(self, e: Exception) -> ResponseReturnValue:
        undo()
        if isinstance(e, OperationalError):
            g.pop("db", None)  # the page that says so must not ask the database for its footer
        return super().handle_user_exception(e)

    def handle_exception(self, e: Exception) -> Response:
        """Gives the same pages to what fails at the commit, when the view has answered already."""
        try:
            answer = self.handle_user_exception(e)
        except Exception:  # no page for it, or the page itself fails
            return super().handle_exception(e)
        return self.finalize_request(answer, from_error_handler=True)


def undo() -> None:
    """Forgets what this request did so far; it can go on reading (and noting, for a failed sign-in)."""
    if (session := g.get("db")) is not None:
        session.rollback()
        session.info.clear()


@contextmanager
def writing() -> Iterator[Session]:
    """The request’s own transaction, or a new one where it has none: on SQLite, two would wait for each other."""
    if (session := g.get("db")) is not None:
        yield session
        return
    with portal().database.transaction() as session:
        yield session


@contextmanager
def transaction(*, read_only: bool = False) -> Iterator[Session]:
    """The transaction of a view marked ``without_transaction``, opened for the part that needs one: hashing, files and
    letters are made before or after it."""
    with portal().database.transaction(read_only=read_only) as session:
        g.db = session
        try:
            yield session
        finally:
            g.pop("db", None)


def db() -> Session:
    """The session of this request."""
    return cast(Session, g.db)


def portal() -> Portal:
    """The application, typed."""
    return cast(Portal, current_app)
