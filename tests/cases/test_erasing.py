"""Demandes that ended long ago leave nothing but a line of the journal; what others need stays."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, insert, select, update

from app import chores, clock
from app.agenda.models import Absence, AbsenceSlot
from app.agenda.operations import Declaration, record_absence
from app.cases import erasing
from app.cases.erasing import erase_ended
from app.cases.holding import hold
from app.cases.models import Answer, Case, Draft
from app.cases.retention import dry_run, last_night, next_night
from app.db import Base, Database, new_id
from app.documents.models import Document, PieceRequest, UploadKey
from app.documents.storage import storage_from_url
from app.documents.sweeping import sweep
from app.engine.models import Incident, Instance, Subscription, Task, TaskKey, Timer
from app.journal import verify_chain
from app.messages.mails import Mail
from app.messages.models import Attachment, Message, Thread
from app.policy import SYSTEM
from app.procedures.models import Version
from app.procedures.operations import publish
from app.procedures.queries import forget_published
from app.studio.models import CaseMigration, MigrationBatch
from tests.agenda.day import FRIDAY, make_day
from tests.cases.ended import NOON, documents, draw_preview, end_case, entries, of_household, speak_about
from tests.cases.making import SLUG, World, file_case, make_bundle, make_world, open_draft
from tests.conftest import settings_for
from tests.documents.pieces import make_claim, make_document, make_pieces

#: The whole of a demande: its own rows, and those that name it.
OF_A_CASE = (Case, Answer, Draft, Instance, Task, TaskKey, Timer, Subscription, Incident, Thread, Message, Attachment)
LAST_DAY = NOON.replace(year=2028)


def count(database: Database, model: type[Base]) -> int:
    with database.transaction(read_only=True) as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


def cases(database: Database) -> set[uuid.UUID]:
    with database.transaction(read_only=True) as session:
        return set(session.scalars(select(Case.id)))


def planned(database: Database) -> int:
    with database.transaction(read_only=True) as session:
        return sum(line.due for line in dry_run(session, next_night()))


def night(database: Database, folder: Path) -> None:
    erase_ended(database, settings_for("sqlite://", folder))


def test_it_is_there_through_its_last_day_then_leaves_nothing(database: Database, tmp_path: Path) -> None:
    kept = settings_for("sqlite://", tmp_path)
    with clock.frozen(NOON) as time:
        world = make_world(database)
        case_id = end_case(database, world, motif="Rougeole")
        keys = speak_about(database, world, case_id, kept)
        time.set(LAST_DAY)
        night(database, tmp_path)
        assert cases(database) == {case_id}
        time.advance(days=1)
        night(database, tmp_path)
        assert {model.__tablename__: count(database, model) for model in OF_A_CASE} == dict.fromkeys(
            (model.__tablename__ for model in OF_A_CASE), 0
        )
        with database.transaction(read_only=True) as session:
            assert session.scalars(select(Mail.subject)).all() == ["Autre chose"]
            assert verify_chain(session).fault is None
        [entry] = entries(database, "case.erased")
        assert (entry.actor_kind, entry.object_id) == ("system", case_id)
        assert {name: entry.details[name] for name in ("procedure", "answers", "pieces", "messages")} == {
            "procedure": SLUG, "answers": 3, "pieces": 0, "messages": 2,
        }  # fmt: skip
        time.advance(days=2)
        sweep(database, kept)
        assert not any(storage_from_url(kept.storage_url).exists(key) for key in keys)


def test_the_journal_keeps_no_word_of_it(database: Database, tmp_path: Path) -> None:
    with clock.frozen(NOON) as time:
        end_case(database, make_world(database), motif="Rougeole")
        time.set(LAST_DAY + timedelta(days=1))
        night(database, tmp_path)
    with database.transaction(read_only=True) as session:
        for table in Base.metadata.sorted_tables:
            held = str(session.execute(select(table)).all())
            assert "Rougeole" not in held, table.name


def test_what_runs_and_what_is_a_draft_is_never_erased(database: Database, tmp_path: Path) -> None:
    with clock.frozen(NOON) as time:
        world = make_world(database)
        kept = {file_case(database, world), open_draft(database, world)}
        time.advance(days=5000)
        night(database, tmp_path)
        assert cases(database) == kept


def test_a_held_demande_stays_until_the_hold_is_lifted(database: Database, tmp_path: Path) -> None:
    with clock.frozen(NOON) as time:
        world = make_world(database)
        case_id, other = end_case(database, world), end_case(database, world)
        with database.transaction() as session:
            hold(session, world.actor(session, world.nadia), session.get_one(Case, case_id), "Recours")
        time.set(LAST_DAY + timedelta(days=400))
        night(database, tmp_path)
        assert cases(database) == {case_id}
        assert [entry.object_id for entry in entries(database, "case.erased")] == [other]
        [proof] = entries(database, "case.erasures_proved")
        assert proof.details == {"erased": 1, "by": {SLUG: 1}, "held": 1, "remaining": 0}
        with database.transaction() as session:
            session.execute(update(Case).values(held_at=None, held_by=None, held_reason=None))
        night(database, tmp_path)
    assert cases(database) == set()


def test_what_is_held_between_the_reading_and_the_lock_stays(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = erasing._due

    def due_then_held(opened, kept):
        for case_id in real(opened, kept):
            with opened.transaction() as session:
                hold(session, SYSTEM, session.get_one(Case, case_id), "À l’instant")
            yield case_id

    monkeypatch.setattr(erasing, "_due", due_then_held)
    with clock.frozen(NOON) as time:
        case_id = end_case(database, make_world(database))
        time.set(LAST_DAY + timedelta(days=1))
        night(database, tmp_path)
    assert cases(database) == {case_id}


def test_the_version_in_line_decides_for_every_demande(database: Database, tmp_path: Path) -> None:
    settings = 'titre = "Demande simple"\nresume = "Pour les tests."\ncategorie = "quotidien"\nconservation_mois = 3\n'
    with clock.frozen(NOON) as time:
        end_case(database, make_world(database))
        time.set(NOON + timedelta(days=100))
        night(database, tmp_path)
        assert count(database, Case) == 1
        with database.transaction() as session:
            publish(session, SYSTEM, SLUG, make_bundle(**{"demarche.toml": settings.encode()}), "")
            forget_published(session)
        night(database, tmp_path)
    assert count(database, Case) == 0


# -- nights --------------------------------------------------------------------------------------------------------


def test_a_second_night_erases_nothing_more_and_says_so(database: Database, tmp_path: Path) -> None:
    with clock.frozen(NOON) as time:
        end_case(database, make_world(database))
        time.set(LAST_DAY + timedelta(days=1))
        night(database, tmp_path)
        night(database, tmp_path)
    assert [entry.details["erased"] for entry in entries(database, "case.erasures_proved")] == [1, 0]
    assert len(entries(database, "case.erased")) == 1


class Killed(BaseException):
    """As if the process died there."""


@pytest.mark.parametrize("where", ["forget_case", "forget_absence", "forget", "record", "_prove"])
def test_killed_in_the_middle_a_demande_is_whole_or_gone_and_the_next_run_goes_on(
    where: str, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = getattr(erasing, where), []

    def dying(*args, **kwargs):
        calls.append(where)
        made = real(*args, **kwargs)
        if len(calls) == (1 if where == "_prove" else 2):
            raise Killed
        return made

    with clock.frozen(NOON) as time:
        world = make_world(database)
        for _ in range(3):
            end_case(database, world)
        time.set(LAST_DAY + timedelta(days=1))
        monkeypatch.setattr(erasing, where, dying)
        with pytest.raises(Killed):
            night(database, tmp_path)
        left = 0 if where == "_prove" else 2
        assert [count(database, model) for model in (Case, Instance, Answer)] == [left, left, 3 * left]
        assert entries(database, "case.erasures_proved") == []
        monkeypatch.setattr(erasing, where, real)
        night(database, tmp_path)
        assert count(database, Case) == 0
        [proof] = entries(database, "case.erasures_proved")
        assert proof.details["erased"] == 3, "what went before the kill is counted too"
        with database.transaction(read_only=True) as session:
            found = last_night(session)
            assert found is not None
            assert found.proved
            assert verify_chain(session).fault is None


def test_one_that_cannot_go_keeps_no_other_and_is_counted(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = erasing.forget_absence
    with clock.frozen(NOON) as time:
        world = make_world(database)
        stuck, free = end_case(database, world), end_case(database, world)
        time.set(LAST_DAY + timedelta(days=1))

        def failing(session, case_id):
            if case_id == stuck:
                raise RuntimeError("disk")
            real(session, case_id)

        monkeypatch.setattr(erasing, "forget_absence", failing)
        night(database, tmp_path)
    assert cases(database) == {stuck}
    assert [entry.object_id for entry in entries(database, "case.erased")] == [free]
    assert entries(database, "case.erasures_proved")[0].details["remaining"] == 1


def test_none_is_missed_when_there_are_more_than_a_batch(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing, "BATCH", 2)
    with clock.frozen(NOON) as time:
        world = make_world(database)
        for _ in range(5):
            end_case(database, world)
        time.set(LAST_DAY + timedelta(days=1))
        night(database, tmp_path)
    assert count(database, Case) == 0


def test_a_night_out_of_time_stops_and_the_next_one_goes_on(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with clock.frozen(NOON) as time:
        end_case(database, make_world(database))
        time.set(LAST_DAY + timedelta(days=1))
        monkeypatch.setattr(erasing, "BUDGET", -1.0)
        night(database, tmp_path)
        assert count(database, Case) == 1
        assert entries(database, "case.erasures_proved")[0].details["remaining"] == 1
        monkeypatch.undo()
        night(database, tmp_path)
    assert count(database, Case) == 0


def test_two_clocks_at_once_erase_each_demande_once(database: Database, tmp_path: Path) -> None:
    with clock.frozen(NOON) as time:
        world = make_world(database)
        for _ in range(4):
            end_case(database, world)
        with database.transaction() as session:
            chores.enrol(session, chores.registered())
        time.set(LAST_DAY + timedelta(days=1))
        with ThreadPoolExecutor(2) as both:
            for run in [both.submit(night, database, tmp_path) for _ in range(2)]:
                run.result()
    assert count(database, Case) == 0
    assert len({entry.object_id for entry in entries(database, "case.erased")}) == 4
    assert len(entries(database, "case.erased")) == 4
    assert sum(entry.details["erased"] for entry in entries(database, "case.erasures_proved")) == 4
    with database.transaction(read_only=True) as session:
        assert verify_chain(session).fault is None


def test_the_clock_knows_this_chore_and_ends_it_before_another_clock_takes_it() -> None:
    chore = chores.registered()["cases.erase_ended"]
    assert chore.run is erase_ended
    assert chores.LEASE.total_seconds() > erasing.BUDGET
    with clock.frozen(NOON):
        assert clock.in_paris(chore.next_after(clock.now())).date() == next_night()


worlds: dict[str, World] = {}
"""The commune of each database of the test below, made by its first example."""


@given(
    ages=st.lists(st.tuples(st.integers(0, 40), st.integers(0, 31), st.booleans()), max_size=6),
    months=st.integers(3, 36),
)
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_night_does_what_the_dry_run_said(database: Database, tmp_path: Path, ages, months) -> None:
    body = f'titre = "D"\nresume = "{new_id()}"\ncategorie = "quotidien"\nconservation_mois = {months}\n'
    with clock.frozen(NOON.replace(year=2030, month=3, day=31)) as time:
        world = worlds.get(str(tmp_path)) or make_world(database)
        worlds[str(tmp_path)] = world
        with database.transaction() as session:
            publish(session, SYSTEM, SLUG, make_bundle(**{"demarche.toml": body.encode()}), "")
            forget_published(session)
        expected = set()
        today = clock.today() + timedelta(days=1)
        for old, days, held in ages:
            case_id = end_case(database, world)
            ended = clock.now() - timedelta(days=30 * old + days)
            with database.transaction() as session:
                values = {"closed_at": ended, "held_at": clock.now() if held else None}
                session.execute(update(Case).where(Case.id == case_id).values(**values))
            if not held and clock.months_after(clock.in_paris(ended).date(), months) < today:
                expected.add(case_id)
        before = cases(database)
        assert planned(database) == len(expected)
        time.advance(days=1)
        night(database, tmp_path)
        assert before - cases(database) == expected
        assert entries(database, "case.erasures_proved")[-1].details["erased"] == len(expected)
        with database.transaction() as session:  # the next example finds nothing of this one
            session.execute(update(Case).values(held_at=None, closed_at=NOON.replace(year=2001)))
        night(database, tmp_path)
    assert cases(database) == set()


# -- pieces --------------------------------------------------------------------------------------------------------


class Papers:
    """A demande that ended, of a household, and the pieces that came with it."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database, self.settings = database, settings_for("sqlite://", folder)
        self.world: World = make_world(database)
        with database.transaction() as session:
            self.family = make_pieces(session).family
            self.home, self.other_home = self.family.mother.household_id, self.family.father.household_id
            self.child = self.family.child.id
        self.case = self.ended(self.home)

    def ended(self, household: uuid.UUID | None) -> uuid.UUID:
        case_id = end_case(self.database, self.world)
        if household is not None:
            of_household(self.database, case_id, household)
        return case_id

    def running(self, household: uuid.UUID) -> uuid.UUID:
        case_id = file_case(self.database, self.world)
        of_household(self.database, case_id, household)
        return case_id

    def give(self, **values: object) -> uuid.UUID:
        given = {"case_id": self.case, **values}
        with self.database.transaction() as session:
            return make_document(session, self.family.mother, **given).id

    def name(self, case_id: uuid.UUID, document_id: uuid.UUID, *, draft: bool = False) -> None:
        """The demande was filled with this piece."""
        with self.database.transaction() as session:
            values = {"piece_domicile": [str(document_id)]}
            if draft:
                row = {"case_id": case_id, "node": "saisir", "page": 0, "revision": 1, "updated_at": clock.now()}
                session.execute(insert(Draft).values(values=values, **row))
            else:
                session.execute(
                    update(Answer).where(Answer.case_id == case_id, Answer.number == 1).values(values=values)
                )


def test_pieces_go_but_for_those_that_the_wallet_holds(database: Database, tmp_path: Path) -> None:
    with clock.frozen(NOON) as time:
        papers = Papers(database, tmp_path)
        night_of = (LAST_DAY + timedelta(days=1)).date()
        gone = [
            papers.give(state="non_traite"),
            papers.give(state="invalide", reason="Illisible"),
            papers.give(state="brouillon"),
            papers.give(state="retire"),
            papers.give(state="valide", valid_until=date(2027, 12, 10)),
            papers.give(state="valide", household_id=None),
        ]
        stay = [
            papers.give(state="valide"),
            papers.give(state="valide", valid_until=night_of + timedelta(days=30)),
            papers.give(state="valide", valid_until=date(2027, 12, 11)),
        ]
        keys = [documents(database)[gone[0]].key, draw_preview(database, gone[0], papers.settings)]
        staying = draw_preview(database, stay[0], papers.settings)
        storage = storage_from_url(papers.settings.storage_url)
        storage.put(keys[0], b"%PDF")
        with database.transaction() as session:
            make_claim(session, papers.family.mother, case_id=papers.case)
        time.set(LAST_DAY + timedelta(days=1))
        night(database, tmp_path)
        left = documents(database)
        assert set(left) == set(stay)
        assert {each.case_id for each in left.values()} == {None}
        [entry] = entries(database, "case.erased")
        assert (entry.details["pieces"], entry.details["pieces_kept"]) == (6, 3)
        with database.transaction(read_only=True) as session:
            assert session.scalars(select(PieceRequest.case_id)).all() == [None], "the claim waits without its demande"
            assert set(keys) <= set(session.scalars(select(UploadKey.key)))
        time.advance(days=2)
        sweep(database, papers.settings)
        assert [storage.exists(key) for key in (*keys, staying)] == [False, False, True]


@pytest.mark.parametrize("draft", [False, True])
def test_a_piece_that_another_demande_names_stays_until_that_one_goes(
    draft: bool, database: Database, tmp_path: Path
) -> None:
    with clock.frozen(NOON) as time:
        papers = Papers(database, tmp_path)
        named, alone = papers.give(state="invalide"), papers.give(state="invalide")
        time.advance(days=30)
        other = papers.running(papers.home) if draft else papers.ended(papers.home)
        papers.name(other, named, draft=draft)
        time.set(LAST_DAY + timedelta(days=1))
        night(database, tmp_path)
        assert set(documents(database)) == {named}
        assert alone not in documents(database)
        if not draft:
            time.advance(days=31)
            night(database, tmp_path)
            assert documents(database) == {}
            assert count(database, Case) == 0


def test_a_piece_of_the_child_named_by_the_other_household_stays(database: Database, tmp_path: Path) -> None:
    with clock.frozen(NOON) as time:
        papers = Papers(database, tmp_path)
        shared = papers.give(state="invalide", child_id=papers.child, code="assurance")
        other = papers.running(papers.other_home)
        with database.transaction() as session:
            session.execute(update(Case).where(Case.id == other).values(child_id=papers.child))
        papers.name(other, shared)
        time.set(LAST_DAY + timedelta(days=1))
        night(database, tmp_path)
        assert set(documents(database)) == {shared}


def test_a_piece_left_in_the_wallet_goes_three_months_after_its_validity(database: Database, tmp_path: Path) -> None:
    with clock.frozen(NOON) as time:
        papers = Papers(database, tmp_path)
        until = (LAST_DAY + timedelta(days=10)).date()
        left = papers.give(state="valide", valid_until=until)
        time.set(LAST_DAY + timedelta(days=1))
        night(database, tmp_path)
        with_a_demande = papers.give(state="valide", valid_until=until, case_id=papers.running(papers.home))
        time.set(clock.datetime(until.year, until.month + 3, until.day, 12, tzinfo=clock.PARIS))
        night(database, tmp_path)
        assert set(documents(database)) == {left, with_a_demande}
        time.advance(days=1)
        night(database, tmp_path)
        assert set(documents(database)) == {with_a_demande}


# -- rows that name a demande --------------------------------------------------------------------------------------


def test_an_absence_goes_with_its_demande_and_never_before_its_days(database: Database, tmp_path: Path) -> None:
    with clock.frozen(NOON.replace(month=11, day=9)) as time:
        world = make_world(database)
        past, ahead = end_case(database, world), end_case(database, world)
        with database.transaction() as session:
            day = make_day(session)
            for case_id, year in ((past, 2026), (ahead, 2029)):
                first = FRIDAY.replace(year=year)
                declared = Declaration(day.child.id, first, first + timedelta(days=3), ("CANT",), "maladie", "Toux")
                record_absence(session, day.family.actor(day.family.mother), case_id, declared)
        time.set(clock.now() + timedelta(days=740))
        night(database, tmp_path)
        assert cases(database) == {ahead}
        with database.transaction(read_only=True) as session:
            [left] = session.scalars(select(Absence)).all()
            assert left.case_id == ahead
            assert {row.absence_id for row in session.scalars(select(AbsenceSlot))} == {left.id}
        time.set(clock.datetime(2029, 11, 24, 12, tzinfo=clock.PARIS))
        night(database, tmp_path)
    assert [count(database, model) for model in (Case, Absence, AbsenceSlot)] == [0, 0, 0]


def test_the_state_that_a_migration_kept_goes_too_and_its_batch_still_counts(
    database: Database, tmp_path: Path
) -> None:
    with clock.frozen(NOON) as time:
        case_id = end_case(database, make_world(database))
        with database.transaction() as session:
            version = session.scalars(select(Version)).one()
            batch = MigrationBatch(
                id=new_id(), procedure_id=version.procedure_id, from_version_id=version.id, to_version_id=version.id,
                created_by="Iris", created_at=clock.now(),
            )  # fmt: skip
            session.add(batch)
            session.flush()
            session.add(
                CaseMigration(
                    batch_id=batch.id, case_id=case_id, reference="26-AAAA-BBBB", outcome="migrated", cause="",
                    node="prendre", target="prendre", state=b"what was written", serializer="1", revision=2,
                )
            )  # fmt: skip
        time.set(LAST_DAY + timedelta(days=1))
        night(database, tmp_path)
        with database.transaction(read_only=True) as session:
            line = session.scalars(select(CaseMigration)).one()
            assert (line.outcome, line.state) == ("migrated", None)


def test_a_published_version_of_an_erased_demande_and_its_household_stay(database: Database, tmp_path: Path) -> None:
    with clock.frozen(NOON) as time:
        papers = Papers(database, tmp_path)
        time.set(LAST_DAY + timedelta(days=1))
        night(database, tmp_path)
        with database.transaction(read_only=True) as session:
            assert session.scalar(select(func.count()).select_from(Version)) == 1
            assert session.get(type(papers.family.mother), papers.family.mother.id) is not None
            assert session.scalar(select(func.count()).select_from(Document)) == 0
