"""French ways of writing numbers, dates, hours, phones and addresses, read into plain values.

Each function takes one cleaned line and raises `BadInput` with the message to show.
"""

import re
from datetime import date
from decimal import Decimal

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from forms.hygiene import BadInput

_SPACES = "[ \u00a0\u2009\u202f]"
_NUMBER = re.compile(rf"([-−]?)([0-9]{{1,3}}(?:{_SPACES}[0-9]{{3}})+|[0-9]+)(?:[.,]([0-9]+))?")
_ISO_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_FRENCH_DATE = re.compile(r"([0-9]{1,2}) ?[/.\- ] ?([0-9]{1,2}) ?[/.\- ] ?([0-9]{4})")
_SHORT_YEAR = re.compile(r"[0-9]{1,2}[/.\- ][0-9]{1,2}[/.\- ][0-9]{2}")
_TIME = re.compile(rf"([0-9]{{1,2}}){_SPACES}?[h:H]{_SPACES}?([0-9]{{2}})?(?::00)?")
_POSTCODE = re.compile(r"[0-9]{5}")

MAX_DIGITS = 15
FIRST_YEAR, LAST_YEAR = 1900, 2100


def parse_decimal(text: str, places: int) -> Decimal:
    """« 1 234,5 » or « 12.40 », at most `places` digits after the comma."""
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise BadInput("Écrivez un nombre, par exemple 12,50.")
    sign, whole, fraction = match[1], re.sub(_SPACES, "", match[2]), match[3] or ""
    if len(whole) > MAX_DIGITS:
        raise BadInput("Ce nombre est trop grand.")
    if len(fraction) > places:
        raise BadInput(_too_precise(places))
    number = Decimal(f"{whole}.{fraction}" if fraction else whole)
    return -number if sign and number else number


def parse_integer(text: str) -> int:
    """« 3 » or « 1 200 »; no comma."""
    match = _NUMBER.fullmatch(text)
    if match is None or match[3] is not None:
        raise BadInput("Écrivez un nombre entier, par exemple 3.")
    return int(parse_decimal(text, 0))


def parse_cents(text: str) -> int:
    """« 12,40 » or « 12,40 € », in cents."""
    amount = text.removesuffix("€").rstrip("\u00a0\u202f ")
    if _NUMBER.fullmatch(amount) is None:
        raise BadInput("Écrivez un montant en euros, par exemple 12,40.")
    return int(parse_decimal(amount, 2).scaleb(2))


def parse_date(text: str) -> date:
    """« 14/09/2026 » or `2026-09-14`, from 1900 to 2100."""
    if match := _ISO_DATE.fullmatch(text):
        year, month, day = int(match[1]), int(match[2]), int(match[3])
    elif match := _FRENCH_DATE.fullmatch(text):
        year, month, day = int(match[3]), int(match[2]), int(match[1])
    elif _SHORT_YEAR.fullmatch(text):
        raise BadInput("Écrivez l’année avec quatre chiffres, par exemple 14/09/2026.")
    else:
        raise BadInput("Écrivez une date, par exemple 14/09/2026.")
    try:
        parsed = date(year, month, day)
    except ValueError:
        raise BadInput("Cette date n’existe pas dans le calendrier.") from None
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise BadInput("Vérifiez l’année de cette date.")
    return parsed


def parse_time(text: str) -> str:
    """« 8h30 », « 8 h » or « 08:30 », as `HH:MM`."""
    match = _TIME.fullmatch(text)
    if match is None or (match[2] is None and "h" not in text.lower()):
        raise BadInput("Écrivez une heure, par exemple 8\u00a0h\u00a030.")
    hours, minutes = int(match[1]), int(match[2] or 0)
    if hours > 23 or minutes > 59:
        raise BadInput("Cette heure n’existe pas.")
    return f"{hours:02}:{minutes:02}"


def parse_email(text: str) -> str:
    """The address with its domain in lower case; no network is asked."""
    try:
        return str(validate_email(text, check_deliverability=False).normalized)
    except EmailNotValidError:
        raise BadInput("Écrivez une adresse e-mail complète, par exemple nom@exemple.fr.") from None


def parse_phone(text: str) -> str:
    """E.164. Any ten-digit French number is accepted, also those of ranges that the library does not know yet;
    a foreign number must be written with its + and be valid.
    """
    message = "Écrivez un numéro de téléphone, par exemple 06\u00a012\u00a034\u00a056\u00a078."
    if not re.fullmatch(r"[0-9+(). \-\u00a0\u202f\u2009\u2011/]+", text):
        raise BadInput(message)
    try:
        number = phonenumbers.parse(text, "FR")
    except phonenumbers.NumberParseException:
        raise BadInput(message) from None
    national = str(number.national_number)
    french = number.country_code == 33 and re.fullmatch(r"[1-9][0-9]{8}", national) is not None
    if not french and not phonenumbers.is_valid_number(number):
        raise BadInput(message)
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def parse_postcode(text: str) -> str:
    """Five digits; « 99 870 » is accepted."""
    compact = re.sub(_SPACES, "", text)
    if not _POSTCODE.fullmatch(compact):
        raise BadInput("Écrivez un code postal à cinq chiffres, par exemple 99870.")
    return compact


def _too_precise(places: int) -> str:
    if places == 0:
        return "Écrivez un nombre entier, par exemple 3."
    plural = "s" if places > 1 else ""
    return f"Pas plus de {places} chiffre{plural} après la virgule."
