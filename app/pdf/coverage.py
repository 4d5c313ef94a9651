"""Which characters the bundled font can draw, and text made of those only.

A tagged PDF may not hold a character without a drawing, and families do write emoji: one unknown character must not
cost them their acknowledgement. Format: OpenType specification, « cmap », subtable formats 4 and 12.
"""

from __future__ import annotations

import struct
import unicodedata
from functools import lru_cache
from pathlib import Path

_UNKNOWN = "□"


@lru_cache(maxsize=8)
def characters_of(font: Path) -> frozenset[int]:
    """The code points that ``font`` (TrueType) maps to a glyph. Raises ValueError for a font without such a table."""
    data = font.read_bytes()
    (count,) = struct.unpack_from(">H", data, 4)
    for index in range(count):
        tag, _, offset, _ = struct.unpack_from(">4sIII", data, 12 + 16 * index)
        if tag == b"cmap":
            return frozenset(_mapped(data, offset))
    raise ValueError(f"{font.name} has no cmap table")


def drawable(text: str, font: Path) -> str:
    """``text`` with what ``font`` cannot draw shown as « □ », and without controls or direction marks.

    Line ends and tabs stay (tabs as a space). Accents are composed first, since families paste both spellings.
    """
    known = characters_of(font)
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " "))
    return "".join(
        character if character == "\n" or ord(character) in known else _UNKNOWN
        for character in text
        if character == "\n" or not _is_invisible(character)
    )


def _is_invisible(character: str) -> bool:
    # Selectors such as U+FE0F only choose between two drawings of the character before them.
    return unicodedata.category(character) in {"Cc", "Cf"} or 0xFE00 <= ord(character) <= 0xFE0F


def _mapped(data: bytes, table: int) -> set[int]:
    found: set[int] = set()
    (count,) = struct.unpack_from(">H", data, table + 2)
    for index in range(count):
        platform, _, offset = struct.unpack_from(">HHI", data, table + 4 + 8 * index)
        (kind,) = struct.unpack_from(">H", data, table + offset)
        if platform in {0, 3} and kind == 4:
            found |= _format_4(data, table + offset)
        elif platform in {0, 3} and kind == 12:
            found |= _format_12(data, table + offset)
    return found


def _format_4(data: bytes, start: int) -> set[int]:
    (doubled,) = struct.unpack_from(">H", data, start + 6)
    segments = doubled // 2
    ends = struct.unpack_from(f">{segments}H", data, start + 14)
    firsts = struct.unpack_from(f">{segments}H", data, start + 16 + doubled)
    shifts = struct.unpack_from(f">{segments}H", data, start + 16 + 2 * doubled)
    ranges_at = start + 16 + 3 * doubled
    ranges = struct.unpack_from(f">{segments}H", data, ranges_at)
    found: set[int] = set()
    for index in range(segments):
        for code in range(firsts[index], ends[index] + 1):
            if code == 0xFFFF:
                continue  # the closing segment maps nothing
            if ranges[index] == 0:
                glyph = (code + shifts[index]) & 0xFFFF
            else:
                at = ranges_at + 2 * index + ranges[index] + 2 * (code - firsts[index])
                (glyph,) = struct.unpack_from(">H", data, at)
            if glyph:
                found.add(code)
    return found


def _format_12(data: bytes, start: int) -> set[int]:
    (groups,) = struct.unpack_from(">I", data, start + 12)
    found: set[int] = set()
    for index in range(groups):
        first, last, _ = struct.unpack_from(">III", data, start + 16 + 12 * index)
        found.update(range(first, last + 1))
    return found
