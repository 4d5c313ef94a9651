"""What a person typed, made safe to store: NFC, no control or invisible characters, bounded length.

Markup is not touched: templates escape. Characters that would deceive a reader (right-to-left overrides, zero-width
marks) are removed, a NUL is refused because no browser sends one by accident and PostgreSQL cannot store it.
"""

import re
import unicodedata

# What a draft keeps of one input whatever its limit: a mistake must be shown again, not grow the database.
DRAFT_LIMIT = 20_000

# Joiners have a visible role in emoji and in several scripts: kept in long texts, dropped from one-line answers.
_JOINERS = "\u200c\u200d"
_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn"}
_LINE_BREAKS = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_BLANKS = re.compile(r"[ \t]+")


class BadInput(ValueError):
    """An answer that cannot be accepted; its text is the French message for the person who typed it."""


def without_invisible(text: str, keep: str = "") -> str:
    """The text in NFC, without control, format, private or unassigned characters but those of `keep`."""
    if text.isascii() and text.isprintable():
        return text
    text = unicodedata.normalize("NFC", text)
    if text.isprintable():
        return text
    return "".join(c for c in text if c in keep or unicodedata.category(c) not in _INVISIBLE)


def clean_line(text: str, max_length: int) -> str:
    """One line: line breaks and tabs become a space, ends are trimmed.

    Raises `BadInput` on a NUL character or when longer than `max_length` characters.
    """
    _refuse_nul(text)
    _refuse_length(text, max_length)
    if not text.isprintable():
        text = _BLANKS.sub(" ", _LINE_BREAKS.sub(" ", text).replace("\n", " "))
    return _bounded(without_invisible(text).strip(), max_length)


def clean_block(text: str, max_length: int) -> str:
    """Several lines: line breaks become `\\n`, trailing blanks go. Same refusals as `clean_line`."""
    _refuse_nul(text)
    _refuse_length(text.replace("\r\n", "\n"), max_length)
    text = without_invisible(_LINE_BREAKS.sub("\n", text), keep="\n\t" + _JOINERS)
    return _bounded("\n".join(line.rstrip() for line in text.split("\n")).strip(), max_length)


def scrub(text: str) -> str:
    """What a draft may keep of an unacceptable answer: never fails, bounded by `DRAFT_LIMIT`."""
    text = _LINE_BREAKS.sub("\n", text[:DRAFT_LIMIT])
    return without_invisible(text, keep="\n\t" + _JOINERS)[:DRAFT_LIMIT]


def _refuse_nul(text: str) -> None:
    if "\0" in text:
        raise BadInput("Cette réponse contient un caractère interdit. Saisissez-la à nouveau.")


def _refuse_length(text: str, max_length: int) -> None:
    # Before any normalisation, which costs time on huge texts and may shorten or lengthen them a little.
    if len(text) > 4 * max_length + 100:
        raise BadInput(too_long(max_length))


def _bounded(text: str, max_length: int) -> str:
    if len(text) > max_length:
        raise BadInput(f"{too_long(max_length)} Retirez-en {len(text) - max_length}.")
    return text


def too_long(max_length: int) -> str:
    """The message for an over-long answer."""
    return f"Cette réponse est trop longue\u00a0: {max_length}\u00a0caractères au plus."
