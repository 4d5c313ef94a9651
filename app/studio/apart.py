"""Stories are played in a process of its own, bounded in time and memory, and killed with its children.

What administrators write (expressions, timers, loops) is played for real: a démarche that loops for ever costs its
bound, never the portal. Nothing of the server's environment reaches that process.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.models import Role
from app.db import Json
from app.engine.bundle import Bundle
from app.engine.graph import GraphRefused
from app.engine.xml import XmlRefused
from app.procedures.checking import pinned_callees
from app.procedures.queries import bundle_archive

RUN_SECONDS = 40
"""For all the stories of a démarche: less than what a worker is given for one fact."""
TRY_SECONDS = 10
"""Of the processor, for one story; a busy machine may take longer."""
TRY_PATIENCE = 25
MEMORY = 1536 * 1024 * 1024
MAX_ANSWER = 4 * 1024 * 1024
_ROOT = Path(__file__).resolve().parents[2]
# Each may take a whole core for seconds: several people who try at once wait for each other.
_TURNS = threading.BoundedSemaphore(2)

Progress = Callable[[int, int], None]


class NotPlayed(Exception):
    """The process did not answer; the message says why, in French."""


@dataclass(frozen=True)
class Material:
    """What is played: the files of a draft, the démarches it calls (those that are called first), the roles here."""

    archive: bytes
    callees: Sequence[tuple[str, bytes]]
    roles: Sequence[str]


def material_of(session: Session, slug: str, archive: bytes) -> Material:
    """Reads what playing these files needs."""
    try:
        pinned = pinned_callees(session, slug, Bundle.from_zip(archive))
    except (XmlRefused, GraphRefused):
        pinned = {}
    callees = [(called, bundle_archive(session, pinned[called])) for called in reversed(list(pinned))]
    return Material(archive, callees, list(session.scalars(select(Role.code).order_by(Role.code))))


def run_apart(material: Material, progress: Progress, *, seconds: int = RUN_SECONDS) -> dict[str, Json]:
    """Plays every story; the report is what ``playing`` says. Raises NotPlayed."""
    return _ask({"do": "run"}, material, seconds, progress)


def try_apart(
    material: Material, acts: Sequence[Json], *, story: str = "", rest: Sequence[Json] = (), seconds: int = TRY_SECONDS
) -> dict[str, Json]:
    """Plays one story that is being written; gives what is seen then (``replay``). Raises NotPlayed."""
    order = {"do": "try", "acts": list(acts), "story": story, "rest": list(rest)}
    return _ask(order, material, seconds, lambda _done, _total: None, patience=TRY_PATIENCE)


def _ask(
    order: Mapping[str, Json], material: Material, seconds: int, progress: Progress, patience: int = 0
) -> dict[str, Json]:
    if not _TURNS.acquire(timeout=max(seconds, patience)):
        raise NotPlayed("Plusieurs essais sont en cours : recommencez dans un instant.")
    folder = Path(tempfile.mkdtemp(prefix="portail-essai-"))
    try:
        _write(folder, {**order, "roles": material.roles, "seconds": seconds, "memory": MEMORY}, material)
        _play(folder, max(seconds, patience), progress)
        return _answer(folder / "answer.json")
    finally:
        _TURNS.release()
        shutil.rmtree(folder, ignore_errors=True)


def _write(folder: Path, order: Mapping[str, Json], material: Material) -> None:
    (folder / "order.json").write_text(json.dumps(order, ensure_ascii=False), encoding="utf-8")
    (folder / "bundle.zip").write_bytes(material.archive)
    (folder / "callees").mkdir()
    for number, (slug, archive) in enumerate(material.callees):
        (folder / "callees" / f"{number:03d}-{slug}.zip").write_bytes(archive)


def _play(folder: Path, seconds: int, progress: Progress) -> None:
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and code; what people wrote travels in files
        [sys.executable, "-m", "app.studio.playing", str(folder)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
        env={"PYTHONPATH": str(_ROOT), "TMPDIR": str(folder), "MALLOC_ARENA_MAX": "2", "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=folder,
    )
    late = threading.Event()

    def stop() -> None:
        late.set()
        _kill(process)

    limit = threading.Timer(seconds, stop)
    limit.start()
    try:
        for line in process.stdout or ():
            done, _, total = line.partition(" ")
            if done.isdigit() and total.strip().isdigit():
                progress(int(done), int(total))
        process.wait()
    finally:
        limit.cancel()
        _kill(process)
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
    if late.is_set():
        raise NotPlayed(f"Cela dure plus de {seconds}\u00a0secondes : la démarche tourne peut-être en rond.")


def _kill(process: subprocess.Popen[str]) -> None:
    """Ends the process and whatever it started; they are a group of their own."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return  # ended already


def _answer(path: Path) -> dict[str, Json]:
    if not path.is_file() or path.stat().st_size > MAX_ANSWER:
        raise NotPlayed("Le jeu s’est arrêté en chemin : la démarche demande peut-être trop de mémoire.")
    return cast("dict[str, Json]", json.loads(path.read_text(encoding="utf-8")))
