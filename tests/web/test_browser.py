"""portal.js, the style sheets and axe in a real browser, on the style guide and on a form that saves itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from flask import Flask, Response, render_template_string, request, session
from playwright.sync_api import Browser, Page, expect

from tests.journeys.axe import assert_accessible, violations
from tests.journeys.browser import served
from tests.web.pages import SIGN_IN, make_portal

FORM = """{% extends 'layouts/family.html' %}
{% block title %}Absence{% endblock %}{% block content %}
<form class="form" method="post" action="/form" data-autosave="/brouillon" data-refresh="/form">
<input type="hidden" name="csrf_token" value="{{ token }}">
<div class="fields">
<div class="field" data-field="motif" data-reactive><div class="ds-field"><label for="motif">Motif</label>
<select class="ds-input" id="motif" name="motif"><option>maladie</option>
<option {{ 'selected' if motif == 'autre' }}>autre</option></select></div></div>
{% if motif == 'autre' %}<div class="field" data-field="precision"><div class="ds-field">
<label for="precision">Précisez</label>
<input class="ds-input" id="precision" name="precision"></div></div>{% endif %}
<div class="field" data-field="note"><div class="ds-field"><label for="note">Note</label>
<textarea class="ds-input" id="note" name="note" data-count="20">{{ note }}</textarea></div></div>
<div class="field" data-field="accord"><div class="ds-field">
<input class="ds-input" type="checkbox" id="accord" name="accord"><label for="accord">J’accepte</label></div></div>
<div class="field" data-field="enfants"><fieldset>{% for row in '01' %}<div class="fields">
<div class="field" data-field="prenom"><input name="enfants-{{ row }}-prenom" aria-label="Prénom {{ row }}"
 value="{{ typed['enfants-' ~ row ~ '-prenom'] }}"></div>
{% if typed['enfants-' ~ row ~ '-prenom'] %}<div class="field" data-field="regime">
<input name="enfants-{{ row }}-regime" aria-label="Régime {{ row }}"></div>{% endif %}
</div>{% endfor %}</fieldset></div>
<div class="field" data-field="secret"><div class="ds-field">
<label for="secret">Mot de passe</label>
<input class="ds-input" id="secret" name="secret" type="password">
<ul class="password-rules"><li data-rule="length:12">12 caractères</li></ul></div></div>
</div>
<div class="form-actions">{{ ui.button('Envoyer', name='suite', value='oui') }}</div>
{{ ui.draft_status() }}</form>{% endblock %}"""


class Desk:
    """What the server received, and how it is told to answer."""

    def __init__(self) -> None:
        self.saves: list[str] = []
        self.tokens: list[str] = []
        self.submissions: list[str] = []
        self.answer = 200
        self.delays: list[float] = []
        self.drawing = threading.Event()
        self.drawing.set()


def make_form_app(desk: Desk) -> Flask:
    app = make_portal()
    app.jinja_env.globals["csrf_token"] = lambda: "nouveau" if session.get("back") else "ancien"

    @app.route("/form", methods=["GET", "POST"])
    def form() -> str:
        if request.method == "POST" and request.headers.get("X-Requested-With") != "fetch":
            time.sleep(0.4)
            desk.submissions.append(request.form.get("suite", ""))
        typed = request.form
        assert desk.drawing.wait(20)
        return render_template_string(
            FORM, motif=typed.get("motif"), note=typed.get("note"), typed=typed, token="ancien"
        )

    @app.post("/brouillon")
    def draft() -> Response | tuple[str, int]:
        if desk.answer != 200:
            return "", desk.answer
        time.sleep(desk.delays.pop(0) if desk.delays else 0)
        desk.saves.append(request.form["note"])
        desk.tokens.append(request.form["csrf_token"])
        return app.json.response({"saved_at": "à 14 h 05"})

    @app.post("/connexion")
    def signed_in() -> str:
        if request.form["email"] != "camille@exemple.fr":
            return render_template_string(SIGN_IN)
        session["back"], desk.answer = True, 200
        return render_template_string(FORM, motif="", typed={}, token="nouveau")

    return app


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(locale="fr-FR", viewport={"width": 390, "height": 844})
    yield context.new_page()
    context.close()


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def form_page(page: Page, desk: Desk) -> Iterator[Page]:
    with served(make_form_app(desk)) as address:
        page.goto(address + "/form")
        yield page


def leave(page: Page, text: str) -> None:
    page.fill("#note", text)
    page.dispatch_event("#note", "change")


def test_a_field_left_is_saved_and_said(form_page: Page, desk: Desk) -> None:
    leave(form_page, "fièvre")
    expect(form_page.locator("[data-draft-status]")).to_have_text("Brouillon enregistré à 14 h 05")
    assert desk.saves == ["fièvre"]


def test_a_slow_old_save_never_overwrites_a_newer_one(form_page: Page, desk: Desk) -> None:
    desk.delays = [0.5, 0.0, 0.0]
    for text in ("a", "ab", "abc"):
        leave(form_page, text)
        form_page.wait_for_timeout(60)
    form_page.wait_for_timeout(1000)
    assert desk.saves[0] == "a"
    assert desk.saves[-1] == "abc"
    assert desk.saves == sorted(desk.saves)


def test_nothing_is_sent_when_nothing_changed(form_page: Page, desk: Desk) -> None:
    form_page.focus("#note")
    form_page.focus("#motif")
    form_page.wait_for_timeout(200)
    assert desk.saves == []


def test_a_failed_save_says_so_and_can_be_tried_again(form_page: Page, desk: Desk) -> None:
    desk.answer = 503
    leave(form_page, "fièvre")
    error = form_page.locator("[data-draft-error]")
    expect(error).to_be_visible()
    assert violations(form_page) == []
    desk.answer = 200
    form_page.click("[data-draft-retry]")
    expect(error).to_be_hidden()
    assert desk.saves == ["fièvre"]


def test_a_dead_session_is_revived_in_place_and_nothing_typed_is_lost(form_page: Page, desk: Desk) -> None:
    desk.answer = 401
    leave(form_page, "fièvre")
    dialog = form_page.get_by_role("dialog", name="Votre session a pris fin")
    expect(dialog).to_be_visible()
    assert violations(form_page) == []
    dialog.get_by_label("Adresse électronique").fill("une autre")
    dialog.get_by_role("button").click()
    expect(dialog.get_by_label("Adresse électronique")).to_have_value("")  # refused: asked again, still in place
    dialog.get_by_label("Adresse électronique").fill("camille@exemple.fr")
    dialog.get_by_role("button").click()
    expect(dialog).to_be_hidden()
    expect(form_page.locator("[data-draft-status]")).to_have_text("Brouillon enregistré à 14 h 05")
    assert desk.saves == ["fièvre"]
    assert desk.tokens == ["nouveau"]
    expect(form_page.locator("#note")).to_have_value("fièvre")


def test_a_form_is_sent_once_with_the_value_of_its_button(form_page: Page, desk: Desk) -> None:
    # the server takes 0.4 s: the impatient second click comes while the first is under way
    form_page.evaluate(
        """() => {
          const button = document.querySelector(".form-actions button");
          button.click();
          setTimeout(() => button.click(), 150);
        }"""
    )
    form_page.wait_for_timeout(1200)
    assert desk.submissions == ["oui"]


def test_an_answer_redraws_what_depends_on_it_and_keeps_what_is_typed(form_page: Page) -> None:
    form_page.fill("#note", "fièvre")
    form_page.focus("#motif")
    form_page.select_option("#motif", "autre")
    expect(form_page.get_by_label("Précisez")).to_be_visible()
    expect(form_page.locator("#motif")).to_be_focused()


def test_what_is_answered_while_the_questions_are_drawn_again_stays(form_page: Page, desk: Desk) -> None:
    box = form_page.locator("#accord").element_handle()
    desk.drawing.clear()
    form_page.select_option("#motif", "autre")
    form_page.check("#accord")
    form_page.fill("#note", "fièvre")
    form_page.locator("#note").blur()
    desk.drawing.set()
    expect(form_page.get_by_label("Précisez")).to_be_visible()
    expect(form_page.locator("#accord")).to_be_checked()
    expect(form_page.locator("#note")).to_have_value("fièvre")
    assert box.evaluate("box => box.isConnected")  # a finger that was on it still is


def test_only_the_last_drawing_of_the_questions_counts(form_page: Page, desk: Desk) -> None:
    desk.drawing.clear()
    with form_page.expect_event("requestfailed"):  # the first is given up
        form_page.select_option("#motif", "autre")
        form_page.select_option("#motif", "maladie")
    desk.drawing.set()
    form_page.wait_for_load_state("networkidle")
    expect(form_page.get_by_label("Précisez")).to_have_count(0)


def test_a_form_that_is_sent_gives_up_the_drawing_under_way(form_page: Page, desk: Desk) -> None:
    desk.drawing.clear()
    with form_page.expect_event("requestfailed"):
        form_page.select_option("#motif", "autre")
        form_page.evaluate("document.querySelector('.form-actions button').click()")
    desk.drawing.set()
    form_page.wait_for_load_state("networkidle")
    assert desk.submissions == ["oui"]


def test_each_row_of_a_group_gets_its_own_questions(form_page: Page) -> None:
    form_page.fill("input[name=enfants-1-prenom]", "Inès")
    form_page.select_option("#motif", "autre")
    expect(form_page.get_by_label("Régime 1")).to_be_visible()
    expect(form_page.get_by_label("Régime 0")).to_have_count(0)
    expect(form_page.locator("input[name=enfants-1-prenom]")).to_have_value("Inès")


def test_the_count_and_the_password_rules_follow_the_typing(form_page: Page) -> None:
    form_page.fill("#note", "x" * 22)
    expect(form_page.get_by_text("2 caractères de trop").first).to_be_visible()
    rule = form_page.locator("[data-rule]")
    assert rule.get_attribute("data-met") == "false"
    form_page.fill("#secret", "douze lettres")
    assert rule.get_attribute("data-met") == "true"
    assert "respecté" in rule.inner_text()


def test_the_form_is_sent_without_javascript_too(browser: Browser, desk: Desk) -> None:
    context = browser.new_context(java_script_enabled=False)
    with served(make_form_app(desk)) as address:
        page = context.new_page()
        page.goto(address + "/form")
        page.get_by_role("button", name="Envoyer").click()
        assert desk.submissions == ["oui"]
        assert not page.locator("[data-draft-error]").is_visible()
    context.close()


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_the_guide_is_accessible_fits_and_respects_its_own_policy(browser: Browser, width: int) -> None:
    context = browser.new_context(locale="fr-FR", viewport={"width": width, "height": 844})
    page, complaints, origins = context.new_page(), [], set()
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda sent: origins.add(sent.url.split("/")[2]))
    with served(make_portal()) as address:
        page.goto(address + "/guide")
        assert_accessible(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate("document.fonts.check('16px Figtree')")
        assert complaints == []
        assert origins == {address.split("/")[2]}
    context.close()


@pytest.mark.parametrize("code", [400, 403, 404, 409, 413, 422, 429, 500, 503])
def test_error_pages_are_accessible(page: Page, code: int) -> None:
    with served(make_portal()) as address:
        page.goto(f"{address}/erreur/{code}")
        assert_accessible(page)


def test_axe_sees_a_fault_when_there_is_one(page: Page) -> None:
    page.set_content("<!doctype html><html><title>x</title><main><h1>x</h1><input><img src='data:,'></main></html>")
    found = {violation["id"] for violation in violations(page)}
    assert {"html-has-lang", "label", "image-alt"} <= found
    with pytest.raises(AssertionError, match="html-has-lang"):
        assert_accessible(page)


def test_the_keyboard_reaches_the_content_first(page: Page) -> None:
    with served(make_portal()) as address:
        page.goto(address + "/guide")
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Aller au contenu")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("#contenu")).to_be_focused()
