"""Writing, answering, reading: who may, who may not know, and what is counted."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app import clock
from app.accounts.models import Account
from app.db import Database, fold, new_id
from app.errors import Conflict, Forbidden, NotFound, Refused
from app.journal import JournalEntry
from app.messages import operations, queries
from app.messages.models import Message, Thread
from app.messages.operations import HOURLY, answer, mark_read, notify, write_message
from app.outbox import OutboxFact
from app.policy import Actor, Grant, Permission
from app.town.models import Structure
from app.town.queries import forget_all

NOON = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
ANSWERS = frozenset({Permission.MESSAGE_ANSWER})


def make_structure(session: Session, code: str, *, is_open: bool = True) -> uuid.UUID:
    made = Structure(
        id=new_id(), code=code, name=f"École {code}", sort_key=code.lower(), kind="ecole", levels=[], open=is_open
    )
    session.add(made)
    session.flush()
    forget_all()
    return made.id


def make_account(session: Session, first_name: str, *, kind: str = "parent", state: str = "active") -> Actor:
    made = Account(
        id=new_id(),
        email=f"{fold(first_name)}.{uuid.uuid4().hex[:6]}@example.org",
        kind=kind,
        first_name=first_name,
        last_name="Martin",
        sort_key=fold(f"Martin {first_name}"),
        state=state,
        created_at=clock.now(),
    )
    session.add(made)
    session.flush()
    return Actor(kind, made.id, f"{first_name} Martin")


def agent_of(structure_id: uuid.UUID | None, *, permissions: frozenset[str] = ANSWERS, name: str = "Agent") -> Actor:
    return Actor("agent", new_id(), name, (Grant("accueil", permissions, structure_id),))


class Town:
    """A parent, a stranger, two schools and their agents."""

    def __init__(self, session: Session) -> None:
        self.school, self.other_school = make_structure(session, "A"), make_structure(session, "B")
        self.parent, self.stranger = make_account(session, "Léa"), make_account(session, "Paul")
        self.agent, self.other_agent = agent_of(self.school, name="Anne"), agent_of(self.other_school)
        self.everywhere = agent_of(None)
        self.reader = agent_of(self.school, permissions=frozenset({Permission.CASE_READ}))

    def thread(self, session: Session, **changes: object) -> Thread:
        values: dict[str, object] = {"structure_id": self.school, "subject": "Cantine", "body": "Bonjour,\nmerci."}
        return write_message(session, self.parent, **{**values, **changes})  # type: ignore[arg-type]  # free values


@pytest.fixture
def town(database: Database) -> Town:
    with database.transaction() as session:
        return Town(session)


def unread(database: Database, actor: Actor) -> int:
    """What the badge of this person shows: messages not opened, or for agents threads to answer."""
    with database.transaction(read_only=True) as session:
        if actor.kind == "parent":
            assert actor.id is not None
            return queries.unread_for(session, actor.id)
        return queries.awaiting_for(session, actor)


def test_a_message_reaches_the_agents_of_that_service_only(database: Database, town: Town) -> None:
    with database.transaction() as session:
        thread = town.thread(session)
    assert [unread(database, who) for who in (town.agent, town.everywhere, town.other_agent)] == [1, 1, 0]
    with database.transaction(read_only=True) as session:
        [line] = queries.threads_for(session, town.agent).lines
        assert (line.id, line.other, line.excerpt, line.unread, line.awaiting) == (
            thread.id,
            "Léa Martin",
            "Bonjour, merci.",
            1,
            True,
        )
        assert queries.threads_for(session, town.other_agent).lines == []
        with pytest.raises(Forbidden):
            queries.threads_for(session, town.reader)
        with pytest.raises(NotFound):
            queries.thread_row(session, town.other_agent, thread.id)
        with pytest.raises(NotFound):
            queries.thread_row(session, town.reader, thread.id)
        with pytest.raises(NotFound):
            queries.thread_row(session, town.stranger, thread.id)


def test_a_message_to_the_town_hall_is_for_agents_of_every_structure(database: Database, town: Town) -> None:
    with database.transaction() as session:
        town.thread(session, structure_id=None)
    assert [unread(database, who) for who in (town.agent, town.everywhere)] == [0, 1]


def test_an_answer_is_counted_for_the_other_side_until_it_is_opened(database: Database, town: Town) -> None:
    with database.transaction() as session:
        thread = town.thread(session)
    with database.transaction() as session:
        read = queries.thread_row(session, town.agent, thread.id, lock=True)
        assert mark_read(session, town.agent, read) == 1
        answer(session, town.agent, thread.id, "C’est noté.")
    assert (unread(database, town.agent), unread(database, town.parent)) == (0, 1)
    with database.transaction() as session:
        read = queries.thread_row(session, town.parent, thread.id, lock=True)
        assert mark_read(session, town.parent, read) == 1
        assert mark_read(session, town.parent, read) == 0
    assert unread(database, town.parent) == 0
    with database.transaction(read_only=True) as session:
        messages = queries.messages_of(session, thread.id)
        assert [(m.number, m.side, m.author_label) for m in messages] == [
            (1, "family", "Léa Martin"),
            (2, "service", "Anne"),
        ]
        assert all(m.read_at for m in messages)
        assert queries.threads_for(session, town.agent, awaiting=True).lines == []
        assert len(queries.threads_for(session, town.agent).lines) == 1


def test_strangers_can_neither_answer_nor_learn_that_the_thread_exists(database: Database, town: Town) -> None:
    with database.transaction() as session:
        thread = town.thread(session)
    for intruder in (town.stranger, town.other_agent, town.reader):
        with database.transaction() as session, pytest.raises(NotFound):
            answer(session, intruder, thread.id, "Bonjour")
    with database.transaction() as session, pytest.raises(NotFound):
        answer(session, town.parent, uuid.uuid4(), "Bonjour")


def test_an_agent_writes_to_a_parent_in_the_name_of_his_service(database: Database, town: Town) -> None:
    with database.transaction() as session:
        write_message(
            session,
            town.agent,
            structure_id=town.school,
            subject="Sortie",
            body="Pensez au goûter.",
            account_id=town.parent.id,
        )
    assert (unread(database, town.parent), unread(database, town.agent)) == (1, 0)
    with database.transaction(read_only=True) as session:
        facts = session.scalars(select(OutboxFact).where(OutboxFact.kind == "message.written")).all()
        assert [fact.payload["side"] for fact in facts] == ["service"]
        entries = session.scalars(select(JournalEntry).where(JournalEntry.action == "message.written")).all()
        assert len(entries) == 1
        assert "goûter" not in str(entries[0].details)


def test_an_agent_cannot_write_for_another_service_nor_to_somebody_without_an_open_account(
    database: Database, town: Town
) -> None:
    with database.transaction() as session:
        closed = make_account(session, "Ida", state="closed")
        colleague = make_account(session, "Omar", kind="agent")
    attempts: list[tuple[Actor, uuid.UUID | None, uuid.UUID | None, type[Exception]]] = [
        (town.agent, town.other_school, town.parent.id, Forbidden),
        (town.agent, None, town.parent.id, Forbidden),
        (town.reader, town.school, town.parent.id, Forbidden),
        (town.agent, town.school, closed.id, NotFound),
        (town.agent, town.school, colleague.id, NotFound),
        (town.agent, town.school, uuid.uuid4(), NotFound),
        (town.agent, town.school, None, NotFound),
    ]
    for actor, structure_id, account_id, expected in attempts:
        with database.transaction() as session, pytest.raises(expected):
            write_message(session, actor, structure_id=structure_id, subject="S", body="B", account_id=account_id)


def test_a_parent_cannot_write_as_somebody_else(database: Database, town: Town) -> None:
    with database.transaction() as session:
        thread = town.thread(session, account_id=town.stranger.id)
    assert thread.account_id == town.parent.id


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"subject": ""}, "subject"),
        ({"subject": " \n\t "}, "subject"),
        ({"subject": "x" * 151}, "subject"),
        ({"body": ""}, "body"),
        ({"body": " \r\n "}, "body"),
        ({"body": "x" * 5001}, "body"),
        ({"body": "a\x00b"}, "body"),
    ],
)
def test_empty_and_over_long_texts_are_refused_on_their_field(
    database: Database, town: Town, changes: dict[str, str], field: str
) -> None:
    with database.transaction() as session, pytest.raises(Refused) as refusal:
        town.thread(session, **changes)
    assert refusal.value.field == field


def test_a_subject_on_several_lines_becomes_one(database: Database, town: Town) -> None:
    with database.transaction() as session:
        assert town.thread(session, subject="Cantine\r\nBcc: x@example.org").subject == "Cantine Bcc: x@example.org"


def test_a_closed_service_receives_nothing_and_an_unknown_one_does_not_exist(database: Database, town: Town) -> None:
    with database.transaction() as session:
        closed = make_structure(session, "Z", is_open=False)
    with database.transaction() as session, pytest.raises(Refused):
        town.thread(session, structure_id=closed)
    with database.transaction() as session, pytest.raises(NotFound):
        town.thread(session, structure_id=uuid.uuid4())


def test_a_machine_cannot_flood_a_service(database: Database, town: Town) -> None:
    with clock.frozen(NOON) as now:
        with database.transaction() as session:
            thread = town.thread(session)
            for _ in range(HOURLY - 1):
                answer(session, town.parent, thread.id, "Encore")
        with database.transaction() as session, pytest.raises(Refused):
            answer(session, town.parent, thread.id, "Encore")
        now.advance(minutes=61)
        with database.transaction() as session:
            answer(session, town.parent, thread.id, "Merci")


def test_a_notice_is_written_once_per_fact_and_gathers_in_the_thread_of_its_demande(
    database: Database, town: Town
) -> None:
    case_id, fact_id = uuid.uuid4(), uuid.uuid4()
    assert town.parent.id is not None
    for _ in range(2):
        with database.transaction() as session:
            notify(session, town.parent.id, "Votre absence", "Prise en charge.", case_id, fact_id)
    with database.transaction() as session:
        notify(session, town.parent.id, "Votre absence", "Acceptée.", case_id, uuid.uuid4())
        threads = session.scalars(select(Thread)).all()
        assert [(t.case_id, t.messages, t.writable, t.talk) for t in threads] == [(case_id, 2, True, False)]
        assert {m.author_label for m in session.scalars(select(Message))} == {"Le portail"}
    assert unread(database, town.parent) == 2
    assert unread(database, town.everywhere) == 0


def test_a_family_can_answer_a_notice_about_a_demande_and_the_service_then_sees_it(
    database: Database, town: Town
) -> None:
    assert town.parent.id is not None
    with database.transaction() as session:
        notice = notify(session, town.parent.id, "Absence", "Reçue.", uuid.uuid4(), structure_id=town.school)
        assert notice is not None
    with database.transaction(read_only=True) as session, pytest.raises(NotFound):
        queries.thread_row(session, town.agent, notice.thread_id)
    with database.transaction() as session:
        answer(session, town.parent, notice.thread_id, "Merci, et pour vendredi ?")
    assert unread(database, town.agent) == 1


def test_a_notice_about_nothing_in_particular_takes_no_answer(database: Database, town: Town) -> None:
    assert town.parent.id is not None
    with database.transaction() as session:
        notice = notify(session, town.parent.id, "Fermeture", "La mairie ferme le 24.")
        assert notice is not None
    with database.transaction() as session, pytest.raises(Conflict):
        answer(session, town.parent, notice.thread_id, "D’accord")


def test_lists_are_cut_into_pages_latest_first(database: Database, town: Town) -> None:
    assert town.parent.id is not None
    with clock.frozen(NOON) as now, database.transaction() as session:
        for number in range(queries.PAGE + 3):
            notify(session, town.parent.id, f"Avis {number}", "…")
            now.advance(minutes=1)
    with database.transaction(read_only=True) as session:
        first = queries.threads_of(session, town.parent.id)
        second = queries.threads_of(session, town.parent.id, page=2)
        beyond = queries.threads_of(session, town.parent.id, page=99)
    assert (len(first.lines), first.more, first.lines[0].subject) == (queries.PAGE, True, f"Avis {queries.PAGE + 2}")
    assert (len(second.lines), second.more, second.lines[-1].subject) == (3, False, "Avis 0")
    assert (beyond.lines, beyond.more) == ([], False)


def test_the_badge_of_the_menu_reads_one_index(sqlite_database: Database) -> None:
    query = (
        "EXPLAIN QUERY PLAN SELECT coalesce(sum(family_unread), 0) FROM threads "
        "WHERE account_id = 'x' AND family_unread > 0"
    )
    with sqlite_database.transaction(read_only=True) as session:
        plan = " ".join(str(row) for row in session.execute(text(query)))
    assert "COVERING INDEX ix_threads_family_unread" in plan


def test_two_answers_at_the_same_instant_are_both_kept_and_counted(database: Database, town: Town) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with database.transaction() as session:
        thread = town.thread(session)

    def write(number: int) -> None:
        with database.transaction() as session:
            answer(session, town.agent, thread.id, f"Réponse {number}")

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(write, range(12)))
    assert unread(database, town.parent) == 12
    with database.transaction(read_only=True) as session:
        assert [m.number for m in queries.messages_of(session, thread.id)] == list(range(1, 14))


def test_a_service_that_writes_is_announced_by_a_mail_without_its_words(database: Database, town: Town) -> None:
    from app.config import settings_from
    from app.messages.tasks import announce

    with database.transaction() as session:
        thread = town.thread(session)
        reply = answer(session, town.agent, thread.id, "Votre fils a mordu Tom.")
    settings = settings_from({"PORTAIL_MODE": "test", "SECRET_KEY": "k" * 40, "PUBLIC_URL": "https://famille.example"})
    with database.transaction(read_only=True) as session:
        [draft] = announce(session, settings, {"message_id": str(reply.id), "side": "service"})
        assert announce(session, settings, {"message_id": str(reply.id), "side": "family"}) == []
    assert draft.subject == "École A vous a écrit"
    assert f"https://famille.example/messages/{thread.id}" in draft.body
    assert "mordu" not in draft.body


def test_only_a_failed_mail_is_sent_again_and_only_by_who_may_read_mails(database: Database, town: Town) -> None:
    from app.messages.mails import Mail

    admin = agent_of(None, permissions=frozenset({Permission.MAIL_READ}))
    with database.transaction() as session:
        mails = {
            state: Mail(
                id=new_id(),
                fact_id=new_id(),
                kind="test.letter",
                position=0,
                message_id=f"<{state}@example.org>",
                recipient="a@example.org",
                subject="S",
                body="B",
                state=state,
                created_at=clock.now(),
            )
            for state in ("failed", "sent")
        }
        session.add_all(mails.values())
    with database.transaction() as session, pytest.raises(Forbidden):
        operations.retry_mail(session, town.everywhere, mails["failed"].id)
    with database.transaction() as session, pytest.raises(Conflict):
        operations.retry_mail(session, admin, mails["sent"].id)
    with database.transaction() as session, pytest.raises(NotFound):
        operations.retry_mail(session, admin, uuid.uuid4())
    with database.transaction() as session:
        operations.retry_mail(session, admin, mails["failed"].id)
    with database.transaction() as session, pytest.raises(Conflict):
        operations.retry_mail(session, admin, mails["failed"].id)
    with database.transaction(read_only=True) as session:
        assert queries.mail(session, admin, mails["failed"].id).state == "to_send"
        assert queries.mails(session, admin, state="to_send", recipient="A@").lines[0].id == mails["failed"].id
        assert queries.mails(session, admin, recipient="%").lines == []
