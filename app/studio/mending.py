"""Mending a scenario that no longer passes: it is played on the draft as far as it goes, somebody does what is missing
and plays the rest, and the same file is written again.

What she did not have to touch stays as it was written: who acts, what is answered, what is expected and still true.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from typing import Any

import tomlkit
from sqlalchemy.orm import Session

from app.cases.presentation import STATUS_WORDS
from app.db import Json
from app.engine.scenarios import Act, ScenarioError, Seen, Story, differences, read_story
from app.errors import Refused
from app.policy import Actor
from app.studio import stories
from app.studio.drafts import must_hold, the_draft
from app.studio.tryout import as_step, inline, tryout_of

KINDS = ("do", "message", "advance", "operation")


def read(text: str) -> Story:
    """The scenario of a file. Raises Refused when it cannot be read: its text must be mended first."""
    try:
        return read_story(text.encode(), "")
    except (ScenarioError, AttributeError, TypeError, ValueError) as error:
        raise Refused("Ce scénario ne se lit pas\u00a0: corrigez d’abord son texte.") from error


def acts_of(story: Story, words: Mapping[str, str]) -> list[dict[str, Json]]:
    """Its acts as a try-out plays them, each with its place (``source``); ``words`` names steps and messages."""
    return [_act(number, act, words) for number, act in enumerate(story.acts)]


def _act(number: int, act: Act, words: Mapping[str, str]) -> dict[str, Json]:
    told: dict[str, Json] = {"source": number}
    for key in (*KINDS, "by", "refused"):
        if value := getattr(act, key):
            told[key] = value
    if act.values is not None:
        told["values"] = _plain(act.values)
    if named := act.do or act.message or act.operation:
        told["label"] = words.get(named, named)
    return told


def _plain(value: Json) -> Json:
    """The same value without TOML's own dates and times."""
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value.isoformat() if isinstance(value, date | datetime | time) else value


# -- what she does meanwhile -----------------------------------------------------------------------------------------


def taken_from(rest: Sequence[Json], act: Mapping[str, Json]) -> tuple[dict[str, Json], list[Json]]:
    """An act that she did by hand, and what is left of the scenario: the one that came next is replaced by hers when
    they do the same."""
    following = dict(rest[0]) if rest else {}
    if not following or any(following.get(key, "") != act.get(key, "") for key in KINDS):
        return dict(act), list(rest)
    kept: dict[str, Json] = {key: following[key] for key in ("source", "by") if key in following}
    return kept | dict(act), list(rest[1:])


def given_back(undone: Sequence[Json], rest: Sequence[Json]) -> list[Json]:
    """What is left of the scenario once these acts are taken back: those that came from it come next again."""
    return [*(act for act in undone if "source" in act), *rest]


# -- what is no longer so --------------------------------------------------------------------------------------------


def seen_of(found: Mapping[str, Json]) -> Seen:
    """What a replay says of one act, as the engine compares it."""
    mails = tuple((subject, body) for subject, body in found["mails"])
    return Seen(found["status"], frozenset(found["nodes"]), mails, found["ended"], found.get("reason", ""))


def changes(story: Story, act: Mapping[str, Json], found: Mapping[str, Json], words: Mapping[str, str]) -> list[str]:
    """What an act of the scenario gives that it did not give when it was written, one sentence each."""
    if "source" not in act:
        return ["Ce geste est nouveau dans cette histoire."]
    before = story.acts[act["source"]]
    told = []
    if before.refused and not found["refused"]:
        told.append("Ce geste était refusé\u00a0: il est maintenant accepté.")
    elif not before.refused and found["refused"]:
        told.append("Ce geste était accepté\u00a0: il est maintenant refusé.")
    elif before.refused not in found["refused"]:
        told.append("Ce geste est refusé avec d’autres mots.")
    differing = differences(before.expect or {}, seen_of(found))
    return told + [_sentence(key, wanted, now, words) for key, wanted, now in differing]


def _sentence(key: str, wanted: Json, found: object, words: Mapping[str, str]) -> str:
    match key:
        case "tache":
            names = " et ".join(f"«\u00a0{words.get(node, node)}\u00a0»" for node in str(found).split(", "))
            now = "plus rien n’attend" if found == "aucune" else f"c’est {names}"
            return f"L’étape qui attendait était «\u00a0{words.get(wanted, wanted)}\u00a0»\u00a0: {now}."
        case "statut":
            was, now = (STATUS_WORDS.get(str(each), str(each)) for each in (wanted, found))
            return f"Le statut était «\u00a0{was}\u00a0»\u00a0: c’est «\u00a0{now}\u00a0»."
        case "courriel":
            return f"Le courriel où l’on lisait «\u00a0{wanted}\u00a0» ne part plus."
        case "courriels":
            return f"Courriels qui partaient\u00a0: {wanted}, maintenant {found}."
        case "motif":
            return f"Le motif «\u00a0{wanted}\u00a0» n’est plus donné."
        case _:
            return "La demande est maintenant terminée." if found else "La demande n’est plus terminée."


# -- the file, written again -----------------------------------------------------------------------------------------


def save(session: Session, actor: Actor, slug: str, revision: int) -> str:
    """Writes the mended scenario in its file and ends the try-out; gives its path. Raises Refused."""
    draft = the_draft(session, slug, lock=True)
    must_hold(draft, actor)
    found = tryout_of(session, actor, draft)
    if found is None or not found.mends or not found.acts:
        raise Refused("Il n’y a pas de scénario à corriger ici.")
    if found.sight.get("problem") or found.revision != draft.revision:
        raise Refused("Cette histoire s’est arrêtée en chemin, ou le brouillon a changé\u00a0: rejouez-la d’abord.")
    if found.mends["rest"]:
        raise Refused("Rejouez d’abord la suite, ou retirez les gestes qui n’ont plus cours.")
    path: str = found.mends["path"]
    text = written(found.mends["text"], found.acts, found.sight["seen"])
    stories.save_story(session, actor, slug, path, text, revision)
    session.delete(found)
    session.flush()
    return path


def written(text: str, acts: Sequence[Mapping[str, Json]], seen: Sequence[Mapping[str, Json]]) -> str:
    """The text of a scenario that does these acts, with what was ``seen`` after each where it expected otherwise."""
    document: Any = tomlkit.parse(text)
    steps, story = document["etapes"], read(text)
    for act, found in zip(acts, seen, strict=True):
        if "source" in act:
            _write_again(steps[act["source"]], story.acts[act["source"]], act, found)
    kept = {act["source"] for act in acts if "source" in act}
    for number in reversed(range(len(steps))):
        if number not in kept:
            del steps[number]
    for number, (act, found) in enumerate(zip(acts, seen, strict=True)):
        if "source" not in act:
            steps.insert(number, as_step(act, found))
    return tomlkit.dumps(document)


def _write_again(step: Any, was: Act, act: Mapping[str, Json], found: Mapping[str, Json]) -> None:
    if "values" in act and act["values"] != _plain(was.values):
        step["valeurs"] = inline(act["values"])
    refused = found["refused"]
    if not refused:
        step.pop("refus", None)
    elif not was.refused or was.refused not in refused:
        step["refus"] = refused
    for key, _, _ in differences(was.expect or {}, seen_of(found)):
        _expect(step["attendre"], key, found)


def _expect(expected: Any, key: str, found: Mapping[str, Json]) -> None:
    """Expects what was seen; what has nothing to be compared with any more is not expected."""
    subjects = [subject for subject, _ in found["mails"]]
    now: Mapping[str, Json] = {
        "statut": found["status"],
        "tache": next(iter(found["nodes"]), None),
        "courriel": subjects[0] if subjects else None,
        "courriels": len(subjects),
        "motif": found.get("reason") or None,
        "fini": found["ended"],
    }
    if now[key] is None:
        del expected[key]
    else:
        expected[key] = now[key]
