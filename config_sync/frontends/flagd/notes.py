"""Diagnostics about one flag or evaluator, and the cleaning of values on their way in. Used by the flagd front end only."""

from decimal import Decimal
from typing import Any

from config_sync.diagnostics import Diagnostics
from config_sync.ir import Origin

MAX_DOCUMENT_DEPTH = 100


class Notes:
    """Adds diagnostics and keeps the first error. ``lenient``: of a disabled flag's targeting, errors are warnings."""

    def __init__(self, diagnostics: Diagnostics, lenient: bool = False) -> None:
        self._diagnostics = diagnostics
        self._lenient = lenient
        self.first_error: str | None = None

    def error(self, code: str, message: str, origin: Origin, hint: str = "") -> None:
        if self._lenient:
            return self.warning(code, message, origin, hint)
        self.fail(message)
        self._diagnostics.error(code, message, origin, hint)
        return None

    def fail(self, message: str) -> None:
        """An error that has been said elsewhere."""
        if not self._lenient:
            self.first_error = self.first_error or message

    def warning(self, code: str, message: str, origin: Origin, hint: str = "") -> None:
        self._diagnostics.warning(code, message, origin, hint)


class NotJson(Exception):
    """A value that JSON doesn't have, or nested absurdly deep."""


def plain_json(value: Any, depth: int = 1) -> Any:
    """The value with decimals as integers or floats, and tuples as lists. Raises NotJson."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if depth > MAX_DOCUMENT_DEPTH:
        raise NotJson(f"nested more than {MAX_DOCUMENT_DEPTH} deep")
    if isinstance(value, Decimal):
        return plain_number(value)
    if isinstance(value, list | tuple):
        return [plain_json(item, depth + 1) for item in value]
    if isinstance(value, dict):
        return {key: plain_json(item, depth + 1) for key, item in value.items()}
    raise NotJson(f"a {type(value).__name__}, which JSON doesn't have")


def plain_number(value: Decimal) -> int | float:
    """A DynamoDB number."""
    whole = value.is_finite() and value == value.to_integral_value() and value.adjusted() < 20
    return int(value) if whole else float(value)
