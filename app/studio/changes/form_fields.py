"""What changes in a form: pages, questions, and everything a question says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields as dataclass_fields

from app.studio.changes.wording import Change, from_to, listed, quoted
from forms import DefinitionError, FieldDef, FormDefinition, load_definition
from forms.definition import Option, PageDef

TYPES: Mapping[str, str] = {
    "text": "texte court",
    "long_text": "texte long",
    "integer": "nombre entier",
    "decimal": "nombre",
    "money": "somme d’argent",
    "date": "date",
    "date_range": "période",
    "time": "heure",
    "email": "adresse e-mail",
    "phone": "téléphone",
    "address": "adresse postale",
    "yes_no": "oui ou non",
    "choice": "choix unique",
    "choices": "choix multiples",
    "consent": "case à accepter",
    "child": "un enfant du foyer",
    "children": "des enfants du foyer",
    "adult": "un adulte du foyer",
    "person": "une personne autorisée à venir chercher un enfant",
    "structure": "une structure",
    "activity": "une activité",
    "slots": "des créneaux",
    "piece": "pièce justificative",
    "group": "groupe répété",
    "decision": "décision",
    "info": "texte d’information",
}

#: Attributes told as « passe de … à … »; those with a sentence of their own are below.
_PLAIN: Mapping[str, str] = {
    "help": "l’aide",
    "default": "la réponse proposée",
    "min": "la plus petite réponse permise",
    "max": "la plus grande réponse permise",
    "min_length": "la longueur minimale",
    "max_length": "la longueur maximale",
    "rows": "la hauteur de la zone de texte",
    "places": "le nombre de chiffres après la virgule",
    "unit": "l’unité",
    "max_days": "la durée maximale de la période, en jours,",
    "display": "la présentation des choix",
    "min_count": "le nombre minimal de choix",
    "max_count": "le nombre maximal de choix",
    "structure_kind": "le genre de structure",
    "offer": "ce qui est proposé",
    "piece_type": "le type de pièce",
    "min_rows": "le nombre minimal de lignes",
    "max_rows": "le nombre maximal de lignes",
    "row_label": "le nom d’une ligne",
    "text": "le texte",
    "tone": "le ton",
    "required_message": "le message quand la réponse manque",
    "autocomplete": "le remplissage automatique",
}
_OWN = {
    "type",
    "name",
    "label",
    "required",
    "show_if",
    "required_if",
    "options",
    "fields",
    "motives",
    "outcomes",
    "path",
}


def form_changes(path: str, before: bytes | None, after: bytes | None) -> Iterator[Change]:
    """The changes of one form; ``None`` when it does not exist on that side."""
    name = path.removeprefix("forms/").removesuffix(".json")
    old, new = _read(before), _read(after)
    if before is None or after is None:
        shown = new or old
        label = quoted(shown.title if shown is not None else name)
        kind, said = ("added", "est ajouté") if before is None else ("removed", "a disparu")
        yield Change("formulaire", kind, path, f"Le formulaire {label} {said}.")
        return
    if old is None or new is None:
        why = "ne se lit plus" if new is None else "se lit de nouveau"
        yield Change("formulaire", "changed", path, f"Le formulaire {quoted(name)} {why}.")
        return
    sentences = list(_form(old, new))
    if not sentences:
        sentences = [("changed", f"La mise en forme du fichier du formulaire {quoted(new.title)} change, sans effet.")]
    yield from (Change("formulaire", kind, path, sentence) for kind, sentence in sentences)


def _read(raw: bytes | None) -> FormDefinition | None:
    try:
        return load_definition(raw) if raw is not None else None
    except DefinitionError:
        return None


Told = Iterator[tuple[str, str]]


def _form(old: FormDefinition, new: FormDefinition) -> Told:
    form = f"le formulaire {quoted(new.title)}"
    if old.title != new.title:
        yield "changed", f"Le formulaire {quoted(old.title)} s’appelle désormais {quoted(new.title)}."
    if old.help != new.help:
        yield "changed", f"Dans {form}, le texte d’introduction change."
    if old.submit_label != new.submit_label:
        yield "changed", f"Dans {form}, le bouton d’envoi dit {quoted(new.submit_label)}."
    yield from _pages(form, old.pages, new.pages)
    yield from _fields(form, list(old.fields()), list(new.fields()))
    yield from _places(form, old, new)


def _pages(form: str, old: Sequence[PageDef], new: Sequence[PageDef]) -> Told:
    before, after = {page.title: page for page in old}, {page.title: page for page in new}
    for title in after.keys() - before.keys():
        yield "added", f"Dans {form}, la page {quoted(title)} est ajoutée."
    for title in before.keys() - after.keys():
        yield "removed", f"Dans {form}, la page {quoted(title)} a disparu."
    for title in (page.title for page in new if page.title in before):
        one, other = before[title], after[title]
        if one.show_if != other.show_if:
            yield "changed", f"Dans {form}, la page {quoted(title)} {_shown(other.show_if)}."
        if one.help != other.help:
            yield "changed", f"Dans {form}, l’aide de la page {quoted(title)} change."


def _key(spec: FieldDef) -> str:
    """What makes a question the same one: its name; a text without a name is known by what it says."""
    return spec.name or f"{spec.type}:{spec.label or spec.text}"


def _fields(form: str, old: Sequence[FieldDef], new: Sequence[FieldDef]) -> Told:
    before, after = {_key(spec): spec for spec in old}, {_key(spec): spec for spec in new}
    yield from _added(form, [spec for key, spec in after.items() if key not in before])
    gone = [_named(spec) for key, spec in before.items() if key not in after]
    if gone:
        yield "removed", f"{_capital(form)} ne demande plus {listed(gone)}."
    for key, spec in after.items():
        if key in before and before[key] != spec:
            yield from _field(form, before[key], spec)


def _added(form: str, made: Sequence[FieldDef]) -> Told:
    asked = [_named(spec) for spec in made if spec.required and spec.type != "info"]
    free = [_named(spec) for spec in made if not spec.required and spec.type != "info"]
    if asked:
        yield "added", f"{_capital(form)} demande en plus {listed(asked)}."
    if free:
        yield "added", f"{_capital(form)} propose en plus {listed(free)}, sans l’exiger."
    for spec in made:
        if spec.type == "info":
            yield "added", f"{_capital(form)} affiche en plus le texte {quoted(_named(spec))}."
        if spec.show_if:
            yield "added", f"Dans {form}, {quoted(_named(spec))} n’apparaît que si {quoted(spec.show_if)}."


def _named(spec: FieldDef) -> str:
    return spec.label or spec.text or spec.name


def _field(form: str, old: FieldDef, new: FieldDef) -> Told:
    name, where = quoted(_named(new)), f"Dans {form}, "
    if old.label != new.label:
        yield "changed", f"{where}{quoted(old.label)} s’appelle désormais {name}."
    if old.type != new.type:
        kinds = f"{quoted(TYPES.get(new.type, new.type))} au lieu de {quoted(TYPES.get(old.type, old.type))}"
        yield "changed", f"{where}{name} change de type : {kinds}."
    if old.required != new.required:
        yield "changed", f"{where}{name} devient {'obligatoire' if new.required else 'facultatif'}."
    if old.show_if != new.show_if:
        yield "changed", f"{where}{name} {_shown(new.show_if)}."
    if old.required_if != new.required_if:
        said = (
            f"devient obligatoire si {quoted(new.required_if)}"
            if new.required_if
            else "n’est plus exigé sous condition"
        )
        yield "changed", f"{where}{name} {said}."
    for attribute, word in (("options", "réponses"), ("motives", "motifs")):
        yield from _options(f"{where}{name}", word, getattr(old, attribute), getattr(new, attribute))
    if old.outcomes != new.outcomes:
        yield "changed", f"{where}les décisions possibles de {name} {_plural(from_to(old.outcomes, new.outcomes))}."
    yield from _others(where, name, old, new)
    yield from ((kind, _inside(said, name)) for kind, said in _fields(form, old.fields, new.fields))


def _others(where: str, name: str, old: FieldDef, new: FieldDef) -> Told:
    for each in dataclass_fields(FieldDef):
        one, other = getattr(old, each.name), getattr(new, each.name)
        if each.name in _OWN or one == other:
            continue
        if each.name in ("help", "text", "required_message"):
            yield "changed", f"{where}{_PLAIN[each.name]} de {name} change."
        elif each.name in _PLAIN:
            yield "changed", f"{where}{_PLAIN[each.name]} de {name} {from_to(one, other)}."
        elif each.name == "legal_basis":
            said = "demande" if other else "ne demande plus"
            yield "changed", f"{where}{name} {said} la base légale d’un refus."
        elif each.name == "link":
            yield "changed", f"{where}le lien de {name} change."
        else:
            yield "changed", f"{where}{name} change ({each.name})."


def _inside(sentence: str, group: str) -> str:
    return f"{sentence.removesuffix('.')} (dans {group})."


def _shown(condition: str) -> str:
    return f"n’apparaît que si {quoted(condition)}" if condition else "apparaît toujours"


def _plural(said: str) -> str:
    return said.replace("passe de", "passent de").replace("est ", "sont ")


def _options(subject: str, word: str, old: Sequence[Option], new: Sequence[Option]) -> Told:
    before, after = {each.value: each for each in old}, {each.value: each for each in new}
    made = [each.label for value, each in after.items() if value not in before]
    gone = [each.label for value, each in before.items() if value not in after]
    if made:
        yield "added", f"{subject} propose en plus {listed(made)} parmi ses {word}."
    if gone:
        yield "removed", f"{subject} ne propose plus {listed(gone)} parmi ses {word}."
    for value, each in after.items():
        if value in before and before[value].label != each.label:
            yield "changed", f"{subject} : la réponse {quoted(before[value].label)} devient {quoted(each.label)}."
        elif value in before and before[value] != each:
            yield "changed", f"{subject} : l’explication de la réponse {quoted(each.label)} change."
    kept = [value for value in before if value in after]
    if kept != [value for value in after if value in before]:
        yield "changed", f"{subject} : l’ordre des {word} change."


def _places(form: str, old: FormDefinition, new: FormDefinition) -> Told:
    """Questions that changed page, or order."""
    before = {_key(spec): page.title for page in old.pages for spec in page.fields}
    after = {_key(spec): page.title for page in new.pages for spec in page.fields}
    labels = {_key(spec): _named(spec) for spec in new.fields()}
    titles = {page.title for page in old.pages} & {page.title for page in new.pages}
    moved = [key for key in after if key in before and before[key] != after[key]]
    for key in moved:
        if {before[key], after[key]} <= titles:
            yield "changed", f"Dans {form}, {quoted(labels[key])} passe à la page {quoted(after[key])}."
    kept = [key for key in before if key in after and key not in moved]
    if kept != [key for key in after if key in before and key not in moved]:
        yield "changed", f"Dans {form}, l’ordre des questions change."
    elif moved and not any({before[key], after[key]} <= titles for key in moved):
        yield "changed", f"Dans {form}, les questions sont réparties autrement entre les pages."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
