"""Decision tables of a démarche: read as tables, changed with the editor of tables, or as files."""

from __future__ import annotations

import re
from collections.abc import Mapping

from flask import Response, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.engine.bundle import MAX_FILE
from app.engine.decisions import Decision, DecisionError, parse_decisions
from app.engine.xml import XmlRefused, load_xml
from app.errors import NotFound, Refused
from app.studio import drafts, editor_data
from app.studio.views.diagram import answers_json, editor, saved
from app.studio.views.frame import Studio, bp, opened, page, revision_sent
from app.web.guards import takes_files
from app.web.headers import as_download
from app.web.identity import current_actor
from app.web.requests import db

_NAME = re.compile(r"[a-z0-9_-]{1,60}")
EMPTY_TABLE = """<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="definitions_{id}" name="{id}" namespace="http://camunda.org/schema/1.0/dmn">
  <decision id="{id}" name="{id}">
    <decisionTable id="table_{id}" hitPolicy="FIRST">
      <input id="entree_{id}" label="Si">
        <inputExpression id="expression_{id}" typeRef="string"><text>decision</text></inputExpression>
      </input>
      <output id="sortie_{id}" label="Alors" name="resultat" typeRef="string"/>
      <rule id="regle_{id}">
        <inputEntry id="cas_{id}"><text></text></inputEntry>
        <outputEntry id="reponse_{id}"><text>""</text></outputEntry>
      </rule>
    </decisionTable>
  </decision>
</definitions>
"""


def _path(studio: Studio, name: str) -> str:
    path = f"decisions/{name}.dmn"
    if not _NAME.fullmatch(name) or path not in studio.files:
        raise NotFound("Cette table de décision n’existe pas.")
    return path


def _read(raw: bytes, path: str) -> Mapping[str, Decision]:
    try:
        return parse_decisions(raw, f"le fichier {path}")
    except DecisionError:
        return {}


@bp.get("/<slug>/tables", endpoint="tables")
def tables(slug: str) -> ResponseReturnValue:
    """The tables of the démarche."""
    studio = opened(slug)
    found = [
        (path.removeprefix("decisions/").removesuffix(".dmn"), list(_read(raw, path).values()))
        for path, raw in sorted(studio.files.items())
        if path.startswith("decisions/")
    ]
    return page("studio/tables.html", studio, tables=found)


@bp.post("/<slug>/tables", endpoint="new_table")
def new(slug: str) -> ResponseReturnValue:
    """Adds an empty table."""
    studio = opened(slug)
    name = request.form.get("nom", "").strip().lower()
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,40}", name):
        raise Refused("Donnez à la table un nom en minuscules, sans accent ni espace, comme « tarif_cantine ».")
    if f"decisions/{name}.dmn" in studio.files:
        raise Refused("Une table porte déjà ce nom.")
    content = {f"decisions/{name}.dmn": EMPTY_TABLE.format(id=name).encode()}
    drafts.save_files(db(), current_actor(), slug, content, revision_sent())
    return redirect(url_for("studio.table", slug=slug, name=name), 303)


@bp.get("/<slug>/tables/<name>", endpoint="table")
def table(slug: str, name: str) -> ResponseReturnValue:
    """One table: its editor, and what it says as a table that needs no script."""
    studio = opened(slug)
    path = _path(studio, name)
    data = None
    if studio.mine:
        known = editor_data.changing(db(), studio.files)
        data = {**editor(studio, path), "catalogue": {**known, "functions": editor_data.functions()}}
    return page("studio/table.html", studio, name=name, decisions=_read(studio.files[path], path).values(), data=data)


@bp.post("/<slug>/tables/<name>", endpoint="save_table")
@answers_json
def save(slug: str, name: str) -> ResponseReturnValue:
    """Autosave of a table."""
    _path(opened(slug), name)
    revision = _save(slug, name, request.form.get("xml", "").encode())
    return saved(drafts.the_draft(db(), slug), revision)


def _save(slug: str, name: str, raw: bytes) -> int:
    path = f"decisions/{name}.dmn"
    try:
        load_xml(raw, f"le fichier {path}")
    except XmlRefused as refusal:
        raise Refused(refusal.message) from refusal
    return drafts.save_files(db(), current_actor(), slug, {path: raw}, revision_sent())


@bp.get("/<slug>/tables/<name>/fichier.dmn", endpoint="download_table")
def download(slug: str, name: str) -> ResponseReturnValue:
    """The file of a table, for another editor."""
    studio = opened(slug)
    answer = Response(studio.files[_path(studio, name)], mimetype="application/octet-stream")
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}.dmn"'
    return as_download(answer)


@bp.post("/<slug>/tables/<name>/fichier", endpoint="upload_table")
@takes_files
def upload(slug: str, name: str) -> ResponseReturnValue:
    """Replaces a table by a file."""
    _path(opened(slug), name)
    sent = request.files.get("fichier")
    raw = sent.stream.read(MAX_FILE + 1) if sent is not None else b""
    if not raw:
        raise Refused("Choisissez le fichier de la table.", "fichier")
    _save(slug, name, raw)
    flash("La table est remplacée.", "success")
    return redirect(url_for("studio.table", slug=slug, name=name), 303)


@bp.post("/<slug>/tables/<name>/suppression", endpoint="remove_table")
def remove(slug: str, name: str) -> ResponseReturnValue:
    """Takes a table out of the draft; verification says where it was used."""
    path = _path(opened(slug), name)
    drafts.save_files(db(), current_actor(), slug, {path: None}, revision_sent())
    flash("La table est retirée du brouillon.", "success")
    return redirect(url_for("studio.tables", slug=slug), 303)
