"""« Se connecter comme… »: registered in demonstration mode only (views.blueprints)."""

from __future__ import annotations

from flask import request
from flask.typing import ResponseReturnValue

from app.accounts import queries
from app.accounts.views_signing import after_sign_in
from app.errors import NotFound
from app.web import identity
from app.web.guards import blueprint
from app.web.requests import db, portal

bp = blueprint("accounts_demonstration", __name__, audience="public")


@bp.post("/connexion/demonstration/<persona>")
def sign_in_as(persona: str) -> ResponseReturnValue:
    # a second lock: even wired by mistake into another application, this signs nobody in
    if not portal().settings.demonstration:
        raise NotFound
    account = queries.persona(db(), persona)
    identity.sign_in(db(), account, second_factor=True)
    return after_sign_in(identity.safe_suite(request.form.get("suite")))
