"""Accept, refuse, claim, take back: who may, in which state, and what the family hears."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.accounts.models import Account
from app.clock import FrozenClock
from app.documents import operations, tasks
from app.documents.mails import claimed, refused
from app.documents.models import Document, PieceRequest
from app.documents.piece_types import DEFAULT_TYPES, install_piece_types
from app.documents.queries import wallet_of
from app.documents.staff_queries import watch
from app.engine.operations import Call, CaseFacts, ParameterError, registry
from app.errors import Conflict, Forbidden, NotFound, Refused
from app.families.rights import Authority
from app.policy import SYSTEM, Actor
from tests.conftest import settings_for
from tests.documents.pieces import Pieces, make_claim, make_document, make_pieces
from tests.families.people import TODAY, actions, make_agent, make_child

NEXT_YEAR = TODAY + timedelta(days=365)
Act = Callable[[Session, Actor, uuid.UUID], object]


def accept(session: Session, actor: Actor, document_id: uuid.UUID) -> Document:
    return operations.accept_document(session, actor, document_id, NEXT_YEAR)


def refuse(session: Session, actor: Actor, document_id: uuid.UUID) -> Document:
    return operations.refuse_document(session, actor, document_id, "La photo est coupée.")


def emitted(session: Session) -> list[str]:
    return [fact["kind"] for fact in session.info.get("outbox", [])]


def test_an_accepted_piece_holds_through_its_last_day(session: Session, pieces: Pieces) -> None:
    document = make_document(session, pieces.family.mother)
    session.info.pop("journal", None)
    accept(session, make_agent(), document.id)
    assert (document.state, document.valid_until, document.reviewed_by) == ("valide", NEXT_YEAR, "Nadia Perrin, agente")
    assert actions(session) == ["document.accepted"]
    assert emitted(session)[-1] == "document.accepted"


def test_a_refused_piece_says_why(session: Session, pieces: Pieces) -> None:
    document = make_document(session, pieces.family.mother)
    refuse(session, make_agent(), document.id)
    assert (document.state, document.reason) == ("invalide", "La photo est coupée.")
    assert "coupée" not in str(session.info["journal"])  # the reason stays in its row


def test_a_refusal_without_a_reason_is_refused(session: Session, pieces: Pieces) -> None:
    document = make_document(session, pieces.family.mother)
    with pytest.raises(Refused) as refusal:
        operations.refuse_document(session, make_agent(), document.id, "  \n ")
    assert refusal.value.field == "reason"
    assert document.state == "non_traite"


def test_a_last_day_in_the_past_is_refused_and_today_is_not(session: Session, pieces: Pieces) -> None:
    document = make_document(session, pieces.family.mother)
    with pytest.raises(Refused):
        operations.accept_document(session, make_agent(), document.id, TODAY - timedelta(days=1))
    operations.accept_document(session, make_agent(), document.id, TODAY)
    assert document.valid_until == TODAY


@pytest.mark.parametrize("act", [accept, refuse])
def test_the_second_agent_learns_who_was_faster(session: Session, pieces: Pieces, act: Act) -> None:
    document = make_document(session, pieces.family.mother)
    accept(session, make_agent(), document.id)
    with pytest.raises(Conflict, match="Nadia Perrin"):
        act(session, make_agent(), document.id)
    assert document.state == "valide"


@pytest.mark.parametrize("act", [accept, refuse])
def test_a_piece_of_a_running_demande_is_decided_there(session: Session, pieces: Pieces, act: Act) -> None:
    document = make_document(session, pieces.family.mother, case_id=uuid.uuid4(), case_reviews=True)
    with pytest.raises(Conflict, match="dans sa demande"):
        act(session, make_agent(), document.id)


@pytest.mark.parametrize("act", [accept, refuse])
def test_who_may_review(session: Session, pieces: Pieces, act: Act) -> None:
    family = pieces.family
    document = make_document(session, family.mother, "vaccins", child_id=family.child.id)
    with pytest.raises(NotFound):
        act(session, make_agent("gestionnaire", family.other_school), document.id)
    for actor in (make_agent("direction"), make_agent("comptabilite"), pieces.mother, pieces.actor(family.stranger)):
        with pytest.raises(Forbidden):
            act(session, actor, document.id)
    with pytest.raises(Forbidden):
        act(session, Actor("visitor", None, "Une personne"), document.id)
    act(session, make_agent("gestionnaire", family.school), document.id)


def test_a_draft_is_not_reviewed(session: Session, pieces: Pieces) -> None:
    document = make_document(session, pieces.family.mother, state="brouillon")
    with pytest.raises(NotFound):
        accept(session, make_agent(), document.id)


# -- claiming ------------------------------------------------------------------------------------------------------


def claim(session: Session, actor: Actor, pieces: Pieces, code: str = "rib", **values: object) -> PieceRequest:
    return operations.claim_piece(
        session,
        actor,
        household_id=pieces.family.home_a.id,
        code=code,
        **values,  # type: ignore[arg-type]  # keywords of tests
    )


def test_a_claimed_piece_is_asked_of_the_family(session: Session, pieces: Pieces) -> None:
    claim(session, make_agent(), pieces, due_on=TODAY, message=" Merci ! ")
    (line,) = [one for one in wallet_of(session, pieces.mother.id) if one.kind.code == "rib"]  # type: ignore[arg-type]  # she has an account
    assert line.standing.state == "reclame"
    assert line.claim is not None
    assert line.claim.message == "Merci !"
    assert emitted(session)[-1] == "piece.claimed"


def test_the_same_piece_claimed_twice_is_one_request(session: Session, pieces: Pieces, clock: FrozenClock) -> None:
    first = claim(session, make_agent(), pieces)
    clock.advance(days=3)
    again = claim(session, make_agent(), pieces, message="Rappel")
    assert again.id == first.id
    assert again.message == "Rappel"
    assert session.scalar(select(func.count()).select_from(PieceRequest)) == 1


def test_a_childs_piece_is_claimed_for_a_child_of_that_household(session: Session, pieces: Pieces) -> None:
    family = pieces.family
    agent = make_agent()
    elsewhere = make_child(session, family.home_b, "Noé", "Morel")
    for child_id in (None, elsewhere.id, uuid.uuid4()):
        with pytest.raises(Refused) as refusal:
            claim(session, agent, pieces, "vaccins", child_id=child_id)
        assert refusal.value.field == "child_id"
    assert claim(session, agent, pieces, "vaccins", child_id=family.child.id).child_id == family.child.id
    assert claim(session, agent, pieces, "assurance", child_id=family.child.id).child_id is None  # one for all siblings


def test_what_cannot_be_claimed(session: Session, pieces: Pieces) -> None:
    with pytest.raises(Refused):
        claim(session, make_agent(), pieces, "inconnu")
    with pytest.raises(Refused) as refusal:
        claim(session, make_agent(), pieces, due_on=TODAY - timedelta(days=1))
    assert refusal.value.field == "due_on"


def test_who_may_claim_and_drop(session: Session, pieces: Pieces) -> None:
    family = pieces.family
    for actor in (make_agent("direction"), pieces.mother):
        with pytest.raises(Forbidden):
            claim(session, actor, pieces)
    with pytest.raises(NotFound):
        claim(session, make_agent("gestionnaire", family.other_school), pieces)
    request = claim(session, make_agent("gestionnaire", family.school), pieces)
    with pytest.raises(NotFound):
        operations.drop_claim(session, make_agent("gestionnaire", family.other_school), request.id)
    with pytest.raises(NotFound):
        operations.drop_claim(session, make_agent(), uuid.uuid4())
    operations.drop_claim(session, make_agent("gestionnaire", family.school), request.id)
    assert request.closed_at is not None


# -- taking back ---------------------------------------------------------------------------------------------------


def test_a_parent_takes_back_what_nobody_looked_at(session: Session, pieces: Pieces) -> None:
    document = make_document(session, pieces.family.mother)
    operations.withdraw_document(session, pieces.mother, document.id)
    assert document.state == "retire"
    with pytest.raises(NotFound):
        operations.withdraw_document(session, pieces.mother, document.id)


def test_who_may_not_take_back(session: Session, pieces: Pieces) -> None:
    family = pieces.family
    document = make_document(session, family.mother)
    with pytest.raises(Forbidden):  # same household, but it is hers
        operations.withdraw_document(session, pieces.actor(family.step_father), document.id)
    with pytest.raises(NotFound):
        operations.withdraw_document(session, pieces.actor(family.stranger), document.id)
    with pytest.raises(Forbidden):
        operations.withdraw_document(session, make_agent(), document.id)


@pytest.mark.parametrize("values", [{"state": "valide"}, {"state": "invalide"}, {"case_reviews": True}])
def test_what_is_decided_or_in_a_demande_is_not_taken_back(
    session: Session, pieces: Pieces, values: dict[str, object]
) -> None:
    document = make_document(session, pieces.family.mother, **values)
    with pytest.raises(Conflict):
        operations.withdraw_document(session, pieces.mother, document.id)


# -- what démarches ask --------------------------------------------------------------------------------------------


def call(session: Session, pieces: Pieces, case_id: uuid.UUID, actor: Actor | None = None) -> Call:
    mother = pieces.family.mother
    facts = CaseFacts(
        case_id, "26-AAAA-BBBB", "justificatif", "Justificatif", "", mother.account_id, mother.household_id
    )
    return Call(session, actor or make_agent(), facts, uuid.uuid4())


def run(name: str, made: Call, **values: object) -> object:
    """As the engine does: the parameters bound by the registry."""
    spec = registry[name]
    return spec.run(made, spec.bind(values))


def test_a_demande_files_its_pieces_and_decides_on_them(session: Session, pieces: Pieces) -> None:
    family, case_id = pieces.family, uuid.uuid4()
    document = make_document(session, family.mother, "autre", state="brouillon", case_id=case_id)
    made, ids = call(session, pieces, case_id, pieces.mother), [str(document.id)]
    told = run("piece.classer", made, documents=ids, type_piece="vaccins", enfant=str(family.child.id))
    assert told == {"type_libelle": "Vaccinations à jour"}
    assert (document.piece_type, document.child_id, document.case_reviews) == ("vaccins", family.child.id, True)
    operations.confirm_documents(session, pieces.mother, ids, case_id=case_id)
    session.refresh(document)
    agent = call(session, pieces, case_id)
    assert run("piece.accepter", agent, documents=ids) == {"acceptees": 1}
    assert (document.state, document.valid_until) == ("valide", date(2027, 11, 20))  # twelve months, by its type
    assert run("piece.accepter", agent, documents=ids) == {"acceptees": 0}  # may run twice
    assert run("piece.refuser", agent, documents=ids, motif="Trop tard") == {"refusees": 0}
    assert document.state == "valide"


def test_a_demande_gives_its_own_last_day_or_refuses(session: Session, pieces: Pieces) -> None:
    case_id = uuid.uuid4()
    first, second = (make_document(session, pieces.family.mother, case_id=case_id) for _ in range(2))
    made = call(session, pieces, case_id)
    run("piece.accepter", made, documents=[str(first.id)], valable_jusqu_au="2027-01-15")
    assert first.valid_until == date(2027, 1, 15)
    run("piece.refuser", made, documents=[str(second.id)], motif="Illisible")
    assert (second.state, second.reason) == ("invalide", "Illisible")
    with pytest.raises(Refused):
        run("piece.refuser", made, documents=[str(second.id)], motif=" ")


def test_a_demande_does_not_touch_the_pieces_of_others(session: Session, pieces: Pieces) -> None:
    family, case_id = pieces.family, uuid.uuid4()
    foreign = make_document(session, family.stranger, case_id=uuid.uuid4())
    earlier = make_document(session, family.mother)
    made = call(session, pieces, case_id)
    ids = [str(foreign.id), str(earlier.id), str(uuid.uuid4())]
    assert run("piece.accepter", made, documents=ids) == {"acceptees": 1}  # her own earlier piece, pointed at
    run("piece.classer", made, documents=ids, type_piece="rib")
    run("piece.retirer", made, documents=ids)
    assert (foreign.state, foreign.piece_type) == ("non_traite", "justificatif-domicile")
    assert (earlier.state, earlier.piece_type) == ("valide", "justificatif-domicile")
    with pytest.raises(Refused):
        run("piece.accepter", made, documents=["x'; DROP TABLE documents; --"])


def test_a_person_without_household_shares_no_pieces_with_others_without_one(session: Session, pieces: Pieces) -> None:
    foreign = make_document(session, None, "autre")
    facts = CaseFacts(uuid.uuid4(), "26-AAAA-BBBB", "contact", "Contact", "")
    made = Call(session, make_agent(), facts, uuid.uuid4())
    assert run("piece.accepter", made, documents=[str(foreign.id)]) == {"acceptees": 0}


def test_a_childs_piece_needs_a_child_the_family_may_speak_for(session: Session, clock: object) -> None:
    pieces = make_pieces(session, Authority.WITHDRAWN)
    family, case_id = pieces.family, uuid.uuid4()
    father = family.father
    facts = CaseFacts(case_id, "26-AAAA-BBBB", "justificatif", "J", "", father.account_id, father.household_id)
    made = Call(session, pieces.actor(father), facts, uuid.uuid4())
    document = make_document(session, father, "autre", state="brouillon", case_id=case_id)
    for child_id in (None, str(family.child.id)):
        with pytest.raises(Refused) as refusal:
            run("piece.classer", made, documents=[str(document.id)], type_piece="vaccins", enfant=child_id)
        assert refusal.value.field == "enfant"


def test_an_unknown_type_is_refused_on_its_field(session: Session, pieces: Pieces) -> None:
    with pytest.raises(Refused) as refusal:
        run("piece.classer", call(session, pieces, uuid.uuid4()), documents=[], type_piece="casier-judiciaire")
    assert refusal.value.field == "type_piece"
    with pytest.raises(ParameterError):
        run("piece.accepter", call(session, pieces, uuid.uuid4()), documents="tout")


def test_a_cancelled_demande_takes_its_undecided_pieces_away(session: Session, pieces: Pieces) -> None:
    case_id = uuid.uuid4()
    waiting = make_document(session, pieces.family.mother, case_id=case_id)
    decided = make_document(session, pieces.family.mother, case_id=case_id, state="valide")
    earlier = make_document(session, pieces.family.mother)
    ids = [str(one.id) for one in (waiting, decided, earlier)]
    run("piece.retirer", call(session, pieces, case_id), documents=ids)
    assert [one.state for one in (waiting, decided, earlier)] == ["retire", "valide", "non_traite"]


def test_a_cancelled_demande_that_names_no_piece_takes_all_of_its_own_away(session: Session, pieces: Pieces) -> None:
    family, case_id = pieces.family, uuid.uuid4()
    sent = make_document(session, family.mother, case_id=case_id)
    about_to_be = make_document(session, family.mother, case_id=case_id, state="brouillon")
    decided = make_document(session, family.mother, case_id=case_id, state="valide")
    earlier, foreign = make_document(session, family.mother), make_document(session, family.stranger)
    assert run("piece.retirer", call(session, pieces, case_id)) == {"retirees": 2}
    assert [one.state for one in (sent, about_to_be)] == ["retire", "retire"]
    assert [one.state for one in (decided, earlier, foreign)] == ["valide", "non_traite", "non_traite"]


def test_a_demande_claims_a_piece_once(session: Session, pieces: Pieces) -> None:
    made = call(session, pieces, uuid.uuid4())
    first = run("piece.reclamer", made, type_piece="rib", avant_le="2026-12-01")
    assert run("piece.reclamer", made, type_piece="rib") == first
    facts = CaseFacts(uuid.uuid4(), "26-AAAA-BBBB", "contact", "Contact", "")
    with pytest.raises(Refused):
        run("piece.reclamer", Call(session, make_agent(), facts, uuid.uuid4()), type_piece="rib")


def test_every_operation_documents_its_parameters() -> None:
    assert tasks.registry is registry
    for name in ("piece.classer", "piece.accepter", "piece.refuser", "piece.retirer", "piece.reclamer"):
        assert all(parameter.doc for parameter in registry[name].parameters)


# -- mails and watch -----------------------------------------------------------------------------------------------


def test_a_refusal_is_written_to_whoever_sent_the_piece(session: Session, pieces: Pieces, tmp_path: Path) -> None:
    settings = settings_for("sqlite:///unused.db", tmp_path)
    document = make_document(session, pieces.family.mother)
    refuse(session, make_agent(), document.id)
    (draft,) = refused(session, settings, {"document_id": str(document.id)})
    assert draft.to == session.get(Account, pieces.mother.id).email  # type: ignore[union-attr]  # it exists
    assert "La photo est coupée." in draft.body
    assert "http://localhost/pieces" in draft.body
    document.state = "valide"
    assert refused(session, settings, {"document_id": str(document.id)}) == []
    assert refused(session, settings, {"document_id": str(uuid.uuid4())}) == []


def test_a_claim_about_a_child_is_written_to_those_who_may_know_of_him(
    session: Session, pieces: Pieces, tmp_path: Path
) -> None:
    family, settings = pieces.family, settings_for("sqlite:///unused.db", tmp_path)
    session.get(Account, family.step_father.account_id).email = "yann@example.org"  # type: ignore[union-attr]  # it exists
    session.flush()
    about_child = make_claim(session, family.mother, "vaccins", child_id=family.child.id)
    about_home = make_claim(session, family.mother, "rib")
    closed = make_claim(session, family.mother, "photo", closed_at=about_home.asked_at)
    addressed = [
        {draft.to.partition("@")[0] for draft in claimed(session, settings, {"request_id": str(one.id)})}
        for one in (about_child, about_home, closed)
    ]
    assert addressed == [{"camille.fontaine"}, {"camille.fontaine", "yann"}, set()]


def test_administrators_see_what_no_antivirus_saw(session: Session, pieces: Pieces) -> None:
    make_document(session, pieces.family.mother, scan="not_scanned", size=1000)
    make_document(session, pieces.family.mother, size=500)
    make_document(session, pieces.family.mother, scan="not_scanned", state="retire")
    seen = watch(session, SYSTEM)
    assert (seen.documents, seen.size, seen.not_scanned) == (2, 1500, 1)
    with pytest.raises(Forbidden):
        watch(session, make_agent())


def test_installing_the_types_twice_keeps_what_the_commune_changed(session: Session, pieces: Pieces) -> None:
    from app.documents.models import PieceType

    session.get(PieceType, "rib").label = "RIB ou RIP"  # type: ignore[union-attr]  # it exists
    session.flush()
    assert install_piece_types(session, SYSTEM) == 0
    assert session.get(PieceType, "rib").label == "RIB ou RIP"  # type: ignore[union-attr]  # same
    assert session.scalar(select(func.count()).select_from(PieceType)) == len(DEFAULT_TYPES)
