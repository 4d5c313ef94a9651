"""Templates and static files: nothing inline, nothing from elsewhere, every form guarded, every address known (R-77,
R-78)."""

from __future__ import annotations

import pytest

from app.web.requests import Portal
from tests.rules import markup
from tests.rules.cast import Cast
from tests.rules.markup import static_files, templates
from tests.rules.walk import rehearsal_of


@pytest.fixture(scope="module")
def app(cast: Cast) -> Portal:
    return rehearsal_of(cast)[0]


def test_there_are_templates_to_judge() -> None:
    assert len(list(templates())) > 60
    assert len(list(static_files())) > 10


def test_every_template_parses(app: Portal) -> None:
    for _, text in templates():
        app.jinja_env.parse(text)


def test_templates_are_escaped_by_their_name(app: Portal) -> None:
    """Jinja escapes what ends in .html; a template with another name would print what people typed as it is."""
    assert [name for name, _ in templates() if not name.endswith(".html")] == []


def test_nothing_is_inline_unescaped_or_from_elsewhere() -> None:
    assert [fault for name, text in templates() for fault in markup.inline(name, text)] == []


def test_every_form_that_posts_carries_its_token() -> None:
    assert [fault for name, text in templates() for fault in markup.unguarded_forms(name, text)] == []
    assert sum(text.count("csrf()") for _, text in templates()) > 30


def test_every_address_named_in_a_template_exists(app: Portal) -> None:
    known = frozenset(rule.endpoint for rule in app.url_map.iter_rules())
    assert [fault for name, text in templates() for fault in markup.unknown_endpoints(name, text, known)] == []


def test_what_is_served_asks_no_other_site() -> None:
    assert [fault for name, text in static_files() for fault in markup.other_origins(name, text)] == []


@pytest.mark.parametrize(
    "bad",
    [
        "<script>alert(1)</script>",
        "<style>p {color: red}</style>",
        "<p class='a' style='color: red'>",
        "<button onclick='go()'>",
        "<a href='javascript:go()'>",
        "{{ message | safe }}",
        "{% autoescape false %}",
        "<img src='//cdn.example/logo.png'>",
        "<link rel='stylesheet' href='https://cdn.example/x.css'>",
    ],
)
def test_what_is_inline_or_from_elsewhere_is_found(bad: str) -> None:
    assert markup.inline("sample.html", bad) != []
    assert markup.inline("sample.html", "<p data-on='x'>a style = of <code>onclick</code></p>") == []


def test_a_form_without_its_token_and_an_unknown_address_are_found() -> None:
    assert markup.unguarded_forms("sample.html", '<form method="post" action="/x"><button>Aller</button></form>') != []
    assert (
        markup.unguarded_forms("sample.html", '<form method="post">{{ csrf() }}</form><form action="/q"></form>') == []
    )
    known = frozenset({"room.show"})
    assert markup.unknown_endpoints("sample.html", "{{ url_for('room.gone') }}", known) != []
    assert markup.unknown_endpoints("sample.html", "{{ url_for('.show') }}{{ url_for('room.show') }}", known) == []
    assert markup.other_origins("a.js", "fetch('https://evil.example/x')") != []
    assert markup.other_origins("a.js", "/* see https://docs.example */ ns('http://www.w3.org/2000/svg')") == []
