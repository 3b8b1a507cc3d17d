"""What is read of Unleash's JSON: texts, lists, mappings; and the diagnostics. Used by the Unleash front end only.

Unleash's own engine refuses a whole document for one wrong type. Here the toggle is lost that has it.
"""

import re
from decimal import Decimal
from typing import Any

from config_sync.diagnostics import Diagnostics
from config_sync.ir import Origin

_UNSIGNED = re.compile(r"\+?[0-9]{1,20}")

Mapping = dict[str, Any]


class Malformed(Exception):
    """The toggle can't be read; a diagnostic says why."""


class AlwaysOff(Exception):
    """The toggle doesn't compile in Unleash, and so is off for everyone. ``origin``: where it says so."""

    def __init__(self, message: str, origin: Origin) -> None:
        super().__init__(message)
        self.message = message
        self.origin = origin


class Notes:
    """Adds diagnostics about a toggle."""

    def __init__(self, diagnostics: Diagnostics) -> None:
        self._diagnostics = diagnostics

    def malformed(self, code: str, message: str, origin: Origin, hint: str = "") -> Malformed:
        """Adds an error; the caller raises what it gets."""
        self._diagnostics.error(code, message, origin, hint)
        return Malformed(message)

    def warning(self, code: str, message: str, origin: Origin, hint: str = "") -> None:
        self._diagnostics.warning(code, message, origin, hint)

    def mapping(self, data: Any, what: str, origin: Origin) -> Mapping:
        """The value if it is a mapping; a null is an empty one. Raises Malformed."""
        if data is None:
            return {}
        if isinstance(data, dict):
            return data
        raise self.malformed("WRONG-TYPE", f"{what} is a mapping, not {type(data).__name__}", origin)

    def items(self, data: Any, what: str, origin: Origin) -> list[tuple[Any, Origin]]:
        """The elements of a list with their places; a null is an empty one. Raises Malformed."""
        if data is None:
            return []
        if not isinstance(data, list | tuple):
            raise self.malformed("WRONG-TYPE", f"{what} is a list, not {type(data).__name__}", origin)
        return [(item, origin.child(index)) for index, item in enumerate(data)]

    def texts(self, data: Any, what: str, origin: Origin) -> list[str]:
        """A list of texts. Raises Malformed."""
        return [self.text(item, what, place) for item, place in self.items(data, what, origin)]

    def text(self, data: Any, what: str, origin: Origin) -> str:
        """A text; a number or a boolean is the text that it is written as. Raises Malformed."""
        text = text_of(data)
        if text is None:
            raise self.malformed("WRONG-TYPE", f"{what} is a text, not {type(data).__name__}", origin)
        return text

    def optional_text(self, data: Any, what: str, origin: Origin) -> str | None:
        return None if data is None else self.text(data, what, origin)


def text_of(value: Any) -> str | None:
    """Unleash's parameters and values are texts; numbers and booleans are taken for what they'd be as such."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        value = (
            int(value) if value.is_finite() and value == value.to_integral_value() and value.adjusted() < 20 else float(value)
        )
    return str(value) if isinstance(value, int | float) else None


def unsigned(text: str | None) -> int | None:
    """A percentage as Unleash reads it: decimal digits, perhaps a ``+``; no blanks, no fraction."""
    return int(text) if text is not None and _UNSIGNED.fullmatch(text) else None
