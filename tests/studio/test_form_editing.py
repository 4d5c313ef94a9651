"""Operations on a form's JSON: random edits keep every question, names never clash, conditions follow their names."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path

import pytest

from app.errors import Refused
from app.studio import form_editing as editing
from app.studio.form_conditions import OPERATORS, answers_before, in_words, written
from app.studio.form_preview import preview
from app.studio.form_uses import uses_of
from forms.definition import PRODUCES
from tests.engine.bpmn_builder import end, lane, process, start, user_task, xor

WORKFLOWS = Path(__file__).parents[2] / "workflows"
FORMS = sorted(WORKFLOWS.glob("*/forms/*.json"))


def shipped(path: str) -> editing.Document:
    found = editing.read((WORKFLOWS / path).read_bytes())
    assert found is not None
    return found


def absence() -> editing.Document:
    return shipped("absence/forms/declaration.json")


def all_names(document: editing.Document) -> list[str]:
    return sorted(spec.get("name", "") for _, spec in editing.questions(document))


@pytest.mark.parametrize("path", FORMS, ids=lambda path: f"{path.parts[-3]}-{path.stem}")
def test_shipped_forms_are_read_written_back_and_shown(path: Path) -> None:
    raw = path.read_bytes()
    document = editing.read(raw)
    assert document is not None
    assert editing.write(document) == raw
    assert editing.problems_of(document) == []
    assert preview(document, {}) is not None


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"[]", b"{}", b"\xff", b'{"pages": 3}', b'{"pages": []}', b'{"pages": [3]}', b'{"pages": [{"fields": 3}]}',
        b'{"pages": [{"fields": [{"type": ["text"]}]}]}', b'{"pages": [{"fields": [{"type": "other"}]}]}',
        b'{"pages": [{"title": 1, "fields": []}]}', b'{"pages": [{"fields": [{"type": "text", "name": 3}]}]}',
        b'{"pages": [{"fields": [{"type": "choice", "options": [3]}]}]}',
        b'{"pages": [{"fields": [{"type": "consent", "link": 3}]}]}', b"[" * 100_000,
    ],
)  # fmt: skip
def test_what_is_no_form_is_not_read(raw: bytes) -> None:
    assert editing.read(raw) is None


@pytest.mark.parametrize("seed", range(40))
def test_random_edits_lose_no_question_and_never_clash(seed: int) -> None:
    chance = random.Random(seed)
    document = absence()
    count = len(all_names(document))
    for _ in range(25):
        before = copy.deepcopy(document)
        places = [place for place, _ in editing.questions(document)]
        place = chance.choice([*places, *((n,) for n in range(len(document["pages"])))])
        inside = 1 + len(editing.at(document, place).get("fields", [])) if len(place) > 1 else None
        what = chance.choice(("move", "copy", "remove", "add", "page"))
        try:
            if what == "move":
                after, moved = editing.move(document, place, chance.choice((-1, 1)))
                assert editing.at(after, moved) == editing.at(document, place)
            elif what == "copy":
                after, _ = editing.duplicate(document, place)
                own = inside or len(editing.at(document, place)["fields"])
                count += own if inside else len([p for p in places if p[0] == place[0]])
            elif what == "remove":
                after = editing.remove(document, place)
                count -= len([p for p in places if p[: len(place)] == place])
            elif what == "add":
                after, _ = editing.add_question(document, place[:1], chance.choice(sorted(PRODUCES)), "Motif")
                count += 2 if editing.at(after, (place[0], -1))["type"] == "group" else 1
            else:
                after, _ = editing.add_page(document, "Encore")
                count += 1
        except Refused:
            continue
        finally:
            assert document == before
        document = after
        assert len(all_names(document)) == count
        assert not [p for p in editing.problems_of(document) if "déjà pris" in p.message]


def test_a_copy_keeps_its_conditions_to_itself() -> None:
    document, _ = editing.duplicate(absence(), (1,))
    assert editing.problems_of(document) == []
    copied = document["pages"][2]["fields"]
    assert copied[1]["show_if"] == "motif_2 == 'autre'"
    assert document["pages"][1]["fields"][1]["show_if"] == "motif == 'autre'"


def test_a_question_crosses_pages_and_stays_alone_on_none() -> None:
    moved, place = editing.move(absence(), (1, 0), -1)
    assert place == (0, 3)
    assert editing.move(moved, place, 1) == (absence(), (1, 0))
    alone = shipped("absence/forms/decision.json")
    for by in (-1, 1, 2):
        with pytest.raises(Refused):
            editing.move(alone, (0, 0), by)
    with pytest.raises(Refused, match="seule question"):
        editing.remove(alone, (0, 0))
    with pytest.raises(Refused, match="seule page"):
        editing.remove(alone, (0,))


@pytest.mark.parametrize("place", [(9,), (0, 9), (0, 0, 0), ()])
def test_a_place_that_is_gone_is_refused(place: editing.Place) -> None:
    with pytest.raises(Refused):
        editing.at(absence(), place)


@pytest.mark.parametrize(
    ("label", "used", "name"),
    [
        ("Téléphone du père ?", (), "telephone_du_pere"),
        ("Motif", ("motif",), "motif_2"),
        ("Motif", ("motif", "motif_2"), "motif_3"),
        ("Dates", ("dates_debut",), "dates_2"),
        ("3 repas", (), "question_3_repas"),
        ("???", (), "question"),
        ("Page", (), "page_2"),
        ("Class", (), "class_2"),
        ("Œuvre à l’été", (), "uvre_a_l_ete"),
    ],
)
def test_names_are_made_of_labels(label: str, used: tuple[str, ...], name: str) -> None:
    assert editing.name_for(label, frozenset(used)) == name


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("motif == 'motif'", "raison == 'motif'"),
        ("non_vide(motif) and motif_2 == motif", "non_vide(raison) and motif_2 == raison"),
        ("motif(3)", "motif(3)"),
        ("motif == '", "motif == '"),
        ("'é' in motif", "'é' in raison"),
    ],
)
def test_names_change_in_expressions_and_nowhere_else(before: str, after: str) -> None:
    assert editing.with_names(before, {"motif": "raison"}) == after


def test_a_new_name_is_written_in_the_conditions_of_the_form() -> None:
    changed = editing.change(absence(), (1, 0), {"name": "raison"})
    assert editing.problems_of(changed) == []
    assert changed["pages"][1]["fields"][2]["show_if"] == "raison == 'maladie'"


def test_where_an_answer_serves_is_found_everywhere() -> None:
    dmn = (
        '<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="d" name="d" namespace="n">'
        '<decision id="tarif" name="Tarif"><decisionTable id="t" hitPolicy="FIRST"><input id="i" label="Motif">'
        '<inputExpression id="e" typeRef="string"><text>motif</text></inputExpression></input>'
        '<output id="o" name="prix" typeRef="string"/><rule id="r"><inputEntry id="a"><text></text></inputEntry>'
        "<outputEntry id=\"b\"><text>'x'</text></outputEntry></rule></decisionTable></decision></definitions>"
    )
    diagram = process(
        "essai",
        lane("Famille", start("debut"), user_task("saisir", name="Saisir", statut="brouillon", form="declaration")),
        lane("Gestionnaire", xor("choix"), end("oui", statut="clos"), end("non", statut="refuse")),
        "debut -> saisir -> choix",
        "choix -> oui if motif == 'maladie'",
        "choix -> non default",
    )
    other = {"type": "text", "name": "x", "label": "X", "show_if": "vide(motif)"}
    files = {
        "process.bpmn": diagram,
        "demarche.toml": b'titre = "T"\nresume = "R"\ncategorie = "quotidien"\n'
        b'structure = "champ:motif"\nsujet = ["motif"]\n',
        "forms/declaration.json": editing.write(absence()),
        "forms/suite.json": json.dumps({"title": "Suite", "pages": [{"title": "P", "fields": [other]}]}).encode(),
        "decisions/tarif.dmn": dmn.encode(),
        "scenarios/un.toml": b'titre = "Un"\n[[etapes]]\nfaire = "saisir"\nvaleurs = { motif = "maladie" }\n',
    }  # fmt: skip
    found = uses_of(files, "declaration", (1, 0), {"motif"})
    where = {use.where for use in found}
    assert where == {"Ce formulaire", "Formulaire « Suite »", "Diagramme", "Table « Tarif »", "Réglages", "Scénarios"}
    assert len([use for use in found if use.where == "Ce formulaire"]) == 2
    assert len([use for use in found if use.where == "Réglages"]) == 2
    assert uses_of(files, "declaration", (1, 0), {"inconnu"}) == []
    assert uses_of(files, "declaration", (1, 0), set()) == []
    # what goes with the page does not count as a use of it
    assert "Ce formulaire" not in {use.where for use in uses_of(files, "declaration", (1,), {"motif"})}


def test_the_shipped_diagram_says_which_parameters_read_an_answer() -> None:
    folder = WORKFLOWS / "absence"
    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    told = [use.what for use in uses_of(files, "declaration", (1, 0), {"motif"}) if use.where == "Diagramme"]
    assert any("paramètre « motif »" in what for what in told)


@pytest.mark.parametrize(
    ("name", "operator", "value", "expression"),
    [
        ("motif", "est", "Maladie", "motif == 'maladie'"),
        ("motif", "differe", "maladie", "motif != 'maladie'"),
        ("motif", "rempli", "", "non_vide(motif)"),
        ("motif", "vide", "", "vide(motif)"),
        ("creneaux", "contient", "CANT", "'CANT' in creneaux"),
        ("dates_debut", "plus", "01/09/2026", "non_vide(dates_debut) and dates_debut > '2026-09-01'"),
        ("enfant", "est", "a' or 'b", "enfant == \"a' or 'b\""),
    ],
)
def test_conditions_are_written_from_choices(name: str, operator: str, value: str, expression: str) -> None:
    answers = {answer.name: answer for answer in answers_before(absence(), (1, 4))}
    assert written(answers[name], operator, value) == expression


@pytest.mark.parametrize(
    ("name", "operator", "value"),
    [
        ("motif", "est", ""),
        ("motif", "est", "Vacances"),
        ("motif", "plus", "Maladie"),
        ("motif", "autre", "Maladie"),
        ("creneaux", "est", "CANT"),
        ("dates_debut", "est", "demain"),
    ],
)
def test_a_condition_that_means_nothing_is_refused(name: str, operator: str, value: str) -> None:
    answers = {answer.name: answer for answer in answers_before(absence(), (1, 4))}
    with pytest.raises(Refused):
        written(answers[name], operator, value)


def test_only_what_is_answered_before_is_offered() -> None:
    assert {answer.name for answer in answers_before(absence(), (0, 1))} == {"enfant"}
    assert {answer.name for answer in answers_before(absence(), (1,))} == {
        "enfant",
        "dates_debut",
        "dates_fin",
        "creneaux",
    }
    group = {
        "type": "group",
        "name": "g",
        "label": "G",
        "fields": [{"type": "text", "name": n, "label": n} for n in "ab"],
    }
    document = {"title": "T", "pages": [{"title": "P", "fields": [{"type": "text", "name": "z", "label": "Z"}, group]}]}
    assert [answer.name for answer in answers_before(document, (0, 1, 1))] == ["z", "a"]
    assert "contient" in OPERATORS


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("motif == 'maladie'", "« Pourquoi sera-t-il absent ? » est « Maladie »"),
        (
            "non_vide(enfant) and motif != 'autre'",
            "« Quel enfant sera absent ? » est rempli et « Pourquoi sera-t-il absent ? » n’est pas « Autre raison »",
        ),
        ("cgu == vrai", "« J’accepte les conditions générales d’utilisation du service » est oui"),
        ("age(enfant) > 3", "age(enfant) > 3"),
        ("motif ==", "motif =="),
    ],
)
def test_simple_conditions_are_told_in_words(expression: str, told: str) -> None:
    assert " ".join(in_words(expression, absence()).split()) == told
