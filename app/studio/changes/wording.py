"""The pieces of sentences that every kind of change is told with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

NARROW = "\u202f"
NOT_SAID = "rien"
LONG = 80


@dataclass(frozen=True)
class Change:
    """One sentence. ``part`` is a key of ``PARTS``; ``kind`` is added, removed or changed; ``element`` is the BPMN id
    or the path of the file it is about."""

    part: str
    kind: str
    element: str
    sentence: str


def quoted(text: str) -> str:
    """« text », on one line and not too long."""
    line = " ".join(text.split())
    return f"«\u00a0{line if len(line) <= LONG else line[: LONG - 1] + '…'}\u00a0»"


def listed(names: Sequence[str]) -> str:
    """« a », « b » et « c »."""
    shown = [quoted(name) for name in names]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} et {shown[-1]}"


def valued(value: object) -> str:
    """A value as it is read in a sentence."""
    if value is None or value == "" or value == () or (value == 0 and not isinstance(value, bool)):
        return NOT_SAID if value != 0 else "0"
    if isinstance(value, bool):
        return "oui" if value else "non"
    if isinstance(value, (tuple, list)):
        return listed([str(each) for each in value])
    return quoted(str(value))


def from_to(old: object, new: object) -> str:
    """« passe de X à Y », with words for nothing."""
    if valued(old) == NOT_SAID:
        return f"est maintenant {valued(new)}"
    if valued(new) == NOT_SAID:
        return f"est retiré (c’était {valued(old)})"
    return f"passe de {valued(old)} à {valued(new)}"
