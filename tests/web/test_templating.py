"""``thing.name`` in templates means what it means in Jinja, whatever the thing is."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from flask import Flask
from jinja2 import Environment

from app.web.requests import Portal

THINGS: list[object] = [
    {"nom": "Léna"},
    {},
    {"items": "une clé", "get": 3},
    {"nom": None},
    SimpleNamespace(nom="Hugo"),
    ["a", "b"],
    "texte",
    None,
]


@pytest.mark.parametrize(
    "text", ["{{ x.nom }}", "{{ x.items is callable }}", "{{ x.get is callable }}", "{{ x.nom is defined }}"]
)
@pytest.mark.parametrize("thing", THINGS, ids=repr)
def test_a_name_is_found_as_jinja_finds_it(text: str, thing: object) -> None:
    app: Flask = Portal("essai")
    assert app.jinja_env.from_string(text).render(x=thing) == Environment().from_string(text).render(x=thing)


def test_a_page_names_its_own_blocks() -> None:
    text = "{% block title %}Mes demandes{% endblock %} {{ self.title() }} {{ self.autre is defined }}"
    assert Portal("essai").jinja_env.from_string(text).render() == "Mes demandes Mes demandes False"
