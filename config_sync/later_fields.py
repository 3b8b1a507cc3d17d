"""Fields of the IR that the native dialect's exact forms have no words of their own for: written under their names, as JSON.

So a field that a dialect needs is converted from the day it is there. ``KNOWN`` are the fields that the forms do say
(``config_sync.convert`` writes them, the native front end reads them); whatever else a part has is found here.
"""

from functools import cache
from typing import Any

import msgspec

from config_sync import ir

Kind = type[msgspec.Struct]

KNOWN: dict[Kind, frozenset[str]] = {
    ir.Attribute: frozenset({"name", "path", "fallback", "empty_is_missing", "null_is_missing", "convert"}),
    ir.Bucketing: frozenset({"hash", "space", "unit", "source", "seed", "total", "prefix", "suffix"}),
    ir.Test: frozenset({"operator", "attribute", "operand", "compare", "mode", "negate", "missing", "mistyped", "origin"}),
    ir.Prerequisite: frozenset({"flag", "variants", "origin"}),
    ir.InBucket: frozenset({"bucketing", "ranges", "missing"}),
    ir.Range: frozenset({"last", "variant"}),
    ir.Split: frozenset({"bucketing", "ranges", "on_missing", "past_end", "fallback"}),
    ir.Variant: frozenset({"name", "value", "is_on"}),
    ir.Rule: frozenset({"outcome", "reason", "condition", "id", "origin"}),
    ir.Flag: frozenset({"key", "variants", "rules", "default", "default_reason", "metadata", "error", "ignored", "origin"}),
}


@cache
def later_fields(kind: Kind) -> dict[str, Any]:
    """The other fields of a part, with their types."""
    return {field.name: field.type for field in msgspec.structs.fields(kind) if field.name not in KNOWN[kind]}


def written(part: msgspec.Struct) -> dict[str, Any]:
    """The other fields of this part that aren't at their defaults."""
    defaults = _defaults(type(part))
    given = ((name, getattr(part, name)) for name in defaults)
    return {name: as_json(value) for name, value in given if value != defaults[name]}


@cache
def _defaults(kind: Kind) -> dict[str, Any]:
    return {field.name: field.default for field in msgspec.structs.fields(kind) if field.name in later_fields(kind)}


def read(kind: Kind, data: Any) -> tuple[Any, dict[str, Any]]:
    """What is left of the data, and the part's other fields in it. Raises ValueError: (name, what is wrong)."""
    types = later_fields(kind)
    if not isinstance(data, dict) or types.keys().isdisjoint(data):
        return data, {}
    found = {}
    for name in types.keys() & data.keys():
        try:
            found[name] = msgspec.convert(data[name], types[name])
        except msgspec.ValidationError as error:
            raise ValueError(name, str(error)) from error
    return {name: value for name, value in data.items() if name not in types}, found


def as_json(value: Any) -> Any:
    """A value of the IR in JSON types."""
    return msgspec.json.decode(msgspec.json.encode(value))
