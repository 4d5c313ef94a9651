"""Intake in a process of its own: what a hostile file can cost is bounded by the kernel, not by our care.

Decoders written in C see bytes chosen by strangers. A fresh process per file (about 0.15 s) with a CPU, memory and
output ceiling turns a crash, an endless loop or a memory bomb into a refusal, and the web server never notices.
Nothing is shared and nothing outlives the call, which is why this is not a pool.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from app.documents.formats.verdict import DEFAULT_LIMITS, MEBIBYTE, CleanFile, FileRefused, Limits, Picture

_ROOT = Path(__file__).resolve().parents[2]
# The child must not run app/__init__.py: it would import the whole portal to look at one file. A package without its
# __init__ is enough for the pure modules below it.
_BOOTSTRAP = (
    "import sys, types;"
    "root = sys.argv[1]; sys.path.insert(0, root);"
    "package = types.ModuleType('app'); package.__path__ = [root + '/app']; sys.modules['app'] = package;"
    "from app.documents.isolation import serve; serve()"
)
_GRACE_SECONDS = 5
# Each child may use ``memory_bytes``: twenty parents uploading at once must not add them all up.
_TURNS = threading.BoundedSemaphore(2)


def inspect_isolated(data: bytes, filename: str, *, limits: Limits = DEFAULT_LIMITS) -> CleanFile:
    """``intake.inspect`` within ``limits.seconds`` and ``limits.memory_bytes``. Also refuses with: too_costly, busy."""
    order = {"do": "inspect", "filename": filename, "sizes": [len(data)]}
    return _ask(order, [data], limits)


def merge_isolated(files: Sequence[CleanFile], *, limits: Limits = DEFAULT_LIMITS) -> CleanFile:
    """``intake.merge`` within ``limits.seconds`` and ``limits.memory_bytes``. Also refuses with: too_costly, busy."""
    order = {
        "do": "merge",
        "files": [{**asdict(replace(file, data=b"")), "data": None} for file in files],
        "sizes": [len(file.data) for file in files],
    }
    return _ask(order, [file.data for file in files], limits)


def draw_isolated(data: bytes, mime: str, *, limits: Limits = DEFAULT_LIMITS) -> list[Picture]:
    """``preview.draw`` within ``limits.seconds`` and ``limits.memory_bytes``. Also refuses with: too_costly, busy."""
    order = {"do": "draw", "mime": mime, "sizes": [len(data)]}
    verdict, body = _run(order, [data], limits)
    pictures, start = [], 0
    for size, *described in verdict["pictures"]:
        pictures.append(Picture(body[start : start + size], *described))
        start += size
    return pictures


def _ask(order: dict[str, Any], parts: Sequence[bytes], limits: Limits) -> CleanFile:
    verdict, body = _run(order, parts, limits)
    return CleanFile(**{**verdict, "data": body, "notes": tuple(verdict["notes"])})


def _run(order: dict[str, Any], parts: Sequence[bytes], limits: Limits) -> tuple[dict[str, Any], bytes]:
    """What the child says and the bytes it gives. Raises FileRefused, whatever happens to the child."""
    message = json.dumps({**order, "limits": asdict(limits)}).encode("utf-8") + b"\n" + b"".join(parts)
    if not _TURNS.acquire(timeout=2 * limits.seconds):
        raise FileRefused(
            "busy", "Beaucoup de fichiers arrivent en ce moment. Déposez à nouveau le vôtre dans une minute."
        )
    try:
        answer = subprocess.run(  # noqa: S603 - our own interpreter and code; the file travels on stdin, never as an argument
            [sys.executable, "-I", "-c", _BOOTSTRAP, str(_ROOT)],
            input=message,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=limits.seconds + _GRACE_SECONDS,
            check=False,
            # No secret of the server's environment reaches the process that reads hostile bytes.
            env={"MALLOC_ARENA_MAX": "2", "PYTHONDONTWRITEBYTECODE": "1"},
            cwd=os.sep,
        )
    except subprocess.TimeoutExpired as error:
        raise _too_costly() from error
    finally:
        _TURNS.release()
    head, found, body = answer.stdout.partition(b"\n")
    if answer.returncode != 0 or not found:
        raise _too_costly()
    verdict = json.loads(head)
    if "reason" in verdict:
        raise FileRefused(verdict["reason"], verdict["message"])
    return verdict, body


def _too_costly() -> FileRefused:
    return FileRefused(
        "too_costly",
        "Ce fichier demande trop de temps ou de mémoire pour être vérifié. "
        "Photographiez le document, ou numérisez-le en qualité ordinaire, puis déposez-le à nouveau.",
    )


def serve() -> None:
    """The child: read one order on stdin, answer on stdout, end. Any crash is an answer too (see ``_ask``)."""
    order = json.loads(sys.stdin.buffer.readline())
    limits = Limits(**order["limits"])
    _bind(limits)
    parts = [sys.stdin.buffer.read(size) for size in order["sizes"]]
    try:
        head, body = _done(order, parts, limits)
    except FileRefused as refusal:
        head, body = {"reason": refusal.reason, "message": refusal.message}, b""
    sys.stdout.buffer.write(json.dumps(head).encode("utf-8") + b"\n" + body)
    sys.stdout.buffer.flush()


def _done(order: dict[str, Any], parts: Sequence[bytes], limits: Limits) -> tuple[dict[str, Any], bytes]:
    """Decoders are loaded here, once the ceilings hold."""
    if order["do"] == "draw":
        from app.documents.formats import preview

        drawn = preview.draw(parts[0], order["mime"], limits)
        described = [(len(one.data), one.mime, one.width, one.height) for one in drawn]
        return {"pictures": described}, b"".join(one.data for one in drawn)
    from app.documents import intake

    if order["do"] == "inspect":
        clean = intake.inspect(parts[0], order["filename"], limits=limits)
    else:
        files = zip(order["files"], parts, strict=True)
        clean = intake.merge([CleanFile(**{**file, "data": part}) for file, part in files], limits=limits)
    return {**asdict(clean), "data": None}, clean.data


def _bind(limits: Limits) -> None:
    import resource  # POSIX only, like the deployments; the import stays here so that tools elsewhere can read us

    ceilings = {
        resource.RLIMIT_CPU: limits.seconds,
        resource.RLIMIT_AS: limits.memory_bytes,
        resource.RLIMIT_FSIZE: 64 * MEBIBYTE,
        resource.RLIMIT_CORE: 0,
    }
    for kind, ceiling in ceilings.items():
        resource.setrlimit(kind, (ceiling, ceiling))
