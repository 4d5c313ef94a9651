"""The sheet of a child on paper: tagged, whole for those who may, without a word of what others may not know."""

from __future__ import annotations

import io
from datetime import date

import pikepdf
import pypdf
import pytest
from sqlalchemy.orm import Session

from app.errors import Forbidden, NotFound
from app.families.child_pdf import sheet_of
from app.families.consents import Health, authorise, health_of, read_health, set_health
from app.families.custody_calendars import Rhythm, set_custody
from app.families.models import Adult
from app.families.pickup import Named, block_person, name_person
from app.families.queries import load_child
from app.families.rights import Action, Authority
from app.families.shots import Dose, note_vaccinations
from app.pdf.child_sheet import ChildSheet, Part, child_sheet_pdf
from app.policy import SYSTEM
from tests.families.people import NOW, Separated, make_agent, make_separated


def text_of(data: bytes) -> str:
    reader = pypdf.PdfReader(io.BytesIO(data))
    return " ".join(" ".join(page.extract_text() for page in reader.pages).split())


def fill(session: Session, it: Separated) -> None:
    child_id = it.child.id
    set_health(session, SYSTEM, child_id, Health("sans_porc", ("lait",), "Même cuit.", "", True, "Docteur Aubry"))
    note_vaccinations(session, SYSTEM, child_id, [Dose("tetanos", date(2019, 1, 10))])
    name_person(session, SYSTEM, child_id, Named("Odette", "Morel", "0639981299", "grand_parent"))
    block_person(session, SYSTEM, child_id, Named("Gontran", "Valombreuse"), source="Ordonnance du 9 mai 2025")
    set_custody(session, SYSTEM, child_id, Rhythm("parity", first=it.home_a.id), source="Jugement du 3 mars 2024")
    authorise(session, SYSTEM, child_id, it.mother.id, {"image": True, "transport": True})


def family_sheet(session: Session, it: Separated, adult: Adult, *, full: bool = False) -> str:
    actor = it.actor(adult)
    card = load_child(session, actor, it.child.id, Action.FULL_SHEET if full else Action.SHEET)
    health = health_of(session, it.child.id) if full else None
    return text_of(child_sheet_pdf(sheet_of(session, actor, card, adult.household_id, health)))


HEALTH_WORDS = ("Sans porc", "Lait", "Même cuit", "Docteur Aubry", "Tétanos le 10/01/2019", "Coqueluche")


def test_the_simple_sheet_says_no_health_and_the_full_one_says_it_all(session: Session, separated: Separated) -> None:
    fill(session, separated)
    simple = family_sheet(session, separated, separated.mother)
    full = family_sheet(session, separated, separated.mother, full=True)
    for said in ("Inès Morel", "21/03/2018", "École Les Marronniers", "Odette Morel", "Garde", "chez Fontaine", "CE2"):
        assert said in simple
        assert said in full
    assert [word for word in HEALTH_WORDS if word in simple] == []
    assert [word for word in HEALTH_WORDS if word not in full] == []
    assert "Non – il manque l’accord de Marc Morel" in simple


def test_no_family_ever_reads_who_is_blocked_nor_the_other_parents_contact(
    session: Session, separated: Separated
) -> None:
    fill(session, separated)
    for adult in (separated.mother, separated.father):
        for full in (False, True):
            said = family_sheet(session, separated, adult, full=full)
            assert "Valombreuse" not in said
            assert "Ordonnance" not in said
    assert "marc@example.org" not in family_sheet(session, separated, separated.mother)
    assert "marc@example.org" in family_sheet(session, separated, separated.father)


def test_who_is_only_informed_has_the_simple_sheet_without_what_is_not_his(session: Session) -> None:
    it = make_separated(session, Authority.INFORMED)
    fill(session, it)
    said = family_sheet(session, it, it.father)
    assert "Inès Morel" in said
    for hidden in ("Odette", "chez Fontaine", "Autorisations", "camille@example.org", "Valombreuse"):
        assert hidden not in said
    with pytest.raises(Forbidden):
        family_sheet(session, it, it.father, full=True)


@pytest.mark.parametrize("authority", [Authority.WITHDRAWN, None])
def test_for_who_may_not_know_the_child_does_not_exist(session: Session, authority: Authority | None) -> None:
    it = make_separated(session, authority or Authority.JOINT)
    adult = it.father if authority else it.stranger
    for full in (False, True):
        with pytest.raises(NotFound):
            family_sheet(session, it, adult, full=full)


def test_staff_read_first_to_whom_the_child_must_not_be_handed(session: Session, separated: Separated) -> None:
    fill(session, separated)
    agent = make_agent("direction", separated.school)
    card = load_child(session, agent, separated.child.id)
    said = text_of(child_sheet_pdf(sheet_of(session, agent, card, None, read_health(session, agent, card.id))))
    assert said.index("Ne pas confier l’enfant") < said.index("Gontran Valombreuse") < said.index("21/03/2018")
    assert [word for word in HEALTH_WORDS if word not in said] == []
    assert "Nadia Perrin, agente" in said


def test_the_sheet_is_tagged_and_prints_words_as_words() -> None:
    hostile = '<script>alert(1)</script> #read("x") $1$ *g* {{7*7}}'
    parts = [Part("Santé", (("Note", hostile),)), Part("Vide", (), "Rien.")]
    made = child_sheet_pdf(
        ChildSheet(hostile, "Valbrise", "Service enfance", NOW, "Nadia", parts, (hostile,), full=True)
    )
    with pikepdf.Pdf.open(io.BytesIO(made)) as pdf:
        assert pdf.Root.MarkInfo.Marked
        assert str(pdf.Root.Lang) == "fr-FR"
        assert "/StructTreeRoot" in pdf.Root
        with pdf.open_metadata() as metadata:
            assert metadata.get("pdfuaid:part") == "1"
            assert metadata["dc:title"].startswith("Fiche de")
    said = text_of(made)
    assert "#read(" in said
    assert "{{7*7}}" in said
    assert "Rien." in said
