"""What the shipped démarches do beside their status: rows, pieces, accounts, households, mails."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from app import create_app
from app.accounts.administration import grant_role
from app.accounts.models import Account, Token
from app.accounts.operations import open_account
from app.accounts.sealing import link_token
from app.accounts.tokens import ACTIVATION, peek_token
from app.agenda.models import Absence, AbsenceSlot
from app.cases.models import Case
from app.cases.presentation import next_step
from app.cases.queries import open_case_rows, open_tasks
from app.cases.scenario_cast import PARENT_EMAIL
from app.cases.steps import step_page
from app.db import Database
from app.documents.models import Document
from app.engine.scenarios import ActRefused
from app.families.models import Adult, Child, Household
from app.policy import SYSTEM
from app.procedures.queries import content_of
from tests.cases.making import sign_in
from tests.conftest import settings_for
from tests.workflows.stage import Stage, on_stage

Open = Callable[[str], Stage]


@pytest.fixture
def stage(database: Database, tmp_path: Path) -> Iterator[Open]:
    """Opens one démarche on the database of the test."""
    entered: list[AbstractContextManager[Stage]] = []

    def enter(slug: str) -> Stage:
        entered.append(on_stage(database, slug, tmp_path))
        return entered[0].__enter__()

    yield enter
    for each in entered:
        each.__exit__(None, None, None)


def all_of(stage: Stage, model: Any) -> list[Any]:
    with stage.database.transaction(read_only=True) as session:
        return list(session.scalars(select(model)))


def known_to_agent(stage: Stage) -> dict[str, Any]:
    """The variables that the form of the open step sees."""
    with stage.database.transaction(read_only=True) as session:
        case_id = stage.player.case_id
        [task] = open_tasks(session, case_id)
        return dict(step_page(session, stage.player.filer, open_case_rows(session, case_id, task.id)).known)


# -- absence ---------------------------------------------------------------------------------------------------------

ABSENT = {"enfant": "@enfant", "creneaux": ["CANT", "SOIR1"], "motif": "maladie", "cgu": True}
MONDAY = {"dates_debut": "2026-11-23", "dates_fin": "2026-11-23"}
TUESDAY = {"dates_debut": "2026-11-24", "dates_fin": "2026-11-24"}


def days_noted(stage: Stage) -> list[date]:
    return sorted(slot.day for slot in all_of(stage, AbsenceSlot))


def test_an_absence_is_a_row_as_soon_as_it_is_sent(stage: Open) -> None:
    demande = stage("absence")
    demande.open()
    assert all_of(demande, Absence) == []
    demande.do("saisir", **ABSENT, **MONDAY)
    [absence] = all_of(demande, Absence)
    assert (absence.case_id, absence.status) == (demande.player.case_id, "declared")
    assert days_noted(demande) == [date(2026, 11, 23)] * 2


def test_a_corrected_absence_takes_the_place_of_the_first(stage: Open) -> None:
    demande = stage("absence")
    demande.open()
    demande.do("saisir", **ABSENT, **MONDAY)
    demande.send("modifier")
    assert days_noted(demande) == [date(2026, 11, 23)] * 2  # until she sends it again, what she said stands
    demande.do("saisir", **(ABSENT | {"creneaux": ["CANT"]}), **TUESDAY)
    assert len(all_of(demande, Absence)) == 1
    assert days_noted(demande) == [date(2026, 11, 24)]


def test_a_cancelled_or_refused_absence_leaves_the_lists(stage: Open) -> None:
    demande = stage("absence")
    demande.open()
    demande.do("saisir", **ABSENT, **MONDAY)
    demande.send("annuler")
    assert days_noted(demande) == []
    demande.open()
    demande.do("saisir", **ABSENT, **TUESDAY)
    demande.do("prendre_en_charge")
    demande.do("instruire", decision="refuser", decision_motif="doublon", decision_raison="Déjà déclarée.")
    assert days_noted(demande) == []
    assert {absence.status for absence in all_of(demande, Absence)} == {"cancelled"}


def test_only_the_fields_that_the_agent_named_reopen(stage: Open) -> None:
    demande = stage("absence")
    demande.open()
    demande.do("saisir", **ABSENT, **MONDAY)
    demande.do("prendre_en_charge")
    demande.do("instruire", decision="completer", decision_champs=["dates"], decision_raison="Corrigez les dates.")
    with demande.database.transaction(read_only=True) as session:
        case_id = demande.player.case_id
        [task] = open_tasks(session, case_id)
        page = step_page(session, demande.player.filer, open_case_rows(session, case_id, task.id))
        posted = page.form(formdata=_posted(page.known | TUESDAY | {"motif": "autre", "precisions": "Piraté"})).values()
    assert page.only == ("dates",)
    assert (posted["dates_debut"], posted["motif"]) == ("2026-11-24", "maladie")
    demande.do("completer", **TUESDAY)
    assert days_noted(demande) == [date(2026, 11, 24)] * 2


def _posted(values: dict[str, Any]) -> Any:
    from werkzeug.datastructures import MultiDict

    found: list[tuple[str, str]] = []
    for name, value in values.items():
        found += [(name, str(each)) for each in (value if isinstance(value, list) else [value])]
    for edge in ("debut", "fin"):
        year, month, day = values[f"dates_{edge}"].split("-")
        found += [(f"dates_{edge}__jour", day), (f"dates_{edge}__mois", month), (f"dates_{edge}__annee", year)]
    return MultiDict(found)


# -- justificatif ----------------------------------------------------------------------------------------------------

VACCINES = {"type_piece": "vaccins", "enfant": "@enfant", "piece": ["@fichier"]}


def sent_documents(stage: Stage) -> list[Document]:
    found = [each for each in all_of(stage, Document) if each.case_id == stage.player.case_id]
    return sorted(found, key=lambda each: each.uploaded_at)


def test_a_piece_shows_under_its_true_type_as_soon_as_it_is_sent(stage: Open) -> None:
    demande = stage("justificatif")
    demande.open()
    demande.do("saisir", **VACCINES)
    [document] = sent_documents(demande)
    assert (document.piece_type, document.state, document.case_reviews) == ("vaccins", "non_traite", True)
    assert str(document.child_id) == demande.cast.names["@enfant"]


def test_an_accepted_piece_holds_until_the_day_that_the_agent_wrote(stage: Open) -> None:
    demande = stage("justificatif")
    demande.open()
    demande.do("saisir", **VACCINES)
    demande.do("prendre_en_charge")
    demande.do("instruire", decision="accepter", valable_jusqu_au="2027-08-31")
    [document] = sent_documents(demande)
    assert (document.state, document.valid_until) == ("valide", date(2027, 8, 31))


def test_a_piece_accepted_without_a_day_holds_as_long_as_its_type_says(stage: Open) -> None:
    demande = stage("justificatif")
    demande.open()
    demande.do("saisir", **VACCINES)
    demande.do("prendre_en_charge")
    demande.do("instruire", decision="accepter")
    [document] = sent_documents(demande)
    assert document.valid_until == date(2027, 11, 20)


def test_a_refused_piece_says_why_in_the_wallet(stage: Open) -> None:
    demande = stage("justificatif")
    demande.open()
    demande.do("saisir", **VACCINES)
    demande.do("prendre_en_charge")
    demande.do("instruire", decision="refuser", decision_motif="illisible", decision_raison="On ne lit pas le nom.")
    [document] = sent_documents(demande)
    assert (document.state, document.reason) == ("invalide", "On ne lit pas le nom.")


def test_a_replaced_piece_leaves_and_the_new_one_is_the_one_judged(stage: Open) -> None:
    demande = stage("justificatif")
    demande.open()
    demande.do("saisir", **VACCINES)
    demande.do("prendre_en_charge")
    demande.do("instruire", decision="completer", decision_champs=["piece"], decision_raison="La photo est floue.")
    demande.time.advance(hours=1)
    demande.do("completer", piece=["@fichier"])
    demande.do("instruire", decision="accepter")
    assert [document.state for document in sent_documents(demande)] == ["retire", "valide"]


def test_a_cancelled_sending_takes_its_piece_back(stage: Open) -> None:
    demande = stage("justificatif")
    demande.open()
    demande.do("saisir", **VACCINES)
    demande.send("annuler")
    assert [document.state for document in sent_documents(demande)] == ["retire"]


def test_a_piece_that_the_wallet_holds_is_not_sent_a_second_time(stage: Open) -> None:
    demande = stage("justificatif")
    demande.open()
    with pytest.raises(ActRefused, match="Votre document"):
        demande.do("saisir", type_piece="justificatif-domicile", piece=["@piece:justificatif-domicile"])


# -- household -------------------------------------------------------------------------------------------------------


def test_a_change_is_prefilled_compared_and_applied_only_once_accepted(stage: Open) -> None:
    demande = stage("modification-foyer")
    demande.open()
    assert known_to_agent(demande)["adresse_voie"] == "4 rue des Tilleuls"
    demande.do("saisir", adresse_voie="12 rue du Moulin", quotient_familial=700)
    assert {h.street for h in all_of(demande, Household)} == {"4 rue des Tilleuls", ""}
    demande.do("prendre_en_charge")
    rows = known_to_agent(demande)["comparaison"]["changements"]
    found = {row["champ"]: (row["avant"], row["apres"]) for row in rows}
    assert found["adresse_voie"] == ("4 rue des Tilleuls", "12 rue du Moulin")
    assert set(found) == {"adresse_voie", "quotient_familial"}
    demande.do("instruire", decision="accepter")
    assert {h.street for h in all_of(demande, Household)} == {"12 rue du Moulin", ""}


def test_the_agent_reads_what_would_change_beside_what_is_known(stage: Open, tmp_path: Path) -> None:
    demande = stage("modification-foyer")
    demande.open()
    demande.do("saisir", adresse_voie="12 rue <du> Moulin", numero_caf="1234567")
    app = create_app(settings_for(str(demande.database.engine.url), tmp_path), demande.database)
    with demande.database.transaction() as session:
        agent = open_account(session, SYSTEM, email="nadia@example.org", first_name="Nadia", last_name="Ferrand",
                             kind="agent")  # fmt: skip
        session.flush()
        grant_role(session, SYSTEM, agent.id, "gestionnaire", None)
    nadia = sign_in(app.test_client(), demande.database, agent.id)
    page = nadia.get(f"/agent/demandes/{demande.player.case_id}").text
    assert "Ce qui changerait dans le dossier" in page
    assert "12 rue &lt;du&gt; Moulin" in page
    assert "4 rue des Tilleuls" in page
    assert "1234567" in page


def test_a_corrected_change_is_compared_again(stage: Open) -> None:
    demande = stage("modification-foyer")
    demande.open()
    demande.do("saisir", adresse_voie="12 rue du Moulin")
    demande.do("prendre_en_charge")
    demande.do("instruire", decision="completer", decision_champs=["adresse"], decision_raison="Quel numéro ?")
    demande.do("completer", adresse_voie="14 rue du Moulin", adresse_code_postal="99870", adresse_commune="Valbrise")
    [row] = known_to_agent(demande)["comparaison"]["changements"]
    assert row["apres"] == "14 rue du Moulin"


def test_a_refused_change_changes_nothing(stage: Open) -> None:
    demande = stage("modification-foyer")
    demande.open()
    demande.do("saisir", adresse_voie="12 rue du Moulin")
    demande.do("prendre_en_charge")
    demande.do("instruire", decision="refuser", decision_motif="autre", decision_raison="Adresse inconnue.")
    assert {h.street for h in all_of(demande, Household)} == {"4 rue des Tilleuls", ""}


CHILD = {"enfant_prenom": "Sam", "enfant_nom": "Martin", "enfant_naissance": "2020-03-14", "qualite": "mere",
         "autorite": "joint", "cgu": True}  # fmt: skip


def test_a_child_belongs_to_the_household_once_the_service_agrees(stage: Open) -> None:
    demande = stage("ajout-enfant")
    demande.open()
    before = len(all_of(demande, Child))
    demande.do("saisir", **CHILD, autre_responsable="@autre_adulte")
    demande.do("prendre_en_charge")
    assert len(all_of(demande, Child)) == before
    demande.do("instruire", decision="accepter")
    assert {child.first_name for child in all_of(demande, Child)} == {"Lou", "Sam"}


# -- sign-up ---------------------------------------------------------------------------------------------------------


def signing_up(email: str) -> dict[str, Any]:
    address = {"adresse_voie": "3 place du Marché", "adresse_code_postal": "99870", "adresse_commune": "Valbrise"}
    return {"prenom": "Noa", "nom": "Petit", "courriel": email, "cgu": True, **address}


def test_the_link_and_the_delay_end_at_the_same_instant(stage: Open) -> None:
    demande = stage("creation-compte")
    demande.open()
    demande.do("saisir", **signing_up("noa.petit@example.org"))
    key = demande.player.settings.secret_key
    [token] = [each for each in all_of(demande, Token) if each.purpose == ACTIVATION]
    raw = link_token(key, token.id, ACTIVATION)
    assert raw in demande.mails[0]

    def link_is_good() -> bool:
        with demande.database.transaction(read_only=True) as session:
            return peek_token(session, key, raw, ACTIVATION) is not None

    demande.wait("PT23H59M59S")
    assert (demande.status, link_is_good()) == ("en_attente", True)
    demande.wait("PT1S")
    assert (demande.status, link_is_good()) == ("annule", False)
    assert not [account for account in all_of(demande, Account) if account.email == "noa.petit@example.org"]


def test_a_followed_link_opens_the_account_and_its_household(stage: Open) -> None:
    demande = stage("creation-compte")
    demande.open()
    demande.do("saisir", **signing_up("Noa.Petit@Example.org"))
    demande.send("compte_active")
    [account] = [each for each in all_of(demande, Account) if each.email == "noa.petit@example.org"]
    assert account.password_hash is None
    [adult] = [each for each in all_of(demande, Adult) if each.account_id == account.id]
    [household] = [each for each in all_of(demande, Household) if each.id == adult.household_id]
    assert (household.street, household.city) == ("3 place du Marché", "Valbrise")


def what_the_applicant_sees(stage: Stage) -> tuple[object, ...]:
    with stage.database.transaction(read_only=True) as session:
        case = session.get_one(Case, stage.player.case_id)
        settings = content_of(session, case.bundle_hash).settings
        told = next_step(case, settings, open_tasks(session, case.id))
        return case.status, case.reason, case.subject, told


@pytest.mark.parametrize("variant", ["activation", "validation"])
def test_an_address_that_has_an_account_tells_nobody(stage: Open, variant: str) -> None:
    demande = stage("creation-compte")
    seen = []
    for email in ("noa.petit@example.org", PARENT_EMAIL):
        demande.open(commune={"signup_variant": variant})
        demande.do("saisir", **signing_up(email))
        seen.append(what_the_applicant_sees(demande))
        demande.wait("PT24H")
        seen.append(what_the_applicant_sees(demande))
        demande.time.advance(days=-1)
    assert seen[0] == seen[2]
    assert seen[1] == seen[3]


def test_the_service_may_check_before_any_account_is_opened(stage: Open) -> None:
    demande = stage("creation-compte")
    demande.open(commune={"signup_variant": "validation"})
    demande.do("saisir", **signing_up("noa.petit@example.org"))
    with demande.database.transaction(read_only=True) as session:
        assert session.scalar(select(func.count()).select_from(Account).where(Account.first_name == "Noa")) == 0
    demande.do("valider", decision="accepter")
    assert any("/compte/mot-de-passe/" in mail for mail in demande.mails)


def test_a_commune_that_invites_only_never_opens_an_account_by_itself(stage: Open) -> None:
    demande = stage("creation-compte")
    demande.open(commune={"signup_variant": "invitation"})
    demande.do("saisir", **signing_up("noa.petit@example.org"))
    assert demande.player.look().open_nodes == {"valider"}
    assert demande.mails == []


# -- contact ---------------------------------------------------------------------------------------------------------


def test_a_message_goes_to_the_structure_that_was_chosen(stage: Open) -> None:
    demande = stage("contact")
    demande.open(by="parent")
    demande.do("saisir", structure="@restaurant", objet="Menu", texte="Bonjour")
    with demande.database.transaction(read_only=True) as session:
        case = session.get_one(Case, demande.player.case_id)
    assert case.structure_id == uuid.UUID(demande.cast.names["@restaurant"])
    assert case.email == ""
