"""The wallet of each person of a separated family: what counts, what is shown, what is asked, what forms offer."""

from __future__ import annotations

import uuid
from datetime import date, timedelta

import pytest
from sqlalchemy.orm import Session

from app import clock as portal_clock
from app.clock import FrozenClock
from app.documents.loading import load_document
from app.documents.models import Document
from app.documents.operations import load_for_reading
from app.documents.queries import asked_of, pieces_of, valid_documents, wallet_of
from app.documents.sources import pieces as offered
from app.documents.staff_queries import pieces_of_family, pieces_to_review
from app.errors import Forbidden, NotFound
from app.families import child_operations
from app.families.rights import Authority
from app.policy import SYSTEM, Actor, Grant, Permission
from app.sources import Filer
from tests.documents.pieces import Pieces, make_claim, make_document, make_pieces
from tests.families.people import TODAY, actions, counting, link, make_adult, make_agent, make_child, make_household

NEXT_YEAR = TODAY + timedelta(days=365)


def states(session: Session, actor: Actor) -> dict[tuple[str, str], str]:
    """State by (code, owner) of every line of a wallet."""
    assert actor.id is not None
    return {(line.kind.code, line.owner): line.standing.state for line in wallet_of(session, actor.id)}


def test_a_new_family_lacks_what_is_expected_of_everybody(session: Session, pieces: Pieces) -> None:
    assert states(session, pieces.mother) == {
        ("assurance", ""): "non_fourni",
        ("justificatif-domicile", ""): "non_fourni",
        ("quotient-familial", ""): "non_fourni",
        ("vaccins", "Inès"): "non_fourni",
    }
    assert asked_of(session, pieces.mother) == []  # missing is not asked: a démarche asks for it when it needs it


def test_somebody_without_children_is_not_asked_for_their_pieces(session: Session, pieces: Pieces) -> None:
    assert set(states(session, pieces.actor(pieces.family.stranger))) == {
        ("justificatif-domicile", ""),
        ("quotient-familial", ""),
    }


def test_each_household_has_its_own_address_and_one_child_one_vaccination(session: Session, pieces: Pieces) -> None:
    family = pieces.family
    make_document(session, family.mother, state="valide", valid_until=NEXT_YEAR)
    make_document(session, family.mother, "vaccins", child_id=family.child.id, state="valide", valid_until=NEXT_YEAR)
    father = states(session, pieces.actor(family.father))
    assert father["justificatif-domicile", ""] == "non_fourni"
    assert father["vaccins", "Inès"] == "valide"  # valid for the child, whoever gave it
    lines = wallet_of(session, family.father.account_id)  # type: ignore[arg-type]  # he has an account
    assert [line.documents for line in lines if line.kind.code == "vaccins"] == [()]  # counted, not shown


def test_what_the_other_household_waits_for_or_was_refused_does_not_count(session: Session, pieces: Pieces) -> None:
    family = pieces.family
    make_document(session, family.mother, "vaccins", child_id=family.child.id)
    make_document(session, family.mother, "vaccins", child_id=family.child.id, state="invalide", reason="Illisible")
    assert states(session, pieces.actor(family.father))["vaccins", "Inès"] == "non_fourni"


def test_one_insurance_serves_every_sibling(session: Session, pieces: Pieces) -> None:
    family = pieces.family
    brother = make_child(session, family.home_a, "Tom", "Morel", birth_date=date(2020, 1, 2))
    link(session, brother, family.mother)
    make_document(session, family.mother, "assurance", child_id=family.child.id, state="valide", valid_until=NEXT_YEAR)
    found = states(session, pieces.mother)
    assert found["assurance", ""] == "valide"
    assert ("assurance", "Tom") not in found
    assert found["vaccins", "Tom"] == found["vaccins", "Inès"] == "non_fourni"


def test_drafts_and_pieces_taken_back_count_for_nothing(session: Session, pieces: Pieces) -> None:
    for state in ("brouillon", "retire"):
        make_document(session, pieces.family.mother, state=state)
    assert states(session, pieces.mother)["justificatif-domicile", ""] == "non_fourni"


def test_what_is_asked_is_claimed_refused_ended_or_ending_soon(session: Session, pieces: Pieces) -> None:
    family = pieces.family
    make_claim(session, family.mother, "rib", due_on=TODAY + timedelta(days=10))
    make_document(session, family.mother, state="invalide", reason="La facture a plus de trois mois.")
    make_document(session, family.mother, "quotient-familial", state="valide", valid_until=TODAY - timedelta(days=1))
    make_document(
        session,
        family.mother,
        "vaccins",
        child_id=family.child.id,
        state="valide",
        valid_until=TODAY + timedelta(days=30),
    )
    make_document(session, family.mother, "assurance", state="valide", valid_until=TODAY + timedelta(days=31))
    make_document(
        session, family.mother, "photo", child_id=family.child.id, state="valide", valid_until=TODAY - timedelta(1)
    )
    with counting(session) as sent:
        asked = asked_of(session, pieces.mother)
    assert len(sent) == 2
    assert {one.code: one.detail for one in asked} == {
        "rib": "Demandé par le service, avant le lundi 30\u00a0novembre 2026.",
        "justificatif-domicile": "Non accepté\u00a0: La facture a plus de trois mois.",
        "quotient-familial": "Sa validité a pris fin le jeudi 19\u00a0novembre 2026.",
        "vaccins": "Valable jusqu’au dimanche 20\u00a0décembre 2026.",
    }
    assert {one.label for one in asked if one.code == "vaccins"} == {"Vaccinations à jour (Inès)"}


def test_an_answer_to_a_claim_silences_it(session: Session, pieces: Pieces, clock: FrozenClock) -> None:
    make_document(session, pieces.family.mother, "rib", state="valide")
    clock.advance(hours=1)
    make_claim(session, pieces.family.mother, "rib")
    assert [one.code for one in asked_of(session, pieces.mother)] == ["rib"]
    clock.advance(hours=1)
    make_document(session, pieces.family.mother, "rib")
    assert asked_of(session, pieces.mother) == []


def test_an_adults_piece_is_claimed_of_each_adult_until_each_answers(
    session: Session, pieces: Pieces, clock: FrozenClock
) -> None:
    family = pieces.family
    make_claim(session, family.mother, "identite")
    both = [pieces.mother, pieces.actor(family.step_father)]
    assert [[one.code for one in asked_of(session, actor)] for actor in both] == [["identite"], ["identite"]]
    clock.advance(hours=1)
    make_document(session, family.mother, "identite", adult_id=family.mother.id)
    assert [[one.code for one in asked_of(session, actor)] for actor in both] == [[], ["identite"]]
    assert states(session, pieces.mother)["identite", ""] == "non_traite"


def test_a_claim_about_a_child_is_not_for_who_lost_authority(session: Session, clock: object) -> None:
    pieces = make_pieces(session, Authority.WITHDRAWN)
    family = pieces.family
    make_claim(session, family.father, "vaccins", child_id=family.child.id)
    assert asked_of(session, pieces.actor(family.father)) == []
    assert ("vaccins", "Inès") not in states(session, pieces.actor(family.father))


def test_agents_and_visitors_are_asked_for_nothing(session: Session, pieces: Pieces) -> None:
    assert asked_of(session, make_agent()) == []
    assert asked_of(session, Actor("visitor", None, "Une personne")) == []


@pytest.mark.parametrize(
    ("code", "child", "readers"),
    [
        ("justificatif-domicile", False, {"mother", "step_father"}),
        ("assurance", True, {"mother"}),
        ("vaccins", True, {"mother"}),
        ("jugement", True, {"mother"}),
    ],
)
def test_who_may_open_what_the_mother_gave(
    session: Session, pieces: Pieces, code: str, child: bool, readers: set[str]
) -> None:
    """The co-parent of the same household reads what is the household's; a child's piece needs a link to the child."""
    family = pieces.family
    document = make_document(session, family.mother, code, child_id=family.child.id if child else None)
    opened = set()
    for name in ("mother", "step_father", "father", "stranger"):
        try:
            load_document(session, pieces.actor(getattr(family, name)), document.id)
        except NotFound:
            continue
        opened.add(name)
    assert opened == readers


@pytest.mark.parametrize(
    ("authority", "code", "opens"),
    [
        (Authority.JOINT, "vaccins", True),
        (Authority.INFORMED, "vaccins", False),
        (Authority.INFORMED, "assurance", True),
        (Authority.WITHDRAWN, "vaccins", False),
        (Authority.WITHDRAWN, "assurance", False),
    ],
)
def test_a_parents_right_over_the_child_decides_even_for_what_he_gave_himself(
    session: Session, clock: object, authority: Authority, code: str, opens: bool
) -> None:
    pieces = make_pieces(session, authority)
    document = make_document(session, pieces.family.father, code, child_id=pieces.family.child.id)
    father = pieces.actor(pieces.family.father)
    if opens:
        assert load_document(session, father, document.id)[0] is document
    else:
        with pytest.raises(NotFound):
            load_document(session, father, document.id)


def test_an_adults_own_piece_is_for_that_adult(session: Session, pieces: Pieces) -> None:
    family = pieces.family
    document = make_document(session, family.mother, "identite", adult_id=family.mother.id)
    assert load_document(session, pieces.mother, document.id)
    for other in (family.step_father, family.father, family.stranger):
        with pytest.raises(NotFound):
            load_document(session, pieces.actor(other), document.id)


def test_a_draft_is_for_whoever_fills_it(session: Session, pieces: Pieces) -> None:
    document = make_document(session, pieces.family.mother, state="brouillon")
    assert load_document(session, pieces.mother, document.id)
    for actor in (pieces.actor(pieces.family.step_father), make_agent()):
        with pytest.raises(NotFound):
            load_document(session, actor, document.id)


def test_nobody_opens_what_was_taken_back(session: Session, pieces: Pieces) -> None:
    document = make_document(session, pieces.family.mother, state="retire")
    for actor in (pieces.mother, make_agent()):
        with pytest.raises(NotFound):
            load_document(session, actor, document.id)


def test_a_visitor_opens_nothing(session: Session, pieces: Pieces) -> None:
    document = make_document(session, None, "autre")
    with pytest.raises(Forbidden):
        load_document(session, Actor("visitor", None, "Une personne"), document.id)


def test_an_agent_reads_the_pieces_of_the_children_of_his_structures(session: Session, pieces: Pieces) -> None:
    family = pieces.family
    of_child = make_document(session, family.mother, "assurance", child_id=family.child.id)
    of_home = make_document(session, family.mother)
    here, elsewhere = make_agent("gestionnaire", family.school), make_agent("gestionnaire", family.other_school)
    for document in (of_child, of_home):
        assert load_document(session, here, document.id)[0] is document
        with pytest.raises(NotFound):
            load_document(session, elsewhere, document.id)
    assert [line.id for line in pieces_to_review(session, elsewhere).lines] == []
    assert {line.id for line in pieces_to_review(session, here).lines} == {of_child.id, of_home.id}


def test_a_demande_addressed_to_a_structure_opens_its_pieces_there(session: Session, pieces: Pieces) -> None:
    family = pieces.family
    document = make_document(
        session, family.mother, "assurance", child_id=family.child.id, structure_id=family.other_school.id
    )
    assert load_document(session, make_agent("gestionnaire", family.other_school), document.id)


def test_an_agent_without_the_permission_is_told_so(session: Session, pieces: Pieces) -> None:
    document = make_document(session, pieces.family.mother)
    for role in ("restauration", "comptabilite"):
        with pytest.raises(Forbidden):
            load_document(session, make_agent(role), document.id)
    with pytest.raises(Forbidden):
        pieces_to_review(session, make_agent("direction"))  # reads, does not review


def test_health_pieces_are_for_those_who_review_or_may_read_health(session: Session, pieces: Pieces) -> None:
    family = pieces.family
    document = make_document(session, family.mother, "vaccins", child_id=family.child.id)
    plain = Actor("agent", uuid.uuid4(), "Un agent", (Grant("accueil", frozenset({Permission.DOCUMENT_READ})),))
    with pytest.raises(NotFound):
        load_document(session, plain, document.id)
    assert load_document(session, make_agent("direction"), document.id)
    assert load_document(session, make_agent("gestionnaire"), document.id)
    assert load_document(session, plain, make_document(session, family.mother).id)


def test_each_opening_is_noted_and_says_when_it_was_sensitive(session: Session, pieces: Pieces) -> None:
    family = pieces.family
    document = make_document(session, family.mother, "vaccins", child_id=family.child.id)
    session.info.pop("journal", None)
    load_for_reading(session, make_agent(), document.id)
    assert actions(session) == ["document.read"]
    assert session.info["journal"][0]["details"] == {"piece_type": "vaccins", "sensitivity": "sante"}


def test_valid_documents_hold_that_day(session: Session, pieces: Pieces) -> None:
    family = pieces.family
    home, child = family.home_a.id, family.child.id
    kept = make_document(session, family.mother, state="valide", valid_until=TODAY)
    make_document(session, family.mother, state="valide", valid_until=TODAY - timedelta(days=1))
    make_document(session, family.mother)
    make_document(session, family.father, state="valide", valid_until=NEXT_YEAR)
    vaccination = make_document(
        session, family.father, "vaccins", child_id=child, state="valide", valid_until=NEXT_YEAR
    )
    assert list(valid_documents(session, home, child, "justificatif-domicile", TODAY)) == [kept]
    tomorrow = TODAY + timedelta(days=1)
    assert list(valid_documents(session, home, child, "justificatif-domicile", tomorrow)) == []
    assert list(valid_documents(session, home, child, "vaccins", TODAY)) == [vaccination]
    assert list(valid_documents(session, home, None, "vaccins", TODAY)) == []


def filer(pieces: Pieces, code: str, case_id: uuid.UUID | None = None) -> Filer:
    mother = pieces.family.mother
    return Filer(pieces.mother, mother.account_id, mother.household_id, case_id, code)


def test_a_form_offers_what_holds_or_waits_and_nothing_else(session: Session, pieces: Pieces) -> None:
    family = pieces.family
    kept = make_document(session, family.mother, state="valide", valid_until=TODAY)
    waits = make_document(session, family.mother)
    make_document(session, family.mother, state="valide", valid_until=TODAY - timedelta(days=1))
    make_document(session, family.mother, state="invalide")
    make_document(session, family.mother, state="brouillon", case_id=uuid.uuid4())
    make_document(session, family.father, state="valide")
    make_document(session, family.mother, "rib", state="valide")
    with counting(session) as sent:
        choices = offered(session, filer(pieces, "justificatif-domicile"))
    assert len(sent) == 1
    assert {choice.value for choice in choices} == {str(kept.id), str(waits.id)}
    details = {choice.value: choice.detail for choice in choices}
    assert details[str(kept.id)] == "Déjà accepté, valable jusqu’au 20\u00a0novembre 2026"


def test_a_form_offers_the_files_already_added_to_its_demande(session: Session, pieces: Pieces) -> None:
    case_id = uuid.uuid4()
    mine = make_document(session, pieces.family.mother, "autre", state="brouillon", case_id=case_id)
    filed = make_document(session, pieces.family.mother, "assurance", case_id=case_id, case_reviews=True)
    make_document(session, pieces.family.mother, "autre", state="valide")
    values = {choice.value for choice in offered(session, filer(pieces, "autre", case_id))}
    assert values == {str(mine.id), str(filed.id)}
    with counting(session) as sent:
        assert list(offered(session, filer(pieces, "", case_id))) == []
    assert sent == []


def test_a_valid_piece_of_the_other_household_is_offered_without_its_name(session: Session, pieces: Pieces) -> None:
    family = pieces.family
    make_document(
        session,
        family.father,
        "vaccins",
        child_id=family.child.id,
        state="valide",
        valid_until=NEXT_YEAR,
        filename="chez-papa.pdf",
    )
    (choice,) = offered(session, filer(pieces, "vaccins"))
    assert choice.label == "Vaccinations à jour, fourni par l’autre foyer (Inès)"


def test_a_form_offers_nothing_of_a_child_one_may_not_know_of(session: Session, clock: object) -> None:
    pieces = make_pieces(session, Authority.WITHDRAWN)
    family = pieces.family
    make_document(session, family.mother, "vaccins", child_id=family.child.id, state="valide")
    father = family.father
    for household in (family.home_a.id, family.home_b.id, None):
        asked = Filer(pieces.actor(father), father.account_id, household, None, "vaccins")
        assert list(offered(session, asked)) == []


def test_at_the_desk_a_form_offers_the_pieces_of_that_household(session: Session, pieces: Pieces) -> None:
    family = pieces.family
    home = make_document(session, family.mother)
    child = make_document(session, family.mother, "vaccins", child_id=family.child.id)
    make_document(session, family.father)
    agent = make_agent()
    for code, expected in (("justificatif-domicile", home), ("vaccins", child)):
        (choice,) = offered(session, Filer(agent, None, family.home_a.id, None, code))
        assert choice.value == str(expected.id)
    assert list(offered(session, Filer(agent, None, None, None, "vaccins"))) == []


def test_the_pieces_of_a_demande_are_those_sent_with_it_or_pointed_at(session: Session, pieces: Pieces) -> None:
    family, case_id = pieces.family, uuid.uuid4()
    sent = make_document(session, family.mother, "vaccins", child_id=family.child.id, case_id=case_id)
    earlier = make_document(session, family.mother, state="valide", valid_until=TODAY - timedelta(days=1))
    make_document(session, family.mother, state="brouillon", case_id=case_id)
    make_document(session, family.mother)
    found = pieces_of(session, case_id, [str(earlier.id)])
    assert {one.id for one in found} == {sent.id, earlier.id}
    told = {one.id: (one.label, one.child, one.state_label) for one in found}
    assert told[sent.id] == ("Vaccinations à jour", "Inès", "Non traité")
    assert told[earlier.id][2] == "Périmé"


def test_a_familys_pieces_for_staff_keep_to_the_household(session: Session, pieces: Pieces) -> None:
    family = pieces.family
    mine = make_document(session, family.mother, state="valide", valid_until=NEXT_YEAR)
    make_document(session, family.father, state="valide", valid_until=NEXT_YEAR)
    card = make_document(session, family.mother, "identite", adult_id=family.mother.id)
    claim = make_claim(session, family.mother, "identite")
    found = pieces_of_family(session, make_agent("gestionnaire", family.school), family.home_a.id)
    assert [d.id for line in found.lines for d in line.documents] == [mine.id, card.id]
    claimed = [(line.kind.code, line.owner) for line in found.lines if line.claim is claim]
    assert claimed == [("identite", "Camille Fontaine"), ("identite", "Yann Le Goff")]
    assert [line.owner for line in found.lines if card in line.documents] == ["Camille Fontaine"]
    with pytest.raises(NotFound):
        pieces_of_family(session, make_agent("gestionnaire", family.other_school), family.home_a.id)


def test_the_review_list_is_read_page_after_page_without_loss(
    session: Session, pieces: Pieces, monkeypatch: pytest.MonkeyPatch, clock: FrozenClock
) -> None:
    monkeypatch.setattr("app.documents.staff_queries.PAGE", 2)
    made = []
    for number in range(5):
        if number % 2:
            clock.advance(minutes=1)  # pairs given at one instant: the mark must not skip the second
        made.append(make_document(session, pieces.family.mother).id)
    seen: list[uuid.UUID] = []
    after = ""
    for _ in range(5):
        page = pieces_to_review(session, make_agent(), after=after)
        seen += [line.id for line in page.lines]
        after = page.following
        if not after:
            break
    assert sorted(seen, key=str) == sorted(made, key=str)
    assert [session.get(Document, one).submitted_at for one in seen] == sorted(  # type: ignore[union-attr]  # they exist
        session.get(Document, one).submitted_at
        for one in made  # type: ignore[union-attr]  # same
    )


@pytest.mark.parametrize("mark", ["x", "é", "A" * 500, "MjAyNnw=", "'; --", "bm90YWRhdGV8bm90YW5pZA"])
def test_a_mark_that_means_nothing_starts_again(session: Session, pieces: Pieces, mark: str) -> None:
    make_document(session, pieces.family.mother)
    assert len(pieces_to_review(session, make_agent(), after=mark).lines) == 1


def test_a_child_who_moves_out_of_reach_takes_his_pieces_along(session: Session, pieces: Pieces) -> None:
    """The agents follow the child: what his old school could open, it no longer can."""
    family = pieces.family
    document = make_document(session, family.mother, "vaccins", child_id=family.child.id)
    agent = make_agent("gestionnaire", family.school)
    assert load_document(session, agent, document.id)
    child_operations.update_child(session, SYSTEM, family.child.id, {"school_id": family.other_school.id, "level": ""})
    session.flush()
    with pytest.raises(NotFound):
        load_document(session, agent, document.id)


def test_a_person_without_a_household_reads_what_she_sent(session: Session, pieces: Pieces) -> None:
    home = make_household(session, "Petit")
    lone = make_adult(session, home, "Alice", "Petit", account=True)
    document = make_document(session, lone, "autre", household_id=None)
    assert load_document(session, pieces.actor(lone), document.id)
    with pytest.raises(NotFound):
        load_document(session, pieces.mother, document.id)
    assert portal_clock.today() == TODAY
