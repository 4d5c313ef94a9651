"""What démarches ask of families, called as the engine does: by name, with JSON values."""

from __future__ import annotations

import uuid
from datetime import date

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.engine.operations import Call, CaseFacts, ParameterError, registry
from app.errors import Refused
from app.families import operations
from app.families.consents import authorisation_states, health_of
from app.families.models import Adult, Child, Guardianship, Household, HouseholdChange, HouseholdChild
from app.families.queries import children_of, household_of
from app.families.sources import children as children_source
from app.policy import Actor
from app.sources import Filer, choices_for
from tests.families.people import Separated, make_account, make_agent, make_household, parent

CHILD = {"prenom": "Paul", "nom": "Fontaine", "date_naissance": "2023-07-15"}


def case(adult: Adult | None = None, **values: object) -> CaseFacts:
    facts: dict[str, object] = {
        "id": uuid.uuid4(),
        "reference": "VB-2026-00001",
        "procedure": "ajout-enfant",
        "title": "Ajouter un enfant",
        "subject": "",
    }
    if adult is not None:
        facts |= {"owner_id": adult.account_id, "household_id": adult.household_id}
    return CaseFacts(**{**facts, **values})  # type: ignore[arg-type]


def call(
    session: Session, name: str, about: CaseFacts, actor: Actor | None = None, **values: object
) -> dict[str, object]:
    operation = registry[name]
    result = operation.run(Call(session, actor or make_agent(), about, uuid.uuid4()), operation.bind(values))
    assert result is None or set(result) == set(operation.results)
    return dict(result or {})


def test_every_operation_documents_its_parameters_in_french() -> None:
    for name, spec in registry.specs().items():
        if name.startswith(("foyer.", "absence.")):
            assert spec.label
            assert all(parameter.doc for parameter in spec.parameters), name


def test_a_new_account_gets_its_household_once(session: Session) -> None:
    account = make_account(session, "neuve@example.org")
    values = {
        "compte_id": str(account.id),
        "nom": "Martin",
        "prenom": "Claire",
        "civilite": "Madame",
        "courriel": "Neuve@example.org",
        "telephone_portable": "06 39 98 12 10",
        "adresse_voie": "1 rue Haute",
        "adresse_code_postal": "99870",
        "adresse_commune": "Valbrise",
        "adresse_complement": None,
        "accord_sms": True,
    }
    first = call(session, "foyer.ouvrir", case(owner_id=account.id), **values)
    again = call(session, "foyer.ouvrir", case(owner_id=account.id), **values)
    assert first == again
    home = household_of(session, account.id)
    assert home is not None
    assert (str(home.id), home.number) == (first["foyer_id"], first["numero_famille"])
    assert home.address_lines == ("1 rue Haute", "99870 Valbrise")
    adult = home.adults[0]
    assert (adult.email, adult.mobile, adult.sms_consent) == ("neuve@example.org", "+33639981210", True)
    assert session.scalar(select(func.count()).select_from(Household)) == 1


def test_a_child_comes_with_links_health_and_authorisations(session: Session, separated: Separated) -> None:
    about = case(separated.mother)
    result = call(
        session,
        "foyer.ajouter_enfant",
        about,
        **CHILD,
        sexe="M",
        etablissement=str(separated.other_school.id),
        niveau="PS",
        allergies=["lait"],
        regime="sans_viande",
        pai=True,
        qualite="mere",
        autorite="joint",
        autre_responsable=str(separated.step_father.id),
        autre_responsable_qualite="pere",
        autorisation_image=True,
        autorisation_transport=False,
    )
    child = session.get(Child, uuid.UUID(str(result["enfant_id"])))
    assert child is not None
    assert [card.full_name for card in children_of(session, separated.mother.account_id)] == [
        "Inès Morel",
        "Paul Fontaine",
    ]
    assert [card.full_name for card in children_of(session, separated.step_father.account_id)] == ["Paul Fontaine"]
    assert health_of(session, child.id).allergies == ("lait",)
    states = authorisation_states(session, child)
    assert states["image"].reason == "Il manque l’accord de Yann Le Goff"
    assert states["transport"].reason == "Refusée"
    assert states["hospitalisation"].reason == "Non donnée"
    again = call(session, "foyer.ajouter_enfant", about, **CHILD)
    assert again["enfant_id"] == result["enfant_id"], "the same demande never adds two children"


def test_a_parent_who_lives_elsewhere_gets_a_household_an_agent_may_invite(
    session: Session, separated: Separated
) -> None:
    result = call(
        session,
        "foyer.ajouter_enfant",
        case(separated.mother),
        **CHILD,
        autre_parent_nom="Petit",
        autre_parent_prenom="Luc",
        autre_parent_courriel="luc@example.org",
        autre_parent_qualite="pere",
        residence_alternee=True,
    )
    home = uuid.UUID(str(result["autre_foyer_id"]))
    other = session.scalars(select(Adult).where(Adult.household_id == home)).one()
    assert other.account_id is None
    lives = session.scalars(
        select(HouseholdChild.household_id).where(HouseholdChild.child_id == uuid.UUID(str(result["enfant_id"])))
    )
    assert set(lives) == {home, separated.home_a.id}
    account = operations.invite(session, make_agent(), other.id)
    assert [card.first_name for card in children_of(session, account.id)] == ["Paul"]


def test_a_typed_address_never_hands_a_child_to_an_account_that_exists(session: Session, separated: Separated) -> None:
    call(
        session,
        "foyer.ajouter_enfant",
        case(separated.mother),
        **CHILD,
        autre_parent_nom="Benali",
        autre_parent_prenom="Sonia",
        autre_parent_courriel="sonia.benali@example.org",
    )
    assert children_of(session, separated.stranger.account_id) == []


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"date_naissance": "2027-01-01"}, "date_naissance"),
        ({"niveau": "6e"}, "niveau"),
        ({"etablissement": str(uuid.uuid4())}, "etablissement"),
        ({"prenom": "!!"}, "prenom"),
        ({"autorite": "sole"}, "autorite_document"),
        ({"qualite": "voisin"}, "qualite"),
        ({"regime": "halal"}, "regime"),
        ({"allergies": ["asthme"]}, "allergies"),
        ({"autre_responsable": str(uuid.uuid4())}, "autre_responsable"),
        ({"autre_parent_nom": "Petit"}, "autre_parent_prenom"),
        (
            {"autre_parent_nom": "Petit", "autre_parent_prenom": "Luc", "autre_parent_courriel": "luc@"},
            "autre_parent_courriel",
        ),
    ],
)
def test_a_refusal_names_the_field_of_the_form(
    session: Session, separated: Separated, values: dict[str, object], field: str
) -> None:
    with pytest.raises(Refused) as refusal:
        call(session, "foyer.ajouter_enfant", case(separated.mother), **{**CHILD, **values})
    assert refusal.value.field == field


def test_an_adult_of_another_household_is_not_offered_a_child(session: Session, separated: Separated) -> None:
    with pytest.raises(Refused):
        call(
            session,
            "foyer.ajouter_enfant",
            case(separated.mother),
            **CHILD,
            autre_responsable=str(separated.stranger.id),
        )


def test_a_parent_without_exercise_may_be_recorded_but_not_authorise(session: Session, separated: Separated) -> None:
    result = call(
        session,
        "foyer.ajouter_enfant",
        case(separated.mother),
        **CHILD,
        autorite="none_with_info",
        autorite_document="Jugement",
        autorisation_image=True,
    )
    row = session.scalars(
        select(Guardianship).where(Guardianship.child_id == uuid.UUID(str(result["enfant_id"])))
    ).one()
    assert (row.authority, row.source) == ("none_with_info", "Jugement")


def test_at_the_desk_the_first_adult_answers_for_the_child(session: Session, separated: Separated) -> None:
    about = case(owner_id=None, household_id=separated.home_b.id)
    result = call(session, "foyer.ajouter_enfant", about, **{**CHILD, "nom": "Morel"})
    row = session.scalars(
        select(Guardianship).where(Guardianship.child_id == uuid.UUID(str(result["enfant_id"])))
    ).one()
    assert row.adult_id == separated.father.id


def test_a_demande_without_a_household_is_refused(session: Session) -> None:
    account = make_account(session, "seule@example.org")
    for about in (case(owner_id=account.id), case()):
        with pytest.raises(Refused):
            call(session, "foyer.ajouter_enfant", about, **CHILD)
        with pytest.raises(Refused):
            call(session, "foyer.modifier", about, adresse_voie="1 rue Haute")


def test_reading_then_comparing_then_changing_the_sheet(session: Session, separated: Separated) -> None:
    about = case(separated.mother)
    known = call(session, "foyer.lire", about)
    assert known["adresse_voie"] == "12 rue des Lilas"
    assert known["date_naissance"] is None
    shown = call(session, "foyer.comparer", about, **{k: v for k, v in known.items() if k not in ("qualite", "fiche")})
    assert shown == {"changements": [], "modifie": False, "acceptes": [], "a_valider": True, "fiche": None}
    wanted = {
        "adresse_voie": "3 impasse du Verger",
        "telephone_domicile": None,
        "telephone_portable": "06 39 98 12 44",
        "quotient_familial": 0,
        "accord_sms": True,
        "effacables": ["telephone_domicile", "nom"],
        "nom": None,
    }
    rows = call(session, "foyer.comparer", about, **wanted)["changements"]
    assert [
        (row["champ"], row["avant"].replace("\u00a0", " "), row["apres"].replace("\u00a0", " ")) for row in rows
    ] == [  # type: ignore[index,union-attr]
        ("adresse_voie", "12 rue des Lilas", "3 impasse du Verger"),
        ("telephone_domicile", "01 99 00 12 01", ""),
        ("quotient_familial", "847", "0"),
        ("telephone_portable", "06 39 98 12 01", "06 39 98 12 44"),
        ("accord_sms", "non", "oui"),
    ]
    assert session.scalars(select(HouseholdChange)).all() == [], "comparing changes nothing"
    changed = call(session, "foyer.modifier", about, **wanted)
    assert changed["modifie"] is True
    home = household_of(session, separated.mother.account_id)
    assert home is not None
    assert (home.street, home.phone, home.qf, home.qf_source, home.qf_month) == (
        "3 impasse du Verger",
        "",
        0,
        "declaration",
        date(2026, 11, 1),
    )
    assert (home.adults[0].mobile, home.adults[0].last_name) == ("+33639981244", "Fontaine")
    by = session.scalars(select(HouseholdChange.by_label)).all()
    assert set(by) == {"Nadia Perrin, agente"}, "who set the process in motion stays written"
    assert call(session, "foyer.modifier", about, **wanted)["modifie"] is False


def test_an_empty_field_that_is_not_erasable_changes_nothing(session: Session, separated: Separated) -> None:
    about = case(separated.mother)
    assert call(session, "foyer.modifier", about, telephone_portable=None, adresse_voie="")["modifie"] is False


def test_a_step_father_changes_his_own_line_not_the_mothers(session: Session, separated: Separated) -> None:
    call(session, "foyer.modifier", case(separated.step_father), profession="Boulanger")
    home = household_of(session, separated.mother.account_id)
    assert home is not None
    assert [adult.profession for adult in home.adults] == ["", "Boulanger"]


def test_a_refusal_of_the_sheet_names_the_field_of_the_form(session: Session, separated: Separated) -> None:
    for values, field in (
        ({"courriel": "x@"}, "courriel"),
        ({"quotient_familial": -1}, "quotient_familial"),
        ({"numero_caf": "<>"}, "numero_caf"),
    ):
        for name in ("foyer.comparer", "foyer.modifier"):
            with pytest.raises(Refused) as refusal:
                call(session, name, case(separated.mother), **values)
            assert refusal.value.field == field


def test_an_ill_typed_parameter_is_the_diagrams_fault(session: Session, separated: Separated) -> None:
    for values in (
        {"prenom": "Paul", "nom": "F", "date_naissance": "hier"},
        {"prenom": "Paul"},
        {**CHILD, "religion": "x"},
    ):
        with pytest.raises(ParameterError):
            call(session, "foyer.ajouter_enfant", case(separated.mother), **values)


def test_forms_offer_her_children_with_school_and_level(session: Session, separated: Separated) -> None:
    def offered(adult: Adult) -> list[tuple[str, str]]:
        actor = separated.actor(adult)
        filer = Filer(actor, adult.account_id, adult.household_id)
        return [(choice.label, choice.detail) for choice in children_source(session, filer)]

    assert offered(separated.mother) == [("Inès Morel", "École Les Marronniers, CE2")]
    assert offered(separated.father) == offered(separated.mother)
    assert offered(separated.step_father) == []
    assert offered(separated.stranger) == []
    agent = make_agent()
    desk = Filer(agent, None, separated.home_a.id)
    assert [choice.label for choice in children_source(session, desk)] == ["Inès Morel"]
    assert [c.label for c in children_source(session, Filer(agent, agent.id, separated.home_a.id))] == ["Inès Morel"]


def test_forms_offer_adults_and_structures(session: Session, separated: Separated) -> None:
    filer = Filer(separated.actor(separated.mother), separated.mother.account_id, separated.home_a.id)
    found = choices_for(session, filer, {"adults", "structures", "structures:ecole", "structures:alsh", "schools"})
    assert [choice.label for choice in found["adults"]] == ["Camille Fontaine", "Yann Le Goff"]
    assert len(found["structures"]) == len(found["structures:ecole"]) == len(found["schools"]) == 2
    assert found["structures:alsh"] == []
    nobody = Filer(parent(make_account(session, "x@example.org")), None, None)
    assert choices_for(session, nobody, {"adults", "children"}) == {"adults": [], "children": []}


def test_a_name_keeps_its_own_letters(session: Session) -> None:
    assert make_household(session, "N’Guyen-Łukasz").label == "N’Guyen-Łukasz"
