"""Writes a calendar as RFC 5545 wants it: escaped, folded at 75 octets, hours of Paris. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Literal

FOLD = 75
"""Octets of a line, its end aside (RFC 5545, 3.1)."""

_PARIS = (
    "BEGIN:VTIMEZONE",
    "TZID:Europe/Paris",
    "BEGIN:DAYLIGHT",
    "DTSTART:19810329T020000",
    "TZOFFSETFROM:+0100",
    "TZOFFSETTO:+0200",
    "TZNAME:CEST",
    "RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU",
    "END:DAYLIGHT",
    "BEGIN:STANDARD",
    "DTSTART:19961027T030000",
    "TZOFFSETFROM:+0200",
    "TZOFFSETTO:+0100",
    "TZNAME:CET",
    "RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU",
    "END:STANDARD",
    "END:VTIMEZONE",
)


@dataclass(frozen=True)
class Event:
    """Something on a day; hours are ``HH:MM`` in Paris. ``uid`` never changes, ``sequence`` grows with each change."""

    uid: str
    sequence: int
    stamp: datetime
    day: date
    starts_at: str
    ends_at: str
    status: Literal["CONFIRMED", "TENTATIVE", "CANCELLED"]
    summary: str
    description: str = ""


def calendar_text(name: str, events: Iterable[Event]) -> str:
    """The whole file, lines ended by CR LF."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Portail famille//Planning//FR", "CALSCALE:GREGORIAN"]
    lines += ["METHOD:PUBLISH", f"X-WR-CALNAME:{escaped(name)}", "REFRESH-INTERVAL;VALUE=DURATION:PT1H", *_PARIS]
    for event in events:
        lines += _event(event)
    lines.append("END:VCALENDAR")
    return "".join(f"{part}\r\n" for line in lines for part in folded(line))


def _event(event: Event) -> Sequence[str]:
    day = f"{event.day:%Y%m%d}"
    described = [f"DESCRIPTION:{escaped(event.description)}"] if event.description else []
    return [
        "BEGIN:VEVENT",
        f"UID:{event.uid}",
        f"SEQUENCE:{event.sequence}",
        f"DTSTAMP:{event.stamp.astimezone(UTC):%Y%m%dT%H%M%SZ}",
        f"DTSTART;TZID=Europe/Paris:{day}T{event.starts_at.replace(':', '')}00",
        f"DTEND;TZID=Europe/Paris:{day}T{event.ends_at.replace(':', '')}00",
        f"STATUS:{event.status}",
        f"SUMMARY:{escaped(event.summary)}",
        *described,
        "CLASS:PRIVATE",
        "TRANSP:TRANSPARENT",
        "END:VEVENT",
    ]


def escaped(text: str) -> str:
    """A TEXT value: no line of it can be taken for another property."""
    plain = text.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")
    return "\\n".join(plain.splitlines())


def folded(line: str) -> Iterable[str]:
    """A line in parts of 75 octets at most, never within a character; those that follow begin with a space."""
    part, size = "", 0
    for character in line:
        octets = len(character.encode())
        if size + octets > FOLD:
            yield part
            part, size = " ", 1
        part, size = part + character, size + octets
    yield part
