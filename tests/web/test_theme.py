from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.web.assets import STATIC
from app.web.theme import DEFAULT_ACCENT, DEFAULT_PRIMARY, acceptable, contrast, mixed, theme_css
from tests.web.pages import make_portal

COLOURS = st.from_regex(r"#[0-9a-f]{6}", fullmatch=True)
RULE = re.compile(r":root\{(--commune-[a-z-]+:#[0-9a-f]{6};?)+\}\n")


def properties(css: str) -> dict[str, str]:
    return dict(re.findall(r"(--commune-[a-z-]+):\s*(#[0-9a-f]{6})", css))


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
    assert contrast("#123456", "#123456") == 1


@given(COLOURS, COLOURS)
def test_whatever_the_commune_chooses_text_stays_readable(primary: str, accent: str) -> None:
    values = properties(theme_css(primary, accent))
    for name in ("primary", "accent"):
        main, tint, soft = (values[f"--commune-{name}{end}"] for end in ("", "-tint", "-soft"))
        ink = values[f"--commune-{name}-ink"]
        assert contrast(main, "#ffffff") >= 4.5
        assert contrast(main, tint) >= 4.5
        assert contrast(ink, soft) >= 4.5
        assert contrast(values[f"--commune-{name}-hover"], "#ffffff") >= 4.5


@given(COLOURS)
def test_a_good_colour_is_kept_and_a_pale_one_is_not(colour: str) -> None:
    used = properties(theme_css(colour, ""))["--commune-primary"]
    assert used == (colour if acceptable(colour) else DEFAULT_PRIMARY)


@pytest.mark.parametrize(
    "hostile",
    [
        "",
        "red",
        "#fff",
        "#12345",
        "#1234567",
        "#12345g",
        "#000000}body{display:none}",
        "url(//x)",
        "#000000;",
        "\x00",
        "＃000000",
    ],
)
def test_what_is_not_a_colour_never_reaches_the_sheet(hostile: str) -> None:
    css = theme_css(hostile, hostile)
    assert RULE.fullmatch(css)
    assert properties(css)["--commune-accent"] == DEFAULT_ACCENT


def test_the_default_colours_are_those_written_in_the_sheet() -> None:
    written = properties((STATIC / "css" / "tokens.css").read_text(encoding="utf-8"))
    assert written == properties(theme_css(DEFAULT_PRIMARY, DEFAULT_ACCENT))


def test_mixing_goes_from_one_colour_to_the_other() -> None:
    assert mixed("#000000", "#ffffff", 0) == "#000000"
    assert mixed("#000000", "#ffffff", 1) == "#ffffff"
    assert mixed("#000000", "#ffffff", 0.5) == "#808080"


def test_the_sheet_is_kept_under_its_own_address_only() -> None:
    app = make_portal(("#5b2a86", ""))
    with app.test_request_context("/"):
        address = app.jinja_env.globals["theme_url"]()
    client = app.test_client()
    kept, asked = client.get(address), client.get("/theme.css")
    assert "immutable" in kept.headers["Cache-Control"]
    assert asked.headers["Cache-Control"] == "public, no-cache"
    assert "--commune-primary:#5b2a86" in kept.text
    assert kept.mimetype == "text/css"
