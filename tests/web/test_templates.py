from __future__ import annotations

import re

import pytest

from app.web.assets import STATIC
from app.web.navigation import ADMIN, AGENT, FAMILY
from tests.web.pages import ROOT, make_portal, make_strict_portal, render

SPRITE = set(re.findall(r'<symbol id="([^"]+)"', (STATIC / "vendor/lucide/icons.svg").read_text(encoding="utf-8")))
CODES = (400, 403, 404, 409, 413, 422, 429, 500, 503)
HOSTILE = "<img src=x onerror=alert(1)>\"'"


def test_the_title_says_the_page_then_the_portal() -> None:
    html = render(make_portal(), "{% extends 'layouts/public.html' %}{% block title %}Aide{% endblock %}")
    assert "<title>Aide – Portail famille de Valbrise</title>" in html
    assert "<h1>Aide</h1>" in html


def test_a_page_with_errors_says_so_first() -> None:
    source = "{% extends 'layouts/family.html' %}{% block title %}Mon foyer{% endblock %}"
    for context in ({"has_errors": True}, {"form": {"errors": {"name": ["Indiquez le nom."]}}}):
        assert "<title>Erreur : Mon foyer – " in render(make_portal(), source, **context)
    assert "<title>Mon foyer" in render(make_portal(), source, form={"errors": {}})


@pytest.mark.parametrize("layout", ["public", "family", "agent", "admin"])
def test_every_layout_has_its_landmarks_and_the_legal_links(layout: str) -> None:
    source = "{% extends 'layouts/" + layout + ".html' %}{% block title %}Page{% endblock %}"
    nav = [{"label": "Lieu", "url": "/lieu", "current": True, "count": 2, "icon": "house", "short": "Lieu"}]
    html = render(make_portal(), source, nav=nav)
    assert '<html lang="fr">' in html
    assert html.count("<h1>") == html.count("<main ") == 1
    assert html.index("Aller au contenu") < html.index("<header")
    assert 'aria-current="page"' in html
    for url in ("/accessibilite", "/mentions-legales", "/donnees-personnelles", "/aide", "/contact"):
        assert f'href="{url}"' in html
    assert "non conforme" in html


def test_a_layout_draws_without_commune_menu_or_account() -> None:
    app = make_portal()
    app.template_context_processors[None].clear()
    with app.test_request_context("/"):
        html = app.jinja_env.get_template("errors/404.html").render(get_flashed_messages=lambda **_: [])
    assert "Portail famille</title>" in html


def test_an_aside_that_is_empty_leaves_no_column() -> None:
    source = "{% extends 'layouts/family.html' %}{% block title %}Page{% endblock %}"
    source += "{% block aside %}{{ text }}{% endblock %}"
    assert "<aside" not in render(make_portal(), source, text=" ")
    assert "<aside" in render(make_portal(), source, text="Aide")


def test_flashes_are_read_aloud_and_escaped() -> None:
    html = render(make_portal(), "{{ ui.flashes([('success', hostile), ('inconnue', 'x')]) }}", hostile=HOSTILE)
    assert 'role="status"' in html
    assert "<img" not in html
    assert 'data-tone="info"' in html


STATES = "brouillon en_attente traitement clos refuse annule reclame non_fourni non_traite valide invalide perime"


@pytest.mark.parametrize("status", STATES.split())
def test_every_state_has_words_and_a_drawing(status: str) -> None:
    html = render(make_portal(), "{{ ui.chip(status) }}", status=status)
    words = re.sub(r"<[^>]+>", "", html).strip()
    assert words
    assert words != status
    assert re.findall(r"#([\w-]+)", html)[0] in SPRITE


def test_an_unknown_state_is_shown_not_hidden() -> None:
    assert "suspendu" in render(make_portal(), "{{ ui.chip('suspendu') }}")


def test_every_drawing_named_anywhere_is_in_the_sprite() -> None:
    page = make_portal().test_client().get("/guide").text
    used = set(re.findall(r"icons\.[0-9a-f]{10}\.svg#([\w-]+)", page))
    menus = {line[2] for line in (*FAMILY, *AGENT, *ADMIN)}
    assert used
    assert used | menus <= SPRITE


def test_no_screen_of_any_room_names_a_drawing_that_does_not_exist() -> None:
    named = re.compile(r"(?:icon\(|icon_name=|icon=|'icon': )'([\w-]+)'")
    for path in sorted((ROOT / "app").glob("*/templates/**/*.html")):
        unknown = set(named.findall(path.read_text(encoding="utf-8"))) - SPRITE
        assert not unknown, f"{path.relative_to(ROOT)}: {sorted(unknown)} (app/web/static/vendor/lucide/icons.svg)"


def test_no_component_lets_text_become_markup() -> None:
    source = """{{ ui.case_card({'title': h, 'url': '#', 'status': h, 'subject': h, 'reference': h, 'next': h}) }}
    {{ ui.piece_card({'title': h, 'status': 'valide', 'reason': h}) }}{{ ui.person_card({'name': h, 'detail': h}) }}
    {{ ui.summary_list([{'label': h, 'value': h, 'changed': true, 'was': h, 'edit_url': h}]) }}
    {{ ui.table(h, [h], [[h]]) }}{{ ui.timeline([{'title': h, 'when': h, 'text': h, 'who': h}]) }}
    {{ ui.thread([{'author': h, 'when': h, 'text': h, 'files': [{'name': h, 'url': h}]}]) }}
    {{ ui.link_button(h, h, context=h) }}{{ ui.post_button(h, h, fields={'x': h}) }}{{ ui.copy_button(h) }}
    {{ ui.tag(h) }}{{ ui.steps(1, 2, h) }}{{ ui.breadcrumb([(h, h)]) }}
    {{ ui.empty_state(h, h) }}{{ ui.icon('info', h) }}
    {% call ui.notice('info', h) %}{{ h }}{% endcall %}{% call ui.card(h) %}{{ h }}{% endcall %}"""
    html = render(make_portal(), source, h=HOSTILE)
    assert "<img" not in html
    assert 'alert(1)>"' not in html


def test_a_form_of_one_button_carries_the_token() -> None:
    html = render(make_portal(), "{{ ui.post_button('Retirer', '/pieces/1/retirer') }}")
    assert 'name="csrf_token" value="jeton"' in html
    assert 'method="post"' in html


def test_the_correction_shows_what_changed_in_words() -> None:
    html = render(
        make_portal(),
        "{{ ui.summary_list([{'label': 'Motif', 'value': 'Maladie', 'changed': true, 'was': 'Autre'}]) }}",
    )
    assert "modifié" in html
    assert "<del>Autre</del>" in html


def test_a_row_keeps_its_headings_when_the_table_becomes_cards() -> None:
    html = render(make_portal(), "{{ ui.table('Tâches', ['Démarche', 'Famille'], [['Absence', 'Fontaine']]) }}")
    assert '<th role="rowheader" scope="row">Absence</th>' in html
    assert 'data-label="Famille"' in html


@pytest.mark.parametrize(
    ("page", "pages", "present", "absent"), [(1, 3, "Suivante", "Précédente"), (3, 3, "Précédente", "Suivante")]
)
def test_pages_lead_where_there_is_something(page: int, pages: int, present: str, absent: str) -> None:
    html = render(make_portal(), "{{ ui.pagination(page, pages, '?page={page}') }}", page=page, pages=pages)
    assert present in html
    assert absent not in html
    assert render(make_portal(), "{{ ui.pagination(1, 1, '?page={page}') }}") == ""


@pytest.mark.parametrize("code", CODES)
def test_every_error_says_what_happened_and_offers_one_action(code: int) -> None:
    html = make_portal().test_client().get(f"/erreur/{code}").text
    assert html.count("<h1>") == 1
    assert html.count('class="ds-button"') - html.count("header-tools") == 1
    assert re.search(r"conserv|Rien n’a|rien changé|vérifiez", html), "what becomes of what was typed"


def test_a_conflict_speaks_of_a_sending_only_to_whoever_sent_something() -> None:
    html = make_portal().test_client().get("/erreur/409").text
    assert "Votre envoi" not in html
    assert "C’est déjà fait" not in html, "a démarche that is closed was not done"


def test_the_message_of_a_refusal_is_shown_escaped() -> None:
    html = render(make_portal(), "{% include 'errors/409.html' %}", message=HOSTILE + "Déjà traitée par Nadia")
    assert "Déjà traitée par Nadia" in html
    assert "<img" not in html.replace('<img src="/static', "")


@pytest.mark.parametrize("code", [500, 503])
def test_the_last_pages_stand_without_any_context(code: int) -> None:
    app = make_strict_portal()
    app.template_context_processors[None].clear()
    with app.test_request_context("/"):
        html = app.jinja_env.get_template(f"errors/{code}.html").render(incident="")
    assert "Réessayer" in html
