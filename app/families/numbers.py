"""The « N° famille »: ten digits, nine drawn at random and a check digit (ISO/IEC 7812-1, Luhn)."""

from __future__ import annotations

import secrets

DIGITS = 10


def check_digit(digits: str) -> str:
    """The digit that makes ``digits`` plus itself a valid number."""
    total = 0
    for rank, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if rank % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str(-total % 10)


def draw() -> str:
    """A new number. It never starts with 0 (nobody mistakes it for a phone) and says nothing of how many there are."""
    digits = str(secrets.randbelow(9 * 10 ** (DIGITS - 2)) + 10 ** (DIGITS - 2))
    return digits + check_digit(digits)


def valid(number: str) -> bool:
    """Whether the check digit is right: a mistyped digit, or two neighbours swapped, is noticed."""
    return len(number) == DIGITS and number.isascii() and number.isdigit() and check_digit(number[:-1]) == number[-1]


def grouped(number: str) -> str:
    """« 123 456 789 0 », as letters print it."""
    return "\u00a0".join((number[:3], number[3:6], number[6:9], number[9:]))
