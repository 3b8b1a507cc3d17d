"""What the passes find wrong, and with which flag: errors are collected, and each flag that has one becomes a tombstone.

Used by passes and ``config_sync.compile``.
"""

from collections.abc import Iterable

import msgspec

from config_sync import ir
from config_sync.diagnostics import Diagnostics
from config_sync.passes.values import variant_problem


class Findings:
    """Diagnostics that know their flag. One per pass; ``bury`` applies them."""

    def __init__(self, diagnostics: Diagnostics) -> None:
        self._diagnostics = diagnostics
        self._broken: dict[str, str] = {}  # a flag's key and its first error

    def error(self, flag: ir.Flag, code: str, message: str, origin: ir.Origin = ir.NOWHERE, hint: str = "") -> None:
        """An error of a flag, at ``origin`` if that is known, else where the flag is written."""
        self._diagnostics.error(code, message, flag.origin if origin == ir.NOWHERE else origin, hint)
        self._broken.setdefault(flag.key, message)

    def warning(self, flag: ir.Flag, code: str, message: str, origin: ir.Origin = ir.NOWHERE, hint: str = "") -> None:
        self._diagnostics.warning(code, message, flag.origin if origin == ir.NOWHERE else origin, hint)

    def is_broken(self, flag: ir.Flag) -> bool:
        return flag.key in self._broken

    def bury(self, project: ir.Project) -> ir.Project:
        """The project with every flag that had an error as a tombstone."""
        if not self._broken:
            return project
        flags = (tombstone(flag, self._broken[flag.key]) if flag.key in self._broken else flag for flag in project.flags)
        return msgspec.structs.replace(project, flags=tuple(flags))


def live(project: ir.Project) -> Iterable[ir.Flag]:
    """The flags that passes still look at."""
    return (flag for flag in project.flags if flag.error is None)


def tombstone(flag: ir.Flag, error: str) -> ir.Flag:
    """A flag that keeps only its key and its default, if that is a sound variant; the first error stays its message."""
    message = (flag.error or error).encode(errors="replace").decode()  # it may quote what isn't Unicode
    wanted = flag.default.variant if isinstance(flag.default, ir.Constant) else None
    variant = next((item for item in flag.variants if item.name == wanted), None)
    if variant is None or variant_problem(variant):
        return ir.Flag(key=flag.key, error=message, origin=flag.origin)
    default = ir.Constant(variant.name)
    return ir.Flag(key=flag.key, variants=(variant,), default=default, error=message, origin=flag.origin)
