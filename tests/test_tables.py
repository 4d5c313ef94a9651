"""Lists as CSV and XLSX: what a spreadsheet would run is text, days are days, accents hold."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.tables import FORMATS, Table, harmless, written

DAY = date(2026, 11, 23)
TABLE = Table("Présences [a/b]", ("Nom", "Jour", "Minutes"), [["Étienne", DAY, 12], ["=1+1", DAY, None]])


def sheet(content: bytes) -> tuple[str, str]:
    """The cells and the shared texts of the first sheet of an XLSX."""
    with zipfile.ZipFile(io.BytesIO(content)) as folder:
        names = ("xl/worksheets/sheet1.xml", "xl/sharedStrings.xml")
        cells, texts = (folder.read(name).decode() for name in names)
    return cells, texts


def test_a_csv_opens_in_a_french_spreadsheet() -> None:
    text = written(TABLE, "csv").decode("utf-8-sig")
    assert list(csv.reader(io.StringIO(text), delimiter=";")) == [
        ["Nom", "Jour", "Minutes"],
        ["Étienne", "23/11/2026", "12"],
        ["'=1+1", "23/11/2026", ""],
    ]
    assert written(TABLE, "csv").startswith(b"\xef\xbb\xbf")


def test_an_xlsx_holds_texts_numbers_and_days_and_no_formula() -> None:
    cells, texts = sheet(written(TABLE, "xlsx"))
    assert "<f>" not in cells
    assert "Étienne" in texts
    assert "'=1+1" in texts
    assert re.search(r'<c r="C2"[^>]*><v>12</v>', cells)
    assert re.search(r'<c r="B2" s="\d"><v>46349</v>', cells)  # 23 November 2026, as spreadsheets count


@pytest.mark.parametrize("text", ["=cmd|' /C calc'!A0", "+33 6", "-1", "@SUM(A1)", "\tx", "\rx"])
def test_what_would_be_a_formula_is_marked_as_text(text: str) -> None:
    assert harmless(text) == f"'{text}"


@given(st.text(max_size=60))
def test_no_text_begins_as_a_formula(text: str) -> None:
    assert not harmless(text).startswith(("=", "+", "-", "@", "\t", "\r"))


@given(st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=20), min_size=1, max_size=5))
def test_any_text_can_be_written(texts: list[str]) -> None:
    table = Table("Liste", ["Texte"], [[text] for text in texts])
    for kind in FORMATS:
        assert written(table, kind)
