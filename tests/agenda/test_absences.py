"""Absences: one per demande, replaced, cancelled; the staff's list and who reads it."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.agenda.models import Absence, AbsenceSlot
from app.agenda.operations import cancel_absence, save_activity
from app.agenda.queries import absence_of_case, absences_on, activities, readable_structures
from app.clock import FrozenClock
from app.db import Database
from app.errors import Conflict, Forbidden, NotFound, Refused
from app.families import child_operations
from app.families.rights import Authority
from app.policy import SYSTEM
from app.sources import Filer, choices_for
from app.town.queries import forget_all
from tests.agenda.day import FRIDAY, MONDAY, Day, make_day
from tests.families.people import actions, counting, journal_text, link, make_agent, make_child, make_separated
from tests.families.test_tasks import call, case


def noted(session: Session) -> list[tuple[str, str]]:
    """(day, activity) of every service noted, in order."""
    labels = {activity.id: activity.code for activity in activities(session)}
    rows = session.execute(select(AbsenceSlot.day, AbsenceSlot.activity_id))
    return sorted((f"{row.day:%m-%d}", labels[row.activity_id]) for row in rows)


def at(clock: FrozenClock, hour: int, minute: int = 0, day: int = 20) -> None:
    clock.set(datetime(2026, 11, day, hour, minute, tzinfo=UTC))


def test_an_absence_is_noted_for_the_services_of_those_days(session: Session, day: Day) -> None:
    recorded = day.declare(session)
    assert noted(session) == [("11-20", "CANT"), ("11-20", "SOIR1"), ("11-23", "CANT"), ("11-23", "SOIR1")]
    assert (recorded.kept, recorded.too_late) == (4, ())
    absence = recorded.absence
    assert (absence.status, absence.slots, absence.declared_by) == (
        "declared",
        ["CANT", "SOIR1"],
        day.family.mother.account_id,
    )
    assert "absence.declared" in actions(session)
    fact = session.info["outbox"][-1]
    assert fact["kind"] == "absence.declared"
    assert set(fact["payload"]["today"]) == {str(day.canteen.id), str(day.leisure.id)}


def test_a_service_that_has_started_is_too_late_the_rest_is_noted(
    session: Session, day: Day, clock: FrozenClock
) -> None:
    at(clock, 11)  # noon in Paris
    recorded = day.declare(session, slots=("MATIN", "CANT", "SOIR1"), last=FRIDAY)
    assert noted(session) == [("11-20", "SOIR1")]
    assert recorded.too_late == ("20/11/2026 – Accueil du matin", "20/11/2026 – Cantine")
    at(clock, 20)
    with pytest.raises(Refused) as refusal:
        day.declare(session, last=FRIDAY)
    assert refusal.value.field == "dates"


def test_a_demande_sent_again_replaces_what_it_said(session: Session, day: Day, clock: FrozenClock) -> None:
    case_id = uuid.uuid4()
    first = day.declare(session, case_id).absence
    at(clock, 12)  # 13 h: the canteen of Friday has started, and was declared in time
    second = day.declare(
        session, case_id, first=MONDAY, last=MONDAY, slots=("CANT", "MATIN"), reason="familial"
    ).absence
    assert second.id == first.id
    assert noted(session) == [("11-20", "CANT"), ("11-23", "CANT"), ("11-23", "MATIN")]
    assert session.scalar(select(func.count()).select_from(Absence)) == 1
    assert absence_of_case(session, case_id).reason == "familial"
    assert absence_of_case(session, case_id).declared_at < absence_of_case(session, case_id).updated_at


def test_the_same_demande_twice_changes_nothing(session: Session, day: Day) -> None:
    case_id = uuid.uuid4()
    day.declare(session, case_id)
    before = noted(session)
    day.declare(session, case_id)
    assert noted(session) == before


def test_a_demande_corrected_to_another_child_moves_only_what_has_not_started(
    session: Session, day: Day, clock: FrozenClock
) -> None:
    case_id = uuid.uuid4()
    sister = make_child(session, day.family.home_a, "Lou", "Morel", birth_date=date(2020, 1, 1))
    day.declare(session, case_id, last=FRIDAY)
    at(clock, 12)
    day.declare(session, case_id, child=sister, last=FRIDAY)
    rows = {
        child.name: group.activity for group in absences_on(session, make_agent(), FRIDAY) for child in group.children
    }
    assert rows == {"Morel Inès": "Cantine", "Morel Lou": "Accueil du soir, première heure"}


def test_a_cancelled_demande_expects_the_child_again(session: Session, day: Day, clock: FrozenClock) -> None:
    case_id = uuid.uuid4()
    day.declare(session, case_id)
    at(clock, 12)
    cancel_absence(session, SYSTEM, case_id)
    assert noted(session) == [("11-20", "CANT")], "lunch was served without her"
    assert absence_of_case(session, case_id).status == "cancelled"
    cancel_absence(session, SYSTEM, case_id)
    cancel_absence(session, SYSTEM, uuid.uuid4())
    assert actions(session).count("absence.cancelled") == 1
    with pytest.raises(Conflict):
        day.declare(session, case_id)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"last": FRIDAY - timedelta(days=1)}, "dates"),
        ({"first": FRIDAY - timedelta(days=9), "last": FRIDAY - timedelta(days=1)}, "dates"),
        ({"last": FRIDAY + timedelta(days=92)}, "dates"),
        ({"first": date.min, "last": date.max}, "dates"),
        ({"slots": ()}, "creneaux"),
        ({"slots": ("GOLF",)}, "creneaux"),
        ({"slots": ("x" * 10_000,)}, "creneaux"),
        ({"slots": ("MERC_J",)}, "creneaux"),
        ({"reason": "vacances"}, "motif"),
        ({"reason": "autre", "text": "  "}, "precisions"),
        ({"text": "x" * 501}, "precisions"),
    ],
)
def test_a_declaration_that_makes_no_sense_is_refused(
    session: Session, day: Day, values: dict[str, object], field: str
) -> None:
    with pytest.raises(Refused) as refusal:
        day.declare(session, **values)  # type: ignore[arg-type]
    assert refusal.value.field == field
    assert len(refusal.value.message) < 150
    assert session.scalars(select(Absence)).all() == []


def test_a_closed_activity_is_neither_offered_nor_accepted(session: Session, day: Day) -> None:
    kept = {"label": "Cantine", "weekdays": (1,), "starts_at": "11:45", "ends_at": "13:35"}
    save_activity(session, SYSTEM, code="CANT", structure_id=day.canteen.id, open=False, **kept)
    filer = Filer(day.family.actor(day.family.mother), None, None)
    found = choices_for(session, filer, {"slots", "activities"})
    assert [choice.value for choice in found["slots"]] == ["MATIN", "SOIR1", "MERC_J"]
    assert found["activities"][0].detail == "La Clairière"
    with pytest.raises(Refused):
        day.declare(session)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"code": "a b"}, "code"),
        ({"label": " "}, "label"),
        ({"weekdays": ()}, "weekdays"),
        ({"weekdays": (0, 8)}, "weekdays"),
        ({"starts_at": "25:00"}, "starts_at"),
        ({"starts_at": "13:35"}, "ends_at"),
    ],
)
def test_an_activity_that_makes_no_sense_is_refused(
    session: Session, day: Day, values: dict[str, object], field: str
) -> None:
    good = {"code": "ETUDE", "label": "Étude", "weekdays": (1, 2), "starts_at": "07:45", "ends_at": "08:45"}
    with pytest.raises(Refused) as refusal:
        save_activity(session, SYSTEM, structure_id=day.leisure.id, **{**good, **values})  # type: ignore[arg-type]
    assert refusal.value.field == field


def test_only_administrators_change_activities(session: Session, day: Day) -> None:
    good = {"code": "ETUDE", "label": "Étude", "weekdays": (1,), "starts_at": "07:45", "ends_at": "08:45"}
    with pytest.raises(Forbidden):
        save_activity(session, make_agent(), structure_id=day.leisure.id, **good)
    with pytest.raises(NotFound):
        save_activity(session, SYSTEM, structure_id=uuid.uuid4(), **good)


# -- the list of the staff --------------------------------------------------------------------------------------------


def test_the_list_is_by_activity_in_alphabetical_order_in_one_statement(session: Session, day: Day) -> None:
    zoe = make_child(session, day.family.home_a, "Zoé", "Élan", birth_date=date(2020, 1, 1))
    day.declare(session)
    day.declare(session, child=zoe, slots=("CANT",))
    with counting(session) as sent:
        groups = absences_on(session, make_agent(), FRIDAY)
    assert len(sent) <= 2
    assert [(g.structure, g.activity, [c.name for c in g.children]) for g in groups] == [
        ("Restaurant scolaire", "Cantine", ["Élan Zoé", "Morel Inès"]),
        ("La Clairière", "Accueil du soir, première heure", ["Morel Inès"]),
    ]
    line = groups[0].children[1]
    assert (line.school, line.level, line.reason, line.until) == ("École Les Marronniers", "CE2", "Maladie", MONDAY)
    assert line.declared_today
    assert absences_on(session, make_agent(), FRIDAY + timedelta(days=1)) == []


def test_both_parents_saying_so_makes_one_line(session: Session, day: Day) -> None:
    day.declare(session)
    day.declare(session, actor=day.family.actor(day.family.father))
    groups = absences_on(session, make_agent(), FRIDAY)
    assert [len(group.children) for group in groups] == [1, 1]


def test_staff_reads_the_absences_of_its_structures_only(database: Database) -> None:
    with database.transaction() as session:
        day = make_day(session)
        day.declare(session)
    forget_all()
    with database.transaction() as session:
        kitchen = make_agent("restauration", day.canteen)
        assert [group.activity for group in absences_on(session, kitchen, FRIDAY)] == ["Cantine"]
        assert [place.code for place in readable_structures(session, kitchen)] == ["RS"]
        assert absences_on(session, make_agent("restauration", day.family.school), FRIDAY) == []
        with pytest.raises(NotFound):
            absences_on(session, kitchen, FRIDAY, day.leisure.id)
        assert len(absences_on(session, make_agent(), FRIDAY, day.leisure.id)) == 1
        for role in ("regie", "administrateur", "dpo"):
            with pytest.raises(Forbidden):
                absences_on(session, make_agent(role), FRIDAY)
        with pytest.raises(Forbidden):
            absences_on(session, day.family.actor(day.family.mother), FRIDAY)
    assert "Morel" not in journal_text(database)


# -- what démarches call ----------------------------------------------------------------------------------------------

VALUES = {"dates_debut": "2026-11-20", "dates_fin": "2026-11-23", "creneaux": ["CANT"], "motif": "maladie"}


def test_a_parent_who_holds_authority_declares(session: Session, day: Day) -> None:
    about = case(day.family.father)
    result = call(session, "absence.enregistrer", about, enfant=str(day.child.id), precisions=None, **VALUES)
    assert (result["services"], result["trop_tard"], result["accord_requis"]) == (2, [], False)
    call(session, "absence.annuler", about)
    assert noted(session) == []


def test_at_the_desk_an_agent_declares_for_the_household(session: Session, day: Day) -> None:
    about = case(owner_id=None, household_id=day.family.home_b.id)
    assert call(session, "absence.enregistrer", about, enfant=str(day.child.id), **VALUES)["services"] == 2


@pytest.mark.parametrize("authority", [Authority.INFORMED, Authority.WITHDRAWN])
def test_who_does_not_exercise_authority_declares_nothing(session: Session, authority: Authority) -> None:
    family = make_separated(session, authority)
    for adult in (family.father, family.step_father, family.stranger):
        with pytest.raises(Refused) as refusal:
            call(session, "absence.enregistrer", case(adult), enfant=str(family.child.id), **VALUES)
        assert refusal.value.field == "enfant"


def test_a_right_lost_between_two_steps_is_lost(session: Session, day: Day) -> None:
    link(session, day.child, day.family.father, Authority.WITHDRAWN)
    with pytest.raises(Refused):
        call(session, "absence.enregistrer", case(day.family.father), enfant=str(day.child.id), **VALUES)


def test_an_opposition_is_told_to_the_diagram(session: Session, day: Day) -> None:
    child_operations.note_opposition(session, make_agent(), day.child.id, day.family.father.id, True)
    result = call(session, "absence.enregistrer", case(day.family.mother), enfant=str(day.child.id), **VALUES)
    assert result["accord_requis"] is True
