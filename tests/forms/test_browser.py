"""The pages of forms in a real browser: clean under axe at two widths, errors that lead to their inputs."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask, render_template_string, request
from playwright.sync_api import Browser, expect
from werkzeug.datastructures import MultiDict

from forms import accounts, summary
from tests.forms.making import SOURCES, example, make_definition, make_form
from tests.forms.test_rendering import STATES, opened
from tests.journeys.axe import assert_accessible
from tests.journeys.browser import served
from tests.web.pages import make_portal

SOURCE = """{% extends 'layouts/family.html' %}{% import 'components/form.html' as f %}
{% block title %}Essai{% endblock %}
{% block content %}{{ f.error_summary(form) if form }}<form class="form" method="post" action="/rangs" novalidate>
{% if form %}{{ f.required_note(form) }}{{ f.fields(form) }}{% endif %}{% if told %}{{ f.recap(told, {}) }}{% endif %}
<button class="ds-button" name="suite" value="oui">Continuer</button></form>
<p id="issue">{{ outcome if outcome is defined }}</p>{% endblock %}"""


def make_rows(posted: Any = None) -> Any:
    cell = {"type": "text", "name": "nom", "label": "Nom", "required": True}
    return make_form(make_definition({"type": "group", "name": "g", "label": "Personnes", "fields": [cell]}), posted)


def make_app() -> Flask:
    app = make_portal()

    @app.get("/etat/<state>")
    def state(state: str) -> str:
        return render_template_string(SOURCE, form=opened(state))

    @app.get("/verrouille")
    def locked() -> str:
        values = {"etape": "instruction", "demandeur_nom": "M", **opened("filled").values()}
        return render_template_string(SOURCE, form=make_form(example(), values=values, only=["nom"]))

    @app.get("/recapitulatif")
    def recap() -> str:
        told = summary(example(), opened("filled").values(), SOURCES)
        return render_template_string(SOURCE, form=None, told=told)

    @app.get("/compte/<name>")
    def account(name: str) -> str:
        form = getattr(accounts, name)(MultiDict())
        form.validate()
        return render_template_string(SOURCE, form=form)

    @app.route("/rangs", methods=["GET", "POST"])
    def rows() -> str:
        form = make_rows(request.form if request.method == "POST" else None)
        outcome = "rangs" if form.wants_row_change() else "suite" if request.form else "début"
        return render_template_string(SOURCE, form=form, outcome=outcome)

    return app


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with served(make_app()) as url:
        yield url


PAGES = [*(f"etat/{state}" for state in sorted(STATES)), "verrouille", "recapitulatif"]
PAGES += [f"compte/{name}" for name in ("SignInForm", "ChangePasswordForm", "TotpForm", "MessageForm")]


@pytest.mark.parametrize("path", PAGES)
def test_pages_are_clean_under_axe_and_fit_a_phone(path: str, browser: Browser, address: str) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto(f"{address}/{path}")
    assert_accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.set_viewport_size({"width": 1280, "height": 900})
    assert_accessible(page)
    page.close()


def test_the_summary_takes_the_focus_and_leads_to_each_input(browser: Browser, address: str) -> None:
    page = browser.new_page()
    page.goto(f"{address}/etat/refused")
    expect(page).to_have_title("Erreur : Essai – Portail famille de Valbrise")
    assert page.evaluate("document.activeElement.className") == "ds-error-summary"
    links = page.locator(".ds-error-summary a").all()
    assert len(links) > 8
    for link in links:
        target = (link.get_attribute("href") or "")[1:]
        link.click()
        assert page.evaluate("document.activeElement.id") == target
    page.close()


def test_rows_work_without_javascript_and_enter_continues(browser: Browser, address: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/rangs")
    page.get_by_role("button", name="Ajouter").click()
    page.get_by_role("textbox", name="Nom").fill("Anne")
    page.get_by_role("button", name="Ajouter").click()
    assert page.get_by_role("textbox", name="Nom").nth(0).input_value() == "Anne"
    page.get_by_role("textbox", name="Nom").nth(1).fill("Paul")
    page.get_by_role("button", name="Retirer Ligne 1").click()
    assert page.get_by_role("textbox", name="Nom").input_value() == "Paul"
    page.get_by_role("textbox", name="Nom").press("Enter")
    expect(page.locator("#issue")).to_have_text("suite")
    context.close()
