"""A scenario that fails is played on the draft as far as it goes, mended by hand, and written again in its file."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from app.db import Database
from app.engine.bundle import PROCESS, Bundle
from app.errors import Refused
from app.studio import drafts, mending
from app.studio.apart import material_of, run_apart
from app.studio.models import Tryout
from tests.rules.source import ROOT
from tests.studio.making import Studio, make_studio
from tests.studio.test_pages import revision, signed

HERE = "/admin/demarches/absence/scenarios"
TRIED = f"{HERE}/essai"
CONTROL = (
    '<bpmn:userTask id="verifier" name="Vérifier le foyer"><bpmn:extensionElements><spiffworkflow:properties>'
    '<spiffworkflow:property name="statut" value="traitement"/></spiffworkflow:properties></bpmn:extensionElements>'
    "<bpmn:incoming>flux_4</bpmn:incoming><bpmn:outgoing>flux_40</bpmn:outgoing></bpmn:userTask>"
    '<bpmn:sequenceFlow id="flux_40" sourceRef="verifier" targetRef="instruire"/>'
)
on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def with_control(files: dict[str, bytes]) -> bytes:
    """The diagram of « absence » where an agent checks the household between taking charge and deciding."""
    text = files[PROCESS].decode()
    for old, new in (
        ("<bpmn:flowNodeRef>instruire<", "<bpmn:flowNodeRef>verifier</bpmn:flowNodeRef><bpmn:flowNodeRef>instruire<"),
        ("<bpmn:incoming>flux_4<", "<bpmn:incoming>flux_40<"),
        ('sourceRef="prendre_en_charge" targetRef="instruire"', 'sourceRef="prendre_en_charge" targetRef="verifier"'),
        ('<bpmn:userTask id="instruire"', f'{CONTROL}<bpmn:userTask id="instruire"'),
    ):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text.encode()


@pytest.fixture
def absence(new_client, database) -> tuple[FlaskClient, Database, Studio]:
    """Iris' draft of the shipped « absence », with a control more."""
    studio = make_studio(database)
    with database.transaction() as session:
        shipped = Bundle.from_folder(ROOT / "workflows/absence")
        drafts.draft_from(session, studio.iris, "absence", "Absence", shipped, how="import")
        changes = {PROCESS: with_control(dict(shipped.files))}
        drafts.save_files(session, studio.iris, "absence", changes, 1)
    return signed(new_client, database, studio.iris), database, studio


def text_of(database: Database, name: str) -> str:
    with database.transaction(read_only=True) as session:
        return drafts.files_of(drafts.the_draft(session, "absence"))[f"scenarios/{name}.toml"].decode()


def problems(database: Database) -> dict[str, str]:
    """Why each scenario of the draft fails; those that pass are left out."""
    with database.transaction(read_only=True) as session:
        material = material_of(session, "absence", drafts.the_draft(session, "absence").archive)
    told = run_apart(material, lambda _done, _total: None)
    return {each["path"].split("/")[1].removesuffix(".toml"): each["message"] for each in told["stories"] if
            not each["passed"]}  # fmt: skip


def left(database: Database) -> list[str]:
    """What is left of the scenario that is being mended."""
    with database.transaction(read_only=True) as session:
        rest = session.scalars(select(Tryout)).one().mends["rest"]
        return [act.get("do") or act.get("message") or act.get("advance") for act in rest]


def mend(client: FlaskClient, name: str) -> str:
    answer = client.post(f"{HERE}/recit/{name}/correction")
    assert answer.status_code == 303
    return client.get(answer.location).text


@on_sqlite
def test_a_new_step_is_done_by_hand_and_the_rest_is_played_again(absence) -> None:
    client, database, _ = absence
    before = text_of(database, "acceptee")
    assert set(problems(database)) == {"acceptee", "completee", "refusee"}
    page = mend(client, "acceptee")
    assert "«\u00a0Contrôler l’absence\u00a0» n’attend personne" in page
    assert left(database) == ["instruire"]
    assert "L’étape qui attendait était «\u00a0Contrôler l’absence\u00a0»" in page
    refused = client.post(f"{TRIED}/correction", data={"revision": revision(database, "absence")})
    assert "Rejouez d’abord la suite" in client.get(refused.location).text
    assert client.post(f"{TRIED}/etape/verifier").status_code == 303
    assert left(database) == ["instruire"]
    assert client.post(f"{TRIED}/suite").status_code == 303
    assert left(database) == []
    assert "Ce geste est nouveau dans cette histoire" in client.get(TRIED).text
    saved = client.post(f"{TRIED}/correction", data={"revision": revision(database, "absence")})
    assert saved.location.endswith("/recit/acceptee")
    after = text_of(database, "acceptee")
    wanted = before.replace('tache = "instruire"', 'tache = "verifier"')
    added = 'faire = "verifier"\nattendre = {statut = "traitement", courriels = 0, tache = "instruire"}\n\n'
    assert added in after
    assert after.replace(f"[[etapes]]\n{added}", "").split() == wanted.split(), "all the rest stays as it was written"
    assert set(problems(database)) == {"completee", "refusee"}
    assert "Commencer l’essai" in client.get(TRIED).text


@on_sqlite
def test_what_is_done_by_hand_takes_the_place_of_the_act_that_came_next(absence) -> None:
    client, database, _ = absence
    mend(client, "refusee")
    assert client.post(f"{TRIED}/etape/verifier").status_code == 303
    wanted = {"decision": "refuser", "decision_motif": "doublon"}
    refused = client.post(f"{TRIED}/etape/instruire", data={**wanted, "decision_raison": ""})
    assert refused.status_code == 422, "the form is judged as ever"
    answer = client.post(f"{TRIED}/etape/instruire", data={**wanted, "decision_raison": "Déjà déclarée hier."})
    assert answer.status_code == 303
    assert left(database) == ["instruire"], "the story tells two decisions: one that must be refused came first"
    assert client.post(f"{TRIED}/retour").status_code == 303
    assert left(database) == ["instruire", "instruire"]


@on_sqlite
def test_an_act_that_has_no_course_any_more_is_taken_out(absence) -> None:
    client, database, _ = absence
    mend(client, "completee")
    assert left(database) == ["instruire", "completer", "completer", "instruire"]
    for _ in range(4):
        assert client.post(f"{TRIED}/suite/retrait").status_code == 303
    assert left(database) == []
    assert client.post(f"{TRIED}/correction", data={"revision": revision(database, "absence")}).status_code == 303
    assert text_of(database, "completee").count("[[etapes]]") == 2
    assert "completee" not in problems(database)


@on_sqlite
def test_leaving_changes_nothing_and_a_try_out_says_that_it_would_be_replaced(absence) -> None:
    client, database, _ = absence
    before = text_of(database, "acceptee")
    assert "Abandonner la correction" in mend(client, "acceptee")
    assert client.post(f"{TRIED}/abandon").location.endswith("/recit/acceptee")
    assert text_of(database, "acceptee") == before
    with database.transaction(read_only=True) as session:
        assert session.scalars(select(Tryout)).all() == []
    assert client.post(f"{TRIED}/abandon").location.endswith("/essai")


def test_a_text_that_cannot_be_read_is_mended_as_a_text(absence) -> None:
    client, database, studio = absence
    with database.transaction() as session:
        changes = {"scenarios/acceptee.toml": b"titre = "}
        drafts.save_files(session, studio.iris, "absence", changes, drafts.the_draft(session, "absence").revision)
    assert "corrigez d’abord son texte" in mend(client, "acceptee")
    assert client.post(f"{HERE}/recit/inconnu/correction").status_code == 404


# -- the file, written again -----------------------------------------------------------------------------------------

TEXT = """titre = "Une histoire"
# why it begins then
maintenant = 2026-11-20T14:00:00+01:00

[[etapes]]
faire = "saisir"
valeurs = { jour = 2026-11-23, motif = "Fièvre" }
attendre = { statut = "en_attente", courriel = "Accusé" } # a mail

[[etapes]]
faire = "prendre"
par = "agent"
refus = "déjà"
attendre = { courriels = 1, fini = true, motif = "Trop tard" }
"""


def seen(**changes: object) -> dict[str, object]:
    found = {"refused": "", "status": "en_attente", "nodes": ["prendre"], "mails": [], "ended": False, "reason": ""}
    return {**found, **changes}


def test_only_what_differs_is_written_again() -> None:
    story = mending.read(TEXT)
    acts = mending.acts_of(story, {"saisir": "Écrire"})
    assert acts[0] == {
        "source": 0,
        "do": "saisir",
        "label": "Écrire",
        "values": {"jour": "2026-11-23", "motif": "Fièvre"},
    }
    late = seen(refused="C’est déjà fait", mails=[["x", ""]], ended=True, reason="Trop tard")
    same = [seen(mails=[["Accusé de réception", ""]]), late]
    assert mending.written(TEXT, acts, same) == TEXT
    found = [seen(status="traitement", mails=[["Bienvenue", ""]]), seen(nodes=[], mails=[])]
    text = mending.written(TEXT, [{**acts[0], "values": {"motif": "Voyage"}}, acts[1]], found)
    told = mending.read(text)
    assert (told.begins, told.acts[0].values) == (story.begins, {"motif": "Voyage"})
    assert told.acts[0].expect == {"statut": "traitement", "courriel": "Bienvenue"}
    assert (told.acts[1].by, told.acts[1].refused, told.acts[1].expect) == (
        "agent",
        "",
        {"courriels": 0, "fini": False},
    )
    assert "# why it begins then" in text


def test_what_changes_is_said_in_words() -> None:
    story, words = mending.read(TEXT), {"prendre": "Prendre en charge"}
    acts = mending.acts_of(story, words)
    assert mending.changes(story, {"do": "autre"}, seen(), words) == ["Ce geste est nouveau dans cette histoire."]
    assert mending.changes(story, acts[0], seen(mails=[["Accusé de réception", ""]]), words) == []
    told = mending.changes(story, acts[1], seen(), words)
    assert told == [
        "Ce geste était refusé\u00a0: il est maintenant accepté.",
        "Courriels qui partaient\u00a0: 1, maintenant 0.",
        "La demande n’est plus terminée.",
        "Le motif «\u00a0Trop tard\u00a0» n’est plus donné.",
    ]
    told = mending.changes(story, acts[0], seen(status="clos", refused="Non"), words)
    assert told[:2] == [
        "Ce geste était accepté\u00a0: il est maintenant refusé.",
        "Le statut était «\u00a0En attente\u00a0»\u00a0: c’est «\u00a0Clos\u00a0».",
    ]


def test_an_act_by_hand_replaces_the_one_that_does_the_same_and_only_that_one() -> None:
    first = {"source": 3, "do": "instruire", "by": "agent", "values": {"decision": "accepter"}}
    rest = [first, {"source": 4, "message": "annuler"}]
    made = {"do": "instruire", "label": "Instruire", "values": {"decision": "refuser"}}
    act, after = mending.taken_from(rest, made)
    assert act == {"source": 3, "by": "agent", **made}
    assert after == rest[1:]
    assert mending.given_back([act], after) == [act, rest[1]]
    other = {"do": "verifier"}
    assert mending.taken_from(rest, other) == (other, rest)
    assert mending.given_back([other], rest) == rest
    assert mending.taken_from([], other) == (other, [])


def test_a_text_that_tells_no_story_is_refused() -> None:
    with pytest.raises(Refused, match="corrigez d’abord"):
        mending.read('titre = "Rien"\n')
