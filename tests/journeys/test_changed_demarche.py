"""The whole way of a change: « absence » asks one question and takes one control more, while families go on filing.

A question and a step are added in the studio, scenarios fail and are mended there, the version is published; what was
filed before goes on as it began until it is migrated, what is filed after takes the new step, and the counts follow.
"""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, expect

from tests.journeys.audit import audit
from tests.journeys.commune import Commune
from tests.journeys.deeds import declare_an_absence, monday
from tests.journeys.people import DESK, Somebody, somebody

HERE = "/admin/demarches/absence"
CONTROL = "Vérifier le planning"
#: A play of the scenarios starts a process of its own, on a machine that may be busy.
PLAYED = 90_000


def audited(admin: Somebody, name: str) -> None:
    assert audit(admin.page, name) == []
    admin.page.set_viewport_size({"width": DESK[0], "height": DESK[1]})


def counts(admin: Somebody, version: int) -> dict[str, int]:
    """« Dossiers en cours » : how many demandes wait at each step of a version, as the table says."""
    admin.go(f"{HERE}/dossiers?version={version}")
    found = {}
    for row in admin.page.locator("main table tbody tr").all():
        cells = row.locator("th, td").all_inner_texts()
        found[cells[0].split("\n")[0].strip()] = int(cells[1].split()[0])  # then, for who listens, the name of the step
    return found


def add_a_question(admin: Somebody) -> None:
    """Formulaires: a telephone number, which nobody must give."""
    admin.go(f"{HERE}/formulaires")
    admin.press("Modifier")
    admin.follow("Déclarer l’absence d’un enfant")
    admin.page.locator("#place-1").get_by_text("Ajouter une question à").click()
    form = admin.page.locator("#place-1 > details form")
    form.get_by_label("Question").fill("Téléphone où vous joindre")
    form.get_by_label("Type de réponse").select_option("phone")
    form.get_by_role("button", name="Ajouter la question").click()
    expect(admin.page.locator("#q--label")).to_have_value("Téléphone où vous joindre")
    admin.page.get_by_role("button", name="Enregistrer dans le brouillon").click()
    admin.sees("C’est enregistré dans le brouillon")


def add_a_control(admin: Somebody) -> None:
    """Diagramme: a step between taking charge and deciding, from the arrow between the two."""
    admin.go(f"{HERE}/diagramme")
    arrow = admin.page.locator("[data-element-id=flux_4] .djs-hit").first
    expect(arrow).to_be_attached()
    box = arrow.bounding_box()
    assert box is not None
    admin.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    admin.press("Insérer ici : Étape d’une personne")
    expect(admin.page.locator(".studio-panel__title")).to_have_text("Étape d’une personne")
    admin.page.get_by_label("Nom", exact=True).fill(CONTROL)
    admin.page.get_by_label("Nom", exact=True).press("Enter")
    status = admin.page.get_by_label("Statut montré à la famille")
    status.select_option("traitement")
    expect(status).to_have_value("traitement")
    admin.page.keyboard.press("Control+s")
    expect(admin.page.get_by_text(re.compile("^Enregistré"))).to_be_visible()


def play(admin: Somebody) -> None:
    """« Jouer les scénarios » : the bar moves, then the result comes by itself."""
    admin.go(f"{HERE}/scenarios")
    admin.press("Jouer les scénarios")
    expect(admin.page.get_by_role("progressbar", name="Scénarios joués")).to_be_visible()
    expect(admin.page.get_by_text("Joués sur le brouillon tel qu’il est")).to_be_visible(timeout=PLAYED)


def mend(admin: Somebody, title: str, controls: int) -> None:
    """One scenario: the control is done by hand each time the story comes to it, and the rest is played again."""
    admin.go(f"{HERE}/scenarios")
    admin.follow(title)
    admin.press("Corriger en rejouant")
    for _ in range(controls):
        admin.sees("n’attend personne à ce moment-là")
        audited(admin, "studio-correction")
        admin.press(CONTROL)
        admin.sees("Il reste à jouer la suite")
        admin.press("Rejouer la suite")
    admin.sees("Ce geste est nouveau dans cette histoire")
    audited(admin, "studio-correction-finie")
    admin.press("Enregistrer la correction")
    admin.sees("Le scénario attend maintenant ce que vous venez de voir")


def in_hand(agent: Somebody, absence: str) -> None:
    """The agent opens the demande of this address."""
    agent.go(absence.replace("/demandes/", "/agent/demandes/"))


@pytest.mark.timeout(300)
def test_a_change_goes_from_the_studio_to_the_demandes_of_families(commune: Commune, browser: Browser) -> None:
    with (
        somebody(browser, commune.address) as parent,
        somebody(browser, commune.address, size=DESK) as agent,
        somebody(browser, commune.address, size=DESK) as admin,
    ):
        admin.page.set_default_timeout(40_000)
        parent.become("camille-moreau")
        before = declare_an_absence(parent, "Inès", monday())
        admin.become("administrateur")
        agent.become("gestionnaire")
        at_first = counts(admin, 1)

        add_a_question(admin)
        add_a_control(admin)
        play(admin)
        admin.sees("3 scénarios échouent")
        admin.go(f"{HERE}/publication")
        admin.sees("Les scénarios empêchent de publier")
        assert admin.page.get_by_role("button", name="Publier cette version").count() == 0
        admin.go(f"{HERE}/scenarios/recit/acceptee")
        admin.sees("Ce scénario échoue")
        mend(admin, "Une absence déclarée puis prise en compte", 1)
        mend(admin, "L’agent demande de corriger les dates", 1)
        mend(admin, "Une absence refusée, avec son motif", 1)
        play(admin)
        admin.sees("Rien n’empêche de publier")
        admin.sees("Chaque élément est parcouru")
        admin.go(f"{HERE}/verification")
        admin.press("Vérifier maintenant")
        admin.follow("Relire et publier")
        admin.sees(CONTROL)
        admin.sees("Téléphone où vous joindre")
        admin.press("Publier cette version")
        admin.sees("est en ligne")

        in_hand(agent, before)
        agent.press("Prendre en charge")
        agent.sees("Votre décision")  # the version where it began: no control in between
        parent.go("/demandes/nouvelle/absence?autre=1")
        after = declare_an_absence(parent, "Inès", monday(2))
        in_hand(agent, after)
        agent.press("Prendre en charge")
        expect(agent.page.get_by_role("button", name=CONTROL)).to_be_visible()
        now, new = counts(admin, 1), counts(admin, 2)
        assert now["Prendre en charge"] == at_first["Prendre en charge"] - 1
        assert now["Contrôler l’absence"] == at_first["Contrôler l’absence"] + 1
        assert new[CONTROL] == 1

        admin.go(f"{HERE}/dossiers?version=1")
        admin.follow("Migrer vers la version 2")
        admin.sees("Essai à blanc")
        admin.page.get_by_role("button", name=re.compile("^Migrer ")).click()
        admin.sees("Terminée")
        assert sum(counts(admin, 1).values()) == 0
        both = {step: now.get(step, 0) + new.get(step, 0) for step in {*now, *new}}
        moved = counts(admin, 2)
        assert {step: moved.get(step, 0) for step in both} == both
        in_hand(agent, before)
        agent.sees("Votre décision")  # it stays at its step: the control is behind it
        agent.tick("Accepter")
        agent.press("Enregistrer la décision")
        parent.go(before)
        expect(parent.page.locator(".page-head .tag")).to_have_text("Clos")
        in_hand(agent, after)
        agent.press(CONTROL)
        agent.sees("Votre décision")
