"""R-20 and R-21, one test per cell. The expected table is written out again here, from the rule."""

from __future__ import annotations

import pytest

from app.families.rights import HOLDERS, TABLE, Action, Authority, Right, address_shown, may, right

Y, B, N = Right.YES, Right.BLANKED, Right.NO
COLUMNS = (Authority.JOINT, Authority.SOLE, Authority.GUARDIAN, Authority.INFORMED, Authority.WITHDRAWN)
EXPECTED = {
    "know": (Y, Y, Y, Y, N),
    "planning": (Y, Y, Y, B, N),
    "attendance": (Y, Y, Y, B, N),
    "invoices": (Y, Y, Y, B, N),
    "health": (Y, Y, Y, N, N),
    "book": (Y, Y, Y, N, N),
    "cancel": (Y, Y, Y, N, N),
    "modify": (Y, Y, Y, N, N),
    "authorise": (Y, Y, Y, N, N),
    "custody": (Y, Y, Y, N, N),
    "pickup": (Y, Y, Y, N, N),
    "name_pickup": (Y, Y, Y, N, N),
    "blocked": (N, N, N, N, N),
    "sheet": (Y, Y, Y, B, N),
    "full_sheet": (Y, Y, Y, N, N),
    "other_contact": (B, B, B, B, N),
    "other_bank": (B, B, B, B, N),
    "other_income": (B, B, B, B, N),
    "other_address": (B, B, B, B, N),
}
CELLS = [(a, Action(name), cell) for name, row in EXPECTED.items() for a, cell in zip(COLUMNS, row, strict=True)]


@pytest.mark.parametrize(("authority", "action", "cell"), CELLS, ids=lambda value: str(value))
def test_each_cell_of_the_rights_table(authority: Authority, action: Action, cell: Right) -> None:
    assert right(authority, action) is cell
    assert right(str(authority), action) is cell
    assert may(authority, action) is (cell is not Right.NO)


def test_every_authority_and_every_action_has_a_cell() -> None:
    assert set(EXPECTED) == set(Action)
    assert set(TABLE) == set(Authority)
    assert all(set(row) == set(Action) for row in TABLE.values())


def test_only_those_who_exercise_authority_are_heard_for_an_authorisation() -> None:
    assert {a for a in Authority if may(a, Action.AUTHORISE)} == HOLDERS


def test_an_authority_that_does_not_exist_gives_nothing() -> None:
    with pytest.raises(ValueError):
        right("friend", Action.KNOW)


@pytest.mark.parametrize(
    ("authority", "same", "childs", "hidden", "shown"),
    [
        (Authority.INFORMED, False, True, False, True),
        (Authority.INFORMED, False, False, False, False),
        (Authority.JOINT, False, False, False, False),
        (Authority.JOINT, False, True, True, False),
        (Authority.JOINT, True, False, True, True),
        (Authority.WITHDRAWN, True, True, False, False),
    ],
)
def test_another_adults_address_is_shown_only_when_it_is_the_childs(
    authority: Authority, same: bool, childs: bool, hidden: bool, shown: bool
) -> None:
    assert address_shown(authority, same_household=same, childs_address=childs, hidden=hidden) is shown
