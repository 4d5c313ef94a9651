"""When a démarche may be begun, and by whom."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from app import clock
from app.cases.opening import open_case
from app.cases.queries import Who
from app.db import Database
from app.errors import Conflict, Forbidden
from app.policy import SYSTEM
from app.procedures.opening import closed_reason
from app.procedures.operations import publish
from app.procedures.queries import catalogue, published
from tests.cases.making import SLUG, World, make_bundle


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        (datetime(2026, 8, 31, 21, 59, tzinfo=UTC), "ouvre le 1er"),
        (datetime(2026, 8, 31, 22, 0, tzinfo=UTC), ""),
        (datetime(2026, 9, 30, 21, 59, tzinfo=UTC), ""),
        (datetime(2026, 9, 30, 22, 0, tzinfo=UTC), "fermée depuis le 30"),
    ],
    ids=["the evening before", "midnight in Paris", "the last evening", "the next day"],
)
def test_both_days_are_included_and_begin_at_midnight_in_paris(now: datetime, reason: str) -> None:
    with clock.frozen(now):
        found = closed_reason(True, date(2026, 9, 1), date(2026, 9, 30))
    assert (reason in found) if reason else found == ""


def test_the_button_closes_whatever_the_dates_say() -> None:
    assert closed_reason(False, None, None) == "Cette démarche n’est pas ouverte en ce moment."
    assert closed_reason(True, None, None) == ""


def settled(database: Database, lines: str) -> World:
    """The commune, its démarche with these settings besides."""
    with database.transaction() as session:
        world = World(session)
    files = dict(make_bundle().files)
    files["demarche.toml"] += lines.encode()
    with database.transaction() as session:
        publish(session, SYSTEM, SLUG, type(make_bundle())(files), "")
    return world


def test_nobody_begins_before_the_first_day_nor_after_the_last(database) -> None:
    world = settled(database, "ouverture = 2026-09-01\nfermeture = 2026-09-30\n")
    for now, reason, listed in (
        (datetime(2026, 8, 1, tzinfo=UTC), "ouvre le 1er\u00a0septembre 2026", True),
        (datetime(2026, 9, 15, tzinfo=UTC), "", True),
        (datetime(2026, 10, 15, tzinfo=UTC), "fermée depuis le 30\u00a0septembre 2026", False),
    ):
        with clock.frozen(now), database.transaction() as session:
            camille = Who(world.actor(session, world.camille))
            assert [each.slug for each in catalogue(session)] == [SLUG] * listed
            if not reason:
                open_case(session, camille, published(session, SLUG))
                continue
            with pytest.raises(Conflict, match=reason):
                open_case(session, camille, published(session, SLUG))


@pytest.mark.parametrize(("filers", "refused"), [("guichet", "l’accueil de la mairie"), ("foyers", "dont le foyer")])
def test_a_demarche_may_be_reserved(database, filers, refused) -> None:
    world = settled(database, f'deposants = "{filers}"\n')
    with database.transaction() as session:
        camille = Who(world.actor(session, world.camille))
        with pytest.raises(Forbidden, match=refused):
            open_case(session, camille, published(session, SLUG))


def test_the_page_says_why_and_offers_no_button(database, new_client) -> None:
    settled(database, 'deposants = "guichet"\n')
    page = new_client().get(f"/demarches/{SLUG}").text
    assert "Un agent la remplit avec vous" in page
    assert "Se connecter et commencer" not in page
