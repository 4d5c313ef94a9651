"""Jinja filters: dates, money, phones, sizes, the French way. Pure functions, then ``install``.

Instants are aware UTC datetimes shown on Paris' clock; business dates are plain dates. The no-break spaces are
those of French typography: narrow (U+202F) before ; ! ? and inside numbers, plain (U+00A0) elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime

import phonenumbers
from flask import Flask

from app import clock
from forms.french import MONTHS, NBSP
from forms.french import NARROW_NBSP as THIN
from forms.french import WEEKDAYS as DAYS


def _day(value: date | datetime) -> date:
    return clock.in_paris(value).date() if isinstance(value, datetime) else value


def _number(day: date) -> str:
    return "1er" if day.day == 1 else str(day.day)


def date_fr(value: date | datetime | None) -> str:
    """« 14 septembre 2026 »; « » for None."""
    if value is None:
        return ""
    day = _day(value)
    return f"{_number(day)}{NBSP}{MONTHS[day.month - 1]} {day.year}"


def long_date(value: date | datetime | None) -> str:
    """« lundi 14 septembre 2026 »."""
    return "" if value is None else f"{DAYS[_day(value).weekday()]} {date_fr(value)}"


def short_date(value: date | datetime | None) -> str:
    """« 14/09/2026 », for tables."""
    return "" if value is None else f"{_day(value):%d/%m/%Y}"


def time_fr(value: datetime | None) -> str:
    """« 14 h 05 » on Paris' clock."""
    if value is None:
        return ""
    local = clock.in_paris(value)
    return f"{local.hour}{NBSP}h{NBSP}{local.minute:02d}"


def month_name(value: date) -> str:
    """« novembre 2026 »."""
    return f"{MONTHS[value.month - 1]} {value.year}"


def weekday(value: date) -> str:
    """« lundi 23 »."""
    return f"{DAYS[value.weekday()]} {value.day}"


def day_name(value: date | datetime) -> str:
    """« aujourd’hui », « hier », « demain », or « le 14 septembre 2026 »."""
    day = _day(value)
    near = {-1: "hier", 0: "aujourd’hui", 1: "demain"}
    return near.get((day - clock.today()).days) or f"le {date_fr(day)}"


def moment(value: datetime | None) -> str:
    """« aujourd’hui à 14 h 05 », « le 14 septembre 2026 à 9 h 30 »."""
    return "" if value is None else f"{day_name(value)} à {time_fr(value)}"


def relative(value: date | datetime | None) -> str:
    """« il y a 3 jours », « dans 2 heures », « à l’instant ». A plain date counts in days only."""
    if value is None:
        return ""
    if not isinstance(value, datetime):
        return _days_away((value - clock.today()).days)
    seconds = (value - clock.now()).total_seconds()
    if abs(seconds) < 60:
        return "à l’instant"
    if abs(seconds) < 3600:
        return _away(seconds, int(abs(seconds) // 60), "minute")
    days = (_day(value) - clock.today()).days
    # « il y a 5 heures » helps more than « hier », as long as it is the same night
    if abs(seconds) < 12 * 3600 or days == 0:
        return _away(seconds, int(abs(seconds) // 3600), "heure")
    return _days_away(days)


def _days_away(days: int) -> str:
    if days in (-1, 0, 1):
        return ("hier", "aujourd’hui", "demain")[days + 1]
    if abs(days) < 60:
        return _away(days, abs(days), "jour")
    if abs(days) < 730:
        months = abs(days) // 30
        return f"{'il y a' if days < 0 else 'dans'} {months}{NBSP}mois"
    return _away(days, abs(days) // 365, "an")


def _away(direction: float, count: int, unit: str) -> str:
    return f"{'il y a' if direction < 0 else 'dans'} {plural(count, unit)}"


def money(cents: int | None) -> str:
    """« 1 234,50 € » from integer cents."""
    if cents is None:
        return ""
    whole, rest = divmod(abs(cents), 100)
    sign = "−" if cents < 0 else ""
    return f"{sign}{number(whole)},{rest:02d}{NBSP}€"


def number(value: int) -> str:
    """« 12 345 »."""
    return f"{value:,}".replace(",", THIN)


def phone(value: str | None) -> str:
    """« 04 50 00 00 00 » for a French number, « +41 22 … » for another; what is no number stays as typed."""
    if not value:
        return ""
    try:
        parsed = phonenumbers.parse(value, "FR")
    except phonenumbers.NumberParseException:
        return value
    if not phonenumbers.is_possible_number(parsed):
        return value
    formats = phonenumbers.PhoneNumberFormat
    chosen = formats.NATIONAL if parsed.country_code == 33 else formats.INTERNATIONAL
    return str(phonenumbers.format_number(parsed, chosen)).replace(" ", NBSP)


def file_size(octets: int | None) -> str:
    """« 1,2 Mo » (decimal units, as phones show them)."""
    if octets is None:
        return ""
    if octets < 1000:
        return plural(octets, "octet")
    if octets < 999_500:
        return f"{round(octets / 1000)}{NBSP}ko"
    if octets < 999_950_000:
        return f"{octets / 1_000_000:.1f}{NBSP}Mo".replace(".", ",")
    return f"{octets / 1_000_000_000:.1f}{NBSP}Go".replace(".", ",")


def plural(count: int, singular: str, plural_form: str | None = None) -> str:
    """« 1 pièce », « 3 pièces », « 0 pièce » (French: plural from two on)."""
    word = singular if abs(count) < 2 else plural_form or f"{singular}s"
    return f"{number(count)}{NBSP}{word}"


def initials(name: str) -> str:
    """« Camille Durand-Petit » → « CD »."""
    words = [word for word in name.split() if word[:1].isalpha()]
    return (words[0][0] + (words[-1][0] if len(words) > 1 else "")).upper() if words else "?"


def of_place(name: str) -> str:
    """« de Valbrise », « d’Annecy », « du Mans », « des Houches »: a place after « Portail famille »."""
    first, _, rest = name.partition(" ")
    contracted = {"Le": "du", "Les": "des"}
    if rest and first in contracted:
        return f"{contracted[first]} {rest}"
    return f"d’{name}" if name[:1].lower() in "aeiouyâàéèêëîïôœ" and name else f"de {name}"


FILTERS: dict[str, Callable[..., str]] = {
    "date_fr": date_fr,
    "long_date": long_date,
    "short_date": short_date,
    "time_fr": time_fr,
    "day_name": day_name,
    "month_name": month_name,
    "weekday": weekday,
    "moment": moment,
    "relative": relative,
    "money": money,
    "number": number,
    "phone": phone,
    "file_size": file_size,
    "plural": plural,
    "initials": initials,
    "of_place": of_place,
}


def install(app: Flask) -> None:
    """Gives every template the filters above, under the names of the functions."""
    app.jinja_env.filters.update(FILTERS)
