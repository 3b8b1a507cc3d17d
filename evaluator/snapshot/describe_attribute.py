"""What an attribute's row reads, in words. Used by ``snapshot.describe``."""

import json
from typing import Any, Final

from evaluator.snapshot import opcodes as codes

_LABELLED: Final = codes.ATTRIBUTE_PATH_ONLY | codes.ATTRIBUTE_MAP_NAMES
SHOWN_CHARACTERS: Final = 120  # of a long text


def describe_attribute(program: Any, index: int) -> str:
    """An attribute's name, path and fallbacks: ``country``, ``custom.tier else plan``."""
    names = []
    while index != codes.NONE_16:
        row = program.attributes[index]
        name = program.attribute_names[row.name]
        if row.path != codes.NONE:
            path = ".".join(str(step) for step in program.paths[row.path])
            labelled = row.flags & _LABELLED or name.startswith("$") or name == path
            name = path if labelled else f"{name} else {path}"
        if row.flags & codes.ATTRIBUTE_MAP_NAMES:
            name = f"names of maps in {'the context' if row.path == codes.NONE else name}"
        names.append(name + _provisos(program, row))
        index = row.fallback
    return " else ".join(names) or "nothing"


def _provisos(program: Any, row: Any) -> str:
    """What must be true of an attribute's row for it to count."""
    if row.flags & codes.ATTRIBUTE_EMPTY_IS_MISSING:
        told = " (not empty)"
    else:
        told = " (not null)" if row.flags & codes.ATTRIBUTE_NULL_IS_MISSING else ""
    if not row.flags & codes.ATTRIBUTE_GUARDED:
        return told
    missing = "missing or " if row.flags & codes.ATTRIBUTE_GUARD_OPTIONAL else ""
    guard = program.attribute_names[program.attributes[row.guard].name]
    return f"{told} (where {guard} is {missing}{quoted(program.attribute_names[row.guard_text])})"


def quoted(value: Any) -> str:
    """A value as JSON, cut where it gets long."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        text = repr(value)
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "…"
