"""What an administrator changes in the panel is what the engine reads afterwards."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from app.engine.bpmn_reader import read_graph
from app.engine.graph import Graph
from app.engine.xml import load_xml
from tests.journeys.axe import assert_accessible
from tests.studio.editor.conftest import Opening, exported, select
from tests.studio.editor.harness import PROBLEMS, RICH, studio_data


def graph(page: Page) -> Graph:
    return read_graph(load_xml(exported(page).encode(), "x"))


def fill(page: Page, label: str, value: str) -> None:
    field = page.locator(".studio-panel").get_by_label(label, exact=True)
    field.fill(value)
    field.press("Enter")


def choose(page: Page, label: str, value: str) -> None:
    page.locator(".studio-panel").get_by_label(label, exact=True).select_option(value)


def details(page: Page, title: str) -> None:
    page.locator(".studio-panel summary", has_text=title).first.click()


def test_a_person_s_step(studio: Page) -> None:
    select(studio, "instruire")
    fill(studio, "Nom", "Vérifier l’absence")
    choose(studio, "Formulaire", "declaration")
    choose(studio, "Statut montré à la famille", "en_attente")
    fill(studio, "À faire sous", "24 heures")
    fill(studio, "Texte d’aide de l’étape", "Appelez l’école.")
    studio.keyboard.press("Tab")
    node = graph(studio).nodes["instruire"]
    assert (node.name, node.status) == ("Vérifier l’absence", "en_attente")
    assert node.properties["form"] == "declaration"
    assert node.properties["echeance"] == "PT24H"
    assert node.properties["aide"].strip() == "Appelez l’école."
    expect(studio.get_by_label("À faire sous", exact=True)).to_have_value("24 heures")
    expect(studio.get_by_label("Couloir (qui le fait)")).to_have_value("lane_Gestionnaire")


@pytest.mark.parametrize(
    ("written", "kept"),
    [("5 jours ouvrés", "5 jours ouvrés"), ("1 jour ouvré", "1 jour ouvré"), ("15 jours", "P15D"), ("pt48h", "PT48H")],
)
def test_a_due_rule_is_kept_as_the_engine_reads_it(studio: Page, written: str, kept: str) -> None:
    select(studio, "completer")
    fill(studio, "À faire sous", written)
    assert graph(studio).nodes["completer"].properties["echeance"] == kept


def test_a_due_rule_that_is_not_understood_is_refused_and_stays_written(studio: Page) -> None:
    select(studio, "completer")
    fill(studio, "À faire sous", "bientôt")
    expect(studio.locator(".studio-panel .studio-error")).to_contain_text("3 jours ouvrés")
    expect(studio.get_by_label("À faire sous", exact=True)).to_have_value("bientôt")
    assert graph(studio).nodes["completer"].properties["echeance"] == "P15D"


def test_a_step_moves_to_another_lane_and_back(studio: Page) -> None:
    select(studio, "completer")
    choose(studio, "Couloir (qui le fait)", "lane_Gestionnaire")
    assert graph(studio).nodes["completer"].lane == "gestionnaire"
    studio.get_by_role("button", name="Annuler", exact=True).click()
    assert graph(studio).nodes["completer"].lane == "famille"


def test_a_lane_takes_a_role(studio: Page) -> None:
    select(studio, "lane_Gestionnaire")
    choose(studio, "Rôle de la commune", "direction")
    assert {lane.role for lane in graph(studio).lanes} == {"famille", "direction"}
    fill(studio, "Nom", "Équipe de direction")
    assert graph(studio).nodes["instruire"].lane == "equipe-de-direction"
    choose(studio, "Rôle de la commune", "gestionnaire")
    assert graph(studio).nodes["instruire"].lane == "gestionnaire"


def test_an_operation_and_its_parameters(studio: Page) -> None:
    select(studio, "retirer")
    choose(studio, "Ce que fait le portail", "absence.enregistrer")
    panel = studio.locator(".studio-panel")
    expect(panel.get_by_label("enfant", exact=True)).to_have_value("enfant")  # a variable has that very name
    expect(panel.get_by_text("Ce paramètre est obligatoire.")).to_have_count(4)
    fill(studio, "motif", "'maladie'")
    fill(studio, "Ranger le résultat dans", "absence")
    operator = graph(studio).nodes["retirer"].operator
    assert operator is not None
    assert operator.name == "absence.enregistrer"
    assert operator.parameters == {"enfant": "enfant", "motif": "'maladie'"}
    assert operator.result_variable == "absence"
    fill(studio, "motif", "")
    operator = graph(studio).nodes["retirer"].operator
    assert operator is not None
    assert "motif" not in operator.parameters


def test_the_condition_builder_writes_the_expression_that_stays_editable(studio: Page) -> None:
    select(studio, "flux_9")
    panel = studio.locator(".studio-panel")
    expect(panel.get_by_label("Valeur", exact=True)).to_have_value("refuser")
    choose(studio, "Valeur", "accepter")
    choose(studio, "Comparaison", "!=")
    assert graph(studio).flows["flux_9"].condition == "decision != 'accepter'"
    panel.get_by_role("button", name="Ajouter une condition").click()
    second = panel.get_by_role("group", name="Condition").nth(1)
    second.get_by_label("Réponse ou variable").select_option("jours")
    second.get_by_label("Comparaison").select_option(">=")
    second.get_by_label("Valeur").fill("3,5")
    second.get_by_label("Valeur").press("Enter")
    assert graph(studio).flows["flux_9"].condition == "decision != 'accepter' and jours >= 3.5"
    choose(studio, "Ces conditions", "or")
    assert graph(studio).flows["flux_9"].condition == "decision != 'accepter' or jours >= 3.5"
    expect(
        panel.get_by_text("Votre décision est différent de « Accepter » ou Nombre de jours est au moins")
    ).to_be_visible()
    fill(studio, "Expression", "age(naissance) < 6")
    expect(panel.get_by_text("Cette condition est écrite à la main.")).to_be_visible()
    assert graph(studio).flows["flux_9"].condition == "age(naissance) < 6"


def test_a_button_acts_on_what_was_typed_just_before(studio: Page) -> None:
    select(studio, "flux_9")
    choose(studio, "Réponse ou variable", "jours")
    studio.get_by_label("Valeur", exact=True).fill("12")  # not left: the click itself leaves the field
    studio.get_by_role("button", name="Ajouter une condition").click()
    expect(studio.get_by_role("group", name="Condition")).to_have_count(2)
    assert graph(studio).flows["flux_9"].condition == "jours == 12"
    studio.get_by_label("Nom", exact=True).or_(studio.get_by_label("Texte écrit sur le flux")).fill(
        "douze jours et plus"
    )
    studio.get_by_role("button", name="Supprimer", exact=True).last.click()
    assert "flux_9" not in graph(studio).flows
    studio.get_by_role("button", name="Annuler", exact=True).click()
    assert graph(studio).flows["flux_9"].name == "douze jours et plus"


def test_yes_no_variables_and_lists_have_their_own_comparisons(studio: Page) -> None:
    select(studio, "flux_9")
    choose(studio, "Réponse ou variable", "urgent")
    choose(studio, "Comparaison", "faux")
    assert graph(studio).flows["flux_9"].condition == "urgent == faux"
    choose(studio, "Réponse ou variable", "decision_champs")
    choose(studio, "Comparaison", "contient")
    fill(studio, "Valeur", "l'enfant")
    assert graph(studio).flows["flux_9"].condition == r"contient(decision_champs, 'l\'enfant')"


def test_the_default_path_of_a_gateway(studio: Page) -> None:
    select(studio, "suite")
    expect(studio.locator(".studio-path")).to_have_count(3)
    select(studio, "flux_9")
    studio.get_by_label("Chemin par défaut").check()
    after = graph(studio)
    assert after.nodes["suite"].default == "flux_9"
    assert after.flows["flux_9"].condition is None
    studio.get_by_role("button", name="Annuler", exact=True).click()  # both at once
    assert graph(studio).nodes["suite"].default == "flux_10"
    assert graph(studio).flows["flux_9"].condition == "decision == 'refuser'"


@pytest.mark.parametrize(
    ("written", "kind", "expression", "read"),
    [
        ("24 heures", "duration", "'PT24H'", "24 heures"),
        ("2 semaines", "duration", "'P2W'", "2 semaines"),
        ("P1DT12H", "duration", "'P1DT12H'", "1 jour et 12 heures"),
        ("5 jours ouvrés", "date", "plus_jours_ouvres(aujourdhui(), 5)", "5 jours ouvrés"),
    ],
)
def test_a_timer_is_read_and_written_in_french(
    opened: Opening, written: str, kind: str, expression: str, read: str
) -> None:
    page = opened("studio", studio_data(RICH.read_text(encoding="utf-8")))
    select(page, "delai")
    fill(page, "Délai", written)
    event = graph(page).nodes["delai"].event
    assert event is not None
    assert (event.timer, event.expression) == (kind, expression)
    expect(page.get_by_label("Délai", exact=True)).to_have_value(read)
    expect(page.get_by_label("Expression", exact=True)).to_have_value(expression)


def test_a_timer_s_expression_can_be_written_by_hand(opened: Opening) -> None:
    page = opened("studio", studio_data(RICH.read_text(encoding="utf-8")))
    select(page, "delai")
    choose(page, "Se déclenche", "date")
    fill(page, "Expression", "date_limite")
    event = graph(page).nodes["delai"].event
    assert event is not None
    assert (event.timer, event.expression) == ("date", "date_limite")


def test_messages_errors_and_what_they_carry(opened: Opening) -> None:
    page = opened("studio", studio_data(RICH.read_text(encoding="utf-8")))
    select(page, "bord_message")
    choose(page, "Message", "modifier")
    page.get_by_label("Interrompre l’étape").uncheck()
    details(page, "Contenu reçu")
    fill(page, "Ranger ce qui est reçu dans", "recu")
    select(page, "fin_erreur")
    fill(page, "Ou un autre, nouveau", "plus_de_place")
    after = graph(page)
    message, error = after.nodes["bord_message"].event, after.nodes["fin_erreur"].event
    assert message is not None
    assert error is not None
    assert (message.name, message.resolved, message.variable) == ("modifier", True, "recu")
    assert after.nodes["bord_message"].interrupting is False
    assert (error.code, error.resolved) == ("plus_de_place", True)


def test_decisions_scripts_calls_and_repetition(opened: Opening) -> None:
    page = opened("studio", studio_data(RICH.read_text(encoding="utf-8")))
    select(page, "calculer")
    page.get_by_label("Lignes « nom = expression »").fill("total = 4\nmajeur = total > 3")
    page.keyboard.press("Tab")
    details(page, "Calculs avant et après")
    page.get_by_label("Après l’étape").fill("fait = vrai")
    page.keyboard.press("Tab")
    select(page, "appeler")
    details(page, "Répétition")
    choose(page, "Faire cette étape", "list")
    fill(page, "La liste", "enfants")
    fill(page, "Chaque élément s’appelle", "un_enfant")
    choose(page, "Dans quel ordre", "tous")
    select(page, "trancher")
    choose(page, "Table", "")
    after = graph(page)
    assert after.nodes["calculer"].script == "total = 4\nmajeur = total > 3"
    assert after.nodes["calculer"].post_script == "fait = vrai"
    loop = after.nodes["appeler"].loop
    assert loop is not None
    assert (loop.sequential, loop.collection, loop.item, loop.cardinality) == (False, "enfants", "un_enfant", None)
    assert after.nodes["trancher"].decision is None


def test_an_unknown_property_is_kept_and_can_be_changed(opened: Opening) -> None:
    page = opened("studio", studio_data(RICH.read_text(encoding="utf-8")))
    select(page, "saisir")
    details(page, "Technique")
    expect(page.get_by_label("Propriété « inconnue »")).to_have_value("gardée")
    fill(page, "Nom", "Remplir")
    assert graph(page).nodes["saisir"].properties["inconnue"] == "gardée"


def test_undo_gives_back_every_word(studio: Page) -> None:
    before = exported(studio)
    select(studio, "instruire")
    choose(studio, "Formulaire", "declaration")
    fill(studio, "À faire sous", "2 jours")
    select(studio, "enregistrer")
    fill(studio, "Ranger le résultat dans", "autre")
    assert exported(studio) != before
    undo = studio.get_by_role("button", name="Annuler", exact=True)
    while undo.is_enabled():
        undo.click()
    assert exported(studio) == before


def test_verification_marks_elements_and_a_click_shows_them(opened: Opening, absence: str) -> None:
    page = opened("studio", studio_data(absence, problems=PROBLEMS))
    expect(page.locator(".studio-mark[data-severity=error]")).to_have_count(1)
    expect(page.get_by_role("button", name="1 erreur, 1 point à vérifier")).to_be_visible()
    page.locator(".studio-problems").get_by_role("button", name="Contrôler l’absence").click()
    expect(page.locator(".studio-panel__title")).to_have_text("Contrôler l’absence")
    expect(page.locator(".studio-said")).to_contain_text("Le formulaire « controle » n’existe pas.")
    expect(page.locator("[data-element-id=instruire].selected")).to_have_count(1)


def test_an_address_names_an_element(opened: Opening, absence: str) -> None:
    page = opened("studio", studio_data(absence), at="#element=suite")
    expect(page.locator(".studio-panel__title")).to_have_text("Décision ?")


@pytest.mark.parametrize("width", [390, 1280])
def test_the_editor_is_accessible_and_fits(opened: Opening, absence: str, width: int) -> None:
    page = opened("studio", studio_data(absence, problems=PROBLEMS), width=width)
    select(page, "suite")
    if width < 768:
        page.get_by_role("button", name="Modifier : Décision ?").click()
        expect(page.get_by_label("Nom", exact=True)).to_be_visible()
    assert_accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    expect(page.locator(".bjs-powered-by")).to_be_visible()


def test_a_label_is_never_markup(opened: Opening, absence: str) -> None:
    evil = "&lt;img src=x onerror=&quot;document.title='pwned'&quot;&gt;"
    xml = absence.replace("Contrôler l’absence", evil).replace('name="Gestionnaire"', f'name="{evil}"')
    problem = {**PROBLEMS[0], "element_name": "<img src=x onerror=\"document.title='pwned'\">", "message": "<b>x</b>"}
    page = opened("studio", studio_data(xml, problems=[problem]), at="#element=instruire")
    page.get_by_role("button", name="Relier à…").click()
    page.wait_for_timeout(300)
    assert page.locator("img[src=x]").count() == 0
    assert page.title().startswith("Studio")
    expect(page.locator(".studio-panel__title")).to_contain_text("<img src=x")


def test_the_first_sight_is_the_whole_drawing_between_the_palette_and_the_panel(studio: Page) -> None:
    boxes = studio.evaluate(
        "() => { const box = (each) => { const { left, top, right, bottom } = each.getBoundingClientRect();"
        " return { left, top, right, bottom }; };"
        " const one = (name) => box(document.querySelector(name));"
        " return { canvas: one('.studio-canvas'), palette: one('.djs-palette'), panel: one('.studio-panel'),"
        " shapes: [...document.querySelectorAll('.djs-shape .djs-visual')].map(box) }; }"
    )
    assert len(boxes["shapes"]) > 10
    left, right = boxes["palette"]["right"], min(boxes["canvas"]["right"], boxes["panel"]["left"])
    outside = [
        each
        for each in boxes["shapes"]
        if each["left"] < left or each["right"] > right or each["bottom"] > boxes["canvas"]["bottom"]
    ]
    assert outside == []
