"""The link of a sign-up: following it tells the process, which opens the account (A1)."""

from __future__ import annotations

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from app.accounts import tokens
from app.accounts.operations import account_named
from app.accounts.sealing import link_token
from app.accounts.tasks import case_of_activation
from app.cases.operations import send_message
from app.cases.queries import Who, open_case_rows
from app.errors import Conflict, NotFound
from app.families.queries import household_id_of
from app.policy import Actor
from app.web.guards import blueprint
from app.web.requests import db, portal, undo

bp = blueprint("cases_activation", __name__, audience="public")

MESSAGE = "compte_active"


def _ended() -> ResponseReturnValue:
    return render_template("cases/activation_ended.html"), 410


@bp.get("/compte/activation/<raw>", endpoint="show")
def show(raw: str) -> ResponseReturnValue:
    """Shows a button and consumes nothing: mail scanners follow links."""
    token = tokens.peek_token(db(), portal().settings.secret_key, raw, tokens.ACTIVATION)
    if token is None:
        return _ended()
    return render_template("cases/activation.html", raw=raw, email=token.data["email"])


@bp.post("/compte/activation/<raw>", endpoint="activate")
def activate(raw: str) -> ResponseReturnValue:
    """Opens the account through its process, then leads to choosing the password."""
    key = portal().settings.secret_key
    try:
        token = tokens.consume_token(db(), key, raw, tokens.ACTIVATION)
        opened = open_case_rows(db(), case_of_activation(token.data), lock=True)
        person = Actor("visitor", None, opened.case.owner_name)
        send_message(db(), Who(person, opened.case.visitor_hash), opened, MESSAGE)
    except (Conflict, NotFound):
        undo()  # a link that led nowhere has not served
        return _ended()
    db().flush()
    account = account_named(db(), str(token.data["email"]))
    if account is None or account.password_hash is not None:
        return _ended()
    # from now on the sign-up is one of her demandes
    opened.case.owner_id, opened.case.household_id = account.id, household_id_of(db(), account.id)
    choose = tokens.issue_token(db(), tokens.CHOOSE_PASSWORD, account_id=account.id)
    flash("Votre adresse est confirmée. Choisissez maintenant votre mot de passe.", "success")
    return redirect(url_for("accounts_links.choose_password", raw=link_token(key, choose, tokens.CHOOSE_PASSWORD)))
