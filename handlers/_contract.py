"""What an event is: the one definition for whoever makes events and whoever reads them. For ``handlers``.

Names, types, lengths and characters of requirement MODEL-06. ``check_event`` holds an event to it; the JSON Schema in
``docs/schema`` and the tables of ``docs/events.md`` are made from the same constants (``schema``, ``tables``). Imports nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, Final

MAX_EVENT_BYTES: Final = 1024 * 1024
"""The longest event as JSON in UTF-8: what a Kinesis record may hold (with its partition key)."""
MAX_KEYS: Final = 100  # in properties and in metadata
MAX_NAME: Final = 256  # characters of a name in them
MAX_DEPTH: Final = 5  # nested maps and lists in them, themselves being the first
MAX_INTEGER: Final = 2**63 - 1

FLAG_EVALUATION: Final = "feature_flag_evaluation"
EXPOSURE: Final = "exposure"

# Characters. TOKEN: what is safe in a key of a table or of an object and in a filter. TEXT: anything that is visible.
TOKEN: Final = "token"
TEXT: Final = "text"
TIMESTAMP: Final = "timestamp"
OBJECT: Final = "object"
TOKEN_CHARACTERS: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:-")

# name, whether it is required, its type, the most characters (0: it has none), what it is
FIELDS: Final = (
    ("event_id", True, TOKEN, 128, "unique among all events; the same event sent again keeps it, and is counted once"),
    ("event_type", True, TOKEN, 100, "what happened"),
    ("user_id", True, TEXT, 256, "to whom; the partition key"),
    ("experiment_id", False, TEXT, 256, "in which experiment"),
    ("timestamp", False, TIMESTAMP, 40, "when; ISO 8601, without an offset it is UTC; left out: when it was received"),
    ("properties", False, OBJECT, 0, "what is known of it; numbers are added up by variant"),
    ("metadata", False, OBJECT, 0, "what is known of how it came about"),
)

# The events that Burgee makes: type -> its properties: name, type in JSON, what it is
EVENTS: Final = {
    FLAG_EVALUATION: (
        ("flag_id", "string or null", "the flag's id, which outlives its key; null for a flag that isn't there"),
        ("flag_key", "string", "the flag's key, as it was asked for"),
        ("enabled", "boolean", "whether the flag is on for the user"),
        ("reason", "string", "why: docs/semantics.md"),
        ("variant", "string or null", "the variant"),
        ("context", "object", "the attributes of the context that BURGEE_TRACKED_CONTEXT lists, where the request has them"),
    ),
    EXPOSURE: (
        ("experiment_key", "string", "the experiment's key"),
        ("variant", "string", "the variant that the user got; counts where no assignment is found"),
        ("assignment_id", "string or null", "the assignment's id; null when it couldn't be stored"),
    ),
}


def check_event(event: object) -> str | None:
    """What is wrong with an event that was parsed from JSON, in a sentence that names the field; None if nothing is.

    A member that isn't in ``FIELDS`` is nobody's business. An optional one may be null. No value of the event is quoted.
    """
    if not isinstance(event, dict):
        return "an event must be an object"
    missing = [name for name, required, _, _, _ in FIELDS if required and event.get(name) is None]
    if missing:
        return f"{_listed(missing)} {'is' if len(missing) == 1 else 'are'} missing"
    for name, _, kind, most, _ in FIELDS:
        value = event.get(name)
        if value is not None and (wrong := _CHECKS[kind](value, most)):
            return f"{name} {wrong}"
    return None


def is_text(value: str, most: int) -> bool:
    """Whether it can be a user's or an experiment's id: visible, not blank, not too long, and UTF-8 has it."""
    if not 0 < len(value) <= most or value.isspace():
        return False
    return value.isprintable() or not any(map(_is_unfit, value))


def _is_unfit(character: str) -> bool:
    """A control character or half a surrogate pair."""
    return character < " " or "\x7f" <= character <= "\x9f" or "\ud800" <= character <= "\udfff"


def _check_token(value: object, most: int) -> str | None:
    if not isinstance(value, str):
        return "must be a string"
    if not 0 < len(value) <= most:
        return f"must have from 1 to {most} characters"
    return None if TOKEN_CHARACTERS.issuperset(value) else "may have letters and digits of ASCII and _ . : - only"


def _check_text(value: object, most: int) -> str | None:
    if not isinstance(value, str):
        return "must be a string"
    if not 0 < len(value) <= most:
        return f"must have from 1 to {most} characters"
    return None if is_text(value, most) else "must not be blank or hold control characters or half a surrogate pair"


def _check_timestamp(value: object, most: int) -> str | None:
    if not isinstance(value, str):
        return "must be a string"
    return None if len(value) <= most and is_timestamp(value) else "must be a moment such as 2026-01-31T23:59:59.123Z"


def is_timestamp(text: str) -> bool:
    """``YYYY-MM-DDTHH:MM:SS``, up to nine digits of a second after a dot, then ``Z``, ``+HH:MM``, ``-HH:MM`` or nothing."""
    if not text.isascii() or len(text) < 19:
        return False
    marks = (text[4], text[7], text[10], text[13], text[16])
    parts = (text[:4], text[5:7], text[8:10], text[11:13], text[14:16], text[17:19])
    if marks not in (("-", "-", "T", ":", ":"), ("-", "-", " ", ":", ":")) or not "".join(parts).isdigit():
        return False
    year, month, day, hour, minute, second = map(int, parts)
    if not (year and 1 <= month <= 12 and 1 <= day <= _days(year, month) and hour < 24 and minute < 60 and second < 60):
        return False
    rest = text[19:]
    if rest.startswith("."):
        digits = len(rest) - len(rest[1:].lstrip("0123456789")) - 1
        if not 1 <= digits <= 9:
            return False
        rest = rest[digits + 1 :]
    return rest in ("", "Z") or _is_offset(rest)


def _is_offset(text: str) -> bool:
    digits = text[1:3] + text[4:]
    if len(text) != 6 or text[0] not in "+-" or text[3] != ":" or not digits.isdigit():
        return False
    return int(text[1:3]) < 24 and int(text[4:]) < 60


def _days(year: int, month: int) -> int:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31


def _check_object(value: object, most: int) -> str | None:
    if not isinstance(value, dict):
        return "must be an object"
    if len(value) > MAX_KEYS:
        return f"has more than {MAX_KEYS} keys"
    return _check_names(value) or _check_values(value.values(), 1)


def _check_names(value: dict[Any, Any]) -> str | None:
    if all(isinstance(name, str) and len(name) <= MAX_NAME for name in value):
        return None
    return f"has a name of more than {MAX_NAME} characters"


def _check_values(values: Iterable[Any], depth: int) -> str | None:
    for value in values:
        if isinstance(value, (dict, list)):
            if depth == MAX_DEPTH:
                return f"is nested deeper than {MAX_DEPTH} levels"
            inner = value.values() if isinstance(value, dict) else value
            wrong = (_check_names(value) if isinstance(value, dict) else None) or _check_values(inner, depth + 1)
        elif isinstance(value, float):
            wrong = None if -_INFINITY < value < _INFINITY else "has a number that no double can hold"
        elif isinstance(value, int):
            wrong = None if -MAX_INTEGER - 1 <= value <= MAX_INTEGER else "has an integer of more than 64 bits"
        else:
            wrong = None if value is None or isinstance(value, str) else "has a value that JSON doesn't have"
        if wrong:
            return wrong
    return None


_INFINITY = float("inf")
_CHECKS = {TOKEN: _check_token, TEXT: _check_text, TIMESTAMP: _check_timestamp, OBJECT: _check_object}


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


# --- the same for other eyes ------------------------------------------------------------------------------------------


def schema() -> dict[str, Any]:
    """The contract as a JSON Schema (2020-12).

    It can't say how many days a month has, and takes integers of more than 64 bits: to it, 1e300 is one of them. Of our own
    events it wants all properties, which ``check_event`` doesn't.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "An event of Burgee",
        "description": f"At most {MAX_EVENT_BYTES} bytes as JSON in UTF-8. Members that aren't listed are ignored.",
        "type": "object",
        "required": [name for name, required, _, _, _ in FIELDS if required],
        "properties": {name: _field_schema(required, kind, most, what) for name, required, kind, most, what in FIELDS},
        "allOf": [
            {
                "if": {"properties": {"event_type": {"const": kind}}, "required": ["event_type"]},
                "then": {"properties": {"properties": _properties_schema(rows)}},
            }
            for kind, rows in EVENTS.items()
        ],
        "$defs": {f"value{depth}": _value_schema(depth) for depth in range(1, MAX_DEPTH + 1)},
    }


def _value_schema(depth: int) -> dict[str, Any]:
    """What a map or list of this depth may hold."""
    if depth == MAX_DEPTH:
        return {"type": ["null", "boolean", "number", "string"]}
    return {"items": _value(depth + 1)} | _map_schema(depth + 1)


def _map_schema(depth: int) -> dict[str, Any]:
    return {"propertyNames": {"maxLength": MAX_NAME}, "additionalProperties": _value(depth)}


def _value(depth: int) -> dict[str, Any]:
    return {"$ref": f"#/$defs/value{depth}"}


def _field_schema(required: bool, kind: str, most: int, what: str) -> dict[str, Any]:
    base = "object" if kind == OBJECT else "string"
    found: dict[str, Any] = {"description": what, "type": base if required else [base, "null"]}
    if kind == OBJECT:
        return found | {"maxProperties": MAX_KEYS} | _map_schema(1)
    return found | {"minLength": 1, "maxLength": most, "pattern": _PATTERNS[kind]}


# No `$` for the end: in Python it matches before a last newline too.
_END = "(?![\\s\\S])"
_DATE = "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_HOUR, _60 = "([01][0-9]|2[0-3])", "[0-5][0-9]"
_PATTERNS = {
    TOKEN: f"^[A-Za-z0-9_.:-]+{_END}",
    TEXT: f"^(?=[^\\u0000-\\u001f\\u007f-\\u009f\\ud800-\\udfff]+{_END})[\\s\\S]*\\S",
    TIMESTAMP: f"^(?!0000){_DATE}[T ]{_HOUR}:{_60}:{_60}([.][0-9]{{1,9}})?(Z|[+-]{_HOUR}:{_60})?{_END}",
}


def _properties_schema(rows: Iterable[tuple[str, str, str]]) -> dict[str, Any]:
    return {
        "properties": {name: {"description": what, "type": _json_type(said)} for name, said, what in rows},
        "required": [name for name, _, _ in rows],
    }


def _json_type(said: str) -> str | list[str]:
    names = said.split(" or ")
    return names[0] if len(names) == 1 else names


def tables() -> str:
    """The tables of docs/events.md."""
    lines = ["| field | | type | characters | what |", "|---|---|---|---|---|"]
    for name, required, kind, most, what in FIELDS:
        lines.append(
            f"| `{name}` | {'required' if required else ''} | {_WORDS[kind]} | {f'1–{most}' if most else ''} | {what} |"
        )
    for kind, rows in EVENTS.items():
        lines += ["", f"`{kind}`:", "", "| property | type | what |", "|---|---|---|"]
        lines += [f"| `{name}` | {said} | {what} |" for name, said, what in rows]
    return "\n".join(lines) + "\n"


_WORDS = {
    TOKEN: "letters and digits of ASCII, `_` `.` `:` `-`",
    TEXT: "any text, not blank, without control characters",
    TIMESTAMP: "ISO 8601",
    OBJECT: f"an object of at most {MAX_KEYS} keys, {MAX_DEPTH} levels",
}
