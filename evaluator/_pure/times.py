"""Instants in whole microseconds since the epoch (docs/snapshot-format.md, section 4.4). Used by ``_pure`` only."""

import math
import re
from datetime import date
from typing import Any, Final

from evaluator._pure.values import plain
from evaluator.snapshot.opcodes import MODE_INSTANT_MILLISECONDS, MODE_INSTANT_RFC3339

MAX_INSTANT: Final = 2**62  # µs; both ends included
_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
_INSTANT: Final = re.compile(
    r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})"
    r"(?:[Tt ](?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})"
    r"(?::(?P<second>[0-9]{2})(?:\.(?P<fraction>[0-9]+))?)?"
    r"(?:[Zz]|(?P<sign>[+-])(?P<zone_hour>[0-9]{2})(?::?(?P<zone_minute>[0-9]{2}))?)?)?"
)
_RFC3339: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?:Z|[+-][0-9]{2}:[0-9]{2})")


def as_instant(value: object, mode: int = 0) -> int | None:
    """The value as an instant in µs, or None if it is none; ``mode``: MODE_INSTANT_*.

    Raises what a hostile object's attribute access raises.
    """
    value = plain(value)
    if isinstance(value, str):
        return _instant_in_text(value, mode)
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return scaled(value, 1_000 if mode & MODE_INSTANT_MILLISECONDS else 1_000_000)
    if value is None or isinstance(value, list | tuple | set | frozenset | dict):
        return None
    return _instant_of_object(value, mode)


def _instant_in_text(text: str, mode: int) -> int | None:
    """With MODE_INSTANT_RFC3339 nothing may be left out, and the letters are capitals."""
    return None if mode & MODE_INSTANT_RFC3339 and not _RFC3339.fullmatch(text) else instant_in_text(text)


def _instant_of_object(value: Any, mode: int) -> int | None:
    """A datetime, a date, or whatever else writes itself in ISO 8601."""
    try:
        text = plain(value.isoformat())
    except Exception:  # whatever a caller's object raises, it is no instant
        return None
    return _instant_in_text(text, mode) if isinstance(text, str) else None


def milliseconds_to_microseconds(now_ms: int | float) -> int | None:
    """The clock's reading in µs, or None when it is NaN or out of range."""
    return scaled(plain(now_ms), 1_000)


def scaled(value: int | float, factor: int) -> int | None:
    """An integer exactly, a float rounded half up in double arithmetic; None when it is NaN or outside ±2**62."""
    if isinstance(value, int):
        product = value * factor
        return product if abs(product) <= MAX_INSTANT else None
    shifted = value * float(factor) + 0.5
    if not abs(shifted) <= float(MAX_INSTANT):  # not: NaN
        return None
    return math.floor(shifted)


def instant_in_text(text: str) -> int | None:
    """An ISO 8601 date, or date and time, as µs; None when the string is none."""
    match = _INSTANT.fullmatch(text)
    if match is None:
        return None
    day = _day(int(match["year"]), int(match["month"]), int(match["day"]))
    seconds = _seconds(int(match["hour"] or 0), int(match["minute"] or 0), int(match["second"] or 0))
    offset = _seconds(int(match["zone_hour"] or 0), int(match["zone_minute"] or 0), 0)
    if day is None or seconds is None or offset is None:
        return None
    if match["sign"] == "-":
        offset = -offset
    fraction = int((match["fraction"] or "").ljust(6, "0")[:6])
    return (day * 86_400 + seconds - offset) * 1_000_000 + fraction


def is_full(text: str) -> bool:
    """Whether an instant's string has seconds and a zone, which are optional otherwise."""
    return text[16:17] == ":" and any(mark in text[17:] for mark in "Zz+-")


def _day(year: int, month: int, day: int) -> int | None:
    """Days since 1970-01-01, or None when the calendar has no such day."""
    try:
        return date(year, month, day).toordinal() - _EPOCH_DAY
    except ValueError:
        return None


def _seconds(hours: int, minutes: int, seconds: int) -> int | None:
    """Seconds of a clock reading, or None when no clock shows it."""
    if hours > 23 or minutes > 59 or seconds > 59:
        return None
    return hours * 3_600 + minutes * 60 + seconds
