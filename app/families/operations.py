"""What changes a household and its adults. What changes a child is in ``child_operations``."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from app import clock, journal
from app.accounts import operations as accounts
from app.accounts.models import Account
from app.accounts.signing import email_key
from app.db import Json, fold, new_id
from app.errors import Conflict, Refused
from app.families import fields, numbers, words
from app.families.loading import load_household_row
from app.families.models import Adult, Household, HouseholdChange
from app.policy import Actor, Permission, require

NUMBER_DRAWS = 20


def _free_number(session: Session) -> str:
    for _ in range(NUMBER_DRAWS):
        number = numbers.draw()
        if session.scalar(select(Household.id).where(Household.number == number)) is None:
            return number
    raise Conflict("Le numéro de famille n’a pas pu être attribué. Recommencez.")


def create_household(session: Session, actor: Actor, *, label: str, **values: Json) -> Household:
    """Opens a household named ``label`` (« Fontaine »), with any field of ``fields.HOUSEHOLD``.

    Raises Forbidden, or Refused naming the field. Adults and children are added afterwards.
    """
    require(actor, Permission.FAMILY_WRITE)
    cleaned = fields.checked(session, "household", {"label": label, **values})
    household = Household(
        id=new_id(), number=_free_number(session), sort_key=fold(cleaned["label"]), created_at=clock.now(), **cleaned
    )
    session.add(household)
    session.flush()  # what was not given gets its default
    _index_household(session, household)
    journal.record(session, actor, "household.created", "household", household.id)
    return household


def add_adult(
    session: Session,
    actor: Actor,
    household_id: uuid.UUID,
    *,
    first_name: str,
    last_name: str,
    account_id: uuid.UUID | None = None,
    **values: Json,
) -> Adult:
    """Adds an adult to a household, with any field of ``fields.ADULT``; ``account_id`` when she already signs in.

    Raises Forbidden, NotFound, Refused (field), or Conflict when that account already has a household.
    """
    require(actor, Permission.FAMILY_WRITE)
    household = load_household_row(session, actor, household_id, lock=True)
    cleaned = fields.checked(session, "adult", {"first_name": first_name, "last_name": last_name, **values})
    if account_id is not None and session.scalar(select(Adult.id).where(Adult.account_id == account_id)) is not None:
        raise Conflict("Ce compte est déjà rattaché à un foyer.")
    rank = (session.scalar(select(func.max(Adult.rank)).where(Adult.household_id == household.id)) or 0) + 1
    adult = Adult(
        id=new_id(),
        household_id=household.id,
        account_id=account_id,
        rank=rank,
        sort_key=fold(f"{cleaned['last_name']} {cleaned['first_name']}"),
        created_at=clock.now(),
        **cleaned,
    )
    session.add(adult)
    session.flush()
    _index_adult(session, adult)
    journal.record(session, actor, "adult.added", "household", household.id, adult=str(adult.id))
    return adult


def update_household(
    session: Session,
    actor: Actor,
    household_id: uuid.UUID,
    changes: Mapping[str, Json],
    case_id: uuid.UUID | None = None,
) -> list[str]:
    """Changes fields of ``fields.HOUSEHOLD``; returns the names of those whose value is new.

    Old and new values go to the history of the household, names only to the journal. Raises Forbidden, NotFound,
    Refused (field).
    """
    require(actor, Permission.FAMILY_WRITE)
    household = load_household_row(session, actor, household_id, lock=True)
    changed = apply_changes(session, actor, "household", household, changes, household.id, case_id)
    if changed:
        household.sort_key = fold(household.label)
        _index_household(session, household)
    return changed


def update_adult(
    session: Session, actor: Actor, adult_id: uuid.UUID, changes: Mapping[str, Json], case_id: uuid.UUID | None = None
) -> list[str]:
    """Same as ``update_household`` for the fields of ``fields.ADULT``."""
    require(actor, Permission.FAMILY_WRITE)
    adult = _locked_adult(session, actor, adult_id)
    changed = apply_changes(session, actor, "adult", adult, changes, adult.household_id, case_id)
    if changed:
        adult.sort_key = fold(f"{adult.last_name} {adult.first_name}")
        _index_adult(session, adult)
    return changed


def invite(session: Session, actor: Actor, adult_id: uuid.UUID) -> Account:
    """Sends this adult a link to open her account (A2), or sends it again while she has not followed it.

    Raises Forbidden, NotFound, Refused (no e-mail address, or one that is somebody else's account), Conflict (she has
    an account that works).
    """
    require(actor, Permission.FAMILY_INVITE)
    adult = _locked_adult(session, actor, adult_id)
    if not adult.email:
        raise Refused("Indiquez d’abord l’adresse électronique de cette personne.", "email")
    if adult.account_id is not None:
        account = session.get(Account, adult.account_id)
        if account is not None and account.password_hash is not None:
            raise Conflict("Cette personne a déjà ouvert son compte.")
        if account is not None and account.email != email_key(adult.email):
            raise Conflict("Une invitation est déjà partie à une autre adresse.")
    account = accounts.invite_parent(
        session,
        actor,
        email=adult.email,
        first_name=adult.first_name,
        last_name=adult.last_name,
        civility=adult.civility,
        phone=adult.mobile,
    )
    holder = session.scalar(select(Adult.id).where(Adult.account_id == account.id))
    if holder is not None and holder != adult.id:
        raise Refused("Cette adresse électronique sert déjà au compte d’une autre personne.", "email")
    adult.account_id = account.id
    session.flush()
    journal.record(session, actor, "adult.invited", "household", adult.household_id, adult=str(adult.id))
    return account


def apply_changes(
    session: Session,
    actor: Actor,
    object_type: str,
    row: Any,
    changes: Mapping[str, Json],
    household_id: uuid.UUID | None,
    case_id: uuid.UUID | None,
) -> list[str]:
    """Sets what differs on a row of the room, notes old and new in the history, names in the journal."""
    cleaned = fields.checked(session, object_type, changes)
    changed = sorted(name for name, value in cleaned.items() if getattr(row, name) != value)
    if not changed:
        return []
    history = [
        {
            "id": new_id(),
            "household_id": household_id,
            "object_type": object_type,
            "object_id": row.id,
            "field": name,
            "old": fields.shown(session, object_type, name, getattr(row, name)),
            "new": fields.shown(session, object_type, name, cleaned[name]),
            "case_id": case_id,
            "at": clock.now(),
            "by_id": actor.id,
            "by_label": actor.label,
        }
        for name in changed
    ]
    for name in changed:
        setattr(row, name, cleaned[name])
    session.flush()
    session.execute(insert(HouseholdChange), history)
    journal.record(
        session,
        actor,
        f"{object_type}.changed",
        object_type,
        row.id,
        fields=changed,
        case=str(case_id) if case_id is not None else None,
    )
    return changed


def _locked_adult(session: Session, actor: Actor, adult_id: uuid.UUID) -> Adult:
    household_id = session.scalar(select(Adult.household_id).where(Adult.id == adult_id))
    load_household_row(session, actor, household_id, lock=True)
    return session.scalars(
        select(Adult).where(Adult.id == adult_id).with_for_update().execution_options(populate_existing=True)
    ).one()


def _index_household(session: Session, household: Household) -> None:
    found = {household.number, *words.name_words(household.label), *words.phone_words(household.phone)}
    words.replace_words(session, household.id, [household.id], found)


def _index_adult(session: Session, adult: Adult) -> None:
    found = words.name_words(adult.first_name, adult.last_name, adult.birth_name)
    found |= words.phone_words(adult.mobile, adult.work_phone) | words.email_words(adult.email)
    words.replace_words(session, adult.id, [adult.household_id], found)
