"""Files that come in: a whole démarche as an archive, or the diagram alone of another tool. They become drafts."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.engine.bpmn_reader import read_graph
from app.engine.bundle import PROCESS, SETTINGS, Bundle, BundleError
from app.engine.graph import GraphRefused
from app.engine.verify import Problem, unsupported
from app.engine.xml import XmlRefused, load_xml
from app.errors import Conflict, Refused
from app.policy import Actor, Permission, require
from app.procedures.checking import process_id
from app.procedures.models import Procedure
from app.procedures.settings import SettingsError, read_settings
from app.studio.drafts import MAX_TITLE, SLUG, check_new_slug, draft_from, draft_of, holds, save_files, the_draft
from app.studio.foreign import Unsupported, adapt
from app.studio.models import Draft
from app.studio.standard import standard_bundle


@dataclass(frozen=True)
class Imported:
    """The draft that an import made, and what was left out of the files (warnings)."""

    draft: Draft
    left_out: tuple[Problem, ...] = ()


def is_archive(raw: bytes) -> bool:
    """Whether these bytes are a zip, rather than a diagram alone."""
    return raw[:4] in (b"PK\x03\x04", b"PK\x05\x06")


def read_archive(raw: bytes) -> Bundle:
    """The files of an archive, fit to be a draft. Raises Refused (field ``archive``) for bombs, paths out of place,
    links, XML with entities; Unsupported with the elements of its diagram that the portal does not run."""
    try:
        bundle = Bundle.from_zip(raw)
    except BundleError as error:
        raise Refused(" ".join(error.problems[:5]), "archive") from error
    try:
        for path, content in sorted(bundle.files.items()):
            if path.endswith(".dmn"):
                load_xml(content, f"le fichier {path}")
        graph = read_graph(load_xml(bundle.files[PROCESS], f"le fichier {PROCESS}"))
    except (XmlRefused, GraphRefused) as refusal:
        raise Refused(refusal.message, "archive") from refusal
    if problems := unsupported(graph):
        raise Unsupported(problems)
    return bundle


def import_archive(session: Session, actor: Actor, bundle: Bundle, *, replace: bool) -> Draft:
    """Makes a draft of a whole démarche; its identifier says which one, known here or new.

    A draft in progress is replaced only if the actor holds it and says so (``replace``); raises Conflict otherwise.
    """
    require(actor, Permission.PROCEDURE_EDIT)
    slug = process_id(bundle)
    if not SLUG.fullmatch(slug):
        raise Refused(
            f"L’identifiant du processus (« {slug[:60]} ») sert d’adresse à la démarche : "
            "écrivez-le en minuscules sans accent, avec des tirets, comme « ajout-enfant ».",
            "archive",
        )
    title = _title(bundle) or slug
    held = draft_of(session, slug, lock=True)
    if held is None:
        if session.scalar(select(Procedure.id).where(Procedure.slug == slug)) is None:
            check_new_slug(session, slug)
        return draft_from(session, actor, slug, title, bundle, how="import")
    if not holds(held, actor):
        raise Conflict(
            f"{held.holder_label or 'Un collègue'} a un brouillon de cette démarche : prenez d’abord la main."
        )
    if not replace:
        raise Refused(
            "Vous avez déjà un brouillon de cette démarche. Cochez « Remplacer mon brouillon » pour que ces fichiers "
            "prennent sa place.",
            "replace",
        )
    gone = dict.fromkeys(Bundle.from_zip(held.archive).files.keys() - bundle.files.keys())
    save_files(session, actor, slug, {**gone, **bundle.files}, held.revision)
    return the_draft(session, slug)


def _title(bundle: Bundle) -> str:
    try:
        return read_settings(bundle.files[SETTINGS]).title[:MAX_TITLE]
    except SettingsError:
        return ""


def import_diagram(session: Session, actor: Actor, raw: bytes, slug: str, title: str) -> Imported:
    """Makes the draft of a new démarche of a diagram alone, drawn with any BPMN 2.0 tool.

    Settings and texts are those of the standard pattern; lanes, forms and statuses remain to be chosen, which
    verification lists. Raises Refused or Unsupported.
    """
    require(actor, Permission.PROCEDURE_EDIT)
    title = " ".join(title.split())[:MAX_TITLE]
    check_new_slug(session, slug)
    if not title or not title.isprintable():
        raise Refused("Donnez un titre à la démarche.", "title")
    adapted = adapt(raw, slug, title)
    pattern = standard_bundle(slug, title, summary=title, category="quotidien").files
    bundle = Bundle({PROCESS: adapted.xml, SETTINGS: pattern[SETTINGS]})
    return Imported(draft_from(session, actor, slug, title, bundle, how="diagram"), adapted.left_out)
