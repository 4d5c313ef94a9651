"""What changes between two versions, in the words of a town clerk; nothing that differs is ever left out."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.procedures.diagram import read_drawing
from app.studio.changes import changes, marks, parts
from app.studio.difference_svg import pictures

SHIPPED = Path(__file__).parents[2] / "workflows"
ABSENCE: Mapping[str, bytes] = {
    path.relative_to(SHIPPED / "absence").as_posix(): path.read_bytes()
    for path in sorted((SHIPPED / "absence").rglob("*"))
    if path.is_file()
}
FORM = "forms/declaration.json"


def told(after: Mapping[str, bytes | None]) -> list[str]:
    """The sentences from the shipped « absence » to the same with these files."""
    files = {name: data for name, data in {**ABSENCE, **after}.items() if data is not None}
    return [change.sentence for change in changes(ABSENCE, files)]


def form(change: Any) -> dict[str, bytes]:
    """The declaration form, changed by a function of its definition."""
    definition = json.loads(ABSENCE[FORM])
    change(definition)
    return {FORM: json.dumps(definition).encode()}


def field(definition: dict[str, Any], name: str) -> dict[str, Any]:
    return next(each for page in definition["pages"] for each in page["fields"] if each["name"] == name)


def edited(name: str, **changed: Any) -> dict[str, bytes]:
    """One question changed; ``None`` removes a key."""

    def change(definition: dict[str, Any]) -> None:
        spec = field(definition, name)
        for key, value in changed.items():
            if value is None:
                spec.pop(key, None)
            else:
                spec[key] = value

    return form(change)


def bpmn(*pairs: tuple[str, str]) -> dict[str, bytes]:
    text = ABSENCE["process.bpmn"].decode()
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new, 1)
    return {"process.bpmn": text.encode()}


def toml(*pairs: tuple[str, str]) -> dict[str, bytes]:
    text = ABSENCE["demarche.toml"].decode()
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new, 1)
    return {"demarche.toml": text.encode()}


def spaced(sentence: str) -> str:
    return sentence.replace("\u00a0", " ")


PHONE = {"type": "phone", "name": "telephone", "label": "Téléphone"}
IN_FORM = "Dans le formulaire « Déclarer l’absence d’un enfant », "
THE_FORM = "Le formulaire « Déclarer l’absence d’un enfant »"


def test_the_same_files_change_nothing() -> None:
    assert changes(ABSENCE, dict(ABSENCE)) == []
    assert parts(ABSENCE, dict(ABSENCE)) == []


@pytest.mark.parametrize(
    ("after", "sentence"),
    [
        (form(lambda d: d["pages"][0]["fields"].append({**PHONE, "required": True})), f"{THE_FORM} demande en "
            f"plus « Téléphone »."),
        (form(lambda d: d["pages"][0]["fields"].append(PHONE)), f"{THE_FORM} propose en plus « Téléphone », "
            f"sans l’exiger."),
        (form(lambda d: d["pages"][1]["fields"].pop(2)), f"{THE_FORM} ne demande plus « Certificat médical »."),
        (edited("piece_certificat", required=True), f"{IN_FORM}« Certificat médical » devient obligatoire."),
        (edited("dates", required=False), f"{IN_FORM}« Quand ? » devient facultatif."),
        (edited("dates", label="À quelles dates ?"), f"{IN_FORM}« Quand ? » s’appelle désormais « À quelles "
            f"dates ? »."),
        (edited("dates", help="Une aide."), f"{IN_FORM}l’aide de « Quand ? » change."),
        (edited("dates", max_days=30), f"{IN_FORM}la durée maximale de la période, en jours, de « Quand ? » "
            f"passe de « 60 » à « 30 »."),
        (edited("precisions", max_length=100), f"{IN_FORM}la longueur maximale de « Précisez la raison » passe "
            f"de « 500 » à « 100 »."),
        (edited("precisions", show_if=None), f"{IN_FORM}« Précisez la raison » apparaît toujours."),
        (edited("precisions", show_if="motif == 'maladie'"), f"{IN_FORM}« Précisez la raison » n’apparaît que "
            f"si « motif == 'maladie' »."),
        (edited("precisions", type="text"), f"{IN_FORM}« Précisez la raison » change de type : « texte court » "
            f"au lieu de « texte long »."),
        (edited("piece_certificat", required_if="motif == 'maladie'"), f"{IN_FORM}« Certificat médical » "
            f"devient obligatoire si « motif == 'maladie' »."),
        (edited("motif", options=[{"value": "maladie", "label": "Maladie"}, {"value": "autre", "label": "Autre "
            "raison"}]),
         f"{IN_FORM}« Pourquoi sera-t-il absent ? » ne propose plus « Rendez-vous médical », « Raison familiale "
            f"», « Je le récupère moi-même » et « Sortie scolaire » parmi ses réponses."),
        (form(lambda d: field(d, "motif")["options"][0].update(label="Malade")), f"{IN_FORM}« Pourquoi "
            f"sera-t-il absent ? » : la réponse « Maladie » devient « Malade »."),
        (form(lambda d: field(d, "motif")["options"].reverse()), f"{IN_FORM}« Pourquoi sera-t-il absent ? » : "
            f"l’ordre des réponses change."),
        (form(lambda d: d["pages"][0]["fields"].reverse()), f"{IN_FORM}l’ordre des questions change."),
        (form(lambda d: d["pages"][1]["fields"].append(d["pages"][0]["fields"].pop(2))), f"{IN_FORM}« Quels "
            f"services sont concernés ? » passe à la page « Le motif »."),
        (form(lambda d: d["pages"].append({"title": "Contact", "fields": [PHONE]})), f"{IN_FORM}la page « "
            f"Contact » est ajoutée."),
        (form(lambda d: d.update(title="Absence")), f"{THE_FORM} s’appelle désormais « Absence »."),
        (form(lambda d: d.update(submit_label="Envoyer")), f"{IN_FORM}le bouton d’envoi dit « Envoyer »."),
        ({FORM: ABSENCE[FORM] + b"\n"}, "La mise en forme du fichier du formulaire « Déclarer l’absence d’un "
            "enfant » change, sans effet."),
        ({FORM: b"{"}, "Le formulaire « declaration » ne se lit plus."),
        ({FORM: None}, "Le formulaire « Déclarer l’absence d’un enfant » a disparu."),
        ({"forms/avis.json": ABSENCE["forms/decision.json"]}, "Le formulaire « Contrôler l’absence » est ajouté."),
        ({"scenarios/refusee.toml": None}, "Le scénario « refusee » est retiré."),
        ({"scenarios/neuf.toml": b""}, "Le scénario « neuf » est ajouté."),
        ({"scenarios/refusee.toml": b"titre = 'x'"}, "Le scénario « refusee » change."),
    ],
)  # fmt: skip
def test_a_change_of_form_is_one_sentence(after, sentence) -> None:
    assert [spaced(each) for each in told(after)] == [sentence] or spaced(told(after)[0]) == sentence


CONTROL = (
    '<bpmn:userTask id="controle" name="Contrôle"><bpmn:extensionElements><spiffworkflow:properties>'
    '<spiffworkflow:property name="statut" value="traitement"/></spiffworkflow:properties></bpmn:extensionElements>'
    "<bpmn:incoming>flux_4</bpmn:incoming><bpmn:outgoing>flux_99</bpmn:outgoing></bpmn:userTask>"
    '<bpmn:userTask id="instruire" name="Contrôler l’absence">'
)
ADDED = (
    ('<bpmn:userTask id="instruire" name="Contrôler l’absence">', CONTROL),
    ('sourceRef="prendre_en_charge" targetRef="instruire"/>', 'sourceRef="prendre_en_charge" targetRef="controle"/>'
     '<bpmn:sequenceFlow id="flux_99" sourceRef="controle" targetRef="instruire"/>'),
    ("<bpmn:flowNodeRef>instruire</bpmn:flowNodeRef>",
     "<bpmn:flowNodeRef>instruire</bpmn:flowNodeRef><bpmn:flowNodeRef>controle</bpmn:flowNodeRef>"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("after", "sentences"),
    [
        (bpmn(*ADDED), [
            "L’étape « Contrôle » est ajoutée après « Prendre en charge », dans le couloir « Gestionnaire ».",
            "Aller de « Prendre en charge » à « Contrôler l’absence » n’est plus possible.",
        ]),
        (bpmn(('name="Contrôler l’absence"', 'name="Étudier"')), ["L’étape « Contrôler l’absence » s’appelle "
            "désormais « Étudier »."]),
        (bpmn(('name="echeance" value="3 jours ouvrés"', 'name="echeance" value="10 jours ouvrés"')),
         ["L’échéance de l’étape « Contrôler l’absence » passe de « 3 jours ouvrés » à « 10 jours ouvrés »."]),
        (bpmn(('name="form" value="decision"', 'name="form" value="avis"')),
         ["Le formulaire de l’étape « Contrôler l’absence » passe de « decision » à « avis »."]),
        (bpmn(('name="statut" value="en_attente"', 'name="statut" value="traitement"')),
         ["Le statut montré à la famille de l’étape « Prendre en charge » passe de « En attente » à « En "
            "traitement »."]),
        (bpmn(('id="absence.enregistrer"', 'id="absence.annuler"')),
         ["L’opération appelée de l’opération « Noter l’absence » passe de « absence.enregistrer » à « "
            "absence.annuler »."]),
        (bpmn(('id="motif" type="str" value="motif"', 'id="motif" type="str" value="precisions"')),
         ["Le paramètre « motif » de l’opération « Noter l’absence » passe de « motif » à « precisions »."]),
        (bpmn(('<bpmn:conditionExpression xsi:type="bpmn:tFormalExpression">decision == \'completer\'',
            '<bpmn:conditionExpression xsi:type="bpmn:tFormalExpression">decision != \'accepter\'')),
         ["Aller de « Décision ? » à « Compléter la déclaration » demande maintenant « decision != 'accepter' » "
            "(avant : « decision == 'completer' »)."]),
        (bpmn(("<bpmn:flowNodeRef>instruire</bpmn:flowNodeRef>", ""), (
            "<bpmn:flowNodeRef>debut</bpmn:flowNodeRef>",
            "<bpmn:flowNodeRef>debut</bpmn:flowNodeRef><bpmn:flowNodeRef>instruire</bpmn:flowNodeRef>")),
         ["L’étape « Contrôler l’absence » passe du couloir « Gestionnaire » au couloir « Famille »."]),
        (bpmn(('name="Gestionnaire"', 'name="Direction"')), ["Le couloir « Direction » est ajouté.",
            "Le couloir « Gestionnaire » a disparu."]),
        (bpmn(('messageRef="message_modifier"', 'messageRef="message_annuler"')),
         ["L’événement attendu de l’événement « La famille modifie » passe de « le message modifier » à « le "
            "message annuler »."]),
        (bpmn(('cancelActivity="true" name="La famille modifie"', 'cancelActivity="false" name="La famille modifie"')),
         ["L’interruption de l’étape de l’événement « La famille modifie » passe de « oui » à « non »."]),
        (bpmn(('<dc:Bounds x="60" y="60"', '<dc:Bounds x="61" y="60"')), ["Seul le dessin du diagramme change."]),
        ({"process.bpmn": b"<x/>"}, ["Le diagramme ne se lit plus."]),
    ],
)  # fmt: skip
def test_a_change_of_the_diagram_is_told(after, sentences) -> None:
    found = [spaced(each).replace("passe de oui à non", "passe de « oui » à « non »") for each in told(after)]
    for sentence in sentences:
        assert sentence in found, found


def test_a_step_that_disappears_is_told() -> None:
    files = {**ABSENCE, **bpmn(*ADDED)}
    found = [spaced(change.sentence) for change in changes(files, ABSENCE)]
    assert "L’étape « Contrôle » a disparu." in found
    assert "Aller de « Prendre en charge » à « Contrôler l’absence » est maintenant possible." in found


def test_flows_that_only_change_number_change_nothing_for_people() -> None:
    text = re.sub(r"\bflux_(\d+)\b", r"chemin_\1", ABSENCE["process.bpmn"].decode())
    assert told({"process.bpmn": text.encode()}) == ["Seul le dessin du diagramme change."]


@pytest.mark.parametrize(
    ("after", "sentence"),
    [
        (toml(('titre = "Déclarer l’absence d’un enfant"', 'titre = "Absence"')), "Le titre passe de « Déclarer "
            "l’absence d’un enfant » à « Absence »."),
        (toml(("ordre = 10", "ordre = 20")), "La place dans le catalogue passe de « 10 » à « 20 »."),
        (toml(("conservation_mois = 36", "conservation_mois = 12")), "Le nombre de mois pendant lesquels une demande "
            "terminée est gardée passe de « 36 » à « 12 »."),
        (toml(("ordre = 10", "ordre = 10\ncompte = false")), "Un compte n’est plus nécessaire."),
        (toml(("ordre = 10", "ordre = 10\nsecond_lecteur = true")), "La publication demande maintenant l’accord "
            "d’une seconde personne."),
        (toml(("ordre = 10", "ordre = 10\nouverture = 2026-09-01")), "La date d’ouverture aux familles est "
            "maintenant « 2026-09-01 »."),
        (toml(('categorie = "quotidien"', 'categorie = "contact"')), "La catégorie passe de « Au quotidien » à "
            "« Nous contacter »."),
        (toml(('regime = "AUCUN"', 'regime = "SVA"\nmois = 4')), "La règle légale change : le silence vaut "
            "acceptation au bout de 4 mois (avant : le silence ne décide rien)."),
        (toml(("est prise en compte. Si", "est notée. Si")), "Le texte « et ensuite » du statut « Clos » change."),
        (toml(("[notifications.annule]", "[notifications.en_attente]")), "Le message à la famille au statut « "
            "Annulé » est retiré."),
        (toml(("[suite]", "[reglages]\nseuil = 3\n[suite]")), "Le réglage propre « seuil » est maintenant « 3 »."),
        (toml(("ordre = 10", "# un commentaire\nordre = 10")), "L’écriture du fichier des réglages change, sans "
            "effet."),
        ({"demarche.toml": b"titre ="}, "Les réglages ne se lisent plus."),
    ],
)  # fmt: skip
def test_a_change_of_the_settings_is_told(after, sentence) -> None:
    assert sentence in [spaced(each) for each in told(after)]


@given(st.binary(max_size=60), st.sampled_from(sorted(ABSENCE)), st.integers(0, 4000))
def test_whatever_the_files_hold_something_is_told_and_nothing_raises(junk: bytes, name: str, place: int) -> None:
    raw = ABSENCE[name]
    changed = raw[: place % len(raw)] + junk + raw[place % len(raw) :]
    found = changes(ABSENCE, {**ABSENCE, name: changed})
    assert (found != []) == (changed != raw)
    assert changes({**ABSENCE, name: changed}, ABSENCE) != [] or changed == raw


def test_the_parts_are_in_the_order_in_which_they_are_read() -> None:
    after = {**toml(("ordre = 10", "ordre = 20")), **edited("dates", required=False), **bpmn(*ADDED)}
    headings = [part.heading for part in parts(ABSENCE, {**ABSENCE, **after})]
    assert headings == ["Le parcours", "Les formulaires", "Les réglages"]


def test_the_two_pictures_mark_what_changed_with_a_word_and_a_shape() -> None:
    drawn = (
        '<bpmndi:BPMNShape id="controle_di" bpmnElement="controle"><dc:Bounds x="700" y="500" width="120" height="80"/>'
        '</bpmndi:BPMNShape><bpmndi:BPMNShape id="saisir_di"'
    )
    files = bpmn(
        *ADDED,
        ('name="Compléter la déclaration"', 'name="Corriger"'),
        ('<bpmndi:BPMNShape id="saisir_di"', drawn),
    )
    raw = ABSENCE["process.bpmn"]
    found = marks(raw, files["process.bpmn"])
    assert "controle" in found.added
    assert list(found.changed) == ["completer"]
    before, after = pictures(read_drawing(raw), read_drawing(files["process.bpmn"]), found)
    assert before is not None
    assert after is not None
    assert "+ ajouté" in after
    assert "≠ changé" in after
    assert "≠ changé" in before
    back = marks(files["process.bpmn"], raw)
    gone, _ = pictures(read_drawing(files["process.bpmn"]), read_drawing(raw), back)
    assert gone is not None
    assert "− retiré" in gone
    assert "style=" not in gone + after
