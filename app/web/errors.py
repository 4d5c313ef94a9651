"""Every refusal becomes one page that says what happened, that nothing is lost, and what to do next."""

from __future__ import annotations

import logging
import uuid

from flask import g, render_template
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from app.errors import Conflict, Forbidden, NotFound, Refused
from app.traces import frames_of
from app.web.requests import Portal, transaction

log = logging.getLogger(__name__)
PAGES = frozenset({400, 403, 404, 409, 413, 422, 429, 500, 503})


def _page(status: int, message: str | None = None, **context: str) -> tuple[str, int]:
    name = f"errors/{status}.html"
    if "db" in g or status >= 500:
        return render_template(name, message=message, **context), status
    # an address that no view answers opened no transaction; the page still names the commune and the person
    try:
        with transaction(read_only=True):
            return render_template(name, message=message, **context), status
    except SQLAlchemyError:
        return render_template(name, message=message, **context), status


def _http(error: HTTPException) -> ResponseReturnValue:
    status = error.code or 500
    if status in (301, 302, 303, 307, 308):
        return error.get_response()
    page, code = _page(status if status in PAGES else 400 if status < 500 else 500)
    if isinstance(error, MethodNotAllowed):
        return page, 405, {"Allow": ", ".join(sorted(error.valid_methods or ()))}
    return page, code


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
    app.register_error_handler(CSRFError, lambda _error: _page(400, "Votre page était ouverte depuis trop longtemps."))
    app.register_error_handler(NotFound, lambda error: _page(404, error.message))
    app.register_error_handler(Forbidden, lambda error: _page(403, error.message))
    app.register_error_handler(Conflict, lambda error: _page(409, error.message))
    app.register_error_handler(Refused, lambda error: _page(422, error.message))
    app.register_error_handler(OperationalError, _away)
    if app.settings.mode != "test":
        app.register_error_handler(Exception, _unexpected)
