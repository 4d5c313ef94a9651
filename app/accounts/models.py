"""Rows of people who sign in. E-mail addresses are stored folded: two spellings are one account (A3)."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Json, LongText, new_id


class Account(Base):
    """A person who may sign in.

    ``kind`` is ``parent`` or ``agent``. ``state`` is ``active``, ``deactivated`` (by an administrator, may come back)
    or ``closed`` (for good). A locked account stays ``active``: it has a ``locked_until`` to come. An account whose
    ``password_hash`` is ``None`` was opened for somebody who has not followed the link yet.
    ``capacity`` is the function that letters show beside the name of an agent (CRPA L111-2).
    """

    __tablename__ = "accounts"
    __table_args__ = (Index("ix_accounts_kind_sort_key", "kind", "sort_key"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    email: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str]
    civility: Mapped[str] = mapped_column(default="")
    first_name: Mapped[str]
    last_name: Mapped[str]
    sort_key: Mapped[str]
    capacity: Mapped[str] = mapped_column(default="")
    phone: Mapped[str] = mapped_column(default="")
    state: Mapped[str] = mapped_column(default="active")

    password_hash: Mapped[str | None]
    password_changed_at: Mapped[datetime | None]
    must_change_password: Mapped[bool] = mapped_column(default=False)
    must_review_household: Mapped[bool] = mapped_column(default=False)

    failed_attempts: Mapped[int] = mapped_column(default=0)
    last_failed_at: Mapped[datetime | None]
    locked_until: Mapped[datetime | None]

    totp_secret: Mapped[str | None]
    totp_enabled_at: Mapped[datetime | None]
    totp_last_step: Mapped[int] = mapped_column(default=0)

    persona: Mapped[str | None] = mapped_column(unique=True)
    created_at: Mapped[datetime]
    last_sign_in_at: Mapped[datetime | None]


class Role(Base):
    """A named set of permissions; ``code`` is the BPMN lane of that name."""

    __tablename__ = "roles"

    code: Mapped[str] = mapped_column(primary_key=True)
    label: Mapped[str]
    description: Mapped[str] = mapped_column(LongText, default="")
    permissions: Mapped[list[str]]


class GrantRow(Base):
    """A role held by an account, in one structure or (``None``) in all of them."""

    __tablename__ = "grants"
    __table_args__ = (UniqueConstraint("account_id", "role_code", "structure_id"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), index=True)
    role_code: Mapped[str] = mapped_column(ForeignKey("roles.code"), index=True)
    structure_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("structures.id"), index=True)
    created_at: Mapped[datetime]


class LoginSession(Base):
    """One open session. The browser holds a random token in its signed cookie; only its SHA-256 is here.

    ``expires_at`` moves with use (idle time), never past ``ends_at`` (a working day).
    """

    __tablename__ = "login_sessions"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    token_hash: Mapped[str] = mapped_column(unique=True)
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    ends_at: Mapped[datetime]
    user_agent: Mapped[str]
    second_factor_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class Token(Base):
    """A single-use link sent by mail.

    Nothing of the link itself is stored: the raw token is ``sealing.link_token(secret key, id, purpose)``, so whoever
    reads this table (or the outbox, which carries the id) cannot follow anybody's link, and the worker that writes the
    mail can make the link again after a crash.
    ``data`` holds what the link is about (the new address of an e-mail change, the case of an activation).
    """

    __tablename__ = "account_tokens"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    purpose: Mapped[str]
    account_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), index=True)
    data: Mapped[dict[str, Json]]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]


class Attempts(Base):
    """How often something was tried lately. ``key`` is an HMAC: no address can be read from it."""

    __tablename__ = "attempts"

    key: Mapped[str] = mapped_column(primary_key=True)
    count: Mapped[int]
    forget_at: Mapped[datetime] = mapped_column(index=True)


class RecoveryCode(Base):
    """One of the ten codes printed when the second factor was set up; hashed, used once."""

    __tablename__ = "recovery_codes"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), index=True)
    code_hash: Mapped[str]
    used_at: Mapped[datetime | None]
