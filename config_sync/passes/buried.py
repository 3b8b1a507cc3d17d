"""Flags that a front end had an error about: tombstones from here on, whether or not the front end made them so itself.
Not those that it has seen to in its dialect's own way (``ir.Flag.ignored``).

A pass. It finds an error's flag by its place: the flag whose origin encloses the error's.
"""

from collections.abc import Iterable

import msgspec

from config_sync import ir
from config_sync.diagnostics import ERROR, Diagnostic
from config_sync.passes.findings import tombstone

Place = tuple[str, ir.Pointer]


def bury_reported(project: ir.Project, diagnostics: Iterable[Diagnostic]) -> ir.Project:
    """The project with each flag that has an error diagnostic, or an ``error`` of its own, reduced to a tombstone."""
    places: dict[Place, str] = {(flag.origin.document, flag.origin.pointer): flag.key for flag in project.flags}
    errors: dict[str, str] = {}
    for item in diagnostics:
        key = _enclosing(places, item.origin) if item.severity == ERROR else None
        if key is not None:
            errors.setdefault(key, item.message)
    flags = (_buried(flag, errors) for flag in project.flags)
    return msgspec.structs.replace(project, flags=tuple(flags))


def _enclosing(places: dict[Place, str], origin: ir.Origin) -> str | None:
    for length in range(len(origin.pointer), 0, -1):
        key = places.get((origin.document, origin.pointer[:length]))
        if key is not None:
            return key
    return None


def _buried(flag: ir.Flag, errors: dict[str, str]) -> ir.Flag:
    error = flag.error or errors.get(flag.key)
    return flag if error is None or flag.ignored else tombstone(flag, error)
