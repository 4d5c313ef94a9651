"""Reads of the démarches. A published version never changes, so what is parsed from one is kept in the process."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app import clock
from app.engine.bundle import SETTINGS, Bundle
from app.engine.specs import Loader
from app.errors import NotFound
from app.kept import Kept, Recent
from app.procedures.models import BundleRow, Procedure, Version
from app.procedures.opening import closed_reason
from app.procedures.settings import ProcedureSettings, read_settings
from forms import FormDefinition, load_definition

CACHE_SIZE = 256


@dataclass(frozen=True)
class Content:
    """What the portal reads in a version: its settings and its forms, parsed."""

    bundle_hash: str
    files: Mapping[str, bytes]
    settings: ProcedureSettings
    forms: Mapping[str, FormDefinition]


_contents: Recent[str, Content] = Recent(CACHE_SIZE)


def parse_content(bundle: Bundle) -> Content:
    """Settings and forms of a bundle. Raises SettingsError or DefinitionError."""
    forms = {
        name.removeprefix("forms/").removesuffix(".json"): load_definition(data)
        for name, data in bundle.files.items()
        if name.startswith("forms/")
    }
    return Content(bundle.hash, dict(bundle.files), read_settings(bundle.files[SETTINGS]), forms)


def content_of(session: Session, bundle_hash: str) -> Content:
    """The parsed version; no SQL once this process has read it."""
    return _contents.get(bundle_hash, lambda: parse_content(_stored(session, bundle_hash)))


def _stored(session: Session, bundle_hash: str) -> Bundle:
    return Bundle.from_zip(session.execute(select(BundleRow.archive).where(BundleRow.hash == bundle_hash)).scalar_one())


def spec_loader(session: Session) -> Loader:
    """What the engine's spec cache calls when it meets a version for the first time."""

    def load(bundle_hash: str) -> tuple[Mapping[str, bytes], Mapping[str, Mapping[str, bytes]]]:
        files = content_of(session, bundle_hash).files
        pinned = session.execute(
            select(Version.callees).where(Version.bundle_hash == bundle_hash).order_by(Version.number.desc()).limit(1)
        ).scalar_one_or_none()
        return files, {slug: content_of(session, each).files for slug, each in (pinned or {}).items()}

    return load


@dataclass(frozen=True)
class Published:
    """A démarche that can be started: its row and its current version."""

    id: uuid.UUID
    slug: str
    title: str
    version_id: uuid.UUID
    bundle_hash: str
    needs_account: bool
    open: bool
    opens_on: date | None = None
    closes_on: date | None = None

    @property
    def closed_reason(self) -> str:
        """Why nobody may begin it today; empty when one may."""
        return closed_reason(self.open, self.opens_on, self.closes_on)


def _read_published(session: Session) -> Mapping[str, Published]:
    rows = session.execute(
        select(
            Procedure.id,
            Procedure.slug,
            Procedure.title,
            Version.id,
            Version.bundle_hash,
            Procedure.needs_account,
            Procedure.open,
            Procedure.opens_on,
            Procedure.closes_on,
        ).join(Version, Version.id == Procedure.version_id)
    )
    return {row.slug: Published(*row) for row in rows}


KEPT_PUBLISHED = Kept(_read_published)
PUBLISHING = "procedures.publishing"
"""Marks a session that publishes or closes something: what it reads is not yet everybody's."""


def published(session: Session, slug: str) -> Published:
    """The démarche with its current version, as it was a few seconds ago at most. Raises NotFound."""
    all_of_them = _read_published(session) if PUBLISHING in session.info else KEPT_PUBLISHED.get(session)
    found = all_of_them.get(slug)
    if found is None:
        raise NotFound("Cette démarche n’existe pas ou n’est plus proposée.")
    return found


def forget_published(session: Session) -> None:
    """What this transaction changes of the démarches on offer is seen at once in this process, once committed."""
    session.info[PUBLISHING] = True
    KEPT_PUBLISHED.forget_after_commit(session)


def catalogue(session: Session) -> Sequence[Procedure]:
    """The démarches offered to the public, in the order of the home page; those that open later say when."""
    return session.scalars(
        select(Procedure)
        .where(Procedure.listed, Procedure.open, Procedure.version_id.is_not(None))
        .where(or_(Procedure.closes_on.is_(None), Procedure.closes_on >= clock.today()))
        .order_by(Procedure.position, Procedure.title)
    ).all()


def all_procedures(session: Session) -> Sequence[tuple[Procedure, Version | None]]:
    """Every démarche with its current version, for administrators."""
    rows = session.execute(
        select(Procedure, Version)
        .outerjoin(Version, Version.id == Procedure.version_id)
        .order_by(Procedure.position, Procedure.title)
    ).all()
    return [(row[0], row[1]) for row in rows]


def versions_of(session: Session, procedure_id: uuid.UUID) -> Sequence[Version]:
    """The published versions, newest first."""
    query = select(Version).where(Version.procedure_id == procedure_id).order_by(Version.number.desc())
    return session.scalars(query).all()


def procedure_by_slug(session: Session, slug: str) -> Procedure:
    """The démarche, published or not. Raises NotFound."""
    found = session.scalars(select(Procedure).where(Procedure.slug == slug)).one_or_none()
    if found is None:
        raise NotFound("Cette démarche n’existe pas.")
    return found


def bundle_archive(session: Session, bundle_hash: str) -> bytes:
    """The zip of a version, as published."""
    found = session.execute(select(BundleRow.archive).where(BundleRow.hash == bundle_hash)).scalar_one_or_none()
    if found is None:
        raise NotFound("Cette version n’existe pas.")
    return bytes(found)
