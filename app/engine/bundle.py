"""A démarche's folder as one immutable value: its files, its hash, its byte-identical zip."""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

MAX_FILE = 2 * 1024 * 1024
MAX_TOTAL = 8 * 1024 * 1024
MAX_FILES = 200
PROCESS = "process.bpmn"
SETTINGS = "demarche.toml"

_ALLOWED = re.compile(
    r"process\.bpmn|demarche\.toml|forms/[a-z0-9_-]{1,60}\.json|scenarios/[a-z0-9_-]{1,60}\.toml"
    r"|decisions/[a-z0-9_-]{1,60}\.dmn"
)
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the zip format's first instant: same files, same bytes


class BundleError(Exception):
    """The files cannot be a démarche. ``problems`` are sentences in French, each with its remedy."""

    def __init__(self, *problems: str) -> None:
        super().__init__(" ".join(problems))
        self.problems = problems


def _check(files: Mapping[str, bytes]) -> None:
    problems = [
        f"Le fichier « {name[:80]} » n’a pas sa place dans une démarche : seuls process.bpmn, demarche.toml, "
        "forms/*.json, scenarios/*.toml et decisions/*.dmn sont acceptés."
        for name in files
        if not _ALLOWED.fullmatch(name)
    ]
    problems += [
        f"Le fichier « {name[:80]} » dépasse 2 Mo : allégez-le." for name, data in files.items() if len(data) > MAX_FILE
    ]
    problems += [
        f"Le fichier « {name} » manque : ajoutez-le à l’archive." for name in (PROCESS, SETTINGS) if name not in files
    ]
    if sum(map(len, files.values())) > MAX_TOTAL:
        problems.append("La démarche dépasse 8 Mo en tout : allégez-la.")
    if problems:
        raise BundleError(*problems)


@dataclass(frozen=True)
class Bundle:
    """The files of one version, by their path in the folder. Refuses (BundleError) what is not a démarche."""

    files: Mapping[str, bytes] = field(repr=False)

    def __post_init__(self) -> None:
        _check(self.files)

    @cached_property
    def hash(self) -> str:
        """SHA-256 over every path and content, in order: the identity of a published version."""
        digest = hashlib.sha256()
        for name in sorted(self.files):
            data = self.files[name]
            digest.update(f"{name}\0{len(data)}\0".encode())
            digest.update(data)
        return digest.hexdigest()

    def to_zip(self) -> bytes:
        """The archive to download; the same files always give the same bytes."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in sorted(self.files):
                entry = zipfile.ZipInfo(name, _EPOCH)
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.external_attr = 0o644 << 16
                archive.writestr(entry, self.files[name], compresslevel=9)
        return buffer.getvalue()

    @classmethod
    def from_folder(cls, folder: Path) -> Bundle:
        """The files below ``folder``."""
        return cls({str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()})

    @classmethod
    def from_zip(cls, data: bytes) -> Bundle:
        """The files of an uploaded archive, at its root or all in one folder. Refuses bombs, path traversal, links and
        anything out of place.
        """
        if len(data) > MAX_TOTAL:
            raise BundleError("L’archive dépasse 8 Mo : allégez-la.")
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                return cls(_without_top_folder(_entries(archive)))
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, OSError, EOFError) as error:
            raise BundleError("Ce fichier n’est pas une archive zip lisible : exportez-la à nouveau.") from error


def _entries(archive: zipfile.ZipFile) -> dict[str, bytes]:
    entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    if len(entries) > MAX_FILES:
        raise BundleError(f"L’archive contient plus de {MAX_FILES} fichiers.")
    if sum(entry.file_size for entry in entries) > MAX_TOTAL:
        raise BundleError("L’archive décompressée dépasserait 8 Mo : allégez-la.")
    files: dict[str, bytes] = {}
    total = 0
    for entry in entries:
        if entry.filename in files:
            raise BundleError(f"Le fichier « {entry.filename[:80]} » figure deux fois dans l’archive.")
        with archive.open(entry) as stream:  # the declared size is only a claim: read no more than allowed
            content = stream.read(MAX_FILE + 1)
        total += len(content)
        if total > MAX_TOTAL:
            raise BundleError("L’archive décompressée dépasserait 8 Mo : allégez-la.")
        files[entry.filename] = content
    return files


def _without_top_folder(files: dict[str, bytes]) -> dict[str, bytes]:
    """The same files when they all sit in one folder: what a file manager makes of « Compresser » on a folder.

    Only the first, plain name of each path goes; what remains is judged like any other path.
    """
    tops = {name.partition("/")[0] for name in files}
    top = tops.pop() if len(tops) == 1 else ""
    if top in ("", ".", "..") or not {f"{top}/{PROCESS}", f"{top}/{SETTINGS}"} & files.keys():
        return files
    return {name.removeprefix(f"{top}/"): data for name, data in files.items()}
