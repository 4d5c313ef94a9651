"""The links that mails carry. A GET shows what will happen and consumes nothing: mail scanners follow links."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.accounts import operations, passwords, tokens
from app.accounts.models import Account, Token
from app.accounts.views_signing import BUSY, enter, secret_key
from app.errors import Conflict
from app.town.queries import town_settings
from app.web.guards import blueprint, without_transaction
from app.web.identity import current_account
from app.web.requests import db, transaction
from forms.accounts import ChoosePasswordForm

bp = blueprint("accounts_links", __name__, audience="public")


def _ended() -> ResponseReturnValue:
    return render_template("accounts/link_ended.html"), 410


def _choose(
    form: ChoosePasswordForm, raw: str, first: bool, status: int = 200, trouble: str = ""
) -> ResponseReturnValue:
    page = render_template(
        "accounts/choose_password.html", form=form, raw=raw, first=first, trouble=trouble, has_errors=bool(trouble)
    )
    return page, status


@bp.get("/compte/mot-de-passe/<raw>")
def choose_password(raw: str) -> ResponseReturnValue:
    token = tokens.peek_token(db(), secret_key(), raw, tokens.CHOOSE_PASSWORD)
    account = db().get(Account, token.account_id) if token is not None else None
    if account is None:
        return _ended()
    return _choose(ChoosePasswordForm(), raw, account.password_hash is None)


def personal_words(account: Account, town: str) -> tuple[str, ...]:
    """What must not make the strength of this person's password."""
    return (account.first_name, account.last_name, account.email, account.phone, town)


@bp.post("/compte/mot-de-passe/<raw>")
@without_transaction
def save_password(raw: str) -> ResponseReturnValue:
    form = ChoosePasswordForm(request.form)
    valid = form.validate()
    with transaction(read_only=True) as session:
        token = tokens.peek_token(session, secret_key(), raw, tokens.CHOOSE_PASSWORD)
        account = session.get(Account, token.account_id) if token is not None else None
        if account is None:
            return _ended()
        first, words = account.password_hash is None, personal_words(account, town_settings(session).name)
        password = str(form.password.data or "")
        for unmet in passwords.check_password(password, words) if valid else ():
            form.refuse("password", unmet)
        if form.errors:
            return _choose(form, raw, first, 422)
    try:
        password_hash = passwords.hash_password(password)
    except passwords.Busy:
        with transaction(read_only=True):
            return _choose(form, raw, first, 503, BUSY)
    try:
        with transaction() as session:
            account = operations.choose_password(session, secret_key(), raw, password_hash)
            flash("Votre mot de passe est enregistré. Vous êtes connecté.", "success")
            return enter(session, account)
    except Conflict:
        with transaction(read_only=True):
            return _ended()


def _confirmation(raw: str, purpose: str, **texts: str) -> ResponseReturnValue:
    token: Token | None = tokens.peek_token(db(), secret_key(), raw, purpose)
    return _ended() if token is None else render_template("accounts/link_confirm.html", **texts)


@bp.get("/compte/deblocage/<raw>")
def unlock(raw: str) -> ResponseReturnValue:
    return _confirmation(
        raw,
        tokens.UNLOCK,
        title="Débloquer mon compte",
        text="Votre compte a été bloqué après plusieurs mots de passe faux. Vous pouvez le débloquer tout de suite.",
        label="Débloquer mon compte",
    )


@bp.post("/compte/deblocage/<raw>")
def do_unlock(raw: str) -> ResponseReturnValue:
    try:
        operations.unlock_by_link(db(), secret_key(), raw)
    except Conflict:
        return _ended()
    flash("Votre compte est débloqué. Vous pouvez vous connecter.", "success")
    return redirect(url_for("accounts_public.sign_in"), 303)


@bp.get("/compte/courriel/<raw>")
def confirm_email(raw: str) -> ResponseReturnValue:
    return _confirmation(
        raw,
        tokens.CHANGE_EMAIL,
        title="Confirmer ma nouvelle adresse",
        text="Cette adresse deviendra votre identifiant et recevra nos messages.",
        label="Confirmer cette adresse",
    )


@bp.post("/compte/courriel/<raw>")
def do_confirm_email(raw: str) -> ResponseReturnValue:
    try:
        operations.confirm_email_change(db(), secret_key(), raw)
    except Conflict as refusal:
        db().rollback()
        db().info.clear()
        if refusal.message == tokens.NO_LONGER_VALID:
            return _ended()
        raise
    flash("Votre nouvelle adresse est confirmée. C’est maintenant votre identifiant.", "success")
    person = current_account()
    return redirect(url_for("accounts_member.overview" if person else "accounts_public.sign_in"), 303)
