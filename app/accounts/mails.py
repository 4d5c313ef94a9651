"""The mails about accounts. No password is ever in one: only single-use links (R-70)."""

from __future__ import annotations

import uuid

from sqlalchemy.orm import Session

from app import clock
from app.accounts.models import Account, Token
from app.accounts.sealing import link_token
from app.config import Settings
from app.db import Json
from app.mail import MailDraft, mails_for
from app.town.queries import town_settings

NBSP = "\u00a0"


def _account(session: Session, payload: dict[str, Json]) -> Account | None:
    """The account of a fact, unless it was closed since."""
    account = session.get(Account, uuid.UUID(payload["account_id"]))
    return account if account is not None and account.state == "active" else None


def _token(session: Session, payload: dict[str, Json]) -> Token | None:
    """The token of a fact, unless it served or ended since: a dead link is not worth a mail."""
    token = session.get(Token, uuid.UUID(payload["token_id"]))
    return token if token is not None and token.used_at is None and token.expires_at > clock.now() else None


def _link(settings: Settings, token: Token, path: str) -> str:
    return f"{settings.public_url}{path}/{link_token(settings.secret_key, token.id, token.purpose)}"


def _until(token: Token) -> str:
    local = clock.in_paris(token.expires_at)
    return f"{local:%d/%m/%Y} à {local.hour}{NBSP}h{NBSP}{local.minute:02d}"


def _where(session: Session) -> str:
    return f"portail famille de {town_settings(session).name}"


def _letter(greeting: str, *paragraphs: str) -> str:
    return "\n\n".join((greeting, *paragraphs)) + "\n"


def _hello(account: Account) -> str:
    return f"Bonjour {account.first_name} {account.last_name},"


def _help(session: Session) -> str:
    phone = town_settings(session).phone
    return f"Un doute{NBSP}? Appelez-nous au {phone}." if phone else f"Un doute{NBSP}? Contactez le service."


@mails_for("account.activation_asked")
def activation_asked(session: Session, settings: Settings, payload: dict[str, Json]) -> list[MailDraft]:
    token = _token(session, payload)
    if token is None:
        return []
    body = _letter(
        "Bonjour,",
        f"Vous avez demandé un compte sur le {_where(session)}. Pour le créer, confirmez votre adresse en ouvrant ce "
        f"lien, puis choisissez votre mot de passe{NBSP}:",
        _link(settings, token, "/compte/activation"),
        f"Le lien sert une seule fois, jusqu’au {_until(token)}. Passé ce délai, le compte "
        "n’est pas créé et il suffit de recommencer.",
        f"Vous n’avez rien demandé{NBSP}? Ne faites rien{NBSP}: sans votre confirmation, aucun compte n’est créé.",
    )
    return [MailDraft(token.data["email"], "Confirmez votre adresse pour créer votre compte", body, sensitive=True)]


@mails_for("account.already_exists")
def already_exists(session: Session, settings: Settings, payload: dict[str, Json]) -> list[MailDraft]:
    account = _account(session, payload)
    if account is None:
        return []
    body = _letter(
        _hello(account),
        f"Quelqu’un, peut-être vous, vient d’indiquer votre adresse e-mail sur le {_where(session)}. Vous y avez "
        "déjà un compte, dont cette adresse est l’identifiant.",
        f"Pour vous connecter{NBSP}: {settings.public_url}/connexion",
        f"Si vous avez oublié votre mot de passe{NBSP}: {settings.public_url}/mot-de-passe-oublie",
        f"Ce n’était pas vous{NBSP}? Vous n’avez rien à faire{NBSP}: rien n’a changé sur votre compte.",
    )
    return [MailDraft(account.email, "Vous avez déjà un compte", body)]


@mails_for("account.invited")
def invited(session: Session, settings: Settings, payload: dict[str, Json]) -> list[MailDraft]:
    account, token = _account(session, payload), _token(session, payload)
    if account is None or token is None:
        return []
    what = "vous a ouvert un accès d’agent au" if account.kind == "agent" else "vous a ouvert un compte sur le"
    body = _letter(
        _hello(account),
        f"La mairie {what} {_where(session)}. Votre identifiant est cette adresse e-mail{NBSP}: {account.email}",
        f"Il vous reste à choisir votre mot de passe{NBSP}:",
        _link(settings, token, "/compte/mot-de-passe"),
        f"Le lien sert une seule fois, jusqu’au {_until(token)}. S’il n’est plus valable, "
        f"demandez-en un autre sur {settings.public_url}/mot-de-passe-oublie",
        _help(session),
    )
    return [MailDraft(account.email, "Votre compte vous attend : choisissez votre mot de passe", body, sensitive=True)]


@mails_for("account.activated")
def activated(session: Session, settings: Settings, payload: dict[str, Json]) -> list[MailDraft]:
    account, token = _account(session, payload), _token(session, payload)
    if account is None or token is None:
        return []
    body = _letter(
        _hello(account),
        f"Votre compte est créé sur le {_where(session)}. S’il vous reste à choisir votre mot de passe, ouvrez ce "
        f"lien{NBSP}:",
        _link(settings, token, "/compte/mot-de-passe"),
        f"Il sert une seule fois, jusqu’au {_until(token)}.",
    )
    return [MailDraft(account.email, "Votre compte est créé", body, sensitive=True)]


@mails_for("account.password_forgotten")
def password_forgotten(session: Session, settings: Settings, payload: dict[str, Json]) -> list[MailDraft]:
    account, token = _account(session, payload), _token(session, payload)
    if account is None or token is None:
        return []
    body = _letter(
        _hello(account),
        f"Vous avez demandé un nouveau mot de passe pour le {_where(session)}. Choisissez-le ici{NBSP}:",
        _link(settings, token, "/compte/mot-de-passe"),
        f"Le lien sert une seule fois, jusqu’au {_until(token)}.",
        f"Vous n’avez rien demandé{NBSP}? Ne faites rien{NBSP}: votre mot de passe reste le même.",
    )
    return [MailDraft(account.email, "Choisissez un nouveau mot de passe", body, sensitive=True)]


@mails_for("account.identifier_forgotten")
def identifier_forgotten(session: Session, settings: Settings, payload: dict[str, Json]) -> list[MailDraft]:
    account = _account(session, payload)
    if account is None:
        return []
    body = _letter(
        _hello(account),
        f"Votre identifiant sur le {_where(session)} est cette adresse e-mail{NBSP}: {account.email}",
        f"Pour vous connecter{NBSP}: {settings.public_url}/connexion",
        f"Vous n’avez rien demandé{NBSP}? Vous n’avez rien à faire.",
    )
    return [MailDraft(account.email, "Votre identifiant", body)]


@mails_for("account.locked")
def locked(session: Session, settings: Settings, payload: dict[str, Json]) -> list[MailDraft]:
    account, token = _account(session, payload), _token(session, payload)
    if account is None or token is None or account.locked_until is None:
        return []
    body = _letter(
        _hello(account),
        f"Plusieurs mots de passe faux ont été essayés sur votre compte du {_where(session)}. Par prudence, la "
        "connexion est bloquée pendant une heure. Vos sessions déjà ouvertes continuent.",
        f"C’était vous{NBSP}? Débloquez votre compte tout de suite{NBSP}:",
        _link(settings, token, "/compte/deblocage"),
        f"Ce n’était pas vous{NBSP}? Votre mot de passe n’a pas été trouvé et vous n’avez rien à faire. Si vous "
        f"utilisez ce mot de passe ailleurs, changez-le{NBSP}: {settings.public_url}/mot-de-passe-oublie",
        _help(session),
    )
    return [MailDraft(account.email, "Votre compte est bloqué pendant une heure", body, sensitive=True)]


@mails_for("account.email_change_asked")
def email_change_asked(session: Session, settings: Settings, payload: dict[str, Json]) -> list[MailDraft]:
    token = _token(session, payload)
    account = session.get(Account, token.account_id) if token is not None else None
    if token is None or account is None or account.state != "active":
        return []
    body = _letter(
        _hello(account),
        f"Vous avez demandé que cette adresse devienne votre identifiant sur le {_where(session)}. Pour confirmer "
        f"qu’elle est bien à vous, ouvrez ce lien{NBSP}:",
        _link(settings, token, "/compte/courriel"),
        f"Il sert une seule fois, jusqu’au {_until(token)}. D’ici là, votre ancienne adresse reste votre identifiant.",
    )
    return [MailDraft(token.data["email"], "Confirmez votre nouvelle adresse e-mail", body, sensitive=True)]


@mails_for("account.email_changed")
def email_changed(session: Session, _settings: Settings, payload: dict[str, Json]) -> list[MailDraft]:
    account = _account(session, payload)
    token = session.get(Token, uuid.UUID(payload["token_id"]))
    if account is None or token is None or "previous" not in token.data:
        return []
    body = _letter(
        _hello(account),
        f"L’adresse e-mail de votre compte sur le {_where(session)} vient d’être changée. Celle-ci n’est plus "
        "votre identifiant et ne recevra plus nos messages.",
        f"Ce n’était pas vous{NBSP}? Appelez-nous sans attendre. {_help(session)}",
    )
    return [MailDraft(token.data["previous"], "Votre adresse e-mail a été changée", body)]


def _notice(kind: str, subject: str, text: str) -> None:
    """Registers a short warning that something changed on the account of its reader."""

    @mails_for(kind)
    def compose(session: Session, settings: Settings, payload: dict[str, Json]) -> list[MailDraft]:
        account = _account(session, payload)
        if account is None:
            return []
        body = _letter(
            _hello(account),
            text.format(where=_where(session)),
            f"Ce n’était pas vous{NBSP}? Choisissez tout de suite un nouveau mot de passe sur "
            f"{settings.public_url}/mot-de-passe-oublie et prévenez-nous. {_help(session)}",
        )
        return [MailDraft(account.email, subject, body)]


_notice(
    "account.password_changed",
    "Votre mot de passe a été changé",
    "Le mot de passe de votre compte sur le {where} vient d’être changé. Vos autres appareils ont été déconnectés.",
)
_notice(
    "account.second_factor_enrolled",
    "Votre second facteur est en place",
    "Un second facteur protège maintenant votre compte sur le {where}. Gardez vos codes de secours en lieu sûr.",
)
_notice(
    "account.second_factor_reset",
    "Votre second facteur a été remis à zéro",
    "Un administrateur a remis à zéro le second facteur de votre compte sur le {where}. Vous en choisirez un autre à "
    "votre prochaine connexion.",
)
