"""The only child or adult that can be chosen is chosen already; whoever has a choice makes it."""

import pytest

from forms import Choice
from tests.forms.making import SOURCES, Page, make_definition, make_field_form, make_form, render

LENA, HUGO, OUT = Choice("lena", "Léna"), Choice("hugo", "Hugo"), Choice("out", "Zoé", closed="trop jeune")


def only(*choices: Choice) -> dict[str, list[Choice]]:
    return {"children": list(choices), "adults": list(choices), "structures": list(choices)}


@pytest.mark.parametrize("kind", ["child", "adult"])
@pytest.mark.parametrize("choices", [(LENA,), (LENA, OUT), (OUT, LENA)])
def test_the_only_open_person_of_a_required_field_is_chosen_already(kind: str, choices: tuple[Choice, ...]) -> None:
    form = make_field_form({"type": kind, "required": True}, sources=only(*choices))
    assert form["x"].parsed == {"x": "lena"}
    assert form.validate()
    ticked = [each["value"] for each in Page(render(form)).controls() if "checked" in each]
    assert ticked == ["lena"]


@pytest.mark.parametrize("choices", [(), (OUT,), (LENA, HUGO)])
def test_nobody_is_chosen_when_there_is_a_choice_or_none(choices: tuple[Choice, ...]) -> None:
    form = make_field_form({"type": "child", "required": True}, sources=only(*choices))
    assert form["x"].parsed == {"x": None}
    assert not form.validate()


@pytest.mark.parametrize(
    "field",
    [
        {"type": "child"},
        {"type": "children", "required": True},
        {"type": "structure", "required": True},
        {"type": "choice", "required": True, "options": [{"value": "a", "label": "A"}, {"value": "b", "label": "B"}]},
    ],
)
def test_other_questions_wait_for_an_answer(field: dict[str, object]) -> None:
    assert make_field_form(field, sources=only(LENA))["x"].is_blank()


def test_an_answer_given_before_stays_even_a_blank_one_or_a_child_no_longer_offered() -> None:
    child = {"type": "child", "required": True}
    assert make_field_form(child, values={"x": None}, sources=only(LENA))["x"].parsed == {"x": None}
    gone = make_field_form(child, values={"x": "hugo"}, sources=only(LENA))
    assert gone["x"].parsed == {"x": None}
    assert not gone.validate()


def test_what_is_posted_is_what_counts() -> None:
    child = {"type": "child", "required": True}
    assert not make_field_form(child, {}, sources=only(LENA)).validate()
    assert not make_field_form(child, {"x": "hugo"}, sources=only(LENA)).validate()
    assert not make_field_form(child, {"x": "out"}, sources=only(LENA, OUT)).validate()


def test_the_fields_after_see_who_was_chosen() -> None:
    definition = make_definition(
        {"type": "child", "name": "enfant", "label": "Enfant", "required": True},
        {"type": "text", "name": "suite", "label": "Suite", "show_if": "enfant != None"},
    )
    shown = [
        [field.spec.name for field in make_form(definition, sources=only(*who))] for who in ((LENA,), (LENA, HUGO))
    ]
    assert shown == [["enfant", "suite"], ["enfant"]]


def test_a_blank_row_of_a_group_stays_blank() -> None:
    inner = [
        {"type": "adult", "name": "qui", "label": "Qui", "required": True},
        {"type": "text", "name": "lien", "label": "Lien", "required": True},
    ]
    group = {"type": "group", "row_label": "Personne", "fields": inner, "min_rows": 1}
    form = make_field_form(group, sources=SOURCES | only(LENA))
    assert form["x"].is_blank()
