"""Demandes that a failure stopped: an administrator mends them, one or many at once, and the family goes on."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date

import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import select

from app.accounts.models import Account
from app.accounts.sessions import actor_of
from app.cases.models import Case
from app.cases.opening import open_case
from app.cases.operations import submit
from app.cases.queries import Who, open_case_rows, open_tasks
from app.cases.steps import step_page
from app.db import Json
from app.engine.models import Incident
from app.engine.operations import registry
from app.families.models import Child
from app.procedures.queries import published
from tests.journeys.audit import audit
from tests.journeys.commune import Commune
from tests.journeys.deeds import declare_an_absence, monday
from tests.journeys.people import DESK, Somebody, somebody

HERE = "/admin/demarches/absence/dossiers"
CAUSE = "Le planning ne répond pas."
#: What a family reads of a declaration that an agent is to check.
ON_ITS_WAY = "Un agent va contrôler votre déclaration"
OPERATION = "absence.enregistrer"


@contextmanager
def out_of_order() -> Iterator[None]:
    """The schedule answers nobody while this lasts."""

    def fails(_call: object, _params: object) -> None:
        raise OSError(CAUSE)

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(registry._operations, OPERATION, replace(registry[OPERATION], run=fails))
        yield


def declare_behind_the_scenes(commune: Commune, day: date) -> str:
    """Camille declares one more absence of Inès; the reference."""
    with commune.database.transaction() as session:
        camille = session.scalars(select(Account).where(Account.first_name == "Camille")).one()
        who = Who(actor_of(session, camille))
        child = session.scalars(select(Child.id).where(Child.first_name == "Inès")).one()
        case, _ = open_case(session, who, published(session, "absence"))
    values: dict[str, Json] = {"enfant": str(child), "dates_debut": day.isoformat(), "dates_fin": day.isoformat()}
    values |= {"creneaux": ["CANT"], "motif": "familial", "cgu": True}
    with commune.database.transaction() as session:
        opened = open_case_rows(session, case.id, open_tasks(session, case.id)[0].id, lock=True)
        page = step_page(session, who, opened)
        form = page.form(stored=values)
        assert form.validate(), form.errors
        submit(session, who, opened, form.values(), page.told(form.values()))
    return case.reference


class Stopped:
    """Demandes of Camille that the schedule stopped, by reference, and an administrator before their list."""

    def __init__(self, commune: Commune, admin: Somebody, parent: Somebody, references: Sequence[str]) -> None:
        self.commune, self.admin, self.parent, self.left = commune, admin, parent, list(references)

    def tick(self, count: int) -> list[str]:
        """Ticks so many of those that are left."""
        chosen, self.left = self.left[:count], self.left[count:]
        for reference in chosen:
            self.admin.page.get_by_label(reference).check()
        return chosen

    def done(self, word: str, chosen: Sequence[str]) -> None:
        """She is told which ones moved, and the list holds the others."""
        self.admin.sees(word)
        for reference in chosen:
            self.admin.sees(reference)
            expect(self.admin.page.get_by_label(reference)).to_have_count(0)
        for reference in self.left:
            expect(self.admin.page.get_by_label(reference)).to_have_count(1)

    def family_reads(self, chosen: Sequence[str], text: str) -> None:
        """What Camille's page says of each of them."""
        for reference in chosen:
            self.parent.go(f"/demandes/{self.case_id(reference)}")
            self.parent.sees(text)
            expect(self.parent.page.locator("main")).not_to_contain_text("incident technique")

    def case_id(self, reference: str) -> uuid.UUID:
        with self.commune.database.transaction(read_only=True) as session:
            return session.scalars(select(Case.id).where(Case.reference == reference)).one()

    def journaled(self, action: str, words: str, reason: str, chosen: Sequence[str]) -> None:
        """The journal says it of each of these demandes, with the reason."""
        for reference in chosen:
            self.admin.go(f"/admin/journal?objet={reference}&action={action}")
            self.admin.sees(words)
            self.admin.sees(reason)


def retries(stopped: Stopped) -> None:
    """One, then two at once."""
    for count in (1, 2):
        chosen = stopped.tick(count)
        stopped.admin.press("Relancer")
        stopped.done("Reparties", chosen)
        stopped.family_reads(chosen, ON_ITS_WAY)
        stopped.journaled("incident.retried", "Incident relancé", "en_attente", chosen)
        stopped.admin.go(f"{HERE}/liste?etape=incidents:enregistrer")


def skips(stopped: Stopped) -> None:
    """« Passer ce qui a échoué », never without a reason."""
    for count in (1, 2):
        chosen = stopped.tick(count)
        stopped.admin.press("Passer ce qui a échoué")
        stopped.admin.sees("Dites pourquoi")
        for reference in chosen:
            stopped.admin.page.get_by_label(reference).check()
        stopped.admin.fill("Raison", "Notée à la main")
        stopped.admin.press("Passer ce qui a échoué")
        stopped.done("Passées", chosen)
        stopped.family_reads(chosen, ON_ITS_WAY)
        stopped.journaled("case.step_skipped", "passée", "Notée à la main", chosen)
        stopped.admin.go(f"{HERE}/liste?etape=incidents:enregistrer")


def sends_back(stopped: Stopped) -> None:
    """One to the family's own step, two at once to that of the agents."""
    for count, step, then in (
        (1, "Déclarer l’absence", "Vous avez repris cette demande pour la corriger"),
        (2, "Prendre en charge", ON_ITS_WAY),
    ):
        chosen = stopped.tick(count)
        stopped.admin.choose("Étape où reprendre", step)
        stopped.admin.fill("Raison", "Vu au téléphone")
        stopped.admin.press("Déplacer")
        stopped.done("Déplacées", chosen)
        stopped.family_reads(chosen, then)
        stopped.journaled("case.moved", "envoyée à une autre étape", "Vu au téléphone", chosen)
        stopped.admin.go(f"{HERE}/liste?etape=incidents:enregistrer")


def test_she_retries_skips_and_sends_back_what_a_failure_stopped(commune: Commune, browser: Browser) -> None:
    with somebody(browser, commune.address) as parent, somebody(browser, commune.address, size=DESK) as admin:
        admin.become("administrateur")
        parent.become("camille-moreau")
        with out_of_order():
            path = declare_an_absence(parent, "Inès", monday(3))
            parent.sees("Un incident technique la retarde")
            assert audit(parent.page, "stopped-family") == []
            for week in range(4, 12):
                declare_behind_the_scenes(commune, monday(week))
            with commune.database.transaction(read_only=True) as session:
                stopped_ones = session.scalars(select(Incident.reference).order_by(Incident.opened_at)).all()
            stopped = Stopped(commune, admin, parent, stopped_ones)
            admin.go(HERE)
            admin.page.get_by_role("link", name="9 incidents à l’étape Noter l’absence").first.focus()
            admin.page.keyboard.press("Enter")
            admin.sees("Demandes arrêtées par un incident")
            assert audit(admin.page, "incidents-list") == []
            admin.page.get_by_label(stopped_ones[0]).check()
            admin.press("Relancer")
            admin.sees(f"{stopped_ones[0]}\u00a0: {CAUSE}")
            parent.go(path)
            parent.sees("Un incident technique la retarde")
        retries(stopped)
        skips(stopped)
        sends_back(stopped)
        admin.sees("Plus aucune demande n’attend ici")
        admin.go(HERE)
        admin.sees("Aucun incident")
