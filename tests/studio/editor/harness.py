"""A small server around the studio's bundles: the pages that CONTRACT.md describes, and a draft kept in memory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flask import Flask, Response, render_template_string, request

from app.engine.expression_functions import FUNCTIONS
from tests.web.pages import ROOT, make_portal

EDITOR = ROOT / "app" / "studio" / "editor"
BUILT = ROOT / "app" / "web" / "static" / "vendor" / "studio"
SHIPPED = sorted((ROOT / "workflows").glob("*/process.bpmn"))
RICH = Path(__file__).parent / "rich.bpmn"

PAGE = """{% extends 'layouts/admin.html' %}{% set wide = true %}{% block title %}Studio{% endblock %}
{% block scripts %}<link rel="stylesheet" href="{{ static_url('vendor/studio/' ~ sheet) }}">
<script src="{{ static_url('vendor/studio/' ~ script) }}" defer></script>{% endblock %}
{% block content %}<div data-{{ kind }} data-csrf="jeton">
<script type="application/json">{{ data|tojson }}</script>
<div data-fallback><p>Le diagramme en mots</p></div></div>{% endblock %}"""

CATALOGUE: dict[str, Any] = {
    "roles": [
        {"code": "famille", "label": "Famille"},
        {"code": "gestionnaire", "label": "Gestionnaire"},
        {"code": "direction", "label": "Direction"},
        {"code": "systeme", "label": "Portail"},
    ],
    "forms": [
        {"name": "declaration", "title": "Déclarer l’absence d’un enfant", "url": "/formulaires/declaration"},
        {"name": "decision", "title": "Contrôler l’absence", "url": "/formulaires/decision"},
    ],
    "operations": [
        {
            "name": "absence.enregistrer",
            "label": "Noter l’absence",
            "asynchronous": False,
            "parameters": [
                {"name": "enfant", "type": "identifiant", "required": True, "doc": "L’enfant absent."},
                {"name": "dates_debut", "type": "date", "required": True, "doc": "Le premier jour."},
                {"name": "dates_fin", "type": "date", "required": True, "doc": "Le dernier jour."},
                {"name": "creneaux", "type": "liste de textes", "required": True, "doc": "Les services."},
                {"name": "motif", "type": "texte", "required": True, "doc": "Le motif."},
                {"name": "precisions", "type": "texte", "required": False, "doc": "Ce que la famille a ajouté."},
            ],
            "results": ["absence_id", "jours"],
            "errors": ["complet"],
        },
        {
            "name": "absence.annuler",
            "label": "Retirer l’absence",
            "asynchronous": False,
            "parameters": [],
            "results": [],
            "errors": [],
        },
    ],
    "variables": [
        {
            "name": "decision",
            "label": "Votre décision",
            "type": "choix",
            "source": "Formulaire « Contrôler l’absence »",
            "choices": [
                {"value": "accepter", "label": "Accepter"},
                {"value": "completer", "label": "Demander un complément"},
                {"value": "refuser", "label": "Refuser"},
            ],
        },
        {
            "name": "decision_champs",
            "label": "Champs à compléter",
            "type": "liste",
            "source": "Formulaire « Contrôler l’absence »",
            "choices": [],
        },
        {
            "name": "enfant",
            "label": "Quel enfant sera absent ?",
            "type": "autre",
            "source": "Formulaire « Déclarer l’absence »",
            "choices": [],
        },
        {
            "name": "jours",
            "label": "Nombre de jours",
            "type": "nombre",
            "source": "Formulaire « Déclarer l’absence »",
            "choices": [],
        },
        {
            "name": "urgent",
            "label": "Est-ce urgent ?",
            "type": "oui/non",
            "source": "Formulaire « Déclarer l’absence »",
            "choices": [],
        },
    ],
    "messages": [
        {"name": "annuler", "label": "La famille annule"},
        {"name": "modifier", "label": "La famille modifie"},
    ],
    "decisions": [{"id": "tarif", "name": "Tarif du repas", "url": "/decisions/tarif"}],
    "procedures": [{"slug": "contact", "title": "Contacter la mairie"}],
    "functions": [{"usage": each.usage, "doc": each.doc} for each in FUNCTIONS.values()],
}

PROBLEMS = [
    {
        "severity": "error",
        "element_id": "instruire",
        "element_name": "Contrôler l’absence",
        "message": "Le formulaire « controle » n’existe pas.",
        "remedy": "Choisissez un formulaire de la liste.",
    },
    {
        "severity": "warning",
        "element_id": "forms/ancien.json",
        "element_name": "forms/ancien.json",
        "message": "Aucune étape n’utilise ce formulaire.",
        "remedy": "Supprimez-le.",
    },
]


class Desk:
    """The draft on the server: what was saved, and how the next saves are answered."""

    def __init__(self) -> None:
        self.revision = 12
        self.saves: list[str] = []
        self.tokens: list[str] = []
        self.token = "jeton"
        self.answer: tuple[int, Mapping[str, Any]] | None = None
        self.problems: list[Mapping[str, Any]] | None = []
        self.checked: list[Mapping[str, Any]] = []
        self.presence: Mapping[str, Any] = {"others": [], "taken_over_by": None}


def make_studio(desk: Desk, pages: Mapping[str, tuple[str, Mapping[str, Any]]]) -> Flask:
    """A portal with one page a name of ``pages`` (kind of root → « studio », « viewer », « dmn »; its data)."""
    app = make_portal()

    @app.get("/p/<name>")
    def page(name: str) -> str:
        kind, data = pages[name]
        sheet = "dmn.css" if kind == "dmn" else "studio.css"
        return render_template_string(
            PAGE, kind=kind, sheet=sheet, script=f"{kind}.js", data=data, nav=[], account=None, demonstration=False
        )

    @app.post("/enregistrer")
    def save() -> Response | tuple[Response, int]:
        if desk.answer is not None:
            status, body = desk.answer
            return app.json.response(body), status
        if request.form["csrf_token"] != desk.token:
            return app.json.response({"error": "page-too-old", "csrf_token": desk.token}), 400
        if int(request.form["revision"]) != desk.revision:
            return app.json.response({"reason": "saved", "by": "Nadia Perrin", "at": "à 14 h 02"}), 409
        desk.saves.append(request.form["xml"])
        desk.tokens.append(request.form["csrf_token"] + "/" + request.headers["X-CSRFToken"])
        desk.revision += 1
        return app.json.response({"revision": desk.revision, "saved_at": "à 14 h 05", "problems": desk.problems})

    @app.get("/problemes")
    def problems() -> Response:
        return app.json.response({"revision": desk.revision, "problems": desk.checked})

    @app.post("/presence")
    def presence() -> Response:
        return app.json.response({"revision": desk.revision, **desk.presence})

    return app


def studio_data(xml: str, **changes: Any) -> dict[str, Any]:
    """The JSON of an editor's page."""
    return {
        "xml": xml,
        "revision": 12,
        "file_name": "absence.bpmn",
        "urls": {"save": "/enregistrer", "problems": "/problemes", "presence": "/presence", "take_over": "/reprendre"},
        "problems": [],
        "checked_revision": 12,
        "catalogue": CATALOGUE,
        **changes,
    }
