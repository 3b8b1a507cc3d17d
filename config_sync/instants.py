"""Instants written in configuration, as whole microseconds since the epoch (docs/snapshot-format.md, section 4.4).

The compiler's own reading of ISO 8601, used by front ends; what a *context* holds is read by the cores.
"""

import re
from datetime import date
from math import floor

MAX_INSTANT = 2**62  # µs; both ends included
EPOCH_DAY = date(1970, 1, 1).toordinal()
DAY_SECONDS = 86_400

_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_TIME = re.compile(r"([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]+))?)?")
_ZONE = re.compile(r"[Zz]|([+-])([0-9]{2})(?::?([0-9]{2}))?")


def instant(value: object) -> int | None:
    """A string or a number (seconds) as µs; None if it is no instant."""
    if isinstance(value, str):
        return instant_in_text(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    micros = value * 1_000_000 if isinstance(value, int) else value * 1e6 + 0.5
    return floor(micros) if abs(micros) <= MAX_INSTANT else None  # NaN isn't


def instant_in_text(text: str) -> int | None:
    """An ISO 8601 date, or date and time with or without a zone (none is UTC), as µs."""
    day, rest = day_number(text[:10]), text[10:]
    if day is None:
        return None
    if not rest:
        return day * DAY_SECONDS * 1_000_000
    time = _TIME.match(rest, 1) if rest[0] in "Tt " else None
    if time is None:
        return None
    offset = _offset(rest[time.end() :])
    hour, minute, second = (int(part or 0) for part in time.group(1, 2, 3))
    if offset is None or hour > 23 or minute > 59 or second > 59:
        return None
    micros = int((time[4] or "").ljust(6, "0")[:6])
    return (day * DAY_SECONDS + hour * 3_600 + minute * 60 + second - offset) * 1_000_000 + micros


def day_number(text: str) -> int | None:
    """``YYYY-MM-DD`` as days since 1970-01-01."""
    match = _DATE.fullmatch(text)
    try:
        return date(*map(int, match.groups())).toordinal() - EPOCH_DAY if match else None
    except ValueError:
        return None


def minute_of_day(text: object) -> int | None:
    """``HH:MM`` or ``HH:MM:SS`` as the minute it lies in."""
    match = _TIME.fullmatch(text) if isinstance(text, str) else None
    if match is None or int(match[1]) > 23 or int(match[2]) > 59 or int(match[3] or 0) > 59:
        return None
    return int(match[1]) * 60 + int(match[2])


def _offset(text: str) -> int | None:
    """A zone's offset in seconds, 0 for none; None if it is no zone."""
    match = _ZONE.fullmatch(text) if text else None
    if match is None:
        return None if text else 0
    if match[1] is None:
        return 0
    hours, minutes = int(match[2]), int(match[3] or 0)
    if hours > 23 or minutes > 59:
        return None
    return (hours * 3_600 + minutes * 60) * (-1 if match[1] == "-" else 1)
