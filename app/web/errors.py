"""Every refusal becomes one page that says what happened, that nothing is lost, and what to do next."""

from __future__ import annotations

import logging
import uuid
from contextlib import AbstractContextManager, nullcontext

from flask import current_app, g, jsonify, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError, generate_csrf
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from app.errors import Conflict, Forbidden, NotFound, Refused
from app.traces import frames_of
from app.web import resending
from app.web.identity import came_from, current_account, wants_page
from app.web.requests import Portal, transaction

log = logging.getLogger(__name__)
PAGES = frozenset({400, 403, 404, 409, 413, 422, 429, 500, 503})


def _page(status: int, message: str | None = None, **context: str) -> tuple[str, int]:
    name = f"errors/{status}.html"
    if status >= 500:
        return render_template(name, message=message, **context), status
    try:
        with _for_a_page():
            return render_template(name, message=message, **context), status
    except SQLAlchemyError:
        return render_template(name, message=message, **context), status


def _for_a_page() -> AbstractContextManager[object]:
    """What a page reads to name the commune and the person; an address that no view answers opened no transaction."""
    return nullcontext() if "db" in g else transaction(read_only=True)


def _http(error: HTTPException) -> ResponseReturnValue:
    status = error.code or 500
    if status in (301, 302, 303, 307, 308):
        return error.get_response()
    page, code = _page(status if status in PAGES else 400 if status < 500 else 500)
    if isinstance(error, MethodNotAllowed):
        return page, 405, {"Allow": ", ".join(sorted(error.valid_methods or ()))}
    return page, code


def _forged(_error: CSRFError) -> ResponseReturnValue:
    """The token of the page is not that of the session: somebody signed in again, or out, in another tab.

    A script of the page gets the token to go on with: nobody but a page of this site can read this answer.
    """
    message = "Votre page était ouverte depuis trop longtemps."
    if not wants_page():
        return jsonify(error="page-too-old", message=message, csrf_token=generate_csrf()), 400
    if (fields := resending.typed()) is None:
        return _page(400, message)
    room = current_app.blueprints.get(request.blueprint or "")
    ended = getattr(room, "audience", "public") != "public" and current_account() is None
    sign_in = url_for("accounts_public.sign_in", suite=came_from()) if ended else ""
    with _for_a_page():
        return resending.kept(fields, sign_in), 400


def _unexpected(error: Exception) -> ResponseReturnValue:
    # The number lets a person and the log meet; the log holds the frames, never the values that were being handled.
    number = uuid.uuid4().hex[:8]
    log.error("unexpected error %s\n%s", number, frames_of(error))
    return _page(500, incident=number)


def _away(error: OperationalError) -> ResponseReturnValue:
    log.error("the database does not answer\n%s", frames_of(error))
    return _page(503)


def install(app: Portal) -> None:
    """Registers the pages. In test mode unexpected errors are raised, so that a test sees them."""
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(CSRFError, _forged)
    app.register_error_handler(NotFound, lambda error: _page(404, error.message))
    app.register_error_handler(Forbidden, lambda error: _page(403, error.message))
    app.register_error_handler(Conflict, lambda error: _page(409, error.message))
    app.register_error_handler(Refused, lambda error: _page(422, error.message))
    app.register_error_handler(OperationalError, _away)
    if app.settings.mode != "test":
        app.register_error_handler(Exception, _unexpected)
