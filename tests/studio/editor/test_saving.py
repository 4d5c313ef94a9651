"""A draft saves itself, never over somebody else's, and nothing is lost when it cannot."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.axe import assert_accessible
from tests.studio.editor.conftest import Opening, select
from tests.studio.editor.harness import PROBLEMS, Desk, studio_data


def rename(page: Page, name: str, element: str = "instruire") -> None:
    select(page, element)
    field = page.get_by_label("Nom", exact=True)
    field.fill(name)
    field.press("Enter")


def status(page: Page, text: str, timeout: int = 5000) -> None:
    expect(page.locator(".studio-status")).to_contain_text(text, timeout=timeout)


def test_a_pause_saves_with_the_token_and_the_next_revision(studio: Page, desk: Desk) -> None:
    rename(studio, "Vérifier")
    status(studio, "Modifications à enregistrer")
    status(studio, "Enregistré à 14 h 05")
    rename(studio, "Vérifier encore")
    expect(studio.locator(".studio-status")).not_to_contain_text("Enregistré à")
    status(studio, "Enregistré à 14 h 05")
    assert [("Vérifier encore" in each) for each in desk.saves] == [False, True]
    assert desk.tokens == ["jeton/jeton"] * 2
    assert desk.revision == 14


def test_several_changes_make_one_save(studio: Page, desk: Desk) -> None:
    for name in ("a", "b", "c"):
        rename(studio, name)
    status(studio, "Enregistré à")
    studio.wait_for_timeout(300)
    assert len(desk.saves) == 1
    assert 'name="c"' in desk.saves[0]


def test_nothing_is_sent_when_nothing_changed(studio: Page, desk: Desk) -> None:
    select(studio, "instruire")
    studio.locator(".studio-canvas svg").first.focus()
    studio.keyboard.press("Control+s")
    studio.wait_for_timeout(1800)
    assert desk.saves == []


def test_ctrl_s_saves_at_once_what_is_being_typed(studio: Page, desk: Desk) -> None:
    select(studio, "instruire")
    studio.get_by_label("Nom", exact=True).fill("Tout de suite")
    studio.keyboard.press("Control+s")
    status(studio, "Enregistré à", timeout=1200)
    assert "Tout de suite" in desk.saves[0]


def test_a_conflict_says_who_and_overwrites_nothing(studio: Page, desk: Desk, tmp_path: Path) -> None:
    desk.revision = 13  # somebody saved meanwhile
    rename(studio, "Ma version")
    dialog = studio.get_by_role("dialog")
    expect(dialog).to_contain_text("Nadia Perrin a enregistré ce brouillon à 14 h 02")
    assert_accessible(studio)
    with studio.expect_download() as waiting:
        dialog.get_by_role("button", name="Télécharger ma version").click()
    assert waiting.value.suggested_filename == "absence.bpmn"
    waiting.value.save_as(tmp_path / "mine.bpmn")
    assert "Ma version" in (tmp_path / "mine.bpmn").read_text(encoding="utf-8")
    studio.keyboard.press("Escape")
    expect(dialog).to_be_visible()  # a choice is needed
    assert desk.saves == []
    dialog.get_by_role("button", name="Ouvrir la version enregistrée").click()
    studio.wait_for_function("() => document.querySelector('[data-studio]').studio")
    expect(dialog).to_be_hidden()


def test_a_takeover_can_be_taken_back(studio: Page, desk: Desk) -> None:
    desk.answer = (409, {"reason": "taken_over", "by": "Nadia Perrin", "at": "à 14 h 02"})
    rename(studio, "Ma version")
    dialog = studio.get_by_role("dialog")
    expect(dialog).to_contain_text("Nadia Perrin a repris ce brouillon à 14 h 02")
    form = dialog.locator("form[action='/reprendre']")
    expect(form.get_by_role("button", name="Reprendre la main")).to_be_visible()
    assert form.locator("input[name=csrf_token]").input_value() == "jeton"


def test_a_takeover_is_told_before_the_next_save(opened: Opening, desk: Desk, absence: str) -> None:
    desk.presence = {"others": ["Nadia Perrin"], "taken_over_by": "Nadia Perrin"}
    page = opened("studio", studio_data(absence))
    expect(page.get_by_role("dialog")).to_contain_text("Nadia Perrin a repris ce brouillon")


def test_who_reads_the_draft_is_said(opened: Opening, desk: Desk, absence: str) -> None:
    desk.presence = {"others": ["Nadia Perrin"], "taken_over_by": None}
    page = opened("studio", studio_data(absence))
    expect(page.get_by_text("Nadia Perrin lit ce brouillon en ce moment.")).to_be_visible()


@pytest.mark.parametrize("code", [500, 503, 429])
def test_a_server_that_cannot_is_tried_again(studio: Page, desk: Desk, code: int) -> None:
    desk.answer = (code, {})
    rename(studio, "Plus tard")
    status(studio, "Hors connexion")
    desk.answer = None
    status(studio, "Enregistré à", timeout=6000)
    assert "Plus tard" in desk.saves[-1]


def test_a_lost_network_saves_when_it_comes_back(studio: Page, desk: Desk) -> None:
    studio.context.set_offline(True)
    rename(studio, "Dans le train")
    status(studio, "Hors connexion")
    rename(studio, "Toujours dans le train")
    studio.context.set_offline(False)
    status(studio, "Enregistré à", timeout=6000)
    assert "Toujours dans le train" in desk.saves[-1]


def test_a_dead_session_is_said_and_saved_after(studio: Page, desk: Desk) -> None:
    desk.answer = (401, {})
    rename(studio, "Revenue")
    link = studio.get_by_role("link", name="Reconnectez-vous dans un autre onglet")
    expect(link).to_have_attribute("href", "/connexion")
    desk.answer = None
    studio.evaluate("() => window.dispatchEvent(new Event('focus'))")
    status(studio, "Enregistré à")
    assert "Revenue" in desk.saves[-1]


def test_a_page_from_before_a_new_sign_in_goes_on_with_its_token(studio: Page, desk: Desk) -> None:
    desk.token = "neuf"
    rename(studio, "Revenue")
    status(studio, "Enregistré à")
    rename(studio, "Encore là")
    status(studio, "Modifications à enregistrer")
    status(studio, "Enregistré à")
    assert desk.tokens == ["neuf/neuf"] * 2


def test_a_token_that_is_refused_is_a_session_that_ended(studio: Page, desk: Desk) -> None:
    desk.answer = (400, {})
    rename(studio, "Perdue ?")
    expect(studio.get_by_role("link", name="Reconnectez-vous dans un autre onglet")).to_be_visible()
    expect(studio.locator(".studio-status")).not_to_contain_text("Hors connexion")
    desk.answer = None
    studio.evaluate("() => window.dispatchEvent(new Event('focus'))")
    status(studio, "Enregistré à")
    assert "Perdue ?" in desk.saves[-1]


def test_a_link_followed_at_once_saves_first_and_asks_nothing(studio: Page, desk: Desk) -> None:
    asked: list[str] = []
    studio.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    select(studio, "saisir")
    studio.get_by_label("Nom", exact=True).fill("Tout de suite après")
    studio.get_by_role("link", name="Modifier ce formulaire").click()
    studio.wait_for_url("**/formulaires/declaration")
    assert asked == []
    assert "Tout de suite après" in desk.saves[-1]


def test_a_refusal_is_said_and_the_next_change_tries_again(studio: Page, desk: Desk) -> None:
    desk.answer = (422, {"message": "Le fichier est trop grand."})
    rename(studio, "Trop grand")
    status(studio, "Non enregistré : Le fichier est trop grand.")
    desk.answer = None
    rename(studio, "Moins grand")
    status(studio, "Enregistré à")


def test_verification_is_awaited_and_shown(studio: Page, desk: Desk) -> None:
    desk.problems, desk.checked = None, PROBLEMS
    rename(studio, "À vérifier")
    expect(studio.get_by_role("button", name="Vérification en cours…")).to_be_visible()
    expect(studio.get_by_role("button", name="1 erreur, 1 point à vérifier")).to_be_visible(timeout=6000)


def test_leaving_with_unsaved_work_asks_first(studio: Page, desk: Desk) -> None:
    desk.answer = (503, {})
    rename(studio, "Pas encore")
    status(studio, "Hors connexion")
    asked: list[str] = []
    studio.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    studio.reload()
    assert asked == ["beforeunload"]


@pytest.mark.parametrize(
    ("before", "after"),
    [("</bpmn:process>", ""), ('<bpmn:lane id="lane_Gestionnaire"', '<bpmn:lane id="lane Gestionnaire"')],
    ids=["broken", "lossy"],
)
def test_a_diagram_that_cannot_be_edited_whole_is_not_edited(
    opened: Opening, desk: Desk, absence: str, before: str, after: str
) -> None:
    page = opened("studio", studio_data(absence.replace(before, after)), ready=False)
    expect(page.get_by_role("alert")).to_contain_text("Le fichier est intact")
    expect(page.get_by_text("Le diagramme en mots")).to_be_visible()
    assert desk.saves == []
