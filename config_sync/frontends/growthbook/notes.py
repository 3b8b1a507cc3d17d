"""Diagnostics about one feature, and plain JSON out of what a source holds. Used by the growthbook front end only."""

from decimal import Decimal
from typing import Any

from config_sync.diagnostics import Diagnostics
from config_sync.ir import Origin


class Notes:
    """Adds diagnostics and keeps the first error."""

    def __init__(self, diagnostics: Diagnostics) -> None:
        self._diagnostics = diagnostics
        self.first_error: str | None = None

    def error(self, code: str, message: str, origin: Origin, hint: str = "") -> None:
        self.first_error = self.first_error or message
        self._diagnostics.error(code, message, origin, hint)

    def warning(self, code: str, message: str, origin: Origin, hint: str = "") -> None:
        self._diagnostics.warning(code, message, origin, hint)


def plain_json(value: Any, depth: int = 1) -> Any:
    """The value with decimals as numbers and keys as texts. Raises ValueError for what JSON doesn't have."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if depth > 100:
        raise ValueError("nested more than 100 deep")
    if isinstance(value, dict):
        return {key if isinstance(key, str) else str(key): plain_json(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_json(item, depth + 1) for item in value]
    if isinstance(value, Decimal):
        whole = value.is_finite() and value == value.to_integral_value() and value.adjusted() < 20
        return int(value) if whole else float(value)
    raise ValueError(f"a {type(value).__name__}, which JSON doesn't have")
