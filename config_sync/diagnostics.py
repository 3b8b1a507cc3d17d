"""What the compiler has to say about a project: collected, never raised.

A diagnostic has a stable code (``docs/diagnostics.md``), a place, one sentence that says what is wrong, and a hint that
says what to do. Line and column are found only when a diagnostic is shown (``locate.py``), so a clean compile pays nothing
for them.
"""

from collections.abc import Iterator

import msgspec

from config_sync.ir import Origin

ERROR = "error"
WARNING = "warning"


class Diagnostic(msgspec.Struct, frozen=True):
    """``severity`` is "error" or "warning"; ``code`` stable, upper-case, dashed: ``UNKNOWN-OPERATOR``."""

    severity: str
    code: str
    message: str
    origin: Origin
    hint: str = ""


class Diagnostics:
    """An ordered collection; front ends and passes add to it."""

    def __init__(self) -> None:
        self._items: list[Diagnostic] = []

    def error(self, code: str, message: str, origin: Origin, hint: str = "") -> None:
        self._items.append(Diagnostic(ERROR, code, message, origin, hint))

    def warning(self, code: str, message: str, origin: Origin, hint: str = "") -> None:
        self._items.append(Diagnostic(WARNING, code, message, origin, hint))

    def __iter__(self) -> Iterator[Diagnostic]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    @property
    def has_errors(self) -> bool:
        return any(item.severity == ERROR for item in self._items)
