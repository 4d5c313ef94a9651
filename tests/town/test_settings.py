"""Settings of the commune: what is accepted, what costs a statement, who may; and R-90."""

from __future__ import annotations

import io
import uuid
from datetime import UTC, date, datetime
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import event

from app import kept
from app.clock import FrozenClock, frozen
from app.db import Database
from app.errors import Forbidden, Refused
from app.journal import JournalEntry
from app.policy import SYSTEM, Actor, Grant, Permission
from app.public_holidays import REGIMES
from app.town import operations, queries
from app.town.settings import TownSettings, accessibility_status
from forms.town import TownForm

TODAY = date(2026, 11, 20)


def statements(database: Database) -> list[str]:
    """Everything sent to the database from now on, BEGIN apart."""
    sent: list[str] = []

    def note(*args: Any) -> None:
        if not args[2].startswith("BEGIN"):
            sent.append(args[2])

    event.listen(database.engine, "before_cursor_execute", note)
    return sent


def change(database: Database, **changes: object) -> TownSettings:
    with database.transaction() as session:
        return operations.change_settings(session, SYSTEM, changes)


def read(database: Database) -> TownSettings:
    with database.transaction(read_only=True) as session:
        return queries.town_settings(session)


@pytest.mark.parametrize(
    ("audited_on", "rate", "expected"),
    [
        (None, None, "non conforme"),
        (None, 100.0, "non conforme"),
        (date(2026, 1, 1), None, "non conforme"),
        (date(2026, 1, 1), 0.0, "non conforme"),
        (date(2026, 1, 1), 49.99, "non conforme"),
        (date(2026, 1, 1), 50.0, "partiellement conforme"),
        (date(2026, 1, 1), 99.99, "partiellement conforme"),
        (date(2026, 1, 1), 100.0, "totalement conforme"),
        (date(2023, 11, 21), 100.0, "totalement conforme"),
        (date(2023, 11, 20), 100.0, "non conforme"),
        (date(2020, 1, 1), 100.0, "non conforme"),
        (date(2026, 11, 21), 100.0, "non conforme"),
    ],
)
def test_the_status_follows_the_audit_its_rate_and_its_age(
    audited_on: date | None, rate: float | None, expected: str
) -> None:
    settings = TownSettings(accessibility_audit_date=audited_on, accessibility_rate=rate)
    assert accessibility_status(settings, TODAY) == expected


def test_an_audit_of_29_february_expires_on_1_march() -> None:
    settings = TownSettings(accessibility_audit_date=date(2024, 2, 29), accessibility_rate=80.0)
    assert accessibility_status(settings, date(2027, 2, 28)) == "partiellement conforme"
    assert accessibility_status(settings, date(2027, 3, 1)) == "non conforme"


def test_before_anybody_sets_anything_there_are_defaults(database: Database) -> None:
    assert read(database) == TownSettings()


def test_every_setting_is_kept_and_read_back(database: Database) -> None:
    wanted = {
        "name": "Valbrise",
        "insee_code": "99870",
        "postal_code": "99870",
        "siret": "21990870400014",
        "primary_colour": "#1D6561",
        "zone": "A",
        "accessibility_audit_date": TODAY,
        "accessibility_rate": 72.5,
        "signup_variant": "validation",
        "email_change_allowed": False,
        "max_upload_mb": 2,
    }
    with frozen(datetime(2026, 11, 20, 9, tzinfo=UTC)):
        changed = change(database, **wanted)
    assert changed == read(database)
    assert {**wanted, "primary_colour": "#1d6561"} == {name: getattr(changed, name) for name in wanted}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "   "),
        ("name", "x" * 201),
        ("name", None),
        ("postal_code", "3800"),
        ("siret", "123"),
        ("email", "pas une adresse"),
        ("website", "javascript:alert(1)"),
        ("accessibility_scheme_url", "data:text/html,x"),
        ("primary_colour", "red;}body{display:none"),
        ("zone", "D"),
        ("signup_variant", "ouvert"),
        ("email_change_allowed", "oui"),
        ("max_upload_mb", 0),
        ("max_upload_mb", 51),
        ("max_upload_mb", True),
        ("max_upload_mb", "10"),
        ("idle_minutes_agent", 4),
        ("accessibility_rate", 100.1),
        ("accessibility_rate", -1),
        ("accessibility_rate", float("nan")),
        ("accessibility_audit_date", date(2999, 1, 1)),
        ("terms_of_use", "x" * 20_001),
    ],
)
def test_a_wrong_value_is_refused_by_name_and_nothing_changes(database: Database, field: str, value: object) -> None:
    with pytest.raises(Refused) as refusal:
        change(database, **{"phone": "01 99 00 12 30", field: value})
    assert refusal.value.field == field
    assert read(database) == TownSettings()


def test_a_setting_that_does_not_exist_is_refused(database: Database) -> None:
    for name in ("id", "logo_digest", "unknown"):
        with pytest.raises(Refused):
            change(database, **{name: "x"})


@pytest.mark.parametrize(
    "grant",
    [
        Grant("role", frozenset()),
        Grant("role", frozenset({"structure:manage", "user:manage"})),
        Grant("role", frozenset({"settings:manage"}), uuid.uuid4()),
    ],
)
def test_only_who_manages_settings_everywhere_changes_them(database: Database, grant: Grant) -> None:
    actor = Actor("agent", None, "Un agent", (grant,))
    with database.transaction() as session:
        for way in (
            lambda: operations.change_settings(session, actor, {"name": "X"}),
            lambda: operations.change_logo(session, actor, None),
        ):
            with pytest.raises(Forbidden):
                way()


def test_the_journal_keeps_the_names_of_fields_and_no_value(database: Database) -> None:
    change(database, name="Valbrise", phone="01 99 00 12 30")
    change(database, name="Valbrise")
    with database.transaction() as session:
        [entry] = session.query(JournalEntry)
        assert (entry.action, entry.details) == ("town.settings_changed", {"fields": ["name", "phone"]})


def test_reading_again_costs_no_statement_and_a_change_is_seen_at_once(database: Database) -> None:
    change(database, name="Valbrise")
    assert read(database).name == "Valbrise"
    sent = statements(database)
    for _ in range(5):
        read(database)
    assert sent == []
    change(database, name="Valbrise-sur-Mer")
    assert read(database).name == "Valbrise-sur-Mer"


def test_a_change_made_by_another_process_is_seen_within_seconds(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert read(database).name == "Ma commune"
    forget = queries.forget_all
    monkeypatch.setattr(queries, "forget_all", lambda: None)  # the other process cannot tell ours
    change(database, name="Valbrise")
    assert read(database).name == "Ma commune"
    later = kept.time.monotonic() + kept.FRESH_SECONDS
    monkeypatch.setattr(kept.time, "monotonic", lambda: later)
    assert read(database).name == "Valbrise"
    forget()


def test_a_change_rolled_back_is_never_shown(database: Database) -> None:
    def change_then_fail() -> None:
        with database.transaction() as session:
            operations.change_settings(session, SYSTEM, {"name": "Nulle part"})
            raise RuntimeError

    with pytest.raises(RuntimeError):
        change_then_fail()
    assert read(database).name == "Ma commune"


def test_what_is_read_during_a_change_is_not_kept(database: Database) -> None:
    change(database, name="Avant")
    with database.transaction() as session:
        operations.change_settings(session, SYSTEM, {"name": "Après"})
        if database.engine.dialect.name == "postgresql":
            assert read(database).name == "Avant"
    assert read(database).name == "Après"


def picture(kind: str = "PNG", size: tuple[int, int] = (900, 500), **options: object) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, "#1d6561").save(out, kind, **options)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_logo_is_drawn_again_small_and_clean(database: Database, kind: str) -> None:
    exif = Image.Exif()
    exif[0x010E] = "GPS 45.1 5.7"
    sent = picture(kind, exif=exif) + b"<script>alert(1)</script>"
    png = operations.prepare_logo(sent)
    assert b"script" not in png
    assert b"GPS" not in png
    with Image.open(io.BytesIO(png)) as drawn:
        assert drawn.format == "PNG"
        assert drawn.width <= 640
        assert drawn.height <= 240
    with database.transaction() as session:
        operations.change_logo(session, SYSTEM, png)
    with database.transaction() as session:
        digest = queries.town_settings(session).logo_digest
        assert queries.logo(session) == (digest, png)
        operations.change_logo(session, SYSTEM, None)
    with database.transaction() as session:
        assert queries.logo(session) is None
        assert queries.town_settings(session).logo_url is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>",
        b"GIF89a" + b"\0" * 100,
        b"\x89PNG\r\n\x1a\n" + b"\0" * 50,
        b"x" * (operations.MAX_LOGO_BYTES + 1),
    ],
)
def test_what_is_not_a_picture_is_refused(content: bytes) -> None:
    with pytest.raises(Refused) as refusal:
        operations.prepare_logo(content)
    assert refusal.value.field == "logo"


def test_a_picture_that_would_fill_the_memory_is_refused() -> None:
    with pytest.raises(Refused):
        operations.prepare_logo(picture(size=(6000, 6000)))


def test_structures_are_read_in_french_order_without_a_statement(database: Database, clock: FrozenClock) -> None:
    with database.transaction() as session:
        for code, name in (("B", "Restaurant"), ("A", "École"), ("C", "accueil"), ("D", "Zoé")):
            operations.create_structure(session, SYSTEM, code=code, name=name, kind="service")
    with database.transaction() as session:
        assert [one.name for one in queries.structures(session)] == ["accueil", "École", "Restaurant", "Zoé"]
        sent = statements(database)
        assert queries.structures(session, kind="ecole") == []
        assert sent == []


def test_a_closed_structure_leaves_the_choices_and_stays_in_history(database: Database) -> None:
    with database.transaction() as session:
        made = operations.create_structure(session, SYSTEM, code="EM", name="École", kind="ecole", levels=["MS", "PS"])
        assert made.levels == ["PS", "MS"]
    with database.transaction() as session:
        operations.change_structure(session, SYSTEM, made.id, code="EM", name="École", kind="ecole", open=False)
    with database.transaction() as session:
        assert queries.structures(session, open_only=True) == []
        assert queries.structure_names(session) == {made.id: "École"}


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"code": ""}, "code"),
        ({"code": "trop long pour un code"}, "code"),
        ({"code": "É"}, "code"),
        ({"code": "em"}, "code"),
        ({"name": ""}, "name"),
        ({"kind": "prison"}, "kind"),
        ({"levels": ["CP", "Terminale"]}, "levels"),
        ({"capacity": 0}, "capacity"),
        ({"capacity": -3}, "capacity"),
        ({"capacity": "vingt"}, "capacity"),
        ({"email": "x"}, "email"),
    ],
)
def test_a_structure_that_makes_no_sense_is_refused(database: Database, values: dict[str, object], field: str) -> None:
    with database.transaction() as session:
        operations.create_structure(session, SYSTEM, code="EM", name="École", kind="ecole")
        with pytest.raises(Refused) as refusal:
            operations.create_structure(session, SYSTEM, **{"code": "EE", "name": "Autre", "kind": "ecole", **values})
    assert refusal.value.field == field


def test_who_manages_one_structure_changes_that_one(database: Database) -> None:
    with database.transaction() as session:
        mine = operations.create_structure(session, SYSTEM, code="EM", name="École", kind="ecole")
        other = operations.create_structure(session, SYSTEM, code="EE", name="Autre", kind="ecole")
        actor = Actor("agent", None, "?", (Grant("r", frozenset({Permission.STRUCTURE_MANAGE}), mine.id),))
        operations.change_structure(session, actor, mine.id, code="EM", name="École neuve", kind="ecole")
        with pytest.raises(Forbidden):
            operations.change_structure(session, actor, other.id, code="EE", name="Prise", kind="ecole")
        with pytest.raises(Forbidden):
            operations.create_structure(session, actor, code="ZZ", name="Autre", kind="ecole")


def test_the_form_offers_every_calendar_of_holidays() -> None:
    choices = TownForm.holidays.kwargs["choices"]
    assert [value for value, *_ in choices] == list(REGIMES)
    assert [label for _, label, *_ in choices] == list(REGIMES.values())
