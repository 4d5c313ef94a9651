"""Counting attempts in the database: the same for every web process, bounded in rows, readable by nobody."""

from __future__ import annotations

import ipaddress
from datetime import timedelta

from sqlalchemy import case, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app import clock
from app.accounts.models import Attempts

SWEEP = 200


def network_of(address: str) -> str:
    """What one attempt counts against: an IPv4 address, or the /64 that one IPv6 customer holds."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        return str(ipaddress.ip_network((ip, 64), strict=False))
    return str(ip)


def count_attempt(
    session: Session, key: str, window: timedelta, *, lock_at: int | None = None, lock_for: timedelta | None = None
) -> int:
    """One more attempt under ``key``; returns how many there are, this one included.

    The count is forgotten ``window`` after the last attempt. With ``lock_at``, from that count on it is kept
    ``lock_for`` from the attempt that reached it, and later ones no longer prolong it.
    """
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    now = clock.now()
    over = Attempts.forget_at <= now
    count = case((over, 1), else_=Attempts.count + 1)
    later = now + window
    until = case((over, later), else_=later)
    if lock_at is not None and lock_for is not None:
        until = case(
            (over, later),
            (Attempts.count >= lock_at, Attempts.forget_at),
            (Attempts.count + 1 >= lock_at, now + lock_for),
            else_=later,
        )
    counted = session.execute(
        insert(Attempts)
        .values(key=key, count=1, forget_at=later)
        .on_conflict_do_update(index_elements=[Attempts.key], set_={"count": count, "forget_at": until})
        .returning(Attempts.count)
    ).scalar_one()
    if counted == 1:
        sweep(session)
    return counted


def attempts(session: Session, key: str) -> int:
    """How many attempts count under ``key`` now."""
    query = select(Attempts.count).where(Attempts.key == key, Attempts.forget_at > clock.now())
    return session.scalar(query) or 0


def forget_attempts(session: Session, key: str) -> None:
    """Starts again from nothing."""
    session.execute(delete(Attempts).where(Attempts.key == key))


def sweep(session: Session) -> None:
    """Removes a batch of rows that no longer count. Rows somebody else holds are left to the next sweep."""
    old = select(Attempts.key).where(Attempts.forget_at <= clock.now()).limit(SWEEP).with_for_update(skip_locked=True)
    session.execute(delete(Attempts).where(Attempts.key.in_(old.scalar_subquery())))
