"""Files of other BPMN tools: taken when the portal runs all they hold, named element by element when it does not."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from app.engine.bpmn_reader import read_graph
from app.engine.bundle import Bundle
from app.engine.xml import load_xml
from app.errors import Conflict, Forbidden, Refused
from app.procedures.diagram import read_drawing
from app.studio import drafts, exchange
from app.studio.checks import problems_of, verify_draft
from app.studio.foreign import Unsupported
from tests.cases.making import SLUG, make_bundle, sign_in
from tests.studio.making import make_studio

FILES = Path(__file__).parent / "foreign"
NAMES = ("bpmn-io", "camunda", "signavio")


def raw(name: str) -> bytes:
    return (FILES / f"{name}.bpmn").read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_a_diagram_of_another_tool_becomes_the_draft_of_a_new_demarche(database, name) -> None:
    studio = make_studio(database)
    with database.transaction() as session:
        made = exchange.import_diagram(session, studio.iris, raw(name), "inscription", "Inscription")
        files = drafts.files_of(made.draft)
        graph = read_graph(load_xml(files["process.bpmn"], "x"))
        assert (graph.id, graph.name, made.draft.title) == ("inscription", "Inscription", "Inscription")
        assert {node.kind for node in graph.nodes.values()} >= {"startEvent", "userTask", "endEvent"}
        drawing = read_drawing(files["process.bpmn"])
        assert drawing is not None
        assert len(drawing.shapes) >= len(graph.nodes)
        assert b"camunda" not in files["process.bpmn"]
        assert b"signavio:" not in files["process.bpmn"]
        draft_id = made.draft.id
    verify_draft(database, draft_id)
    with database.transaction(read_only=True) as session:
        problems = problems_of(drafts.the_draft(session, "inscription")) or []
    assert any("statut" in problem.message for problem in problems), "what remains to be chosen is listed"


def test_what_was_left_out_of_it_is_named() -> None:
    from app.studio.foreign import adapt

    told = adapt(raw("camunda"), "inscription", "Inscription").left_out
    assert {(problem.element_name, "Camunda" in problem.message) for problem in told} >= {("Remplir le dossier", True)}
    assert adapt(raw("bpmn-io"), "inscription", "Inscription").left_out == ()


def test_what_the_portal_does_not_run_is_listed_element_by_element(database) -> None:
    studio = make_studio(database)
    with database.transaction() as session, pytest.raises(Unsupported) as refused:
        exchange.import_diagram(session, studio.iris, raw("unsupported"), "inscription", "Inscription")
    told = {problem.element_id: problem for problem in refused.value.problems}
    assert set(told) == {"complexe", "tache", "transaction", "compensation", "flux_message"}
    assert all(problem.remedy and problem.severity == "error" for problem in told.values())
    assert "passerelle complexe" in told["complexe"].message
    with database.transaction(read_only=True) as session:
        assert drafts.draft_of(session, "inscription") is None


@pytest.mark.parametrize(
    ("content", "slug", "field"),
    [
        (b"<x/>", "inscription", "archive"),
        (b'<!DOCTYPE d [<!ENTITY a "b">]><d>&a;</d>', "inscription", "archive"),
        (b"rien", "inscription", "archive"),
        (None, "Pas une adresse", "slug"),
        (None, SLUG, "slug"),
        (None, "saisir", "slug"),
    ],
)
def test_a_diagram_that_cannot_be_one_is_refused_on_its_field(database, content, slug, field) -> None:
    studio = make_studio(database)
    with database.transaction() as session, pytest.raises(Refused) as refused:
        exchange.import_diagram(session, studio.iris, raw("bpmn-io") if content is None else content, slug, "Titre")
    assert refused.value.field == field


def test_an_archive_makes_the_draft_that_its_process_names(database) -> None:
    studio = make_studio(database)
    known, new = make_bundle(title="Refaite"), make_bundle("toute-neuve")
    with database.transaction() as session:
        assert exchange.import_archive(session, studio.iris, known, replace=False).slug == SLUG
        made = exchange.import_archive(session, studio.iris, new, replace=False)
        assert (made.slug, made.base_version_id) == ("toute-neuve", None)
        assert made.archive == new.to_zip()
        with pytest.raises(Refused, match="Remplacer mon brouillon"):
            exchange.import_archive(session, studio.iris, make_bundle(), replace=False)
        with pytest.raises(Conflict, match="Iris Morel"):
            exchange.import_archive(session, studio.omar, make_bundle(), replace=True)
        again = exchange.import_archive(session, studio.iris, make_bundle(), replace=True)
        assert (again.archive, again.revision) == (make_bundle().to_zip(), 2)
        with pytest.raises(Forbidden):
            exchange.import_archive(session, studio.nadia, new, replace=False)


def test_the_page_lists_what_is_not_run_and_keeps_what_was_typed(database, new_client) -> None:
    studio = make_studio(database)
    iris = sign_in(new_client(), database, studio.world.administrator)
    sent = {"archive": (io.BytesIO(raw("unsupported")), "x.bpmn"), "slug": "inscription", "title": "Inscription"}
    page = iris.post("/admin/demarches/importer", data=sent)
    assert page.status_code == 422
    assert "Ce que le portail n’exécute pas" in page.text
    assert "passerelle complexe" in page.text
    assert 'value="inscription"' in page.text
    sent = {"archive": (io.BytesIO(raw("camunda")), "x.bpmn"), "slug": "inscription", "title": "Inscription"}
    done = iris.post("/admin/demarches/importer", data=sent)
    assert done.status_code == 303
    assert "réglages de Camunda" in iris.get(done.location).text


def test_an_archive_with_a_diagram_of_another_tool_says_which_elements(database) -> None:
    process = raw("unsupported").replace(b"Process_1x", b"demande-simple")
    bundle = Bundle({**make_bundle().files, "process.bpmn": process})
    with pytest.raises(Unsupported):
        exchange.read_archive(bundle.to_zip())
