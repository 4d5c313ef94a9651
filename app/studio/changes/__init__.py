"""What changes between two versions of a démarche, in sentences that a town clerk reads before she publishes.

Every difference gives at least one sentence: what no rule names is told as « a changé », never left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from app.engine.bundle import PROCESS, SETTINGS
from app.engine.decisions import Decision, DecisionError, parse_decisions
from app.studio.changes.form_fields import form_changes
from app.studio.changes.process import Marks, marks, process_changes
from app.studio.changes.settings_file import settings_changes
from app.studio.changes.wording import Change, quoted

__all__ = ["Change", "Marks", "Part", "changes", "marks", "parts"]

Files = Mapping[str, bytes]

PARTS: Mapping[str, str] = {
    "parcours": "Le parcours",
    "formulaire": "Les formulaires",
    "reglages": "Les réglages",
    "decision": "Les tables de décision",
    "scenario": "Les scénarios",
}


@dataclass(frozen=True)
class Part:
    """The changes of one part of the démarche, under its heading."""

    heading: str
    changes: tuple[Change, ...]


def parts(before: Files, after: Files) -> list[Part]:
    """The changes by part, in the order in which they are read; parts without any are left out."""
    found = changes(before, after)
    grouped = {part: tuple(each for each in found if each.part == part) for part in PARTS}
    return [Part(PARTS[part], each) for part, each in grouped.items() if each]


def changes(before: Files, after: Files) -> list[Change]:
    """Every change from ``before`` to ``after`` (paths → contents). Empty when the files are the same. Never raises."""
    found: list[Change] = []
    if before.get(PROCESS) != after.get(PROCESS):
        found += process_changes(before.get(PROCESS, b""), after.get(PROCESS, b""))
    for path in _differing(before, after, "forms/"):
        found += form_changes(path, before.get(path), after.get(path))
    if before.get(SETTINGS) != after.get(SETTINGS):
        found += settings_changes(before.get(SETTINGS, b""), after.get(SETTINGS, b""))
    for path in _differing(before, after, "decisions/"):
        found += _decision_changes(path, before.get(path), after.get(path))
    for path in _differing(before, after, "scenarios/"):
        found.append(_scenario_change(path, before.get(path), after.get(path)))
    return found


def _differing(before: Files, after: Files, folder: str) -> list[str]:
    names = sorted({*before, *after})
    return [name for name in names if name.startswith(folder) and before.get(name) != after.get(name)]


def _scenario_change(path: str, before: bytes | None, after: bytes | None) -> Change:
    name = quoted(path.removeprefix("scenarios/").removesuffix(".toml"))
    if before is None:
        return Change("scenario", "added", path, f"Le scénario {name} est ajouté.")
    if after is None:
        return Change("scenario", "removed", path, f"Le scénario {name} est retiré.")
    return Change("scenario", "changed", path, f"Le scénario {name} change.")


def _decision_changes(path: str, before: bytes | None, after: bytes | None) -> Iterator[Change]:
    old, new = _decisions(path, before), _decisions(path, after)
    if old is None or new is None:
        yield Change("decision", "changed", path, f"Le fichier de décision {quoted(path)} change et ne se lit pas.")
        return
    told = False
    for key in [*old, *(each for each in new if each not in old)]:
        for sentence, kind in _decision_sentences(old.get(key), new.get(key)):
            told = True
            yield Change("decision", kind, path, sentence)
    if not told:
        yield Change("decision", "changed", path, f"La présentation du fichier de décision {quoted(path)} change.")


def _decisions(path: str, raw: bytes | None) -> dict[str, Decision] | None:
    if raw is None:
        return {}
    try:
        return parse_decisions(raw, f"le fichier {path}")
    except DecisionError:
        return None


def _decision_sentences(old: Decision | None, new: Decision | None) -> Iterator[tuple[str, str]]:
    if old is None or new is None:
        known = new or old
        assert known is not None
        yield (
            f"La table de décision {quoted(known.name)} {'est ajoutée' if old is None else 'a disparu'}.",
            ("added" if old is None else "removed"),
        )
        return
    name = f"La table de décision {quoted(new.name)}"
    if old.name != new.name:
        yield f"La table de décision {quoted(old.name)} s’appelle désormais {quoted(new.name)}.", "changed"
    if len(old.rules) != len(new.rules):
        yield (
            f"{name} a {len(new.rules)} règle{'s' if len(new.rules) > 1 else ''} au lieu de {len(old.rules)}.",
            "changed",
        )
    elif repr(old.rules) != repr(new.rules):
        yield f"Les règles de la table de décision {quoted(new.name)} changent.", "changed"
    if repr((old.inputs, old.outputs)) != repr((new.inputs, new.outputs)):
        yield f"Les colonnes de la table de décision {quoted(new.name)} changent.", "changed"
    if (old.policy, old.aggregation) != (new.policy, new.aggregation):
        yield f"{name} choisit sa réponse autrement ({new.policy} au lieu de {old.policy}).", "changed"
