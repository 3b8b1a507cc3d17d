"""Conditions on the clock: times of day, dates and times, days of the week, each in a time zone. Used by the front end only.

Powertools compares wall clocks: a range of dates and times is what a clock on the wall shows, so that an hour which a zone
repeats in autumn counts twice. Such a range is worked out here, as the instants at which the clock shows it.
"""

import re
import struct
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from config_sync import ir
from config_sync.zones import zone_names, zone_table

if TYPE_CHECKING:
    from config_sync.frontends.powertools.actions import Question

_DAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
_NO_DAY = "DAYS"  # Powertools' list of days has this word in it too
_TIME = re.compile(r"(?:2[0-3]|[01]\d):[0-5]\d")
_EPOCH = datetime(1970, 1, 1)
_MICROSECOND = timedelta(microseconds=1)
_FOREVER = 1 << 62  # µs; as far as instants reach
_NEVER = ir.Any_(())


class _Span(NamedTuple):
    """Instants in µs, both ends included."""

    first: int
    last: int


def on_days(question: "Question") -> ir.Condition:
    """SCHEDULE_BETWEEN_DAYS_OF_WEEK."""
    days = question.value.get("DAYS")
    if not isinstance(days, list) or not all(isinstance(day, str) and day in (*_DAYS, _NO_DAY) for day in days):
        return question.wrong("DAYS is a list of days of the week in capitals", 'such as {"DAYS": ["MONDAY"]}')
    known, zone = tuple(sorted({_DAYS.index(day) for day in days if day in _DAYS})), _zone(question)
    if not known:
        return question.never("DAYS is empty")
    return _window(question, ir.Window(days=known, zone=zone))


def between_times(question: "Question") -> ir.Condition:
    """SCHEDULE_BETWEEN_TIME_RANGE: whole minutes, both ends included; over midnight when the end is before the start."""
    bounds = [question.value.get(name, "") for name in ("START", "END")]
    whole = _TIME.match if question.missing_is_null else _TIME.fullmatch  # until 3.34 only the beginning was looked at
    if not all(isinstance(bound, str) and whole(bound) for bound in bounds):
        return question.wrong("START and END are times of day", 'such as {"START": "09:00", "END": "17:59"}')
    zone, times = _zone(question), [_time_of_day(bound) for bound in bounds]
    if None in times:
        return question.never("START or END is followed by something")
    (start_hour, start), (end_hour, end) = times
    if question.missing_is_null and end < start and start_hour == end_hour:
        return question.never("END is before START in the same hour, which was never so until 3.34")
    return _window(question, ir.Window(minutes=(start, end), zone=zone))


def _time_of_day(text: str) -> Any:
    """(hour, minute of the day), or None for what Python doesn't take as two numbers."""
    try:
        hour, minute = map(int, text.split(":"))
    except ValueError:
        return None
    return (hour, hour * 60 + minute) if minute < 60 else None


def between_datetimes(question: "Question") -> ir.Condition:
    """SCHEDULE_BETWEEN_DATETIME_RANGE: both ends included, to the microsecond."""
    bounds = [_datetime(question, name) for name in ("START", "END")]
    zone = _zone(question)
    if None in bounds:
        return _NEVER
    spans = _spans(_Span(*bounds), zone)
    if not spans:
        return question.never("the clock never shows a time between START and END")
    return ir.Any_(tuple(_window(question, ir.Window(absolute=(span.first, span.last))) for span in spans))


def _datetime(question: "Question", name: str) -> Any:
    """What a wall clock shows, in µs since 1970 on that clock; None, with an error, if it is none."""
    text = question.value.get(name, "")
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00")) if isinstance(text, str) else None
    except ValueError:
        moment = None
    if moment is None:
        question.wrong(f"{name} is no date and time: {text!r:.80}", "such as 2025-01-31T12:00:00", "BAD-INSTANT")
    elif moment.tzinfo is not None:
        question.wrong(f"{name} has a time zone", "write the zone's name as TIMEZONE", "BAD-INSTANT")
    return None if moment is None or moment.tzinfo is not None else (moment - _EPOCH) // _MICROSECOND


def _window(question: "Question", window: ir.Window) -> ir.Test:
    return ir.Test("window", None, window, origin=question.origin)


def _zone(question: "Question") -> str | None:
    """The zone's IANA name, None for UTC; with an error if it has none."""
    name = question.value.get("TIMEZONE") or "UTC"
    name = name.replace(" ", "_") if isinstance(name, str) else name
    if not isinstance(name, str) or name not in zone_names():
        question.wrong(f"there is no time zone {name!r:.80}", "use an IANA name such as Europe/Berlin", "UNKNOWN-TIME-ZONE")
        return None
    return None if name == "UTC" else name


# --- from what a wall clock shows to instants -----------------------------------------------------------------------------


def _spans(shown: _Span, zone: str | None) -> list[_Span]:
    """The instants at which the zone's clock shows a time in the span, as few spans as they make, ascending."""
    spans: list[_Span] = []
    for era, offset in _eras(zone):
        span = _Span(max(era.first, shown.first - offset), min(era.last, shown.last - offset))
        if span.first > span.last:
            continue
        if spans and spans[-1].last + 1 == span.first:
            span = _Span(spans.pop().first, span.last)
        spans.append(span)
    return spans


def _eras(zone: str | None) -> list[tuple[_Span, int]]:
    """From one change of the zone's clock to the next, with its offset from UTC in µs."""
    if zone is None:
        return [(_Span(-_FOREVER, _FOREVER), 0)]
    table = zone_table(zone)
    count, first = struct.unpack_from("<Ii", table)
    starts = [-_FOREVER, *(second * 1_000_000 for second in struct.unpack_from(f"<{count}q", table, 8))]
    ends = [*(start - 1 for start in starts[1:]), _FOREVER]
    offsets = (first, *struct.unpack_from(f"<{count}i", table, 8 + 8 * count))
    return [(_Span(start, end), offset * 1_000_000) for start, end, offset in zip(starts, ends, offsets, strict=True)]
