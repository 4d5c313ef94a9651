"""Nightly: what accounts leave behind and nobody needs any more."""

from __future__ import annotations

from datetime import time, timedelta

from sqlalchemy import delete, or_

from app import chores, clock
from app.accounts import throttle, tokens
from app.accounts.models import Attempts, LoginSession
from app.config import Settings
from app.db import Database

SESSIONS_KEPT = timedelta(days=30)


@chores.every(name="accounts.sweep", at=time(3, 20))
def sweep(database: Database, settings: Settings) -> None:  # noqa: ARG001  # every chore has this signature
    """Removes counters that no longer count, links over for a month, and sessions ended for a month."""
    with database.transaction() as session:
        while session.query(Attempts.key).where(Attempts.forget_at <= clock.now()).first() is not None:
            throttle.sweep(session)
        tokens.purge_tokens(session)
        limit = clock.now() - SESSIONS_KEPT
        session.execute(
            delete(LoginSession).where(or_(LoginSession.expires_at < limit, LoginSession.revoked_at < limit))
        )
