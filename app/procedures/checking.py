"""Whether a démarche may be published: all that verify and the portal find, in one list for administrators."""

from __future__ import annotations

from collections.abc import Hashable

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.models import Role
from app.engine.bpmn_reader import read_graph
from app.engine.bundle import PROCESS, SETTINGS, Bundle
from app.engine.graph import GraphRefused
from app.engine.operations import registry
from app.engine.specs import parse
from app.engine.verify import Catalogue, FormFacts, Problem, verify
from app.engine.xml import XmlRefused, load_xml
from app.kept import Recent
from app.policy import Permission
from app.procedures.models import BundleRow, Procedure, Version
from app.procedures.settings import SettingsError, read_settings
from app.procedures.settings_checks import settings_problems
from forms import DefinitionError, FieldDef, FormDefinition, load_definition

_CALLED: Recent[str, tuple[str, ...]] = Recent(256)
_JUDGED: Recent[Hashable, list[Problem]] = Recent(64)


def refused_file(problems: tuple[str, ...], name: str) -> list[Problem]:
    """The sentences of a BundleError or a SettingsError, which already tell the remedy."""
    return [Problem("error", name, name, problem, "") for problem in problems]


def process_id(bundle: Bundle) -> str:
    """The id of the executable process, which is also the slug of the démarche. Raises XmlRefused or GraphRefused."""
    return read_graph(load_xml(bundle.files[PROCESS], f"le fichier {PROCESS}")).id


def form_facts(raw: bytes) -> FormFacts:
    """What verify must know of a form; a definition that is refused gives its problems only."""
    try:
        definition = load_definition(raw)
    except DefinitionError as error:
        return FormFacts(problems=tuple(str(problem) for problem in error.problems))
    return FormFacts(
        variables=definition.variables(),
        choices={spec.name: values for spec in definition.fields() if (values := _values_of(spec))},
        expressions=tuple(_expressions_of(definition)),
    )


def _values_of(spec: FieldDef) -> tuple[str, ...]:
    """The values a gateway may compare with, when the definition itself lists them all."""
    if spec.type == "decision":
        return spec.outcomes
    return tuple(option.value for option in spec.options) if spec.type == "choice" else ()


def _expressions_of(definition: FormDefinition) -> list[tuple[str, str]]:
    """Those that read variables of the process or of the form; a row's own names are the form's business."""
    rows = {inner.name for spec in definition.fields() for inner in spec.fields}
    return [(use.path, use.expression) for use in definition.expressions() if rows.isdisjoint(use.names)]


def catalogue(session: Session) -> Catalogue:
    """What exists here outside the folder of a démarche."""
    roles = {row.code: row.permissions for row in session.execute(select(Role.code, Role.permissions))}
    return Catalogue(
        operations=registry.specs(),
        roles=frozenset(roles),
        idle_roles=frozenset(code for code, permissions in roles.items() if Permission.TASK_WORK not in permissions),
        procedures=frozenset(session.scalars(select(Procedure.slug).where(Procedure.version_id.is_not(None)))),
        form_variables=form_facts,
    )


def called_by(bundle: Bundle) -> tuple[str, ...]:
    """The démarches that this one calls directly, by slug. Raises XmlRefused or GraphRefused."""
    return _CALLED.get(bundle.hash, lambda: _read_called(bundle))


def _read_called(bundle: Bundle) -> tuple[str, ...]:
    graph = read_graph(load_xml(bundle.files[PROCESS], f"le fichier {PROCESS}"))
    return tuple(dict.fromkeys(node.called for node in graph.nodes.values() if node.called))


def pinned_callees(session: Session, slug: str, bundle: Bundle) -> dict[str, str]:
    """The versions this bundle will call for ever: slug → hash, those that they call included.

    A call to a démarche without a version, or to itself, is left out: verify and ``check_bundle`` refuse it.
    """
    pinned: dict[str, str] = {}
    waiting = [called for called in called_by(bundle) if called != slug]
    while waiting:
        rows = session.execute(
            select(Procedure.slug, Version.bundle_hash)
            .join(Version, Version.id == Procedure.version_id)
            .where(Procedure.slug.in_(waiting))
        )
        current = {row.slug: row.bundle_hash for row in rows}
        pinned |= current
        found = session.scalars(select(BundleRow.archive).where(BundleRow.hash.in_(current.values()))).all()
        calls = {called for archive in found for called in called_by(Bundle.from_zip(archive))}
        waiting = [called for called in calls if called not in pinned and called != slug]
    return pinned


def check_bundle(session: Session, bundle: Bundle, slug: str = "") -> list[Problem]:
    """Every problem of a démarche; empty, or warnings only, when it may be published.

    ``slug`` is the démarche it would become a version of; the process must carry the same identifier. The same files
    among the same roles, operations and démarches are judged once: whoever publishes asks first where nothing is
    locked, and the transaction that writes only makes sure that nothing changed since.
    """
    known = catalogue(session)
    try:
        pinned = tuple(pinned_callees(session, "", bundle).items())
    except (XmlRefused, GraphRefused):
        pinned = ()
    roles = frozenset(known.roles), frozenset(known.idle_roles)
    among = (roles, frozenset(known.procedures), tuple(known.operations.values()), pinned)
    return list(_JUDGED.get((bundle.hash, slug, among), lambda: _judge(session, bundle, slug, known)))


def _judge(session: Session, bundle: Bundle, slug: str, known: Catalogue) -> list[Problem]:
    problems = verify(bundle.files, known)
    try:
        problems += settings_problems(read_settings(bundle.files[SETTINGS]), bundle.files)
    except SettingsError as error:
        problems += refused_file(error.problems, SETTINGS)
    try:
        problems += _calls(session, bundle, slug)
    except (XmlRefused, GraphRefused):
        return problems  # verify said so, with the remedy
    if all(problem.severity != "error" for problem in problems):
        problems += _rehearsal(session, bundle)
    return problems


def _calls(session: Session, bundle: Bundle, slug: str) -> list[Problem]:
    own = process_id(bundle)
    problems = []
    if slug and own != slug:
        message = f"Le processus a l’identifiant « {own} », et non celui de la démarche."
        problems.append(Problem("error", own, own, message, f"Donnez-lui l’identifiant « {slug} »."))
    if own in called_by(bundle) or own in _called_in_turn(session, own, bundle):
        message = "La démarche finit par s’appeler elle-même."
        problems.append(Problem("error", own, own, message, "Retirez cet appel, ou celui qui y ramène."))
    return problems


def _called_in_turn(session: Session, own: str, bundle: Bundle) -> frozenset[str]:
    pinned = pinned_callees(session, own, bundle)
    archives = session.scalars(select(BundleRow.archive).where(BundleRow.hash.in_(pinned.values()))).all()
    return frozenset(called for archive in archives for called in called_by(Bundle.from_zip(archive)))


def _rehearsal(session: Session, bundle: Bundle) -> list[Problem]:
    """The engine reads the version as it will at the first demande; nothing it would refuse may be published."""
    pinned = pinned_callees(session, "", bundle)
    rows = session.execute(select(BundleRow.hash, BundleRow.archive).where(BundleRow.hash.in_(pinned.values())))
    archives = {row.hash: row.archive for row in rows}
    files = {slug: Bundle.from_zip(archives[each]).files for slug, each in pinned.items()}
    try:
        parse(bundle.hash, bundle.files, files)
    except Exception as error:  # whatever SpiffWorkflow's parser trips on is a refusal for the administrator, not a 500
        message = f"Le moteur ne sait pas lire ce processus : {str(error)[:300]}"
        return [Problem("error", PROCESS, PROCESS, message, "Corrigez l’élément nommé, ou simplifiez le diagramme.")]
    return []
