"""What JSON Schema cannot say about a definition: names, order of conditions, forbidden subjects, coherent bounds."""

import keyword
from collections import Counter
from collections.abc import Collection, Iterator
from datetime import date, time

from forms.bounds import date_bound
from forms.conditions import is_well_formed, names_in
from forms.definition import FieldDef, FormDefinition, is_expression_bound
from forms.forbidden import forbidden_subject
from forms.problems import Problem

# the day, what the web layer posts, and the constants of the expression language
RESERVED = frozenset({"aujourd_hui", "csrf_token", "page", "vrai", "faux", "rien"}) | frozenset(keyword.kwlist)
MAX_FIELDS = 200

# One field of one line per cell of a repeated group: nothing that uploads, repeats or decides.
NOT_IN_ROWS = frozenset({"group", "piece", "decision", "info", "consent", "date_range", "address", "slots"})


def semantic_problems(definition: FormDefinition, reserved: Collection[str]) -> list[Problem]:
    """Every problem of a definition that its schema accepts."""
    return [
        *_name_problems(definition, reserved),
        *_expression_problems(definition),
        *_order_problems(definition),
        *(problem for spec in _everything(definition) for problem in _field_problems(spec)),
        *_subject_problems(definition),
    ]


def _everything(definition: FormDefinition) -> Iterator[FieldDef]:
    for spec in definition.fields():
        yield spec
        yield from spec.fields


def _name_problems(definition: FormDefinition, reserved: Collection[str]) -> Iterator[Problem]:
    produced: Counter[str] = Counter()
    total = 0
    for spec in _everything(definition):
        total += 1
        names = {spec.name, *spec.produced()}
        for name in names & (RESERVED | set(reserved)):
            yield Problem(f"{spec.path}.name", f"Le nom « {name} » est réservé.", "Choisissez-en un autre.")
        if "__" in spec.name or spec.name.endswith("_"):
            yield Problem(f"{spec.path}.name", f"Le nom « {spec.name} » n’est pas permis.", "Évitez __ et le _ final.")
        for name in names:
            if produced[name] == 1:
                yield Problem(
                    f"{spec.path}.name", f"Le nom « {name} » est déjà pris.", "Donnez un nom différent à chaque champ."
                )
            produced[name] += 1
    if total > MAX_FIELDS:
        yield Problem("pages", f"Ce formulaire a {total} champs.", f"Limitez-le à {MAX_FIELDS}.")


def _expression_problems(definition: FormDefinition) -> Iterator[Problem]:
    for use in definition.expressions():
        if not is_well_formed(use.expression):
            yield Problem(
                use.path,
                f"L’expression « {use.expression[:60]} » est mal écrite.",
                "Vérifiez parenthèses, guillemets et opérateurs (and, or, not, ==, in).",
            )


def _order_problems(definition: FormDefinition) -> Iterator[Problem]:
    """A condition may only read answers given before it: the order of evaluation is the order of the form."""
    outer = definition.variables()
    known: set[str] = set()
    for page in definition.pages:
        yield from _late_names(page.show_if, f"{page.path}.show_if", set(outer) - known)
        for spec in page.fields:
            later = set(outer) - known
            for use in spec.expressions():
                inside = next((inner for inner in spec.fields if use.path.startswith(inner.path + ".")), None)
                hidden = later | (_rows_after(spec, inside) if inside else set())
                yield from _late_names(use.expression, use.path, hidden)
            known |= set(spec.produced())


def _rows_after(group: FieldDef, inner: FieldDef) -> set[str]:
    position = group.fields.index(inner)
    return {name for spec in group.fields[position:] for name in spec.produced()}


def _late_names(expression: str, path: str, later: set[str]) -> Iterator[Problem]:
    for name in sorted(names_in(expression) & later):
        yield Problem(
            path,
            f"Cette expression lit « {name} », dont la réponse n’est pas encore donnée à cet endroit.",
            "Placez ce champ avant, ou changez la condition.",
        )


def _field_problems(spec: FieldDef) -> Iterator[Problem]:
    for key in ("options", "motives"):
        values = Counter(option.value for option in getattr(spec, key))
        for value in (value for value, count in values.items() if count > 1):
            yield Problem(f"{spec.path}.{key}", f"La valeur « {value} » est proposée deux fois.", "Gardez-en une.")
    for low, high in (("min_length", "max_length"), ("min_count", "max_count"), ("min_rows", "max_rows")):
        if getattr(spec, high) and getattr(spec, low) > getattr(spec, high):
            yield Problem(spec.path, f"« {low} » dépasse « {high} ».", "Inversez ces deux valeurs.")
    if spec.type == "text" and spec.max_length > 500:
        yield Problem(
            f"{spec.path}.max_length", "Une ligne ne peut dépasser 500 caractères.", "Utilisez le type long_text."
        )
    if spec.type in ("integer", "decimal", "money"):
        yield from _bound_order(spec)
    elif spec.type in ("date", "date_range", "time"):
        yield from _clock_bounds(spec)
    for inner in spec.fields:
        if inner.type in NOT_IN_ROWS:
            yield Problem(
                inner.path,
                f"Le type « {inner.type} » n’est pas permis dans un groupe répété.",
                "Sortez ce champ du groupe.",
            )


def _bound_order(spec: FieldDef) -> Iterator[Problem]:
    bounds = []
    for key in ("min", "max"):
        bound = getattr(spec, key)
        if isinstance(bound, str):
            if is_expression_bound(bound):
                return
            try:
                bound = float(bound)
            except ValueError:
                yield Problem(
                    f"{spec.path}.{key}", f"« {bound} » n’est pas un nombre.", "Écrivez un nombre ou une expression."
                )
                return
        bounds.append(bound)
    if None not in bounds and bounds[0] > bounds[1]:
        yield Problem(spec.path, "« min » dépasse « max ».", "Inversez ces deux valeurs.")


def _clock_bounds(spec: FieldDef) -> Iterator[Problem]:
    example = "08:30" if spec.type == "time" else "aujourd_hui + 7 jours"
    for key in ("min", "max"):
        bound = getattr(spec, key)
        try:
            if isinstance(bound, int):
                raise ValueError
            if bound is None or is_expression_bound(bound):
                continue
            if spec.type == "time":
                time.fromisoformat(bound)
            else:
                date_bound(bound, date(2024, 2, 29))
        except ValueError:
            yield Problem(
                f"{spec.path}.{key}", f"« {bound} » ne convient pas ici.", f"Écrivez par exemple « {example} »."
            )


def _subject_problems(definition: FormDefinition) -> Iterator[Problem]:
    for spec in _everything(definition):
        if spec.type == "info":
            continue
        options = [
            text for option in (*spec.options, *spec.motives) for text in (option.value, option.label, option.help)
        ]
        for text in (spec.name, spec.label, spec.help, spec.row_label, *options):
            if subject := forbidden_subject(text):
                yield Problem(
                    spec.path,
                    f"Un formulaire de la commune ne peut pas demander {subject}.",
                    "Retirez cette question ou ce choix (règle CNIL).",
                )
                break
