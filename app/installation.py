"""A commune's first hour: what the portal ships with, and the person who will set it up (``python -m app.cli``)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from app.accounts.administration import grant_role, invite_agent, seed_roles
from app.accounts.models import Account, GrantRow, Token
from app.accounts.roles import ADMINISTRATOR
from app.accounts.sealing import link_token
from app.accounts.tokens import CHOOSE_PASSWORD
from app.config import Settings
from app.documents.piece_types import install_piece_types
from app.errors import Conflict
from app.policy import SYSTEM, Actor
from app.procedures.operations import install_shipped

WORKFLOWS = Path(__file__).resolve().parents[1] / "workflows"


@dataclass(frozen=True)
class Invitation:
    """The single-use link of the first administrator, and the instant (UTC) until which it holds."""

    link: str
    expires_at: datetime


def install(session: Session, actor: Actor = SYSTEM) -> int:
    """Adds the shipped roles, types of pieces and démarches that are missing; returns how many démarches it published.

    What the commune changed or published stays as it is. Raises NotPublishable when a shipped démarche is wrong.
    """
    seed_roles(session, actor)
    install_piece_types(session, actor)
    session.flush()
    return len(install_shipped(session, WORKFLOWS, actor))


def invite_first_administrator(
    session: Session, settings: Settings, *, email: str, first_name: str, last_name: str
) -> Invitation:
    """Invites the person who will invite the others; asked again before the link is followed, makes a new link.

    Raises Conflict once an administrator has chosen a password: only administrators make others. Refused (field
    ``email``) when the address already has another kind of account.
    """
    if _has_administrator(session):
        raise Conflict("Ce portail a déjà une personne qui l’administre\u00a0: c’est à elle d’inviter les autres.")
    account = invite_agent(
        session,
        SYSTEM,
        email=email,
        first_name=first_name,
        last_name=last_name,
        capacity="Administration du portail",
    )
    grant_role(session, SYSTEM, account.id, ADMINISTRATOR)
    token = session.scalars(
        select(Token).where(Token.account_id == account.id, Token.purpose == CHOOSE_PASSWORD, Token.used_at.is_(None))
    ).one()
    raw = link_token(settings.secret_key, token.id, CHOOSE_PASSWORD)
    return Invitation(f"{settings.public_url}/compte/mot-de-passe/{raw}", token.expires_at)


def _has_administrator(session: Session) -> bool:
    return bool(
        session.scalar(
            select(
                exists().where(
                    GrantRow.role_code == ADMINISTRATOR,
                    GrantRow.structure_id.is_(None),
                    Account.id == GrantRow.account_id,
                    Account.state == "active",
                    Account.password_hash.is_not(None),
                )
            )
        )
    )
