"""Values told in French: dates, hours, amounts, phone numbers. Non-breaking spaces where typography wants them."""

from datetime import date
from decimal import Decimal

import phonenumbers

NBSP = "\u00a0"
NARROW_NBSP = "\u202f"

WEEKDAYS = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")
MONTHS = (
    "janvier",
    "février",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
)


def date_text(day: date, *, weekday: bool = True) -> str:
    """« lundi 14 septembre 2026 »; the first of a month is « 1er »."""
    number = "1er" if day.day == 1 else str(day.day)
    text = f"{number}{NBSP}{MONTHS[day.month - 1]} {day.year}"
    return f"{WEEKDAYS[day.weekday()]} {text}" if weekday else text


def short_date(day: date) -> str:
    """« 14/09/2026 », for hints and messages."""
    return day.strftime("%d/%m/%Y")


def time_text(clock: str) -> str:
    """`"08:30"` → « 8 h 30 »."""
    hours, minutes = clock.split(":")
    text = f"{int(hours)}{NBSP}h"
    return text if minutes == "00" else f"{text}{NBSP}{minutes}"


def integer_text(number: int) -> str:
    """`1234567` → « 1 234 567 » with narrow no-break spaces."""
    return f"{number:,}".replace(",", NARROW_NBSP)


def decimal_text(number: Decimal) -> str:
    """`Decimal("1234.5")` → « 1 234,5 »."""
    return f"{number:,f}".replace(",", NARROW_NBSP).replace(".", ",")


def money_text(cents: int) -> str:
    """`1240` → « 12,40 € »."""
    return f"{decimal_text(Decimal(cents).scaleb(-2))}{NBSP}€"


def phone_text(number: str) -> str:
    """E.164 → « 06 12 34 56 78 » for France, international grouping elsewhere; anything else is given back as is."""
    digits = number[3:]
    if number.startswith("+33") and len(digits) == 9 and digits.isascii() and digits.isdigit():
        national = f"0{digits}"
        return NBSP.join(national[i : i + 2] for i in range(0, 10, 2))
    try:
        parsed = phonenumbers.parse(number, None)
    except phonenumbers.NumberParseException:
        return number
    grouped = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    return str(grouped).replace(" ", NBSP)


def joined(items: list[str]) -> str:
    """« a, b et c »."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} et {items[-1]}"
