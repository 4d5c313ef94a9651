"""A small application around the templates: the real assets, theme, filters and headers, without a database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask import Flask, render_template, render_template_string
from jinja2 import StrictUndefined, Undefined

from app.web import assets, components, filters, headers, theme
from app.web.styleguide import styleguide_context

ROOT = Path(__file__).parents[2]
SIGN_IN = (
    "{% extends 'layouts/public.html' %}{% block title %}Se connecter{% endblock %}{% block content %}"
    "<form method='post' action='/connexion' data-sign-in-form>"
    "<input type='hidden' name='csrf_token' value='{{ csrf_token() }}'>"
    "<label for='e'>Adresse électronique</label><input id='e' name='email'><button>Se connecter</button></form>"
    "{% endblock %}"
)


def make_portal(colours: tuple[str, str] = ("", ""), *, undefined: type[Undefined] = Undefined) -> Flask:
    """A Flask application that renders ``styleguide.html`` at /guide and any source given to ``render``."""
    app = Flask("app", root_path=str(ROOT / "app"), template_folder="web/templates", static_folder=None)
    app.jinja_env.undefined = undefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.secret_key = "only for these tests"
    app.jinja_env.globals["csrf_token"] = lambda: "jeton"
    for part in (assets, filters, headers):
        part.install(app)
    theme.install(app, lambda: colours)
    components.install(app)

    @app.context_processor
    def commune() -> dict[str, Any]:
        return {"commune": {"name": "Valbrise"}}

    @app.get("/guide")
    def guide() -> str:
        return render_template("styleguide.html", **styleguide_context())

    @app.get("/erreur/<int:code>")
    def error(code: int) -> str:
        return render_template(f"errors/{code}.html")

    @app.get("/connexion")
    def sign_in() -> str:
        return render_template_string(SIGN_IN)

    return app


def render(app: Flask, source: str, **context: Any) -> str:
    """The HTML of a template given as text."""
    with app.test_request_context("/"):
        return render_template_string(source, **context)


def make_strict_portal() -> Flask:
    """The same, where a variable that a template names and nobody gave is an error."""
    return make_portal(undefined=StrictUndefined)
