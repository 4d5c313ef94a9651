"""Fields with several inputs: periods, addresses, pieces, rows, decisions."""

from typing import Any

from tests.forms.making import make_definition, make_field_form, make_form, message, value

# -- several inputs ----------------------------------------------------------------------------------------------------


def make_range(posted: dict[str, str], **field: Any) -> Any:
    form = make_form(make_definition({"type": "date_range", "name": "p", "label": "Période", **field}), posted)
    return form, form.validate()


def test_a_period_is_two_dates_in_order() -> None:
    form, fine = make_range({"p_debut": "14/12/2026", "p_fin": "2026-12-18"})
    assert fine
    assert form.values() == {"p_debut": "2026-12-14", "p_fin": "2026-12-18"}
    form, fine = make_range({"p_debut": "18/12/2026", "p_fin": "14/12/2026"})
    assert form.errors == [("champ-p_fin", "Période\u00a0: le dernier jour est avant le premier.")]
    form, fine = make_range({"p_debut": "01/12/2026", "p_fin": "31/12/2026"}, max_days=30)
    assert "30\u00a0jours" in form.errors[0][1]
    assert make_range({"p_debut": "01/12/2026", "p_fin": "30/12/2026"}, max_days=30)[1]


def test_half_a_period_asks_for_the_other_half() -> None:
    form, _ = make_range({"p_fin": "14/12/2026"})
    assert form.errors == [("champ-p_debut", "Période\u00a0: indiquez le premier jour.")]
    assert make_range({})[1]
    assert len(make_range({}, required=True)[0].errors) == 2
    form, _ = make_range({"p_debut": "hier", "p_fin": ""}, required=True)
    assert [target for target, _ in form.errors] == ["champ-p_debut", "champ-p_fin"]


def test_an_address_is_complete_or_absent() -> None:
    definition = make_definition({"type": "address", "name": "a", "label": "Adresse"})
    assert make_form(definition, {}).validate()
    whole = {"a_voie": "3 rue du Pré", "a_complement": "", "a_code_postal": "99 870", "a_commune": "Valbrise"}
    form = make_form(definition, whole)
    assert form.validate()
    assert form.values() == {
        "a_voie": "3 rue du Pré",
        "a_complement": None,
        "a_code_postal": "99870",
        "a_commune": "Valbrise",
    }
    form = make_form(definition, {"a_voie": "3 rue du Pré", "a_code_postal": "998700"})
    assert not form.validate()
    assert [target for target, _ in form.errors] == ["champ-a_code_postal", "champ-a_commune"]
    assert form.partial()["a_code_postal"] == "998700"
    form = make_form(definition, {"a_voie": "x" * 101, "a_code_postal": "99870", "a_commune": "V"})
    assert not form.validate()


class File:
    def __init__(self, filename: str) -> None:
        self.filename = filename


class Files:
    def __init__(self, **files: list[File]) -> None:
        self.files = files

    def getlist(self, key: str) -> list[File]:
        return self.files.get(key, [])


PIECE = {"type": "piece", "piece_type": "certificat_medical", "required": True, "max_count": 2}


def test_a_piece_is_a_known_document_or_a_file_to_store() -> None:
    assert message(PIECE, {}) == "Joignez ce document."
    form = make_field_form(PIECE, {}, files=Files(x__fichier=[File(""), File("photo.jpg")]))
    assert form.validate()
    assert [(name, file.filename) for name, file in form.uploads()] == [("x", "photo.jpg")]
    form.attach("x", ["doc-9"])
    assert form.values() == {"x": ["doc-9"]}
    assert form.partial() == {"x": ["doc-9"]}
    assert form.uploads() == []


def test_too_many_documents_are_refused() -> None:
    form = make_field_form(PIECE, {"x": "doc-1"}, files=Files(x__fichier=[File("a.pdf"), File("b.pdf")]))
    assert not form.validate()
    assert "Pas plus de 2" in form["x"].errors[0]


def test_files_for_a_hidden_or_locked_field_are_ignored() -> None:
    hidden = make_field_form({**PIECE, "show_if": "1 == 2"}, {}, files=Files(x__fichier=[File("a.pdf")]))
    assert hidden.uploads() == []
    locked = make_field_form(PIECE, {}, files=Files(x__fichier=[File("a.pdf")]), only=[], values={"x": ["doc-1"]})
    assert locked.uploads() == []
    assert locked.values() == {"x": ["doc-1"]}


# -- rows --------------------------------------------------------------------------------------------------------------

ROWS = {
    "type": "group",
    "max_rows": 3,
    "row_label": "Personne",
    "fields": [
        {"type": "text", "name": "nom", "label": "Nom", "required": True},
        {"type": "yes_no", "name": "mineur", "label": "Mineur ?"},
        {"type": "integer", "name": "age", "label": "Âge", "show_if": "mineur", "required": True},
    ],
}


def test_rows_are_read_in_order_and_blank_ones_dropped() -> None:
    posted = {"x__rang": ["0", "2", "5"], "x-0-nom": "Anne", "x-2-nom": " ", "x-5-nom": "Paul", "x-5-mineur": "non"}
    assert value(ROWS, posted) == [
        {"nom": "Anne", "mineur": None, "age": None},
        {"nom": "Paul", "mineur": False, "age": None},
    ]


def test_conditions_of_a_row_read_that_row() -> None:
    posted = {"x__rang": ["0", "1"], "x-0-nom": "A", "x-0-mineur": "oui", "x-1-nom": "B", "x-1-age": "12"}
    form = make_field_form(ROWS, posted)
    assert not form.validate()
    assert form.errors == [("champ-x-0-age", "Personne 1, Âge\u00a0: ce champ est obligatoire.")]
    assert form.values()["x"][1]["age"] is None


def test_rows_are_added_and_removed_by_buttons() -> None:
    added = make_field_form(ROWS, {"x__rang": "0", "x-0-nom": "Anne", "x__ajouter": "1"})
    assert added.wants_row_change()
    assert [number for number, _ in added["x"].rows] == [0, 1]
    assert added.partial()["x"][0]["nom"] == "Anne"
    removed = make_field_form(ROWS, {"x__rang": ["0", "1"], "x-0-nom": "Anne", "x-1-nom": "Paul", "x__retirer": "0"})
    assert removed.wants_row_change()
    assert removed.values()["x"] == [{"nom": "Paul", "mineur": None, "age": None}]
    assert not make_field_form(ROWS, {"x__rang": "0"}).wants_row_change()


def test_rows_are_bounded_whatever_is_posted() -> None:
    full = make_field_form(ROWS, {"x__rang": ["0", "1", "2"], "x__ajouter": "1"})
    assert len(full["x"].rows) == 3
    flood = make_field_form(
        ROWS, {"x__rang": [str(n) for n in range(5000)], **{f"x-{n}-nom": "a" for n in range(5000)}}
    )
    assert not flood.validate()
    assert "Pas plus de 3" in flood["x"].errors[0]
    assert len(flood.values()["x"]) == 3
    nonsense = make_field_form(ROWS, {"x__rang": ["-1", "٣", "1e3", "", "99999", "1", "1"], "x-1-nom": "a"})
    assert nonsense.values()["x"] == [{"nom": "a", "mineur": None, "age": None}]


def test_a_required_group_shows_a_row_and_needs_it() -> None:
    empty = make_field_form({**ROWS, "required": True})
    assert len(empty["x"].rows) == 1
    assert not empty.validate()
    assert empty.errors == [("champ-x-0-nom", "Question\u00a0: remplissez au moins 1\u00a0ligne.")]
    short = {**ROWS, "min_rows": 2}
    assert "2\u00a0lignes" in message(short, {"x__rang": "0", "x-0-nom": "A"})
    assert message(short, {}) == ""


# -- decision ----------------------------------------------------------------------------------------------------------

DECISION = {
    "type": "decision",
    "name": "d",
    "label": "Décision",
    "legal_basis": True,
    "motives": [{"value": "complet", "label": "Complet"}],
}


def decide(posted: dict[str, Any], **field: Any) -> Any:
    form = make_form(make_definition({**DECISION, **field}), posted)
    form.validate()
    return form


def test_accepting_needs_nothing_more_and_stores_nothing_else() -> None:
    form = decide(
        {"d": "accepter", "d_motif": "complet", "d_champs": "motif", "d_base_legale": "x", "d_raison": "Merci"}
    )
    assert form.errors == []
    expected = {"d": "accepter", "d_motif": None, "d_raison": "Merci", "d_base_legale": None, "d_champs": None}
    assert form.values() == expected


def test_a_correction_needs_a_reason_and_what_to_correct() -> None:
    assert [target for target, _ in decide({"d": "completer"}).errors] == ["champ-d_champs", "champ-d_raison"]
    form = decide({"d": "completer", "d_champs": ["periode"], "d_raison": "Dates ?", "d_motif": "inventé"})
    assert form.errors == []
    assert form.values()["d_champs"] == ["periode"]
    assert form.values()["d_motif"] is None
    assert "rouvert" in decide({"d": "completer", "d_champs": ["iban"], "d_raison": "x"}).errors[0][1]


def test_a_refusal_needs_a_motive_a_reason_and_its_legal_basis() -> None:
    assert [t for t, _ in decide({"d": "refuser"}).errors] == ["champ-d_motif", "champ-d_raison", "champ-d_base_legale"]
    form = decide(
        {"d": "refuser", "d_motif": "complet", "d_raison": "Il n’y a plus de place.", "d_base_legale": "Art. 3"}
    )
    assert form.errors == []
    assert form.values()["d_motif"] == "complet"
    assert "pas proposé" in decide({"d": "refuser", "d_motif": "z", "d_raison": "a", "d_base_legale": "b"}).errors[0][1]


def test_no_decision_or_an_outcome_that_is_not_open_is_refused() -> None:
    assert decide({}).errors == [("champ-d", "Décision\u00a0: choisissez une décision.")]
    assert "pas proposé" in decide({"d": "completer"}, outcomes=["accepter", "refuser"]).errors[0][1]
