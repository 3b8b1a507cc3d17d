"""Fields of LaunchDarkly's JSON by type, with a diagnostic for each that is of another. Used by this front end only.

As in LaunchDarkly's SDKs null is the same as nothing, and fields that nobody knows are ignored.
"""

from decimal import Decimal
from typing import Any

from config_sync.diagnostics import Diagnostics
from config_sync.ir import Origin

MAX_DEPTH = 100
_LEAST, _MOST = -(2**63), 2**63 - 1


class Notes:
    """Adds diagnostics, and keeps the first error."""

    def __init__(self, diagnostics: Diagnostics) -> None:
        self._diagnostics = diagnostics
        self.first_error: str | None = None

    def error(self, code: str, message: str, origin: Origin, hint: str = "") -> None:
        self.first_error = self.first_error or message
        self._diagnostics.error(code, message, origin, hint)

    def warning(self, code: str, message: str, origin: Origin, hint: str = "") -> None:
        self._diagnostics.warning(code, message, origin, hint)


class Fields:
    """One JSON object: its fields, each read as the type that it must have. Never raises on bad input."""

    def __init__(self, data: Any, origin: Origin, notes: Notes, what: str) -> None:
        self.origin, self.notes, self.what = origin, notes, what
        self._data: dict[Any, Any] = data if isinstance(data, dict) else {}
        if not isinstance(data, dict):
            notes.error("WRONG-TYPE", f"{what} is a mapping, not {type(data).__name__}", origin)

    def raw(self, name: str) -> Any:
        return self._data.get(name)

    def _wrong(self, name: str, wanted: str) -> None:
        message = f"{name!r} of {self.what} is {wanted}, not {type(self.raw(name)).__name__}"
        self.notes.error("WRONG-TYPE", message, self.origin.child(name))

    def boolean(self, name: str) -> bool:
        """False when it isn't there."""
        value = self.raw(name)
        if value is not None and not isinstance(value, bool):
            self._wrong(name, "true or false")
        return value is True

    def text(self, name: str) -> str | None:
        value = self.raw(name)
        if value is None or isinstance(value, str):
            return value
        self._wrong(name, "a text")
        return None

    def integer(self, name: str) -> int | None:
        """A whole number, also one written as 1.0."""
        value = plain_number(self.raw(name))
        if value is None:
            return None
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not _LEAST <= value <= _MOST:
            self._wrong(name, "a whole number")
            return None
        return value

    def needed(self, name: str) -> int:
        """A whole number that must be there; -1, which is the number of nothing, stands in."""
        if self.raw(name) is None:
            self.notes.error("MISSING-FIELD", f"{self.what} has {name!r}", self.origin, "add it")
        value = self.integer(name)
        return -1 if value is None else value

    def items(self, name: str) -> list[Any]:
        """A list; empty when it isn't there."""
        value = self.raw(name)
        if isinstance(value, list | tuple):
            return list(value)
        if value is not None:
            self._wrong(name, "a list")
        return []

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts."""
        found = self.items(name)
        if not all(isinstance(item, str) for item in found):
            self.notes.error("WRONG-TYPE", f"{name!r} of {self.what} is a list of texts", self.origin.child(name))
            return ()
        return tuple(found)

    def objects(self, name: str, what: str) -> list["Fields"]:
        """A list of objects, each called ``what``."""
        origin = self.origin.child(name)
        return [Fields(item, origin.child(index), self.notes, what) for index, item in enumerate(self.items(name))]

    def object(self, name: str, what: str) -> "Fields | None":
        """An object, or None when it isn't there."""
        return None if self.raw(name) is None else Fields(self.raw(name), self.origin.child(name), self.notes, what)


class NotJson(Exception):
    """A value that JSON doesn't have, or nested absurdly deep."""


def plain_number(value: Any) -> Any:
    """DynamoDB's decimals as integers or floats; anything else as it is."""
    if not isinstance(value, Decimal):
        return value
    whole = value.is_finite() and value == value.to_integral_value() and value.adjusted() < 20
    return int(value) if whole else float(value)


def plain_json(value: Any, depth: int = 1) -> Any:
    """The value with decimals as numbers and tuples as lists. Raises NotJson."""
    value = plain_number(value)
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if depth > MAX_DEPTH:
        raise NotJson(f"nested more than {MAX_DEPTH} deep")
    if isinstance(value, list | tuple):
        return [plain_json(item, depth + 1) for item in value]
    if isinstance(value, dict):
        return {key: plain_json(item, depth + 1) for key, item in value.items()}
    raise NotJson(f"a {type(value).__name__}, which JSON doesn't have")
