"""Instants, windows and networks in words. For ``evaluator.snapshot.describe`` and the compiler."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from evaluator.snapshot import opcodes as codes

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def instant_text(microseconds: int) -> str:
    """ISO 8601 in UTC; the bare number where the calendar doesn't reach."""
    try:
        return (_EPOCH + timedelta(microseconds=microseconds)).isoformat().replace("+00:00", "Z")
    except OverflowError:
        return f"{microseconds} µs"


def describe_network(kind: int, high: int, low: int) -> str:
    """``10.0.0.0/8``."""
    from ipaddress import IPv4Address, IPv6Address  # only who reads about networks pays for the import

    address = IPv4Address(high >> 32) if kind >> 8 == 4 else IPv6Address(high << 64 | low)
    return f"{address}/{kind & 255}"


def describe_window(window: Any) -> str:
    """A time window's parts, all of which must hold."""
    days = [name for bit, name in enumerate(_DAYS) if window.days >> bit & 1]
    parts = [] if len(days) == len(_DAYS) else ["on " + (", ".join(days) or "no day")]
    if window.flags & codes.WINDOW_MINUTES:
        parts.append(f"{_minute(window.start_minute)}-{_minute(window.end_minute)}")
    if window.flags & codes.WINDOW_DATES:
        parts.append(f"{_date(window.start_day)} to {_date(window.end_day)}")
    if window.flags & codes.WINDOW_ABSOLUTE:
        parts.append(f"{instant_text(window.start)} to {instant_text(window.end)}")
    parts.append("UTC" if window.zone == codes.NONE else f"in zone {window.zone}")
    return ", ".join(parts)


def _minute(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _date(day: int) -> str:
    try:
        return (_EPOCH + timedelta(days=day)).date().isoformat()
    except OverflowError:
        return f"day {day}"
