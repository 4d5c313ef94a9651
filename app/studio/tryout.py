"""« Essayer »: a story that one person writes by playing both sides of a draft. Nothing of it happens.

Each act is added to the story, which is played again from its beginning in the process apart; what is seen then is kept
with it. Saved, it becomes a scenario that expects what was seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tomlkit
from sqlalchemy.orm import Session

from app import clock
from app.db import Json
from app.errors import Refused
from app.policy import Actor, Permission, require
from app.studio.drafts import files_of, must_hold, the_draft
from app.studio.models import Draft, Tryout
from app.studio.stories import free_path, save_story
from app.studio.tryout_forms import answered, carried, remembered

MAX_ACTS = 40
UNITS: Mapping[str, str] = {"heures": "PT{}H", "jours": "P{}D", "semaines": "P{}W", "mois": "P{}M"}
MAX_TIME = 500


def tryout_of(session: Session, actor: Actor, draft: Draft) -> Tryout | None:
    """The try-out of this person, if she began one on this draft."""
    return session.get(Tryout, (draft.id, actor.id))


def story_of(session: Session, actor: Actor, slug: str) -> tuple[list[Json], dict[str, Json]]:
    """Its acts so far, and the scenario that it mends (``Tryout.mends``). Raises NotFound when there is no draft."""
    require(actor, Permission.PROCEDURE_EDIT)
    found = tryout_of(session, actor, the_draft(session, slug))
    return (list(found.acts), dict(found.mends)) if found is not None else ([], {})


def keep(
    session: Session,
    actor: Actor,
    slug: str,
    revision: int,
    acts: Sequence[Json],
    sight: Mapping[str, Json],
    mends: Mapping[str, Json],
) -> None:
    """Keeps these acts and what was seen after them. An act that the portal refused is one that must be refused.

    What is typed and not sent yet stays; what an act that is taken back had sent can be sent again, and so does what a
    scenario being mended answers at the step that comes next in it.
    """
    require(actor, Permission.PROCEDURE_EDIT)
    draft = the_draft(session, slug)
    found = tryout_of(session, actor, draft)
    if found is None:
        found = Tryout(draft_id=draft.id, account_id=actor.id, acts=[], sight={}, mends={})
        session.add(found)
    before, added = found.sight, len(acts) - len(found.acts)
    if added < 0 and (undone := found.acts[-1]).get("do"):
        before = remembered(before, undone["do"], undone.get("values", {}), 0)
    sight = carried(before, sight, acts[-1].get("do", "") if added > 0 else "")
    for following in mends.get("rest", ())[:1]:
        sight = answered(sight, following)
    found.revision, found.acts, found.sight, found.mends = revision, list(acts), sight, dict(mends)
    found.updated_at = clock.now()
    session.flush()


def forget(session: Session, actor: Actor, slug: str) -> None:
    """Forgets the try-out of this person, with what she typed in it."""
    require(actor, Permission.PROCEDURE_EDIT)
    found = tryout_of(session, actor, the_draft(session, slug))
    if found is not None:
        session.delete(found)
        session.flush()


def with_act(acts: Sequence[Json], act: Mapping[str, Json]) -> list[Json]:
    """The story with one more act. Raises Refused when it is long enough."""
    if len(acts) >= MAX_ACTS:
        raise Refused(f"Un essai compte {MAX_ACTS}\u00a0gestes au plus\u00a0: enregistrez-le, ou recommencez.")
    return [*acts, dict(act)]


def duration(number: int, unit: str) -> str:
    """ISO 8601, of a number of ``UNITS`` (from 1 to ``MAX_TIME``)."""
    return UNITS[unit].format(number)


def in_words(iso: str) -> str:
    """The same duration as it was chosen."""
    for unit, pattern in UNITS.items():
        before, _, after = pattern.partition("{}")
        if iso.startswith(before) and iso.endswith(after) and iso.removeprefix(before).removesuffix(after).isdigit():
            return f"{iso.removeprefix(before).removesuffix(after)}\u00a0{unit}"
    return iso


# -- from a try-out to a scenario ------------------------------------------------------------------------------------


def save_as_story(session: Session, actor: Actor, slug: str, title: str, revision: int) -> str:
    """Adds the try-out to the scenarios of the draft; gives its path. Raises Refused when there is nothing to keep."""
    draft = the_draft(session, slug, lock=True)
    must_hold(draft, actor)
    found = tryout_of(session, actor, draft)
    if found is None or not found.acts:
        raise Refused("Faites au moins un geste avant d’enregistrer.")
    if found.sight.get("problem") or found.revision != draft.revision:
        raise Refused("Cet essai s’est arrêté en chemin, ou le brouillon a changé\u00a0: rejouez-le d’abord.")
    path = free_path(files_of(draft), title)
    save_story(session, actor, slug, path, as_toml(title, found.acts, found.sight["seen"]), revision)
    session.delete(found)
    session.flush()
    return path


def as_toml(title: str, acts: Sequence[Mapping[str, Json]], seen: Sequence[Mapping[str, Json]]) -> str:
    """The text of a story that does these acts and expects what was seen after each."""
    document = tomlkit.document()
    document.add("titre", tomlkit.string(title))
    steps = tomlkit.aot()
    for act, found in zip(acts, seen, strict=True):
        steps.append(as_step(act, found))
    document.add("etapes", steps)
    return tomlkit.dumps(document)


def as_step(act: Mapping[str, Json], found: Mapping[str, Json]) -> Any:
    """One act as a story tells it, expecting what was seen after it."""
    step = tomlkit.table()
    for key, name in (("do", "faire"), ("message", "message"), ("advance", "avancer")):
        if act.get(key):
            step.add(name, act[key])
    if act.get("values"):
        step.add("valeurs", inline(act["values"]))
    if found["refused"]:
        step.add("refus", found["refused"])
    expected: dict[str, Json] = {"statut": found["status"], "courriels": len(found["mails"])}
    if found["nodes"]:
        expected["tache"] = found["nodes"][0]
    if found["ended"]:
        expected["fini"] = True
    step.add("attendre", inline(expected))
    step.add(tomlkit.nl())
    return step


def inline(values: Mapping[str, Json]) -> Any:
    """These values as one line of TOML."""
    table = tomlkit.inline_table()
    table.update(values)
    return table
