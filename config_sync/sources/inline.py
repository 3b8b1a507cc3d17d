"""A mapping made in Python into plain JSON types: DynamoDB items as boto3 gives them (Decimal, sets), tuples, any Mapping.

Used through ``config_sync.sources``. Numbers that were Decimals become int or float, and so can't leak into JSON as strings.
"""

from collections.abc import Mapping, Set
from decimal import Decimal
from typing import Any

from config_sync.diagnostics import Diagnostics
from config_sync.ir import Origin
from config_sync.sources.limits import MAX_DEPTH, MAX_INTEGER, MAX_VALUES, MIN_INTEGER


class Unreadable:
    """Stands where a source couldn't read a value: becomes None, with ``why`` as the diagnostic at its place."""

    __slots__ = ("why",)

    def __init__(self, why: str) -> None:
        self.why = why


def plain_data(data: Any, origin: Origin, diagnostics: Diagnostics) -> Any:
    """A copy of ``data`` of dict, list, str, int, float, bool and None; what is none of these becomes None, diagnosed."""
    return _Copier(diagnostics).copy(data, origin, 0)


class _Copier:
    def __init__(self, diagnostics: Diagnostics) -> None:
        self._diagnostics = diagnostics
        self._values = 0

    def copy(self, data: Any, origin: Origin, depth: int) -> Any:
        self._values += 1
        if data is None or isinstance(data, bool):
            return data
        if isinstance(data, str):
            return self._text(data, origin)
        if isinstance(data, (int, float, Decimal)):
            return self._number(data, origin)
        if depth >= MAX_DEPTH or self._values > MAX_VALUES:
            return self._too_much(origin)
        if isinstance(data, Mapping):
            return self._mapping(data, origin, depth + 1)
        if isinstance(data, (list, tuple)):
            return [self.copy(item, origin.child(index), depth + 1) for index, item in enumerate(data)]
        if isinstance(data, Set):
            return self._set(data, origin, depth + 1)
        return self._wrong(data, origin)

    def _mapping(self, data: Mapping[Any, Any], origin: Origin, depth: int) -> dict[str, Any]:
        copied = {}
        for key, value in data.items():
            if isinstance(key, str):
                copied[self._text(key, origin)] = self.copy(value, origin.child(key), depth)
            else:
                self._wrong(key, origin, "a key of type")
        return copied

    def _set(self, data: Set[Any], origin: Origin, depth: int) -> list[Any]:
        """A DynamoDB set, sorted so that equal tables compile to equal bytes."""
        items = [self.copy(item, origin, depth) for item in data]
        return sorted(items, key=lambda item: (type(item).__name__, str(item)))

    def _number(self, value: int | float | Decimal, origin: Origin) -> int | float | None:
        if not _is_finite(value):
            self._diagnostics.error("NUMBER-NOT-FINITE", f"{value} is no number that JSON has", origin)
            return None
        if isinstance(value, float) or value != int(value):
            return float(value)
        if not MIN_INTEGER <= value <= MAX_INTEGER:
            self._diagnostics.error(
                "NUMBER-TOO-LARGE", "the integer doesn't fit 64 bits", origin, "quote it to make it a string"
            )
            return None
        return int(value)

    def _text(self, text: str, origin: Origin) -> str:
        if text.isascii():
            return str(text)
        try:
            text.encode()
        except UnicodeEncodeError:
            self._diagnostics.error("INVALID-UNICODE", "the string has half a surrogate pair and so isn't Unicode", origin)
            return text.encode("utf-8", "replace").decode()
        return str(text)

    def _wrong(self, data: Any, origin: Origin, what: str = "a value of type") -> None:
        if isinstance(data, Unreadable):
            return self._diagnostics.error("NOT-JSON", data.why, origin)
        self._diagnostics.error("NOT-JSON", f"{what} {type(data).__name__} has no place in a project", origin)

    def _too_much(self, origin: Origin) -> None:
        self._diagnostics.error(
            "DOCUMENT-TOO-DEEP", f"nested deeper than {MAX_DEPTH}, or more than {MAX_VALUES:,} values", origin
        )


def _is_finite(value: int | float | Decimal) -> bool:
    """Asked without turning an integer or a Decimal into a float, which the largest ones refuse by raising."""
    if isinstance(value, Decimal):
        return value.is_finite() and value.adjusted() <= 300
    return isinstance(value, int) or value - value == 0
