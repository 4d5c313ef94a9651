"""The questions of ``help.toml``, read once: what the help page shows (X4)."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Question:
    """A question, its anchor in the page, and its answer in paragraphs. ``link`` is (label, path)."""

    anchor: str
    text: str
    answer: tuple[str, ...]
    link: tuple[str, str] | None = None


@dataclass(frozen=True)
class Topic:
    """A group of questions."""

    anchor: str
    title: str
    questions: tuple[Question, ...]


def _read(text: str) -> tuple[Topic, ...]:
    return tuple(
        Topic(
            topic["anchor"],
            topic["title"],
            tuple(
                Question(
                    question["anchor"],
                    question["text"],
                    tuple(" ".join(block.split("\n")) for block in question["answer"].strip().split("\n\n")),
                    tuple(question["link"]) if "link" in question else None,
                )
                for question in topic["questions"]
            ),
        )
        for topic in tomllib.loads(text)["topics"]
    )


TOPICS = _read(Path(__file__).with_name("help.toml").read_text(encoding="utf-8"))
