"""Drafts: what administrators change before they publish. Nobody's running case notices any of it.

One hand at a time holds a draft. A save says the revision it started from; a stale one, or one by somebody who lost the
draft, raises Conflict and names who: nothing is overwritten in silence.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app import clock
from app.db import fold, new_id
from app.engine.bundle import PROCESS, SETTINGS, Bundle, BundleError
from app.engine.xml import XmlRefused, load_xml
from app.errors import Conflict, NotFound, Refused
from app.journal import record
from app.outbox import emit
from app.policy import Actor, Permission, require
from app.procedures.models import Procedure, Version
from app.procedures.queries import bundle_archive, procedure_by_slug
from app.procedures.settings import CATEGORIES, SettingsError, read_settings
from app.studio.models import Draft, DraftReader
from app.studio.standard import standard_bundle

GROUPED = timedelta(minutes=15)
"""Saves of one hand within this time are one entry of the journal."""
PRESENT = timedelta(seconds=100)
"""A page says every 45 seconds that it is open; one that missed two is closed."""
MAX_TITLE = 120
SCENARIOS = "scenarios/"
SLUG = re.compile(r"[a-z][a-z0-9-]{1,58}[a-z0-9]")
#: Words of the addresses under /admin/demarches and /demarches.
RESERVED = frozenset({"nouvelle", "nouvelle-version", "importer", "livrees", "verification"})


class DraftMoved(Conflict):
    """The draft is no longer what its author saw: ``reason`` is ``saved`` (it changed), ``taken_over`` (somebody else
    holds it) or ``published`` (it is gone); ``by`` and ``at`` say who and when, as far as is known."""

    def __init__(self, message: str, reason: str, by: str = "", at: datetime | None = None) -> None:
        super().__init__(message)
        self.reason, self.by, self.at = reason, by, at


def draft_of(session: Session, slug: str, *, lock: bool = False) -> Draft | None:
    """The draft of a démarche, if somebody is changing it."""
    query = select(Draft).where(Draft.slug == slug)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    return session.scalars(query).one_or_none()


def the_draft(session: Session, slug: str, *, lock: bool = False) -> Draft:
    """The same; raises NotFound when there is none."""
    found = draft_of(session, slug, lock=lock)
    if found is None:
        raise NotFound("Cette démarche n’a pas de brouillon.")
    return found


def files_of(draft: Draft) -> dict[str, bytes]:
    """The files of a draft, by path. Small enough to be read whole at each request."""
    return dict(Bundle.from_zip(draft.archive).files)


def holds(draft: Draft, actor: Actor) -> bool:
    """Whether this person is the one who may save."""
    return draft.holder_id is not None and draft.holder_id == actor.id


# -- opening and leaving ---------------------------------------------------------------------------------------------


def open_draft(session: Session, actor: Actor, slug: str) -> Draft:
    """Makes the draft of a démarche from its version in line, or resumes it.

    When somebody else holds it, it is given as it is, to be read: ``take_over`` takes it. Raises NotFound for a
    démarche that does not exist.
    """
    require(actor, Permission.PROCEDURE_EDIT)
    found = draft_of(session, slug, lock=True)
    if found is None:
        found = _made_from_version(session, actor, procedure_by_slug(session, slug))
    if found.holder_id is None:
        _hold(found, actor)
    session.flush()
    return found


def _made_from_version(session: Session, actor: Actor, procedure: Procedure) -> Draft:
    version = session.get(Version, procedure.version_id) if procedure.version_id else None
    if version is None:
        raise NotFound("Cette démarche n’a pas encore de version.")
    archive = bundle_archive(session, version.bundle_hash)
    made, fresh = _add(session, _blank(procedure.slug, procedure.title, archive, version))
    if fresh:
        record(session, actor, "draft.opened", "draft", made.id, slug=made.slug, version=version.number)
    return made


def _blank(slug: str, title: str, archive: bytes, base: Version | None) -> Draft:
    now = clock.now()
    return Draft(
        id=new_id(),
        slug=slug,
        title=title,
        base_version_id=base.id if base is not None else None,
        archive=archive,
        revision=1,
        problems=[],
        scenario_report={},
        obsolete_stories={},
        authors=[],
        unrecorded=[],
        created_at=now,
        updated_at=now,
    )


def _add(session: Session, made: Draft) -> tuple[Draft, bool]:
    """Adds the draft, or gives the one that somebody made at the same instant."""
    try:
        with session.begin_nested():
            session.add(made)
            session.flush()
    except IntegrityError:
        return the_draft(session, made.slug, lock=True), False
    emit(session, "draft.saved", draft=str(made.id), revision=made.revision)
    return made, True


def new_procedure(
    session: Session, actor: Actor, slug: str, title: str, *, summary: str = "", category: str = "quotidien"
) -> Draft:
    """The draft of a démarche that does not exist yet, from the standard pattern: complete and valid.

    Nothing appears to anybody until it is published. Without an identifier, one is made of the title. Raises Refused,
    naming the field, for an identifier that is taken or cannot be an address.
    """
    require(actor, Permission.PROCEDURE_EDIT)
    title, summary = " ".join(title.split())[:MAX_TITLE], " ".join(summary.split())
    if not title:
        raise Refused("Donnez un titre à la démarche.", "title")
    slug = slug or slug_of(title)
    check_new_slug(session, slug)
    if not (title + summary).isprintable():
        raise Refused("Ce texte contient un caractère invisible : retapez-le.", "title")
    if category not in CATEGORIES:
        raise Refused("Choisissez une des catégories proposées.", "category")
    bundle = standard_bundle(slug, title, summary=summary or title, category=category)
    return draft_from(session, actor, slug, title, bundle, how="pattern")


def slug_of(title: str) -> str:
    """An identifier made of a title: « Demander un rendez-vous » gives ``demander-un-rendez-vous``."""
    return re.sub(r"[^a-z0-9]+", "-", fold(title)).strip("-")[:60].strip("-")


def check_new_slug(session: Session, slug: str) -> None:
    """Raises Refused (field ``slug``) when no new démarche can have this identifier."""
    if not SLUG.fullmatch(slug) or slug in RESERVED:
        raise Refused(
            "Cet identifiant sert d’adresse : écrivez-le en minuscules sans accent, avec des tirets, "
            "comme « inscription-centre ».",
            "slug",
        )
    taken = session.scalar(select(Procedure.id).where(Procedure.slug == slug))
    if taken is not None or draft_of(session, slug) is not None:
        raise Refused("Une démarche a déjà cet identifiant : choisissez-en un autre.", "slug")


def draft_from(session: Session, actor: Actor, slug: str, title: str, bundle: Bundle, *, how: str) -> Draft:
    """The draft of a démarche that has none, made of these files and held by the actor. ``how`` is for the journal."""
    require(actor, Permission.PROCEDURE_EDIT)
    procedure = session.scalars(select(Procedure).where(Procedure.slug == slug)).one_or_none()
    base = session.get(Version, procedure.version_id) if procedure and procedure.version_id else None
    made, fresh = _add(session, _blank(slug, title, bundle.to_zip(), base))
    if not fresh:
        raise Conflict(f"{made.holder_label or 'Un collègue'} vient d’ouvrir un brouillon de cette démarche.")
    _hold(made, actor)
    made.authors = [str(actor.id)]
    record(session, actor, "draft.created", "draft", made.id, slug=slug, how=how)
    session.flush()
    return made


def _hold(draft: Draft, actor: Actor) -> None:
    draft.holder_id, draft.holder_label, draft.holder_since = actor.id, actor.label, clock.now()
    if draft.previous_id == actor.id:
        draft.previous_id, draft.previous_label = None, ""


def take_over(session: Session, actor: Actor, slug: str) -> Draft:
    """Gives the draft to the actor. Whoever held it is told by her page, and her next save is refused."""
    require(actor, Permission.PROCEDURE_EDIT)
    draft = the_draft(session, slug, lock=True)
    if holds(draft, actor):
        return draft
    write_unrecorded(session, draft)
    if draft.holder_id is not None:
        draft.previous_id, draft.previous_label = draft.holder_id, draft.holder_label
        record(session, actor, "draft.taken_over", "draft", draft.id, slug=slug, held_by=str(draft.holder_id))
    _hold(draft, actor)
    session.flush()
    return draft


def release(session: Session, actor: Actor, slug: str) -> None:
    """Leaves the draft to whoever opens it next; nothing happens when somebody else holds it."""
    require(actor, Permission.PROCEDURE_EDIT)
    draft = the_draft(session, slug, lock=True)
    if not holds(draft, actor):
        return
    write_unrecorded(session, draft)
    draft.holder_id, draft.holder_label, draft.holder_since = None, "", None
    session.flush()


def discard(session: Session, actor: Actor, slug: str) -> None:
    """Gives up the draft for good: the version in line stays as it is. Raises Conflict when somebody else holds it."""
    require(actor, Permission.PROCEDURE_EDIT)
    draft = the_draft(session, slug, lock=True)
    if draft.holder_id is not None:
        must_hold(draft, actor)
    write_unrecorded(session, draft)
    record(session, actor, "draft.discarded", "draft", draft.id, slug=slug, revision=draft.revision)
    session.delete(draft)
    session.flush()


# -- saving ----------------------------------------------------------------------------------------------------------


def save_files(session: Session, actor: Actor, slug: str, changes: Mapping[str, bytes | None], revision: int) -> int:
    """Writes files of the draft (``None`` removes one) and gives its new revision.

    ``revision`` is the one these changes were made on. Raises Conflict, naming who, when the draft is somebody else's
    or has moved on; Refused for a file that has no place in a démarche. What the files say is not judged here: that is
    verification's work, afterwards.
    """
    require(actor, Permission.PROCEDURE_EDIT)
    draft = the_draft(session, slug, lock=True)
    must_hold(draft, actor)
    must_be_current(draft, revision)
    before = files_of(draft)
    after = {name: data for name, data in {**before, **changes}.items() if data is not None}
    touched = sorted(name for name in changes if before.get(name) != after.get(name))
    if not touched:
        return draft.revision
    try:
        draft.archive = Bundle(after).to_zip()
    except BundleError as error:
        raise Refused(error.problems[0]) from error
    draft.revision += 1
    _keep_results(draft, touched)
    draft.updated_at, draft.saved_by = clock.now(), actor.label
    draft.approval_revision, draft.approval_refusal = None, ""
    draft.authors = sorted({*draft.authors, str(actor.id)})
    if SETTINGS in touched:
        draft.title = _title(after[SETTINGS]) or draft.title
    _note_save(session, actor, draft, touched)
    emit(session, "draft.saved", draft=str(draft.id), revision=draft.revision)
    session.flush()
    return draft.revision


def _keep_results(draft: Draft, touched: Sequence[str]) -> None:
    """Each scenario is played on the démarche and on nothing else: what another one tells changes none of its result.
    What they meet together is known no more."""
    report = draft.scenario_report
    if draft.scenario_revision != draft.revision - 1 or "error" in report:
        return
    if all(name.startswith(SCENARIOS) for name in touched):
        stands = [each for each in report.get("stories", ()) if each["path"] not in touched]
        draft.scenario_report, draft.scenario_revision = {"stories": stands}, draft.revision


def save_process(session: Session, actor: Actor, slug: str, xml: bytes, revision: int) -> int:
    """Writes the diagram. Raises Refused for XML that nobody may store (entities, DOCTYPE, bombs, not XML at all)."""
    require(actor, Permission.PROCEDURE_EDIT)
    try:
        load_xml(xml, f"le fichier {PROCESS}")
    except XmlRefused as refusal:
        raise Refused(refusal.message) from refusal
    return save_files(session, actor, slug, {PROCESS: xml}, revision)


def note_presence(session: Session, actor: Actor, draft: Draft) -> list[str]:
    """Says that the actor has the draft on her screen; gives the names of the others who do."""
    require(actor, Permission.PROCEDURE_EDIT)
    now = clock.now()
    mine = session.get(DraftReader, (draft.id, actor.id))
    if mine is None:
        session.add(DraftReader(draft_id=draft.id, account_id=actor.id, label=actor.label, seen_at=now))
    else:
        mine.seen_at = now
    session.flush()
    others = (
        select(DraftReader.label)
        .where(DraftReader.draft_id == draft.id, DraftReader.account_id != actor.id)
        .where(DraftReader.seen_at > now - PRESENT)
        .order_by(DraftReader.label)
    )
    return list(session.scalars(others))


def must_hold(draft: Draft, actor: Actor) -> None:
    """Raises DraftMoved when somebody else has the draft in hand."""
    if holds(draft, actor):
        return
    if draft.holder_id is None:
        raise DraftMoved("Vous avez quitté ce brouillon : rouvrez-le pour le modifier.", "taken_over")
    since = f" depuis {_clock_time(draft.holder_since)}" if draft.holder_since else ""
    raise DraftMoved(
        f"{draft.holder_label} modifie ce brouillon{since} : vos changements n’ont pas été enregistrés.",
        "taken_over",
        draft.holder_label,
        draft.holder_since,
    )


def must_be_current(draft: Draft, revision: int) -> None:
    """Raises DraftMoved when the draft is not the one that was seen."""
    if revision != draft.revision:
        who = draft.saved_by or draft.holder_label
        raise DraftMoved(
            f"Ce brouillon a changé depuis que vous l’avez ouvert (enregistré par {who} à "
            f"{_clock_time(draft.updated_at)}) : vos changements n’ont pas été enregistrés.",
            "saved",
            who,
            draft.updated_at,
        )


def _clock_time(instant: datetime) -> str:
    local = clock.in_paris(instant)
    return f"{local.hour}\u202fh\u202f{local.minute:02d}"


def _title(raw: bytes) -> str:
    try:
        return read_settings(raw).title[:MAX_TITLE]
    except SettingsError:
        return ""


def _note_save(session: Session, actor: Actor, draft: Draft, touched: list[str]) -> None:
    """The first save of a hand is in the journal at once; those that follow are gathered."""
    draft.unrecorded = sorted({*draft.unrecorded, *touched})
    now = clock.now()
    if (
        draft.recorded_at is None
        or now - draft.recorded_at >= GROUPED
        or draft.recorded_at < (draft.holder_since or draft.recorded_at)
    ):
        _record_saves(session, actor, draft)


def write_unrecorded(session: Session, draft: Draft) -> None:
    """What its holder saved since the last entry, before the draft leaves her hand."""
    if draft.unrecorded:
        _record_saves(session, Actor("agent", draft.holder_id, draft.holder_label), draft)


def _record_saves(session: Session, actor: Actor, draft: Draft) -> None:
    record(
        session, actor, "draft.changed", "draft", draft.id, slug=draft.slug, files=draft.unrecorded,
        revision=draft.revision,
    )  # fmt: skip
    draft.unrecorded, draft.recorded_at = [], clock.now()
