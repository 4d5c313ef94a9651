"""Lists as files that an office opens: CSV and XLSX, from the same columns and rows (G6).

A cell that would be a formula is text (« CSV injection »): a family chooses its own name, an office opens the file.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

import xlsxwriter

Cell = str | int | date | None
Format = Literal["csv", "xlsx"]
FORMATS: Mapping[str, str] = {"xlsx": "Tableur (XLSX)", "csv": "Texte (CSV)"}
MIMETYPES: Mapping[str, str] = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_FORMULAS = ("=", "+", "-", "@", "\t", "\r")
WIDEST = 45


@dataclass(frozen=True)
class Table:
    """A list: its ``title`` names the sheet (31 characters at most are kept), each row has a cell for each column."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]


def written(table: Table, kind: str) -> bytes:
    """The file. ``kind`` is a code of ``FORMATS``."""
    return _csv(table) if kind == "csv" else _xlsx(table)


def harmless(text: str) -> str:
    """The text, marked as such where a spreadsheet would read a formula; control characters left out."""
    plain = "".join(char for char in text if char >= " " or char in "\t\r\n")
    return f"'{plain}" if plain.startswith(_FORMULAS) else plain


def _csv(table: Table) -> bytes:
    """With semicolons and a mark of order: what French spreadsheets open without asking."""
    held = io.StringIO()
    lines = csv.writer(held, delimiter=";", lineterminator="\r\n")
    lines.writerow([harmless(name) for name in table.columns])
    lines.writerows([_said(cell) for cell in row] for row in table.rows)
    return b"\xef\xbb\xbf" + held.getvalue().encode()


def _said(cell: Cell) -> str | int:
    if isinstance(cell, date):
        return f"{cell:%d/%m/%Y}"
    return harmless(cell) if isinstance(cell, str) else "" if cell is None else cell


def _xlsx(table: Table) -> bytes:
    held = io.BytesIO()
    # nothing typed becomes a formula, a link or a number: only what is one here
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(held, options) as book:
        head, day = book.add_format({"bold": True, "text_wrap": True}), book.add_format({"num_format": "dd/mm/yyyy"})
        sheet = book.add_worksheet("".join(char for char in table.title if char not in "[]:*?/\\'")[:31] or "Liste")
        for column, name in enumerate(table.columns):
            sheet.write_string(0, column, name, head)
            sheet.set_column(column, column, _width(name, (row[column] for row in table.rows)))
        for number, row in enumerate(table.rows, 1):
            for column, cell in enumerate(row):
                if isinstance(cell, date):
                    sheet.write_datetime(number, column, cell, day)
                elif isinstance(cell, int):
                    sheet.write_number(number, column, cell)
                elif cell:
                    sheet.write_string(number, column, harmless(cell))
        sheet.freeze_panes(1, 0)
        sheet.autofilter(0, 0, len(table.rows), len(table.columns) - 1)
    return held.getvalue()


def _width(name: str, cells: Iterable[Cell]) -> int:
    return min(
        WIDEST, 2 + max([len(name), *(10 if isinstance(cell, date) else len(str(cell or "")) for cell in cells)])
    )
