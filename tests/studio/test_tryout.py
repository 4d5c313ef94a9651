"""« Essayer »: both sides of a draft are played, replayed apart, and become a scenario."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from app.cases.models import Case
from app.errors import Refused
from app.outbox import OutboxFact
from app.studio import drafts, stories, tryout
from app.studio.apart import material_of, run_apart
from app.studio.models import Tryout
from tests.studio.making import make_studio
from tests.studio.test_pages import revision, signed

HERE = "/admin/demarches/essai/scenarios/essai"


def test_a_try_out_plays_both_sides_and_becomes_a_scenario_that_passes(new_client, database) -> None:
    studio = make_studio(database)
    with database.transaction() as session:
        drafts.new_procedure(session, studio.iris, "essai", "Essai")
        before = session.scalar(select(func.count()).select_from(Case))
    client = signed(new_client, database, studio.iris)
    assert "Commencer l’essai" in client.get(HERE).text
    assert client.post(f"{HERE}/debut").status_code == 303
    page = client.get(HERE).text
    assert 'name="objet"' in page
    wrong = client.post(f"{HERE}/etape/saisir", data={"objet": ""})
    assert wrong.status_code == 422
    assert client.post(f"{HERE}/etape/saisir", data={"objet": "<b>Une place</b>"}).status_code == 303
    page = client.get(HERE).text
    assert "Courriel qui partirait" in page
    assert "<b>Une place</b>" not in page
    assert client.post(f"{HERE}/message", data={"message": "annuler"}).status_code == 303
    assert client.post(f"{HERE}/retour").status_code == 303
    assert client.post(f"{HERE}/temps", data={"nombre": "0", "unite": "jours"}).status_code == 422
    with database.transaction(read_only=True) as session:
        found = session.scalars(select(Tryout)).one()
        assert [act.get("do") for act in found.acts] == ["saisir"]
        assert session.scalar(select(func.count()).select_from(Case)) == before, "nothing happened"
        assert not session.scalars(select(OutboxFact).where(OutboxFact.kind.like("case.%"))).all()
    saved = client.post(f"{HERE}/enregistrer", data={"title": "Une place", "revision": revision(database, "essai")})
    assert saved.headers["Location"].endswith("/recit/une-place")
    with database.transaction(read_only=True) as session:
        draft = drafts.the_draft(session, "essai")
        material = material_of(session, "essai", draft.archive)
        assert stories.paths_of(drafts.files_of(draft))[-1] == "scenarios/une-place.toml"
    told = run_apart(material, lambda _done, _total: None)
    assert {story["path"]: story["message"] for story in told["stories"]}["scenarios/une-place.toml"] == ""


def test_a_try_out_is_bounded() -> None:
    with pytest.raises(Refused, match="40"):
        tryout.with_act([{}] * tryout.MAX_ACTS, {"message": "annuler"})
    assert tryout.in_words(tryout.duration("3", "jours")) == "3\u00a0jours"
    with pytest.raises(Refused):
        tryout.duration("3; rm", "jours")


def test_what_was_refused_is_expected_to_be() -> None:
    seen = {
        "refused": "n’est plus possible",
        "status": "traitement",
        "nodes": ["instruire"],
        "mails": [],
        "ended": False,
    }
    text = tryout.as_toml('Un "titre"', [{"message": "annuler", "label": "x"}], [seen])
    story = stories.checked(text, "recit")
    assert (story.title, story.acts[0].refused, story.acts[0].message) == (
        'Un "titre"',
        "n’est plus possible",
        "annuler",
    )
