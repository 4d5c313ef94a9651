"""The text of a mail on the administrators' page: links to follow, nothing else."""

from __future__ import annotations

import pytest

from app.messages.presentation import with_links


def test_addresses_become_links_and_keep_their_punctuation_outside() -> None:
    shown = with_links("Ouvrez http://127.0.0.1:8000/compte/x-_Y?a=1&b=2.\nMerci (https://a.example/b)!")
    assert str(shown) == (
        'Ouvrez <a href="http://127.0.0.1:8000/compte/x-_Y?a=1&amp;b=2" rel="noreferrer">'
        "http://127.0.0.1:8000/compte/x-_Y?a=1&amp;b=2</a>.\n"
        'Merci (<a href="https://a.example/b" rel="noreferrer">https://a.example/b</a>)!'
    )


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        'http://a.example/"onmouseover="x',
        "https://a.example/<img src=x onerror=y>",
        "javascript:alert(1)",
        "data:text/html,<b>",
    ],
)
def test_nothing_else_becomes_markup(text: str) -> None:
    shown = str(with_links(text))
    assert "<script" not in shown
    assert "<img" not in shown
    assert 'onmouseover="' not in shown.replace("&#34;", "'")
    assert 'href="javascript' not in shown
    assert 'href="data' not in shown
