"""A démarche folder and a catalogue for the tests of verify, and the pattern that every shipped démarche follows."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from app.engine.verify import Catalogue, FormFacts, Problem, verify
from tests.engine.bpmn_builder import Item, boundary, end, lane, message, process, service, start, user_task, xor


@dataclass(frozen=True)
class Parameter:
    name: str
    type: str
    required: bool = True


@dataclass(frozen=True)
class Operation:
    label: str
    parameters: tuple[Parameter, ...] = ()
    results: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()


OPERATIONS = {
    "absence.enregistrer": Operation(
        "Enregistrer l’absence",
        (Parameter("enfant", "identifiant"), Parameter("jours", "entier", required=False)),
        results=("absence_id",),
    ),
    "place.reserver": Operation("Réserver une place", errors=("complet", "ferme"), results=("place_id",)),
    "mail.envoyer": Operation("Envoyer un courriel", (Parameter("urgent", "oui/non", required=False),)),
}

FORMS = {
    "saisie": {"variables": {"enfant_id": "child", "motif": "text"}},
    "decision": {
        "variables": {"decision": "decision"},
        "choices": {"decision": ["accepter", "completer", "refuser"]},
    },
    "nombre": {"variables": {"montant": "integer", "accord": "yes_no", "enfants": "children"}},
}


def read_form(data: bytes) -> FormFacts:
    """A stand-in for the forms room: the file is the facts themselves."""
    try:
        facts = json.loads(data)
    except ValueError:
        return FormFacts(problems=("Ce formulaire ne se lit pas.",))
    return FormFacts(
        variables=facts.get("variables", {}),
        choices=facts.get("choices", {}),
        expressions=tuple((where, text) for where, text in facts.get("expressions", ())),
        problems=tuple(facts.get("problems", ())),
    )


CATALOGUE = Catalogue(
    operations=OPERATIONS, roles={"agent", "directeur"}, procedures={"justificatif"}, form_variables=read_form
)


def make_files(xml: bytes, forms: Mapping[str, object] | None = None, **others: bytes) -> dict[str, bytes]:
    """The files of a folder: only the forms the diagram names, unless given; `others` by `dir__name__ext`."""
    chosen = forms if forms is not None else {n: f for n, f in FORMS.items() if f'value="{n}"'.encode() in xml}
    files = {"process.bpmn": xml, "demarche.toml": b'nom = "Essai"\n'}
    files |= {f"forms/{name}.json": json.dumps(facts).encode() for name, facts in chosen.items()}
    return files | others


def problems_of(*items: Item, forms: Mapping[str, object] | None = None, outside: str = "") -> list[Problem]:
    """The problems of a process made of these builder items."""
    return verify(make_files(process("essai", *items, outside=outside), forms), CATALOGUE)


def errors_at(problems: list[Problem]) -> set[str]:
    return {problem.element_id for problem in problems if problem.severity == "error"}


def warnings_at(problems: list[Problem]) -> set[str]:
    return {problem.element_id for problem in problems if problem.severity == "warning"}


def said(problems: list[Problem]) -> str:
    """Everything said, with plain spaces, for assertions on words."""
    return "\n".join(f"{p.element_id}: {p.message} {p.remedy}" for p in problems).replace("\u00a0", " ")


def step(id: str, status: str = "traitement", **properties: str) -> Item:
    """A human task with its status."""
    return user_task(id, statut=status, **properties)


def simple(*nodes: Item, flows: str) -> tuple[Item, ...]:
    """A process in one lane, from `debut` to `fin`, with the given nodes in between."""
    return (lane("agent", start("debut"), *nodes, end("fin", statut="clos")), flows)  # type: ignore[arg-type]  # nodes


def shipped_pattern() -> tuple[Item, ...]:
    """saisir → prendre en charge (modifier, annuler) → instruire → accepter | compléter | refuser."""
    return (
        lane(
            "Famille",
            start("debut"),
            user_task("saisir", statut="brouillon", form="saisie"),
            user_task("completer", statut="traitement", form="saisie"),
        ),
        lane(
            "Agent",
            user_task("prendre", statut="en_attente"),
            boundary("modifie", "prendre", message("modifier")),
            boundary("annule", "prendre", message("annuler")),
            user_task("instruire", statut="traitement", form="decision"),
            xor("choix"),
            service("ranger", "absence.enregistrer", {"enfant": "enfant_id"}, result="absence"),
            end("clos", statut="clos"),
            end("refuse", statut="refuse"),
            end("annulee", statut="annule"),
        ),
        "debut -> saisir -> prendre -> instruire -> choix",
        "modifie -> saisir",
        "annule -> annulee",
        "choix -> ranger if decision == 'accepter'",
        "choix -> completer if decision == 'completer'",
        "choix -> refuse if decision == 'refuser'",
        "completer -> instruire",
        "ranger -> clos",
    )
