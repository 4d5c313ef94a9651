"""Signing in and out, the second factor, forgotten passwords: pages for anybody."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app.accounts import operations, passwords, queries, second_factor, signing
from app.accounts.models import Account
from app.accounts.sessions import SignedIn
from app.town.queries import town_settings
from app.web import identity
from app.web.guards import blueprint, without_transaction, writes
from app.web.identity import current_account, safe_suite
from app.web.navigation import admin_menu, menu
from app.web.requests import db, portal, transaction
from forms.accounts import ForgottenIdentifierForm, ForgottenPasswordForm, SignInForm, TotpForm
from forms.administration import RecoveryCodeForm

bp = blueprint("accounts_public", __name__, audience="public")

BUSY = "Beaucoup de personnes se connectent en ce moment. Réessayez dans quelques secondes\u00a0: rien n’est perdu."


def secret_key() -> str:
    """What links and counters are sealed with."""
    return portal().settings.secret_key


def network() -> str:
    """The address that this request came from."""
    return request.remote_addr or ""


def landing_of(person: SignedIn | None) -> str:
    """Where this person goes once signed in: administrators who work no task go to what they administer."""
    if person is None:
        return "/"
    if person.kind == "parent":
        return url_for("accounts_member.first_visit") if person.must_review_household else "/tableau-de-bord"
    for items in (menu(person.actor, 0), admin_menu(person.actor)):
        if person.actor.is_agent and items:
            return items[0]["url"]
    if person.actor.is_agent:
        return "/agent"  # no list is his: what his roles allow
    return url_for("accounts_member.overview")


def after_sign_in(suite: str) -> ResponseReturnValue:
    """To the page that was asked for, else to the person's first page."""
    return redirect(suite if suite != "/" else landing_of(current_account()), 303)


def _page(form: SignInForm, suite: str, status: int = 200, trouble: str = "") -> ResponseReturnValue:
    people = queries.personas(db()) if portal().settings.demonstration else []
    page = render_template(
        "accounts/sign_in.html",
        form=form,
        suite=suite,
        trouble=trouble,
        has_errors=bool(trouble),
        personas=people,
        signup_open=town_settings(db()).signup_variant != "invitation",
    )
    return page, status, {"Retry-After": "5"} if status == 503 else {}


@bp.get("/connexion")
def sign_in() -> ResponseReturnValue:
    suite = safe_suite(request.args.get("suite"))
    if current_account() is not None:
        return after_sign_in(suite)
    return _page(SignInForm(), suite)


@bp.post("/connexion")
@without_transaction
def check_sign_in() -> ResponseReturnValue:
    form, suite = SignInForm(request.form), safe_suite(request.values.get("suite"))
    if not form.validate():
        with transaction(read_only=True):
            return _page(form, suite, 422)
    email, password = str(form.email.data), str(form.password.data)
    try:
        attempt = signing.attempt_sign_in(portal().database, secret_key(), email, password, network())
    except passwords.Busy:
        with transaction(read_only=True):
            return _page(form, suite, 503, BUSY)
    with transaction() as session:
        account = signing.conclude(session, attempt)
        if account is None:
            status = 429 if attempt.refusal == signing.TOO_MANY else 422
            return _page(form, suite, status, attempt.refusal or signing.WRONG)
        return enter(session, account, suite)


def enter(session: Session, account: Account, suite: str = "/") -> ResponseReturnValue:
    """Opens the session of ``account`` and sends it to its second factor or to its page."""
    identity.sign_in(session, account)
    if identity.second_factor_missing():
        return redirect(url_for("accounts_public.second_factor", suite=suite), 303)
    return after_sign_in(suite)


@bp.post("/deconnexion")
def sign_out() -> ResponseReturnValue:
    identity.sign_out(db())
    flash("Vous êtes déconnecté.", "success")
    return redirect("/", 303)


@bp.get("/connexion/second-facteur", endpoint="second_factor")
def second_factor_page() -> ResponseReturnValue:
    person, suite = current_account(), safe_suite(request.args.get("suite"))
    if person is None:
        return redirect(url_for("accounts_public.sign_in", suite=suite), 303)
    if not identity.second_factor_missing():
        return after_sign_in(suite)
    if not person.second_factor_set_up:
        return redirect(url_for("accounts_public.enrolment", suite=suite), 303)
    return _second_factor(TotpForm(), RecoveryCodeForm(), suite)


def _second_factor(form: TotpForm, recovery: RecoveryCodeForm, suite: str, status: int = 200) -> ResponseReturnValue:
    by_paper = "secours" in request.values
    page = render_template(
        "accounts/second_factor.html", form=recovery if by_paper else form, suite=suite, by_paper=by_paper
    )
    return page, status


@bp.post("/connexion/second-facteur")
def check_second_factor() -> ResponseReturnValue:
    person, suite = current_account(), safe_suite(request.values.get("suite"))
    if person is None:
        return redirect(url_for("accounts_public.sign_in", suite=suite), 303)
    form, recovery = TotpForm(request.form), RecoveryCodeForm(request.form)
    asked = recovery if "secours" in request.values else form
    if not asked.validate():
        return _second_factor(form, recovery, suite, 422)
    refusal = second_factor.give(db(), secret_key(), person.actor, person.session_id, str(asked.code.data))
    if refusal is not None:
        asked.refuse("code", refusal)
        return _second_factor(form, recovery, suite, 429 if refusal == second_factor.TOO_MANY else 422)
    return after_sign_in(suite)


@bp.get("/compte/second-facteur")
@writes
def enrolment() -> ResponseReturnValue:
    """Sets up the second factor; reached from the account pages, or at sign-in when a role requires it."""
    person, suite = current_account(), safe_suite(request.args.get("suite"))
    if person is None:
        return redirect(url_for("accounts_public.sign_in", suite="/compte/second-facteur"), 303)
    if person.second_factor_set_up:
        return redirect(url_for("accounts_member.overview"), 303)
    return _enrolment(person, TotpForm(), suite)


def _enrolment(person: SignedIn, form: TotpForm, suite: str, status: int = 200) -> ResponseReturnValue:
    secret = second_factor.begin_enrolment(db(), secret_key(), person.actor)
    address = second_factor.enrolment_address(secret, person.email, town_settings(db()).name)
    page = render_template(
        "accounts/enrolment.html",
        form=form,
        suite=suite,
        secret=" ".join(secret[i : i + 4] for i in range(0, len(secret), 4)),
        qr=second_factor.qr_code(address),
        required=person.actor.needs_second_factor,
    )
    return page, status


@bp.post("/compte/second-facteur")
def enrol() -> ResponseReturnValue:
    person, suite = current_account(), safe_suite(request.values.get("suite"))
    if person is None:
        return redirect(url_for("accounts_public.sign_in", suite="/compte/second-facteur"), 303)
    form = TotpForm(request.form)
    if not form.validate():
        return _enrolment(person, form, suite, 422)
    enrolled = second_factor.enrol(db(), secret_key(), person.actor, person.session_id, str(form.code.data))
    if enrolled.refusal is not None:
        form.refuse("code", enrolled.refusal)
        return _enrolment(person, form, suite, 422)
    # shown in the answer itself: recovery codes exist nowhere else in clear, so there is no page to redirect to
    target = suite if suite != "/" else landing_of(person)
    return render_template("accounts/recovery_codes.html", codes=enrolled.recovery_codes, target=target)


@bp.get("/mot-de-passe-oublie")
def forgotten_password() -> ResponseReturnValue:
    return render_template("accounts/forgotten_password.html", form=ForgottenPasswordForm())


@bp.post("/mot-de-passe-oublie")
def ask_password() -> ResponseReturnValue:
    form = ForgottenPasswordForm(request.form)
    if not form.validate():
        return render_template("accounts/forgotten_password.html", form=form), 422
    operations.forgotten_password(db(), secret_key(), str(form.email.data), network())
    return redirect(url_for("accounts_public.mail_sent"), 303)


@bp.get("/identifiant-oublie")
def forgotten_identifier() -> ResponseReturnValue:
    return render_template("accounts/forgotten_identifier.html", form=ForgottenIdentifierForm())


@bp.post("/identifiant-oublie")
def ask_identifier() -> ResponseReturnValue:
    form = ForgottenIdentifierForm(request.form)
    if not form.validate():
        return render_template("accounts/forgotten_identifier.html", form=form), 422
    operations.forgotten_identifier(db(), secret_key(), str(form.email.data), network())
    return redirect(url_for("accounts_public.mail_sent"), 303)


@bp.get("/courriel-envoye")
def mail_sent() -> ResponseReturnValue:
    return render_template("accounts/mail_sent.html")
