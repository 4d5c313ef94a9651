"""What the house asks of its sources (design.md, invariants 1, 2, 11; names and sizes). Nothing is excused by name.

A function is as long as what it does: its docstring, comments, blank lines and signature are not counted.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.rules import source
from tests.rules.source import ROOT, sources

OPERATIONS = [
    (name, text)
    for name, text in sources()
    if name.endswith(("operations.py", "/administration.py")) and name.startswith("app/") and "/engine/" not in name
]
Rule = Callable[[str, str], list[str]]


def faults(rule: Rule, *, but: str = "") -> list[str]:
    """What a rule finds in the whole product."""
    return [fault for name, text in sources() if name != but for fault in rule(name, text)]


def test_only_the_transaction_commits() -> None:
    assert faults(source.commits, but="app/db.py") == []
    assert source.commits("app/db.py", (ROOT / "app/db.py").read_text(encoding="utf-8")) != []


def test_time_comes_from_one_clock() -> None:
    assert faults(source.own_clock, but="app/clock.py") == []


def test_files_and_functions_stay_short() -> None:
    assert faults(source.too_long) == []


def test_every_name_says_something() -> None:
    assert faults(source.vague) == []


def test_operations_say_first_who_acts() -> None:
    assert len(OPERATIONS) > 8
    assert [fault for name, text in OPERATIONS for fault in source.authorless(name, text)] == []


def test_operations_without_an_author_still_exist() -> None:
    known = "\n".join(text for _, text in OPERATIONS)
    assert [name for name in source.NOBODYS if f"def {name}(" not in known] == []


def test_operations_never_see_a_request() -> None:
    assert [fault for name, text in OPERATIONS for fault in source.sees_requests(name, text)] == []


@pytest.mark.parametrize(
    ("rule", "bad", "good"),
    [
        (source.commits, "session.commit()", "session.flush()"),
        (source.commits, "connection.exec_driver_sql('commit')", "connection.exec_driver_sql('BEGIN')"),
        (source.own_clock, "x = datetime.now(UTC)", "x = clock.now()"),
        (source.own_clock, "x = datetime.datetime.utcnow()", "x = time.monotonic()"),
        (source.own_clock, "x = date.today()", "x = date(2026, 1, 1)"),
        (source.too_long, "x = 1\n" * 401, "x = 1\n" * 400),
        (source.too_long, "def f():\n" + "    x = 1\n" * 41, "def f():\n    'Says.'\n    # why\n" + "    x = 1\n" * 40),
        (source.vague, "class CaseManager: ...", "class Case: ..."),
        (source.vague, "class FormHelper: ...", "class ManagerOfNothing: ..."),
        (source.authorless, "def close_case(session, case, actor): ...", "def close_case(session, actor, case): ..."),
        (source.authorless, "def close_case(actor, session): ...", "def _close(session): ..."),
        (source.sees_requests, "from flask import request", "from app.policy import Actor"),
        (source.sees_requests, "import app.web.identity", "import app.clock"),
    ],
)
def test_each_rule_finds_what_it_is_for(rule: Rule, bad: str, good: str) -> None:
    assert rule("app/room/sample.py", bad) != []
    assert rule("app/room/sample.py", good) == []


def test_a_vague_file_name_is_found() -> None:
    assert source.vague("app/room/utils.py", "") != []
    assert source.vague("app/common/dates.py", "") != []
