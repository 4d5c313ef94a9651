"""What a démarche may ask of the accounts: the activation link of a sign-up, then the account itself (A1)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

from app.accounts.operations import account_named, ask_activation, open_account, send_choose_password_link
from app.db import Json
from app.engine.operations import BusinessError, Call, registry
from app.town.queries import town_settings


def _doc(text: str) -> Mapping[str, str]:
    return {"doc": text}


@dataclass(frozen=True)
class ActivationParams:
    courriel: str = field(metadata=_doc("L’adresse e-mail à confirmer"))


@registry.operation(
    "compte.demander_activation",
    "Envoyer le lien d’activation, valable 24 heures",
    ActivationParams,
    results=("envoye",),
)
def send_activation_link(call: Call, params: ActivationParams) -> Mapping[str, Json]:
    """An address that has an account gets another mail; the démarche goes on alike, so that it tells nobody."""
    return {"envoye": ask_activation(call.session, call.actor, params.courriel, call.case.id) is not None}


@dataclass(frozen=True)
class OpenParams:
    courriel: str = field(metadata=_doc("L’adresse e-mail, qui sera l’identifiant"))
    prenom: str = field(metadata=_doc("Le prénom"))
    nom: str = field(metadata=_doc("Le nom"))
    civilite: str = field(default="", metadata=_doc("La civilité"))
    telephone: str = field(default="", metadata=_doc("Le téléphone"))
    inviter: bool = field(default=False, metadata=_doc("Envoyer le lien pour choisir le mot de passe"))


@registry.operation(
    "compte.ouvrir", "Ouvrir le compte", OpenParams, results=("compte_id",), errors=("compte_existant",)
)
def open_the_account(call: Call, params: OpenParams) -> Mapping[str, Json]:
    """Opens the account of a sign-up; with ``inviter``, mails the link to choose the password."""
    if account_named(call.session, params.courriel) is not None:
        raise BusinessError("compte_existant", "Cette adresse a déjà un compte.")
    account = open_account(
        call.session,
        call.actor,
        email=params.courriel,
        first_name=params.prenom,
        last_name=params.nom,
        civility=params.civilite,
        phone=params.telephone,
    )
    if params.inviter:
        send_choose_password_link(call.session, account)
    return {"compte_id": str(account.id)}


@dataclass(frozen=True)
class NoParams:
    pass


@registry.operation(
    "commune.variante_inscription",
    "Lire comment les comptes s’ouvrent",
    NoParams,
    results=("variante",),
    reads=True,
)
def signup_variant(call: Call, _params: NoParams) -> Mapping[str, Json]:
    """``activation`` (24 h link) or ``validation`` (the service checks first): a setting of the commune (A2)."""
    return {"variante": town_settings(call.session).signup_variant}


def case_of_activation(data: Mapping[str, Json]) -> uuid.UUID:
    """The sign-up that an activation link confirms."""
    return uuid.UUID(str(data["case_id"]))
