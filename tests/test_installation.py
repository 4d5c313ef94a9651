"""A new commune: what the portal ships with, and how its first administrator comes in."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import func, select

from app import cli, outbox
from app.accounts.administration import seed_roles
from app.accounts.models import Account, GrantRow, Role, Token
from app.accounts.roles import ADMINISTRATOR, DEFAULT_ROLES
from app.accounts.sealing import token_id_in
from app.accounts.tokens import CHOOSE_PASSWORD
from app.db import Database
from app.errors import Conflict, Refused
from app.installation import install, invite_first_administrator
from app.outbox import OutboxFact
from app.policy import SYSTEM
from app.procedures.models import Procedure
from tests.accounts.house import make_account, make_agent
from tests.conftest import KEY, settings_for

EMAIL = "premiere@example.org"


def make_invitation(database: Database, tmp_path: Path, email: str = EMAIL) -> str:
    settings = settings_for("sqlite://", tmp_path, PUBLIC_URL="https://famille.example.org")
    with database.transaction() as session:
        seed_roles(session, SYSTEM)
        made = invite_first_administrator(session, settings, email=email, first_name="Anne", last_name="Roy")
    return made.link


def count(database: Database, kind: type) -> int:
    with database.transaction(read_only=True) as session:
        return session.scalar(select(func.count()).select_from(kind)) or 0


def test_a_new_installation_gets_roles_and_demarches_and_keeps_them_when_asked_again(database: Database) -> None:
    with database.transaction() as session:
        assert install(session) == 13
    with database.transaction() as session:
        session.get_one(Role, "regie").label = "Régie de recettes"
    with database.transaction() as session:
        assert install(session) == 0
    with database.transaction(read_only=True) as session:
        assert session.get_one(Role, "regie").label == "Régie de recettes"
        assert set(session.scalars(select(Role.code))) == {role.code for role in DEFAULT_ROLES}
        assert all(session.scalars(select(Procedure.open)))


def test_the_link_is_the_one_the_mail_carries_and_gives_the_administrators_role(
    database: Database, tmp_path: Path
) -> None:
    link = make_invitation(database, tmp_path)
    assert link.startswith("https://famille.example.org/compte/mot-de-passe/")
    token_id = token_id_in(KEY, link.rpartition("/")[2], CHOOSE_PASSWORD)
    with database.transaction(read_only=True) as session:
        token = session.get_one(Token, token_id)
        account = session.get_one(Account, token.account_id)
        assert (account.email, account.kind, account.password_hash) == (EMAIL, "agent", None)
        held = session.scalars(select(GrantRow).where(GrantRow.account_id == account.id)).one()
        assert (held.role_code, held.structure_id) == (ADMINISTRATOR, None)
        fact = session.scalars(select(OutboxFact).where(OutboxFact.kind == "account.invited")).one()
        assert fact.payload["token_id"] == str(token_id)


def test_asked_again_before_the_link_is_followed_the_former_link_dies(database: Database, tmp_path: Path) -> None:
    first, second = make_invitation(database, tmp_path), make_invitation(database, tmp_path)
    assert first != second
    with database.transaction(read_only=True) as session:
        ids = [token_id_in(KEY, link.rpartition("/")[2], CHOOSE_PASSWORD) for link in (first, second)]
        assert session.get_one(Token, ids[0]).used_at is not None
        assert session.get_one(Token, ids[1]).used_at is None
    assert (count(database, Account), count(database, GrantRow)) == (1, 1)


def test_once_somebody_administers_the_portal_the_command_line_makes_no_other(
    database: Database, tmp_path: Path
) -> None:
    with database.transaction() as session:
        make_agent(session, "deja@example.org", ADMINISTRATOR)
    with pytest.raises(Conflict, match="a déjà une personne"):
        make_invitation(database, tmp_path)
    assert count(database, Account) == 1


def test_the_address_of_a_family_is_refused(database: Database, tmp_path: Path) -> None:
    with database.transaction() as session:
        make_account(session, EMAIL)
    with pytest.raises(Refused, match="existe déjà"):
        make_invitation(database, tmp_path)
    assert count(database, GrantRow) == 0


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    values = {
        "PORTAIL_MODE": "production",
        "SECRET_KEY": KEY,
        "DATABASE_URL": f"sqlite:///{tmp_path}/portail.db",
        "DATA_DIR": str(tmp_path),
        "PUBLIC_URL": "https://famille.example.org",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return tmp_path


def test_on_the_command_line_migrate_comes_first_then_the_link_is_printed(
    environment: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["first-admin", EMAIL]) == 1
    assert "python -m app.cli migrate" in capsys.readouterr().err
    assert cli.main(["migrate"]) == 0
    assert cli.main(["first-admin", "pas-une-adresse"]) == 1
    assert "nom@exemple.fr" in capsys.readouterr().err
    assert cli.main(["first-admin", EMAIL, "--prenom", "Anne", "--nom", "Roy"]) == 0
    assert "https://famille.example.org/compte/mot-de-passe/" in capsys.readouterr().out
    assert cli.main(["journal"]) == 0


def test_the_migrations_are_tried_on_an_empty_database_only(
    environment: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["check-migrations"]) == 0
    assert cli.main(["migrate"]) == 0
    assert cli.main(["check-migrations", "--base", f"sqlite:///{environment}/portail.db"]) == 1
    assert "n’est pas vide" in capsys.readouterr().err


def test_a_column_that_no_migration_adds_is_told(
    environment: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli.schema, "drift", lambda _database: ["add_column roles.colour"])
    assert cli.main(["check-migrations"]) == 1
    assert "roles.colour" in capsys.readouterr().out


def test_nothing_is_announced_when_the_invitation_is_refused(database: Database, tmp_path: Path) -> None:
    with pytest.raises(Refused):
        make_invitation(database, tmp_path, email="sans-arobase")
    with database.transaction() as session:
        assert outbox.claim_batch(session) == []
