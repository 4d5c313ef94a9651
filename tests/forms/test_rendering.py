"""What the macros write: well-formed, labelled, escaped, without inline style or script."""

from pathlib import Path
from typing import Any

import pytest
from wtforms import BooleanField, Form, HiddenField, SelectField, StringField

from forms import accounts, summary
from tests.forms.making import (
    EXAMPLE,
    SOURCES,
    Page,
    example,
    example_document,
    make_definition,
    make_form,
    render,
    render_recap,
)

INSTRUCTION = {"etape": "instruction", "demandeur_nom": "Martin"}
EVIL = "<script>alert('x')</script>\"'&"

STATES: dict[str, Any] = {
    "empty": None,
    "refused": {"personnes__rang": ["0", "1"], "personnes-0-personne_nom": "A", "motif": "autre", "pai": "oui"},
    "filled": {
        "enfant": "enf-lena",
        "fratrie": ["enf-hugo"],
        "ecole": "str-em",
        "activite": "act-cant",
        "naissance": "12/05/2019",
        "pai": "oui",
        "pai_detail": "Arachide",
        "periode_debut": "23/11/2026",
        "periode_fin": "24/11/2026",
        "creneaux": ["matin"],
        "depart": "16h30",
        "motif": "maladie",
        "justificatif": ["doc-1"],
        "responsable": "adu-anne",
        "nom": "Martin",
        "courriel": "anne@example.org",
        "telephone": "06 12 34 56 78",
        "adresse_voie": "3 rue du Pré",
        "adresse_code_postal": "99870",
        "adresse_commune": "Valbrise",
        "parts": "2",
        "quotient": "640",
        "revenu": "1 850,50",
        "personnes__rang": "0",
        "personnes-0-personne_nom": "Paul",
        "personnes-0-personne_tel": "0199001230",
        "cgu": "oui",
        "decision": "refuser",
        "decision_motif": "complet",
        "decision_raison": "Plus de place.",
        "decision_base_legale": "Règlement, art. 3",
    },
    "hostile": dict.fromkeys(example().variables(), EVIL) | {"personnes__rang": "0", "personnes-0-personne_nom": EVIL},
}


def opened(state: str, **options: Any) -> Any:
    form = make_form(example(), STATES[state], values=INSTRUCTION, **options)
    if STATES[state] is not None:
        form.validate()
    return form


def test_the_filled_example_is_accepted() -> None:
    assert opened("filled").errors == []


@pytest.mark.parametrize("state", sorted(STATES))
def test_the_page_is_well_formed_with_unique_ids_and_every_control_labelled(state: str) -> None:
    page = Page(render(opened(state)))
    ids = page.ids()
    assert len(ids) == len(set(ids)), sorted(i for i in ids if ids.count(i) > 1)
    labelled = {label["for"] for label in page.all("label")}
    for control in page.controls():
        assert control["id"] in labelled, control
    assert labelled <= set(ids)
    for _, attributes in page.elements:
        for name in ("aria-describedby", "aria-labelledby"):
            assert set((attributes.get(name) or "").split()) <= set(ids), attributes
        assert not {"style", "onclick", "onchange"} & set(attributes)
    assert not page.all("script", "style")


@pytest.mark.parametrize("state", ["refused", "hostile"])
def test_every_error_is_linked_to_an_element_and_written_beside_it(state: str) -> None:
    form = opened(state)
    html = render(form)
    page = Page(html)
    links = [link["href"] for link in page.all("a") if (link["href"] or "").startswith("#")]
    assert links == [f"#{target}" for target, _ in form.errors]
    assert len(links) > 8
    assert {link[1:] for link in links if link} <= set(page.ids())
    assert html.count('class="ds-validation-message"') == len(links)
    invalid = {c["id"] for c in page.controls() if c.get("aria-invalid") == "true"}
    texts = [target for target, _ in form.errors if any(c["id"] == target for c in page.controls())]
    assert set(texts) <= invalid


def test_a_page_without_error_has_no_summary() -> None:
    html = render(opened("filled"))
    assert "ds-error-summary" not in html
    assert "ds-validation-message" not in html
    assert "aria-invalid" not in html


def test_hostile_answers_and_labels_are_only_text() -> None:
    html = render(opened("hostile"))
    assert "<script" not in html
    assert "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;" in html
    evil = make_definition(
        {"type": "text", "name": "a", "label": EVIL, "help": EVIL},
        {"type": "info", "text": EVIL, "label": EVIL},
        {"type": "choice", "name": "b", "label": EVIL, "options": [{"value": "v", "label": EVIL, "help": EVIL}]},
        title=EVIL,
    )
    html = render(make_form(evil, {}))
    assert "<script" not in html
    Page(html)


def test_what_was_typed_is_shown_again() -> None:
    html = render(opened("refused"))
    assert 'value="A"' in html
    page = Page(render(make_form(example(), {"naissance": "31/02/2019"}, values=INSTRUCTION)))
    birth = next(c for c in page.controls() if c["id"] == "champ-naissance")
    assert (birth["type"], birth["value"], birth["autocomplete"]) == ("text", "31/02/2019", "bday")
    picker = next(c for c in Page(render(opened("filled"))).controls() if c["id"] == "champ-periode_debut")
    assert (picker["type"], picker["value"]) == ("text", "23/11/2026")
    stored = make_form(example(), values={**INSTRUCTION, "periode_debut": "2026-11-23"})
    picker = next(c for c in Page(render(stored)).controls() if c["id"] == "champ-periode_debut")
    assert (picker["type"], picker["value"]) == ("date", "2026-11-23")


def test_inputs_say_what_they_are_for() -> None:
    controls = {c["id"]: c for c in Page(render(opened("empty"))).controls()}
    expected = {
        "champ-courriel": ("email", "email"),
        "champ-telephone": ("tel", "tel"),
        "champ-nom": ("text", "family-name"),
        "champ-adresse_voie": ("text", "address-line1"),
        "champ-adresse_code_postal": ("text", "postal-code"),
    }
    for target, pair in expected.items():
        assert (controls[target]["type"], controls[target]["autocomplete"]) == pair
    assert controls["champ-revenu"]["inputmode"] == "decimal"
    assert controls["champ-nom"]["aria-required"] == "true"
    assert "aria-required" not in controls["champ-telephone"]
    assert not any("placeholder" in c for c in controls.values())


def test_required_and_optional_are_both_written() -> None:
    html = render(opened("empty"))
    assert "Les champs marqués d’un astérisque" in html
    assert "(facultatif)" in html
    optional = make_form(make_definition({"type": "text", "name": "a", "label": "A"}))
    assert "astérisque" not in render(optional)


def test_every_field_is_wrapped_for_autosave_and_says_when_others_depend_on_it() -> None:
    form = opened("filled")
    wrappers = {w["data-field"]: w for w in Page(render(form)).all("div") if "data-field" in w and "class" in w}
    assert {field.name for field in form.fields} <= set(wrappers)
    assert "data-reactive" in wrappers["motif"]
    assert "data-reactive" not in wrappers["nom"]


def test_locked_fields_are_text_and_cannot_be_posted() -> None:
    form = make_form(example(), values={**INSTRUCTION, **opened("filled").values()}, only=["nom"])
    page = Page(render(form))
    assert {c["name"] for c in page.controls() if c.get("name")} == {"nom"}
    html = render(form)
    assert "Léna Martin" in html
    assert "mardi 12\u00a0mai 2019" not in html
    assert "dimanche 12\u00a0mai 2019" in html
    assert not page.all("button")


def test_the_enter_key_never_presses_a_row_button() -> None:
    buttons = Page(render(opened("refused"))).all("button")
    assert "name" not in buttons[0]
    assert buttons[0]["tabindex"] == "-1"
    assert [b["name"] for b in buttons[1:]] == ["personnes__retirer", "personnes__retirer", "personnes__ajouter"]


def test_closed_choices_are_shown_with_their_reason() -> None:
    html = render(opened("empty"))
    assert "Hors délai." in html
    page = Page(html)
    closed = [c for c in page.controls() if "disabled" in c]
    assert [c["value"] for c in closed] == ["act-soir", "soir"]


def test_a_long_list_becomes_a_select() -> None:
    options = [{"value": f"v{n}", "label": f"V {n}"} for n in range(9)]
    field = {"type": "choice", "name": "a", "label": "A", "options": options}
    page = Page(render(make_form(make_definition(field), {"a": "v3"})))
    assert [s["id"] for s in page.all("select")] == ["champ-a"]
    assert [o["value"] for o in page.all("option") if "selected" in o] == ["v3"]
    assert Page(render(make_form(make_definition({**field, "display": "radio"})))).all("select") == []


def test_a_question_without_any_choice_says_so() -> None:
    form = make_form(
        make_definition({"type": "child", "name": "a", "label": "Enfant", "required": True}), {}, sources={}
    )
    assert not form.validate()
    page = Page(render(form))
    assert "champ-a" in page.ids()


# -- recap -----------------------------------------------------------------------------------------------------------


def told() -> dict[str, str]:
    pages = summary(example(), opened("filled").values(), SOURCES)
    return {name: text for _, lines in pages for _, text, name in lines}


def test_answers_are_told_in_french() -> None:
    texts = told()
    expected = {
        "enfant": "Léna Martin",
        "naissance": "dimanche 12\u00a0mai 2019",
        "pai": "Oui",
        "periode": "Du lundi 23\u00a0novembre 2026 au mardi 24\u00a0novembre 2026",
        "creneaux": "Matin",
        "depart": "16\u00a0h\u00a030",
        "justificatif": "certificat.pdf",
        "telephone": "06\u00a012\u00a034\u00a056\u00a078",
        "adresse": "3 rue du Pré\n99870 Valbrise",
        "parts": "2\u00a0enfants",
        "quotient": "640",
        "revenu": "1\u202f850,50\u00a0€",
        "personnes": "Personne 1 – Nom et prénom\u00a0: Paul\u00a0; Téléphone de la personne\u00a0: "
        "01\u00a099\u00a000\u00a012\u00a030",
        "cgu": "Accepté",
    }
    assert {name: texts[name] for name in expected} == expected
    assert texts["decision"].splitlines()[:2] == ["Refusée", "Motif\u00a0: Plus de place disponible"]
    assert "depart" in texts
    assert "motif_texte" not in texts


def test_blank_forms_have_no_summary_and_odd_values_are_shown_as_they_are() -> None:
    assert summary(example(), {}, {}) == []
    drafts = {
        "naissance": "31/02/2019",
        "revenu": "douze",
        "depart": "midi",
        "telephone": "06",
        "periode_debut": "hier",
    }
    texts = {name: text for _, lines in summary(example(), drafts, {}) for _, text, name in lines}
    assert texts["naissance"] == "31/02/2019"
    assert texts["revenu"] == "douze"
    assert texts["periode"] == "Du hier"
    for odd in (1, "x", [1], [{}], {"a": 1}, True, ["\0"]):
        summary(example(), dict.fromkeys(example().variables(), odd), SOURCES)


def test_a_choice_that_left_the_list_is_said_to_have() -> None:
    texts = summary(example(), {"enfant": "parti", "justificatif": ["doc-1", "doc-7"]}, SOURCES)
    assert texts[0][1][0][1] == "choix qui n’est plus proposé"
    assert texts[1][1][0][1] == "certificat.pdf\n1\u00a0document joint"


def test_the_recap_is_well_formed_and_escaped() -> None:
    values = {**opened("filled").values(), "nom": EVIL}
    html = render_recap(summary(example(), values, SOURCES), {"Vous": "/demandes/x/3"})
    page = Page(html)
    assert "<script" not in html
    assert [a["href"] for a in page.all("a")] == ["/demandes/x/3"]
    assert "3 rue du Pré<br>99870 Valbrise" in html


# -- plain WTForms forms -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form_class", [getattr(accounts, name) for name in accounts.__all__ if name != "AccountForm"])
@pytest.mark.parametrize("posted", [{}, None, "hostile"])
def test_account_forms_render_like_the_others(form_class: Any, posted: Any) -> None:
    from werkzeug.datastructures import MultiDict

    names = list(form_class()._fields)
    data = None if posted is None else MultiDict({} if posted == {} else dict.fromkeys(names, EVIL))
    form = form_class(data)
    if data is not None:
        assert not form.validate() or form_class in (accounts.MessageForm, accounts.ReplyForm) or posted == "hostile"
    html = render(form)
    page = Page(html)
    assert "<script" not in html
    labelled = {label["for"] for label in page.all("label")}
    assert {c["id"] for c in page.controls()} == labelled
    for _, attributes in page.elements:
        assert set((attributes.get("aria-describedby") or "").split()) <= set(page.ids())
    assert [a["href"] for a in page.all("a")] == [f"#{target}" for target, _ in form.error_links]


def test_any_wtforms_form_can_be_rendered() -> None:
    class Settings(Form):
        token = HiddenField()
        name = StringField("Nom", description="Celui de la commune.")
        choice = SelectField("Zone", choices=["A", "B"])
        active = BooleanField("Ouvert")

    form = Settings(name="V")
    page = Page(render(form))
    assert len(page.all("label")) == 3
    form.form_errors.append("Rien ne va.")
    assert "Rien ne va." in render(form)


def test_the_example_is_what_the_documentation_may_show() -> None:
    assert EXAMPLE.startswith(b"{")
    assert example_document()["pages"]
    assert Path(__file__).parent.joinpath("data", "complet.json").stat().st_size < 20_000
