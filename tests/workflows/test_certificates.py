"""A certificate and the bill of absent days (R-41, R-42): sent with the declaration, or later in its own démarche."""

from __future__ import annotations

import uuid
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import select

from app.agenda.booking import save_wishes
from app.agenda.models import Activity, Booking
from app.agenda.operations import Declaration, record_absence
from app.agenda.regulating import GroupRule, regulate
from app.agenda.wishes import Wish
from app.db import Database
from app.policy import SYSTEM
from tests.agenda.bookings_of import YEAR
from tests.workflows.stage import Stage, on_stage

MONDAY, TUESDAY = date(2026, 11, 23), date(2026, 11, 24)
NEVER = {"mode": "calendaires", "n": 30, "at": "10:00"}
RULES = {
    "acceptance": "automatic",
    "openings": [YEAR],
    "needs_enrolment": False,
    "book": {"mode": "calendaires", "n": 0, "at": "11:00"},
    "change": NEVER,
    "cancel": NEVER,
    "tariff": {"flat": 300},
    "absence": {"hours": 72, "days": 10, "waiting_days": 1},
}


def book(stage: Stage) -> None:
    """Monday and Tuesday of canteen for the child; too late already to cancel them free of charge."""
    with stage.database.transaction() as session:
        canteen = session.scalars(select(Activity).where(Activity.code == "CANT")).one()
        regulate(session, SYSTEM, canteen.id, RULES, [GroupRule("tous", "Tous", 0, None)])
    child, home = (uuid.UUID(stage.cast.names[name]) for name in ("@enfant", "@foyer"))
    with stage.database.transaction() as session:
        wishes = [Wish(child, canteen.id, day, True) for day in (MONDAY, TUESDAY)]
        save_wishes(session, SYSTEM, wishes, household_id=home)


def declare(stage: Stage) -> None:
    """An absence that was told without a certificate: both days are billed."""
    with stage.database.transaction() as session:
        told = Declaration(uuid.UUID(stage.cast.names["@enfant"]), MONDAY, TUESDAY, ["CANT"], "maladie")
        record_absence(session, SYSTEM, uuid.uuid4(), told)


def states(stage: Stage) -> list[str]:
    with stage.database.transaction(read_only=True) as session:
        return list(session.scalars(select(Booking.state).order_by(Booking.day)))


@pytest.mark.parametrize(
    ("motive", "after"),
    [
        ({"motif": "maladie", "piece_certificat": ["@fichier"]}, "absent_justified"),
        ({"motif": "maladie"}, "absent_unjustified"),
        ({"motif": "familial"}, "absent_unjustified"),
    ],
)
def test_a_certificate_sent_with_the_declaration(
    database: Database, tmp_path: Path, motive: dict[str, object], after: str
) -> None:
    with on_stage(database, "absence", tmp_path) as stage:
        book(stage)
        stage.open()
        days = {"dates_debut": MONDAY.isoformat(), "dates_fin": TUESDAY.isoformat()}
        stage.do("saisir", enfant="@enfant", creneaux=["CANT"], cgu=True, **days, **motive)
        assert states(stage) == ["absent_unjustified"] * 2  # it informs; the bill waits for a proof (R-42)
        stage.do("prendre_en_charge")
        stage.do("instruire", decision="accepter")
        assert states(stage) == [after] * 2


@pytest.mark.parametrize(
    ("later", "after"),
    [
        ("P3D", ["absent_justified", "absent_justified"]),
        ("P7D", ["absent_unjustified", "absent_justified"]),
        ("P20D", ["absent_unjustified", "absent_unjustified"]),
    ],
)
def test_a_certificate_sent_later(database: Database, tmp_path: Path, later: str, after: list[str]) -> None:
    with on_stage(database, "justificatif", tmp_path) as stage:
        book(stage)
        declare(stage)
        stage.wait(later)
        stage.open()
        days = {"jours_debut": MONDAY.isoformat(), "jours_fin": TUESDAY.isoformat()}
        stage.do("saisir", type_piece="certificat-medical", enfant="@enfant", piece=["@fichier"], **days)
        stage.do("prendre_en_charge")
        stage.wait("P15D")  # the day it came counts, not that of the answer (R-32)
        assert states(stage) == ["absent_unjustified"] * 2
        stage.do("instruire", decision="accepter")
        assert states(stage) == after


def test_a_certificate_that_is_refused_excuses_nothing(database: Database, tmp_path: Path) -> None:
    with on_stage(database, "justificatif", tmp_path) as stage:
        book(stage)
        declare(stage)
        stage.open()
        days = {"jours_debut": MONDAY.isoformat(), "jours_fin": TUESDAY.isoformat()}
        stage.do("saisir", type_piece="certificat-medical", enfant="@enfant", piece=["@fichier"], **days)
        stage.do("prendre_en_charge")
        stage.do("instruire", decision="refuser", decision_motif="illisible", decision_raison="Flou.")
        assert states(stage) == ["absent_unjustified"] * 2
