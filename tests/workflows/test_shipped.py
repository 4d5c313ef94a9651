"""Every shipped démarche is proved, its stories pass on both databases, and they meet everything it draws."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.cases.scenarios import Report, run_scenarios
from app.cli import WORKFLOWS, main, problems_of
from app.composition import open_database
from app.db import Database
from app.engine.bpmn_reader import read_graph
from app.engine.bundle import PROCESS
from app.engine.graph import HUMAN_TASKS, Graph
from app.engine.xml import load_xml
from tests.conftest import empty, settings_for
from tests.workflows.stage import SLUGS, make_bundle


def graph_of(slug: str) -> Graph:
    return read_graph(load_xml(make_bundle(slug).files[PROCESS], PROCESS))


def told(report: Report) -> list[str]:
    return [f"{story.file}: {story.problem}" for story in report.stories if story.problem]


@pytest.mark.parametrize("slug", SLUGS)
def test_a_shipped_demarche_has_neither_error_nor_warning(slug: str) -> None:
    assert problems_of(make_bundle(slug), frozenset(SLUGS)) == []


@pytest.mark.parametrize("slug", SLUGS)
def test_its_stories_pass_and_meet_every_node(slug: str) -> None:
    report = run_scenarios(make_bundle(slug))
    assert told(report) == []
    assert dict(report.uncovered) == {}
    assert report.ok


@pytest.mark.parametrize("slug", SLUGS)
def test_its_stories_pass_on_postgresql_too(slug: str, postgresql_url: str, tmp_path: Path) -> None:
    @contextmanager
    def emptied() -> Iterator[Database]:
        opened = open_database(settings_for(postgresql_url, tmp_path))
        try:
            empty(opened)
            yield opened
        finally:
            opened.dispose()

    report = run_scenarios(make_bundle(slug), empty_database=emptied)
    assert told(report) == []
    assert report.ok


def test_a_node_that_no_story_meets_is_named() -> None:
    stories = [f"scenarios/modifie-puis-{end}.toml" for end in ("annule", "abandonne")]
    report = run_scenarios(make_bundle("contact", **dict.fromkeys(stories)))
    assert told(report) == []
    assert set(report.uncovered) == {"modification", "annulation", "renoncement", "fin_annulee"}
    assert report.uncovered["fin_annulee"] == "Message annulé"
    assert not report.ok


def make_story(act: str) -> bytes:
    fill = 'faire = "saisir"\nvaleurs = { objet = "Bonjour", texte = "Essai", prenom = "Noa", nom = "Petit", '
    return f'titre = "Essai"\n\n[[etapes]]\n{fill}courriel = "noa@example.org" }}\n{act}\n'.encode()


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        ('attendre = { statut = "clos" }', "statut attendu"),
        ('attendre = { tache = "repondre" }', "tache attendu"),
        ('attendre = { courriel = "jamais écrit" }', "courriel attendu"),
        ("attendre = { courriels = 7 }", "courriels attendu"),
        ("attendre = { fini = true }", "fini attendu"),
        ('attendre = { motif = "aucun" }', "motif attendu"),
        ('refus = "impossible"', "aurait dû être refusé"),
        ('par = "personne"', "n’est personne"),
        ("[[etapes]]\nfaire = \"repondre\"", "n’attend personne"),
        ("[[etapes]]\nfaire = \"prendre_en_charge\"\npar = \"parent\"", "ne permet pas"),
        ("[[etapes]]\nmessage = \"compte_active\"", "n’est plus possible"),
        ("[[etapes]]\nmessage = \"annuler\"\navancer = \"PT1H\"", "une seule action"),
        ("attendre = { couleur = \"bleu\" }", "on ne sait pas attendre"),
        ("[[etapes]]\nconvaincre = true", "n’existe pas"),
    ],
)  # fmt: skip
def test_a_story_that_is_not_so_fails_and_says_where(act: str, reason: str) -> None:
    names = [name for name in make_bundle("contact").files if name.startswith("scenarios/")]
    bundle = make_bundle("contact", **dict.fromkeys(names), **{"scenarios/essai.toml": make_story(act)})
    [story] = run_scenarios(bundle).stories
    assert reason in story.problem
    assert "essai.toml" in story.problem or "« Essai »" in story.problem.replace("\u00a0", " ")


def test_a_story_may_not_fill_what_the_page_does_not_show() -> None:
    raw = make_story("").replace(b'objet = "Bonjour"', b'objet = "Bonjour", reponse = "Oui"')
    report = run_scenarios(make_bundle("contact", **{"scenarios/avec-compte.toml": raw}))
    assert "n’est pas un champ de cette étape" in told(report)[0]


def waits(graph: Graph) -> bool:
    """Whether a demande may wait for somebody once it is sent: an attestation never does."""
    return any(node.status == "en_attente" for node in graph.nodes.values())


@pytest.mark.parametrize("slug", SLUGS)
def test_modify_is_for_demandes_that_wait_and_cancel_also_for_those_reopened(slug: str) -> None:
    graph = graph_of(slug)
    if not waits(graph):
        return
    taken: dict[str, set[str]] = {"modifier": set(), "annuler": set()}
    for node in graph.nodes.values():
        if node.kind == "boundaryEvent" and node.event and node.event.name in taken:
            taken[node.event.name].add(graph.nodes[node.attached_to or ""].status or "")
            assert node.interrupting
    assert taken["modifier"] <= {"en_attente"}
    assert taken["annuler"] == taken["modifier"] | ({"brouillon"} if taken["modifier"] else {"en_attente"})


@pytest.mark.parametrize("slug", SLUGS)
def test_giving_up_a_correction_leads_where_cancelling_leads(slug: str) -> None:
    graph = graph_of(slug)
    ends = {
        flow.target
        for node in graph.nodes.values()
        if node.kind == "boundaryEvent" and node.event and node.event.name == "annuler"
        for flow in graph.outgoing(node.id)
    }
    assert len(ends) == (1 if waits(graph) else 0)


@pytest.mark.parametrize("slug", SLUGS)
def test_drafts_are_the_family_s_and_what_is_treated_the_agents_or_a_correction(slug: str) -> None:
    for node in graph_of(slug).nodes.values():
        if node.kind not in HUMAN_TASKS:
            continue
        assert (node.lane == "famille") == (node.status == "brouillon" or "champs" in node.properties), node.id
        if "champs" in node.properties:
            assert node.status == "traitement"


def test_the_command_line_says_that_the_shipped_demarches_are_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "contact"]) == 0
    printed = capsys.readouterr().out
    assert "contact" in printed
    assert "en ordre" in printed


def test_the_command_line_names_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(WORKFLOWS / "contact", tmp_path / "contact")
    shutil.copytree(WORKFLOWS / "absence", tmp_path / "absence")
    (tmp_path / "contact" / "scenarios" / "modifie-puis-annule.toml").unlink()
    process = tmp_path / "absence" / "process.bpmn"
    process.write_text(process.read_text().replace("absence.enregistrer", "absence.inventer"))
    (tmp_path / "vide").mkdir()
    assert main(["verify", "--dossier", str(tmp_path)]) == 1
    printed = capsys.readouterr().out
    assert "« Message annulé » (annulation)" in printed.replace("\u00a0", " ")
    assert "absence.inventer" in printed
    assert "process.bpmn" in printed
    assert "3 démarche(s) à corriger" in printed


def test_the_command_line_refuses_a_demarche_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "cantine"]) == 1
    assert "cantine" in capsys.readouterr().out
