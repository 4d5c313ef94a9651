"""Other people's accounts: agents, their roles, and who may no longer come in.

Two rules hold everywhere: at least one administrator always remains, and nobody gives himself a power he lacks.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Collection

from sqlalchemy import delete, exists, select
from sqlalchemy.orm import Session

from app import clock, journal, outbox
from app.accounts import sessions, tokens
from app.accounts.models import Account, GrantRow, RecoveryCode, Role
from app.accounts.operations import account_named, open_account, send_choose_password_link
from app.accounts.roles import DEFAULT_ROLES
from app.errors import Conflict, Forbidden, NotFound, Refused
from app.policy import FAMILY_LANE, SYSTEM_LANE, Actor, Permission, require, require_everywhere
from app.town.queries import structure

LAST_ADMINISTRATOR = "Il doit toujours rester une personne qui gère les comptes et les rôles\u00a0: nommez-la d’abord."
_POWERS_TO_KEEP = (Permission.USER_MANAGE, Permission.ROLE_MANAGE)


def _require_over(actor: Actor, permission: Permission, structure_id: uuid.UUID | None) -> None:
    """Like ``require``, but somebody who manages one structure does not manage *all of them* (``None``)."""
    if structure_id is None:
        require_everywhere(actor, permission)
    else:
        require(actor, permission, structure_id)


def _locked_roles(session: Session) -> dict[str, Role]:
    """Every role, locked in order: two administrators cannot withdraw each other at the same instant."""
    rows = session.scalars(
        select(Role).order_by(Role.code).with_for_update().execution_options(populate_existing=True)
    ).all()
    return {role.code: role for role in rows}


def _require_an_administrator(session: Session) -> None:
    """Raises Conflict unless an active account still holds both powers, everywhere. Call it after the change."""
    session.flush()
    rows = session.execute(
        select(GrantRow.account_id, Role.permissions)
        .join(Role, Role.code == GrantRow.role_code)
        .join(Account, Account.id == GrantRow.account_id)
        .where(GrantRow.structure_id.is_(None), Account.state == "active")
    )
    held: dict[uuid.UUID, set[str]] = {}
    for account_id, permissions in rows:
        held.setdefault(account_id, set()).update(permissions)
    if not any(powers.issuperset(_POWERS_TO_KEEP) for powers in held.values()):
        raise Conflict(LAST_ADMINISTRATOR)


def seed_roles(session: Session, actor: Actor) -> None:
    """Adds the shipped roles that are missing; changes none."""
    require(actor, Permission.ROLE_MANAGE)
    known = set(session.scalars(select(Role.code)))
    for shipped in DEFAULT_ROLES:
        if shipped.code not in known:
            save_role(
                session,
                actor,
                code=shipped.code,
                label=shipped.label,
                description=shipped.description,
                permissions=shipped.permissions,
            )


def save_role(
    session: Session,
    actor: Actor,
    *,
    code: str,
    label: str,
    description: str = "",
    permissions: Collection[str] = (),
) -> Role:
    """Creates the role ``code``, or replaces its label, description and permissions.

    Raises Refused for a permission that does not exist, Forbidden when the actor would add to a role of his own a
    permission he lacks, Conflict when no administrator would remain.
    """
    require_everywhere(actor, Permission.ROLE_MANAGE)
    if not re.fullmatch(r"[a-z][a-z0-9-]{1,39}", code) or code in (FAMILY_LANE, SYSTEM_LANE):
        raise Refused("Le code est un mot en minuscules, sans accent ni espace (tiret permis).", "code")
    label = " ".join(label.split())
    if not 2 <= len(label) <= 80:
        raise Refused("Écrivez le nom du rôle, en 80 caractères au plus.", "label")
    if unknown := sorted(set(permissions) - set(Permission)):
        raise Refused(f"Permission inconnue\u00a0: {unknown[0]}.", "permissions")
    wanted = sorted(str(p) for p in set(permissions))
    role = _locked_roles(session).get(code)
    _refuse_own_gain(actor, code, wanted)
    if role is None:
        role = Role(code=code, label=label, description=description.strip()[:500], permissions=wanted)
        session.add(role)
        session.flush()
        journal.record(session, actor, "account.role_created", "role", None, role=code, permissions=wanted)
        return role
    loses_power = bool(set(_POWERS_TO_KEEP) & (set(role.permissions) - set(wanted)))
    added, removed = sorted(set(wanted) - set(role.permissions)), sorted(set(role.permissions) - set(wanted))
    role.label, role.description, role.permissions = label, description.strip()[:500], wanted
    session.flush()
    if loses_power:
        _require_an_administrator(session)
    journal.record(session, actor, "account.role_changed", "role", None, role=code, added=added, removed=removed)
    return role


def _refuse_own_gain(actor: Actor, code: str, wanted: Collection[str]) -> None:
    mine = {p for grant in actor.grants for p in grant.permissions}
    if any(grant.role == code for grant in actor.grants) and set(wanted) - mine:
        raise Forbidden("Vous ne pouvez pas vous donner une permission que vous n’avez pas.")


def delete_role(session: Session, actor: Actor, code: str) -> None:
    """Removes a role that nobody holds. Raises Conflict when somebody does, NotFound."""
    require_everywhere(actor, Permission.ROLE_MANAGE)
    role = _locked_roles(session).get(code)
    if role is None:
        raise NotFound("Ce rôle n’existe pas ou n’existe plus.")
    if session.scalar(select(exists().where(GrantRow.role_code == code))):
        raise Conflict("Des personnes tiennent encore ce rôle\u00a0: retirez-le-leur d’abord.")
    session.delete(role)
    session.flush()
    journal.record(session, actor, "account.role_deleted", "role", None, role=code)


def invite_agent(
    session: Session,
    actor: Actor,
    *,
    email: str,
    first_name: str,
    last_name: str,
    civility: str = "",
    capacity: str = "",
) -> Account:
    """Opens an agent's account and mails a single-use link for 72 h. Roles are granted separately.

    Sent again to an agent who has not followed the first one. Raises Forbidden or Refused (field ``email``).
    """
    require(actor, Permission.USER_MANAGE)
    known = account_named(session, email)
    if known is not None and known.kind == "agent" and known.state == "active" and known.password_hash is None:
        account = known
    else:
        account = open_account(
            session,
            actor,
            email=email,
            first_name=first_name,
            last_name=last_name,
            civility=civility,
            kind="agent",
            capacity=capacity,
        )
    send_choose_password_link(session, account)
    journal.record(session, actor, "account.invited", "account", account.id)
    return account


def _other_agent(session: Session, actor: Actor, account_id: uuid.UUID) -> Account:
    if account_id == actor.id:
        raise Forbidden("Vous ne pouvez pas changer vos propres droits\u00a0: demandez à une autre personne.")
    account = session.get(Account, account_id, with_for_update=True)
    if account is None:
        raise NotFound
    return account


def grant_role(
    session: Session, actor: Actor, account_id: uuid.UUID, role_code: str, structure_id: uuid.UUID | None = None
) -> GrantRow:
    """Gives a role to an agent, in one structure or everywhere. Given twice, it is one grant.

    Raises Forbidden (oneself, or a structure one does not manage), NotFound, Refused for a parent's account: an agent
    who is also a parent has two accounts, so that neither carries the rights of the other.
    """
    _require_over(actor, Permission.USER_MANAGE, structure_id)
    account = _other_agent(session, actor, account_id)
    if account.kind != "agent":
        raise Refused("Un rôle se donne au compte d’un agent, pas à celui d’une famille.", "role")
    if session.get(Role, role_code) is None:
        raise Refused("Choisissez une des réponses proposées.", "role")
    if structure_id is not None:
        structure(session, structure_id)
    same = GrantRow.structure_id == structure_id if structure_id is not None else GrantRow.structure_id.is_(None)
    held = session.scalars(
        select(GrantRow).where(GrantRow.account_id == account_id, GrantRow.role_code == role_code, same)
    ).one_or_none()
    if held is not None:
        return held
    made = GrantRow(account_id=account_id, role_code=role_code, structure_id=structure_id, created_at=clock.now())
    session.add(made)
    session.flush()
    journal.record(
        session,
        actor,
        "account.role_granted",
        "account",
        account_id,
        role=role_code,
        structure=str(structure_id) if structure_id else None,
    )
    return made


def revoke_role(session: Session, actor: Actor, grant_id: uuid.UUID) -> None:
    """Takes a role back; it no longer counts at the agent's next click, and his sessions end.

    Raises NotFound, Forbidden (oneself), Conflict when no administrator would remain.
    """
    held = session.get(GrantRow, grant_id)
    if held is None:
        require(actor, Permission.USER_MANAGE)
        raise NotFound
    _require_over(actor, Permission.USER_MANAGE, held.structure_id)
    _locked_roles(session)
    _other_agent(session, actor, held.account_id)
    session.delete(held)
    _require_an_administrator(session)
    sessions.revoke_sessions(session, held.account_id)
    journal.record(
        session,
        actor,
        "account.role_revoked",
        "account",
        held.account_id,
        role=held.role_code,
        structure=str(held.structure_id) if held.structure_id else None,
    )


def deactivate(session: Session, actor: Actor, account_id: uuid.UUID) -> None:
    """Shuts an account at once: sessions and links end, the person cannot sign in. Roles are kept for a return.

    Raises Forbidden (oneself), NotFound, Conflict when no administrator would remain.
    """
    require_everywhere(actor, Permission.USER_MANAGE)
    _locked_roles(session)
    account = _other_agent(session, actor, account_id)
    if account.state != "active":
        return
    account.state = "deactivated"
    session.flush()
    if account.kind == "agent":
        _require_an_administrator(session)
    sessions.revoke_sessions(session, account_id)
    tokens.end_tokens(session, account_id)
    journal.record(session, actor, "account.deactivated", "account", account_id)


def reactivate(session: Session, actor: Actor, account_id: uuid.UUID) -> None:
    """Opens a deactivated account again, with the roles it had. A closed one stays closed (Conflict)."""
    require_everywhere(actor, Permission.USER_MANAGE)
    account = _other_agent(session, actor, account_id)
    if account.state == "closed":
        raise Conflict("Ce compte a été supprimé\u00a0: ouvrez-en un nouveau.")
    if account.state == "active":
        return
    account.state = "active"
    session.flush()
    journal.record(session, actor, "account.reactivated", "account", account_id)


def reset_second_factor(session: Session, actor: Actor, account_id: uuid.UUID) -> None:
    """Forgets somebody's second factor (lost phone, no recovery code left): it is set up again at the next sign-in."""
    require_everywhere(actor, Permission.USER_MANAGE)
    account = _other_agent(session, actor, account_id)
    account.totp_secret, account.totp_enabled_at, account.totp_last_step = None, None, 0
    session.flush()
    session.execute(delete(RecoveryCode).where(RecoveryCode.account_id == account_id))
    sessions.revoke_sessions(session, account_id)
    journal.record(session, actor, "account.second_factor_reset", "account", account_id)
    outbox.emit(session, "account.second_factor_reset", account_id=str(account_id))


def invite_again(session: Session, actor: Actor, account_id: uuid.UUID) -> None:
    """Mails a new link to somebody who has not chosen a password yet; the former link stops working.

    Raises Conflict when the password is chosen, NotFound.
    """
    account = session.get(Account, account_id)
    require(actor, Permission.USER_MANAGE if account is None or account.kind == "agent" else Permission.FAMILY_INVITE)
    if account is None:
        raise NotFound
    if account.password_hash is not None or account.state != "active":
        raise Conflict("Cette personne a déjà choisi son mot de passe, ou son compte est désactivé.")
    send_choose_password_link(session, account)
    journal.record(session, actor, "account.invited", "account", account_id)
