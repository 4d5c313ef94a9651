"""What no person types: a NUL in an address or in a form is a robot's, and PostgreSQL refuses the whole statement."""

from __future__ import annotations

from flask import Flask, abort, request


def refuse_nul() -> None:
    """404 for an address, 400 for a question or a field: no view needs to think of it."""
    if "\0" in request.path:
        abort(404)
    if any("\0" in name + value for name, value in request.args.items(multi=True)):
        abort(400)
    if request.method == "POST" and any("\0" in name + value for name, value in request.form.items(multi=True)):
        abort(400)


def install(app: Flask) -> None:
    """Before anything else looks at the request."""
    app.before_request(refuse_nul)
