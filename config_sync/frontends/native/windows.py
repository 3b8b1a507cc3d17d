"""The builder of time_window: recurring days and hours, dates, and absolute windows (RUL-14, RUL-16). Used by ``operators``."""

from typing import Any

from config_sync import ir
from config_sync.frontends.native.question import Question
from config_sync.frontends.native.reading import described, did_you_mean, exact
from config_sync.instants import MAX_INSTANT, day_number, instant, minute_of_day

DAY_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_FIELDS = ("days", "start_time", "end_time", "start_date", "end_date", "timezone", "start", "end")
_FIRST_DAY, _LAST_DAY = -719_162, 2_932_896  # 0001-01-01 and 9999-12-31, in days since 1970-01-01


class _Bad(Exception):
    """(field, message, hint): this part of the window is wrong."""


def time_window(question: Question) -> ir.Condition | None:
    """A window for the attribute's instant; for the clock, when there is no attribute or no value."""
    value = question.value
    if not isinstance(value, dict):
        return question.expected("a mapping", f"its fields are {', '.join(_FIELDS)}")
    if not value:
        return ir.All(())
    try:
        return question.test("window", _window(value))
    except _Bad as bad:
        field, message, hint = bad.args
        code = "UNKNOWN-TIME-ZONE" if field == "timezone" else "INVALID-OPERAND"
        origin = question.origin.child("value", field) if field in value else question.origin.child("value")
        question.notes.error(code, message, origin, hint)
        return None


def _window(value: dict[str, Any]) -> ir.Window:
    for name in value:
        if name not in _FIELDS:
            raise _Bad(
                name, f"time_window knows no {name!r}", did_you_mean(name, _FIELDS) or f"its fields are {', '.join(_FIELDS)}"
            )
    value = _with_times_of_day(value)
    return ir.Window(
        days=_days(value.get("days")),
        minutes=_minutes(value),
        dates=_dates(value),
        absolute=_absolute(value),
        zone=_zone(value.get("timezone")),
    )


def _with_times_of_day(value: dict[str, Any]) -> dict[str, Any]:
    """``start`` and ``end`` are instants; as times of day they stand for ``start_time`` and ``end_time``."""
    bounds = value.get("start"), value.get("end")
    if "start_time" in value or "end_time" in value or any(minute_of_day(bound) is None for bound in bounds):
        return value
    rest = {name: item for name, item in value.items() if name not in ("start", "end")}
    return rest | {"start_time": bounds[0], "end_time": bounds[1]}


def _days(days: Any) -> tuple[int, ...]:
    if days is None:
        return ()
    if not isinstance(days, list) or not days:
        raise _Bad("days", f"days must be a list of days, not {described(days)}", "0 is Monday, 6 is Sunday")
    return tuple(sorted({_day(day) for day in days}))


def _day(day: Any) -> int:
    if isinstance(day, str) and len(day) >= 3:
        found = [number for number, name in enumerate(DAY_NAMES) if name.startswith(day.lower())]
        if found:
            return found[0]
    number = exact(day)
    if number is None or number.denominator != 1 or not 0 <= number <= 6:
        raise _Bad("days", f"{described(day)} is no day of the week", "0 is Monday, 6 is Sunday")
    return int(number)


def _minutes(value: dict[str, Any]) -> tuple[int, int] | None:
    bounds = value.get("start_time"), value.get("end_time")
    if bounds == (None, None):
        return None
    start, end = (minute_of_day(bound) for bound in bounds)
    if start is None or end is None:
        field = "start_time" if start is None else "end_time"
        raise _Bad(field, "start_time and end_time must both be times of day", "for example 09:00")
    return start, end


def _dates(value: dict[str, Any]) -> tuple[int, int] | None:
    if value.get("start_date") is None and value.get("end_date") is None:
        return None
    first = _bound(value, "start_date", lambda text: day_number(text) if isinstance(text, str) else None, _FIRST_DAY)
    last = _bound(value, "end_date", lambda text: day_number(text) if isinstance(text, str) else None, _LAST_DAY)
    if first > last:
        raise _Bad("start_date", "start_date is after end_date", "swap them")
    return first, last


def _absolute(value: dict[str, Any]) -> tuple[int, int] | None:
    if value.get("start") is None and value.get("end") is None:
        return None
    start, end = _bound(value, "start", instant, -MAX_INSTANT), _bound(value, "end", instant, MAX_INSTANT)
    if start > end:
        raise _Bad("start", "start is after end", "swap them")
    return start, end


def _bound(value: dict[str, Any], field: str, parse: Any, default: int) -> int:
    if value.get(field) is None:
        return default
    parsed: int | None = parse(value[field])
    if parsed is None:
        raise _Bad(field, f"{field} isn't a date or time: {described(value[field])}", "for example 2025-01-31")
    return parsed


def _zone(name: Any) -> str | None:
    if name is None:
        return None
    from config_sync.zones import zone_table

    try:
        zone_table(name)
    except (KeyError, TypeError):
        raise _Bad("timezone", f"{described(name)} is no time zone", "an IANA name such as Europe/Berlin") from None
    return str(name)
