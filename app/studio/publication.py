"""From a draft to a version: what forbids it, who must agree, and the way back to an older version."""

from __future__ import annotations

import uuid

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.engine.bundle import SETTINGS, Bundle
from app.errors import Conflict, Forbidden, NotFound, Refused
from app.journal import record
from app.policy import Actor, Permission, require
from app.procedures.models import Procedure, Shipped, Version
from app.procedures.operations import MAX_NOTE, publish
from app.procedures.queries import bundle_archive, content_of, procedure_by_slug
from app.procedures.settings import SettingsError, read_settings
from app.studio import stories
from app.studio.drafts import (
    draft_from,
    draft_of,
    files_of,
    must_be_current,
    must_hold,
    the_draft,
    write_unrecorded,
)
from app.studio.models import Draft


def needs_second_reader(session: Session, draft: Draft) -> bool:
    """Whether another person must agree: the version in line says so, or the draft does (nobody lifts it alone)."""
    try:
        asked = read_settings(files_of(draft)[SETTINGS]).second_reader
    except SettingsError:
        asked = False
    current = version_in_line(session, draft.slug)
    return asked or (current is not None and content_of(session, current.bundle_hash).settings.second_reader)


def version_in_line(session: Session, slug: str) -> Version | None:
    """The version that new demandes start on."""
    query = select(Version).join(Procedure, Procedure.version_id == Version.id).where(Procedure.slug == slug)
    return session.scalars(query).one_or_none()


def about_to_be_published(session: Session, slug: str, number: int | None = None) -> Bundle:
    """The files that publication is about: those of a version that comes back, else those of the draft."""
    if number is None:
        return Bundle(files_of(the_draft(session, slug)))
    return Bundle.from_zip(bundle_archive(session, version_numbered(session, slug, number).bundle_hash))


def publish_draft(
    session: Session, actor: Actor, slug: str, note: str, *, revision: int, seen: uuid.UUID | None
) -> Version:
    """Makes the draft the version in line, and removes it.

    ``revision`` and ``seen`` (the version in line that its summary was compared with) are what the person read: raises
    Conflict when either moved on, Refused for a failing scenario or a missing agreement, NotPublishable for an error.
    """
    require(actor, Permission.PROCEDURE_PUBLISH)
    draft = _as_read(session, slug, revision, seen)
    if draft.holder_id is not None:
        must_hold(draft, actor)
    if needs_second_reader(session, draft):
        raise Refused("Cette démarche demande l’accord d’une seconde personne avant publication.")
    return _publish(session, actor, draft, note)


def _as_read(session: Session, slug: str, revision: int, seen: uuid.UUID | None) -> Draft:
    draft = the_draft(session, slug, lock=True)
    must_be_current(draft, revision)
    current = version_in_line(session, slug)
    if (current.id if current is not None else None) != seen:
        told = f"{current.published_by} a publié la version {current.number}" if current else "La version a changé"
        raise Conflict(f"{told} entre-temps : relisez ce qui change avant de publier.")
    return draft


def _publish(session: Session, actor: Actor, draft: Draft, note: str, approved_by: str = "") -> Version:
    if blocked := stories.block(draft):
        raise Refused(blocked[0])
    bundle = Bundle(files_of(draft))
    asked_by = draft.approval_asked_label if approved_by else ""
    version = publish(session, actor, draft.slug, bundle, note, asked_by=asked_by, approved_by=approved_by)
    if draft.shipped_hash:
        session.merge(Shipped(slug=draft.slug, base_hash=draft.shipped_hash))
    write_unrecorded(session, draft)
    record(session, actor, "draft.published", "draft", draft.id, slug=draft.slug, number=version.number)
    session.delete(draft)
    session.flush()
    return version


# -- the second reader -----------------------------------------------------------------------------------------------


def ask_approval(session: Session, actor: Actor, slug: str, note: str, *, revision: int) -> Draft:
    """Asks another administrator to read this revision of the draft. Any change afterwards cancels the question."""
    require(actor, Permission.PROCEDURE_EDIT)
    draft = the_draft(session, slug, lock=True)
    must_hold(draft, actor)
    must_be_current(draft, revision)
    if blocked := stories.block(draft):
        raise Refused(blocked[0])
    draft.note = " ".join(note.split())[:MAX_NOTE]
    draft.approval_revision, draft.approval_refusal = draft.revision, ""
    draft.approval_asked_by, draft.approval_asked_label = actor.id, actor.label
    draft.approval_asked_at = clock.now()
    write_unrecorded(session, draft)
    record(session, actor, "draft.approval_asked", "draft", draft.id, slug=slug, revision=draft.revision)
    session.flush()
    return draft


def may_approve(draft: Draft, actor: Actor) -> bool:
    """Whether this person may be the second reader: she may publish, asked nothing and wrote nothing of it."""
    wrote = str(actor.id) in draft.authors or actor.id in (draft.approval_asked_by, draft.holder_id)
    return actor.can(Permission.PROCEDURE_PUBLISH) and not wrote


def approve(session: Session, actor: Actor, slug: str, *, revision: int, seen: uuid.UUID | None) -> Version:
    """The second reader agrees: the draft is published. Raises Forbidden for one of its authors."""
    draft = _asked(session, actor, slug, revision, seen)
    record(session, actor, "draft.approved", "draft", draft.id, slug=slug, revision=draft.revision)
    return _publish(session, actor, draft, draft.note, approved_by=actor.label)


def refuse_approval(session: Session, actor: Actor, slug: str, reason: str, *, revision: int) -> None:
    """The second reader does not agree, and says why; its author goes on changing the draft."""
    reason = " ".join(reason.split())[:MAX_NOTE]
    if not reason:
        raise Refused("Dites pourquoi, pour que la personne puisse corriger.", "reason")
    draft = the_draft(session, slug)
    current = version_in_line(session, slug)
    draft = _asked(session, actor, slug, revision, current.id if current is not None else None)
    draft.approval_revision, draft.approval_refusal = None, f"{actor.label} : {reason}"
    record(session, actor, "draft.approval_refused", "draft", draft.id, slug=slug, revision=draft.revision)
    session.flush()


def _asked(session: Session, actor: Actor, slug: str, revision: int, seen: uuid.UUID | None) -> Draft:
    require(actor, Permission.PROCEDURE_PUBLISH)
    draft = _as_read(session, slug, revision, seen)
    if draft.approval_revision != draft.revision:
        raise Conflict("Personne ne demande d’accord pour ce brouillon : il a peut-être changé depuis.")
    if not may_approve(draft, actor):
        raise Forbidden("Vous avez participé à ce brouillon : une autre personne doit le relire.")
    return draft


# -- the way back ----------------------------------------------------------------------------------------------------


def version_numbered(session: Session, slug: str, number: int) -> Version:
    """One published version of a démarche. Raises NotFound."""
    procedure = procedure_by_slug(session, slug)
    found = session.scalars(
        select(Version).where(Version.procedure_id == procedure.id, Version.number == number)
    ).one_or_none()
    if found is None:
        raise NotFound("Cette version n’existe pas.")
    return found


def roll_back(session: Session, actor: Actor, slug: str, number: int, note: str) -> Version:
    """Publishes an older version again, as a new one. Verified like any other; a draft in progress is left alone.

    Raises Refused without a note, or when the démarche asks for a second reader (``draft_from_version`` is the way).
    """
    require(actor, Permission.PROCEDURE_PUBLISH)
    if not note.strip():
        raise Refused("Dites pourquoi vous revenez à cette version.", "note")
    bundle = about_to_be_published(session, slug, number)
    current = version_in_line(session, slug)
    if current is not None and content_of(session, current.bundle_hash).settings.second_reader:
        raise Refused(
            "Cette démarche demande l’accord d’une seconde personne : reprenez cette version dans un brouillon, "
            "puis demandez son accord."
        )
    version = publish(session, actor, slug, bundle, note)
    details = {"slug": slug, "number": version.number, "back_to": number}
    record(session, actor, "procedure.rolled_back", "procedure", version.procedure_id, **details)
    return version


def draft_from_version(session: Session, actor: Actor, slug: str, number: int) -> Draft:
    """A draft made of an older version, to change it before it is published again."""
    require(actor, Permission.PROCEDURE_EDIT)
    found = draft_of(session, slug)
    bundle = about_to_be_published(session, slug, number)
    if found is not None:
        raise Conflict(f"{found.holder_label or 'Un collègue'} a déjà un brouillon de cette démarche en cours.")
    title = content_of(session, bundle.hash).settings.title
    return draft_from(session, actor, slug, title, bundle, how=f"version {number}")
