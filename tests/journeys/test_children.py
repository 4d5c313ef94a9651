"""A phone without script: who may come for a child, and what has changed on his sheet, to the agent's decision."""

from __future__ import annotations

from playwright.sync_api import Browser, expect
from sqlalchemy import select

from app.families.models import Child
from app.families.pickup import persons_of
from tests.journeys.commune import Commune
from tests.journeys.people import DESK, Somebody, somebody


def child_named(commune: Commune, first_name: str) -> Child:
    with commune.database.transaction(read_only=True) as session:
        found: Child = session.scalars(select(Child).where(Child.first_name == first_name)).one()
        session.expunge(found)
        return found


def decide(commune: Commune, browser: Browser, case: str, *seen: str) -> None:
    """The agent takes the demande in charge, reads what would change, and accepts."""
    with somebody(browser, commune.address, size=DESK) as agent:
        agent.become("gestionnaire")
        agent.go(case.replace("/demandes/", "/agent/demandes/"))
        agent.press("Prendre en charge")
        for words in seen:
            agent.sees(words)
        agent.tick("Accepter")
        agent.press("Enregistrer la décision")
        agent.sees("La demande est terminée")


def sent(parent: Somebody) -> str:
    """The path of the demande that was just sent."""
    parent.press("Enregistrer la demande")
    parent.sees("Votre demande est enregistrée")
    return parent.page.url.partition("?")[0].removeprefix(parent.address)


def test_a_grandmother_is_named_on_a_phone_without_script(commune: Commune, browser: Browser) -> None:
    child = child_named(commune, "Maël")
    with somebody(browser, commune.address, javascript=False) as parent:
        parent.become("linh-nguyen")
        parent.go(f"/foyer/enfants/{child.id}")
        parent.page.get_by_role("link", name="Changer la liste").click()
        parent.tick("Ajouter une nouvelle personne")
        parent.press("Continuer")
        parent.fill("Prénom de la personne", "Thérèse <b>")
        parent.fill("Nom de la personne", "Nguyen")
        parent.fill("Son téléphone", "06 39 98 09 09")
        parent.choose("Son lien avec l’enfant", "Grand-parent")
        parent.page.locator("[name=personne_mineure][value=non]").check()
        parent.press("Continuer")
        expect(parent.page.locator("main")).to_contain_text("Les dates")
        parent.press("Continuer")
        parent.sees("Thérèse <b>")
        case = sent(parent)
        decide(commune, browser, case, "Thérèse <b> Nguyen, grand-parent")
        parent.go(f"/foyer/enfants/{child.id}")
        parent.sees("Thérèse <b> Nguyen")
    with commune.database.transaction(read_only=True) as session:
        assert "Thérèse <b> Nguyen" in [card.name for card in persons_of(session, [child.id])[child.id]]


def test_a_sheet_is_changed_on_a_phone_without_script(commune: Commune, browser: Browser) -> None:
    child = child_named(commune, "Inès")
    with somebody(browser, commune.address, javascript=False) as parent:
        parent.become("camille-moreau")
        parent.go(f"/foyer/enfants/{child.id}")
        parent.page.get_by_role("link", name="Modifier la fiche").click()
        parent.sees("De quel enfant")
        parent.press("Continuer")
        parent.choose("Niveau", "CM1")
        parent.press("Continuer")
        parent.fill("Médecin traitant", "Docteur Lise Aubry")
        for _ in range(4):  # health, vaccinations, authorisations, custody
            parent.press("Continuer")
        expect(parent.title).to_have_text("Vérifiez votre demande")
        case = sent(parent)
        decide(commune, browser, case, "CE2", "CM1")
        parent.go(f"/foyer/enfants/{child.id}")
        parent.sees("CM1")
        parent.sees("Docteur Lise Aubry")
