"""Pages of which parts are made by a program: the marks around such a part, and how it is put there."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_PART = re.compile(r"(<!-- made: ([a-z-]+) -->\n).*?(<!-- end of \2 -->\n)", re.DOTALL)


def filled(page: str, parts: Mapping[str, Callable[[], str]]) -> str:
    """The page with its parts made anew. Raises ValueError unless it has a place for each part, and a part for each place."""
    places = [match[2] for match in _PART.finditer(page)]
    if sorted(places) != sorted(parts):
        raise ValueError(f"the page has places for {sorted(places)}, and the parts are {sorted(parts)}")
    return _PART.sub(lambda match: match[1] + parts[match[2]]() + match[3], page)


def table(head: list[str], rows: list[list[str]]) -> str:
    """A table of Markdown. Raises ValueError for a row of another length."""
    if any(len(row) != len(head) for row in rows):
        raise ValueError("a row is longer or shorter than the table's head")
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)]) + "\n"
