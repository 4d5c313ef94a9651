"""Legal pages, help, services, settings pages."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from PIL import Image

from app.accounts import sessions
from app.clock import FrozenClock
from app.db import Database
from app.policy import SYSTEM
from app.town import operations, queries
from app.town.help import TOPICS
from app.web.requests import Portal
from tests.accounts.house import make_agent, make_structure

PUBLIC = (
    "/mentions-legales",
    "/conditions-utilisation",
    "/donnees-personnelles",
    "/accessibilite",
    "/aide",
    "/services",
)


def settle(app: Portal, **changes: object) -> None:
    with app.database.transaction() as session:
        operations.change_settings(session, SYSTEM, {"name": "Valbrise", **changes})


@pytest.mark.parametrize("path", PUBLIC)
def test_everybody_reads_these_pages_before_and_after_the_settings(app: Portal, client: FlaskClient, path: str) -> None:
    for changes in (
        None,
        {"phone": "01 99 00 12 30", "email": "enfance@valbrise.example.org", "address": "1 place\nValbrise"},
    ):
        if changes is not None:
            settle(app, **changes)
        answer = client.get(path)
        assert answer.status_code == 200
        assert answer.text.count("<h1") == 1
        assert not re.search(r"style=|<script>|None", answer.text)
        prose = re.sub(r"<[^>]+>", "", answer.text)
        assert not re.search(r"[a-zé]'[a-zé]", prose)
        assert not re.search(r"\b(tu|ton|tes)\b", prose)


def test_the_health_page_says_whether_the_database_answers(app: Portal, tmp_path: Path) -> None:
    answer = app.test_client().get("/sante")
    assert (answer.status_code, answer.text) == (200, "ok\n")
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert "Set-Cookie" not in answer.headers

    app.database.dispose()
    app.database = Database(f"sqlite:///{tmp_path}/no/such/folder/portail.db")
    answer = app.test_client().get("/sante")
    assert answer.status_code == 503
    assert str(tmp_path) not in answer.text


def test_the_footer_of_every_page_says_the_status_and_leads_to_the_legal_pages(
    app: Portal, client: FlaskClient, clock: FrozenClock
) -> None:
    for path in PUBLIC:
        page = client.get(path).text
        assert re.search(r'<a href="/accessibilite">Accessibilité&nbsp;: non conforme</a>', page)
        assert 'href="/mentions-legales"' in page
        assert 'href="/donnees-personnelles"' in page
    settle(app, accessibility_audit_date=clock().date(), accessibility_rate=72.5)
    assert "Accessibilité&nbsp;: partiellement conforme</a>" in client.get("/aide").text
    clock.advance(days=3 * 366)
    assert "Accessibilité&nbsp;: non conforme</a>" in client.get("/aide").text


def test_the_declaration_has_every_item_the_law_asks_for(app: Portal, client: FlaskClient, clock: FrozenClock) -> None:
    settle(
        app,
        service_name="Service enfance",
        accessibility_audit_date=clock().date(),
        accessibility_rate=72.5,
        accessibility_auditor="Cabinet Exemple",
        accessibility_declared_on=clock().date(),
        accessibility_failures="Le plan du site manque\nUn contraste est faible",
        accessibility_derogations="Les archives vidéo",
        accessibility_exemptions="La carte interactive",
        accessibility_scheme_url="https://valbrise.example.org/schema",
        accessibility_plan_url="https://valbrise.example.org/plan",
        email="enfance@valbrise.example.org",
    )
    page = client.get("/accessibilite").text
    for item in (
        "Valbrise",
        "Service enfance",
        "loi n°&nbsp;2005-102",
        "https://valbrise.example.org/schema",
        "https://valbrise.example.org/plan",
        "partiellement conforme",
        "72,5&nbsp;%",
        "Cabinet Exemple",
        "<li>Le plan du site manque</li><li>Un contraste est faible</li>",
        "<li>Les archives vidéo</li>",
        "<li>La carte interactive</li>",
        "Technologies utilisées",
        "Environnement de test",
        "Pages vérifiées",
        "enfance@valbrise.example.org",
        "Défenseur des droits",
        "20\u00a0novembre 2026",
        "20\u00a0novembre 2029",
    ):
        assert item in page, item


def test_what_administrators_write_is_text_not_code(app: Portal, client: FlaskClient) -> None:
    settle(app, legal_notice="<script>alert(1)</script>", terms_of_use="<img src=x onerror=alert(1)>", host="<b>x</b>")
    pages = client.get("/mentions-legales").text + client.get("/conditions-utilisation").text
    assert "<script>alert" not in pages
    assert "<img src=x" not in pages
    assert "&lt;script&gt;" in pages


def test_each_question_has_its_own_anchor(client: FlaskClient) -> None:
    page = client.get("/aide").text
    anchors = [topic.anchor for topic in TOPICS] + [q.anchor for topic in TOPICS for q in topic.questions]
    assert len(set(anchors)) == len(anchors) >= 20
    for anchor in anchors:
        assert page.count(f'id="{anchor}"') == 1


def test_services_show_how_to_reach_open_structures(app: Portal, client: FlaskClient) -> None:
    settle(app)
    with app.database.transaction() as session:
        make_structure(session)
        operations.create_structure(
            session,
            SYSTEM,
            code="EE",
            name="Les Marronniers",
            kind="ecole",
            phone="01 99 00 12 31",
            opening_hours="8 h",
        )
        operations.create_structure(session, SYSTEM, code="X", name="Ancienne école", kind="ecole", open=False)
    page = client.get("/services").text
    assert "Les Marronniers" in page
    assert 'href="tel:0199001231"' in page
    assert "Ancienne école" not in page


def test_settings_are_changed_section_by_section(app: Portal, admin: FlaskClient) -> None:
    assert admin.get("/admin/reglages").headers["Location"] == "/admin/reglages/commune"
    for name in ("commune", "apparence", "textes", "accessibilite", "options"):
        assert admin.get(f"/admin/reglages/{name}").status_code == 200
    form = {"name": "Valbrise", "zone": "B", "holidays": "metropole", "phone": "01 99 00 12 30"}
    assert admin.post("/admin/reglages/commune", data=form).status_code == 303
    assert "Portail famille de Valbrise" in admin.get("/aide").text
    form = {"accessibility_audit_date": "2026-01-15", "accessibility_rate": "72,5"}
    assert admin.post("/admin/reglages/accessibilite", data=form).status_code == 303
    with app.database.transaction() as session:
        settings = queries.town_settings(session)
    assert (settings.name, settings.accessibility_rate) == ("Valbrise", 72.5)
    assert 'value="72,5"' in admin.get("/admin/reglages/accessibilite").text


@pytest.mark.parametrize(
    ("section", "form", "message"),
    [
        ("commune", {"name": "", "zone": "B", "holidays": "metropole"}, "Indiquez le nom"),
        ("commune", {"name": "V", "zone": "Z", "holidays": "metropole"}, "zone"),
        ("commune", {"name": "V", "zone": "B", "holidays": "metropole", "postal_code": "12"}, "cinq chiffres"),
        ("apparence", {"primary_colour": "#ffffee"}, "trop pâle"),
        ("apparence", {"primary_colour": "red"}, "trop pâle"),
        ("accessibilite", {"accessibility_rate": "beaucoup"}, "pourcentage"),
        ("accessibilite", {"accessibility_rate": "140"}, "entre 0 et 100"),
        (
            "options",
            {
                "signup_variant": "activation",
                "max_upload_mb": "900",
                "idle_minutes_family": "60",
                "idle_minutes_agent": "60",
            },
            "entre 1 et 50",
        ),
        (
            "options",
            {
                "signup_variant": "activation",
                "max_upload_mb": "x",
                "idle_minutes_family": "60",
                "idle_minutes_agent": "60",
            },
            "max_upload_mb",
        ),
    ],
)
def test_a_wrong_setting_is_said_on_its_field(
    app: Portal, admin: FlaskClient, section: str, form: dict[str, str], message: str
) -> None:
    settle(app)
    answer = admin.post(f"/admin/reglages/{section}", data=form)
    assert answer.status_code == 422
    assert message in answer.text
    assert "Il y a un problème" in answer.text
    assert "Erreur :" in answer.text
    assert admin.get(f"/admin/reglages/{section}").status_code == 200


def test_a_logo_is_served_as_a_picture_that_never_changes(app: Portal, admin: FlaskClient, client: FlaskClient) -> None:
    out = io.BytesIO()
    Image.new("RGB", (300, 100), "#1d6561").save(out, "PNG")
    form = {"logo": (io.BytesIO(out.getvalue()), "logo.png")}
    assert admin.post("/admin/reglages/apparence", data=form).status_code == 303
    found = re.search(r'src="(/logo/[0-9a-f]{16}\.png)"', client.get("/aide").text)
    assert found is not None
    answer = client.get(found.group(1))
    assert (answer.status_code, answer.mimetype) == (200, "image/png")
    assert "immutable" in answer.headers["Cache-Control"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert client.get("/logo/0000000000000000.png").status_code == 404
    bad = admin.post("/admin/reglages/apparence", data={"logo": (io.BytesIO(b"<svg/>"), "logo.png")})
    assert bad.status_code == 422
    assert "PNG ou JPEG" in bad.text
    assert admin.post("/admin/reglages/apparence", data={"remove_logo": "y"}).status_code == 303
    assert "/logo/" not in client.get("/aide").text


def test_structures_are_added_and_closed(app: Portal, admin: FlaskClient) -> None:
    form = {
        "name": "École Les Tilleuls",
        "code": "em",
        "kind": "ecole",
        "levels": ["PS", "MS"],
        "open": "y",
        "capacity": "",
    }
    assert admin.post("/admin/structures/nouvelle", data=form).status_code == 303
    page = admin.get("/admin/structures").text
    assert "PS, MS" in page
    [path] = re.findall(r'href="(/admin/structures/[0-9a-f-]{36})"', page)
    assert re.search(r'value="PS" checked', admin.get(path).text)
    assert admin.post("/admin/structures/nouvelle", data=form).status_code == 422
    assert admin.post(path, data={**form, "open": ""}).status_code == 303
    assert "fermée" in admin.get("/admin/structures").text
    assert admin.post(path, data={**form, "capacity": "beaucoup"}).status_code == 422
    assert admin.get("/admin/structures/00000000-0000-4000-8000-000000000000").status_code == 404


@pytest.mark.parametrize("path", ["/admin/reglages/commune", "/admin/structures", "/admin/structures/nouvelle"])
def test_an_agent_of_another_kind_may_not_change_the_commune(app: Portal, path: str) -> None:
    with app.database.transaction() as session:
        from app.accounts.administration import grant_role, save_role

        agent = make_agent(session, "rh@example.org")
        save_role(session, SYSTEM, code="rh", label="RH", permissions=["user:manage"])
        grant_role(session, SYSTEM, agent.id, "rh")
        token = sessions.open_session(session, agent, second_factor=True)
    client = app.test_client()
    with client.session_transaction() as cookie:
        cookie["_user_id"] = token
    assert client.get(path).status_code == 403
    if path != "/admin/structures":
        assert client.post(path, data={"name": "X"}).status_code == 403
