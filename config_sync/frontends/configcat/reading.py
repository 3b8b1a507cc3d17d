"""Typed access to a document's fields, and the diagnostics of one setting. Used by the ConfigCat front end only."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from config_sync.diagnostics import Diagnostics
from config_sync.ir import Origin

Item = tuple[Any, Origin]  # something in a list, and its place


class Malformed(Exception):
    """What makes a setting, or a segment, useless: a diagnostic's parts."""

    def __init__(self, code: str, message: str, origin: Origin, hint: str = "") -> None:
        super().__init__(message)
        self.code, self.message, self.origin, self.hint = code, message, origin, hint


class Notes:
    """Adds diagnostics and keeps the first error."""

    def __init__(self, diagnostics: Diagnostics) -> None:
        self._diagnostics = diagnostics
        self.first_error: str | None = None

    @contextmanager
    def collected(self) -> Iterator[None]:
        """Reports what is malformed in the block, and goes on after it."""
        try:
            yield
        except Malformed as problem:
            self.first_error = self.first_error or problem.message
            self._diagnostics.error(problem.code, problem.message, problem.origin, problem.hint)

    def warning(self, code: str, message: str, origin: Origin, hint: str = "") -> None:
        self._diagnostics.warning(code, message, origin, hint)


def mapping(value: Any, what: str, origin: Origin) -> dict[Any, Any]:
    """A mapping, or Malformed."""
    if not isinstance(value, dict):
        raise Malformed("WRONG-TYPE", f"{what} is a mapping, not {_name(value)}", origin)
    return value


def items(data: dict[Any, Any], field: str, what: str, origin: Origin) -> list[Item]:
    """The field's list, each item with its place; nothing if there is no such field."""
    found, here = data.get(field, []), origin.child(field)
    if not isinstance(found, list | tuple):
        raise Malformed("WRONG-TYPE", f"{what} ({field!r}) are a list, not {_name(found)}", here)
    return [(item, here.child(index)) for index, item in enumerate(found)]


def text(data: dict[Any, Any], field: str, what: str, origin: Origin, default: str | None = None) -> str:
    """The field's text; the default if there is one and no field."""
    value = data.get(field)
    if value is None and default is not None:
        return default
    if not isinstance(value, str):
        code = "MISSING-FIELD" if value is None else "WRONG-TYPE"
        raise Malformed(code, f"{what} ({field!r}) is a text, not {_name(value)}", origin.child(field) if value else origin)
    return value


def texts(data: dict[Any, Any], field: str, what: str, origin: Origin) -> list[str]:
    """The field's list of texts."""
    if field not in data:
        raise Malformed("MISSING-FIELD", f"{what} ({field!r}) are missing", origin)
    found = []
    for item, here in items(data, field, what, origin):
        if not isinstance(item, str):
            raise Malformed("WRONG-TYPE", f"{what} ({field!r}) are texts, not {_name(item)}", here)
        found.append(item)
    return found


def number(value: Any, what: str, origin: Origin) -> int | float:
    """An integer or a float; sources leave no others."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Malformed("WRONG-TYPE", f"{what} is a number, not {_name(value)}", origin)
    return value


def choice(data: dict[Any, Any], field: str, what: str, count: int, origin: Origin) -> int:
    """A code from 0 on, below ``count``."""
    value = data.get(field)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < count:
        shown = repr(value)[:40]
        raise Malformed("INVALID-VALUE", f"{what} ({field!r}) is a number from 0 to {count - 1}, not {shown}", origin)
    return value


def _name(value: object) -> str:
    return "nothing" if value is None else f"a {type(value).__name__}"
