"""Forms to test with: one page, one field, or the complete example."""

import json
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from simpleeval import EvalWithCompoundTypes
from werkzeug.datastructures import MultiDict

from app.web.components import icons
from forms import Choice, FormDefinition, StepForm, load_definition, open_form

ROOT = Path(__file__).parents[2]
TODAY = date(2026, 11, 20)
EXAMPLE = (Path(__file__).parent / "data" / "complet.json").read_bytes()

SOURCES = {
    "children": [Choice("enf-lena", "Léna Martin", "CE1"), Choice("enf-hugo", "Hugo Martin", "MS")],
    "adults": [Choice("adu-anne", "Anne Martin")],
    "persons": [Choice("per-odette", "Odette Martin", "Grand-parent")],
    "structures:ecole": [Choice("str-em", "École Les Tilleuls"), Choice("str-ee", "École Les Marronniers")],
    "activities": [Choice("act-cant", "Cantine"), Choice("act-soir", "Accueil du soir", closed="complet")],
    "slots": [Choice("matin", "Matin"), Choice("midi", "Midi"), Choice("soir", "Soir", closed="hors délai")],
    "pieces:certificat_medical": [Choice("doc-1", "certificat.pdf", "valide")],
    "champs": [Choice("motif", "Motif"), Choice("periode", "Période")],
}


def evaluate(expression: str, names: Any) -> Any:
    return EvalWithCompoundTypes(names=dict(names)).eval(expression)


def make_definition(*fields: dict[str, Any], **page: Any) -> FormDefinition:
    return load_definition({"title": "Essai", "pages": [{"title": "Page", "fields": list(fields), **page}]})


def make_form(definition: FormDefinition, posted: Any = None, **options: Any) -> StepForm:
    """`posted`: a dict (values may be lists) or None for no submission."""
    options = {"values": {}, "sources": SOURCES, "evaluate": evaluate, "today": TODAY} | options
    return open_form(definition, formdata=None if posted is None else MultiDict(posted), **options)


def make_field_form(field: dict[str, Any], posted: Any = None, **options: Any) -> StepForm:
    """A form of one field named `x` unless told otherwise."""
    return make_form(make_definition({"name": "x", "label": "Question", **field}), posted, **options)


def message(field: dict[str, Any], posted: Any, **options: Any) -> str:
    """The single message that a submission gets beside the field; '' when it is accepted."""
    form = make_field_form(field, posted, **options)
    fine = form.validate()
    texts = list(form["x"].errors)
    assert len(texts) == (0 if fine else 1), texts
    assert bool(form.errors) is not fine
    return "".join(texts)


def value(field: dict[str, Any], posted: Any, **options: Any) -> Any:
    """The value of `x` after an accepted submission."""
    form = make_field_form(field, posted, **options)
    assert form.validate(), form.errors
    return form.values()["x"]


def example() -> FormDefinition:
    return load_definition(EXAMPLE)


def example_document() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(EXAMPLE)
    return document


_ENVIRONMENT = Environment(
    loader=FileSystemLoader(ROOT / "app" / "web" / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.globals["static_url"] = lambda path: f"/static/{path}"
_ENVIRONMENT.globals["drawn_icon"] = icons(lambda path: f"/static/{path}")
_PAGE = _ENVIRONMENT.from_string(
    "{% import 'components/form.html' as f %}{{ f.error_summary(form) }}{{ f.required_note(form) }}{{ f.fields(form) }}"
)
_RECAP = _ENVIRONMENT.from_string("{% import 'components/form.html' as f %}{{ f.recap(summary, urls) }}")


def render(form: Any) -> str:
    return _PAGE.render(form=form)


def render_recap(summary: Any, urls: dict[str, str] | None = None) -> str:
    return _RECAP.render(summary=summary, urls=urls or {})


VOID = {"input", "br", "use", "hr", "img", "meta", "link"}


class Page(HTMLParser):
    """A strict reader: every element is closed in order; collects what accessibility needs."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)
        self.close()
        assert self.open == [], self.open

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"attribute twice on {tag}: {names}"
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag, f"</{tag}> out of order"

    def all(self, *tags: str) -> list[dict[str, str | None]]:
        return [attrs for tag, attrs in self.elements if tag in tags]

    def ids(self) -> list[str]:
        return [attrs["id"] for _, attrs in self.elements if attrs.get("id")]

    def controls(self) -> list[dict[str, str | None]]:
        return [attrs for attrs in self.all("input", "select", "textarea") if attrs.get("type") != "hidden"]
