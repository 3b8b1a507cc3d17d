"""Reading one part of a document into its model, and keeping notes of everything that is wrong with it.

Used by the native front end only.
"""

import difflib
import re
from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Any, Literal, TypeVar, get_args, get_origin

import msgspec

from config_sync.diagnostics import Diagnostics
from config_sync.ir import Origin
from config_sync.places import key_of

Model = TypeVar("Model", bound=msgspec.Struct)

_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,30}(?:\.[0-9]{0,30})?|\.[0-9]{1,30})(?:[eE][+-]?[0-9]{1,2})?")
_EXPECTED = re.compile(r"Expected `([^`]*)`")
_PATH = re.compile(r" - at `[^`]*`$")


class Notes:
    """Diagnostics about one flag, segment or section; knows whether there was an error."""

    def __init__(self, diagnostics: Diagnostics) -> None:
        self.diagnostics = diagnostics
        self.first_error: str | None = None

    def error(self, code: str, message: str, origin: Origin, hint: str = "") -> None:
        self.first_error = self.first_error or message
        self.diagnostics.error(code, message, origin, hint)

    def warning(self, code: str, message: str, origin: Origin, hint: str = "") -> None:
        self.diagnostics.warning(code, message, origin, hint)


@cache
def _fields(model: type[msgspec.Struct]) -> dict[str, msgspec.structs.FieldInfo]:
    return {field.encode_name: field for field in msgspec.structs.fields(model)}


def read(model: type[Model], data: Any, origin: Origin, notes: Notes) -> Model | None:
    """``data`` as ``model``, every mistake noted. None if it is no mapping, or lacks what it can't do without."""
    if not isinstance(data, dict):
        notes.error("WRONG-TYPE", f"expected a mapping, got {described(data)}", origin)
        return None
    fields = _fields(model)
    if not data.keys() <= fields.keys():
        data = _known(model, data, origin, notes)
    try:
        return msgspec.convert(data, model)
    except msgspec.ValidationError:
        return _read_fields(model, data, origin, notes)


def _known(model: type[msgspec.Struct], data: dict[str, Any], origin: Origin, notes: Notes) -> dict[str, Any]:
    """The fields that the model has. One that it hasn't is an error, except in table items, which have columns of their own."""
    fields = _fields(model)
    strict = model.__struct_config__.forbid_unknown_fields
    for name in data:
        if name in fields or name.startswith("x-"):
            continue
        close = closest(name, fields, 0.7 if strict else 0.85)
        say = notes.error if strict or close else notes.warning
        hint = f"did you mean {close!r}?" if close else "" if strict else "it is ignored"
        say("UNKNOWN-FIELD", f"there is no field {name!r} here", key_of(origin, name), hint)
    return {name: value for name, value in data.items() if name in fields}


def _read_fields(model: type[Model], data: dict[str, Any], origin: Origin, notes: Notes) -> Model | None:
    """The slow way, after something didn't fit: field by field, so that each mistake is noted and the rest is kept."""
    good: dict[str, Any] = {}
    for name, field in _fields(model).items():
        if name not in data:
            if field.required:
                notes.error("MISSING-FIELD", f"the field {name!r} is missing", origin)
            continue
        try:
            good[field.name] = msgspec.convert(data[name], field.type)
        except msgspec.ValidationError as error:
            _note_parts(data[name], field.type, str(error), (origin.child(name), notes))
    complete = all(field.name in good for field in _fields(model).values() if field.required)
    return model(**good) if complete else None


_TYPE_WORDS = {
    "bool": "a boolean",
    "str": "a string",
    "int": "a number",
    "float": "a number",
    "array": "a list",
    "object": "a mapping",
    "null": "null",
}
_YAML_1_1_BOOLEANS = {"on", "off", "yes", "no", "y", "n"}


def _note_parts(data: Any, wanted: Any, error: str, place: tuple[Origin, Notes]) -> None:
    """Every wrong element of a list or mapping; the whole, if it isn't about one of them."""
    origin, notes = place
    parts: list[tuple[str | int, Any, Any]] = []
    if not _PATH.search(error):  # about the whole
        pass
    elif isinstance(data, dict):
        parts = [(name, item, {name: item}) for name, item in data.items()]
    elif isinstance(data, list):
        parts = [(index, item, [item]) for index, item in enumerate(data)]
    before = len(notes.diagnostics)
    for step, item, alone in parts:
        try:
            msgspec.convert(alone, wanted)
        except msgspec.ValidationError as part_error:
            _note_type(str(part_error), item, wanted, (origin.child(step), notes))
    if len(notes.diagnostics) == before:
        _note_type(error, data, wanted, place)


def _note_type(error: str, found: Any, wanted: Any, place: tuple[Origin, Notes]) -> None:
    """A validation error in our own words."""
    origin, notes = place
    expected = _EXPECTED.match(error)
    if expected is None:
        allowed = [str(value) for value in _literals(wanted)]
        hint = did_you_mean(str(found), allowed) or (f"one of {', '.join(dict.fromkeys(allowed))}" if allowed else "")
        notes.error("INVALID-VALUE", f"{described(found)} isn't allowed here", origin, hint)
        return
    words = dict.fromkeys(_TYPE_WORDS.get(word, word) for word in expected[1].split(" | ") if word != "null")
    legacy = "bool" in expected[1] and isinstance(found, str) and found.lower() in _YAML_1_1_BOOLEANS
    hint = "in YAML 1.2 the booleans are true and false" if legacy else ""
    notes.error("WRONG-TYPE", f"expected {' or '.join(words)}, got {described(found)}", origin, hint)


def _literals(wanted: Any) -> list[Any]:
    """The values that a type like ``Literal[…] | None`` lists."""
    parts = get_args(wanted)
    if get_origin(wanted) is Literal:
        return list(parts)
    return [value for part in parts for value in _literals(part)]


def closest(name: str, known: Iterable[str], likeness: float = 0.7) -> str | None:
    """The known name that this one may be a misspelling of; ``likeness`` from 0 to 1 is needed."""
    found = difflib.get_close_matches(name.lower(), list(known), n=1, cutoff=likeness)
    return found[0] if found else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A hint, or "" when nothing is close."""
    close = closest(name, known)
    return f"did you mean {close!r}?" if close else ""


def described(data: Any) -> str:
    """What ``data`` is, in the words of YAML and JSON."""
    if data is None:
        return "null"
    if isinstance(data, (bool, int, float)):
        return f"the boolean {str(data).lower()}" if isinstance(data, bool) else f"the number {data}"
    if isinstance(data, str):
        return f"the string {data[:40]!r}"
    return "a list" if isinstance(data, list) else "a mapping"


def exact(value: Any) -> Fraction | None:
    """A number, or a string that writes one, exactly as its decimals say; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    text = value.strip() if isinstance(value, str) else repr(value)
    return Fraction(Decimal(text)) if _NUMBER.fullmatch(text) else None


def percentage(value: Any, what: str, origin: Origin, notes: Notes) -> Fraction | None:
    """A number from 0 to 100, as it is; anything else is noted."""
    return _number_up_to(100, value, what, (origin, notes))


def share_of_one(value: Any, what: str, origin: Origin, notes: Notes) -> Fraction | None:
    """A number from 0.0 to 1.0; anything else is noted."""
    return _number_up_to(1, value, what, (origin, notes))


def _number_up_to(highest: int, value: Any, what: str, place: tuple[Origin, Notes]) -> Fraction | None:
    origin, notes = place
    number = exact(value)
    if number is None:
        notes.error("WRONG-TYPE", f"{what} must be a number, not {described(value)}", origin)
    elif not 0 <= number <= highest:
        notes.error("OUT-OF-RANGE", f"{what} must be from 0 to {highest}, not {value}", origin)
    else:
        return number
    return None
