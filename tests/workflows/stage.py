"""A démarche on stage: its bundle, and a player who acts in it on a database that the test can look at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from app import clock
from app.cases.scenarios import BEGINS, Player, prepare, stage_settings
from app.cli import WORKFLOWS
from app.db import Database
from app.engine.bundle import Bundle
from app.engine.scenarios import Act, Story

SLUGS = sorted(path.name for path in WORKFLOWS.iterdir() if path.is_dir())


def make_bundle(slug: str, **changes: bytes | None) -> Bundle:
    """A shipped démarche; ``changes`` (by path) replace files, or leave them out (``None``)."""
    files = dict(Bundle.from_folder(WORKFLOWS / slug).files)
    for name, content in changes.items():
        if content is None:
            del files[name]
        else:
            files[name] = content
    return Bundle(files)


class Stage:
    """A demande of one démarche, acted step by step; ``time`` is the clock of the story."""

    def __init__(self, player: Player, database: Database, time: clock.FrozenClock) -> None:
        self.player, self.database, self.time = player, database, time
        self.cast = player.cast

    def open(self, *, by: str = "", commune: dict[str, Any] | None = None) -> None:
        """Begins the demande."""
        self.player.begin(Story("un essai", by, None, commune or {}, {}, ()))

    def do(self, node: str, **values: Any) -> None:
        self.player.act(Act(do=node, values=values))

    def send(self, message: str) -> None:
        self.player.act(Act(message=message))

    def wait(self, duration: str) -> None:
        self.player.act(Act(advance=duration))

    @property
    def status(self) -> str:
        return self.player.look().status

    @property
    def mails(self) -> list[str]:
        return [f"{subject}\n{body}" for subject, body in self.player.mails]


@contextmanager
def on_stage(database: Database, slug: str, folder: Path) -> Iterator[Stage]:
    """The commune of the scenarios in ``database``, with this démarche published, on a clock that stands still."""
    with clock.frozen(BEGINS) as time:
        cast = prepare(database, {slug: make_bundle(slug)})
        yield Stage(Player(database, stage_settings(folder), slug, cast, time), database, time)
