"""Diagnostics as text for people: ``file:line:col: error CODE: message``, the line, a caret, a hint. For command lines."""

import os
from collections.abc import Iterable

from config_sync.diagnostics import Diagnostic
from config_sync.ir import Origin, Pointer
from config_sync.locate import Position, locate_all
from config_sync.places import Spot

WIDEST_LINE = 160  # characters of a source line that are shown
TAB = "    "


class _Document:
    """The text of one document, read when it is first needed; without one (in memory, gone) pointers are shown instead."""

    def __init__(self, name: str, origins: Iterable[Origin]) -> None:
        self.text = _read(name)
        self._lines = self.text.splitlines() if self.text is not None else []
        is_json = name.lower().endswith(".json") or (self.text or "").lstrip()[:1] in ("{", "[")
        self.positions = locate_all(self.text, is_json, origins) if self.text is not None else {}

    def excerpt(self, position: Position) -> list[str]:
        """The source line and a caret under the column."""
        line, column = position
        if line > len(self._lines):
            return []
        source = self._lines[line - 1]
        first = max(0, column - WIDEST_LINE // 2) if len(source) > WIDEST_LINE else 0
        shown = source[first : first + WIDEST_LINE]
        before = shown[: column - 1 - first].expandtabs(len(TAB))
        return [f"  {shown.expandtabs(len(TAB))}", f"  {' ' * len(before)}^"]


def _read(name: str) -> str | None:
    if not name or os.path.isdir(name):
        return None
    try:
        with open(name, encoding="utf-8-sig", newline="") as file:
            return file.read().replace("\r\n", "\n").replace("\r", "\n")
    except (OSError, ValueError):
        return None


def render(diagnostics: Iterable[Diagnostic]) -> str:
    """All diagnostics in order, one block each, and a line that counts them; "" for none."""
    items = list(diagnostics)
    if not items:
        return ""
    documents: dict[str, list[Origin]] = {}
    for item in items:
        documents.setdefault(item.origin.document, []).append(item.origin)
    opened = {name: _Document(name, origins) for name, origins in documents.items()}
    blocks = [_block(item, opened[item.origin.document]) for item in items]
    return "\n".join([*blocks, summary(items)]) + "\n"


def _block(item: Diagnostic, document: _Document) -> str:
    position = document.positions.get(item.origin)
    head = f"{place(item.origin, position)}: {item.severity} {item.code}: {item.message}"
    lines = [head, *(document.excerpt(position) if position else [])]
    if item.hint:
        lines.append(f"  hint: {item.hint}")
    return "\n".join(lines)


def place(origin: Origin, position: Position | None) -> str:
    """``file:line:col``, or the pointer when there is no text to count lines in."""
    if position is not None:
        return f"{origin.document}:{position[0]}:{position[1]}"
    if isinstance(origin, Spot) and origin.document:
        return f"{origin.document}:{origin.line}:{origin.column}"
    pointer = pointer_text(origin.pointer)
    return ": ".join(part for part in (origin.document, pointer) if part) or "project"


def pointer_text(pointer: Pointer) -> str:
    """``flags[3].rules[0].when`` of ("flags", 3, "rules", 0, "when")."""
    text = ""
    for step in pointer:
        if isinstance(step, int):
            text += f"[{step}]"
        elif step.replace("-", "_").isidentifier():
            text += f".{step}" if text else step
        else:
            text += f"[{step!r}]"
    return text


def summary(items: list[Diagnostic]) -> str:
    """``2 errors, 1 warning``."""
    errors = sum(item.severity == "error" for item in items)
    counts = ((errors, "error"), (len(items) - errors, "warning"))
    return ", ".join(f"{count} {word}{'s' if count != 1 else ''}" for count, word in counts if count)
