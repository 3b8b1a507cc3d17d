"""Diagnostics about one feature, and its first error. Used by the Powertools front end only."""

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
