"""Single-use links sent by mail. See ``models.Token`` for what is stored, and what is not."""

from __future__ import annotations

import uuid
from datetime import timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from app import clock
from app.accounts.models import Token
from app.accounts.sealing import token_id_in
from app.db import Json
from app.errors import Conflict

ACTIVATION = "activation"
CHOOSE_PASSWORD = "choose-password"  # noqa: S105  # the name of a purpose, not a password
UNLOCK = "unlock"
CHANGE_EMAIL = "change-email"

# an invitation lasts three days, a forgotten password two hours
LIFETIMES = {
    ACTIVATION: timedelta(hours=24),
    CHOOSE_PASSWORD: timedelta(hours=72),
    UNLOCK: timedelta(hours=1),
    CHANGE_EMAIL: timedelta(hours=24),
}
FORGOTTEN_LIFETIME = timedelta(hours=2)

NO_LONGER_VALID = "Ce lien a déjà servi ou n’est plus valable. Demandez-en un nouveau."


def issue_token(
    session: Session,
    purpose: str,
    *,
    account_id: uuid.UUID | None = None,
    lifetime: timedelta | None = None,
    **data: Json,
) -> uuid.UUID:
    """Makes a link possible and returns its id, fit for an outbox payload. Earlier links of the same purpose for the
    same account stop working."""
    now = clock.now()
    if account_id is not None:
        end_tokens(session, account_id, purpose)
    token = Token(
        purpose=purpose,
        account_id=account_id,
        data=data,
        created_at=now,
        expires_at=now + (lifetime or LIFETIMES[purpose]),
    )
    session.add(token)
    session.flush()
    return token.id


def peek_token(session: Session, secret_key: str, raw: str, purpose: str) -> Token | None:
    """The token behind a link, still valid and *not* used up: what showing the page needs. Else ``None``.

    Mail scanners follow links; a GET must never consume one.
    """
    token_id = token_id_in(secret_key, raw, purpose)
    if token_id is None:
        return None
    return session.scalars(
        select(Token).where(
            Token.id == token_id,
            Token.purpose == purpose,
            Token.used_at.is_(None),
            Token.expires_at > clock.now(),
        )
    ).one_or_none()


def consume_token(session: Session, secret_key: str, raw: str, purpose: str) -> Token:
    """The token behind a link, now used: of any number of simultaneous callers, one gets it. Raises Conflict."""
    token_id = token_id_in(secret_key, raw, purpose)
    if token_id is None:
        raise Conflict(NO_LONGER_VALID)
    now = clock.now()
    used = session.scalars(
        update(Token)
        .where(
            Token.id == token_id,
            Token.purpose == purpose,
            Token.used_at.is_(None),
            Token.expires_at > now,
        )
        .values(used_at=now)
        .returning(Token)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if used is None:
        raise Conflict(NO_LONGER_VALID)
    return used


def end_tokens(session: Session, account_id: uuid.UUID, *purposes: str) -> None:
    """Ends the unused links of an account, all of them or those of some purposes."""
    query = update(Token).where(Token.account_id == account_id, Token.used_at.is_(None))
    if purposes:
        query = query.where(Token.purpose.in_(purposes))
    session.execute(query.values(used_at=clock.now()))


def purge_tokens(session: Session, kept: timedelta = timedelta(days=30)) -> None:
    """Removes links that ended long ago. For the nightly job."""
    session.execute(delete(Token).where(Token.expires_at < clock.now() - kept))
