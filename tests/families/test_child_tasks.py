"""« Modifier la fiche de mon enfant »: what the family wrote and nothing else, old and new side by side, never silently
over what somebody else wrote since."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from app.cases.casework import Change, proposed_changes, stamp_of
from app.cases.queries import open_case_rows, open_tasks
from app.db import Database
from app.engine.scenarios import ActRefused
from app.families.child_operations import add_child, join_household, note_opposition, update_child
from app.families.consents import Health, authorisation_states, health_of, set_health
from app.families.custody_calendars import home_of
from app.families.models import Adult, Child, Guardianship, Household
from app.families.shots import vaccinations_of
from app.policy import SYSTEM
from tests.workflows.stage import Stage, on_stage

Open = Callable[..., Stage]


@pytest.fixture(autouse=True)
def clock() -> None:
    """The stage has its own."""


@pytest.fixture
def stage(database: Database, tmp_path: Path) -> Iterator[Open]:
    entered: list[AbstractContextManager[Stage]] = []

    def enter(slug: str = "modification-enfant", **choice: Any) -> Stage:
        entered.append(on_stage(database, slug, tmp_path))
        opened = entered[0].__enter__()
        opened.open()
        if slug == "modification-enfant":
            opened.do("choisir", enfant="@enfant")
        return opened

    yield enter
    for each in entered:
        each.__exit__(None, None, None)


def the_child(session: Any) -> Child:
    child: Child = session.scalars(select(Child).where(Child.last_name.in_(("Martin", "Martin-Roy")))).one()
    return child


def meanwhile(demande: Stage, change: Callable[[Any, Child], None]) -> None:
    with demande.database.transaction() as session:
        change(session, the_child(session))


def shown(demande: Stage) -> list[Change]:
    with demande.database.transaction(read_only=True) as session:
        case_id = demande.player.case_id
        [task] = open_tasks(session, case_id)
        return list(proposed_changes(session, open_case_rows(session, case_id, task.id)) or ())


def read(demande: Stage, of: Callable[[Any, Child], Any]) -> Any:
    with demande.database.transaction(read_only=True) as session:
        return of(session, the_child(session))


def accept(demande: Stage) -> None:
    demande.do("prendre_en_charge")
    demande.do("instruire", decision="accepter")


def test_old_and_new_stand_side_by_side_then_the_sheet_changes(stage: Open) -> None:
    demande = stage()
    demande.do("saisir", niveau="CM1", enfant_nom="Martin-Roy", allergies=["lait", "gluten"], autorisation_image=True)
    assert {(c.label, c.before, c.now) for c in shown(demande)} == {
        ("Nom", "Martin", "Martin-Roy"),
        ("Niveau", "CE2", "CM1"),
        ("Allergies", "", "Gluten, Lait"),
        ("Photos et vidéos prises pendant les activités", "", "oui"),
    }
    assert [c.label for c in shown(demande) if c.health] == ["Allergies"]
    assert read(demande, lambda s, c: c.level) == "CE2"
    accept(demande)
    assert read(demande, lambda s, c: (c.level, c.last_name)) == ("CM1", "Martin-Roy")
    assert read(demande, lambda s, c: health_of(s, c.id).allergies) == ("gluten", "lait")
    # the other parent said nothing: the image is not allowed yet
    assert "Il manque l’accord" in read(demande, lambda s, c: authorisation_states(s, c)["image"].reason)
    assert [mail for mail in demande.mails if "Un changement pour Lou" in mail and "Bonjour Alex" in mail] != []


def test_what_the_family_did_not_touch_is_not_overwritten(stage: Open) -> None:
    demande = stage()
    meanwhile(demande, lambda s, c: update_child(s, SYSTEM, c.id, {"first_name": "Louise"}) and None)
    meanwhile(demande, lambda s, c: set_health(s, SYSTEM, c.id, Health(diet="vegetarien")))
    demande.do("saisir", niveau="CM1")  # the form was opened before, and still says Lou
    assert [c.label for c in shown(demande)] == ["Niveau"]
    accept(demande)
    assert read(demande, lambda s, c: (c.first_name, c.level)) == ("Louise", "CM1")
    assert read(demande, lambda s, c: health_of(s, c.id).diet) == "vegetarien"


def test_what_somebody_else_changed_since_is_shown_and_its_stamp_is_another(stage: Open) -> None:
    demande = stage()
    demande.do("saisir", niveau="CM1")
    before = stamp_of(shown(demande))
    meanwhile(demande, lambda s, c: update_child(s, SYSTEM, c.id, {"level": "CM2"}) and None)
    [change] = shown(demande)
    assert (change.before, change.moved, change.now) == ("CM2", "CE2", "CM1")
    assert stamp_of(shown(demande)) != before


def test_the_doctor_is_accepted_without_an_agent_and_the_rest_waits(stage: Open) -> None:
    demande = stage()
    demande.do("saisir", medecin_nom="Docteur Aubry", medecin_telephone="01 99 00 45 67", niveau="CM1")
    assert demande.status == "en_attente"
    assert [c.label for c in shown(demande)] == ["Niveau"]
    assert read(demande, lambda s, c: health_of(s, c.id).doctor_phone) == "+33199004567"
    demande.send("modifier")
    demande.do("saisir", medecin_nom="", niveau="CM1")  # she changes her mind about what was accepted
    assert read(demande, lambda s, c: health_of(s, c.id).doctor_name) == ""


def test_alone_it_closes_at_once(stage: Open) -> None:
    demande = stage()
    demande.do("saisir", medecin_nom="Docteur Aubry")
    assert demande.status == "clos"
    assert read(demande, lambda s, c: health_of(s, c.id).doctor_name) == "Docteur Aubry"


def test_nothing_goes_by_itself_once_the_other_parent_opposed(stage: Open) -> None:
    demande = stage()

    def opposed(session: Any, child: Child) -> None:
        other = session.scalars(select(Adult).where(Adult.first_name == "Alex")).one()
        note_opposition(session, SYSTEM, child.id, other.id, True)

    meanwhile(demande, opposed)
    demande.do("saisir", medecin_nom="Docteur Aubry")
    assert demande.status == "en_attente"
    assert "accord des deux" in shown(demande)[0].warning


def test_vaccinations_are_compared_with_what_is_compulsory_at_that_age(stage: Open) -> None:
    demande = stage()
    doses = [{"vaccin_nom": name, "vaccin_date": "2019-01-10"} for name in ("tetanos", "diphterie", "poliomyelite")]
    demande.do("saisir", vaccins_mode="doses", vaccins=doses)
    [change] = shown(demande)
    assert change.now.startswith("Diphtérie le 10/01/2019, Tétanos")
    assert "coqueluche" in change.warning
    assert "tétanos" not in change.warning
    accept(demande)
    state = read(demande, lambda s, c: vaccinations_of(s, c.id, c.birth_date))
    assert [dose.given_on for dose in state.doses] == [date(2019, 1, 10)] * 3
    assert "Rougeole" in state.missing


def test_a_dose_before_birth_is_refused(stage: Open) -> None:
    demande = stage()
    early = [{"vaccin_nom": "tetanos", "vaccin_date": "2018-10-09"}]
    with pytest.raises(ActRefused, match="entre la naissance"):
        demande.do("saisir", vaccins_mode="doses", vaccins=early)


def test_a_calendar_of_custody_is_asked_by_the_family_and_set_by_the_service(stage: Open, database: Database) -> None:
    demande = stage()
    with database.transaction() as session:
        child = the_child(session)
        elsewhere = session.scalars(select(Household).where(Household.label == "Durand")).one()
        join_household(session, SYSTEM, child.id, elsewhere.id)
        home = session.scalars(select(Household.id).where(Household.label == "Martin")).one()
    demande.open()  # begun again: the first one was read when the child had one home
    demande.do("choisir", enfant="@enfant")
    demande.do("saisir", garde_rythme="paires", garde_document="Jugement du 12 mars 2024", piece_jugement=["@fichier"])
    assert [c.label for c in shown(demande)] == ["Garde"]
    accept(demande)
    assert read(demande, lambda s, c: home_of(s, c.id, date(2026, 11, 23))) == home  # week 48
    assert read(demande, lambda s, c: home_of(s, c.id, date(2026, 12, 28))) == elsewhere.id  # week 53, odd
    assert read(demande, lambda s, c: home_of(s, c.id, date(2027, 1, 4))) == elsewhere.id  # week 1, odd too


def test_rights_lost_before_sending_or_before_deciding_change_nothing(stage: Open) -> None:
    demande = stage()
    demande.do("saisir", niveau="CM1")
    demande.do("prendre_en_charge")

    def judged(session: Any, child: Child) -> None:
        session.execute(
            update(Guardianship).where(Guardianship.child_id == child.id).values(authority="none_with_info")
        )

    meanwhile(demande, judged)
    with pytest.raises(ActRefused, match="ne peut plus"):
        demande.do("instruire", decision="accepter")
    assert read(demande, lambda s, c: c.level) == "CE2"


def test_words_are_kept_as_they_are_written_and_bounded(stage: Open) -> None:
    demande = stage()
    demande.do("saisir", repas_precisions="<script>alert(1)</script> & {{7*7}}")
    accept(demande)
    assert read(demande, lambda s, c: health_of(s, c.id).meal_note) == "<script>alert(1)</script> & {{7*7}}"


def test_a_name_without_end_is_refused(stage: Open) -> None:
    demande = stage()
    with pytest.raises(ActRefused):
        demande.do("saisir", enfant_nom="x" * 500)


# -- the household, by the same rules --------------------------------------------------------------------------------


def household_of(demande: Stage, of: Callable[[Household], Any]) -> Any:
    with demande.database.transaction(read_only=True) as session:
        return of(session.scalars(select(Household).where(Household.label == "Martin")).one())


def test_a_household_field_changed_elsewhere_is_left_alone_and_shown(stage: Open, database: Database) -> None:
    demande = stage("modification-foyer")
    with database.transaction() as session:
        session.execute(update(Household).where(Household.label == "Martin").values(caf_number="7654321", qf=700))
    demande.do("saisir", quotient_familial=500)
    with database.transaction() as session:
        session.execute(update(Household).where(Household.label == "Martin").values(qf=710))
    [change] = shown(demande)
    assert (change.before, change.moved, change.now) == ("710", "700", "500")
    accept(demande)
    assert household_of(demande, lambda home: (home.qf, home.caf_number)) == (500, "7654321")


def test_consents_to_mails_are_accepted_without_an_agent(stage: Open, database: Database) -> None:
    demande = stage("modification-foyer")
    demande.do("saisir", accord_sms=True)
    assert demande.status == "clos"
    with database.transaction(read_only=True) as session:
        adult = session.scalars(select(Adult).where(Adult.first_name == "Camille")).one()
        assert adult.sms_consent is True
        assert isinstance(adult.id, uuid.UUID)


# -- a child to add ----------------------------------------------------------------------------------------------------

NEW = {
    "enfant_prenom": "Sam",
    "enfant_nom": "Martin",
    "enfant_naissance": "2020-03-14",
    "regime": "standard",
    "qualite": "mere",
    "autorite": "joint",
    "cgu": True,
}


def test_only_the_agent_is_warned_of_a_child_like_him_elsewhere(stage: Open, database: Database) -> None:
    demande = stage("ajout-enfant")
    with database.transaction() as session:
        elsewhere = session.scalars(select(Household.id).where(Household.label == "Durand")).one()
        add_child(session, SYSTEM, elsewhere, first_name="SAM", last_name="martin", birth_date=date(2020, 3, 14))
    demande.do("saisir", **NEW, caisse="msa", numero_caf="12 345")
    changes = shown(demande)
    assert [change.now for change in changes] == ["Sam Martin, né(e) le 14/03/2020", "MSA", "12345"]
    assert "Un autre foyer" in changes[0].warning
    assert "Durand" not in changes[0].warning
    assert [mail for mail in demande.mails if "autre foyer" in mail] == []
    accept(demande)
    assert household_of(demande, lambda home: (home.caisse, home.caf_number)) == ("msa", "12345")


def test_a_child_nobody_knows_is_no_double(stage: Open) -> None:
    demande = stage("ajout-enfant")
    demande.do("saisir", **NEW)
    assert [change.warning for change in shown(demande)] == [""]
