"""« Mon compte »: password, address, open sessions, second factor (A6, A8). For families and agents alike."""

from __future__ import annotations

import uuid

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.accounts import operations, passwords, queries, second_factor, sessions, signing
from app.accounts.sessions import SignedIn
from app.accounts.views_links import personal_words
from app.accounts.views_signing import BUSY, network, secret_key
from app.errors import Forbidden, NotFound, Refused
from app.town.queries import town_settings
from app.web import identity
from app.web.guards import blueprint, without_transaction
from app.web.identity import current_account
from app.web.navigation import admin_menu, menu
from app.web.requests import db, portal, transaction
from forms.accounts import ChangeEmailForm, ChangePasswordForm
from forms.administration import IdentityForm

bp = blueprint("accounts_member", __name__, audience="member", url_prefix="/compte")


def _me() -> SignedIn:
    person = current_account()
    assert person is not None  # the blueprint admits nobody else
    return person


def _render(template: str, **context: object) -> str:
    """A page in the layout of this person: of a family, of an agent, of whoever only administers."""
    person = _me()
    if person.kind == "parent":
        return render_template(template, layout="layouts/family.html", person=person, **context)
    tasks = menu(person.actor, 0) if person.actor.is_agent else []
    layout = "layouts/agent.html" if tasks else "layouts/admin.html"
    return render_template(template, layout=layout, person=person, nav=tasks or admin_menu(person.actor), **context)


@bp.get("")
def overview() -> ResponseReturnValue:
    person = _me()
    return _render(
        "accounts/overview.html",
        open_sessions=sessions.open_sessions(db(), person.id),
        codes_left=second_factor.recovery_codes_left(db(), person.id) if person.second_factor_set_up else 0,
        email_change_allowed=town_settings(db()).email_change_allowed,
    )


def _proven(person: SignedIn, password: str) -> str | None:
    """Checks the current password as a sign-in does (counted, locked); returns why not. Raises Busy."""
    attempt = signing.attempt_sign_in(portal().database, secret_key(), person.email, password, network())
    with portal().database.transaction() as session:
        if signing.conclude(session, attempt) is not None:
            return None
    return "Ce n’est pas votre mot de passe actuel." if attempt.refusal == signing.WRONG else attempt.refusal


@bp.get("/mot-de-passe")
def password() -> ResponseReturnValue:
    return _render("accounts/password.html", form=ChangePasswordForm())


@bp.post("/mot-de-passe")
@without_transaction
def change_password() -> ResponseReturnValue:
    person, form = _me(), ChangePasswordForm(request.form)
    new = str(form.password.data or "")
    if form.validate():
        with transaction(read_only=True) as session:
            words = personal_words(queries.account(session, person.id), town_settings(session).name)
        for unmet in passwords.check_password(new, words):
            form.refuse("password", unmet)
        if new == form.current.data:
            form.refuse("password", "Choisissez un mot de passe différent de l’actuel.")
    try:
        if not form.errors and (refusal := _proven(person, str(form.current.data))):
            form.refuse("current", refusal)
        password_hash = "" if form.errors else passwords.hash_password(new)
    except passwords.Busy:
        with transaction(read_only=True):
            return _render("accounts/password.html", form=form, trouble=BUSY), 503
    with transaction() as session:
        if form.errors:
            return _render("accounts/password.html", form=form), 422
        operations.change_password(session, person.actor, person.session_id, password_hash)
    flash("Votre mot de passe est changé. Vos autres appareils sont déconnectés.", "success")
    return redirect(url_for(".overview"), 303)


@bp.get("/courriel")
def email() -> ResponseReturnValue:
    if not town_settings(db()).email_change_allowed:
        raise Forbidden("La commune ne permet pas de changer d’adresse e-mail en ligne. Contactez le service.")
    return _render("accounts/email.html", form=ChangeEmailForm())


@bp.post("/courriel")
@without_transaction
def change_email() -> ResponseReturnValue:
    person, form = _me(), ChangeEmailForm(request.form)
    try:
        if form.validate() and (refusal := _proven(person, str(form.password.data))):
            form.refuse("password", refusal)
    except passwords.Busy:
        with transaction(read_only=True):
            return _render("accounts/email.html", form=form, trouble=BUSY), 503
    with transaction() as session:
        if not form.errors:
            try:
                operations.ask_email_change(session, person.actor, str(form.email.data))
            except Refused as refusal_:
                form.refuse("email", refusal_.message)
        if form.errors:
            return _render("accounts/email.html", form=form), 422
    flash("Nous venons d’écrire à la nouvelle adresse. Ouvrez le lien du message pour la confirmer.", "success")
    return redirect(url_for(".overview"), 303)


@bp.get("/identite")
def identity_page() -> ResponseReturnValue:
    person = _agent()
    return _render("accounts/identity.html", form=IdentityForm(data=vars(person)))


def _agent() -> SignedIn:
    person = _me()
    if person.kind != "agent":
        raise NotFound
    return person


@bp.post("/identite")
def change_identity() -> ResponseReturnValue:
    person, form = _agent(), IdentityForm(request.form)
    if not form.validate():
        return _render("accounts/identity.html", form=form), 422
    operations.change_identity(
        db(),
        person.actor,
        civility=str(form.civility.data or ""),
        first_name=str(form.first_name.data),
        last_name=str(form.last_name.data),
        phone=str(form.phone.data or ""),
    )
    flash("Vos informations sont enregistrées.", "success")
    return redirect(url_for(".overview"), 303)


@bp.post("/sessions/<uuid:session_id>/fermer")
def end_session(session_id: uuid.UUID) -> ResponseReturnValue:
    person = _me()
    sessions.revoke_session(db(), person.actor, session_id)
    flash("Cet appareil est déconnecté.", "success")
    return redirect("/" if session_id == person.session_id else url_for(".overview"), 303)


@bp.post("/deconnexion-partout")
def sign_out_everywhere() -> ResponseReturnValue:
    sessions.sign_out_everywhere(db(), _me().actor)
    identity.sign_out(db())
    flash("Vous êtes déconnecté de tous vos appareils.", "success")
    return redirect("/", 303)


@bp.post("/codes-de-secours")
def renew_codes() -> ResponseReturnValue:
    codes = second_factor.renew_recovery_codes(db(), _me().actor)
    return render_template("accounts/recovery_codes.html", codes=codes, target=url_for(".overview"))


@bp.post("/second-facteur/retirer")
def remove_second_factor() -> ResponseReturnValue:
    second_factor.remove(db(), _me().actor)
    flash("Votre second facteur est retiré.", "success")
    return redirect(url_for(".overview"), 303)


@bp.get("/premiere-visite")
def first_visit() -> ResponseReturnValue:
    """A family whose account an agent opened reads her household through (A7)."""
    if not _me().must_review_household:
        return redirect("/tableau-de-bord", 303)
    return _render("accounts/first_visit.html")


@bp.post("/premiere-visite")
def household_reviewed() -> ResponseReturnValue:
    operations.household_reviewed(db(), _me().actor)
    flash("Merci\u00a0! Votre foyer est à jour.", "success")
    return redirect("/tableau-de-bord", 303)
