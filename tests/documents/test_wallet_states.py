"""The state of a piece, cell by cell, and how long each type holds."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from app.documents.models import PieceType
from app.documents.piece_types import DEFAULT_TYPES, default_end
from app.documents.wallet import Given, Standing, standing
from forms.forbidden import forbidden_subject

TODAY = date(2026, 11, 20)
YESTERDAY, TOMORROW = TODAY - timedelta(days=1), TODAY + timedelta(days=1)


def at(day: int) -> datetime:
    return datetime(2026, 11, day, 9, 0, tzinfo=UTC)


def valid(day: int, until: date | None) -> Given:
    return Given("valide", at(day), until)


def waiting(day: int) -> Given:
    return Given("non_traite", at(day))


def refused(day: int, reason: str = "Illisible") -> Given:
    return Given("invalide", at(day), reason=reason)


CELLS = [
    ("nothing given", [], None, Standing("non_fourni")),
    ("nothing given, claimed", [], at(10), Standing("reclame")),
    ("one waits", [waiting(5)], None, Standing("non_traite")),
    ("one waits, given before the claim", [waiting(5)], at(10), Standing("reclame")),
    ("one waits, given after the claim", [waiting(11)], at(10), Standing("non_traite")),
    ("given at the very instant of the claim", [waiting(10)], at(10), Standing("reclame")),
    ("valid through tomorrow", [valid(5, TOMORROW)], None, Standing("valide", TOMORROW)),
    ("valid through today", [valid(5, TODAY)], None, Standing("valide", TODAY)),
    ("valid until yesterday", [valid(5, YESTERDAY)], None, Standing("perime", YESTERDAY)),
    ("valid for ever", [valid(5, None)], None, Standing("valide", None)),
    ("valid, claimed since", [valid(5, TOMORROW)], at(10), Standing("reclame")),
    ("valid, claimed before", [valid(11, TOMORROW)], at(10), Standing("valide", TOMORROW)),
    ("refused", [refused(5)], None, Standing("invalide", reason="Illisible")),
    ("refused, claimed since", [refused(5)], at(10), Standing("reclame")),
    ("refused after a claim", [refused(11)], at(10), Standing("invalide", reason="Illisible")),
    ("refused, then another waits", [refused(5), waiting(6)], None, Standing("non_traite")),
    ("refused while an older one holds", [valid(4, TOMORROW), refused(5)], None, Standing("valide", TOMORROW)),
    ("another waits while one holds", [valid(4, TOMORROW), waiting(5)], None, Standing("valide", TOMORROW)),
    ("ended, then another waits", [valid(4, YESTERDAY), waiting(5)], None, Standing("non_traite")),
    ("ended, then refused", [valid(4, YESTERDAY), refused(5)], None, Standing("invalide", reason="Illisible")),
    ("refused, then ended", [refused(4), valid(5, YESTERDAY)], None, Standing("perime", YESTERDAY)),
    ("two hold", [valid(4, TOMORROW), valid(5, TODAY)], None, Standing("valide", TOMORROW)),
    ("two hold, one for ever", [valid(4, None), valid(5, TOMORROW)], None, Standing("valide", None)),
    ("two refusals", [refused(5, "Coupé"), refused(4)], None, Standing("invalide", reason="Coupé")),
]


@pytest.mark.parametrize(("given", "claimed", "expected"), [c[1:] for c in CELLS], ids=[c[0] for c in CELLS])
def test_a_piece_is_in_one_state(given: list[Given], claimed: datetime | None, expected: Standing) -> None:
    assert standing(given, claimed, TODAY) == expected
    assert standing(reversed(given), claimed, TODAY) == expected  # the order they are read in changes nothing


def test_a_piece_ends_the_day_after_its_last() -> None:
    days = [TODAY + timedelta(days=n) for n in (-1, 0, 1)]
    assert [standing([valid(5, TODAY)], None, day).state for day in days] == ["valide", "valide", "perime"]


def make_type(validity: str, *, months: int | None = None, end: str | None = None) -> PieceType:
    return PieceType(code="x", label="X", validity=validity, validity_months=months, validity_end=end)


@pytest.mark.parametrize(
    ("kind", "day", "end"),
    [
        (make_type("none"), date(2026, 11, 20), None),
        (make_type("months", months=12), date(2026, 11, 20), date(2027, 11, 20)),
        (make_type("months", months=1), date(2027, 1, 31), date(2027, 2, 28)),
        (make_type("months", months=6), date(2027, 8, 31), date(2028, 2, 29)),
        (make_type("months", months=12), date(2028, 2, 29), date(2029, 2, 28)),
        (make_type("months", months=1), date(2026, 12, 15), date(2027, 1, 15)),
        (make_type("fixed", end="01-31"), date(2026, 11, 20), date(2027, 1, 31)),
        (make_type("fixed", end="01-31"), date(2027, 1, 30), date(2027, 1, 31)),
        (make_type("fixed", end="01-31"), date(2027, 1, 31), date(2028, 1, 31)),
        (make_type("fixed", end="02-29"), date(2026, 11, 20), date(2027, 2, 28)),
        (make_type("school_year"), date(2026, 8, 31), date(2027, 8, 31)),
        (make_type("school_year"), date(2026, 9, 1), date(2027, 8, 31)),
        (make_type("school_year"), date(2027, 6, 15), date(2027, 8, 31)),
    ],
)
def test_each_rule_gives_a_last_day(kind: PieceType, day: date, end: date | None) -> None:
    assert default_end(kind, day) == end


def test_no_shipped_type_asks_for_what_is_forbidden() -> None:
    asked = [(kind.code, forbidden_subject(f"{kind.label} {kind.help}")) for kind in DEFAULT_TYPES]
    assert [(code, what) for code, what in asked if what] == []


def test_each_shipped_type_that_ends_ends_after_today() -> None:
    ends = [default_end(PieceType(**kind.__dict__), TODAY) for kind in DEFAULT_TYPES if kind.validity != "none"]
    assert ends
    assert all(end is not None and end > TODAY for end in ends)
