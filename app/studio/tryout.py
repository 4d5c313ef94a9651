"""« Essayer »: a story that one person writes by playing both sides of a draft. Nothing of it happens.

Each act is added to the story, which is played again from its beginning in the process apart; what is seen then is kept
with it. Saved, it becomes a scenario that expects what was seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

import tomlkit
from sqlalchemy.orm import Session

from app import clock
from app.db import Json
from app.engine.expressions import compile_expression
from app.errors import NotFound, Refused
from app.policy import Actor, Permission, require
from app.studio.drafts import files_of, must_hold, the_draft
from app.studio.models import Draft, Tryout
from app.studio.stories import free_path, save_story
from forms import Choice, StepForm, load_definition, open_form

MAX_ACTS = 40
FILE = "@fichier"
UNITS: Mapping[str, str] = {"heures": "PT{}H", "jours": "P{}D", "semaines": "P{}W", "mois": "P{}M"}
_MAX_TIME = 500


class Uploads(Protocol):
    """What ``forms`` reads posted values from."""

    def getlist(self, key: str) -> Sequence[Any]: ...


def tryout_of(session: Session, actor: Actor, draft: Draft) -> Tryout | None:
    """The try-out of this person, if she began one on this draft."""
    return session.get(Tryout, (draft.id, actor.id))


def acts_of(session: Session, actor: Actor, slug: str) -> list[Json]:
    """Its acts so far. Raises NotFound when there is no draft."""
    require(actor, Permission.PROCEDURE_EDIT)
    found = tryout_of(session, actor, the_draft(session, slug))
    return list(found.acts) if found is not None else []


def keep(
    session: Session, actor: Actor, slug: str, revision: int, acts: Sequence[Json], sight: Mapping[str, Json]
) -> None:
    """Keeps these acts and what was seen after them. An act that the portal refused is one that must be refused."""
    require(actor, Permission.PROCEDURE_EDIT)
    draft = the_draft(session, slug)
    found = tryout_of(session, actor, draft)
    if found is None:
        found = Tryout(draft_id=draft.id, account_id=actor.id)
        session.add(found)
    found.revision, found.acts, found.sight, found.updated_at = revision, list(acts), dict(sight), clock.now()
    session.flush()


def with_act(acts: Sequence[Json], act: Mapping[str, Json]) -> list[Json]:
    """The story with one more act. Raises Refused when it is long enough."""
    if len(acts) >= MAX_ACTS:
        raise Refused(f"Un essai compte {MAX_ACTS}\u00a0gestes au plus\u00a0: enregistrez-le, ou recommencez.")
    return [*acts, dict(act)]


def duration(number: str, unit: str) -> str:
    """ISO 8601, from what a person writes. Raises Refused."""
    if not (number.isdigit() and 0 < int(number) <= _MAX_TIME and unit in UNITS):
        raise Refused(f"Indiquez une durée, de 1 à {_MAX_TIME}.", "nombre")
    return UNITS[unit].format(int(number))


def in_words(iso: str) -> str:
    """The same duration as it was chosen."""
    for unit, pattern in UNITS.items():
        before, _, after = pattern.partition("{}")
        if iso.startswith(before) and iso.endswith(after) and iso.removeprefix(before).removesuffix(after).isdigit():
            return f"{iso.removeprefix(before).removesuffix(after)}\u00a0{unit}"
    return iso


# -- the forms of the steps that wait --------------------------------------------------------------------------------


def waiting_step(sight: Mapping[str, Json], node: str) -> Mapping[str, Json]:
    """One of the steps that wait. Raises NotFound."""
    for step in sight.get("waiting", ()):
        if step["node"] == node:
            found: Mapping[str, Json] = step
            return found
    raise NotFound("Cette étape n’attend plus personne.")


def form_of(
    draft: Draft, sight: Mapping[str, Json], step: Mapping[str, Json], formdata: Any = None, files: Any = None
) -> StepForm | None:
    """The form of a step as the portal makes it, on the day of the story; ``None`` for a step without one."""
    if not step.get("form"):
        return None
    now = datetime.fromisoformat(sight["now"])
    sources = {kind: [Choice(**each) for each in choices] for kind, choices in step["sources"].items()}
    return open_form(
        load_definition(files_of(draft)[f"forms/{step['form']}.json"]),
        values=step["known"],
        sources=sources,
        evaluate=lambda expression, names: compile_expression(expression).evaluate(names, now=now),
        today=clock.in_paris(now).date(),
        formdata=formdata,
        files=files,
        only=tuple(step["only"]) if step["only"] is not None else None,
    )


def values_of(form: StepForm, step: Mapping[str, Json]) -> dict[str, Json]:
    """What was answered, as a story writes it: what is known already is left out, a file sent now is ``@fichier``."""
    produced = {name: spec.name for spec in form.definition.fields() for name in spec.produced()}
    sent = {field.spec.name for field in form.fields if getattr(field, "uploads", None)}
    values = {}
    for name, value in form.values().items():
        if name in sent:
            value = [*(value or []), FILE]
        reopened = step["only"] is None or produced.get(name) in step["only"]
        if name in produced and reopened and value not in (None, "", []) and value != step["known"].get(name):
            values[name] = value
    return values


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
        step = tomlkit.table()
        for key, name in (("do", "faire"), ("message", "message"), ("advance", "avancer")):
            if act.get(key):
                step.add(name, act[key])
        if act.get("values"):
            step.add("valeurs", _inline(act["values"]))
        if found["refused"]:
            step.add("refus", found["refused"])
        expected: dict[str, Json] = {"statut": found["status"], "courriels": len(found["mails"])}
        if found["nodes"]:
            expected["tache"] = found["nodes"][0]
        if found["ended"]:
            expected["fini"] = True
        step.add("attendre", _inline(expected))
        steps.append(step)
    document.add("etapes", steps)
    return tomlkit.dumps(document)


def _inline(values: Mapping[str, Json]) -> Any:
    table = tomlkit.inline_table()
    table.update(values)
    return table
