"""An agent's day: the inbox, a task taken and given back, two agents at once, a piece, a family invited."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.journeys.commune import Commune
from tests.journeys.people import DESK, Somebody, photograph, said, somebody


def rows(agent: Somebody) -> int:
    """How many tasks the page lists, once it is whole."""
    agent.page.wait_for_load_state()
    return agent.page.locator("main table tbody tr").count()


def count_of(agent: Somebody, tab: str) -> int:
    """The number beside the name of a tab."""
    text = agent.page.get_by_role("navigation", name="Listes de tâches").get_by_role("link", name=tab).inner_text()
    found = re.search(r"\d+", text)
    return int(found[0]) if found else 0


def test_the_inbox_is_filtered_searched_and_a_task_taken_then_given_back(commune: Commune, browser: Browser) -> None:
    with somebody(browser, commune.address, size=DESK) as agent:
        agent.become("gestionnaire")
        agent.go("/agent/taches")
        everything = rows(agent)
        agent.choose("Démarche", "Écrire à la mairie")
        agent.press("Filtrer")
        assert 0 < rows(agent) < everything
        agent.follow("Tout afficher")
        assert rows(agent) == everything
        agent.page.get_by_role("searchbox").first.fill("PERRIN")
        agent.page.get_by_role("searchbox").first.press("Enter")
        agent.sees("Résultats pour")
        assert 0 < rows(agent) < everything
        agent.go("/agent/taches?demarche=contact")
        to_take, mine = count_of(agent, "À prendre"), count_of(agent, "Mes tâches")
        agent.page.locator("main table a").first.click()
        task = agent.page.url
        agent.press("Prendre en charge")
        agent.go("/agent/taches?demarche=contact")
        assert (count_of(agent, "À prendre"), count_of(agent, "Mes tâches")) == (to_take - 1, mine + 1)
        agent.go(task)
        agent.press("Rendre à l’équipe")
        agent.go("/agent/taches?demarche=contact")
        assert (count_of(agent, "À prendre"), count_of(agent, "Mes tâches")) == (to_take, mine)
        agent.go(task)
        agent.press("Prendre cette tâche")
        expect(agent.page.get_by_role("button", name="Rendre à l’équipe")).to_be_visible()


def test_the_second_of_two_agents_reads_who_was_first(commune: Commune, browser: Browser) -> None:
    with (
        somebody(browser, commune.address, size=DESK) as claire,
        somebody(browser, commune.address, size=DESK) as karim,
    ):
        claire.become("gestionnaire")
        karim.become("gestionnaire-2")
        claire.go("/agent/taches?demarche=absence")
        claire.page.locator("main table a").first.click()
        karim.go(claire.page.url)
        claire.press("Prendre en charge")
        karim.expected = ["409"]
        karim.press("Prendre en charge")
        karim.sees(re.compile("[Dd]éjà traitée par Claire Vasseur"))
        assert karim.page.locator("main a").count() > 0, "no dead end"


def test_a_piece_is_sent_withdrawn_sent_again_refused_and_the_family_told(
    commune: Commune, browser: Browser, tmp_path: Path
) -> None:
    with somebody(browser, commune.address) as parent, somebody(browser, commune.address, size=DESK) as agent:
        parent.become("camille-moreau")
        agent.become("gestionnaire")
        parent.go("/pieces")
        parent.page.get_by_role("link", name=re.compile("Fournir le justificatif.*assurance")).first.click()
        asked = parent.page.get_by_label(said("Quel document envoyez-vous"))
        expect(asked.locator("option:checked")).to_have_text("Attestation d’assurance scolaire")
        parent.page.locator("input[type=file]").set_input_files(photograph(tmp_path, "assurance.jpg", "Assurance"))
        parent.press("Continuer")
        parent.sees("assurance.jpg")
        parent.press("Enregistrer la demande")
        parent.sees("Votre document est arrivé")
        agent.go("/agent/taches?demarche=justificatif")
        agent.fill("Famille, enfant ou référence", "Moreau")
        agent.press("Filtrer")
        agent.page.locator("main table a").first.click()
        agent.press("Prendre en charge")
        agent.sees("assurance.jpg")
        agent.page.get_by_role("link", name=re.compile("assurance.jpg")).first.click()
        expect(agent.page.locator(".piece-view img")).to_be_visible()
        shown = agent.page.locator(".piece-view img").evaluate("image => image.complete && image.naturalWidth")
        assert shown, "the photo itself is on the screen, beside the decision"
        agent.tick("Refuser")
        agent.choose("Motif du refus", "Document illisible")
        agent.fill("Message à la famille", "La photo est floue : refaites-la à la lumière.")
        agent.press("Enregistrer la décision")
        parent.go("/pieces")
        parent.sees("La photo est floue")
        parent.go("/tableau-de-bord")
        parent.sees("La photo est floue")


def test_a_family_is_created_and_invited_and_opens_its_account(commune: Commune, browser: Browser) -> None:
    here = commune.address
    with (
        somebody(browser, here, size=DESK) as agent,
        somebody(browser, here, size=DESK) as admin,
        somebody(browser, here) as parent,
    ):
        agent.become("gestionnaire")
        agent.go("/agent/familles")
        agent.follow("Nouveau foyer")
        agent.fill("Nom", "Oriol")
        agent.fill("Prénom", "Solène")
        agent.fill("Adresse électronique", "solene.oriol@example.org")
        agent.press("Créer le foyer")
        agent.sees("Le foyer est créé")
        agent.page.get_by_role("link", name=re.compile("Inviter")).first.click()
        agent.press("Envoyer l’invitation")
        agent.sees("solene.oriol@example.org")
        admin.become("administrateur")
        admin.wait_until_she_sees("/admin/courriels", "solene.oriol@example.org")
        admin.page.get_by_role("row").filter(has_text="solene.oriol@example.org").get_by_role("link").first.click()
        link = admin.page.locator("main a[href*='/compte/']").first.get_attribute("href")
        assert link is not None
        parent.go(link)
        parent.fill("Nouveau mot de passe", "quatre sardines bleues dansent")
        parent.fill("Le même mot de passe", "quatre sardines bleues dansent")
        parent.press("Enregistrer mon mot de passe")
        if "/connexion" in parent.page.url:
            parent.fill("Adresse e-mail", "solene.oriol@example.org")
            parent.fill("Mot de passe", "quatre sardines bleues dansent")
            parent.press("Se connecter")
        parent.sees("Bienvenue, Solène")
        parent.follow("Relire mon foyer")
        parent.sees("Solène Oriol")
        parent.go("/tableau-de-bord")
        expect(parent.title).to_have_text("Bonjour Solène Oriol")
