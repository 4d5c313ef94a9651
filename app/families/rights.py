"""Who may what about a child: one table, authority × action (R-20, R-21; art. 371-1 to 381-2 of the Code civil).

The right comes from the link between the adult and the child, never from the household. ``BLANKED`` means that the
thing is shown without what belongs to the other adult's private life (CADA 20163045). Between two households the other
adult's contact, bank and income are blanked for everybody; his address is shown only when it is the child's.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Authority(StrEnum):
    """How an adult exercises parental authority over a child."""

    JOINT = "joint"
    SOLE = "sole"
    GUARDIAN = "guardian"
    INFORMED = "none_with_info"
    WITHDRAWN = "withdrawn"


#: They exercise authority: their word counts in an authorisation (R-23).
HOLDERS = frozenset({Authority.JOINT, Authority.SOLE, Authority.GUARDIAN})


class Action(StrEnum):
    """What an adult may want to do or see. ``OTHER_…`` is about an adult of another household linked to the child;
    ``PICKUP`` about the persons who may come for him, ``BLOCKED`` about those who must not, whom no family page names;
    ``SHEET`` is his printed file, ``FULL_SHEET`` the same with his health."""

    KNOW = "know"
    PLANNING = "planning"
    ATTENDANCE = "attendance"
    INVOICES = "invoices"
    HEALTH = "health"
    BOOK = "book"
    CANCEL = "cancel"
    MODIFY = "modify"
    AUTHORISE = "authorise"
    CUSTODY = "custody"
    PICKUP = "pickup"
    NAME_PICKUP = "name_pickup"
    BLOCKED = "blocked"
    SHEET = "sheet"
    FULL_SHEET = "full_sheet"
    OTHER_CONTACT = "other_contact"
    OTHER_BANK = "other_bank"
    OTHER_INCOME = "other_income"
    OTHER_ADDRESS = "other_address"


class Right(StrEnum):
    """The answer of a cell."""

    YES = "yes"
    BLANKED = "blanked"
    NO = "no"


_OTHERS_PRIVACY = {
    Action.OTHER_CONTACT: Right.BLANKED,
    Action.OTHER_BANK: Right.BLANKED,
    Action.OTHER_INCOME: Right.BLANKED,
    Action.OTHER_ADDRESS: Right.BLANKED,
}

_EXERCISES = {
    Action.KNOW: Right.YES,
    Action.PLANNING: Right.YES,
    Action.ATTENDANCE: Right.YES,
    Action.INVOICES: Right.YES,
    Action.HEALTH: Right.YES,
    Action.BOOK: Right.YES,
    Action.CANCEL: Right.YES,
    Action.MODIFY: Right.YES,
    Action.AUTHORISE: Right.YES,
    Action.CUSTODY: Right.YES,
    Action.PICKUP: Right.YES,
    Action.NAME_PICKUP: Right.YES,
    Action.BLOCKED: Right.NO,
    Action.SHEET: Right.YES,
    Action.FULL_SHEET: Right.YES,
    **_OTHERS_PRIVACY,
}

TABLE: Mapping[Authority, Mapping[Action, Right]] = {
    Authority.JOINT: _EXERCISES,
    Authority.SOLE: _EXERCISES,
    Authority.GUARDIAN: _EXERCISES,
    Authority.INFORMED: {
        Action.KNOW: Right.YES,
        Action.PLANNING: Right.BLANKED,
        Action.ATTENDANCE: Right.BLANKED,
        Action.INVOICES: Right.BLANKED,
        Action.HEALTH: Right.NO,
        Action.BOOK: Right.NO,
        Action.CANCEL: Right.NO,
        Action.MODIFY: Right.NO,
        Action.AUTHORISE: Right.NO,
        Action.CUSTODY: Right.NO,
        Action.PICKUP: Right.NO,
        Action.NAME_PICKUP: Right.NO,
        Action.BLOCKED: Right.NO,
        Action.SHEET: Right.BLANKED,
        Action.FULL_SHEET: Right.NO,
        **_OTHERS_PRIVACY,
    },
    Authority.WITHDRAWN: dict.fromkeys(Action, Right.NO),
}


def right(authority: Authority | str, action: Action) -> Right:
    """The cell of the table. Raises ValueError for an authority that does not exist."""
    return TABLE[Authority(authority)][action]


def may(authority: Authority | str, action: Action) -> bool:
    """True when the action is allowed, blanked or not."""
    return right(authority, action) is not Right.NO


def address_shown(authority: Authority | str, *, same_household: bool, childs_address: bool, hidden: bool) -> bool:
    """Whether this adult sees another adult's address: in one household always; else only the child's own address,
    unless the household asked to keep it from others (``hidden``)."""
    if not may(authority, Action.KNOW):
        return False
    return same_household or (childs_address and not hidden)
