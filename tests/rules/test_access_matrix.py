"""Every route × every persona (design.md, invariant 9): what is not written in the table fails, and so does what is
written and not so."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from app.web.requests import Portal
from tests.rules.cast import PERSONAS, STAFF, VISITORS, Cast
from tests.rules.conftest import WalkOf
from tests.rules.matrix import BadMatrix, Line, read_matrix
from tests.rules.walk import Answer, rehearsal_of, routes

AUDIENCES = {"public", "member", "family", "agent", "admin"}


@pytest.fixture(scope="module")
def app(cast: Cast) -> Portal:
    return rehearsal_of(cast)[0]


def differences(lines: Sequence[Line], persona: str, answers: Sequence[Answer]) -> list[str]:
    """Where what a persona got is not what the table says."""
    told = {line.key: line.cells[persona] for line in lines}
    return [
        f"{answer.method} {answer.rule}{' @' + answer.variant if answer.variant else ''}: "
        f"{persona} got {answer.done} instead of {told.get(answer.key, 'nothing said')}\n{answer.trouble}"
        for answer in answers
        if told.get(answer.key) != answer.done
    ]


def unsaid(lines: Sequence[Line], app: Portal) -> tuple[set[str], set[str]]:
    """Routes that the table forgets, and lines about routes that do not exist."""
    known = {f"{method} {rule.rule}" for rule, method in routes(app)}
    said = {f"{line.method} {line.rule}" for line in lines}
    return known - said, said - known


@pytest.mark.parametrize("persona", PERSONAS)
def test_each_persona_gets_what_the_table_says(persona: str, walk_of: WalkOf) -> None:
    assert differences(read_matrix(), persona, walk_of(persona).answers) == []


def test_no_route_is_missing_from_the_table_and_no_line_is_about_nothing(app: Portal) -> None:
    assert unsaid(read_matrix(), app) == (set(), set())


def test_no_route_ever_fails(walk_of: WalkOf) -> None:
    """A cell cannot say 500, and a post with an empty body is what a robot sends."""
    failures = [
        f"{a.method} {a.path} ({p})\n{a.trouble}" for p in PERSONAS for a in walk_of(p).answers if a.status > 499
    ]
    assert failures == []


def test_every_blueprint_says_for_whom_it_is(app: Portal) -> None:
    assert {name: bp for name, bp in app.blueprints.items() if getattr(bp, "audience", "") not in AUDIENCES} == {}


def test_whoever_is_not_signed_in_is_only_shown_what_is_public_or_hers(app: Portal) -> None:
    """Not one cell by one: a line that opens a reserved blueprint to a visitor is wrong whatever the table says."""
    reserved = {
        f"{method} {rule.rule}"
        for rule, method in routes(app)
        if (bp := app.blueprints.get(rule.endpoint.partition(".")[0])) is not None and bp.audience != "public"
    }
    for line in read_matrix():
        if f"{line.method} {line.rule}" in reserved:
            assert {line.cells[persona] for persona in VISITORS} == {"in"}, line
            assert line.cells["no2fa"] in ("2nd", "404"), line


def test_the_pages_of_a_family_open_to_no_agent_and_those_of_agents_to_no_family(app: Portal) -> None:
    for line in read_matrix():
        if line.rule.startswith(("/agent", "/admin")):
            parents = {line.cells[p] for p in PERSONAS if p not in (*STAFF, *VISITORS)}
            assert parents == {"404"}, line
        elif line.rule.startswith(("/demandes", "/foyer", "/pieces", "/messages", "/tableau")):
            assert {line.cells[p] for p in STAFF} <= {"404", "2nd"}, line


def test_whoever_lost_authority_and_a_stranger_learn_nothing(app: Portal) -> None:
    """What is about the child, or was filed for him, does not exist for them (R-21), whatever the method."""
    about_the_child = [
        line for line in read_matrix() if line.rule.startswith(("/demandes/<", "/foyer/", "/pieces/<", "/messages/<"))
    ]
    assert len(about_the_child) > 20
    for line in about_the_child:
        assert {line.cells["withdrawn"], line.cells["stranger"]} == {"404"}, line


# -- each guard can fail ---------------------------------------------------------------------------------------------

HEADER = " ".join(PERSONAS)


def sample(cells: str, rule: str = "/demandes") -> str:
    return f"{HEADER}\nGET {rule} | {cells}\n"


def test_a_route_left_out_a_line_about_nothing_and_a_wrong_cell_are_found(app: Portal, walk_of: WalkOf) -> None:
    lines = [line for line in read_matrix() if line.rule != "/demandes"]
    lines.append(Line("GET", "/nulle-part", "", dict.fromkeys(PERSONAS, "200")))
    assert unsaid(lines, app) == ({"GET /demandes"}, {"GET /nulle-part"})
    opened = read_matrix(sample(" ".join(["200"] * len(PERSONAS))))
    asked = [answer for answer in walk_of("stranger").answers if answer.rule == "/demandes"]
    assert differences(opened, "stranger", asked) == []
    asked = [answer for answer in walk_of("dpo").answers if answer.rule == "/demandes"]
    assert [text.strip() for text in differences(opened, "dpo", asked)] == ["GET /demandes: dpo got 404 instead of 200"]


@pytest.mark.parametrize(
    "text",
    [
        sample("200 200"),
        sample(" ".join(["500"] * len(PERSONAS))),
        sample(" ".join(["200"] * len(PERSONAS))) * 2,
        sample(" ".join(["200"] * len(PERSONAS))).replace("stranger", "somebody"),
    ],
)
def test_a_table_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(BadMatrix):
        read_matrix(text)
