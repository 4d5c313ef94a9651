"""Commands for whoever runs or develops the portal: ``python -m app.cli <commande>``. No web server is needed."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from app import clock, journal, rooms, schema
from app.accounts.roles import DEFAULT_ROLES
from app.cases.scenarios import Report, run_scenarios
from app.composition import open_database
from app.config import ConfigError, settings_from
from app.db import Database
from app.engine.bundle import SETTINGS, Bundle, BundleError
from app.engine.operations import registry
from app.engine.verify import Catalogue, Problem, verify
from app.errors import PortalError
from app.installation import install, invite_first_administrator
from app.procedures.checking import called_by, form_facts, refused_file
from app.procedures.operations import NotPublishable
from app.procedures.settings import SettingsError, read_settings
from app.reference import reference

WORKFLOWS = Path(__file__).resolve().parents[1] / "workflows"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit status (0: all is well, 1: a problem was printed)."""
    parser = argparse.ArgumentParser(prog="python -m app.cli", description="Commandes du portail famille.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="commande")
    check = commands.add_parser("verify", help="vérifie les démarches d’un dossier et joue leurs scénarios")
    check.add_argument("demarches", nargs="*", help="seulement celles-ci (leur nom de dossier)")
    check.add_argument("--dossier", type=Path, default=WORKFLOWS, help="le dossier des démarches (workflows/)")
    check.set_defaults(run=lambda given: verify_folder(given.dossier, given.demarches))
    commands.add_parser("reference", help="ce que peut écrire l’auteur d’une démarche").set_defaults(
        run=lambda _: print_reference()
    )
    commands.add_parser("journal", help="vérifie la chaîne du journal").set_defaults(run=lambda _: verify_journal())
    commands.add_parser("migrate", help="met la base de données à jour").set_defaults(run=lambda _: migrate())
    drift = commands.add_parser("check-migrations", help="essaie toutes les migrations sur une base vide")
    drift.add_argument("--base", default="", help="l’URL d’une base vide (par défaut : un fichier SQLite temporaire)")
    drift.set_defaults(run=lambda given: check_migrations(given.base))
    first = commands.add_parser("first-admin", help="invite la première personne qui administrera le portail")
    first.add_argument("email", help="son adresse e-mail, qui sera son identifiant")
    first.add_argument("--prenom", default="Administration")
    first.add_argument("--nom", default="du portail")
    first.set_defaults(run=lambda given: first_admin(given.email, given.prenom, given.nom))
    given = parser.parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = given.run
    try:
        return run(given)
    except ConfigError as error:
        print(f"Configuration : {error}", file=sys.stderr)
        return 1


# -- démarches -------------------------------------------------------------------------------------------------------


def verify_folder(folder: Path, only: Sequence[str] = ()) -> int:
    """Verifies each démarche of ``folder``, plays its scenarios and asks that they meet every node."""
    rooms.load()
    bundles, bad = _read(folder)
    slugs = [slug for slug in sorted({*bundles, *bad}) if not only or slug in only]
    unknown = sorted(set(only) - {*bundles, *bad})
    for slug in unknown:
        print(f"✗ {slug} : il n’y a pas de démarche de ce nom dans {folder}.")
    if not slugs:
        print(f"✗ Aucune démarche dans {folder}.")
        return 1
    failed = list(unknown)
    for slug in slugs:
        lines = bad[slug] if slug in bad else _judge(slug, bundles)
        if lines:
            failed.append(slug)
            print("\n".join([f"✗ {slug}", *(f"    {line}" for line in lines)]))
    print(f"{len(failed)} démarche(s) à corriger." if failed else f"{len(slugs)} démarche(s) en ordre.")
    return 1 if failed else 0


def _read(folder: Path) -> tuple[dict[str, Bundle], dict[str, list[str]]]:
    """The démarches of the folder by slug, and those that are none with the reasons."""
    bundles: dict[str, Bundle] = {}
    bad: dict[str, list[str]] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if not path.is_dir():
            continue
        try:
            bundles[path.name] = Bundle.from_folder(path)
        except BundleError as error:
            bad[path.name] = list(error.problems)
    return bundles, bad


def _judge(slug: str, bundles: dict[str, Bundle]) -> list[str]:
    """What is wrong with a démarche, one line each; prints how it went when nothing is."""
    problems = problems_of(bundles[slug], frozenset(bundles))
    if problems:
        return [_line(problem) for problem in problems]
    started = time.perf_counter()
    try:
        report = run_scenarios(bundles[slug], _callees(slug, bundles))
    except NotPublishable as error:
        return [_line(problem) for problem in error.problems]
    wrong = _wrong(report)
    if not wrong:
        print(f"✓ {slug} : {len(report.stories)} scénarios, tout est rencontré ({time.perf_counter() - started:.1f} s)")
    return wrong


def problems_of(bundle: Bundle, slugs: frozenset[str]) -> list[Problem]:
    """Errors and warnings of a démarche where those of ``slugs`` are published and the roles are the shipped ones."""
    known = Catalogue(
        operations=registry.specs(),
        roles=frozenset(role.code for role in DEFAULT_ROLES),
        procedures=slugs,
        form_variables=form_facts,
    )
    problems = list(verify(bundle.files, known))
    try:
        read_settings(bundle.files[SETTINGS])
    except SettingsError as error:
        problems += refused_file(error.problems, SETTINGS)
    return problems


def _callees(slug: str, bundles: dict[str, Bundle]) -> dict[str, Bundle]:
    """The démarches that this one calls, those they call before them."""
    found: dict[str, Bundle] = {}

    def visit(name: str, above: tuple[str, ...]) -> None:
        for called in called_by(bundles[name]):
            if called in bundles and called not in (*found, *above, name):
                visit(called, (*above, name))
                found[called] = bundles[called]

    visit(slug, ())
    return found


def _line(problem: Problem) -> str:
    kind = "" if problem.severity == "error" else "(avertissement) "
    where = problem.element_name or problem.element_id
    return f"{kind}{where} : {problem.message} {problem.remedy}".rstrip()


def _wrong(report: Report) -> list[str]:
    lines = [f"{story.file} : {story.problem}" for story in report.stories if story.problem]
    lines += [f"aucun scénario ne rencontre « {name} » ({node})" for node, name in report.uncovered.items()]
    return lines


def print_reference() -> int:
    """Prints docs/reference.md."""
    rooms.load()
    print(reference(), end="")
    return 0


# -- the installation ------------------------------------------------------------------------------------------------


def verify_journal() -> int:
    """Recomputes the chain of the journal (R-74)."""
    rooms.load()
    database = open_database(settings_from())
    try:
        with database.transaction(read_only=True) as session:
            report = journal.verify_chain(session)
    finally:
        database.dispose()
    if report.fault:
        print(f"✗ Le journal n’est plus intact : {report.fault}.")
        return 1
    print(f"✓ Le journal est intact ({report.entries} entrées).")
    return 0


def migrate() -> int:
    """Brings the database of the settings up to this release."""
    database = open_database(settings_from())
    try:
        before = schema.revision_of(database)
        schema.upgrade(database)
        after = schema.revision_of(database)
    finally:
        database.dispose()
    print(
        f"Base de données à jour ({after})." if before == after else f"Base de données : {before or 'vide'} → {after}."
    )
    return 0


def check_migrations(url: str = "") -> int:
    """On an empty database: every migration, then what the models say and it lacks, one step back and forth again."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database(url or f"sqlite:///{folder}/vide.db")
        try:
            if schema.revision_of(database) is not None:
                print("✗ Cette base n’est pas vide : donnez-en une qui l’est.", file=sys.stderr)
                return 1
            schema.upgrade(database)
            differences = schema.drift(database)
            schema.downgrade(database, "-1")
            schema.upgrade(database)
        finally:
            database.dispose()
    if differences:
        print("\n".join(["✗ Les migrations ne font pas ce que disent les modèles :", *differences]))
        return 1
    print(f"✓ Les migrations vont de zéro à {schema.head()}, et reviennent d’un pas.")
    return 0


def first_admin(email: str, first_name: str, last_name: str) -> int:
    """Installs what the portal ships with, and prints (and mails) the link of the person who will set it up."""
    rooms.load()
    settings = settings_from()
    database = open_database(settings)
    try:
        if schema.revision_of(database) != schema.head():
            print("✗ La base de données n’est pas à jour : python -m app.cli migrate", file=sys.stderr)
            return 1
        with database.transaction() as session:
            install(session)
            made = invite_first_administrator(
                session, settings, email=email, first_name=first_name, last_name=last_name
            )
    except PortalError as error:
        print(f"✗ {error.message}", file=sys.stderr)
        return 1
    finally:
        database.dispose()
    until = clock.in_paris(made.expires_at)
    print(f"✓ Invitation prête pour {email}. Le lien part aussi par courriel ; il sert une seule fois,")
    print(f"  jusqu’au {until:%d/%m/%Y} à {until:%H}\u00a0h\u00a0{until:%M}\u00a0:\n\n  {made.link}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
