"""Where the bytes of a piece are kept: a folder outside the web root, or an S3-compatible store.

Keys are drawn at random by us (``new_key``) and are the only names that ever reach a path or an address: what a
family calls its file stays in the database (R-10).
"""

from __future__ import annotations

import errno
import io
import os
import re
import secrets
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Protocol
from urllib.parse import unquote, urlsplit

from app.errors import Refused

_KEY = re.compile(r"[0-9a-f]{40}")


class StorageUnavailable(Refused):
    """The file could not be kept or read now; nothing else was changed and the person may try again."""

    def __init__(
        self,
        message: str = (
            "Vos fichiers ne sont pas accessibles pour le moment. Votre saisie est conservée : "
            "réessayez dans quelques minutes."
        ),
    ) -> None:
        super().__init__(message)


class StorageFull(StorageUnavailable):
    """No room left. The message is for the family; the cause (``__cause__``) is for the administrator."""

    def __init__(self) -> None:
        super().__init__(
            "La mairie n’a plus de place pour enregistrer de nouveaux fichiers. Votre saisie est conservée : "
            "réessayez plus tard ou contactez la mairie."
        )


class FileMissing(Exception):
    """No file under this key: a row points to bytes that were lost or already deleted."""


class Storage(Protocol):
    """Bytes under random keys. Every method raises ValueError for a key that ``new_key`` cannot have drawn."""

    def put(self, key: str, data: bytes) -> None:
        """Keep ``data``: wholly or not at all, surviving a power cut once this returns. Same key: replaced.

        Raises StorageFull or StorageUnavailable.
        """

    def open(self, key: str) -> BinaryIO:
        """The bytes, to be closed by the caller. Raises FileMissing or StorageUnavailable."""

    def delete(self, key: str) -> None:
        """Forget the bytes; nothing happens when they are not there. Raises StorageUnavailable."""

    def exists(self, key: str) -> bool:
        """Whether bytes are kept under this key. Raises StorageUnavailable."""


def new_key() -> str:
    """A fresh key: 160 random bits, in hexadecimal."""
    return secrets.token_hex(20)


def checked_key(key: str) -> str:
    """``key`` itself, or ValueError: the last guard against a path made from anything a person sent."""
    if not _KEY.fullmatch(key):
        raise ValueError("not a storage key")
    return key


def storage_from_url(url: str) -> Storage:
    """The storage of ``STORAGE_URL``: ``file:///folder`` or ``s3://key:secret@host[:port]/bucket[/prefix]?region=…``.

    See ``storage_s3.s3_from_url`` for the S3 options. Raises ValueError, without repeating secrets, for other forms.
    """
    parts = urlsplit(url)
    if parts.scheme == "file" and not parts.netloc and len(parts.path) > 1:
        return DiskStorage(Path(unquote(parts.path)))
    if parts.scheme == "s3":
        from app.documents.storage_s3 import s3_from_url

        return s3_from_url(url)
    raise ValueError("STORAGE_URL: expected file:///folder or s3://key:secret@host/bucket")


class DiskStorage:
    """Files in two levels of folders, so that no folder holds more than a few hundred entries per million files."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, key: str, data: bytes) -> None:
        path = self._path(key)
        # Beside its final place: a rename is atomic within one file system only.
        draft = path.with_name(f".{key}.{secrets.token_hex(4)}")
        try:
            _make_folder(path.parent)
            _write_durably(draft, data)
            draft.replace(path)
            _sync_folder(path.parent)
        except OSError as error:
            with suppress(OSError):
                draft.unlink(missing_ok=True)
            if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
                raise StorageFull from error
            raise StorageUnavailable from error

    def open(self, key: str) -> BinaryIO:
        try:
            return self._path(key).open("rb")
        except FileNotFoundError as error:
            raise FileMissing(key) from error
        except OSError as error:
            raise StorageUnavailable from error

    def delete(self, key: str) -> None:
        path = self._path(key)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise StorageUnavailable from error

    def exists(self, key: str) -> bool:
        return self._path(key).is_file()

    def _path(self, key: str) -> Path:
        checked_key(key)
        return self.root / key[:2] / key[2:4] / key


def _write_durably(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with io.FileIO(descriptor, "w") as file:
        view = memoryview(data)
        while view:
            view = view[file.write(view) :]
        os.fsync(descriptor)


def _make_folder(folder: Path) -> None:
    """The folder and those above it, for us alone, their names surviving a power cut too."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    """Make the new name itself survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
