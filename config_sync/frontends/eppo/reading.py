"""Fields of a UFC document, read as the type they must have. Used by the Eppo front end only.

A ``Malformed`` ends the reading of one flag: the vendor's SDKs ignore such a flag and serve the others.
"""

from decimal import Decimal
from typing import Any

from config_sync.ir import Origin


class Malformed(Exception):
    """A flag can't be read: a diagnostic's code, sentence, place and hint."""

    def __init__(self, code: str, message: str, origin: Origin, hint: str = "") -> None:
        super().__init__(message)
        self.code, self.message, self.origin, self.hint = code, message, origin, hint


_KINDS: dict[type, str] = {dict: "mapping", list: "list", str: "text", bool: "boolean"}
_REQUIRED: Any = object()


def field(data: dict[Any, Any], name: str, kind: type, origin: Origin, default: Any = _REQUIRED) -> Any:
    """``data[name]``, which must be a dict, list, str or bool, as ``kind`` says. Null counts as left out. Raises Malformed."""
    value = data.get(name)
    if value is None:
        if default is _REQUIRED:
            raise Malformed("MISSING-FIELD", f"there is no {name!r} here", origin, f"add {name!r}")
        return default
    return checked(value, kind, f"{name!r}", origin.child(name))


def checked(value: Any, kind: type, what: str, origin: Origin) -> Any:
    """The value, if it is of this type (tuples are lists). Raises Malformed."""
    if kind is list and isinstance(value, tuple):
        value = list(value)
    if not isinstance(value, kind):
        raise Malformed("WRONG-TYPE", f"{what} is a {_KINDS[kind]}, not {short(value)}", origin)
    return value


def mappings(data: dict[Any, Any], name: str, origin: Origin, default: Any = _REQUIRED) -> list[tuple[dict[Any, Any], Origin]]:
    """``data[name]``, a list of mappings, each with its place. Raises Malformed."""
    items, place = field(data, name, list, origin, default), origin.child(name)
    places = (place.child(index) for index in range(len(items)))
    return [(checked(item, dict, f"an element of {name!r}", here), here) for item, here in zip(items, places, strict=True)]


def number(value: Any) -> int | float | None:
    """A JSON number; DynamoDB's decimals are numbers too. None for anything else."""
    if isinstance(value, Decimal):
        whole = value.is_finite() and value == value.to_integral_value() and value.adjusted() < 20
        return int(value) if whole else float(value)
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def natural(data: dict[Any, Any], name: str, origin: Origin, default: int | None = None) -> int:
    """``data[name]``, an integer of 32 bits without a sign; ``default`` if it's left out. Raises Malformed."""
    value = data.get(name)
    if value is None and default is not None:
        return default
    if value is None:
        raise Malformed("MISSING-FIELD", f"there is no {name!r} here", origin, f"add {name!r}")
    found = number(value)
    if found is None or found != found // 1 or not 0 <= found < 1 << 32:
        hint = "write an integer from 0 on"
        raise Malformed("WRONG-TYPE", f"{name!r} is a number of shards, not {short(value)}", origin.child(name), hint)
    return int(found)


def short(value: Any) -> str:
    """A value for a message."""
    return f"{value!r:.80}"
