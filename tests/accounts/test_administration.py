"""Roles and other people's accounts: who may, and what can never happen."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy.orm import Session

from app.accounts import administration, queries, sessions
from app.accounts.models import Account, GrantRow, Role
from app.clock import FrozenClock
from app.db import Database
from app.errors import Conflict, Forbidden, NotFound, PortalError, Refused
from app.policy import SYSTEM, Actor, Permission
from tests.accounts.house import actions, facts, make_account, make_agent, make_structure


def grant_of(session: Session, account: Account) -> GrantRow:
    return session.query(GrantRow).filter_by(account_id=account.id).one()


def two_administrators(session: Session) -> tuple[Account, Actor, Account, Actor]:
    one = make_agent(session, "one@example.org", "administrateur")
    two = make_agent(session, "two@example.org", "administrateur")
    return one, sessions.actor_of(session, one), two, sessions.actor_of(session, two)


def test_a_role_withdrawn_no_longer_counts_at_the_next_request(database: Database, clock: FrozenClock) -> None:
    with database.transaction() as session:
        _, admin, _, _ = two_administrators(session)
        agent = make_agent(session, "agent@example.org", "gestionnaire", "restauration")
        token = sessions.open_session(session, agent)
        person = sessions.signed_in(session, token)
        assert person is not None
        assert person.actor.can(Permission.FAMILY_READ)
        held = session.query(GrantRow).filter_by(account_id=agent.id, role_code="gestionnaire").one()
        administration.revoke_role(session, admin, held.id)
        assert sessions.signed_in(session, token) is None
        again = sessions.signed_in(session, sessions.open_session(session, agent))
        assert again is not None
        assert not again.actor.can(Permission.FAMILY_READ)
        assert again.actor.can(Permission.ABSENCE_READ)


def test_a_permission_taken_from_a_role_no_longer_counts_in_open_sessions(
    database: Database, clock: FrozenClock
) -> None:
    with database.transaction() as session:
        _, admin, _, _ = two_administrators(session)
        token = sessions.open_session(session, make_agent(session, "agent@example.org", "restauration"))
        administration.save_role(session, admin, code="restauration", label="Restauration", permissions=[])
        person = sessions.signed_in(session, token)
        assert person is not None
        assert not person.actor.can(Permission.ABSENCE_READ)


def test_a_deactivated_account_is_out_at_once_and_comes_back_with_its_roles(
    database: Database, clock: FrozenClock
) -> None:
    with database.transaction() as session:
        _, admin, _, _ = two_administrators(session)
        agent = make_agent(session, "agent@example.org", "gestionnaire")
        token = sessions.open_session(session, agent)
        administration.deactivate(session, admin, agent.id)
        assert sessions.signed_in(session, token) is None
        administration.reactivate(session, admin, agent.id)
        assert sessions.signed_in(session, token) is None
        assert sessions.actor_of(session, agent).can(Permission.FAMILY_READ)


def test_the_last_administrator_stays(database: Database, clock: FrozenClock) -> None:
    with database.transaction() as session:
        only = make_agent(session, "one@example.org", "administrateur")
        helper = make_agent(session, "two@example.org")
        administration.save_role(session, SYSTEM, code="rh", label="RH", permissions=[Permission.USER_MANAGE])
        administration.grant_role(session, SYSTEM, helper.id, "rh")
    with database.transaction() as session:
        actor = sessions.actor_of(session, session.get_one(Account, helper.id))
        ways = (
            lambda s: administration.revoke_role(s, actor, grant_of(s, only).id),
            lambda s: administration.deactivate(s, actor, only.id),
            lambda s: administration.save_role(s, SYSTEM, code="administrateur", label="Vide", permissions=[]),
        )
    for way in ways:
        with pytest.raises(Conflict, match="Il doit toujours rester"), database.transaction() as session:
            way(session)
    with database.transaction() as session:
        assert sessions.actor_of(session, session.get_one(Account, only.id)).can(Permission.ROLE_MANAGE)


def test_an_administrator_of_one_structure_is_not_an_administrator(database: Database, clock: FrozenClock) -> None:
    with database.transaction() as session:
        one = make_agent(session, "one@example.org", "administrateur")
        make_agent(session, "two@example.org", "administrateur", structure=make_structure(session))
    with pytest.raises(Conflict), database.transaction() as session:
        administration.revoke_role(session, SYSTEM, grant_of(session, one).id)


def test_two_administrators_withdrawing_each_other_at_once_leave_one(database: Database, clock: FrozenClock) -> None:
    with database.transaction() as session:
        one, actor_one, two, actor_two = two_administrators(session)
        moves = [(actor_one, grant_of(session, two).id), (actor_two, grant_of(session, one).id)]

    def withdraw(move: tuple[Actor, object]) -> bool:
        try:
            with database.transaction() as session:
                administration.revoke_role(session, move[0], move[1])  # type: ignore[arg-type]  # a UUID
        except PortalError:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(withdraw, moves)) == [False, True]


def test_nobody_changes_his_own_rights(database: Database, clock: FrozenClock) -> None:
    with database.transaction() as session:
        one, actor, _, _ = two_administrators(session)
        for way in (
            lambda: administration.grant_role(session, actor, one.id, "direction"),
            lambda: administration.revoke_role(session, actor, grant_of(session, one).id),
            lambda: administration.deactivate(session, actor, one.id),
            lambda: administration.reset_second_factor(session, actor, one.id),
            lambda: administration.save_role(
                session,
                actor,
                code="administrateur",
                label="Administration",
                permissions=[*next(iter(actor.grants)).permissions, Permission.HEALTH_READ],
            ),
        ):
            with pytest.raises(Forbidden):
                way()


@pytest.mark.parametrize("who", ["parent", "gestionnaire", "elsewhere", "visitor"])
def test_only_who_manages_users_everywhere_manages_them(database: Database, clock: FrozenClock, who: str) -> None:
    with database.transaction() as session:
        _, _, target, _ = two_administrators(session)
        here, elsewhere = make_structure(session), make_structure(session, "EE", "École Les Marronniers")
        actor = {
            "parent": lambda: sessions.actor_of(session, make_account(session)),
            "gestionnaire": lambda: sessions.actor_of(session, make_agent(session, "a@example.org", "gestionnaire")),
            "elsewhere": lambda: sessions.actor_of(
                session, make_agent(session, "a@example.org", "administrateur", structure=elsewhere)
            ),
            "visitor": lambda: Actor("visitor", None, "?"),
        }[who]()
        for way in (
            lambda: administration.grant_role(session, actor, target.id, "direction"),
            lambda: administration.grant_role(session, actor, target.id, "direction", here.id),
            lambda: administration.revoke_role(session, actor, grant_of(session, target).id),
            lambda: administration.deactivate(session, actor, target.id),
            lambda: administration.reset_second_factor(session, actor, target.id),
            lambda: administration.save_role(session, actor, code="x-role", label="Rôle", permissions=[]),
            lambda: administration.delete_role(session, actor, "direction"),
        ):
            with pytest.raises(Forbidden):
                way()


def test_a_role_is_held_where_it_was_given(database: Database, clock: FrozenClock) -> None:
    with database.transaction() as session:
        here, elsewhere = make_structure(session), make_structure(session, "EE", "École Les Marronniers")
        actor = sessions.actor_of(session, make_agent(session, "a@example.org", "direction", structure=here))
        assert actor.can(Permission.HEALTH_READ, here.id)
        assert not actor.can(Permission.HEALTH_READ, elsewhere.id)


def test_a_family_account_receives_no_role(database: Database, clock: FrozenClock) -> None:
    with database.transaction() as session:
        administration.seed_roles(session, SYSTEM)
        with pytest.raises(Refused):
            administration.grant_role(session, SYSTEM, make_account(session).id, "gestionnaire")


def test_a_role_given_twice_is_one_grant(database: Database, clock: FrozenClock) -> None:
    with database.transaction() as session:
        agent = make_agent(session, "a@example.org", "direction", "direction")
        assert session.query(GrantRow).filter_by(account_id=agent.id).count() == 1


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"permissions": ["user:manage", "all:everything"]}, "permissions"),
        ({"code": "Majuscule"}, "code"),
        ({"code": "famille"}, "code"),
        ({"code": "systeme"}, "code"),
        ({"code": "a" * 41}, "code"),
        ({"code": "x'; DROP"}, "code"),
        ({"label": " "}, "label"),
        ({"label": "x" * 81}, "label"),
    ],
)
def test_a_role_that_makes_no_sense_is_refused(
    database: Database, clock: FrozenClock, values: dict[str, object], field: str
) -> None:
    with database.transaction() as session, pytest.raises(Refused) as refusal:
        administration.save_role(session, SYSTEM, **{"code": "accueil", "label": "Accueil", **values})  # type: ignore[arg-type]  # keywords of tests
    assert refusal.value.field == field


def test_a_role_in_use_is_not_deleted(database: Database, clock: FrozenClock) -> None:
    with database.transaction() as session:
        make_agent(session, "a@example.org", "direction")
        with pytest.raises(Conflict):
            administration.delete_role(session, SYSTEM, "direction")
        administration.delete_role(session, SYSTEM, "comptabilite")
        assert session.get(Role, "comptabilite") is None
        with pytest.raises(NotFound):
            administration.delete_role(session, SYSTEM, "comptabilite")


def test_shipped_roles_keep_administrators_away_from_families(database: Database, clock: FrozenClock) -> None:
    with database.transaction() as session:
        actor = sessions.actor_of(session, make_agent(session, "a@example.org", "administrateur"))
        for permission in (Permission.HEALTH_READ, Permission.FAMILY_READ, Permission.DOCUMENT_READ):
            assert not actor.can(permission)
        assert actor.needs_second_factor


def test_a_lost_second_factor_is_reset_and_its_owner_is_told(database: Database, clock: FrozenClock) -> None:
    with database.transaction() as session:
        _, admin, two, _ = two_administrators(session)
        two.totp_secret, two.totp_enabled_at = "sealed", clock()
        administration.reset_second_factor(session, admin, two.id)
        assert (two.totp_secret, two.totp_enabled_at) == (None, None)
    with database.transaction() as session:
        assert [kind for kind, _ in facts(session)] == ["account.second_factor_reset"]


def test_the_journal_names_roles_and_ids_and_no_address(database: Database, clock: FrozenClock) -> None:
    with database.transaction() as session:
        _, admin, _, _ = two_administrators(session)
        invited = administration.invite_agent(
            session, admin, email="nouveau@example.org", first_name="Ana", last_name="Roy", capacity="animatrice"
        )
        administration.grant_role(session, admin, invited.id, "direction")
        administration.deactivate(session, admin, invited.id)
    with database.transaction() as session:
        from app.journal import JournalEntry, verify_chain

        assert {"account.invited", "account.role_granted", "account.deactivated"} <= set(actions(session))
        assert all("@" not in str(entry.details) + entry.actor_label for entry in session.query(JournalEntry))
        assert verify_chain(session).fault is None


def test_the_list_finds_by_either_name_or_address_without_accents(database: Database, clock: FrozenClock) -> None:
    with database.transaction() as session:
        make_agent(session, "chloe@example.org", first_name="Chloé", last_name="Évrard")
        make_agent(session, "zoe@example.org", first_name="Zoé", last_name="100% Net")
        for text, expected in [
            ("evr", ["Évrard Chloé"]),
            ("CHLO", ["Évrard Chloé"]),
            ("zoe@", ["100% Net Zoé"]),
            ("100%", ["100% Net Zoé"]),
            ("%", []),
            ("_", []),
            ("", ["100% Net Zoé", "Évrard Chloé"]),
        ]:
            assert [line.full_name for line in queries.accounts_matching(session, text).lines] == expected


@pytest.mark.parametrize("page", [-5, 0, 1, 99])
def test_any_page_number_shows_a_page(database: Database, clock: FrozenClock, page: int) -> None:
    with database.transaction() as session:
        make_agent(session, "a@example.org")
        assert len(queries.accounts_matching(session, page=page).lines) == 1
