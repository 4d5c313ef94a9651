"""What administrators do with démarches: publish a version, open or close one; and the first installation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app import clock
from app.db import new_id
from app.engine.bundle import SETTINGS, Bundle
from app.engine.verify import Problem
from app.errors import Refused
from app.journal import record
from app.policy import SYSTEM, Actor, Permission, require
from app.procedures.checking import called_by, check_bundle, pinned_callees
from app.procedures.models import BundleRow, Procedure, Shipped, Version
from app.procedures.queries import forget_published, parse_content
from app.procedures.settings import ProcedureSettings

MAX_NOTE = 2000


class NotPublishable(Refused):
    """The version has errors; ``problems`` are all of them, warnings included."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        errors = [problem for problem in problems if problem.severity == "error"]
        first = f"{errors[0].message} {errors[0].remedy}".strip()
        others = f" (et {len(errors) - 1} de plus)" if len(errors) > 1 else ""
        super().__init__(f"Cette version ne peut pas être publiée : {first}{others}")
        self.problems = tuple(problems)


def keep_bundle(session: Session, bundle: Bundle) -> None:
    """Stores the files of a bundle under their hash, once. Harmless by itself: nothing runs what is not published."""
    if session.scalar(select(BundleRow.hash).where(BundleRow.hash == bundle.hash)) is not None:
        return
    try:
        with session.begin_nested():
            session.add(BundleRow(hash=bundle.hash, archive=bundle.to_zip(), created_at=clock.now()))
            session.flush()
    except IntegrityError:
        return  # somebody uploaded the same files at the same instant


def publish(
    session: Session, actor: Actor, slug: str, bundle: Bundle, note: str, *, asked_by: str = "", approved_by: str = ""
) -> Version:
    """Makes ``bundle`` the current version of ``slug``, which is created when it is new.

    Demandes already begun stay on their version. Raises NotPublishable with every problem, Refused when these files
    are the current version already. ``asked_by`` wrote it when the actor is its second reader, ``approved_by``.
    """
    require(actor, Permission.PROCEDURE_PUBLISH)
    problems = check_bundle(session, bundle, slug)
    if any(problem.severity == "error" for problem in problems):
        raise NotPublishable(problems)
    version = _publish(session, actor, slug, bundle, note)
    version.published_by, version.approved_by = asked_by or actor.label, approved_by
    return version


def _publish(session: Session, actor: Actor, slug: str, bundle: Bundle, note: str) -> Version:
    settings = parse_content(bundle).settings
    procedure = _locked(session, slug, settings)
    known = session.scalars(
        select(Version).where(Version.procedure_id == procedure.id, Version.bundle_hash == bundle.hash).limit(1)
    ).first()
    if known is not None and known.id == procedure.version_id:
        raise Refused(f"Ces fichiers sont déjà ceux de la version {known.number}, en ligne en ce moment.")
    keep_bundle(session, bundle)
    last = session.scalar(select(func.max(Version.number)).where(Version.procedure_id == procedure.id)) or 0
    version = Version(
        id=new_id(),
        procedure_id=procedure.id,
        number=last + 1,
        bundle_hash=bundle.hash,
        # A hash means the same processes for ever, the called ones included: demandes in progress rely on it.
        callees=known.callees if known is not None else pinned_callees(session, slug, bundle),
        note=" ".join(note.split())[:MAX_NOTE],
        published_at=clock.now(),
        published_by=actor.label,
    )
    session.add(version)
    procedure.version_id = version.id
    forget_published(session)
    _show(procedure, settings)
    session.flush()
    record(
        session,
        actor,
        "procedure.published",
        "procedure",
        procedure.id,
        slug=slug,
        number=version.number,
        hash=bundle.hash,
    )
    return version


def _locked(session: Session, slug: str, settings: ProcedureSettings) -> Procedure:
    """The row of the démarche, locked: two publications at once are numbered one after the other."""
    query = select(Procedure).where(Procedure.slug == slug).with_for_update().execution_options(populate_existing=True)
    found = session.scalars(query).one_or_none()
    if found is not None:
        return found
    made = Procedure(id=new_id(), slug=slug, open=settings.open, version_id=None)
    _show(made, settings)
    try:
        with session.begin_nested():
            session.add(made)
            session.flush()
    except IntegrityError:
        return session.scalars(query).one()
    return made


def _show(procedure: Procedure, settings: ProcedureSettings) -> None:
    """Copies what the catalogue shows. ``open`` is left alone: an administrator opens and closes a démarche."""
    procedure.title = settings.title
    procedure.summary = settings.summary
    procedure.category = settings.category
    procedure.position = settings.position
    procedure.needs_account = settings.account
    procedure.listed = settings.listed
    procedure.opens_on = settings.opens_on
    procedure.closes_on = settings.closes_on


def set_open(session: Session, actor: Actor, slug: str, *, is_open: bool) -> Procedure:
    """Opens a démarche to new demandes, or closes it; those begun go on."""
    require(actor, Permission.PROCEDURE_PUBLISH)
    procedure = session.scalars(select(Procedure).where(Procedure.slug == slug).with_for_update()).one()
    if procedure.open != is_open:
        procedure.open = is_open
        forget_published(session)
        record(session, actor, "procedure.opened" if is_open else "procedure.closed", "procedure", procedure.id)
    return procedure


def install_shipped(session: Session, folder: Path, actor: Actor = SYSTEM) -> list[Version]:
    """Publishes each démarche of ``folder`` (one sub-folder each, named by its slug) that has no version here yet.

    One that is called is installed before those that call it. What a commune published is never replaced. Raises
    NotPublishable when a shipped démarche is wrong: an installation without it would be half a product.
    """
    bundles = {path.name: Bundle.from_folder(path) for path in sorted(folder.iterdir()) if (path / SETTINGS).is_file()}
    installed = set(session.scalars(select(Procedure.slug).where(Procedure.version_id.is_not(None))))
    made = []
    for slug in _callees_first(bundles):
        if slug not in installed:
            made.append(publish(session, actor, slug, bundles[slug], "Version livrée avec le portail."))
            session.merge(Shipped(slug=slug, base_hash=bundles[slug].hash))
    session.flush()
    return made


def _callees_first(bundles: dict[str, Bundle]) -> list[str]:
    ordered: list[str] = []

    def visit(slug: str, above: tuple[str, ...]) -> None:
        if slug in ordered or slug in above or slug not in bundles:
            return  # a circle is refused by check_bundle, with its name
        for called in called_by(bundles[slug]):
            visit(called, (*above, slug))
        ordered.append(slug)

    for slug in bundles:
        visit(slug, ())
    return ordered
