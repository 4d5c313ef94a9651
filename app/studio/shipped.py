"""Newer versions of the shipped démarches: proposed with their differences, never imposed over the commune's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.engine.bundle import SETTINGS, Bundle
from app.errors import Conflict, NotFound
from app.journal import record
from app.policy import SYSTEM, Actor, Permission, require
from app.procedures.models import Procedure, Shipped, Version
from app.procedures.operations import keep_bundle
from app.procedures.queries import bundle_archive
from app.studio.changes import Part, parts
from app.studio.drafts import draft_from, draft_of
from app.studio.models import Draft

WORKFLOWS = Path(__file__).resolve().parents[2] / "workflows"


def read_shipped(folder: Path) -> dict[str, Bundle]:
    """The démarches of a folder, by slug; a product without the folder ships none."""
    paths = sorted(folder.iterdir()) if folder.is_dir() else []
    return {path.name: Bundle.from_folder(path) for path in paths if (path / SETTINGS).is_file()}


#: Read once, at start: no file is opened inside a transaction.
SHIPPED: dict[str, Bundle] = read_shipped(WORKFLOWS)


@dataclass(frozen=True)
class Proposal:
    """A shipped démarche that changed since the commune's own was made from it. ``base_hash`` are the shipped files
    both come from (nothing: not known), ``local_hash`` those in line."""

    slug: str
    title: str
    hash: str
    base_hash: str
    local_hash: str


def proposals(session: Session) -> list[Proposal]:
    """What the installed release brings and the commune neither has nor declined."""
    rows = session.execute(
        select(Procedure.slug, Procedure.title, Version.bundle_hash, Shipped.base_hash, Shipped.declined_hash)
        .join(Version, Version.id == Procedure.version_id)
        .outerjoin(Shipped, Shipped.slug == Procedure.slug)
        .where(Procedure.slug.in_(SHIPPED))
        .order_by(Procedure.title)
    )
    return [
        Proposal(slug, title, SHIPPED[slug].hash, base or "", local)
        for slug, title, local, base, declined in rows
        if SHIPPED[slug].hash not in (local, base, declined)
    ]


def proposal(session: Session, slug: str) -> Proposal:
    """The proposal about one démarche. Raises NotFound when there is none."""
    for each in proposals(session):
        if each.slug == slug:
            return each
    raise NotFound("Aucune nouvelle version n’est proposée pour cette démarche.")


@dataclass(frozen=True)
class ThreeWay:
    """The three versions side by side. ``theirs`` is what the release changes, ``ours`` what the commune changed;
    ``conflicts`` are the files that both changed, each otherwise: one must be chosen."""

    base: Mapping[str, bytes]
    shipped: Mapping[str, bytes]
    local: Mapping[str, bytes]
    theirs: list[Part]
    ours: list[Part]
    conflicts: tuple[str, ...]

    def merged(self, take_shipped: frozenset[str]) -> dict[str, bytes]:
        """The files with both sides' changes; for a file in conflict, the release's when it is in ``take_shipped``."""
        made: dict[str, bytes] = {}
        for path in {*self.base, *self.shipped, *self.local}:
            ours, theirs, base = self.local.get(path), self.shipped.get(path), self.base.get(path)
            chosen = theirs if (path in take_shipped if path in self.conflicts else ours == base) else ours
            if chosen is not None:
                made[path] = chosen
        return made


def three_way(session: Session, found: Proposal) -> ThreeWay:
    """Compares the release with the commune's own, both against what they come from."""
    shipped, local = SHIPPED[found.slug].files, _files(session, found.local_hash)
    base = _files(session, found.base_hash) if found.base_hash else _first_shipped(session, found.slug)
    paths = sorted({*base, *shipped, *local})
    conflicts = tuple(path for path in paths if len({shipped.get(path), local.get(path), base.get(path)}) == 3)
    return ThreeWay(base, shipped, local, parts(base, shipped), parts(base, local), conflicts)


def _files(session: Session, bundle_hash: str) -> Mapping[str, bytes]:
    return Bundle.from_zip(bundle_archive(session, bundle_hash)).files


def _first_shipped(session: Session, slug: str) -> Mapping[str, bytes]:
    """An installation older than this memory: what it came with is the version that the portal itself published."""
    first = session.scalars(
        select(Version.bundle_hash)
        .join(Procedure, Procedure.id == Version.procedure_id)
        .where(Procedure.slug == slug, Version.published_by == SYSTEM.label)
        .order_by(Version.number)
        .limit(1)
    ).first()
    return _files(session, first) if first is not None else {}


def accept(session: Session, actor: Actor, slug: str, shipped_hash: str, take_shipped: frozenset[str]) -> Draft:
    """Puts the proposal, merged with the commune's own changes, into a draft: nothing changes before it is published.

    Raises Conflict when the release changed meanwhile, or when somebody already has a draft in hand.
    """
    require(actor, Permission.PROCEDURE_EDIT)
    found = proposal(session, slug)
    if found.hash != shipped_hash:
        raise Conflict("La proposition a changé entre-temps : relisez-la.")
    files = three_way(session, found).merged(take_shipped)
    held = draft_of(session, slug, lock=True)
    if held is not None:
        raise Conflict(
            f"{held.holder_label or 'Un collègue'} a déjà un brouillon de cette démarche : publiez-le ou abandonnez-le "
            "avant de reprendre la nouvelle version."
        )
    keep_bundle(session, SHIPPED[slug])
    draft = draft_from(session, actor, slug, found.title, Bundle(files), how="release")
    draft.shipped_hash = found.hash
    record(session, actor, "release.accepted", "draft", draft.id, slug=slug, hash=found.hash)
    session.flush()
    return draft


def decline(session: Session, actor: Actor, slug: str, shipped_hash: str) -> None:
    """Keeps the commune's own. The same files are not proposed again; the next release's will be."""
    require(actor, Permission.PROCEDURE_PUBLISH)
    found = proposal(session, slug)
    if found.hash != shipped_hash:
        raise Conflict("La proposition a changé entre-temps : relisez-la.")
    row = session.get(Shipped, slug)
    if row is None:
        row = Shipped(slug=slug, base_hash=found.base_hash or found.local_hash)
        session.add(row)
    row.declined_hash, row.declined_by, row.declined_at = found.hash, actor.label, clock.now()
    record(session, actor, "release.declined", "procedure", None, slug=slug, hash=found.hash)
    session.flush()
